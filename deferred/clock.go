package deferred

import (
	"errors"
	"time"
)

// A Clock tells the time and calls functions later, on the goroutine of its
// reactor. It is Twisted's IReactorTime. Every reactor is one, and so is the
// clock of a test, whose time moves only when the test moves it.
type Clock interface {
	// Now returns the clock's time.
	Now() time.Time
	// CallLater calls f once, after delay. A delay of zero or less means with
	// the next turn of the loop; f is never called by CallLater itself.
	CallLater(delay time.Duration, f func()) DelayedCall
}

// A DelayedCall is a call that [Clock.CallLater] is to make. It is Twisted's
// IDelayedCall. Its methods belong to the clock's goroutine. Those that give an
// error give [ErrAlreadyCalled] or [ErrAlreadyCancelled] when it is too late,
// and then change nothing.
type DelayedCall interface {
	// Cancel takes the call back.
	Cancel() error
	// Reset moves the call to delay from now.
	Reset(delay time.Duration) error
	// Delay moves the call to extra later than it was to be; a negative extra
	// moves it nearer.
	Delay(extra time.Duration) error
	// Active reports whether the call is still to be made.
	Active() bool
	// Time returns when the call is, or was, to be made.
	Time() time.Time
}

// ErrAlreadyCalled is the error of changing a [DelayedCall] that has been made.
// It is Twisted's AlreadyCalled.
var ErrAlreadyCalled = errors.New("deferred: the delayed call has already run")

// ErrAlreadyCancelled is the error of changing a [DelayedCall] that was taken
// back. It is Twisted's AlreadyCancelled.
var ErrAlreadyCancelled = errors.New("deferred: the delayed call was already cancelled")
