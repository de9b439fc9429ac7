package deferred_test

import (
	"context"
	"errors"
	"runtime"
	"testing"

	"github.com/seed-7c003b53/gotreq/deferred"
)

func TestToChannel(t *testing.T) {
	for _, result := range []error{nil, errBoom, deferred.ErrCancelled} {
		d := deferred.New[int]()
		ch := deferred.ToChannel(d)
		got := make(chan deferred.Result[int])
		go func() { got <- <-ch }()
		if result == deferred.ErrCancelled {
			d.Cancel()
		} else {
			d.Resolve(3, result)
		}
		r := <-got
		eq(t, r.Err, result)
		if result == nil {
			eq(t, r.Value, 3)
		}
		if _, open := <-ch; open {
			t.Error("the channel is not closed")
		}
	}
}

func TestFromChannel(t *testing.T) {
	loop := newLoop()
	ch := make(chan int)
	d := deferred.FromChannel(loop, newGoroutine, ch)
	e := deferred.Map(d, same)
	ch <- 5
	wantPending(t, d)
	loop.turn()
	wantValue(t, e, 5)

	d = deferred.FromChannel(loop, newGoroutine, ch)
	d.Cancel()
	loop.turn() // the end of the receive, whose result is dropped
	wantError(t, d, deferred.ErrCancelled)

	d = deferred.FromChannel(loop, newGoroutine, ch)
	close(ch)
	loop.turn()
	wantError(t, d, deferred.ErrChannelClosed)
}

func TestRunOn(t *testing.T) {
	loop := newLoop()
	for _, c := range []struct {
		name string
		f    func(context.Context) (int, error)
		want error
	}{
		{"value", func(context.Context) (int, error) { return 5, nil }, nil},
		{"error", func(context.Context) (int, error) { return 0, errBoom }, errBoom},
		{"panic", func(context.Context) (int, error) { panic(errBoom) }, errBoom},
		{"no return", func(context.Context) (int, error) { runtime.Goexit(); return 0, nil }, deferred.ErrNoResult},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := deferred.RunOn(loop, newGoroutine, c.f)
			loop.turn()
			if c.want != nil {
				wantError(t, d, c.want)
			} else {
				wantValue(t, d, 5)
			}
		})
	}
	t.Run("cancelled", func(t *testing.T) {
		seen := make(chan error)
		d := deferred.RunOn(loop, newGoroutine, func(ctx context.Context) (int, error) {
			<-ctx.Done()
			seen <- ctx.Err()
			return 7, nil
		})
		d.Cancel()
		eq(t, <-seen, context.Canceled)
		loop.turn()
		wantError(t, d, deferred.ErrCancelled)
	})
}

func TestAddContext(t *testing.T) {
	loop := newLoop()
	cause := errors.New("user left")
	t.Run("cancelled", func(t *testing.T) {
		ctx, cancel := context.WithCancelCause(context.Background())
		d := deferred.New[int]().AddContext(ctx, loop)
		cancel(cause)
		loop.turn()
		got, _ := outcome(d)
		if !errors.Is(got.Err, cause) || !errors.Is(got.Err, deferred.ErrCancelled) {
			t.Errorf("got %v", got.Err)
		}
	})
	t.Run("cancelled before", func(t *testing.T) {
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		d := deferred.New[int]().AddContext(ctx, loop)
		loop.turn()
		wantError(t, d, context.Canceled)
	})
	t.Run("fired before the end", func(t *testing.T) {
		ctx, cancel := context.WithCancel(context.Background())
		d := deferred.New[int]().AddContext(ctx, loop)
		d.Callback(1)
		cancel()
		eq(t, len(loop), 0)
		wantValue(t, d, 1)
	})
	t.Run("fired before the loop delivered the end", func(t *testing.T) {
		ctx, cancel := context.WithCancel(context.Background())
		after := deferred.New[int]()
		d := deferred.New[int]()
		d.AddContext(ctx, loop).ThenCallback(func(int) *D { return after })
		cancel()
		cancelLater := <-loop
		d.Callback(1)
		cancelLater()
		after.Callback(2)
		wantValue(t, d, 2)
	})
	t.Run("a canceller that gives a value", func(t *testing.T) {
		ctx, cancel := context.WithCancel(context.Background())
		d := deferred.NewCancellable(func(d *D) { d.Callback(4) }).AddContext(ctx, loop)
		cancel()
		loop.turn()
		wantValue(t, d, 4)
	})
}
