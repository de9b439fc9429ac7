package deferred_test

import (
	"errors"
	"fmt"
	"runtime/debug"
	"strings"
	"testing"

	"github.com/seed-7c003b53/gotreq/deferred"
)

func same(v int) (int, error) { return v, nil }

func TestAChainWaitsForAReturnedDeferred(t *testing.T) {
	for _, c := range []struct {
		name   string
		prefix error // the result of outer, unless nil
		link   func(outer, inner *D) *D
	}{
		{"ThenCallback", nil, func(o, i *D) *D { return o.ThenCallback(func(int) *D { return i }) }},
		{"ThenErrback", errors.New("first"), func(o, i *D) *D { return o.ThenErrback(func(error) *D { return i }) }},
		{"d.ThenBoth", nil, func(o, i *D) *D { return o.ThenBoth(func(int, error) *D { return i }) }},
		{"Then", nil, func(o, i *D) *D { return deferred.Then(o, func(int) *D { return i }) }},
		{"ThenBoth", errors.New("first"), func(o, i *D) *D { return deferred.ThenBoth(o, func(int, error) *D { return i }) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, result := range []error{nil, errBoom} {
				outer, inner := deferred.New[int](), deferred.New[int]()
				var s story
				inner.AddBoth(func(v int, err error) (int, error) { s.add("inner"); return v, err })
				end := c.link(outer, inner)
				end.AddBoth(func(v int, err error) (int, error) { s.add("outer"); return v, err })
				outer.Resolve(1, c.prefix)
				eq(t, len(s), 0)
				inner.AddBoth(func(v int, err error) (int, error) { s.add("inner, later"); return v + 1, err })
				inner.Resolve(5, result)
				// outer waited before the last handler of inner was added.
				eq(t, s, story{"inner", "outer", "inner, later"})
				if result != nil {
					wantError(t, end, errBoom)
					outcome(inner)
				} else {
					wantValue(t, end, 5)
					wantValue(t, inner, 6)
				}
				if end != outer {
					outcome(outer)
				}
			}
		})
	}
}

func TestAReturnedDeferredThatIsPaused(t *testing.T) {
	for _, link := range []func(o, i *D) *D{
		func(o, i *D) *D { return o.ThenCallback(func(int) *D { return i }) },
		func(o, i *D) *D { return deferred.Then(o, func(int) *D { return i }) },
	} {
		inner := deferred.Succeed(3)
		inner.Pause()
		end := link(deferred.Succeed(1), inner)
		got := 0
		end.AddCallback(func(v int) (int, error) { got = v; return v, nil })
		eq(t, got, 0)
		inner.Unpause()
		eq(t, got, 3)
	}
}

func TestAPausedDeferredThatWaits(t *testing.T) {
	outer, inner := deferred.New[int](), deferred.New[int]()
	outer.ThenCallback(func(int) *D { return inner })
	outer.Callback(1)
	outer.Pause()
	inner.Callback(2)
	wantPending(t, outer)
	outer.Unpause()
	wantValue(t, outer, 2)
}

func TestANestedChainOfThree(t *testing.T) {
	var s story
	a, b, c := deferred.New[int](), deferred.New[int](), deferred.New[int]()
	note := func(name string) func(int) (int, error) {
		return func(v int) (int, error) { s.add("%s %d", name, v); return v, nil }
	}
	c.AddCallback(note("c"))
	a.ThenCallback(func(int) *D { return b }).AddCallback(note("a"))
	b.ThenCallback(func(int) *D { return c }).AddCallback(note("b"))
	a.Callback(1)
	b.Callback(2)
	c.AddCallback(note("c again"))
	eq(t, len(s), 0)
	c.Callback(3)
	eq(t, s, story{"c 3", "b 3", "a 3", "c again 3"})
}

func TestAFiredDeferredReturnedByAFiredDeferred(t *testing.T) {
	a := deferred.Succeed(1)
	b := deferred.Succeed(2).ThenCallback(func(int) *D { return a })
	c := deferred.Succeed(3).ThenCallback(func(int) *D { return b })
	wantValue(t, c, 1)
	wantValue(t, b, 1) // each keeps its result
	wantValue(t, a, 1)
}

func TestOneInnerForManyOuters(t *testing.T) {
	inner := deferred.New[int]()
	var s story
	for i := range 3 {
		deferred.Succeed(0).ThenCallback(func(int) *D { return inner }).
			AddCallback(func(v int) (int, error) { s.add("%d: %d", i, v); return v, nil })
	}
	inner.Callback(4)
	eq(t, s, story{"0: 4", "1: 4", "2: 4"})
}

func TestAHandlerMayReturnTheDeferredThatIsResumingIt(t *testing.T) {
	inner := deferred.New[int]()
	outer := deferred.Succeed(1).ThenCallback(func(int) *D { return inner })
	outer.ThenCallback(func(int) *D { return inner })
	inner.Callback(4)
	wantValue(t, outer, 4)
}

func TestChainDeferred(t *testing.T) {
	for _, result := range []error{nil, errBoom} {
		a, b := deferred.New[int](), deferred.New[int]()
		a.ChainDeferred(b)
		if want := fmt.Sprintf("waiting for Deferred[int] at %p", a); !strings.Contains(b.String(), want) {
			t.Errorf("%s does not say %q", b, want)
		}
		a.Resolve(1, result)
		if strings.Contains(b.String(), "waiting") {
			t.Errorf("%s still waits", b)
		}
		if result != nil {
			wantError(t, b, errBoom)
		} else {
			wantValue(t, b, 1)
		}
	}

	t.Run("to one that has fired", func(t *testing.T) {
		a, b := deferred.New[int](), deferred.Succeed(1)
		a.ChainDeferred(b).Callback(2)
		got, _ := outcome(a)
		var already *deferred.AlreadyCalledError
		if !errors.As(got.Err, &already) {
			t.Errorf("got %v", got)
		}
		wantValue(t, b, 1)
	})
	t.Run("cancelling the second cancels the first", func(t *testing.T) {
		a, b := deferred.New[int](), deferred.New[int]()
		a.ChainDeferred(b)
		b.Cancel()
		wantError(t, b, deferred.ErrCancelled)
		wantError(t, a, deferred.ErrCancelled)
	})
	t.Run("of two firsts, the one that was chained before is cancelled", func(t *testing.T) {
		a, other, b := deferred.New[int](), deferred.New[int](), deferred.New[int]()
		a.ChainDeferred(b)
		other.ChainDeferred(b)
		if want := fmt.Sprintf("waiting for Deferred[int] at %p", a); !strings.Contains(b.String(), want) {
			t.Errorf("%s does not say %q", b, want)
		}
		b.Cancel()
		wantError(t, b, deferred.ErrCancelled)
		wantError(t, a, deferred.ErrCancelled)
		if other.Called() {
			t.Error("the other one was cancelled")
		}
	})
	t.Run("a second that a handler's Deferred holds up", func(t *testing.T) {
		first, inner, b := deferred.New[int](), deferred.New[int](), deferred.New[int]()
		b.ThenCallback(func(int) *D { return inner })
		first.ChainDeferred(b)
		first.Callback(1)
		b.Cancel() // what it waits for now
		wantError(t, inner, deferred.ErrCancelled)
		wantError(t, b, deferred.ErrCancelled)
		wantValue(t, first, 1)
	})
	t.Run("a second with a canceller does not cancel the first", func(t *testing.T) {
		a := deferred.New[int]()
		b := deferred.NewCancellable(func(d *D) { d.Callback(9) })
		a.ChainDeferred(b)
		b.Cancel()
		wantValue(t, b, 9)
		if a.Called() {
			t.Error("the first was cancelled")
		}
	})
}

func TestFiringTheResultOfALinkByHand(t *testing.T) {
	d := deferred.New[int]()
	e := deferred.Map(d, same)
	e.Callback(5)
	d.Callback(1)
	got, _ := outcome(d)
	var already *deferred.AlreadyCalledError
	if !errors.As(got.Err, &already) {
		t.Errorf("got %v", got)
	}
	wantValue(t, e, 5)
}

func TestCirclesAreErrors(t *testing.T) {
	self := deferred.New[int]()
	self.ThenCallback(func(int) *D { return self })

	nilD := deferred.New[int]().ThenCallback(nil2)

	// The handler of a returns b, and that of b returns a.
	a, b := deferred.New[int](), deferred.New[int]()
	a.ThenCallback(func(int) *D { return b })
	b.ThenCallback(func(int) *D { return a })

	// The handler of d returns e, which Map makes from d.
	d := deferred.New[int]()
	var e *D
	d.ThenCallback(func(int) *D { return e })
	e = deferred.Map(d, same)

	// The handler given to Then returns the result of Then.
	f := deferred.New[int]()
	var g *D
	g = deferred.Then(f, func(int) *D { return g })
	gNil := deferred.Then(f, nil2)

	self.Callback(1)
	nilD.Callback(1)
	a.Callback(1)
	b.Callback(1)
	d.Callback(1)
	f.Callback(1)
	for name, c := range map[string]struct {
		d    *D
		want string
	}{
		"itself":          {self, "given to ThenCallback returned a Deferred that waits for this handler"},
		"nil":             {nilD, "given to ThenCallback returned a nil Deferred"},
		"its waiter":      {b, "given to ThenCallback returned a Deferred that waits for this handler"},
		"the waiter":      {a, "given to ThenCallback returned a Deferred that waits for this handler"},
		"made of it":      {d, "given to ThenCallback returned a Deferred that waits for this handler"},
		"Then of itself":  {g, "given to Then returned a Deferred that waits for this handler"},
		"Then with a nil": {gNil, "given to Then returned a nil Deferred"},
	} {
		got, fired := outcome(c.d)
		if !fired || got.Err == nil || !strings.Contains(got.Err.Error(), c.want) {
			t.Errorf("%s: got %v", name, got)
		}
	}
	outcome(e)

	x, y := deferred.New[int](), deferred.New[int]()
	x.ChainDeferred(y)
	wantPanic(t, func() { y.ChainDeferred(x) })
	wantPanic(t, func() { x.ChainDeferred(x) })
}

type None = deferred.None

// The handler of d returns other, which waits for d, in each way in which one Deferred
// can wait for another.
func TestAHandlerThatReturnsADependentDeferred(t *testing.T) {
	for name, dependent := range map[string]func(d *D) *D{
		"Map":           func(d *D) *D { return deferred.Map(d, same) },
		"Then":          func(d *D) *D { return deferred.Then(deferred.Succeed(1), func(int) *D { return d }) },
		"ThenCallback":  func(d *D) *D { return deferred.Succeed(1).ThenCallback(func(int) *D { return d }) },
		"ChainDeferred": func(d *D) *D { other := deferred.New[int](); d.ChainDeferred(other); return other },
		"Run":           func(d *D) *D { return deferred.Run(new(deferred.DeferredLock), func() *D { return d }) },
		"Go":            func(d *D) *D { return deferred.Go(func(co *deferred.Co) (int, error) { return deferred.Await(co, d) }) },
	} {
		d := deferred.New[int]()
		var other *D
		d.ThenCallback(func(int) *D { return other })
		other = dependent(d)
		d.Callback(1)
		got, fired := outcome(other)
		if !fired || got.Err == nil || !strings.Contains(got.Err.Error(), "returned a Deferred that waits for this handler") {
			t.Errorf("%s: got %v", name, got)
		}
		outcome(d)
	}
}

// bounded runs f with a stack of at most 256 KB. A call for each of ten thousand
// Deferreds does not fit into it.
func bounded(t *testing.T, f func()) {
	t.Helper()
	defer debug.SetMaxStack(debug.SetMaxStack(256 << 10))
	done := make(chan None)
	go func() { defer close(done); f() }()
	<-done
}

// TestLongChains resolves chains of Deferreds in constant stack.
func TestLongChains(t *testing.T) {
	const n = 10_000
	increment := func(v int) (int, error) { return v + 1, nil }
	for name, resolve := range map[string]func(t *testing.T){
		// Each Deferred waits for the next one, and the last one resumes them all. A
		// million of them also show that the time is linear.
		"returned, built and fired from the first": func(t *testing.T) {
			n := 1_000_000
			if testing.Short() {
				n = 10_000
			}
			returnedDeferreds(t, n, false, false)
		},
		"returned, built from the first, fired from the last": func(t *testing.T) { returnedDeferreds(t, n, false, true) },
		"returned, built from the last, fired from the first": func(t *testing.T) { returnedDeferreds(t, n, true, false) },
		"returned, built and fired from the last":             func(t *testing.T) { returnedDeferreds(t, n, true, true) },
		"Map": func(t *testing.T) {
			first := deferred.New[int]()
			d := first
			for range n {
				d = deferred.Map(d, increment)
			}
			first.Callback(0)
			wantValue(t, d, n)
		},
		"Then": func(t *testing.T) {
			first := deferred.New[int]()
			d := first
			for range n {
				d = deferred.Then(d, func(v int) *D { return deferred.Succeed(v + 1) })
			}
			first.Callback(0)
			wantValue(t, d, n)
		},
		"ChainDeferred": func(t *testing.T) {
			first := deferred.New[int]()
			d := first
			for range n {
				next := deferred.New[int]()
				d.ChainDeferred(next)
				d = next
			}
			first.Callback(7)
			wantValue(t, d, 7)
		},
		"nested gathers": func(t *testing.T) {
			first := deferred.New[int]()
			d := deferred.GatherResults([]*D{first})
			for range n {
				g := deferred.GatherResults([]*deferred.Deferred[[]int]{d})
				d = deferred.Map(g, func(v [][]int) ([]int, error) { return v[0], nil })
			}
			first.Callback(7)
			wantValue(t, d, []int{7})
		},
		"a queue of jobs that end at once": func(t *testing.T) {
			var l deferred.DeferredLock
			held := l.Acquire()
			wantValue(t, held, None{})
			done := 0
			for range n {
				deferred.Run(&l, func() *D { return deferred.Succeed(1) }).
					AddCallback(func(v int) (int, error) { done++; return v, nil })
			}
			l.Release()
			eq(t, done, n)
			eq(t, l.Locked(), false)
		},
		"cancelling": func(t *testing.T) {
			first := deferred.New[int]()
			d := first
			for range n {
				d = deferred.Map(d, same)
			}
			d.Cancel()
			wantError(t, d, deferred.ErrCancelled)
			outcome(first)
		},
		"coroutines that await each other": func(t *testing.T) {
			const n = 2000 // each has a stack of its own
			first := deferred.New[int]()
			d := first
			for range n {
				inner := d
				d = deferred.Go(func(co *deferred.Co) (int, error) {
					v, err := deferred.Await(co, inner)
					return v + 1, err
				})
			}
			first.Callback(0)
			wantValue(t, d, n)
		},
		"one coroutine that awaits them all": func(t *testing.T) {
			var d *D
			all := deferred.Go(func(co *deferred.Co) (int, error) {
				sum := 0
				for range n {
					d = deferred.New[int]()
					v, err := deferred.Await(co, d)
					if err != nil {
						return 0, err
					}
					sum += v
				}
				return sum, nil
			})
			for range n {
				d.Callback(1)
			}
			wantValue(t, all, n)
		},
	} {
		t.Run(name, func(t *testing.T) { bounded(t, func() { resolve(t) }) })
	}
}

// returnedDeferreds makes n Deferreds, each with a handler that returns the next one,
// and fires them.
func returnedDeferreds(t *testing.T, n int, buildFromLast, fireFromLast bool) {
	ds := make([]D, n)
	index := func(i int, fromLast bool) int {
		if fromLast {
			return n - 1 - i
		}
		return i
	}
	for i := range n {
		if i := index(i, buildFromLast); i+1 < n {
			ds[i].ThenCallback(func(int) *D { return &ds[i+1] })
		}
	}
	for i := range n {
		i = index(i, fireFromLast)
		ds[i].Callback(i)
	}
	wantValue(t, &ds[0], n-1)
}
