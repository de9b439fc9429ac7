package memory

import (
	"cmp"
	"fmt"
	"strings"
	"time"
)

// This file has what a Reactor does at the beginning of each turn: it bounds a run, and asks for
// the choices that belong to no message. No protocol is on the stack then.

// bounds are the bounds of a run.
type bounds struct {
	method string    // what runs the loop: "Pump", "Run" and so on
	turns  int       // number of turns at the time at
	at     time.Time // of the clock
}

// begin notes that method runs the loop from now on.
func (r *Reactor) begin(method string) { r.bounds = bounds{method, 0, r.net.now} }

// beforeTurn is called at the beginning of each turn. It panics if the loop does not end.
func (r *Reactor) beforeTurn() {
	b := &r.bounds
	if !r.net.now.Equal(b.at) {
		b.turns, b.at = 0, r.net.now
	}
	b.turns++
	if most := cmp.Or(r.MaxTurns, 1_000_000); b.turns > most {
		panic(fmt.Sprintf("memory: %s does not end: %d turns of the loop at %v, "+
			"and there is more to do", b.method, most, r.net.elapsed()))
	}
	if most := r.config.MaxTime; most != 0 && r.net.elapsed() > most {
		panic(fmt.Sprintf("memory: %s does not end: the clock is at %v, beyond MaxTime, which is %v%s",
			b.method, r.net.elapsed(), most, r.whatIsDue()))
	}
	if c := r.net.chooser; c != nil {
		r.mayCancel(c)
		r.mayRestart(c)
		r.mayJump(c)
	}
}

// whatIsDue lists the next delayed calls, which may be why a loop does not end.
func (r *Reactor) whatIsDue() string {
	calls := r.Loop.DelayedCalls()
	if len(calls) == 0 {
		return ""
	}
	var lines []string
	for _, call := range calls[:min(len(calls), 3)] {
		lines = append(lines, fmt.Sprint(call))
	}
	return fmt.Sprintf("; %d delayed calls are pending, first %s", len(calls), strings.Join(lines, "; "))
}
