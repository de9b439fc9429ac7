package explore

import (
	"flag"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/seed-7c003b53/gotreq/reactor/memory"
	treqtesting "github.com/seed-7c003b53/gotreq/treq/testing"
)

var (
	requests = flag.Int("requests", 50, "the number of requests of TestExplore, for each version of HTTP")
	duration = flag.Duration("duration", 0, "how long TestExplore takes, for all versions of HTTP together; 0: as long as -requests take")
	runs     = flag.Int("runs", 3, "the number of runs of each world")
	worlds   = flag.Uint64("worlds", 1, "the number of the first world of TestExplore")
)

// TestExplore explores random worlds: each is a program that is run several times, and its network does something else in each
// run.
func TestExplore(t *testing.T) {
	for _, v := range versions {
		t.Run(v.name, func(t *testing.T) {
			begin := time.Now()
			sum := newSum()
			defer func() { // go test prints it in this package's folder
				fmt.Printf("%s: %v; %.0f requests a second\n", v.name, sum, float64(sum.requests)/time.Since(begin).Seconds())
			}()
			for seed := *worlds; seed < *worlds+uint64(max(*requests, 1000)); seed++ {
				switch {
				case *duration == 0 && sum.requests >= *requests, *duration != 0 && time.Since(begin) > *duration/time.Duration(len(versions)):
					return
				}
				t.Run(fmt.Sprint(seed), func(t *testing.T) { sum.explore(t, planOf(seed, v)) })
				if t.Failed() {
					return
				}
			}
		})
	}
}

// A sum is what explorations have come to.
type sum struct {
	counts
	worlds, runs, schedules, made int
	faults                        map[memory.Faults]int
	histories                     map[history]bool
}

func newSum() *sum { return &sum{faults: map[memory.Faults]int{}, histories: map[history]bool{}} }

// explore explores the world of a plan.
func (s *sum) explore(t *testing.T, p plan) {
	// A body of 200 kB may be read byte by byte, at one time of the clock, and there are up to 45.
	e := treqtesting.Exploration{Runs: *runs, Network: p.network, Strategies: treqtesting.NaturalRun | treqtesting.Random | treqtesting.Priorities, MaxTurns: 20_000_000}
	found := treqtesting.Search(t, e, func(t testing.TB, r *memory.Reactor) {
		w := randomWorld(r, p)
		t.Cleanup(func() {
			w.ended()
			if len(w.problems) != 0 {
				t.Errorf("%s", strings.Join(w.problems, "\n"))
			}
			s.add(w.counts)
			s.histories[w.history] = true
		})
		w.finish()
	})
	if found.Finding != nil {
		t.Error(found.Finding.Report)
	}
	s.worlds++
	s.runs += found.Runs
	s.schedules += found.Schedules
	for kind, n := range found.Faults {
		s.faults[kind] += n
		s.made += n
	}
}

func (s *sum) String() string {
	var faults []string
	for _, kind := range slices.Sorted(maps.Keys(s.faults)) {
		faults = append(faults, fmt.Sprintf("%d %v", s.faults[kind], kind))
	}
	return fmt.Sprintf("%d worlds, %d runs, %d schedules, %d histories; %v; %d faults (%s)",
		s.worlds, s.runs, s.schedules, len(s.histories), s.counts, s.made, strings.Join(faults, ", "))
}
