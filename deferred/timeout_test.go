package deferred_test

import (
	"errors"
	"os"
	"testing"
	"time"

	"github.com/seed-7c003b53/gotreq/deferred"
)

func TestAddTimeout(t *testing.T) {
	custom := func(v int, err error, timeout time.Duration) (int, error) {
		return int(timeout.Seconds()), nil
	}
	type hook = func(int, error, time.Duration) (int, error)
	value := func(d *D) { d.Callback(1) }
	fails := func(d *D) { d.Errback(errBoom) }
	cancel := func(d *D) { d.Cancel() }
	recovers := func(error) (int, error) { return -1, nil }
	// A handler that the canceller adds runs after that of the timeout.
	addRecovery := func(d *D) { d.AddCallback(func(v int) (int, error) { return v, nil }) }
	for _, c := range []struct {
		name      string
		canceller func(*D)
		before    func(error) (int, error) // an errback added before the timeout
		early     func(*D)                 // called after one second of ten
		hook      hook
		want      int
		fails     error
	}{
		{"value in time", nil, nil, value, nil, 1, nil},
		{"value in time, hook", nil, nil, value, custom, 1, nil},
		{"error in time", nil, nil, fails, nil, 0, errBoom},
		{"error in time, hook", nil, nil, fails, custom, 0, errBoom},
		{"cancelled in time", nil, nil, cancel, nil, 0, deferred.ErrCancelled},
		{"cancelled in time, hook", nil, nil, cancel, custom, 0, deferred.ErrCancelled},
		{"timed out", nil, nil, nil, nil, 0, os.ErrDeadlineExceeded},
		{"timed out, hook", nil, nil, nil, custom, 10, nil},
		{"canceller gives a value", func(d *D) { d.Callback(7) }, nil, nil, nil, 7, nil},
		{"canceller gives a value, hook", func(d *D) { d.Callback(7) }, nil, nil, custom, 10, nil},
		{"canceller gives an error", fails, nil, nil, nil, 0, errBoom},
		{"canceller gives an error, hook", fails, nil, nil, custom, 10, nil},
		{"canceller adds a handler", addRecovery, nil, nil, nil, 0, os.ErrDeadlineExceeded},
		{"canceller adds a handler, hook", addRecovery, nil, nil, custom, 10, nil},
		{"canceller called before", fails, nil, cancel, nil, 0, errBoom},
		{"errback before passes on", nil, func(err error) (int, error) { return 0, err }, nil, nil, 0, os.ErrDeadlineExceeded},
		{"errback before recovers", nil, recovers, nil, nil, -1, nil},
		{"errback before recovers, hook", nil, recovers, nil, custom, 10, nil},
		{"errback before changes the error", nil, func(error) (int, error) { return 0, errBoom }, nil, nil, 0, errBoom},
	} {
		t.Run(c.name, func(t *testing.T) {
			var clock fakeClock
			d := deferred.New[int]()
			if c.canceller != nil {
				d = deferred.NewCancellable(c.canceller)
			}
			if c.before != nil {
				d.AddErrback(c.before)
			}
			if d.AddTimeout(10*time.Second, &clock, c.hook) != d {
				t.Error("AddTimeout did not return the Deferred")
			}
			clock.advance(time.Second)
			eq(t, clock.active(), 1)
			if c.early != nil {
				c.early(d)
				eq(t, clock.active(), 0)
			}
			clock.advance(time.Minute)
			eq(t, clock.active(), 0)
			if c.fails != nil {
				wantError(t, d, c.fails)
			} else {
				wantValue(t, d, c.want)
			}
		})
	}
}

func TestAddTimeoutCoversTheHandlersAddedBeforeIt(t *testing.T) {
	var clock fakeClock
	before, after := deferred.New[int](), deferred.New[int]()
	d := deferred.Succeed(1).ThenCallback(func(int) *D { return before }).
		AddTimeout(time.Second, &clock, nil).
		ThenCallback(func(int) *D { return after })
	before.Callback(1)
	clock.advance(time.Hour)
	after.Callback(2)
	wantValue(t, d, 2)

	// A Deferred with a result removes its timer at once.
	deferred.Succeed(1).AddTimeout(time.Second, &clock, nil)
	eq(t, clock.active(), 0)
}

func TestTimeoutError(t *testing.T) {
	var clock fakeClock
	d := deferred.New[int]().AddTimeout(1500*time.Millisecond, &clock, nil)
	clock.advance(2 * time.Second)
	got, _ := outcome(d)
	var timeout interface{ Timeout() bool }
	if !errors.As(got.Err, &timeout) || !timeout.Timeout() || errors.Is(got.Err, deferred.ErrCancelled) {
		t.Errorf("got %v", got.Err)
	}
	eq(t, got.Err.Error(), "deferred: timed out after 1.5s")
}
