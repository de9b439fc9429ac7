package deferred

import (
	"errors"
	"fmt"
	"os"
	"time"
)

// A TimeoutError is the error of a Deferred that [Deferred.AddTimeout]
// cancelled. errors.Is finds it to be os.ErrDeadlineExceeded, and it has the
// Timeout method that package net gives its own. It is Twisted's TimeoutError.
type TimeoutError struct {
	After time.Duration // how long the timeout was
}

func (e *TimeoutError) Error() string { return fmt.Sprintf("deferred: timed out after %v", e.After) }

// Timeout returns true.
func (e *TimeoutError) Timeout() bool { return true }

// Is reports whether target is os.ErrDeadlineExceeded.
func (e *TimeoutError) Is(target error) bool { return target == os.ErrDeadlineExceeded }

// AddTimeout cancels d if the chain up to here has no result after timeout, by
// clock. It follows Twisted's addTimeout: handlers added before it are covered,
// those added after it are not. The timer is removed as soon as there is a
// result.
//
// onTimeout says what the timeout means: it is called with the result that
// cancelling led to and with timeout, and only if the time ran out. nil turns
// [ErrCancelled] into a [*TimeoutError] and leaves any other result as it is,
// for example the value of a canceller that gave one.
func (d *Deferred[T]) AddTimeout(timeout time.Duration, clock Clock, onTimeout func(value T, err error, timeout time.Duration) (T, error)) *Deferred[T] {
	if clock == nil {
		panic("deferred: AddTimeout with a nil clock")
	}
	if onTimeout == nil {
		onTimeout = cancelledToTimeout[T]
	}
	timedOut := false
	timer := clock.CallLater(timeout, func() {
		timedOut = true
		d.Cancel()
	})
	return d.add(observer[T](func(d *Deferred[T]) runner {
		if timer.Active() {
			timer.Cancel()
		}
		if timedOut {
			d.handled()
			d.set(onTimeout(d.value, d.err, timeout))
		}
		return nil
	}))
}

func cancelledToTimeout[T any](value T, err error, timeout time.Duration) (T, error) {
	if errors.Is(err, ErrCancelled) {
		err = &TimeoutError{After: timeout}
	}
	return value, err
}
