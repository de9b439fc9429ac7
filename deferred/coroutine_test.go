package deferred_test

import (
	"errors"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"weak"

	"github.com/seed-7c003b53/gotreq/deferred"
)

func TestACoroutineRunsUntilItsFirstWaitAtOnce(t *testing.T) {
	var s story
	d := deferred.New[int]()
	result := deferred.Go(func(co *deferred.Co) (string, error) {
		v, _ := deferred.Await(co, deferred.Succeed(1))
		s.add("ready %d", v)
		v, err := deferred.Await(co, d)
		s.add("later %d %v", v, err)
		return fmt.Sprint(v), err
	})
	s.add("returned")
	d.AddCallback(func(v int) (int, error) { s.add("after the wait %d", v); return v, nil })
	d.Callback(2)
	eq(t, s, story{"ready 1", "returned", "later 2 <nil>", "after the wait 2"})
	wantValue(t, result, "2")
}

func TestHowACoroutineEnds(t *testing.T) {
	type body = func(co *deferred.Co) (int, error)
	for _, c := range []struct {
		name string
		f    body
		want error
	}{
		{"value at once", func(*deferred.Co) (int, error) { return 5, nil }, nil},
		{"error at once", func(*deferred.Co) (int, error) { return 0, errBoom }, errBoom},
		{"panic at once", func(*deferred.Co) (int, error) { panic(errBoom) }, errBoom},
		{"error awaited", func(co *deferred.Co) (int, error) {
			return deferred.Await(co, deferred.Fail[int](errBoom))
		}, errBoom},
		{"error ignored", func(co *deferred.Co) (int, error) {
			if _, err := deferred.Await(co, deferred.Fail[int](errBoom)); err != errBoom {
				return 0, err
			}
			return 5, nil
		}, nil},
		{"another coroutine", func(co *deferred.Co) (int, error) {
			return deferred.Await(co, deferred.Go(func(*deferred.Co) (int, error) { return 5, nil }))
		}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			check := func(d *D) {
				if c.want != nil {
					wantError(t, d, c.want)
				} else {
					wantValue(t, d, 5)
				}
			}
			check(deferred.Go(c.f))
			// The same after a wait.
			wait := deferred.New[int]()
			d := deferred.Go(func(co *deferred.Co) (int, error) {
				deferred.Await(co, wait)
				return c.f(co)
			})
			wait.Callback(0)
			check(d)
		})
	}
}

func TestAwaitOfADeferredThatIsResumingTheCoroutine(t *testing.T) {
	d := deferred.New[int]()
	result := deferred.Go(func(co *deferred.Co) (int, error) {
		a, _ := deferred.Await(co, d)
		b, _ := deferred.Await(co, d)
		return a + b, nil
	})
	d.Callback(2)
	wantValue(t, result, 4)
}

func TestCancellingACoroutine(t *testing.T) {
	t.Run("cancels the awaited Deferred, and runs deferred functions", func(t *testing.T) {
		var s story
		result := deferred.Go(func(co *deferred.Co) (int, error) {
			defer s.add("deferred function")
			_, err := deferred.Await(co, deferred.NewCancellable(func(*D) { s.add("canceller") }))
			s.add("%v", err == deferred.ErrCancelled)
			return 0, err
		})
		result.Cancel()
		result.Cancel()
		eq(t, s, story{"canceller", "true", "deferred function"})
		wantError(t, result, deferred.ErrCancelled)
	})
	t.Run("the coroutine may continue in a shield", func(t *testing.T) {
		second := deferred.New[int]()
		result := deferred.Go(func(co *deferred.Co) (int, error) {
			deferred.Await(co, deferred.New[int]())
			return deferred.Shield(co, func() (int, error) { return deferred.Await(co, second) })
		})
		outer := deferred.Map(result, same)
		outer.Cancel()
		if outer.Called() || result.Called() {
			t.Error("fired before the coroutine ended")
		}
		second.Callback(4)
		wantValue(t, outer, 4)
	})
	t.Run("twice", func(t *testing.T) {
		result := deferred.Go(func(co *deferred.Co) (int, error) {
			deferred.Await(co, deferred.New[int]())
			return deferred.Await(co, deferred.New[int]())
		})
		result.Cancel()
		result.Cancel()
		wantError(t, result, deferred.ErrCancelled)
	})
	t.Run("through nested coroutines", func(t *testing.T) {
		var s story
		inner := deferred.Go(func(co *deferred.Co) (int, error) {
			defer s.add("inner")
			return deferred.Await(co, deferred.New[int]())
		})
		outer := deferred.Go(func(co *deferred.Co) (int, error) {
			defer s.add("outer")
			return deferred.Await(co, inner)
		})
		outer.Cancel()
		eq(t, s, story{"inner", "outer"})
		wantError(t, outer, deferred.ErrCancelled)
	})
	t.Run("while it runs, at its next wait", func(t *testing.T) {
		for _, gives := range []bool{true, false} {
			start := deferred.New[int]()
			next := deferred.New[int]()
			if !gives {
				next.Pause() // so that cancelling gives no result yet
			}
			var result *D
			result = deferred.Go(func(co *deferred.Co) (int, error) {
				deferred.Await(co, start)
				result.Cancel()
				if v, err := deferred.Await(co, deferred.Succeed(1)); v != 1 || err != nil {
					t.Error("a Deferred with a result was cancelled")
				}
				_, err := deferred.Await(co, next)
				v, _ := deferred.Await(co, deferred.Succeed(3))
				return v, err
			})
			start.Callback(0)
			wantError(t, result, deferred.ErrCancelled)
			if !gives {
				next.Unpause()
			}
			wantError(t, next, deferred.ErrCancelled)
		}
	})
	t.Run("while it runs, at each later wait", func(t *testing.T) {
		start, last := deferred.New[int](), deferred.New[int]()
		var result *D
		result = deferred.Go(func(co *deferred.Co) (int, error) {
			deferred.Await(co, start)
			result.Cancel()
			deferred.Await(co, deferred.New[int]())
			return deferred.Await(co, last)
		})
		start.Callback(0)
		wantError(t, last, deferred.ErrCancelled)
		wantError(t, result, deferred.ErrCancelled)
	})
	t.Run("the awaited Deferred has fired, but is paused", func(t *testing.T) {
		d := deferred.Succeed(3)
		d.Pause()
		result := deferred.Go(func(co *deferred.Co) (int, error) { return deferred.Await(co, d) })
		result.Cancel()
		eq(t, result.Called(), false)
		d.Unpause()
		wantValue(t, result, 3)
	})
}

func TestAwaitOnItself(t *testing.T) {
	start := deferred.New[int]()
	var result, made *D
	result = deferred.Go(func(co *deferred.Co) (int, error) {
		deferred.Await(co, start)
		return deferred.Await(co, made)
	})
	made = deferred.Map(result, same)
	start.Callback(1)
	got, _ := outcome(made)
	if got.Err == nil || !strings.Contains(got.Err.Error(), "waits for the coroutine itself") {
		t.Errorf("got %v", got)
	}
	// A handler of d returns the result of a coroutine that awaits d.
	d := deferred.New[int]()
	result = deferred.Go(func(co *deferred.Co) (int, error) { return deferred.Await(co, d) })
	e := deferred.New[int]().ThenCallback(func(int) *D { return result })
	d.ThenCallback(func(int) *D { return e })
	e.Callback(1)
	d.Cancel()
	wantError(t, e, deferred.ErrCancelled)
}

func TestAwaitByACoroutineThatIsNotRunning(t *testing.T) {
	var kept *deferred.Co
	d := deferred.New[int]()
	deferred.Go(func(co *deferred.Co) (int, error) { kept = co; return deferred.Await(co, d) })
	got := fmt.Sprint(wantPanic(t, func() { deferred.Await(kept, deferred.New[int]()) }))
	if !strings.Contains(got, "not running") {
		t.Errorf("got %q", got)
	}
	d.Callback(1)
	wantPanic(t, func() { deferred.Await(kept, deferred.New[int]()) })
}

func TestFiringTheResultOfACoroutineByHand(t *testing.T) {
	u := deferred.FailOnUnhandled(t)
	d := deferred.New[int]()
	result := deferred.Go(func(co *deferred.Co) (int, error) { return deferred.Await(co, d) })
	result.Callback(9)
	d.Callback(1)
	wantValue(t, result, 9)
	found := u.Flush(nil)
	var already *deferred.AlreadyCalledError
	if len(found) != 1 || !errors.As(found[0].Err, &already) {
		t.Errorf("got %v", found)
	}
}

func TestTheResultOfACoroutineFiresEvenIfUnreachable(t *testing.T) {
	u := deferred.FailOnUnhandled(t)
	d := deferred.New[int]()
	handled := 0
	deferred.Go(func(co *deferred.Co) (int, error) {
		deferred.Await(co, d)
		return 5, nil
	}).AddCallback(func(v int) (int, error) { handled = v; return v, nil })
	u.Flush(nil) // collects garbage
	d.Callback(1)
	eq(t, handled, 5)
}

// awaitTwo starts a coroutine that awaits a new Deferred, which it fires, and then
// second.
//
//go:noinline
func awaitTwo(second *D) (first weak.Pointer[D], result *D) {
	d := deferred.New[int]()
	first = weak.Make(d)
	next := d
	result = deferred.Go(func(co *deferred.Co) (int, error) {
		await(co, next)
		return await(co, second)
	})
	next = nil
	d.Callback(1)
	return first, result
}

func TestACoroutineDoesNotKeepWhatItAwaited(t *testing.T) {
	second := deferred.New[int]()
	first, result := awaitTwo(second)
	runtime.GC()
	if first.Value() != nil {
		t.Error("the first Deferred is kept while the coroutine waits for the second")
	}
	second.Callback(2)
	wantValue(t, result, 2)
}

//go:noinline
func abandon(s *story, f func(co *deferred.Co, d *D) (int, error)) {
	deferred.Go(func(co *deferred.Co) (int, error) {
		defer s.add("unwound")
		return f(co, deferred.New[int]())
	})
}

// await awaits d and keeps no variable that refers to it.
func await(co *deferred.Co, d *D) (int, error) { return deferred.Await(co, d) }

func TestAbandonedCoroutines(t *testing.T) {
	type body = func(co *deferred.Co, d *D) (int, error)
	for _, c := range []struct {
		name  string
		f     body
		story story
		err   error // reported besides ErrAbandoned
	}{
		{"error returned", await, story{"unwound"}, nil},
		{"error dropped", func(co *deferred.Co, d *D) (int, error) { await(co, d); return 1, nil }, story{"unwound"}, nil},
		{"another error", func(co *deferred.Co, d *D) (int, error) { await(co, d); return 1, errBoom }, story{"unwound"}, errBoom},
		{"panic", func(co *deferred.Co, d *D) (int, error) { await(co, d); panic(errBoom) }, story{"unwound"}, errBoom},
		{"awaits for ever", func(co *deferred.Co, d *D) (int, error) {
			for {
				await(co, d)
				d = deferred.New[int]()
			}
		}, story{"unwound"}, nil},
		{"awaits a ready Deferred", func(co *deferred.Co, d *D) (int, error) {
			await(co, d)
			return await(co, deferred.Succeed(1))
		}, story{"unwound"}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			u := deferred.FailOnUnhandled(t)
			goroutines := runtime.NumGoroutine()
			var s story
			abandon(&s, c.f)
			eq(t, len(u.Flush(deferred.ErrAbandoned)), 1)
			eq(t, len(s), 0)
			eq(t, deferred.UnwindAbandoned(), 1)
			eq(t, s, c.story)
			eq(t, deferred.UnwindAbandoned(), 0)
			if c.err != nil {
				eq(t, len(u.Flush(c.err)), 1)
			}
			if n := runtime.NumGoroutine(); n > goroutines {
				t.Errorf("%d goroutines, %d before", n, goroutines)
			}
		})
	}
}

func TestTheUnwinderIsGivenAbandonedCoroutines(t *testing.T) {
	u := deferred.FailOnUnhandled(t)
	loop := newLoop()
	if was := deferred.SetUnwinder(loop.CallFromThread); was != nil {
		t.Error("there was an unwinder before")
	}
	defer func() {
		if was := deferred.SetUnwinder(nil); was == nil {
			t.Error("SetUnwinder did not return the previous unwinder")
		}
	}()
	var s story
	// The outer coroutine awaits the inner one. Both are unreachable.
	abandon(&s, func(co *deferred.Co, d *D) (int, error) {
		return await(co, deferred.Go(func(co *deferred.Co) (int, error) {
			return deferred.Await(co, deferred.New[int]())
		}))
	})
	eq(t, len(u.Flush(deferred.ErrAbandoned)), 2)
	loop.turn()
	loop.turn()
	eq(t, s, story{"unwound"})
}

func TestDebuggingShowsWhereACoroutineWasStarted(t *testing.T) {
	u := deferred.FailOnUnhandled(t)
	deferred.SetDebugging(true)
	defer deferred.SetDebugging(false)
	var s story
	abandon(&s, await)
	found := u.Flush(nil)
	if len(found) != 1 || !strings.Contains(found[0].Made, "deferred_test.abandon") {
		t.Errorf("got %v", found)
	}
	deferred.UnwindAbandoned()
}

func TestCoroutinesThatEndAreNotFoundAbandoned(t *testing.T) {
	u := deferred.FailOnUnhandled(t)
	for range 100 {
		d := deferred.New[int]()
		deferred.Go(func(co *deferred.Co) (int, error) { return deferred.Await(co, d) })
		d.Callback(1)
	}
	eq(t, len(u.Flush(nil)), 0)
	eq(t, deferred.UnwindAbandoned(), 0)
}
