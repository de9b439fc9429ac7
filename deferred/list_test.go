package deferred_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/seed-7c003b53/gotreq/deferred"
)

// members returns n Deferreds; cancelled counts the calls of their cancellers.
func members(n int, canceller func(*D)) (ds []*D, cancelled *int) {
	cancelled = new(int)
	for range n {
		ds = append(ds, deferred.NewCancellable(func(d *D) {
			*cancelled++
			if canceller != nil {
				canceller(d)
			}
		}))
	}
	return ds, cancelled
}

type results = []deferred.Result[int]

func TestDeferredList(t *testing.T) {
	t.Run("all, in order of the list", func(t *testing.T) {
		ds, _ := members(3, nil)
		l := deferred.DeferredList(ds)
		ds[2].Callback(3)
		ds[1].Errback(errBoom)
		eq(t, l.Called(), false)
		ds[0].Callback(1)
		wantValue(t, l, results{{Value: 1}, {Err: errBoom}, {Value: 3}})
		wantError(t, ds[1], errBoom) // it keeps its error
		wantValue(t, ds[0], 1)
	})
	t.Run("none", func(t *testing.T) {
		wantValue(t, deferred.DeferredList[int](nil), results{})
	})
	t.Run("consume errors", func(t *testing.T) {
		ds, _ := members(1, nil)
		l := deferred.DeferredList(ds, deferred.ConsumeErrors)
		ds[0].Errback(errBoom)
		wantValue(t, l, results{{Err: errBoom}})
		wantValue(t, ds[0], 0)
	})
	t.Run("fire on one errback", func(t *testing.T) {
		ds, cancelled := members(3, nil)
		l := deferred.DeferredList(ds, deferred.FireOnOneErrback, deferred.ConsumeErrors)
		ds[1].Errback(errBoom)
		got, _ := outcome(l)
		var first *deferred.FirstError
		if !errors.As(got.Err, &first) || first.Index != 1 || first.Err != errBoom || !errors.Is(got.Err, errBoom) {
			t.Errorf("got %v", got.Err)
		}
		eq(t, first.Error(), "FirstError[#1, boom]")
		l.Cancel() // it has fired
		eq(t, *cancelled, 0)
		ds[0].Callback(1)
		ds[2].Errback(errBoom)
		wantValue(t, ds[1], 0)
		wantValue(t, ds[2], 0)
	})
	t.Run("fire on one errback, none", func(t *testing.T) {
		ds, _ := members(2, nil)
		l := deferred.DeferredList(ds, deferred.FireOnOneErrback)
		ds[0].Callback(1)
		ds[1].Callback(2)
		wantValue(t, l, results{{Value: 1}, {Value: 2}})
	})
	t.Run("the slice may be reused", func(t *testing.T) {
		ds, cancelled := members(2, nil)
		l := deferred.DeferredList(ds, deferred.ConsumeErrors)
		clear(ds)
		l.Cancel()
		eq(t, *cancelled, 2)
		wantValue(t, l, results{{Err: deferred.ErrCancelled}, {Err: deferred.ErrCancelled}})
	})
	t.Run("nil member", func(t *testing.T) {
		ds, _ := members(2, nil)
		ds[1] = nil
		got := fmt.Sprint(wantPanic(t, func() { deferred.DeferredList(ds) }))
		if !strings.Contains(got, "number 1") {
			t.Errorf("got %q", got)
		}
	})
}

func TestCancellingAList(t *testing.T) {
	value := func(d *D) { d.Callback(6) }
	panics := func(*D) { panic(errBoom) }
	for _, c := range []struct {
		name      string
		canceller func(*D)
		list      func(ds []*D) fmt.Stringer
		check     func(t *testing.T, list fmt.Stringer)
	}{
		{"DeferredList", nil, func(ds []*D) fmt.Stringer { return deferred.DeferredList(ds) }, func(t *testing.T, l fmt.Stringer) {
			wantValue(t, l.(*deferred.Deferred[[]deferred.Result[int]]), results{{Err: deferred.ErrCancelled}, {Err: deferred.ErrCancelled}})
		}},
		{"DeferredList, values", value, func(ds []*D) fmt.Stringer { return deferred.DeferredList(ds) }, func(t *testing.T, l fmt.Stringer) {
			wantValue(t, l.(*deferred.Deferred[[]deferred.Result[int]]), results{{Value: 6}, {Value: 6}})
		}},
		{"DeferredList, panics", panics, func(ds []*D) fmt.Stringer { return deferred.DeferredList(ds) }, func(t *testing.T, l fmt.Stringer) {
			got, _ := outcome(l.(*deferred.Deferred[[]deferred.Result[int]]))
			if len(got.Value) != 2 || !errors.Is(got.Value[0].Err, errBoom) || !errors.Is(got.Value[1].Err, errBoom) {
				t.Errorf("got %v", got)
			}
		}},
		{"DeferredList, one errback", nil, func(ds []*D) fmt.Stringer { return deferred.DeferredList(ds, deferred.FireOnOneErrback) }, func(t *testing.T, l fmt.Stringer) {
			wantError(t, l.(*deferred.Deferred[[]deferred.Result[int]]), deferred.ErrCancelled)
		}},
		{"DeferredList, one errback, values", value, func(ds []*D) fmt.Stringer { return deferred.DeferredList(ds, deferred.FireOnOneErrback) }, func(t *testing.T, l fmt.Stringer) {
			wantValue(t, l.(*deferred.Deferred[[]deferred.Result[int]]), results{{Value: 6}, {Value: 6}})
		}},
		{"GatherResults", nil, func(ds []*D) fmt.Stringer { return deferred.GatherResults(ds) }, func(t *testing.T, l fmt.Stringer) {
			wantError(t, l.(*deferred.Deferred[[]int]), deferred.ErrCancelled)
		}},
		{"GatherResults, values", value, func(ds []*D) fmt.Stringer { return deferred.GatherResults(ds) }, func(t *testing.T, l fmt.Stringer) {
			wantValue(t, l.(*deferred.Deferred[[]int]), []int{6, 6})
		}},
		{"FireOnOneCallback", nil, func(ds []*D) fmt.Stringer { return deferred.FireOnOneCallback(ds) }, func(t *testing.T, l fmt.Stringer) {
			wantError(t, l.(*deferred.Deferred[deferred.Winner[int]]), deferred.ErrCancelled)
		}},
		{"FireOnOneCallback, values", value, func(ds []*D) fmt.Stringer { return deferred.FireOnOneCallback(ds) }, func(t *testing.T, l fmt.Stringer) {
			wantValue(t, l.(*deferred.Deferred[deferred.Winner[int]]), deferred.Winner[int]{Index: 0, Value: 6})
		}},
		{"Race", nil, func(ds []*D) fmt.Stringer { return deferred.Race(ds) }, func(t *testing.T, l fmt.Stringer) {
			wantError(t, l.(*deferred.Deferred[deferred.Winner[int]]), deferred.ErrCancelled)
		}},
		{"Gather2", nil, func(ds []*D) fmt.Stringer { return deferred.Gather2(ds[0], ds[1]) }, func(t *testing.T, l fmt.Stringer) {
			wantError(t, l.(*deferred.Deferred[deferred.Pair[int, int]]), deferred.ErrCancelled)
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			ds, cancelled := members(2, c.canceller)
			l := c.list(ds)
			l.(interface{ Cancel() }).Cancel()
			eq(t, *cancelled, 2)
			c.check(t, l)
			l.(interface{ Cancel() }).Cancel()
			eq(t, *cancelled, 2)
			for _, d := range ds {
				outcome(d)
			}
		})
	}
}

func TestCancellingAListWhoseMembersDoNotFire(t *testing.T) {
	ds, _ := members(2, nil)
	ds[0].Callback(1)
	ds[0].Pause()
	l := deferred.GatherResults(ds, deferred.ConsumeErrors)
	l.Cancel()
	wantError(t, l, deferred.ErrCancelled)
	ds[0].Unpause()
}

func TestGatherResults(t *testing.T) {
	ds, _ := members(2, nil)
	g := deferred.GatherResults(ds)
	ds[1].Callback(2)
	ds[0].Callback(1)
	wantValue(t, g, []int{1, 2})
	wantValue(t, deferred.GatherResults[int](nil), []int{})
	wantValue(t, deferred.GatherResults([]*D{deferred.Succeed(1)}), []int{1})

	for _, consume := range []bool{false, true} {
		ds, _ := members(3, nil)
		var g *deferred.Deferred[[]int]
		if consume {
			g = deferred.GatherResults(ds, deferred.ConsumeErrors)
		} else {
			g = deferred.GatherResults(ds)
		}
		ds[1].Errback(errBoom)
		wantError(t, g, errBoom)
		ds[2].Errback(errBoom)
		if consume {
			wantValue(t, ds[1], 0)
			wantValue(t, ds[2], 0)
		} else {
			wantError(t, ds[1], errBoom)
			wantError(t, ds[2], errBoom)
		}
	}
}

func TestFireOnOneCallback(t *testing.T) {
	ds, cancelled := members(3, nil)
	f := deferred.FireOnOneCallback(ds, deferred.ConsumeErrors)
	ds[0].Errback(errBoom)
	eq(t, f.Called(), false)
	ds[2].Callback(7)
	wantValue(t, f, deferred.Winner[int]{Index: 2, Value: 7})
	f.Cancel()
	eq(t, *cancelled, 0)
	ds[1].Callback(1)

	ds, _ = members(2, nil)
	f = deferred.FireOnOneCallback(ds, deferred.FireOnOneErrback)
	ds[1].Errback(errBoom)
	got, _ := outcome(f)
	var first *deferred.FirstError
	if !errors.As(got.Err, &first) || first.Index != 1 {
		t.Errorf("got %v", got.Err)
	}
	outcome(ds[1])
}

func TestRace(t *testing.T) {
	t.Run("the first value wins, and the others are cancelled", func(t *testing.T) {
		ds, cancelled := members(3, nil)
		r := deferred.Race(ds)
		var s story
		ds[0].AddBoth(func(v int, err error) (int, error) { s.add("loser"); return v, err })
		r.AddCallback(func(w deferred.Winner[int]) (deferred.Winner[int], error) { s.add("winner"); return w, nil })
		ds[1].Callback(5)
		eq(t, *cancelled, 2)
		eq(t, s, story{"loser", "winner"})
		wantValue(t, r, deferred.Winner[int]{Index: 1, Value: 5})
		wantValue(t, ds[0], 0) // its error was consumed
		ds[2].Callback(1)      // late, dropped
	})
	t.Run("a loser whose canceller gives a value does not win", func(t *testing.T) {
		ds, _ := members(3, func(d *D) { d.Callback(9) })
		r := deferred.Race(ds)
		ds[2].Callback(5)
		wantValue(t, r, deferred.Winner[int]{Index: 2, Value: 5})
	})
	t.Run("all fail", func(t *testing.T) {
		ds, _ := members(2, nil)
		r := deferred.Race(ds)
		other := errors.New("other")
		ds[1].Errback(other)
		eq(t, r.Called(), false)
		ds[0].Errback(errBoom)
		got, _ := outcome(r)
		var group *deferred.FailureGroup
		if !errors.As(got.Err, &group) || !errors.Is(got.Err, other) {
			t.Fatalf("got %v", got.Err)
		}
		eq(t, group.Errors, []error{errBoom, other})
		eq(t, group.Error(), "all 2 failed; the first: boom")
	})
	t.Run("one has its result", func(t *testing.T) {
		ds, cancelled := members(2, nil)
		r := deferred.Race([]*D{ds[0], deferred.Succeed(3), ds[1]})
		eq(t, *cancelled, 2)
		wantValue(t, r, deferred.Winner[int]{Index: 1, Value: 3})
	})
	t.Run("the slice may be reused", func(t *testing.T) {
		ds, cancelled := members(2, nil)
		winner := ds[0]
		r := deferred.Race(ds)
		clear(ds)
		winner.Callback(5)
		eq(t, *cancelled, 1)
		wantValue(t, r, deferred.Winner[int]{Index: 0, Value: 5})
	})
	t.Run("no members", func(t *testing.T) {
		for _, r := range []*deferred.Deferred[deferred.Winner[int]]{deferred.Race[int](nil), deferred.FireOnOneCallback[int](nil)} {
			got, _ := outcome(r)
			var group *deferred.FailureGroup
			if !errors.As(got.Err, &group) || group.Error() != "deferred: nothing to wait for" {
				t.Errorf("got %v", got.Err)
			}
		}
	})
}

func TestGatherOfDifferentTypes(t *testing.T) {
	a, b, c := deferred.New[int](), deferred.New[string](), deferred.New[bool]()
	two := deferred.Gather2(a, b)
	three := deferred.Gather3(a, b, c)
	c.Callback(true)
	b.Callback("x")
	eq(t, two.Called(), false)
	a.Callback(1)
	wantValue(t, two, deferred.Pair[int, string]{First: 1, Second: "x"})
	wantValue(t, three, deferred.Triple[int, string, bool]{First: 1, Second: "x", Third: true})

	a, b = deferred.New[int](), deferred.New[string]()
	two = deferred.Gather2(a, b)
	b.Errback(errBoom)
	got, _ := outcome(two)
	var first *deferred.FirstError
	if !errors.As(got.Err, &first) || first.Index != 1 {
		t.Errorf("got %v", got.Err)
	}
	a.Callback(1) // has no effect

	for index := range 3 {
		ds := [3]*D{deferred.Succeed(0), deferred.Succeed(1), deferred.Succeed(2)}
		ds[index] = deferred.Fail[int](errBoom)
		got, _ := outcome(deferred.Gather3(ds[0], ds[1], ds[2]))
		eq(t, got.Err, error(&deferred.FirstError{Err: errBoom, Index: index}))
	}
	wantPanic(t, func() { deferred.Gather2[int, int](a, nil) })

	deferred.SetDebugging(true)
	defer deferred.SetDebugging(false)
	for name, twice := range map[string]func(){
		"Gather2":       func() { deferred.Gather2(deferred.Succeed(1), deferred.Succeed(2)).Callback(deferred.Pair[int, int]{}) },
		"GatherResults": func() { deferred.GatherResults([]*D{}).Callback(nil) },
	} {
		err := wantPanic(t, twice).(*deferred.AlreadyCalledError)
		if !strings.Contains(err.Made, "TestGatherOfDifferentTypes") {
			t.Errorf("%s: made by %s", name, err.Made)
		}
	}
}
