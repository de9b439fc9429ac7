package reactor

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/internal/coro"
)

// This file finds out whether code is on the loop's goroutine. The goroutine that calls
// Iterate may be another one at each call. Its number takes some microseconds to find out,
// which is much longer than a turn, and few programs call OnLoop. So a loop does not find it
// out until OnLoop is called for the first time: then it looks for the goroutine that is
// calling anonymousTurns. From then on, it finds out at each call of Iterate.

// anonymous is the loop whose turns run in anonymousTurns, so that there is one at a time.
// Other loops find out on which goroutine they are.
var anonymous atomic.Pointer[Loop]

// unwound takes the place of a loop in anonymous after a panic or runtime.Goexit. Stacks may
// show anonymousTurns for long after that.
var unwound Loop

// Iterate runs one turn of the loop; see [Core].
func (l *Loop) Iterate(timeout time.Duration) error { return l.drive(nil, timeout) }

// IterateWhile calls [Loop.Iterate] as long as more returns true and there is no error.
// After a call of [Loop.OnLoop], and with deferred.SetDebugging, a turn is some microseconds
// faster in IterateWhile: the loop finds out only once on which goroutine it is.
func (l *Loop) IterateWhile(more func() bool, timeout time.Duration) error {
	return l.drive(more, timeout)
}

// drive runs turns as long as more returns true, or one turn if more is nil.
func (l *Loop) drive(more func() bool, timeout time.Duration) error {
	known, err := l.adopt()
	if err != nil {
		return err
	}
	l.locals.coroutines.Open()
	defer l.locals.coroutines.Close()
	if known {
		return l.turns(more, timeout)
	}
	err = l.anonymousTurns(more, timeout)
	l.mu.Lock()
	defer l.mu.Unlock()
	anonymous.CompareAndSwap(l, nil)
	return err
}

// adopt makes the calling goroutine, which is about to run turns, the loop's. It returns
// false if the goroutine has to call anonymousTurns for that.
func (l *Loop) adopt() (known bool, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.phase.Load() != outside || l.state() != idle && l.state() != closed {
		return false, ErrAlreadyRunning
	}
	l.revive()
	anonymous.CompareAndSwap(l, &unwound)
	if l.goroutine.Load() != 0 && !l.asked.Load() && !deferred.Debugging() && anonymous.CompareAndSwap(nil, l) {
		return false, nil
	}
	l.goroutine.Store(coro.Goroutine())
	return true, nil
}

// anonymousTurns is turns on a goroutine whose number is not known. The stack shows its name.
//
//go:noinline
func (l *Loop) anonymousTurns(more func() bool, timeout time.Duration) error {
	return l.turns(more, timeout)
}

func (l *Loop) turns(more func() bool, timeout time.Duration) error {
	if more == nil {
		return l.iterate(timeout)
	}
	for more() {
		if err := l.iterate(timeout); err != nil {
			return err
		}
	}
	return nil
}

// OnLoop reports whether the caller is on the loop's goroutine; see [Threads].
//
// Between calls of [Loop.Iterate], the loop's goroutine is that of the last turn; until OnLoop
// has been called in a turn, it is that of the first.
func (l *Loop) OnLoop() bool { return l.runs(coro.Goroutine()) }

// runs is OnLoop for a caller that knows its goroutine's number.
func (l *Loop) runs(caller uint64) bool {
	if !l.asked.Load() {
		l.identify()
	}
	id := l.goroutine.Load()
	switch {
	case id == 0:
		return false
	case l.phase.Load() == asleep: // no coroutine runs on it
		return caller == id
	default:
		return coro.CallerRunsOn(caller, id)
	}
}

// inRun has the loops that are in Run, each with the number of its Run.
var inRun sync.Map // from *Loop to uint64

var runs atomic.Uint64 // the number of Runs of all loops

// OnAnyLoop reports whether the caller is on the goroutine of any loop that is in Run, as
// OnLoop of that loop does. Code that waits for long asks it: there it would stop all that the
// loop does.
func OnAnyLoop() bool {
	caller := coro.Goroutine()
	for l := range inRun.Range {
		if l.(*Loop).runs(caller) {
			return true
		}
	}
	return false
}

// identify finds out which goroutine runs a turn of the loop. mu keeps that from ending
// meanwhile, and another loop from becoming the anonymous one.
func (l *Loop) identify() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if anonymous.Load() == l {
		id := coro.Calling("reactor.(*Loop).anonymousTurns")
		if id == 0 {
			return // between turns
		}
		l.goroutine.Store(id)
	}
	l.asked.Store(true)
}
