package deferred_test

import (
	"errors"
	"fmt"
	"reflect"
	"testing"
	"time"

	"github.com/seed-7c003b53/gotreq/deferred"
)

var errBoom = errors.New("boom")

// outcome returns the result of d, if there is one, and handles an error.
func outcome[T any](d *deferred.Deferred[T]) (got deferred.Result[T], fired bool) {
	d.AddBoth(func(v T, err error) (T, error) {
		got, fired = deferred.Result[T]{Value: v, Err: err}, true
		return v, nil
	})
	return got, fired
}

func wantValue[T any](t *testing.T, d *deferred.Deferred[T], want T) {
	t.Helper()
	got, fired := outcome(d)
	switch {
	case !fired:
		t.Errorf("no result, want value %v", want)
	case got.Err != nil:
		t.Errorf("got error %v, want value %v", got.Err, want)
	case !reflect.DeepEqual(got.Value, want):
		t.Errorf("got value %v, want %v", got.Value, want)
	}
}

func wantError[T any](t *testing.T, d *deferred.Deferred[T], want error) {
	t.Helper()
	got, fired := outcome(d)
	switch {
	case !fired:
		t.Errorf("no result, want error %v", want)
	case got.Err == nil:
		t.Errorf("got value %v, want error %v", got.Value, want)
	case !errors.Is(got.Err, want):
		t.Errorf("got error %v, want %v", got.Err, want)
	}
}

func wantPending[T any](t *testing.T, d *deferred.Deferred[T]) {
	t.Helper()
	if got, fired := outcome(d); fired {
		t.Errorf("got %v, want no result", got)
	}
}

// wantPanic returns the value that f panics with.
func wantPanic(t *testing.T, f func()) (value any) {
	t.Helper()
	defer func() {
		if value = recover(); value == nil {
			t.Error("no panic")
		}
	}()
	f()
	return nil
}

func eq[T any](t *testing.T, got, want T) {
	t.Helper()
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

// story is a list of events.
type story []string

func (s *story) add(format string, args ...any) { *s = append(*s, fmt.Sprintf(format, args...)) }

// fakeClock is a Clock that only advance moves.
type fakeClock struct {
	now   time.Time
	calls []*fakeCall
}

type fakeCall struct {
	clock *fakeClock
	at    time.Time
	f     func()
	over  error
}

func (c *fakeClock) Now() time.Time { return c.now }

func (c *fakeClock) CallLater(delay time.Duration, f func()) deferred.DelayedCall {
	call := &fakeCall{clock: c, at: c.now.Add(delay), f: f}
	c.calls = append(c.calls, call)
	return call
}

func (c *fakeClock) advance(by time.Duration) {
	end := c.now.Add(by)
	for {
		var due *fakeCall
		for _, call := range c.calls {
			if call.Active() && !call.at.After(end) && (due == nil || call.at.Before(due.at)) {
				due = call
			}
		}
		if due == nil {
			c.now = end
			return
		}
		c.now = due.at
		due.over = deferred.ErrCallRan
		due.f()
	}
}

// active returns the number of pending calls.
func (c *fakeClock) active() (n int) {
	for _, call := range c.calls {
		if call.Active() {
			n++
		}
	}
	return n
}

func (c *fakeCall) Cancel() error {
	if c.over != nil {
		return c.over
	}
	c.over = deferred.ErrCallCancelled
	return nil
}

func (c *fakeCall) Reset(delay time.Duration) error {
	c.at = c.clock.now.Add(delay)
	return c.over
}

func (c *fakeCall) Delay(extra time.Duration) error {
	c.at = c.at.Add(extra)
	return c.over
}

func (c *fakeCall) Active() bool    { return c.over == nil }
func (c *fakeCall) Time() time.Time { return c.at }

// fakeLoop is a Loop that runs a function for each call of turn.
type fakeLoop chan func()

func newLoop() fakeLoop { return make(fakeLoop, 100) }

func (l fakeLoop) CallFromThread(f func()) { l <- f }

// turn waits for the next function and runs it.
func (l fakeLoop) turn() { (<-l)() }

func newGoroutine(f func()) { go f() }
