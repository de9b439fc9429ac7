package testing

import (
	"cmp"
	"fmt"
	"sync"
	"testing"
	"testing/cryptotest"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/internal/explore"
	"github.com/seed-7c003b53/gotreq/internal/sandbox"
	"github.com/seed-7c003b53/gotreq/reactor/memory"
)

// This file searches for a run that fails.

// A Summary is what an exploration has come to.
type Summary struct {
	// Runs is the number of runs, without those that make the failing run smaller.
	Runs int
	// Skipped is the number of runs that the function has skipped.
	Skipped int
	// Choices are the numbers of choices by kind, and Changes of those among them that were not the
	// natural ones.
	Choices, Changes map[memory.Choice]int
	// Faults are the numbers of faults by kind.
	Faults map[memory.Faults]int
	// Schedules is the number of runs that differ in their choices.
	Schedules int
	// Sometimes are the numbers of runs that came to the states of [Sometimes].
	Sometimes map[string]int
	// Finding is the run that fails, or nil.
	Finding *Finding
}

// A Finding is a run that fails, without the choices that the failure does not need.
type Finding struct {
	Run      int      // the number of the run that found it, from 1
	Seed     uint64   // of the exploration
	Tape     string   // repeats the run; see TREQTESTING_TAPE
	Failures []string // why it fails, the first reason first
	Choices  []string // those that are not natural, in words
	Trace    memory.Trace
	Waiting  string // what waits for what, as a tree
	Report   string // all of this in words, as Explore reports it
}

// An explorer is one exploration.
type explorer struct {
	testing.TB
	Exploration
	name    string
	t       *testing.T // TB, if it is one
	f       func(t testing.TB, r *memory.Reactor)
	tape    *explore.Tape
	seed    uint64
	runs    int
	summary Summary

	plan      explore.Plan
	recorder  explore.Recorder
	stage     stage
	log       runLog
	helpers   map[uintptr]string
	dir       string
	schedules map[uint64]struct{}
	untidy    bool // a run has left something behind
}

// exploring is held by the one exploration at a time.
var exploring sync.Mutex

// newExplorer prepares an exploration. end ends it.
func newExplorer(t testing.TB, name string, e Exploration, f func(t testing.TB, r *memory.Reactor)) (x *explorer, end func()) {
	t.Helper()
	switch {
	case f == nil:
		t.Fatal("Explore without a function")
	case e.Runs < 0 || e.Depth < 0 || e.MaxTurns < 0 || e.MaxTime < 0:
		t.Fatal("Explore with a negative number of Runs, Depth, MaxTurns or MaxTime")
	}
	if run := current.Load(); run != nil && (t == testing.TB(run.tb) || run.isHere()) {
		run.tb.Fatal("Explore in a run of Explore: make one function of the two")
	}
	x = &explorer{TB: t, Exploration: e, name: name, f: f, helpers: map[uintptr]string{}, schedules: map[uint64]struct{}{}}
	x.t, _ = t.(*testing.T)
	x.MaxTurns = cmp.Or(e.MaxTurns, defaultMaxTurns)
	x.Settle = cmp.Or(e.Settle, defaultSettle)
	x.Work = cmp.Or(e.Work, defaultWork)
	x.MaxTime = cmp.Or(e.MaxTime, defaultMaxTime) + max(0, x.Work) + max(0, x.Settle)
	x.Depth = cmp.Or(e.Depth, defaultDepth)
	var errs [3]error
	x.runs, errs[0] = runsOf(cmp.Or(e.Runs, defaultRuns))
	x.seed, errs[1] = seedOf(e.Seed, name)
	x.tape, errs[2] = tapeOf()
	for _, err := range errs {
		if err != nil {
			t.Fatalf("Explore: %v", err)
		}
	}
	x.refuseParallel()
	x.refuseNetwork()
	exploring.Lock()
	allowReal := sandbox.Refuse(refuseReal)
	x.log.install()
	reporter := deferred.SetUnhandledReporter(func(deferred.Unhandled) {})
	x.summary.Choices, x.summary.Changes = map[memory.Choice]int{}, map[memory.Choice]int{}
	x.summary.Faults, x.summary.Sometimes = map[memory.Faults]int{}, map[string]int{}
	return x, func() {
		x.stage.end()
		if x.untidy {
			collect()
		}
		deferred.SetUnhandledReporter(reporter)
		x.log.remove()
		allowReal()
		exploring.Unlock()
	}
}

// refuseParallel fails the test if it runs in parallel with others.
func (x *explorer) refuseParallel() {
	x.Helper()
	if x.t == nil {
		return
	}
	defer func() {
		x.Helper()
		if p := recover(); p != nil {
			x.Fatalf("Explore: no test may run in parallel, since the Deferreds of all tests are checked: take out t.Parallel (%v)", p)
		}
	}()
	cryptotest.SetGlobalRandom(x.t, x.seed)
}

// refuseNetwork fails the test if its conditions do not make sense.
func (x *explorer) refuseNetwork() {
	x.Helper()
	defer func() {
		x.Helper()
		if p := recover(); p != nil {
			x.Fatalf("Explore: Network: %v", p)
		}
	}()
	memory.NewReactor(memory.Config{Conditions: x.Network})
}

// collect has the garbage collector find the errors that runs have left, before another test
// could be blamed for them.
func collect() { deferred.FailOnUnhandled(nobody{}) }

// nobody is a test that hears nothing.
type nobody struct{}

func (nobody) Helper()               {}
func (nobody) Errorf(string, ...any) {}
func (nobody) Cleanup(f func())      { f() }

// search does runs until one fails.
func (x *explorer) search() {
	x.Helper()
	plan := &x.plan
	*plan = explore.Plan{Runs: x.runs, Seed: x.seed, Strategies: x.Strategies, Depth: x.Depth}
	var natural *run
	for {
		choices, strategy, ok := plan.Next()
		if !ok {
			break
		}
		how := silently
		if strategy == NaturalRun {
			how = traced
		}
		run := x.do(choices, how)
		x.count(run)
		plan.Learn(x.recorder.Points())
		if strategy == NaturalRun {
			if natural = run; run.skipped != "" {
				x.Skip(run.skipped)
			}
		}
		if run.failed() {
			x.found(run)
			return
		}
	}
	if natural == nil {
		return
	}
	for range min(1+x.runs/repeatAfter, maxRepeats) {
		again := x.do(explore.Natural{}, traced)
		if differs := differ(natural, again); differs != "" {
			again.problems = append(again.problems, problem{what: "the first run and the last one differ, although both are the natural run"})
			x.summary.Finding = (&found{x: x, first: again, number: x.summary.Runs + 1, last: again, differs: differs}).finding()
			return
		}
	}
}

// In the end, the natural run is repeated once more for each repeatAfter runs, up to maxRepeats times: a
// program that goes by the order of a map often does the same twice.
const (
	repeatAfter = 100
	maxRepeats  = 10
)

// count adds a run to the summary.
func (x *explorer) count(o *run) {
	s := &x.summary
	s.Runs++
	if o.skipped != "" {
		s.Skipped++
	}
	points := x.recorder.Points()
	var choices, changes [memory.Cancel + 1]int
	for _, p := range points {
		choices[p.Kind]++
		if p.Value != 0 {
			changes[p.Kind]++
		}
	}
	for kind := range choices {
		if choices[kind] != 0 {
			s.Choices[memory.Choice(kind)] += choices[kind]
		}
		if changes[kind] != 0 {
			s.Changes[memory.Choice(kind)] += changes[kind]
		}
	}
	for _, fault := range o.r.FaultsMade() {
		s.Faults[fault.Kind]++
	}
	x.schedules[explore.Schedule(points)] = struct{}{}
	s.Schedules = len(x.schedules)
	for name := range o.tb.marks {
		s.Sometimes[name]++
	}
}

// checkSometimes fails the test if a state that it names was never reached.
func (x *explorer) checkSometimes() {
	x.Helper()
	var missed []string
	for _, name := range x.Exploration.Sometimes {
		if x.summary.Sometimes[name] == 0 {
			missed = append(missed, fmt.Sprintf("%q", name))
		}
	}
	if len(missed) == 0 {
		return
	}
	if x.runs < cmp.Or(x.Exploration.Runs, defaultRuns) {
		x.Logf("Explore: with so few runs (%s), none came to %v", runsVariable, missed)
		return
	}
	x.Errorf("Explore: none of %d runs came to %v: the test no longer tests that, or needs more Runs, latency or faults", x.summary.Runs, missed)
}

// tempDir returns an empty folder for the folders of a run.
func (x *explorer) tempDir() string {
	if x.dir == "" {
		x.dir = x.TB.TempDir()
	}
	return x.dir
}
