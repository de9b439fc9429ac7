package deferred

import (
	"errors"
	"time"
)

// A Clock tells the time and calls functions later. Every reactor is one, and
// so is task.Clock, whose time a test moves. It is Twisted's IReactorTime.
type Clock interface {
	// Now returns the clock's time.
	Now() time.Time
	// CallLater calls f, on the clock's goroutine, once delay has passed. It is
	// to be called from that goroutine. A negative delay counts as none.
	CallLater(delay time.Duration, f func()) DelayedCall
}

// A DelayedCall is a call that [Clock.CallLater] arranged. It is Twisted's
// IDelayedCall and belongs to the clock's goroutine.
//
// Its methods fail with [ErrCallRan] or [ErrCallCancelled] once the call has
// been made or cancelled, and do nothing then.
type DelayedCall interface {
	// Cancel removes the call.
	Cancel() error
	// Reset moves the call to delay from now.
	Reset(delay time.Duration) error
	// Delay moves the call by extra from the time it is set for.
	Delay(extra time.Duration) error
	// Active reports whether the call is still to be made.
	Active() bool
	// Time returns when the call is, or was, to be made.
	Time() time.Time
}

var (
	// ErrCallRan is the error of changing a DelayedCall that has been made. It is
	// Twisted's AlreadyCalled.
	ErrCallRan = errors.New("the delayed call has already been made")
	// ErrCallCancelled is the error of changing a DelayedCall that was
	// cancelled. It is Twisted's AlreadyCancelled.
	ErrCallCancelled = errors.New("the delayed call was already cancelled")
)
