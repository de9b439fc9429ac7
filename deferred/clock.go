package deferred

import (
	"errors"
	"time"
)

// A Clock tells the time and delays calls. Every reactor is one, and so is
// task.Clock, whose time moves only when a test moves it.
type Clock interface {
	// Now returns the clock's time.
	Now() time.Time
	// CallLater calls f on the clock's goroutine after delay, which counts as zero
	// if it is negative. Only that goroutine may call CallLater.
	CallLater(delay time.Duration, f func()) DelayedCall
}

// A DelayedCall is a pending call of [Clock.CallLater]. It belongs to the clock's
// goroutine. Those of this library print when they are due and what they call, and on a clock
// for tests also where they were scheduled:
//
//	in 4m0s, at 12:04:00: task.Sleep.func2 (deferlater.go:17), by main.main (main.go:7)
//
// After the call was made or cancelled, Cancel, Reset and Delay do nothing and return
// [ErrCallRan] or [ErrCallCancelled].
type DelayedCall interface {
	// Cancel removes the call.
	Cancel() error
	// Reset moves the call to delay from now.
	Reset(delay time.Duration) error
	// Delay moves the call by extra, relative to its present time.
	Delay(extra time.Duration) error
	// Active reports whether the call is pending.
	Active() bool
	// Time returns the time of the call, whether pending or not.
	Time() time.Time
}

var (
	// ErrCallRan is the error of changing a DelayedCall that was made.
	ErrCallRan = errors.New("the delayed call has already been made")
	// ErrCallCancelled is the error of changing a DelayedCall that was cancelled.
	ErrCallCancelled = errors.New("the delayed call was already cancelled")
)
