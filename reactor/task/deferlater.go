package task

import (
	"time"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/reactor"
)

// Sleep returns a Deferred that fires after delay. Cancelling the Deferred, or one that
// waits for it, removes the timer. It is Twisted's deferLater without a function.
func Sleep(clock reactor.Clock, delay time.Duration) *deferred.Deferred[deferred.None] {
	var call reactor.DelayedCall
	d := deferred.NewCancellable(func(*deferred.Deferred[deferred.None]) {
		call.Cancel()
	})
	call = clock.CallLater(delay, func() { d.Callback(deferred.None{}) })
	return d
}

// DeferLater calls f after delay and returns a Deferred for its result. If f panics, the
// Deferred fails with a [*deferred.PanicError]. Cancelling the Deferred removes the
// timer, and f is not called. For a function that returns a Deferred, use
// [deferred.Then] on [Sleep]. It is Twisted's deferLater.
func DeferLater[T any](clock reactor.Clock, delay time.Duration, f func() (T, error)) *deferred.Deferred[T] {
	if f == nil {
		panic("task: DeferLater with a nil function")
	}
	return deferred.Map(Sleep(clock, delay), func(deferred.None) (T, error) { return f() })
}

// DeferLaterValue returns a Deferred that fires with value after delay.
// Cancelling the Deferred removes the timer.
func DeferLaterValue[T any](clock reactor.Clock, delay time.Duration, value T) *deferred.Deferred[T] {
	return deferred.Map(Sleep(clock, delay), func(deferred.None) (T, error) { return value, nil })
}
