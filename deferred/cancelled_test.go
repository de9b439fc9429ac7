package deferred_test

import (
	"errors"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/seed-7c003b53/gotreq/deferred"
)

// TestACancelledCoroutineEnds: each row is a function that goes on whatever Await
// returns. The coroutine ends even so, its deferred functions run, and everything that it
// would have awaited is cancelled.
func TestACancelledCoroutineEnds(t *testing.T) {
	for _, test := range []struct {
		name  string
		loop  func(await func() error)
		waits int // Awaits after the one at which it was cancelled
		left  int // coroutines that cannot be ended in order
	}{
		{"a poller", func(await func() error) {
			for {
				await()
			}
		}, 6, 0},
		{"one that awaits in deferred functions", func(await func() error) {
			for range 20 {
				defer await()
			}
			await()
		}, 20, 0},
		{"one that recovers once", func(await func() error) {
			for {
				func() {
					defer func() { recover() }()
					for {
						await()
					}
				}()
				for {
					await()
				}
			}
		}, 7, 0},
		{"one that recovers", func(await func() error) {
			for {
				func() {
					defer func() { recover() }()
					await()
				}()
			}
		}, 101, 1},
		{"one that gives up by itself", func(await func() error) {
			for range 6 {
				await()
			}
		}, 5, 0},
	} {
		for ending, cancel := range map[string]func(d *D, clock *fakeClock){
			"Cancel":                       func(d *D, _ *fakeClock) { d.Cancel() },
			"AddTimeout":                   func(d *D, clock *fakeClock) { d.AddTimeout(time.Second, clock, nil); clock.advance(time.Second) },
			"through Map":                  func(d *D, _ *fakeClock) { cancelled(deferred.Map(d, same)) },
			"through another coroutine":    func(d *D, _ *fakeClock) { cancelled(goAwait(d)) },
			"through a list":               func(d *D, _ *fakeClock) { cancelled(deferred.GatherResults([]*D{d})) },
			"through a handler's Deferred": func(d *D, _ *fakeClock) { cancelled(deferred.Succeed(1).ThenCallback(func(int) *D { return d })) },
		} {
			t.Run(test.name+", "+ending, func(t *testing.T) {
				u := deferred.FailOnUnhandled(t)
				goroutines := runtime.NumGoroutine()
				var awaited []*D
				stopped, ended, wrong := 0, false, 0
				result := deferred.Go(func(co *deferred.Co) (int, error) {
					defer func() { ended = true }()
					first := true
					test.loop(func() error {
						if first {
							first = false
							_, err := deferred.Await(co, deferred.New[int]())
							return err
						}
						if !co.Cancelled() {
							wrong++
						}
						d := deferred.NewCancellable(func(*D) { stopped++ })
						awaited = append(awaited, d)
						_, err := deferred.Await(co, d)
						if !errors.Is(err, deferred.ErrCancelled) {
							wrong++
						}
						return err
					})
					return 3, nil
				})
				cancel(result, new(fakeClock))
				if !ended || !result.Called() {
					t.Fatalf("ended: %v, fired: %v", ended, result.Called())
				}
				if got, _ := outcome(result); test.waits == 5 {
					eq(t, got, deferred.Result[int]{Value: 3})
				} else if ending == "AddTimeout" {
					eq(t, got, failed(&deferred.TimeoutError{After: time.Second}))
				} else if !errors.Is(got.Err, deferred.ErrCancelled) {
					t.Errorf("got %v", got)
				}
				if len(awaited) != test.waits || stopped != len(awaited) || wrong != 0 {
					t.Errorf("%d Awaits, %d stopped, %d wrong; want %d", len(awaited), stopped, wrong, test.waits)
				}
				eq(t, len(u.Flush(deferred.ErrCancelled)), test.left)
				if n := runtime.NumGoroutine() - goroutines; n > test.left {
					t.Errorf("%d goroutines more", n)
				}
			})
		}
	}
}

// TestACoroutineThatFailsAtOnceEnds: each row is a function that has to end, but goes on
// although everything that it awaits has failed already.
func TestACoroutineThatFailsAtOnceEnds(t *testing.T) {
	for _, test := range []struct {
		name      string
		loop      func(await func())
		cancelled int // Awaits of a cancelled coroutine
		abandoned int // Awaits of an abandoned coroutine; 0: without end
		left      int // coroutines that cannot be ended in order
	}{
		{"a poller", func(await func()) {
			for {
				await()
			}
		}, 100_006, 100_001, 0},
		{"one that recovers once", func(await func()) {
			for range 2 {
				func() {
					defer func() { recover() }()
					for {
						await()
					}
				}()
			}
		}, 100_007, 100_002, 0},
		{"one that recovers", func(await func()) {
			for {
				func() {
					defer func() { recover() }()
					await()
				}()
			}
		}, 100_101, 0, 1},
		{"one that collects errors", func(await func()) {
			for range 100_000 {
				await()
			}
		}, 100_000, 100_000, 0},
	} {
		for _, abandoned := range []bool{false, true} {
			want := test.cancelled
			if abandoned {
				want = test.abandoned
			}
			if want == 0 {
				continue
			}
			t.Run(fmt.Sprintf("%s, abandoned %v", test.name, abandoned), func(t *testing.T) {
				before := deferred.SetUnwinder(nil)
				defer func() { deferred.SetUnwinder(before) }()
				u := deferred.FailOnUnhandled(t)
				awaits, ended := 0, false
				start := func() *D {
					return deferred.Go(func(co *deferred.Co) (int, error) {
						defer func() { ended = true }()
						deferred.Await(co, deferred.New[int]())
						test.loop(func() {
							awaits++
							deferred.Await(co, deferred.Fail[int](errBoom))
						})
						return 5, nil
					})
				}
				if abandoned {
					start()
					for end := time.Now().Add(20 * time.Second); deferred.UnwindAbandoned() == 0; runtime.GC() {
						if time.Now().After(end) {
							t.Fatal("not abandoned")
						}
					}
					eq(t, len(u.Flush(deferred.ErrAbandoned)), 1)
				} else if d := start(); true {
					d.Cancel()
					if got, _ := outcome(d); test.name == "one that collects errors" {
						eq(t, got, deferred.Result[int]{Value: 5})
					} else if !errors.Is(got.Err, deferred.ErrCancelled) && test.name != "one that recovers once" {
						t.Errorf("got %v", got)
					}
				}
				if awaits != want || !ended {
					t.Errorf("%d Awaits, want %d; ended: %v", awaits, want, ended)
				}
				eq(t, len(u.Flush(deferred.ErrCancelled)), test.left)
			})
		}
	}
	t.Run("in a Shield", func(t *testing.T) {
		awaits := 0
		d := deferred.Go(func(co *deferred.Co) (int, error) {
			deferred.Await(co, deferred.New[int]())
			return deferred.Shield(co, func() (int, error) {
				for awaits = range 1000 {
					deferred.Await(co, deferred.Fail[int](errBoom))
				}
				return 5, nil
			})
		})
		d.Cancel()
		wantValue(t, d, 5)
		eq(t, awaits, 999)
	})
}

// TestACancelledCoroutineAwaitsItsChildren: a coroutine that is cancelled, and cancels the
// many Deferreds that it has begun, gets the error of each.
func TestACancelledCoroutineAwaitsItsChildren(t *testing.T) {
	deferred.FailOnUnhandled(t)
	children := make([]*D, 10_000)
	for i := range children {
		children[i] = deferred.New[int]()
	}
	collected := 0
	d := deferred.Go(func(co *deferred.Co) (int, error) {
		_, err := deferred.Await(co, deferred.New[int]())
		for _, child := range children {
			child.Cancel()
		}
		for _, child := range children {
			if _, err := deferred.Await(co, child); errors.Is(err, deferred.ErrCancelled) {
				collected++
			}
		}
		return 0, err
	})
	d.Cancel()
	wantError(t, d, deferred.ErrCancelled)
	eq(t, collected, len(children))
}

// cancelled cancels d and handles its error.
func cancelled[T any](d *deferred.Deferred[T]) {
	d.Cancel()
	outcome(d)
}

func goAwait(d *D) *D {
	return deferred.Go(func(co *deferred.Co) (int, error) { return deferred.Await(co, d) })
}

// What Await returns in a cancelled coroutine, by what the awaited Deferred does.
func TestAwaitInACancelledCoroutine(t *testing.T) {
	for _, test := range []struct {
		name string
		d    func() *D
		want deferred.Result[int] // while it waits
		next deferred.Result[int] // at a later Await
	}{
		{"cancelled", deferred.New[int], failed(deferred.ErrCancelled), failed(deferred.ErrCancelled)},
		{"a canceller's value", func() *D { return deferred.NewCancellable(func(d *D) { d.Callback(7) }) },
			deferred.Result[int]{Value: 7}, deferred.Result[int]{Value: 7}},
		{"a canceller's error", func() *D { return deferred.NewCancellable(func(d *D) { d.Errback(errBoom) }) },
			failed(errBoom), failed(errBoom)},
		{"a handler that recovers", func() *D {
			return deferred.New[int]().AddErrback(func(error) (int, error) { return 8, nil })
		}, deferred.Result[int]{Value: 8}, deferred.Result[int]{Value: 8}},
		{"a handler that tries again", func() *D {
			return deferred.New[int]().ThenErrback(func(error) *D { return deferred.New[int]() })
		}, failed(deferred.ErrCancelled), failed(deferred.ErrCancelled)},
		{"a handler that tries again for ever", func() *D { return again(deferred.New[int]()) },
			failed(deferred.ErrCancelled), failed(deferred.ErrCancelled)},
		{"a link that tries again for ever", func() *D { return againLinked(deferred.New[int]()) },
			failed(deferred.ErrCancelled), failed(deferred.ErrCancelled)},
	} {
		t.Run(test.name, func(t *testing.T) {
			deferred.FailOnUnhandled(t)
			var first, later deferred.Result[int]
			result := deferred.Go(func(co *deferred.Co) (int, error) {
				first.Value, first.Err = deferred.Await(co, test.d())
				eq(t, co.Cancelled(), true)
				later.Value, later.Err = deferred.Await(co, test.d())
				return deferred.Await(co, deferred.Succeed(5))
			})
			result.Cancel()
			eq(t, first, test.want)
			eq(t, later, test.next)
			wantValue(t, result, 5)
		})
	}
}

func failed(err error) deferred.Result[int] { return deferred.Result[int]{Err: err} }

// again is d with a handler that answers each error by another attempt.
func again(d *D) *D {
	return d.ThenErrback(func(error) *D { return again(deferred.New[int]()) })
}

func againLinked(d *D) *D {
	return deferred.ThenBoth(d, func(_ int, err error) *D { return againLinked(deferred.New[int]()) })
}

func TestShield(t *testing.T) {
	t.Run("clean-up waits", func(t *testing.T) {
		var s story
		closing := deferred.NewCancellable(func(*D) { s.add("close cancelled") })
		result := deferred.Go(func(co *deferred.Co) (int, error) {
			defer func() {
				v, err := deferred.Shield(co, func() (int, error) { return deferred.Await(co, closing) })
				s.add("closed %d %v, cancelled %v", v, err, co.Cancelled())
				_, err = deferred.Await(co, deferred.New[int]())
				s.add("later: %v", err)
			}()
			return deferred.Await(co, deferred.New[int]())
		})
		result.Cancel()
		result.Cancel()
		outer := deferred.Map(result, same)
		outer.Cancel()
		eq(t, s, nil)
		eq(t, outer.Called(), false)
		closing.Callback(4)
		eq(t, s, story{"closed 4 <nil>, cancelled true", "later: deferred: cancelled"})
		wantError(t, outer, deferred.ErrCancelled)
	})
	t.Run("cancelled inside", func(t *testing.T) {
		var s story
		inner, d := deferred.New[int](), deferred.New[int]()
		result := deferred.Go(func(co *deferred.Co) (int, error) {
			s.add("before: %v", co.Cancelled())
			deferred.Shield(co, func() (int, error) {
				v, err := deferred.Shield(co, func() (int, error) { return deferred.Await(co, inner) })
				s.add("inner: %d %v", v, err)
				v, err = deferred.Await(co, d)
				s.add("outer: %d %v, %v", v, err, co.Cancelled())
				return 0, nil
			})
			return deferred.Await(co, deferred.New[int]())
		})
		result.Cancel()
		inner.Callback(1)
		d.Callback(2)
		eq(t, s, story{"before: false", "inner: 1 <nil>", "outer: 2 <nil>, true"})
		wantError(t, result, deferred.ErrCancelled)
	})
	t.Run("the child of a shielded coroutine", func(t *testing.T) {
		d := deferred.New[int]()
		result := deferred.Go(func(co *deferred.Co) (int, error) {
			return deferred.Shield(co, func() (int, error) { return deferred.Await(co, goAwait(d)) })
		})
		goAwait(result).Cancel()
		eq(t, d.Called(), false)
		d.Callback(3)
		wantValue(t, result, 3)
	})
	t.Run("while it is unwound", func(t *testing.T) {
		d := deferred.New[int]()
		var s story
		result := deferred.Go(func(co *deferred.Co) (int, error) {
			defer func() {
				v, err := deferred.Shield(co, func() (int, error) { return deferred.Await(co, d) })
				s.add("%d %v", v, err)
			}()
			for {
				deferred.Await(co, deferred.New[int]())
			}
		})
		result.Cancel()
		eq(t, result.Called(), false)
		d.Callback(6)
		eq(t, s, story{"6 <nil>"})
		wantError(t, result, deferred.ErrCancelled)
	})
	t.Run("a panic inside", func(t *testing.T) {
		d := deferred.New[int]()
		result := deferred.Go(func(co *deferred.Co) (int, error) {
			func() {
				defer func() { recover() }()
				deferred.Shield(co, func() (int, error) { panic(errBoom) })
			}()
			return deferred.Await(co, d)
		})
		result.Cancel()
		wantError(t, result, deferred.ErrCancelled)
	})
	t.Run("in a coroutine that is not cancelled", func(t *testing.T) {
		wantError(t, deferred.Go(func(co *deferred.Co) (int, error) {
			return deferred.Shield(co, func() (int, error) { return 1, errBoom })
		}), errBoom)
	})
	t.Run("outside of a coroutine", func(t *testing.T) {
		got := fmt.Sprint(wantPanic(t, func() { deferred.Shield(nil, func() (int, error) { return 1, nil }) }))
		eq(t, got, "deferred: Shield outside of deferred.Go")
		got = fmt.Sprint(wantPanic(t, func() { deferred.Await(nil, deferred.New[int]()) }))
		eq(t, got, "deferred: Await outside of deferred.Go")
		got = fmt.Sprint(wantPanic(t, func() { deferred.Await[int](nil, nil) }))
		eq(t, got, "deferred: Await outside of deferred.Go")
	})
}

// A panic other than the unwinding one is the coroutine's result.
func TestAPanicWhileACoroutineIsUnwound(t *testing.T) {
	result := deferred.Go(func(co *deferred.Co) (int, error) {
		defer func() { panic(errBoom) }()
		for {
			deferred.Await(co, deferred.New[int]())
		}
	})
	result.Cancel()
	wantError(t, result, errBoom)
}

// The Deferred of a cancelled coroutine's Await stays usable for others.
func TestADeferredThatACancelledCoroutineWouldHaveAwaited(t *testing.T) {
	deferred.FailOnUnhandled(t)
	paused := deferred.New[int]()
	paused.Pause()
	result := deferred.Go(func(co *deferred.Co) (int, error) {
		deferred.Await(co, deferred.New[int]())
		return deferred.Await(co, paused)
	})
	result.Cancel()
	wantError(t, result, deferred.ErrCancelled)
	got := deferred.Map(paused, same)
	paused.Unpause()
	wantError(t, got, deferred.ErrCancelled)
}

// TestCancelOrphansNothing: a cancelled chain leaves no Deferred pending, whichever link
// it is made of and whatever it waits for. The links answer an error, such as the
// cancellation, by another Deferred where they can.
func TestCancelOrphansNothing(t *testing.T) {
	type link func(d *D, answer func() *D) *D
	links := map[string]link{
		"AddCallback":   func(d *D, _ func() *D) *D { return d.AddCallback(same) },
		"AddErrback":    func(d *D, _ func() *D) *D { return d.AddErrback(func(err error) (int, error) { return 0, err }) },
		"AddCallbacks":  func(d *D, _ func() *D) *D { return d.AddCallbacks(same, nil) },
		"AddBoth":       func(d *D, _ func() *D) *D { return d.AddBoth(func(v int, err error) (int, error) { return v, err }) },
		"Tap":           func(d *D, _ func() *D) *D { return d.Tap(func(int, error) {}) },
		"ThenCallback":  func(d *D, answer func() *D) *D { return d.ThenCallback(func(int) *D { return answer() }) },
		"ChainDeferred": func(d *D, _ func() *D) *D { e := deferred.New[int](); d.ChainDeferred(e); return e },
		"Map":           func(d *D, _ func() *D) *D { return deferred.Map(d, same) },
		"MapBoth": func(d *D, _ func() *D) *D {
			return deferred.MapBoth(d, func(v int, err error) (int, error) { return v, err })
		},
		"Then":     func(d *D, answer func() *D) *D { return deferred.Then(d, func(int) *D { return answer() }) },
		"ThenBoth": func(d *D, answer func() *D) *D { return deferred.ThenBoth(d, func(int, error) *D { return answer() }) },
		"Go": func(d *D, answer func() *D) *D {
			return deferred.Go(func(co *deferred.Co) (int, error) {
				deferred.Await(co, d)
				return deferred.Await(co, answer())
			})
		},
		"Run": func(d *D, answer func() *D) *D {
			return deferred.Run(new(deferred.DeferredLock), func() *D { return deferred.ThenBoth(d, func(int, error) *D { return answer() }) })
		},
		"GatherResults": func(d *D, answer func() *D) *D {
			return deferred.Map(deferred.GatherResults([]*D{deferred.ThenBoth(d, func(int, error) *D { return answer() })}),
				func(v []int) (int, error) { return v[0], nil })
		},
	}
	// A method's handler that answers an error by a Deferred recovers, as in Twisted: the
	// chain waits for it, and the next Cancel cancels it.
	recovering := map[string]link{
		"ThenErrback": func(d *D, answer func() *D) *D { return d.ThenErrback(func(error) *D { return answer() }) },
		"d.ThenBoth":  func(d *D, answer func() *D) *D { return d.ThenBoth(func(int, error) *D { return answer() }) },
	}
	for name, l := range links {
		for other, m := range links {
			for when, start := range map[string]func(d *D){
				"the first waits":   func(d *D) {},
				"the handler waits": func(d *D) { d.Callback(1) },
				"the first failed":  func(d *D) { d.Errback(errBoom) },
			} {
				t.Run(name+" of "+other+", "+when, func(t *testing.T) {
					var made []*D
					answer := func() *D {
						d := deferred.New[int]()
						made = append(made, d)
						return d
					}
					first := answer()
					e := l(m(first, answer), answer)
					start(first)
					e.Cancel()
					if !e.Called() || e.Paused() {
						t.Errorf("waits: %v", e)
					}
					for i, d := range made {
						if !d.Called() {
							t.Errorf("Deferred %d of %d is left behind", i+1, len(made))
						}
						outcome(d)
					}
					outcome(e)
				})
			}
		}
	}
	for name, l := range recovering {
		t.Run(name, func(t *testing.T) {
			answer := deferred.New[int]()
			e := l(deferred.New[int](), func() *D { return answer })
			e.Cancel()
			eq(t, answer.Called(), false)
			eq(t, e.Paused(), true)
			e.Cancel()
			wantError(t, answer, deferred.ErrCancelled)
			// Inside another link, one Cancel ends both.
			answer = deferred.New[int]()
			outer := deferred.Map(l(deferred.New[int](), func() *D { return answer }), same)
			outer.Cancel()
			eq(t, answer.Called(), true)
			wantError(t, outer, deferred.ErrCancelled)
		})
	}
}

// A chain whose handlers answer every error by another attempt ends.
func TestCancelAnsweredForEver(t *testing.T) {
	attempts := 0
	var attempt func() *D
	attempt = func() *D {
		attempts++
		return deferred.ThenBoth(deferred.New[int](), func(int, error) *D { return attempt() })
	}
	d := attempt()
	d.Cancel()
	wantError(t, d, deferred.ErrCancelled)
	if attempts > 30 {
		t.Errorf("%d attempts", attempts)
	}
}

func TestTheErrorOfAnUnwoundCoroutine(t *testing.T) {
	result := deferred.Go(func(co *deferred.Co) (int, error) {
		for {
			deferred.Await(co, deferred.New[int]())
		}
	})
	result.Cancel()
	got, _ := outcome(result)
	if !errors.Is(got.Err, deferred.ErrCancelled) || !strings.Contains(got.Err.Error(), "unwound") {
		t.Errorf("got %v", got.Err)
	}
}

// runtime.Goexit in a coroutine ends the goroutine that runs it, as in a handler, so that
// FailNow ends a test.
func TestGoexitInACoroutine(t *testing.T) {
	for _, waits := range []bool{false, true} {
		ended := make(chan bool)
		go func() {
			defer close(ended)
			d := deferred.New[int]()
			deferred.Go(func(co *deferred.Co) (int, error) {
				if waits {
					deferred.Await(co, d)
				}
				runtime.Goexit()
				return 0, nil
			})
			d.Callback(1)
			t.Error("the goroutine goes on")
		}()
		<-ended
	}
}

// TestCancelGoesOnAfterAShield: a chain is cancelled while a coroutine at its beginning
// is in a Shield. What waits for the coroutine fires after it, and what its handlers
// answer then is cancelled too.
func TestCancelGoesOnAfterAShield(t *testing.T) {
	for name, link := range map[string]func(d *D, answer func() *D) *D{
		"Map":      func(d *D, _ func() *D) *D { return deferred.Map(d, same) },
		"ThenBoth": func(d *D, answer func() *D) *D { return deferred.ThenBoth(d, func(int, error) *D { return answer() }) },
		"Then and more": func(d *D, answer func() *D) *D {
			return deferred.Map(deferred.ThenBoth(d, func(int, error) *D { return answer() }), same)
		},
		"d.ThenBoth and Map": func(d *D, answer func() *D) *D {
			return deferred.Map(d.ThenBoth(func(int, error) *D { return answer() }), same)
		},
		"Go of d.ThenBoth": func(d *D, answer func() *D) *D {
			return goAwait(d.ThenBoth(func(int, error) *D { return answer() }))
		},
		"Go": func(d *D, answer func() *D) *D {
			return deferred.Go(func(co *deferred.Co) (int, error) {
				deferred.Await(co, d)
				return deferred.Await(co, answer())
			})
		},
		"GatherResults": func(d *D, _ func() *D) *D {
			return deferred.Map(deferred.GatherResults([]*D{deferred.New[int](), d, deferred.New[int]()}), func([]int) (int, error) { return 0, nil })
		},
		"DeferredList": func(d *D, _ func() *D) *D {
			return deferred.Map(deferred.DeferredList([]*D{d, deferred.New[int]()}, deferred.ConsumeErrors), func(all []deferred.Result[int]) (int, error) { return 0, all[0].Err })
		},
		"Gather2": func(d *D, _ func() *D) *D {
			return deferred.Map(deferred.Gather2(d, deferred.New[string]()), func(deferred.Pair[int, string]) (int, error) { return 0, nil })
		},
		"Race": func(d *D, _ func() *D) *D {
			return deferred.Map(deferred.Race([]*D{d, deferred.New[int]()}), func(deferred.Winner[int]) (int, error) { return 0, nil })
		},
		"Run": func(d *D, answer func() *D) *D {
			return deferred.Run(new(deferred.DeferredLock), func() *D { return d })
		},
	} {
		t.Run(name, func(t *testing.T) {
			cleaning := deferred.New[int]()
			coroutine := deferred.Go(func(co *deferred.Co) (int, error) {
				_, err := deferred.Await(co, deferred.New[int]())
				deferred.Shield(co, func() (int, error) { return deferred.Await(co, cleaning) })
				return 0, err
			})
			var answers []*D
			e := link(coroutine, func() *D {
				d := deferred.New[int]()
				answers = append(answers, d)
				return d
			})
			e.Cancel()
			waits := !e.Called() || e.Paused()
			if first := strings.HasPrefix(name, "Gather"); first {
				waits = true // it fails with the first error, as ever
			}
			if !waits || cleaning.Called() {
				t.Errorf("before the clean-up has ended: %v, %v", e, cleaning)
			}
			cleaning.Callback(1)
			for _, d := range answers {
				if !d.Called() {
					t.Error("the answer was not cancelled")
				}
			}
			wantError(t, e, deferred.ErrCancelled)
		})
	}
}

// A handler of the cancelled Deferred's own chain recovers from the cancellation, as in
// Twisted, also if it comes late.
func TestRecoveringFromALateCancellation(t *testing.T) {
	for _, linked := range []bool{false, true} {
		cleaning, again := deferred.New[int](), deferred.New[int]()
		d := deferred.Go(func(co *deferred.Co) (int, error) {
			deferred.Shield(co, func() (int, error) { return deferred.Await(co, cleaning) })
			return deferred.Await(co, deferred.New[int]())
		})
		if linked {
			d = deferred.ThenBoth(d, func(int, error) *D { return deferred.New[int]() })
		}
		d.ThenErrback(func(error) *D { return again })
		d.Cancel()
		cleaning.Callback(1)
		eq(t, again.Called(), false)
		again.Callback(5)
		wantValue(t, d, 5)
	}
}
