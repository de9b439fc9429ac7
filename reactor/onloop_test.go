package reactor_test

import (
	"context"
	"runtime"
	"testing"
	"time"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/reactor"
	"github.com/seed-7c003b53/gotreq/reactor/memory"
)

// driven is a loop of which OnLoop has not been called.
type driven struct {
	loop
	t *testing.T
}

// newDriven returns a loop whose first turn ran on the calling goroutine.
func newDriven(t *testing.T, l loop) *driven {
	t.Cleanup(func() { l.Close() })
	d := &driven{l, t}
	d.turn(func() {})
	return d
}

// turn runs a turn that calls f.
func (d *driven) turn(f func()) {
	called := false
	d.CallLater(0, func() {
		called = true
		f()
	})
	d.Iterate(time.Second)
	if !called {
		d.t.Error("the function was not called")
	}
}

// is checks OnLoop for its caller.
func (d *driven) is(what string, want bool) {
	d.t.Helper()
	if got := d.OnLoop(); got != want {
		d.t.Errorf("%s: OnLoop: %v, want %v", what, got, want)
	}
}

func (d *driven) anonymous(want bool) {
	d.t.Helper()
	if got := d.loop.(interface{ Anonymous() bool }).Anonymous(); got != want {
		d.t.Errorf("anonymous: %v, want %v", got, want)
	}
}

// TestOnLoopIsCalledLate: a loop finds out on which goroutine it is when OnLoop is called for
// the first time, in a turn on another goroutine than the turns before.
func TestOnLoopIsCalledLate(t *testing.T) {
	reactor.ForgetUnwound()
	for _, test := range []struct {
		name string
		call func(f func())
		want bool
	}{
		{"the callback", func(f func()) { f() }, true},
		{"a deep stack", func(f func()) { deep(1000, f) }, true},
		{"a coroutine", goCoroutine, true},
		{"a coroutine of a coroutine", func(f func()) { pull(func() { goCoroutine(f) }) }, true},
		{"the creators have ended", func(f func()) { orphan(func() { orphan(f) }) }, true},
		{"a goroutine", elsewhere, false},
		{"a coroutine of a goroutine", func(f func()) { elsewhere(func() { pull(f) }) }, false},
	} {
		for _, r := range reactors {
			t.Run(r.name+"/"+test.name, func(t *testing.T) {
				d := newDriven(t, r.new())
				ask := func() {
					test.call(func() {
						d.is("in a turn", test.want)
						d.is("again", test.want)
						if !d.OnLoop() {
							return // the call would wait for the loop, which waits for this row
						}
						_, err := reactor.BlockingCallFromThread(context.Background(), d, func() *deferred.Deferred[int] { return nil })
						if err != reactor.ErrOnLoop {
							t.Errorf("BlockingCallFromThread: %v", err)
						}
					})
				}
				elsewhere(func() {
					d.turn(func() {
						d.anonymous(true)
						ask()
					})
					d.anonymous(false)
				})
				d.turn(func() {
					d.anonymous(false)
					ask()
				})
			})
		}
	}
}

// TestOnLoopOfTwoDrivenLoops: two loops run turns at the same time, on two goroutines or one
// within the other.
func TestOnLoopOfTwoDrivenLoops(t *testing.T) {
	reactor.ForgetUnwound()
	for _, first := range []string{"a", "b"} { // of which OnLoop is called first
		a, b := newDriven(t, memory.New()), newDriven(t, memory.New())
		ask := func(inA, inB bool) {
			calls := []func(){func() { a.is("a", inA) }, func() { b.is("b", inB) }}
			if first == "b" {
				calls[0], calls[1] = calls[1], calls[0]
			}
			calls[0]()
			calls[1]()
		}
		elsewhere(func() {
			a.turn(func() {
				a.anonymous(true)
				elsewhere(func() {
					b.turn(func() {
						b.anonymous(false)
						ask(false, true)
						goCoroutine(func() { ask(false, true) })
					})
				})
				ask(true, false)
				goCoroutine(func() { ask(true, false) })
			})
		})
		a, b = newDriven(t, memory.New()), newDriven(t, memory.New())
		elsewhere(func() { a.turn(func() { b.turn(func() { ask(true, true) }) }) })
	}
}

// TestOnLoopAfterGoexit: runtime.Goexit in a turn, as in the FailNow of a test, runs deferred
// functions on a stack that still shows the turn.
func TestOnLoopAfterGoexit(t *testing.T) {
	reactor.ForgetUnwound()
	defer reactor.ForgetUnwound()
	a, b := newDriven(t, memory.New()), newDriven(t, memory.New())
	elsewhere(func() {
		defer func() {
			elsewhere(func() {
				b.turn(func() { b.is("b", true) })
				a.turn(func() {
					a.anonymous(false)
					b.anonymous(false)
					a.is("a", true)
					b.is("b, in a turn of a", true) // it is b's goroutine too
				})
			})
			elsewhere(func() { b.turn(func() { b.is("b", true) }) })
		}()
		a.turn(func() { runtime.Goexit() })
	})
}
