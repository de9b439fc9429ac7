package deferred_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/seed-7c003b53/gotreq/deferred"
)

// census opens a census that ends with the test.
func census(t *testing.T) *deferred.Census {
	t.Helper()
	c := deferred.OpenCensus()
	t.Cleanup(c.Close)
	return c
}

// debugging turns debugging on until the test ends.
func debugging(t *testing.T) {
	deferred.SetDebugging(true)
	t.Cleanup(func() { deferred.SetDebugging(false) })
}

var lineNumbers = regexp.MustCompile(`(\.go:|func)\d+[\d.]*`)

// anyLine replaces the numbers of lines and closures, which change with each edit of a test.
func anyLine(text string) string { return lineNumbers.ReplaceAllString(text, "${1}N") }

// texts returns the texts of what a census has found, without the numbers of lines.
func texts[T fmt.Stringer](all []T) (s []string) {
	for _, one := range all {
		s = append(s, anyLine(one.String()))
	}
	return s
}

func wantTexts(t *testing.T, what string, got []string, want ...string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("%s: got\n  %s\nwant\n  %s", what, strings.Join(got, "\n  "), strings.Join(want, "\n  "))
	}
}

// wantText compares a text without its numbers of lines.
func wantText(t *testing.T, what, got, want string) {
	t.Helper()
	if got = anyLine(got); got != strings.TrimPrefix(want, "\n") {
		t.Errorf("%s: got\n%s\nwant\n%s", what, got, strings.TrimPrefix(want, "\n"))
	}
}

// kept is a handler.
func kept[T any](v T) (T, error) { return v, nil }

// hold pauses d, so that a handler of d waits, whether d has fired or not.
func hold[T any](d *deferred.Deferred[T]) {
	d.AddErrback(func(error) (value T, _ error) { return value, nil })
	d.Pause()
	d.AddCallback(kept[T])
}

// TestCensusCountsEachMaker: each function that makes a Deferred is seen, whether what it makes
// has fired or not.
func TestCensusCountsEachMaker(t *testing.T) {
	var unfired []*D
	pending := func() *D {
		unfired = append(unfired, deferred.New[int]())
		return unfired[len(unfired)-1]
	}
	in := func(f func()) { f() } // an executor that needs no other goroutine
	held := func() *deferred.DeferredLock {
		l := new(deferred.DeferredLock)
		l.Acquire()
		return l
	}
	full := func() *deferred.DeferredSemaphore {
		s := deferred.NewDeferredSemaphore(1)
		s.Acquire()
		return s
	}
	file := func(t *testing.T) *deferred.DeferredFilesystemLock {
		name := filepath.Join(t.TempDir(), "lock")
		other := deferred.NewDeferredFilesystemLock(name, new(fakeClock), deferred.FilesystemLockConfig{})
		other.Lock()
		t.Cleanup(func() { other.Unlock() })
		return deferred.NewDeferredFilesystemLock(name, new(fakeClock), deferred.FilesystemLockConfig{})
	}
	for name, make := range map[string]func(t *testing.T){
		"New":            func(*testing.T) { hold(pending()) },
		"NewCancellable": func(*testing.T) { hold(deferred.NewCancellable(func(*D) {})) },
		"Succeed":        func(*testing.T) { hold(deferred.Succeed(1)) },
		"Fail":           func(*testing.T) { hold(deferred.Fail[int](errBoom)) },
		"Go": func(*testing.T) {
			hold(deferred.Go(func(co *deferred.Co) (int, error) { return deferred.Await(co, pending()) }))
		},
		"Go that has ended":       func(*testing.T) { hold(deferred.Go(func(co *deferred.Co) (int, error) { return 1, nil })) },
		"Map":                     func(*testing.T) { hold(deferred.Map(pending(), kept[int])) },
		"Map of a result":         func(*testing.T) { hold(deferred.Map(deferred.Succeed(1), kept[int])) },
		"MapBoth":                 func(*testing.T) { hold(deferred.MapBoth(pending(), func(int, error) (int, error) { return 1, nil })) },
		"Then":                    func(*testing.T) { hold(deferred.Then(pending(), deferred.Succeed[int])) },
		"ThenBoth":                func(*testing.T) { hold(deferred.ThenBoth(pending(), func(int, error) *D { return pending() })) },
		"GatherResults":           func(*testing.T) { hold(deferred.GatherResults([]*D{pending()})) },
		"GatherResults of none":   func(*testing.T) { hold(deferred.GatherResults([]*D{})) },
		"Gather2":                 func(*testing.T) { hold(deferred.Gather2(pending(), deferred.Succeed("a"))) },
		"Gather3":                 func(*testing.T) { hold(deferred.Gather3(pending(), pending(), pending())) },
		"DeferredList":            func(*testing.T) { hold(deferred.DeferredList([]*D{pending()})) },
		"FireOnOneCallback":       func(*testing.T) { hold(deferred.FireOnOneCallback([]*D{pending()})) },
		"FireOnOneCallback, none": func(*testing.T) { hold(deferred.FireOnOneCallback([]*D{})) },
		"Race":                    func(*testing.T) { hold(deferred.Race([]*D{pending()})) },
		"MaybeDeferred":           func(*testing.T) { hold(deferred.MaybeDeferred(pending)) },
		"MaybeDeferred, nil":      func(*testing.T) { hold(deferred.MaybeDeferred(func() *D { return nil })) },
		"Execute":                 func(*testing.T) { hold(deferred.Execute(func() (int, error) { return 1, nil })) },
		"Run":                     func(*testing.T) { hold(deferred.Run(new(deferred.DeferredLock), pending)) },
		"Run that waits":          func(*testing.T) { hold(deferred.Run(held(), pending)) },
		"DeferredLock":            func(*testing.T) { hold(new(deferred.DeferredLock).Acquire()) },
		"DeferredLock, held":      func(*testing.T) { hold(held().Acquire()) },
		"DeferredSemaphore":       func(*testing.T) { hold(deferred.NewDeferredSemaphore(1).Acquire()) },
		"DeferredSemaphore, full": func(*testing.T) { hold(full().Acquire()) },
		"DeferredQueue": func(*testing.T) {
			q := deferred.NewDeferredQueue[int](deferred.QueueConfig{})
			q.Put(1)
			hold(q.Get())
		},
		"DeferredQueue, empty": func(*testing.T) { hold(deferred.NewDeferredQueue[int](deferred.QueueConfig{}).Get()) },
		"DeferredQueue, full":  func(*testing.T) { hold(deferred.NewDeferredQueue[int](deferred.QueueConfig{Backlog: -1}).Get()) },
		"DeferredFilesystemLock": func(t *testing.T) {
			hold(file(t).DeferUntilLocked(0))
		},
		"DeferredFilesystemLock, twice": func(t *testing.T) {
			l := file(t)
			l.DeferUntilLocked(0)
			hold(l.DeferUntilLocked(0))
		},
		"RunOn": func(*testing.T) {
			hold(deferred.RunOn(newLoop(), in, func(context.Context) (int, error) { return 1, nil }))
		},
		"FromChannel": func(*testing.T) { hold(deferred.FromChannel(newLoop(), func(func()) {}, make(chan int))) },
		"AddTimeout":  func(*testing.T) { hold(pending().AddTimeout(time.Second, new(fakeClock), nil)) },
	} {
		t.Run(name, func(t *testing.T) {
			for _, on := range []bool{false, true} {
				deferred.SetDebugging(on)
				c := deferred.OpenCensus()
				make(t)
				deferred.SetDebugging(false)
				found := 0
				for _, w := range c.Waiting() {
					if strings.Contains(strings.Join(w.Waiters, "\n"), "deferred_test.hold[...]") {
						found++
						if inTest := strings.Contains(w.Made, "(census_test.go:"); inTest != on {
							t.Errorf("debugging is %v: made in %q", on, w.Made)
						}
					}
				}
				eq(t, found, 1)
				for _, d := range unfired { // which end the coroutines
					d.Callback(1)
				}
				unfired = nil
				c.Unhandled()
				c.Close()
			}
		})
	}
}

func get(co *deferred.Co, d *D) (int, error) { return deferred.Await(co, d) }

func show(n int) (int, error) { return n, nil }

// TestWaiting: what waits, what waits for it, and the root cause.
func TestWaiting(t *testing.T) {
	awaited := make(chan *D, 2) // for coroutines, which the test ends
	wait := func() *D {
		d := deferred.New[int]()
		awaited <- d
		return d
	}
	for _, test := range []struct {
		name string
		run  func()
		want []string
	}{
		{"nothing", func() {}, nil},
		{"fired", func() { deferred.New[int]().AddCallback(show).Callback(1) }, nil},
		{"nobody waits", func() { deferred.New[int]() }, nil},
		{"a handler", func() { deferred.New[int]().AddCallback(show) },
			[]string{"#1 Deferred[int], awaited by AddCallback with deferred_test.show (census_test.go:N), has not fired"}},
		{"two handlers", func() { deferred.New[int]().AddCallback(show).AddErrback(deferred.LogError) },
			[]string{"#1 Deferred[int], awaited by AddCallback with deferred_test.show (census_test.go:N) and 1 more, has not fired"}},
		{"a coroutine", func() {
			d := wait()
			deferred.Go(func(co *deferred.Co) (int, error) { return get(co, d) })
		}, []string{
			"#1 Deferred[int], awaited by #2 Deferred[int] of the coroutine deferred_test.TestWaiting.funcN at deferred_test.get (census_test.go:N), has not fired",
			"#2 Deferred[int] of the coroutine deferred_test.TestWaiting.funcN at deferred_test.get (census_test.go:N), waits for #1 Deferred[int], has not fired"}},
		{"a coroutine that awaits a zero value", func() {
			d := new(D)
			awaited <- d
			deferred.Go(func(co *deferred.Co) (int, error) { return deferred.Await(co, d) })
		}, []string{"#1 Deferred[int] of the coroutine deferred_test.TestWaiting.funcN at census_test.go:N, waits for #2 Deferred[int], has not fired"}},
		{"a coroutine that has ended", func() { deferred.Go(func(co *deferred.Co) (int, error) { return 1, nil }) }, nil},
		{"a chain that waits", func() {
			d := deferred.Succeed(1).ThenCallback(func(int) *D { return deferred.New[int]() })
			d.AddCallback(show)
		}, []string{
			"#1 Deferred[int], awaited by AddCallback with deferred_test.show (census_test.go:N), waits for #2 Deferred[int], has not fired",
			"#2 Deferred[int], awaited by #1 Deferred[int], has not fired"}},
		{"paused", func() { d := deferred.Succeed(1); d.Pause(); d.AddCallback(show) },
			[]string{"#1 Deferred[int], awaited by AddCallback with deferred_test.show (census_test.go:N), is paused"}},
		{"paused without a handler", func() { deferred.Succeed(1).Pause() }, nil},
		{"a link", func() { deferred.Map(deferred.New[int](), show) },
			[]string{"#1 Deferred[int], awaited by #2 Deferred[int] of Map with deferred_test.show (census_test.go:N), has not fired"}},
		{"a link that was cancelled", func() {
			m := deferred.Map(deferred.NewCancellable(func(*D) {}), show)
			m.Cancel()
			m.AddErrback(deferred.Trap(deferred.ErrCancelled, func(error) (int, error) { return 0, nil }))
		}, nil},
		{"a group", func() {
			all := deferred.GatherResults([]*D{deferred.New[int](), deferred.Succeed(1)})
			all.AddCallback(kept[[]int])
		}, []string{
			"#1 Deferred[int], awaited by #3 Deferred[[]int], has not fired",
			"#3 Deferred[[]int], awaited by AddCallback with deferred_test.kept[...] (census_test.go:N), waits for 1 of 2"}},
		{"a member of a group that has fired", func() {
			deferred.FireOnOneCallback([]*D{deferred.New[int](), deferred.Succeed(1)})
		}, nil},
		{"a member of a pair that has failed", func() {
			pair := deferred.Gather2(deferred.New[int](), deferred.Fail[int](errBoom))
			pair.AddErrback(func(error) (v deferred.Pair[int, int], _ error) { return v, nil })
		}, nil},
		{"a timeout", func() { deferred.New[int]().AddTimeout(time.Second, new(fakeClock), nil) },
			[]string{"#1 Deferred[int], awaited by AddTimeout, has not fired"}},
		{"a channel", func() { deferred.ToChannel(deferred.New[int]()) },
			[]string{"#1 Deferred[int], awaited by ToChannel, has not fired"}},
		{"a lock", func() {
			var l deferred.DeferredLock
			l.Acquire()
			deferred.Run(&l, func() *D { return deferred.Succeed(1) })
		}, []string{"#2 Deferred[None], awaited by #3 Deferred[int] of Run with deferred_test.TestWaiting.funcN (census_test.go:N), waits for a DeferredLock"}},
		{"the holder of a lock", func() { deferred.Run(new(deferred.DeferredLock), func() *D { return deferred.New[int]() }) },
			[]string{"#3 Deferred[int], awaited by #2 Deferred[int] of Run with deferred_test.TestWaiting.funcN (census_test.go:N), has not fired"}},
		{"an awaited Deferred whose coroutine was cancelled", func() {
			d := deferred.NewCancellable(func(d *D) {})
			c := deferred.Go(func(co *deferred.Co) (int, error) { return get(co, d) })
			c.Cancel()
			c.AddErrback(deferred.Trap(deferred.ErrCancelled, func(error) (int, error) { return 0, nil }))
		}, nil},
	} {
		c := deferred.OpenCensus()
		test.run()
		wantTexts(t, test.name, texts(c.Waiting()), test.want...)
		if (c.String() == "") != (len(test.want) == 0) {
			t.Errorf("%s: the text is %q", test.name, c.String())
		}
		for len(awaited) > 0 {
			(<-awaited).Callback(1)
		}
		c.Unhandled()
		c.Close()
	}
}

// TestUnfired: a Deferred for which nothing waits is listed apart.
func TestUnfired(t *testing.T) {
	c := census(t)
	deferred.New[string]()
	deferred.Map(deferred.New[int](), show)
	deferred.Succeed(1)
	deferred.Succeed(1).Pause()
	deferred.New[int]().Cancel()
	wantTexts(t, "unfired", texts(c.Unfired()),
		"#1 Deferred[string], has not fired",
		"#3 Deferred[int] of Map with deferred_test.show (census_test.go:N), waits for #2 Deferred[int], has not fired")
	c.Unhandled()
}

// TestCensusUnhandled: the census finds an error without the garbage collector, and the package
// does not report it again.
func TestCensusUnhandled(t *testing.T) {
	u := deferred.FailOnUnhandled(t)
	debugging(t)
	c := deferred.OpenCensus()
	first, second := errors.New("first"), errors.New("second")
	d := deferred.Fail[int](first)
	deferred.Map(deferred.Fail[int](second), show)
	deferred.Fail[int](errBoom).AddErrback(func(error) (int, error) { return 0, nil })
	kept := deferred.Fail[int](errBoom)
	got := c.Unhandled()
	eq(t, len(got), 3)
	eq(t, got[0].Err, first)
	eq(t, got[1].Err, second)
	if !strings.Contains(got[0].Made, "TestCensusUnhandled") {
		t.Errorf("made by %q", got[0].Made)
	}
	kept.AddErrback(func(error) (int, error) { return 0, nil })
	eq(t, len(c.Unhandled()), 2)
	c.Close()
	d.AddErrback(func(error) (int, error) { return 0, nil }) // late, but it must not upset a count
	d, kept, c = nil, nil, nil
	eq(t, len(u.Flush(nil)), 0)

	c = deferred.OpenCensus()
	deferred.Fail[int](first)
	c.Close() // without asking
	c = nil
	eq(t, len(u.Flush(first)), 1)

	// A handler that comes later and does not take the error leaves it unhandled.
	c = deferred.OpenCensus()
	d = deferred.Fail[int](first)
	c.Unhandled()
	c.Close()
	d.AddCallback(show)
	d, c = nil, nil
	eq(t, len(u.Flush(first)), 1)
}

// TestCensusUnhandledAtOnce: an error that is reported without a Deferred is counted too.
func TestCensusUnhandledAtOnce(t *testing.T) {
	u := deferred.FailOnUnhandled(t)
	c := census(t)
	wait := deferred.New[int]()
	result := deferred.Go(func(co *deferred.Co) (int, error) { return deferred.Await(co, wait) })
	result.Callback(1)
	wait.Callback(1)
	got := c.Unhandled()
	eq(t, len(got), 1)
	if _, ok := got[0].Err.(*deferred.AlreadyCalledError); !ok {
		t.Errorf("got %v", got[0].Err)
	}
	eq(t, len(u.Flush(nil)), 1)
}

// TestPanics: each panic that becomes an error is counted, and none twice.
func TestPanics(t *testing.T) {
	c := census(t)
	oops := func(int) (int, error) { panic("handler") }
	outcome(deferred.Succeed(1).AddCallback(oops))
	outcome(deferred.Map(deferred.Succeed(1), func(int) (int, error) { panic("Map") }))
	outcome(deferred.Execute(func() (int, error) { panic("Execute") }))
	outcome(deferred.MaybeDeferred(func() *D { panic("MaybeDeferred") }))
	outcome(deferred.Go(func(*deferred.Co) (int, error) { panic("coroutine") }))
	cancelled := deferred.NewCancellable(func(*D) { panic("canceller") })
	cancelled.Cancel()
	outcome(cancelled)
	outcome(deferred.Succeed(1).AddCallback(func(int) (int, error) {
		deferred.Succeed(1).Callback(2)
		return 0, nil
	}))
	outcome(deferred.Succeed(1).AddCallback(func(int) (int, error) {
		p := deferred.NewPanicError("again")
		p.Repanic()
		return 0, nil
	}))
	// That the package unwinds a coroutine is no panic of the program.
	stubborn := deferred.Go(func(co *deferred.Co) (int, error) {
		for {
			deferred.Await(co, deferred.New[int]())
		}
	})
	stubborn.Cancel()
	outcome(stubborn)
	var got []string
	for _, p := range c.Panics() {
		got = append(got, p.Error())
	}
	wantTexts(t, "panics", got, "panic: handler", "panic: Map", "panic: Execute", "panic: MaybeDeferred", "panic: coroutine",
		"panic: canceller", "panic: deferred: Callback on a Deferred that has already fired", "panic: again")
	deferred.Execute(func() (int, error) { panic("unhandled") })
	eq(t, len(c.Unhandled()), 1)
}

// TestCancelsIgnored: which Deferreds have ended with a value after they were cancelled.
func TestCancelsIgnored(t *testing.T) {
	type coroutine = func(co *deferred.Co) (int, error)
	cancel := func(f coroutine) func() {
		return func() {
			d := deferred.Go(f)
			d.Cancel()
			d.Cancel()
			outcome(d)
		}
	}
	sleep := func(co *deferred.Co) error {
		_, err := deferred.Await(co, deferred.New[int]())
		return err
	}
	late := deferred.New[int]() // fires in a Shield
	const value = " and has ended with a value all the same"
	for _, test := range []struct {
		name string
		run  func()
		want []string
	}{
		{"not cancelled", func() { outcome(deferred.Succeed(1)) }, nil},
		{"cancelled", func() { d := deferred.New[int](); d.Cancel(); outcome(d) }, nil},
		{"cancelled after it fired", func() { d := deferred.Succeed(1); d.Cancel(); outcome(d) }, nil},
		{"a late result is dropped", func() { d := deferred.New[int](); d.Cancel(); d.Callback(1); outcome(d) }, nil},
		{"a canceller that fires a value", func() { d := deferred.NewCancellable(func(d *D) { d.Callback(1) }); d.Cancel() },
			[]string{"#1 Deferred[int], was cancelled" + value}},
		{"a canceller that fires an error", func() { d := deferred.NewCancellable(func(d *D) { d.Errback(errBoom) }); d.Cancel(); outcome(d) }, nil},
		{"a canceller that resolves another", func() {
			inner := deferred.New[int]()
			d := deferred.NewCancellable(func(*D) { inner.Callback(1) })
			inner.ChainDeferred(d)
			d.Cancel()
		}, []string{"#2 Deferred[int], was cancelled" + value}},
		{"a handler that recovers", func() {
			d := deferred.New[int]()
			d.AddErrback(deferred.Trap(deferred.ErrCancelled, func(error) (int, error) { return 1, nil }))
			d.Cancel()
		}, nil},
		{"a link that recovers", func() {
			d := deferred.MapBoth(deferred.New[int](), func(int, error) (int, error) { return 1, nil })
			d.Cancel()
		}, nil},
		{"a coroutine that passes it on", cancel(func(co *deferred.Co) (int, error) { return 1, sleep(co) }), nil},
		{"a coroutine that ends with another error", cancel(func(co *deferred.Co) (int, error) { sleep(co); return 0, errBoom }), nil},
		{"a coroutine that swallows it", cancel(func(co *deferred.Co) (int, error) { sleep(co); return 1, nil }),
			[]string{"#1 Deferred[int] of the coroutine deferred_test.TestCancelsIgnored.funcN (census_test.go:N), was cancelled" + value}},
		{"a coroutine that waits once more", cancel(func(co *deferred.Co) (int, error) { sleep(co); sleep(co); return 1, nil }),
			[]string{"#1 Deferred[int] of the coroutine deferred_test.TestCancelsIgnored.funcN (census_test.go:N), was cancelled" + value}},
		{"a coroutine that waits for ever", cancel(func(co *deferred.Co) (int, error) {
			for {
				sleep(co)
			}
		}), []string{"#1 Deferred[int] of the coroutine deferred_test.TestCancelsIgnored.funcN (census_test.go:N), was cancelled, waited again and again, and was unwound"}},
		{"a coroutine in a coroutine", func() {
			d := deferred.Go(func(co *deferred.Co) (int, error) {
				return deferred.Await(co, deferred.Go(func(co *deferred.Co) (int, error) { sleep(co); return 1, nil }))
			})
			d.Cancel()
		}, []string{
			"#1 Deferred[int] of the coroutine deferred_test.TestCancelsIgnored.funcN (census_test.go:N), was cancelled" + value,
			"#2 Deferred[int] of the coroutine deferred_test.TestCancelsIgnored.funcN (census_test.go:N), was cancelled" + value}},
		{"a coroutine that had no more to wait for", func() {
			var d *D
			wait := deferred.New[int]()
			d = deferred.Go(func(co *deferred.Co) (int, error) {
				deferred.Await(co, wait)
				d.Cancel()
				return 1, nil
			})
			wait.Callback(1)
		}, nil},
		{"a coroutine that ends in a Shield", func() {
			d := deferred.Go(func(co *deferred.Co) (int, error) {
				return deferred.Shield(co, func() (int, error) { return deferred.Await(co, late) })
			})
			d.Cancel()
			late.Callback(1)
		}, nil},
		{"a list", func() {
			d := deferred.DeferredList([]*D{deferred.New[int]()}, deferred.ConsumeErrors)
			d.Cancel()
		}, nil},
		{"a list of a canceller that fires a value", func() {
			d := deferred.GatherResults([]*D{deferred.NewCancellable(func(d *D) { d.Callback(1) })})
			d.Cancel()
		}, []string{"#1 Deferred[int], was cancelled" + value}},
		{"a lock", func() {
			var l deferred.DeferredLock
			l.Acquire()
			d := l.Acquire()
			d.Cancel()
			outcome(d)
		}, nil},
	} {
		c := deferred.OpenCensus()
		test.run()
		wantTexts(t, test.name, texts(c.CancelsIgnored()), test.want...)
		c.Unhandled()
		c.Close()
	}
	debugging(t)
	c := census(t)
	cancel(func(co *deferred.Co) (int, error) { sleep(co); return 1, nil })()
	wantTexts(t, "debugging", texts(c.CancelsIgnored()), "#1 Deferred[int] of the coroutine deferred_test.TestCancelsIgnored.funcN (census_test.go:N), "+
		"made in deferred_test.TestCancelsIgnored.TestCancelsIgnored.funcNfuncN (census_test.go:N), was cancelled in deferred_test.TestCancelsIgnored.TestCancelsIgnored.funcNfuncN (census_test.go:N)"+value)
}

// TestOneCensus: a second census panics, and a closed one leaves room and stays readable.
func TestOneCensus(t *testing.T) {
	c := deferred.OpenCensus()
	eq(t, wantPanic(t, func() { deferred.OpenCensus() }), any("deferred: OpenCensus while another Census is open; Close that first"))
	deferred.New[int]().AddCallback(show)
	c.Close()
	c.Close()
	deferred.New[int]().AddCallback(show) // is not counted
	eq(t, len(c.Waiting()), 1)
	eq(t, strings.Count(c.String(), "\n"), 0)
	next := census(t)
	eq(t, len(next.Waiting()), 0)
	c.Close() // does not close the other one
	deferred.New[int]().AddCallback(show)
	eq(t, len(next.Waiting()), 1)
}

// TestCensusOfManyGoroutines: no Deferred is lost when several goroutines make some.
func TestCensusOfManyGoroutines(t *testing.T) {
	c := census(t)
	const goroutines, each = 4, 1000
	var wg sync.WaitGroup
	for range goroutines {
		wg.Go(func() {
			for range each {
				deferred.New[int]().AddCallback(show)
			}
			deferred.Execute(func() (int, error) { panic(errBoom) })
		})
	}
	wg.Wait()
	all := c.Waiting()
	eq(t, len(all), goroutines*each)
	seen := make(map[uint64]bool)
	for _, w := range all {
		seen[w.Number] = true
	}
	eq(t, len(seen), goroutines*each)
	eq(t, len(c.Panics()), goroutines)
	eq(t, len(c.Unhandled()), goroutines)
}

// TestOffCostsNothing: without a census and without debugging, nothing is allocated for them.
func TestOffCostsNothing(t *testing.T) {
	members := []*D{deferred.Succeed(1), deferred.Succeed(2)}
	for _, test := range []struct {
		name string
		f    func()
		want float64
	}{
		{"New", func() { deferred.New[int]() }, 1},
		{"NewCancellable", func() { deferred.NewCancellable(func(*D) {}) }, 1},
		{"Map", func() { deferred.Map(deferred.New[int](), show) }, 2},
		{"GatherResults", func() { deferred.GatherResults(members) }, 5},
		{"Gather2", func() { deferred.Gather2(members[0], members[1]) }, 4},
		{"Run", func() { deferred.Run(new(deferred.DeferredLock), func() *D { return members[0] }) }, 4},
		{"Cancel", func() { d := deferred.New[int](); d.Cancel(); outcome(d) }, 6},
	} {
		if got := testing.AllocsPerRun(100, test.f); got != test.want {
			t.Errorf("%s: %v allocations, want %v", test.name, got, test.want)
		}
	}
}

func BenchmarkNewWithCensus(b *testing.B) {
	b.ReportAllocs()
	c := deferred.OpenCensus()
	defer c.Close()
	for b.Loop() {
		deferred.New[int]()
	}
}
