package deferred

import (
	"context"
	"errors"
)

// This file connects Deferreds with goroutines, channels and contexts. The package
// itself starts no goroutine: the caller provides an Executor, which runs work on
// another goroutine, and a Loop, which delivers the result.

// A Loop runs functions on a reactor's goroutine. Every reactor is one. It is the
// part of Twisted's IReactorFromThreads that this package needs.
type Loop interface {
	// CallFromThread makes the reactor call f on its goroutine. Any goroutine may
	// call CallFromThread.
	CallFromThread(f func())
}

// An Executor runs f on a goroutine other than the reactor's, and does not wait for
// it. A reactor's CallInThread is one; so is func(f func()) { go f() }.
type Executor func(f func())

// ErrChannelClosed is the error of [FromChannel] for a closed channel.
var ErrChannelClosed = errors.New("deferred: channel closed")

// ErrNoResult is the error of [RunOn] for a function that ends its goroutine
// instead of returning, as runtime.Goexit does.
var ErrNoResult = errors.New("deferred: function ended its goroutine")

// ToChannel returns a channel that receives d's result once and is then closed. An
// error then counts as handled. Any goroutine may receive from the channel. It is
// Twisted's asFuture.
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

// FromChannel returns a Deferred for the next value of ch, or [ErrChannelClosed].
// The receive runs on executor; the result is delivered on loop. Cancelling the
// Deferred ends the receive; a value received at that moment is lost.
func FromChannel[T any](loop Loop, executor Executor, ch <-chan T) *Deferred[T] {
	return RunOn(loop, executor, func(ctx context.Context) (value T, err error) {
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

// RunOn calls f on executor and returns a Deferred for f's result, which is
// delivered on loop. A panic in f becomes a [*PanicError]. Cancelling the Deferred
// cancels f's context; it does not wait for f, whose result is dropped. It is
// Twisted's deferToThread.
func RunOn[T any](loop Loop, executor Executor, f func(ctx context.Context) (T, error)) *Deferred[T] {
	notNil(f != nil, "RunOn")
	ctx, cancel := context.WithCancel(context.Background())
	work := &external{what: func() string { return describeFunc(f) + ", which runs on another goroutine" }}
	d := newWait[T](work, cancel)
	executor(func() {
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

// AddContext cancels d when ctx ends, unless the handlers added before it have given
// a result by then. The error of the cancellation matches both [ErrCancelled] and the
// context's cause with errors.Is. The context may end on any goroutine; loop delivers
// its end. A loop with a method WatchContext, as each reactor has it, is told by that; so a
// reactor in memory cancels d in the next turn, in each run.
func (d *Deferred[T]) AddContext(ctx context.Context, loop Loop) *Deferred[T] {
	hasResult, ended := false, false
	stop := watchContext(ctx, loop, func() {
		if !hasResult {
			ended = true
			d.Cancel()
		}
	})
	return d.add(observer[T](func(d *Deferred[T]) runner {
		hasResult = true
		stop()
		if ended && errors.Is(d.err, ErrCancelled) {
			d.markHandled()
			d.set(d.value, &contextError{d.err, context.Cause(ctx)})
		}
		return nil
	}))
}

// watchContext makes loop call f after ctx has ended, unless stop is called before.
func watchContext(ctx context.Context, loop Loop, f func()) (stop func()) {
	if watcher, ok := loop.(interface {
		WatchContext(ctx context.Context, f func()) (stop func())
	}); ok {
		return watcher.WatchContext(ctx, f)
	}
	unwatch := context.AfterFunc(ctx, func() { loop.CallFromThread(f) })
	return func() { unwatch() }
}

// A contextError is the error of a cancellation because of a context.
type contextError struct {
	err   error // matches ErrCancelled
	cause error // of the context
}

func (e *contextError) Error() string   { return e.err.Error() + ": " + e.cause.Error() }
func (e *contextError) Unwrap() []error { return []error{e.err, e.cause} }
