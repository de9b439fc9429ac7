package figures

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestDocuments: the tables of the documents are those of the kept figures, so that no two of them contradict each other,
// and each table is in a document.
func TestDocuments(t *testing.T) {
	const root = "../.."
	s, err := ReadFile(filepath.Join(root, Kept))
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]bool{}
	for _, name := range documents {
		text, err := os.ReadFile(filepath.Join(root, name))
		if err != nil {
			t.Fatal(err)
		}
		filled, names, err := s.Fill(string(text))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if filled != string(text) {
			t.Errorf("%s has other figures than %s: make bench-tables writes them", name, Kept)
		}
		for _, name := range names {
			found[name] = true
		}
	}
	names := slices.Collect(maps.Keys(others))
	for _, g := range grids {
		names = append(names, g.name)
	}
	for _, name := range names {
		if !found[name] {
			t.Errorf("no document has the table %q", name)
		}
	}
}

func example() *Set {
	return &Set{About: []string{"November 2026", "2 cores"}, Figures: []Figure{
		{"GET, 64 connections", floor, "cpu us/request", []float64{8, 10, 9}},
		{"GET, 64 connections", gotreq, "cpu us/request", []float64{10, 12, 13}},
		{"GET, 64 connections", gotreq, "allocs/request", []float64{10, 10, 10}},
		{"GET, 64 connections", fasthttp, "cpu us/request", []float64{16, 16, 16}},
		{"5000 waiting responses", gotreq, "memory B/response", []float64{2600}},
		{"5000 waiting responses", gotreq, "goroutines/response", []float64{3}},
		{Shares, gotreq, ShareOf("the kernel"), []float64{61.2}},
		{Shares, gotreq, ShareOf("the loop"), []float64{4}},
		{Shares, floor, ShareOf("the kernel"), []float64{94}},
	}}
}

func TestTables(t *testing.T) {
	text := "before\n<!-- figures: budgets -->\nold\n<!-- end of figures -->\nbetween\n"
	for _, name := range []string{"scenarios", "waiting", "shares", "about", "costs", "allocations"} {
		text += "<!-- figures: " + name + " -->\n<!-- end of figures -->\n"
	}
	filled, names, err := example().Fill(text)
	if err != nil || len(names) != 7 {
		t.Fatal(names, err)
	}
	for _, want := range []string{
		"before\n<!-- figures: budgets -->\n| what | budget | measured |  |\n",
		"| GET, 64 connections | at most 0.85 of fasthttp | 0.75 | met |\n",
		"| GET, 64 connections | at most 1.25 of floor | 1.33 | **not met** |\n",
		"| GET, 1 connection | at most 0.85 of fasthttp | - | not measured |\n",
		"| a connection that waits | at most 2500 bytes | 2600 | **not met** |\n",
		"<!-- end of figures -->\nbetween\n",
		"| GET, 64 connections |  | 9.00 | 12.0 (1.33) |  | 16.0 (1.78) |  |  |\n",
		"| 5000 | 2600 (3) |  |\n",
		"|  | gotreq | floor |\n| --- | --- | --- |\n| the kernel | 61 % | 94 % |\n| the loop | 4 % |  |\n",
		"Medians of 1 to 3 rounds. November 2026. 2 cores.\n",
		"| a small GET, 64 connections | 12.0 | 16.0 |  |  | 9.00 |\n",
		"| GET, 64 connections | 10 (0) |  |  |  |\n",
	} {
		if !strings.Contains(filled, want) {
			t.Errorf("there is no %q", want)
		}
	}
	if strings.Contains(filled, "old") || t.Failed() {
		t.Error(filled)
	}
	if again, _, _ := example().Fill(filled); again != filled {
		t.Error("filling again changes the text")
	}
	if _, _, err := example().Fill("<!-- figures: nothing -->\n<!-- end of figures -->\n"); err == nil {
		t.Error("an unknown table is accepted")
	}
}

// TestBounds: a ratio that is out of its bounds is found, and so is one that was not measured.
func TestBounds(t *testing.T) {
	for _, b := range Bounds {
		s := &Set{Figures: []Figure{{b.Of.Scenario, b.Of.Client, b.Of.Metric, []float64{b.AtMost}}, {b.Beside.Scenario, b.Beside.Client, b.Beside.Metric, []float64{1}}}}
		if !b.Met(s) {
			t.Errorf("not met: %s", b.Line(s))
		}
		s.Figures[0].Values[0] *= 1.01
		if b.Met(s) || !strings.Contains(b.Line(s), "not met") {
			t.Errorf("met: %s", b.Line(s))
		}
		if b.Met(&Set{}) || !strings.Contains(b.Line(&Set{}), "not measured") {
			t.Errorf("met without figures: %s", b.Line(&Set{}))
		}
	}
	scenarios, clients := Needed([]Budget{ratioOf("b", "T", "a", 1), ratioOf("b", "S", "a", 1)})
	if strings.Join(scenarios, "") != "ST" || strings.Join(clients, "") != "ab" {
		t.Error(scenarios, clients)
	}
}

// TestBudgets: budgets of differences and least values are kept and missed.
func TestBudgets(t *testing.T) {
	s := &Set{Figures: []Figure{{"w", gotreq, cpu, []float64{300}}, {"w", callback, cpu, []float64{180}}}}
	wait := Budget{What: "w", Of: Term{"w", gotreq, cpu}, Beside: Term{"w", callback, cpu}, Less: true, AtMost: 150, Unit: "ns"}
	if want := "w: 120.00 (at most 150 ns more than callback): met"; wait.Line(s) != want {
		t.Error(wait.Line(s))
	}
	least := Budget{What: "w", Of: Term{"w", gotreq, cpu}, Beside: Term{"w", callback, cpu}, AtLeast: 1.8}
	if want := "w: 1.67 (at least 1.8 of callback): **not met**"; least.Line(s) != want {
		t.Error(least.Line(s))
	}
}
