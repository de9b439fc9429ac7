package deferred

import (
	"errors"
	"runtime"
	"sync/atomic"
)

// This file unwinds coroutines that nothing can resume.
//
// The Go runtime keeps the stack of a waiting coroutine forever. The coroutine
// object, however, is reachable only from the awaited Deferred. When that Deferred
// becomes unreachable, the garbage collector collects the coroutine object and runs
// its cleanup, on a goroutine of the runtime. The function's deferred calls must not
// run there, because they belong to the reactor's goroutine.

// ErrAbandoned is the error of [Await] in a coroutine that is unwound because the
// Deferred that it awaits has become unreachable.
var ErrAbandoned = errors.New("deferred: coroutine abandoned: the Deferred that it awaits is unreachable")

// SetUnwinder sets how abandoned coroutines are unwound, and returns the previous
// unwinder. A coroutine is abandoned when the Deferred that it awaits has become
// unreachable. The garbage collector detects this, and the package reports an
// [Unhandled] with [ErrAbandoned].
//
// Unwinding makes Await return ErrAbandoned, so that the coroutine can end. A
// further Await that would wait panics. A goroutine of the Go runtime calls
// callFromThread, which must make the reactor's goroutine call unwind, as a
// reactor's CallFromThread does.
//
// Without an unwinder, which nil removes, abandoned coroutines stay until
// [UnwindAbandoned]. A program that must run the same way each time, such as a test
// in memory, sets none, because the time of a garbage collection varies. Any
// goroutine may call SetUnwinder.
func SetUnwinder(callFromThread func(unwind func())) (previous func(unwind func())) {
	if old := unwinder.Swap(&callFromThread); old != nil {
		previous = *old
	}
	return previous
}

// UnwindAbandoned unwinds, on its caller's goroutine, the coroutines that were found
// abandoned while there was no unwinder, and returns their number.
func UnwindAbandoned() int {
	n := 0
	for a := abandonedCos.Swap(nil); a != nil; a = a.next {
		a.co.unwind()
		n++
	}
	return n
}

var (
	unwinder     atomic.Pointer[func(unwind func())]
	abandonedCos atomic.Pointer[abandonedCo] // the coroutines for UnwindAbandoned
)

// abandonedCo is an entry of a list that goroutines of the Go runtime add to.
type abandonedCo struct {
	co   *Co
	next *abandonedCo
}

// watch arranges for abandonment to be detected.
func (c *coroutine) watch() {
	if !c.watched {
		c.watched = true
		c.cleanup = runtime.AddCleanup(c, abandon, c.co)
	}
}

// end ends the watch. The coroutine defers it, so it runs however the function ends.
func (co *Co) end() {
	if c := co.coroutine; c != nil && c.watched {
		c.cleanup.Stop()
	}
	co.coroutine = nil
}

// abandon handles a coroutine that was found abandoned. It runs on a goroutine of
// the Go runtime.
func abandon(co *Co) {
	if ending.Load() == 0 {
		report(Unhandled{Err: ErrAbandoned, Made: co.made.String()})
	}
	if u := unwinder.Load(); u != nil && *u != nil {
		(*u)(co.unwind)
		return
	}
	a := &abandonedCo{co: co}
	for {
		a.next = abandonedCos.Load()
		if abandonedCos.CompareAndSwap(a.next, a) {
			return
		}
	}
}

func (co *Co) unwind() {
	co.abandoned = true
	co.stop()
}

// reportUnwound reports the error that an abandoned coroutine ended with.
func (co *Co) reportUnwound(err error) {
	if err != nil && !errors.Is(err, ErrAbandoned) {
		reportNow(Unhandled{Err: err, Made: co.made.String()})
	}
}
