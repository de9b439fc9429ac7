package reactor

import (
	"sync/atomic"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/internal/list"
)

// This file makes calls from one loop to another.

// DeferToLoop makes another loop call f, and fires on r's loop with the result of the Deferred
// that f returns. A panic of f becomes an error. Cancelling the Deferred cancels that of f.
//
// If either loop ends first, or if the other has ended, the Deferred fails with [ErrStopped]. If the
// other has not run yet, the call waits for it. If the other is r itself, f is called at once.
//
// The result belongs to r's loop from then on, so it must not refer to what is the other's: a text
// may be a result, but not the response that it is read from.
func DeferToLoop[T any](r Reactor, other *Loop, f func() *deferred.Deferred[T]) *deferred.Deferred[T] {
	if f == nil {
		panic("reactor: DeferToLoop with a nil function")
	}
	if r.Locals().loop == other {
		return deferred.MaybeDeferred(f)
	}
	var theirs *deferred.Deferred[T] // that of f; belongs to the other loop
	var cancelled atomic.Bool
	mine := deferred.NewCancellable(func(*deferred.Deferred[T]) {
		cancelled.Store(true)
		other.CallFromThread(func() {
			if theirs != nil {
				theirs.Cancel()
			}
		})
	})
	fire := func(value T, err error) {
		r.CallFromThread(func() {
			if !mine.Called() {
				mine.Resolve(value, err)
			}
		})
	}
	e := &errand{lost: func() {
		var none T
		cancelled.Store(true) // the other loop may run again
		fire(none, ErrStopped)
	}}
	if !other.begins(e) {
		return deferred.Fail[T](ErrStopped)
	}
	other.CallFromThread(func() {
		if cancelled.Load() {
			other.ends(e)
			return
		}
		theirs = deferred.MaybeDeferred(f)
		deferred.MapBoth(theirs, func(value T, err error) (deferred.None, error) {
			other.ends(e)
			fire(value, err)
			return deferred.None{}, nil
		})
	})
	return UntilStopped(r, mine)
}

// An errand is a call of DeferToLoop, in the list of the loop that makes it.
type errand struct {
	at   list.Node[errand]
	lost func() // called on any goroutine when the loop ends first
}

// begins adds e, unless the loop has ended. Any goroutine may call it.
func (l *Loop) begins(e *errand) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.hasEnded {
		return false
	}
	l.errands.Push(&e.at, e)
	return true
}

// ends removes e.
func (l *Loop) ends(e *errand) {
	l.mu.Lock()
	defer l.mu.Unlock()
	e.at.Remove()
}

// dropErrands tells the loops that wait for this one that it has ended. mu is not locked, since
// they may do the same at the same time.
func (l *Loop) dropErrands() {
	for e := l.popErrand(); e != nil; e = l.popErrand() {
		e.lost()
	}
}

func (l *Loop) popErrand() *errand {
	l.mu.Lock()
	defer l.mu.Unlock()
	e := l.errands.First()
	if e != nil {
		e.at.Remove()
	}
	return e
}
