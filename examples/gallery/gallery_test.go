package gallery

import (
	"cmp"
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/reactor"
	"github.com/seed-7c003b53/gotreq/reactor/memory"
	"github.com/seed-7c003b53/gotreq/reactor/memory/ladder"
	treqtesting "github.com/seed-7c003b53/gotreq/treq/testing"
	"github.com/seed-7c003b53/gotreq/treq/web"
)

var (
	seeds  = flag.Int("gallery.seeds", 0, "the number of seeds for TestTable")
	runs   = flag.Int("gallery.runs", 40, "the number of runs of each mended form")
	update = flag.Bool("update", false, "write the ladders of docs again")
)

// A program is a test of one form of an exhibit.
type program func(t testing.TB, r *memory.Reactor)

// An exhibit is a fault, in the faulty form of a program, and the mended form.
type exhibit struct {
	file, fault    string
	network        memory.Conditions
	faulty, mended program
}

var exhibits = []exhibit{
	retryExhibit, cancelExhibit, unreadExhibit, lockExhibit, tokenExhibit, timeoutExhibit,
	reconnectExhibit, updateExhibit, queueExhibit, cacheExhibit, shutdownExhibit, submitExhibit,
}

// TestNatural is what most programs have: one run, in which nothing fails and everything comes at once. Both forms
// succeed.
func TestNatural(t *testing.T) {
	for _, e := range exhibits {
		t.Run(e.file, func(t *testing.T) {
			e.faulty(t, memory.New())
			e.mended(t, memory.New())
		})
	}
}

// TestFaulty: Explore finds the fault of each faulty form within a thousand runs.
func TestFaulty(t *testing.T) {
	for _, e := range exhibits {
		t.Run(e.file, func(t *testing.T) {
			f := treqtesting.Search(t, treqtesting.Exploration{Seed: 1, Network: e.network}, e.faulty).Finding
			if f == nil {
				t.Fatal("Explore finds nothing")
			}
			t.Log(f.Report)
		})
	}
}

// TestMended: Explore finds nothing in the mended forms.
func TestMended(t *testing.T) {
	for _, e := range exhibits {
		t.Run(e.file, func(t *testing.T) {
			treqtesting.Explore(t, treqtesting.Exploration{Seed: 1, Network: e.network, Runs: *runs}, e.mended)
		})
	}
}

// TestTable prints how long Explore takes to find each fault.
func TestTable(t *testing.T) {
	if *seeds == 0 {
		t.Skip("-gallery.seeds says how many seeds the medians are of")
	}
	var table strings.Builder
	table.WriteString("| fault | runs until found | choices that matter | time |\n| --- | --- | --- | --- |\n")
	for _, e := range exhibits {
		var found, choices []int
		var took []time.Duration
		for seed := range *seeds {
			began := time.Now()
			f := treqtesting.Search(t, treqtesting.Exploration{Seed: uint64(seed + 1), Network: e.network}, e.faulty).Finding
			if f == nil {
				t.Errorf("%s: nothing is found with seed %d", e.file, seed+1)
				continue
			}
			found, choices, took = append(found, f.Run), append(choices, len(f.Choices)), append(took, time.Since(began))
		}
		fmt.Fprintf(&table, "| [%s](../examples/gallery/%s) | %d | %d | %v |\n", e.fault, e.file,
			median(found), median(choices), median(took).Round(time.Millisecond))
	}
	t.Logf("medians of %d seeds\n\n%s", *seeds, &table)
}

// median returns the median of values, or 0.
func median[T cmp.Ordered](values []T) (middle T) {
	slices.Sort(values)
	if len(values) != 0 {
		middle = values[len(values)/2]
	}
	return middle
}

// TestLadders: the pictures of docs are those of two findings. -update makes them again.
func TestLadders(t *testing.T) {
	for _, e := range []exhibit{timeoutExhibit, submitExhibit} {
		t.Run(e.file, func(t *testing.T) {
			r := memory.New()
			e.faulty(t, r)
			f := treqtesting.Search(t, treqtesting.Exploration{Seed: 1, Network: e.network}, e.faulty).Finding
			if f == nil {
				t.Fatal("Explore finds nothing")
			}
			picture := ladder.New(f.Trace, r.HostNames())
			picture.Title = e.fault
			file := "../../docs/ladder-" + strings.TrimSuffix(e.file, ".go") + ".svg"
			if *update {
				if err := os.WriteFile(file, []byte(picture.SVG()), 0o666); err != nil {
					t.Fatal(err)
				}
			}
			if old, err := os.ReadFile(file); err != nil || string(old) != picture.SVG() {
				t.Errorf("%s is not what Explore finds (%v): go test ./examples/gallery -run TestLadders -update", file, err)
			}
		})
	}
}

// serve makes r listen for HTTP.
func serve(t testing.TB, r reactor.Reactor, site *web.Site) {
	t.Helper()
	if _, err := r.ListenTCP(":80", site); err != nil {
		t.Fatal(err)
	}
}

// result runs r for a time and returns the result of d.
func result[T any](t testing.TB, r *memory.Reactor, d *deferred.Deferred[T], within time.Duration) (value T, err error) {
	t.Helper()
	fired := false
	d.AddBoth(func(v T, e error) (none T, _ error) {
		fired, value, err = true, v, e
		return none, nil
	})
	if r.RunFor(within); !fired {
		t.Errorf("no result after %v", within)
	}
	return value, err
}
