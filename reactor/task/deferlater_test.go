package task_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/internal/testkit/outcome"
	"github.com/seed-7c003b53/gotreq/reactor/task"
)

var errTest = errors.New("an error of the test")

func TestDeferLater(t *testing.T) {
	tests := []struct {
		name  string
		start func(c *task.Clock) *deferred.Deferred[int]
		value int
		err   error
	}{
		{"a function's value", func(c *task.Clock) *deferred.Deferred[int] {
			return task.DeferLater(c, 3*second, func() (int, error) { return 42, nil })
		}, 42, nil},
		{"a function's error", func(c *task.Clock) *deferred.Deferred[int] {
			return task.DeferLater(c, 3*second, func() (int, error) { return 0, errTest })
		}, 0, errTest},
		{"a value", func(c *task.Clock) *deferred.Deferred[int] {
			return task.DeferLaterValue(c, 3*second, 7)
		}, 7, nil},
		{"nothing", func(c *task.Clock) *deferred.Deferred[int] {
			return deferred.Map(task.Sleep(c, 3*second), func(none) (int, error) { return 1, nil })
		}, 1, nil},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			c := task.NewClock()
			got := outcome.Of(test.start(c))
			c.Advance(2 * second)
			got.WantNothing(t)
			c.Advance(second)
			got.Want(t, test.value, test.err)
		})
		t.Run(test.name+", cancelled", func(t *testing.T) {
			c := task.NewClock()
			d := test.start(c)
			got := outcome.Of(d)
			d.Cancel()
			got.Want(t, 0, deferred.ErrCancelled)
			if calls := c.DelayedCalls(); len(calls) != 0 {
				t.Errorf("%d timers are left", len(calls))
			}
			c.Advance(3 * second)
		})
	}
}

func TestDeferLaterCancelledDoesNotCall(t *testing.T) {
	c := task.NewClock()
	d := task.DeferLater(c, second, func() (int, error) {
		t.Error("the function was called")
		return 0, nil
	})
	outcome.Of(d)
	d.Cancel()
	c.Advance(second)
}

func TestDeferLaterPanic(t *testing.T) {
	c := task.NewClock()
	got := outcome.Of(task.DeferLater(c, second, func() (int, error) { panic(errTest) }))
	c.Advance(second)
	var p *deferred.PanicError
	if !errors.As(got.Err, &p) || !errors.Is(got.Err, errTest) {
		t.Errorf("the Deferred failed with %v", got.Err)
	}
}

func TestDeferLaterNil(t *testing.T) {
	wantPanic(t, "task: DeferLater with a nil function", func() {
		task.DeferLater[int](task.NewClock(), second, nil)
	})
}

func wantPanic(t *testing.T, want any, f func()) {
	t.Helper()
	defer func() {
		t.Helper()
		if got := recover(); got != want {
			t.Errorf("panic with %v, want %v", got, want)
		}
	}()
	f()
}

func ExampleDeferLater() {
	clock := task.NewClock() // a program passes its reactor
	d := task.DeferLater(clock, time.Second, func() (string, error) { return "hello", nil })
	d.AddCallback(func(s string) (string, error) {
		fmt.Println(s)
		return s, nil
	})
	clock.Advance(time.Second)
	// Output: hello
}

func ExampleSleep() {
	clock := task.NewClock()
	d := deferred.Then(task.Sleep(clock, time.Second), func(deferred.None) *deferred.Deferred[string] {
		return task.DeferLaterValue(clock, time.Second, "two seconds later")
	})
	d.AddCallback(func(s string) (string, error) {
		fmt.Println(s)
		return s, nil
	})
	clock.Pump(time.Second, time.Second)
	// Output: two seconds later
}
