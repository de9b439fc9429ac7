package deferred_test

import (
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/internal/testkit/logtest"
)

func TestUnhandledErrors(t *testing.T) {
	cases := []struct {
		name string
		f    func(err error)
		want int // number of reports of err
	}{
		{"failed", func(err error) { deferred.Fail[int](err) }, 1},
		{"failed by a handler", func(err error) { deferred.Succeed(1).AddCallback(func(int) (int, error) { return 0, err }) }, 1},
		{"failed again", func(err error) {
			deferred.Fail[int](errors.New("first")).AddErrback(func(error) (int, error) { return 0, err })
		}, 1},
		{"callback passed by", func(err error) { deferred.Fail[int](err).AddCallback(same).AddCallback(same) }, 1},
		{"looked at", func(err error) { deferred.Fail[int](err).Tap(func(int, error) {}) }, 1},
		{"looked at before it failed", func(err error) {
			d := deferred.New[int]().Tap(func(int, error) {})
			d.Errback(err)
		}, 1},
		{"looked at, then handled", func(err error) {
			deferred.Fail[int](err).Tap(func(int, error) {}).AddErrback(func(error) (int, error) { return 0, nil })
		}, 0},
		{"handled, then looked at", func(err error) {
			deferred.Fail[int](err).AddErrback(func(error) (int, error) { return 0, nil }).Tap(func(int, error) {})
		}, 0},
		{"pending", func(err error) { deferred.New[int]() }, 0},
		{"handled", func(err error) { deferred.Fail[int](err).AddErrback(func(error) (int, error) { return 0, nil }) }, 0},
		{"handled later by both", func(err error) {
			deferred.Fail[int](err).AddBoth(func(int, error) (int, error) { return 0, nil })
		}, 0},
		{"passed to Map", func(err error) { deferred.Map(deferred.Fail[int](err), same) }, 1},
		{"passed to two", func(err error) {
			d := deferred.Fail[int](err)
			deferred.Map(d, same)
			deferred.Map(d, same)
		}, 2},
		{"chained", func(err error) { deferred.Fail[int](err).ChainDeferred(deferred.New[int]()) }, 1},
		{"returned, handled", func(err error) {
			d := deferred.Succeed(1).ThenCallback(func(int) *D { return deferred.Fail[int](err) })
			outcome(d)
		}, 0},
		{"returned, later", func(err error) {
			inner := deferred.New[int]()
			deferred.Succeed(1).ThenCallback(func(int) *D { return inner })
			inner.Errback(err)
		}, 1},
		{"then errback waits", func(err error) {
			deferred.Fail[int](err).ThenErrback(func(error) *D { return deferred.New[int]() })
		}, 0},
		{"awaited", func(err error) {
			deferred.Go(func(co *deferred.Co) (int, error) {
				deferred.Await(co, deferred.Fail[int](err))
				return 0, nil
			})
		}, 0},
		{"of a coroutine", func(err error) { deferred.Go(func(co *deferred.Co) (int, error) { return 0, err }) }, 1},
		{"passed on, then failed anew", func(err error) {
			d := deferred.Fail[int](err)
			outcome(deferred.Map(d, same))
			d.AddErrback(func(err error) (int, error) { return 0, err })
		}, 1},
		{"list", func(err error) { deferred.DeferredList([]*D{deferred.Fail[int](err)}) }, 1},
		{"list that consumes", func(err error) { deferred.DeferredList([]*D{deferred.Fail[int](err)}, deferred.ConsumeErrors) }, 0},
		{"gathered", func(err error) {
			outcome(deferred.GatherResults([]*D{deferred.Fail[int](err), deferred.Succeed(1)}))
		}, 0},
		{"gathered, the second too", func(err error) {
			outcome(deferred.GatherResults([]*D{deferred.Fail[int](errors.New("x")), deferred.Fail[int](err)}))
		}, 1},
		{"gathered, one error, three types", func(err error) {
			outcome(deferred.Gather3(deferred.Succeed(1), deferred.Succeed(1), deferred.Fail[int](err)))
		}, 0},
		{"list that fails with the first error", func(err error) {
			outcome(deferred.DeferredList([]*D{deferred.Fail[int](err)}, deferred.FireOnOneErrback))
		}, 0},
		{"first value, all fail", func(err error) {
			outcome(deferred.FireOnOneCallback([]*D{deferred.Fail[int](err)}))
		}, 0},
		{"first value or error", func(err error) {
			outcome(deferred.FireOnOneCallback([]*D{deferred.Fail[int](err)}, deferred.FireOnOneErrback))
		}, 0},
		{"to a channel", func(err error) { deferred.ToChannel(deferred.Fail[int](err)) }, 0},
	}
	// All cases share one collection of garbage, because it takes longer than they do.
	u := deferred.FailOnUnhandled(t)
	errs := make([]error, len(cases))
	for i, c := range cases {
		errs[i] = errors.New(c.name)
		c.f(errs[i])
	}
	reported := make(map[error]int)
	for _, e := range u.Flush(nil) {
		reported[e.Err]++
	}
	for i, c := range cases {
		if got := reported[errs[i]]; got != c.want {
			t.Errorf("%s: reported %d times, want %d", c.name, got, c.want)
		}
		delete(reported, errs[i])
	}
	eq(t, len(reported), 0)
}

// Flush waits for a finalizer that is still running, because the reports come from
// finalizers.
func TestFlushWaitsForFinalizers(t *testing.T) {
	u := deferred.FailOnUnhandled(t)
	running := make(chan None)
	slow := func(any) {
		close(running)
		for range 20 { // more collections than Flush makes
			runtime.GC()
		}
	}
	runtime.SetFinalizer(&struct{ p *int }{new(int)}, slow)
	for {
		runtime.GC()
		select {
		case <-running:
			deferred.Fail[int](errBoom)
			eq(t, len(u.Flush(errBoom)), 1)
			return
		default:
			runtime.Gosched()
		}
	}
}

// ReportUnhandled waits for a finalizer that takes long, but not for one that blocks. It
// collects no garbage if there is no error to report, or more often than it must.
func TestReportUnhandled(t *testing.T) {
	u := deferred.FailOnUnhandled(t)
	collections := func(f func()) uint32 {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		f()
		runtime.ReadMemStats(&after)
		return after.NumGC - before.NumGC
	}
	// finalize starts a finalizer that runs until the returned function is called.
	finalize := func() (end func()) {
		running, ended := make(chan None), make(chan None)
		func() {
			runtime.SetFinalizer(&struct{ p *int }{new(int)}, func(any) { close(running); <-ended })
		}()
		runtime.GC()
		<-running
		return func() { close(ended) }
	}

	handled := deferred.Fail[int](errBoom)
	handled.AddErrback(func(error) (int, error) { return 1, nil })
	eq(t, collections(deferred.ReportUnhandled), 0)

	var reported atomic.Int32
	previous := deferred.SetUnhandledReporter(func(deferred.Unhandled) { reported.Add(1) })
	slow := finalize()
	deferred.Fail[int](errBoom)
	time.AfterFunc(200*time.Millisecond, slow)
	if n := collections(deferred.ReportUnhandled); n > 3 {
		t.Errorf("a slow finalizer: %d collections", n)
	}
	eq(t, reported.Load(), 1)
	deferred.SetUnhandledReporter(previous)

	unblock := finalize()
	deferred.Fail[int](errBoom)
	if n := collections(deferred.ReportUnhandled); n > 3 {
		t.Errorf("a finalizer that blocks: %d collections", n)
	}
	unblock()
	eq(t, len(u.Flush(errBoom)), 1)

	reachable := deferred.Fail[int](errBoom)
	if n := collections(deferred.ReportUnhandled); n > 3 {
		t.Errorf("an error that is reachable: %d collections", n)
	}
	reachable.AddErrback(func(error) (int, error) { return 1, nil })
}

func TestUnhandledIsLoggedOnceWithPlacesWhenDebugging(t *testing.T) {
	log := logtest.Capture(t)
	for _, debugging := range []bool{false, true} {
		log.Take()
		deferred.SetDebugging(debugging)
		fails()
		deferred.SetDebugging(false)
		// FailOnUnhandled first reports earlier errors as usual.
		previous := deferred.SetUnhandledReporter(nil)
		deferred.FailOnUnhandled(quiet{}).Flush(nil)
		deferred.SetUnhandledReporter(previous)
		got := log.String()
		if n := strings.Count(got, "unhandled error in Deferred"); n != 1 || !strings.Contains(got, "error=boom") {
			t.Errorf("logged %d times:\n%s", n, got)
		}
		if strings.Contains(got, "deferred_test.fails") != debugging {
			t.Errorf("debugging is %v:\n%s", debugging, got)
		}
	}
}

//go:noinline
func fails() {
	deferred.New[int]().AddCallback(func(int) (int, error) { return 0, errBoom }).Callback(1)
}

// quiet is a test that ignores all calls.
type quiet struct{}

func (quiet) Helper()               {}
func (quiet) Errorf(string, ...any) {}
func (quiet) Cleanup(func())        {}

// fakeTB is a test that records its calls.
type fakeTB struct {
	quiet
	errors  []string
	cleanup func()
}

func (f *fakeTB) Errorf(format string, args ...any) {
	f.errors = append(f.errors, fmt.Sprintf(format, args...))
}
func (f *fakeTB) Cleanup(c func()) { f.cleanup = c }

func TestFailOnUnhandled(t *testing.T) {
	tb := new(fakeTB)
	u := deferred.FailOnUnhandled(tb)
	deferred.Fail[int](errBoom)
	deferred.Fail[int](deferred.ErrCancelled)
	deferred.SetDebugging(true)
	fails()
	deferred.SetDebugging(false)
	eq(t, len(u.Flush(deferred.ErrCancelled)), 1)
	tb.cleanup()
	if len(tb.errors) != 2 {
		t.Fatalf("got %q", tb.errors)
	}
	all := strings.Join(tb.errors, "\n")
	for _, want := range []string{"unhandled error in Deferred: boom", "made by:", "fired by:", "deferred_test.fails"} {
		if !strings.Contains(all, want) {
			t.Errorf("%q is not in\n%s", want, all)
		}
	}
}

func TestMaybeDeferred(t *testing.T) {
	d := deferred.New[int]()
	eq(t, deferred.MaybeDeferred(func() *D { return d }), d)
	wantError(t, deferred.MaybeDeferred(func() *D { panic(errBoom) }), errBoom)
	for _, end := range []error{nil, errBoom} {
		wait := deferred.New[int]()
		d := deferred.MaybeDeferred(func() *D {
			return deferred.Go(func(co *deferred.Co) (int, error) {
				v, _ := deferred.Await(co, wait)
				return v, end
			})
		})
		wait.Callback(6)
		if end != nil {
			wantError(t, d, end)
		} else {
			wantValue(t, d, 6)
		}
	}
	got, _ := outcome(deferred.MaybeDeferred(func() *D { return nil }))
	if got.Err == nil || !strings.Contains(got.Err.Error(), "nil Deferred") {
		t.Errorf("got %v", got)
	}
}

func TestExecute(t *testing.T) {
	wantValue(t, deferred.Execute(func() (int, error) { return 3, nil }), 3)
	wantError(t, deferred.Execute(func() (int, error) { return 3, errBoom }), errBoom)
	wantError(t, deferred.Execute(func() (int, error) { panic(errBoom) }), errBoom)
}

func TestLogError(t *testing.T) {
	log := logtest.Capture(t)
	wantError(t, deferred.Fail[int](errBoom).AddErrback(deferred.LogError), errBoom)
	if got := log.String(); !strings.Contains(got, "level=ERROR") || !strings.Contains(got, "error=boom") {
		t.Errorf("logged %q", got)
	}
}

func TestTrap(t *testing.T) {
	one := func(error) (int, error) { return 1, nil }
	wantValue(t, deferred.Fail[int](fmt.Errorf("x: %w", errBoom)).AddErrback(deferred.Trap(errBoom, one)), 1)
	other := errors.New("other")
	wantError(t, deferred.Fail[int](other).AddErrback(deferred.Trap(errBoom, one)), other)

	index := deferred.TrapAs(func(err *deferred.FirstError) (int, error) { return err.Index, nil })
	wantValue(t, deferred.Fail[int](fmt.Errorf("x: %w", &deferred.FirstError{Err: errBoom, Index: 4})).AddErrback(index), 4)
	wantError(t, deferred.Fail[int](other).AddErrback(index), other)
}
