package task_test

import (
	"slices"
	"testing"
	"time"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/reactor"
	"github.com/seed-7c003b53/gotreq/reactor/memory"
	"github.com/seed-7c003b53/gotreq/reactor/task"
)

// wantInspected checks what the inspectables of r show.
func wantInspected(t *testing.T, r reactor.Reactor, want ...string) {
	t.Helper()
	if got := reactor.Inspect(r); !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// endless is a step of a task that never ends.
func endless() (task.Wait, error) { return nil, nil }

// A dump shows the tasks that have not ended, each with its state.
func TestInspectCooperator(t *testing.T) {
	r := memory.New()
	c := task.NewCooperator(r, task.CooperatorConfig{WaitForStart: true})
	wantInspected(t, r)
	paused, waits := c.Cooperate(endless), deferred.New[none]()
	c.Cooperate(endless)
	noError(t, paused.Pause())
	wantInspected(t, r, "cooperative tasks (2)\n  task_test.endless: ready, but its Cooperator does not run\n  task_test.endless: paused\n")
	c.Stop()
	wantInspected(t, r)
	c.Start()
	c.Cooperate(func() (task.Wait, error) {
		if waits.Called() {
			return nil, task.Done
		}
		return waits, nil
	})
	r.Pump()
	wantInspected(t, r, "cooperative tasks (1)\n  task_test.TestInspectCooperator.func1: waiting for its Deferred\n")
	waits.Callback(none{})
	r.Pump()
	wantInspected(t, r)
}

// A looping call is shown while it waits for the Deferred of its function; else it is a timer.
func TestInspectLoopingCall(t *testing.T) {
	r := memory.New()
	waits := deferred.New[none]()
	l := task.NewLoopingCall(r, func() task.Wait { return waits })
	for range 2 { // a second Start shows it once
		l.Start(time.Second, false)
		wantInspected(t, r)
		r.Advance(time.Second)
		wantInspected(t, r, "looping call: LoopingCall<1s>(task_test.TestInspectLoopingCall.func1) waits for the Deferred of its function\n")
		waits.Callback(none{})
		wantInspected(t, r)
		noError(t, l.Stop())
		waits = deferred.New[none]()
	}
	wantInspected(t, r)
}

// A clock that is no reactor shows nothing, and needs nothing.
func TestInspectWithAClock(t *testing.T) {
	clock := task.NewClock()
	c := task.NewCooperator(clock, task.CooperatorConfig{})
	c.Cooperate(endless)
	c.Stop()
	l := task.NewLoopingCall(clock, func() {})
	l.Start(time.Second, true)
	noError(t, l.Stop())
}
