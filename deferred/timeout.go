package deferred

import (
	"errors"
	"fmt"
	"os"
	"time"
)

// A TimeoutError is the error of a Deferred that [Deferred.AddTimeout] cancelled.
// It matches os.ErrDeadlineExceeded with errors.Is, and has a Timeout method as
// errors of package net have.
type TimeoutError struct {
	After time.Duration // the timeout
}

func (e *TimeoutError) Error() string { return fmt.Sprintf("deferred: timed out after %v", e.After) }

// Timeout returns true.
func (e *TimeoutError) Timeout() bool { return true }

// Is reports whether target is os.ErrDeadlineExceeded.
func (e *TimeoutError) Is(target error) bool { return target == os.ErrDeadlineExceeded }

// AddTimeout cancels d after timeout, unless the handlers added before it have given
// a result by then. Handlers added after it are not covered.
//
// If the timeout expires, d calls onTimeout with the result of the cancellation, and
// the next handler gets the result of onTimeout. A nil onTimeout turns
// [ErrCancelled] into a [*TimeoutError] and keeps any other result, for example a
// value from a canceller.
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
			d.markHandled()
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
