package task

import (
	"fmt"
	"io"

	"github.com/seed-7c003b53/gotreq/internal/inspect"
	"github.com/seed-7c003b53/gotreq/internal/list"
	"github.com/seed-7c003b53/gotreq/internal/timers"
	"github.com/seed-7c003b53/gotreq/reactor"
)

// This file shows cooperative tasks and looping calls in dumps of the reactor that is their clock.

// show makes c appear in dumps, from its first task on.
func (c *Cooperator) show() {
	if r, ok := c.clock.(reactor.Reactor); ok && !c.shown {
		c.shown = true
		reactor.AddInspectable(r, c, (*Cooperator).inspect)
	}
}

// inspect writes the tasks that have not ended.
func (c *Cooperator) inspect(w io.Writer) {
	inspect.Section(w, "cooperative tasks", c.ready.Len()+c.idle.Len(), func(yield func(string) bool) {
		for _, tasks := range []*list.List[CooperativeTask]{&c.ready, &c.idle} {
			for t := range tasks.All() {
				if !yield(t.line()) {
					return
				}
			}
		}
	})
}

// line describes a task that has not ended.
func (t *CooperativeTask) line() string {
	state := "ready"
	switch {
	case t.pauses != 0:
		state = "paused"
	case t.wait != nil:
		state = "waiting for its Deferred"
	case !t.cooperator.Running():
		state = "ready, but its Cooperator does not run"
	}
	return fmt.Sprintf("%s: %s", timers.FuncName(t.step), state)
}

// show makes l appear in dumps, from its first Start on.
func (l *LoopingCall) show() {
	if r, ok := l.clock.(reactor.Reactor); ok && !l.shown {
		l.shown = true
		reactor.AddInspectable(r, l, (*LoopingCall).inspect)
	}
}

// inspect writes the looping call if its function has not ended. Otherwise it is one of the timers.
func (l *LoopingCall) inspect(w io.Writer) {
	if l.wait != nil {
		fmt.Fprintf(w, "looping call: %v waits for the Deferred of its function\n", l)
	}
}
