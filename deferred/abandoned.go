package deferred

import (
	"errors"
	"runtime"
	"sync/atomic"
)

// This file is about coroutines that nothing can resume.
//
// The stack of a coroutine that waits is held by the Go runtime for ever. So a
// coroutine that waits keeps no pointer to what could resume it; the Deferred it
// waits for does. When that one is unreachable the coroutine object is collected
// and its cleanup runs, on a goroutine of the runtime. The deferred functions of
// the coroutine must not run there: they belong to the reactor's goroutine.

// ErrAbandoned is what [Await] returns in a coroutine that is being unwound
// because nothing could have resumed it: nobody has the Deferred it stood at.
var ErrAbandoned = errors.New("deferred: coroutine abandoned: nobody has the Deferred it waits for")

// unwinding is what Await panics with in a coroutine that goes on waiting for
// things after ErrAbandoned.
type unwinding struct{}

func (unwinding) Error() string { return ErrAbandoned.Error() }
func (unwinding) Unwrap() error { return ErrAbandoned }

// SetUnwinder sets how abandoned coroutines are unwound, and returns what was
// set before. A coroutine is abandoned when it waits for a Deferred that nothing
// refers to any more; that is noticed when the garbage collector runs, and
// reported as an [Unhandled] of [ErrAbandoned].
//
// To unwind it is to have its Await return ErrAbandoned, so that it can end; a
// further Await that would have to wait panics. This must be on the goroutine
// that the coroutine belongs to. So callFromThread is called, on a goroutine of
// the runtime, with a function to be called on the reactor's goroutine: a
// reactor sets its CallFromThread here.
//
// Without one, which is nil, abandoned coroutines stay as they are until
// [UnwindAbandoned]. A reactor whose runs are to be repeatable, as one in memory,
// should not set one, because the garbage collector's moments are not repeatable.
// It may be called from any goroutine.
func SetUnwinder(callFromThread func(unwind func())) (previous func(unwind func())) {
	if old := unwinder.Swap(&callFromThread); old != nil {
		previous = *old
	}
	return previous
}

// UnwindAbandoned unwinds, on the caller's goroutine, all coroutines that were
// found abandoned while no unwinder was set, and returns how many they were. See
// [SetUnwinder].
func UnwindAbandoned() int {
	n := 0
	for w := waitingForUnwinder.Swap(nil); w != nil; w = w.next {
		w.co.unwind()
		n++
	}
	return n
}

var (
	unwinder           atomic.Pointer[func(unwind func())]
	waitingForUnwinder atomic.Pointer[abandonedCo]
)

// abandonedCo is a list, which goroutines of the runtime add to.
type abandonedCo struct {
	co   *Co
	next *abandonedCo
}

// watch has the coroutine found out if it is abandoned.
func (c *coroutine) watch() {
	if !c.watched {
		c.watched = true
		c.cleanup = runtime.AddCleanup(c, abandon, c.co)
	}
}

// end is called when the function ends, in whichever way.
func (co *Co) end() {
	if c := co.self; c != nil && c.watched {
		c.cleanup.Stop()
	}
	co.self = nil
}

// abandon is called on a goroutine of the runtime.
func abandon(co *Co) {
	report(Unhandled{Err: ErrAbandoned, Made: co.made.String()})
	if u := unwinder.Load(); u != nil && *u != nil {
		(*u)(co.unwind)
		return
	}
	w := &abandonedCo{co: co}
	for {
		w.next = waitingForUnwinder.Load()
		if waitingForUnwinder.CompareAndSwap(w.next, w) {
			return
		}
	}
}

func (co *Co) unwind() {
	co.abandoned = true
	co.stop()
}

// unwound takes what an abandoned coroutine ended with.
func (co *Co) unwound(err error) {
	if err != nil && !errors.Is(err, ErrAbandoned) {
		report(Unhandled{Err: err, Made: co.made.String()})
	}
}
