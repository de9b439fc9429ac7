package testing

import (
	"fmt"
	"slices"

	"github.com/seed-7c003b53/gotreq/internal/explore"
)

// This file makes a run that fails smaller.

// maxShrinks bounds the runs that make a failing run smaller.
const maxShrinks = 1000

// found makes a failing run small, and notes it as the finding of the exploration.
func (x *explorer) found(o *run) {
	x.untidy = true
	f := &found{x: x, first: o, number: x.summary.Runs}
	a, b := x.do(explore.NewReplay(o.tape), traced), x.do(explore.NewReplay(o.tape), traced)
	if f.differs = differ(a, b); f.differs == "" {
		f.differs = differ(o, a)
	}
	f.last = a
	if f.differs == "" {
		f.shrink()
	}
	x.summary.Finding = f.finding()
}

// A found is a run that fails, and what Explore finds out about it.
type found struct {
	x       *explorer
	first   *run   // as it was found
	number  int    // of the first run; 0 for a replay
	last    *run   // the smallest that fails in the same way
	tried   int    // runs that it took to make it smaller
	minimal bool   // no single choice can be taken away
	differs string // how the program does other things when it is run again
	blinded string // how the run differs when it is looked at
}

// shrink looks for the smallest tape with which the run fails in the same way.
func (f *found) shrink() {
	x := f.x
	same := func(o *run) bool { return o.failed() && o.problems[0].sameAs(f.first.problems[0]) }
	tape, tried, minimal := explore.Shrink(f.first.tape, maxShrinks, func(t explore.Tape) (explore.Tape, bool) {
		o := x.do(explore.NewReplay(t), silently)
		return o.tape, same(o)
	})
	f.tried, f.minimal = tried, minimal
	f.last = x.do(explore.NewReplay(tape), debugged)
	if !same(f.last) {
		f.last = x.do(explore.NewReplay(tape), traced)
		f.blinded = "with deferred.SetDebugging on, the run does not fail in this way"
		if !same(f.last) {
			f.differs = "the run fails, and does not fail when it is repeated"
		}
	}
}

// differ says how two runs with the same choices differ, or "".
func differ(a, b *run) string {
	if a.how != silently && b.how != silently {
		for i := range max(len(a.trace), len(b.trace)) {
			events := [2]string{"nothing", "nothing"}
			for j, o := range []*run{a, b} {
				if i < len(o.trace) {
					events[j] = o.trace[i].String()
				}
			}
			if i >= len(a.trace) || i >= len(b.trace) || a.trace[i] != b.trace[i] {
				return fmt.Sprintf("event %d is\n    %s\nin one run, and in the other\n    %s", i+1, events[0], events[1])
			}
		}
	}
	switch {
	case len(a.problems) != len(b.problems) || len(a.problems) != 0 && !a.problems[0].sameAs(b.problems[0]):
		return fmt.Sprintf("one run %s, and the other %s", a.fate(), b.fate())
	case a.points != nil && b.points != nil && !slices.Equal(a.points, b.points):
		for i := range a.points {
			if i >= len(b.points) || a.points[i] != b.points[i] {
				return fmt.Sprintf("choice %d, of kind %v, is another one", i+1, a.points[i].Kind)
			}
		}
		return fmt.Sprintf("one run makes %d choices, and the other %d", len(a.points), len(b.points))
	}
	return ""
}

// fate says how the run has ended, for a sentence.
func (o *run) fate() string {
	switch {
	case o.failed():
		return fmt.Sprintf("fails (%s)", o.problems[0].line())
	case o.skipped != "":
		return "is skipped"
	}
	return "succeeds"
}

// replay does the run of the tape that the environment gives.
func (x *explorer) replay() {
	x.untidy = true
	choices := explore.NewReplay(*x.tape)
	o := x.do(choices, debugged)
	x.count(o)
	fits := ""
	if !choices.Fits() {
		fits = " The run does not ask for all choices of the tape: the program, the test or the Exploration has changed since the tape was made."
	}
	if !o.failed() {
		x.Logf("Explore: the run with the tape of %s %s.%s", tapeVariable, o.fate(), fits)
		return
	}
	again := x.do(explore.NewReplay(*x.tape), debugged)
	x.summary.Finding = (&found{x: x, first: o, last: o, differs: differ(o, again)}).finding()
	if fits != "" {
		x.Logf("Explore:%s", fits)
	}
}
