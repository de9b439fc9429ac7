package figures

import (
	"reflect"
	"strings"
	"testing"
)

func TestFile(t *testing.T) {
	s := &Set{About: []string{"rounds: 2"}, Figures: []Figure{
		{"GET", floor, "cpu us/request", []float64{10, 20}},
		{"GET", "gotreq", "cpu us/request", []float64{30, 40.5}},
		{"GET", "gotreq", "allocs/request", []float64{14.021, 14}},
	}}
	var b strings.Builder
	if err := s.Write(&b); err != nil {
		t.Fatal(err)
	}
	if want := "GET\tgotreq\tcpu us/request\t35.25\t2.35\t30.00 40.50\n"; !strings.Contains(b.String(), want) {
		t.Errorf("%q has not %q", b.String(), want)
	}
	read, err := Read(strings.NewReader(b.String()))
	if err != nil {
		t.Fatal(err)
	}
	s.Figures[2].Values[0] = 14.02
	if !reflect.DeepEqual(read, s) {
		t.Errorf("read %v\nafter %v", read, s)
	}
	old, err := Read(strings.NewReader("GET\tgotreq\tcpu us/request\t12.5\t1.5\n"))
	if err != nil || old.Get("GET", "gotreq", "cpu").Median() != 12.5 {
		t.Errorf("of a line without rounds: %v, %v", old, err)
	}
	for _, bad := range []string{"GET\tgotreq\n", "a\tb\tc\tx\n", "a\tb\tc\t\n"} {
		if _, err := Read(strings.NewReader(bad)); err == nil {
			t.Errorf("%q was read", bad)
		}
	}
}

func TestMerge(t *testing.T) {
	s := &Set{Figures: []Figure{{"a", "x", "cpu", []float64{1}}, {"a", "y", "cpu", []float64{1}}, {"b", "x", "cpu", []float64{1}}}}
	s.Merge(&Set{Figures: []Figure{{"a", "x", "cpu", []float64{2}}, {"a", "z", "cpu", []float64{2}}}})
	want := []Figure{{"b", "x", "cpu", []float64{1}}, {"a", "x", "cpu", []float64{2}}, {"a", "z", "cpu", []float64{2}}}
	if !reflect.DeepEqual(s.Figures, want) {
		t.Errorf("merged: %v", s.Figures)
	}
}
