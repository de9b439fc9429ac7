package deferred

import (
	"context"
	"errors"
)

// This file holds the ways between Deferreds and the rest of Go. This package
// starts no goroutine: what has to run on another one is given to a function
// that the caller brings, and comes back by way of a Loop.

// A Loop is the way to a reactor's goroutine from any other. It is the part of
// Twisted's IReactorFromThreads that is needed here; every reactor is one.
type Loop interface {
	// CallFromThread has f called on the reactor's goroutine.
	CallFromThread(f func())
}

// Elsewhere has f called on another goroutine than the reactor's. A reactor's
// thread pool gives one; so does func(f func()) { go f() }.
type Elsewhere func(f func())

// ErrChannelClosed is the error of [FromChannel] when the channel was closed.
var ErrChannelClosed = errors.New("deferred: channel closed")

// ErrNoResult is the error of [RunElsewhere] when the function did not return,
// because it ended its goroutine.
var ErrNoResult = errors.New("deferred: function ended its goroutine")

// ToChannel returns a channel on which d's result will be sent, once, before it
// is closed. An error then counts as handled. Call it on the reactor's
// goroutine; receive on any other. It is Twisted's asFuture.
func ToChannel[T any](d *Deferred[T]) <-chan Result[T] {
	ch := make(chan Result[T], 1)
	d.add(observer[T](func(d *Deferred[T]) runner {
		value, err := d.take()
		ch <- Result[T]{value, err}
		close(ch)
		return nil
	}))
	return ch
}

// FromChannel returns a Deferred for the next value on ch, or
// [ErrChannelClosed]. It waits by elsewhere and comes back by loop. Cancelling it
// ends the wait; a value received at that very moment is lost.
func FromChannel[T any](loop Loop, elsewhere Elsewhere, ch <-chan T) *Deferred[T] {
	return RunElsewhere(loop, elsewhere, func(ctx context.Context) (value T, err error) {
		select {
		case value, ok := <-ch:
			if !ok {
				return value, ErrChannelClosed
			}
			return value, nil
		case <-ctx.Done():
			return value, ctx.Err()
		}
	})
}

// RunElsewhere calls f by elsewhere, and returns a Deferred for what f returns,
// which comes back by loop. A panic in f becomes a [*PanicError]. It is Twisted's
// deferToThread. Cancelling the Deferred cancels f's context and does not wait
// for f, whose result is then dropped.
func RunElsewhere[T any](loop Loop, elsewhere Elsewhere, f func(ctx context.Context) (T, error)) *Deferred[T] {
	notNil(f != nil, "RunElsewhere")
	ctx, cancel := context.WithCancel(context.Background())
	d := NewCancellable(func(*Deferred[T]) { cancel() })
	elsewhere(func() {
		var value T
		err := ErrNoResult
		defer loop.CallFromThread(func() {
			cancel()
			d.Resolve(value, err)
		})
		value, err = protect(func() (T, error) { return f(ctx) })
	})
	return d
}

// AddContext cancels d if ctx ends before the chain up to here has a result. An
// error [ErrCancelled] that this leads to then also is ctx's cause, for
// errors.Is. Like [Deferred.AddTimeout] it covers the handlers added before it.
// A context ends on some other goroutine, so that the news come by loop.
func (d *Deferred[T]) AddContext(ctx context.Context, loop Loop) *Deferred[T] {
	over, ended := false, false
	stop := context.AfterFunc(ctx, func() {
		loop.CallFromThread(func() {
			if !over {
				ended = true
				d.Cancel()
			}
		})
	})
	return d.add(observer[T](func(d *Deferred[T]) runner {
		over = true
		stop()
		if ended && errors.Is(d.err, ErrCancelled) {
			d.handled()
			d.set(d.value, errors.Join(d.err, context.Cause(ctx)))
		}
		return nil
	}))
}
