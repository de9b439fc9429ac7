package deferred_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/seed-7c003b53/gotreq/deferred"
)

func TestCancel(t *testing.T) {
	t.Run("no canceller", func(t *testing.T) {
		d := deferred.New[int]()
		d.Cancel()
		wantError(t, d, deferred.ErrCancelled)
	})
	t.Run("a late result is dropped once", func(t *testing.T) {
		for _, late := range []error{nil, errBoom} {
			d := deferred.New[int]()
			d.Cancel()
			d.Cancel()
			d.Resolve(1, late)
			wantPanic(t, func() { d.Callback(2) })
			wantPanic(t, func() { d.Errback(errBoom) })
			wantError(t, d, deferred.ErrCancelled)
		}
	})
	t.Run("canceller is called once, with the Deferred", func(t *testing.T) {
		calls := 0
		var d, got *D
		d = deferred.NewCancellable(func(d *D) { calls++; got = d; d.Cancel() })
		d.Cancel()
		d.Cancel()
		eq(t, calls, 1)
		eq(t, got, d)
		wantError(t, d, deferred.ErrCancelled)
	})
	t.Run("canceller that does not fire", func(t *testing.T) {
		d := deferred.NewCancellable(func(*D) {})
		d.Cancel()
		d.Callback(1) // dropped
		wantError(t, d, deferred.ErrCancelled)
	})
	t.Run("canceller that gives a value", func(t *testing.T) {
		d := deferred.NewCancellable(func(d *D) { d.Callback(3) })
		d.Cancel()
		wantPanic(t, func() { d.Callback(4) })
		wantValue(t, d, 3)
	})
	t.Run("canceller that gives an error", func(t *testing.T) {
		d := deferred.NewCancellable(func(d *D) { d.Errback(errBoom) })
		d.Cancel()
		wantError(t, d, errBoom)
	})
	t.Run("canceller that panics", func(t *testing.T) {
		d := deferred.NewCancellable(func(d *D) { panic(errBoom) })
		d.Cancel()
		got, _ := outcome(d)
		if !errors.Is(got.Err, deferred.ErrCancelled) || !errors.Is(got.Err, errBoom) || !strings.Contains(got.Err.Error(), "canceller panicked: panic: boom") {
			t.Errorf("got %v", got.Err)
		}
	})
	t.Run("canceller that panics after it fired", func(t *testing.T) {
		d := deferred.NewCancellable(func(d *D) { d.Callback(1); panic(errBoom) })
		d.Cancel()
		wantValue(t, d, 1)
	})
	t.Run("after it fired", func(t *testing.T) {
		called := false
		d := deferred.NewCancellable(func(*D) { called = true })
		d.Callback(1)
		d.Cancel()
		wantValue(t, d, 1)
		e := deferred.NewCancellable(func(*D) { called = true })
		e.Errback(errBoom)
		e.Cancel()
		wantError(t, e, errBoom)
		eq(t, called, false)
	})
	t.Run("inside its own handler", func(t *testing.T) {
		d := deferred.New[int]()
		d.AddCallback(func(v int) (int, error) { d.Cancel(); return v + 1, nil })
		d.Callback(1)
		wantValue(t, d, 2)
	})
	t.Run("while paused", func(t *testing.T) {
		d := deferred.New[int]()
		d.Pause()
		d.Cancel()
		got := error(nil)
		d.AddErrback(func(err error) (int, error) { got = err; return 0, nil })
		eq(t, got, nil)
		d.Unpause()
		eq(t, got, deferred.ErrCancelled)
	})
}

// Cancelling the end of a chain cancels the Deferred that the chain waits for: the
// first one, or the one that a handler returned.
func TestCancelGoesUpstream(t *testing.T) {
	type link func(d, inner *D) *D
	links := map[string]link{
		"AddCallback":  func(d, _ *D) *D { return d.AddCallback(same) },
		"Map":          func(d, _ *D) *D { return deferred.Map(d, same) },
		"MapBoth":      func(d, _ *D) *D { return deferred.MapBoth(d, func(v int, err error) (int, error) { return v, err }) },
		"Then":         func(d, i *D) *D { return deferred.Then(d, func(int) *D { return i }) },
		"ThenBoth":     func(d, i *D) *D { return deferred.ThenBoth(d, func(_ int, err error) *D { return orFail(i, err) }) },
		"ThenCallback": func(d, i *D) *D { return d.ThenCallback(func(int) *D { return i }) },
		"d.ThenBoth":   func(d, i *D) *D { return d.ThenBoth(func(_ int, err error) *D { return orFail(i, err) }) },
		"Go": func(d, i *D) *D {
			return deferred.Go(func(co *deferred.Co) (int, error) {
				if _, err := deferred.Await(co, d); err != nil {
					return 0, err
				}
				return deferred.Await(co, i)
			})
		},
	}
	for name, l := range links {
		t.Run(name+", first pending", func(t *testing.T) {
			cancelled := 0
			d := deferred.NewCancellable(func(*D) { cancelled++ })
			e := l(d, deferred.New[int]())
			e.Cancel()
			eq(t, cancelled, 1)
			wantError(t, e, deferred.ErrCancelled)
			d.Callback(1) // late, dropped
			outcome(d)
		})
		if strings.HasPrefix(name, "Map") || name == "AddCallback" {
			continue
		}
		t.Run(name+", returned one pending", func(t *testing.T) {
			cancelled := 0
			inner := deferred.NewCancellable(func(*D) { cancelled++ })
			e := l(deferred.Succeed(1), inner)
			e.Cancel()
			eq(t, cancelled, 1)
			wantError(t, e, deferred.ErrCancelled)
			e.Cancel()
			eq(t, cancelled, 1)
			outcome(inner)
		})
		t.Run(name+", returned one gives a value", func(t *testing.T) {
			inner := deferred.NewCancellable(func(d *D) { d.Callback(6) })
			e := l(deferred.Succeed(1), inner)
			e.Cancel()
			wantValue(t, e, 6)
		})
	}
}

func orFail(d *D, err error) *D {
	if err != nil {
		return deferred.Fail[int](err)
	}
	return d
}

// When the first Deferred has fired but is paused, cancelling the second one fires it,
// and the handler is not called afterwards.
func TestCancelBehindAPausedDeferred(t *testing.T) {
	for _, fired := range []error{nil, errBoom} {
		for name, link := range map[string]func(*D, func()) *D{
			"Map": func(d *D, ran func()) *D { return deferred.Map(d, func(v int) (int, error) { ran(); return v, nil }) },
			"MapBoth": func(d *D, ran func()) *D {
				return deferred.MapBoth(d, func(v int, err error) (int, error) { ran(); return v, err })
			},
			"Then": func(d *D, ran func()) *D {
				return deferred.Then(d, func(v int) *D { ran(); return deferred.Succeed(v) })
			},
			"ThenBoth": func(d *D, ran func()) *D {
				return deferred.ThenBoth(d, func(v int, err error) *D { ran(); return deferred.Succeed(v) })
			},
		} {
			t.Run(name, func(t *testing.T) {
				d := deferred.New[int]()
				e := link(d, func() { t.Error("handler ran") })
				d.Pause()
				d.Resolve(1, fired)
				e.Cancel()
				wantError(t, e, deferred.ErrCancelled)
				d.Unpause()
				outcome(d)
			})
		}
	}
}

// ownCanceller is an object that has its Deferred in it and stops its work.
type ownCanceller struct {
	deferred.Deferred[int]
	cancels int
}

func (o *ownCanceller) CancelDeferred(d *D) {
	o.cancels++
	d.Callback(7)
}

// TestOwnCanceller: an object that embeds its Deferred depends on nothing, not on itself.
func TestOwnCanceller(t *testing.T) {
	o := new(ownCanceller)
	o.Init(o)
	d := deferred.Map(&o.Deferred, same)
	bounded(t, d.Cancel)
	wantValue(t, d, 7)
	eq(t, o.cancels, 1)
}
