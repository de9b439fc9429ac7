package deferred_test

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/seed-7c003b53/gotreq/deferred"
)

func TestUnhandledErrors(t *testing.T) {
	for _, c := range []struct {
		name string
		f    func()
		want int
	}{
		{"failed", func() { deferred.Fail[int](errBoom) }, 1},
		{"failed by a handler", func() { deferred.Succeed(1).AddCallback(func(int) (int, error) { return 0, errBoom }) }, 1},
		{"failed again", func() {
			deferred.Fail[int](errors.New("first")).AddErrback(func(error) (int, error) { return 0, errBoom })
		}, 1},
		{"callback passed by", func() { deferred.Fail[int](errBoom).AddCallback(same).AddCallback(same) }, 1},
		{"pending", func() { deferred.New[int]() }, 0},
		{"handled", func() { deferred.Fail[int](errBoom).AddErrback(func(error) (int, error) { return 0, nil }) }, 0},
		{"handled later by both", func() {
			deferred.Fail[int](errBoom).AddBoth(func(int, error) (int, error) { return 0, nil })
		}, 0},
		{"passed to Map", func() { deferred.Map(deferred.Fail[int](errBoom), same) }, 1},
		{"passed to two", func() {
			d := deferred.Fail[int](errBoom)
			deferred.Map(d, same)
			deferred.Map(d, same)
		}, 2},
		{"chained", func() { deferred.Fail[int](errBoom).ChainDeferred(deferred.New[int]()) }, 1},
		{"returned, handled", func() {
			d := deferred.Succeed(1).ThenCallback(func(int) *D { return deferred.Fail[int](errBoom) })
			outcome(d)
		}, 0},
		{"returned, later", func() {
			inner := deferred.New[int]()
			deferred.Succeed(1).ThenCallback(func(int) *D { return inner })
			inner.Errback(errBoom)
		}, 1},
		{"then errback waits", func() {
			deferred.Fail[int](errBoom).ThenErrback(func(error) *D { return deferred.New[int]() })
		}, 0},
		{"awaited", func() {
			deferred.Go(func(co *deferred.Co) (int, error) {
				deferred.Await(co, deferred.Fail[int](errBoom))
				return 0, nil
			})
		}, 0},
		{"of a coroutine", func() { deferred.Go(func(co *deferred.Co) (int, error) { return 0, errBoom }) }, 1},
		{"passed on, then failed anew", func() {
			d := deferred.Fail[int](errBoom)
			outcome(deferred.Map(d, same))
			d.AddErrback(func(err error) (int, error) { return 0, err })
		}, 1},
		{"list", func() { deferred.DeferredList([]*D{deferred.Fail[int](errBoom)}) }, 1},
		{"list that consumes", func() { deferred.DeferredList([]*D{deferred.Fail[int](errBoom)}, deferred.ConsumeErrors) }, 0},
		{"gathered", func() {
			outcome(deferred.GatherResults([]*D{deferred.Fail[int](errBoom), deferred.Succeed(1)}))
		}, 0},
		{"gathered, the second too", func() {
			outcome(deferred.GatherResults([]*D{deferred.Fail[int](errors.New("x")), deferred.Fail[int](errBoom)}))
		}, 1},
		{"to a channel", func() { deferred.ToChannel(deferred.Fail[int](errBoom)) }, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			u := deferred.FailOnUnhandled(t)
			c.f()
			eq(t, len(u.Flush(errBoom)), c.want)
		})
	}
}

func TestUnhandledIsLoggedOnceWithPlacesWhenDebugging(t *testing.T) {
	var log bytes.Buffer
	defer slog.SetDefault(slog.Default())
	slog.SetDefault(slog.New(slog.NewTextHandler(&log, nil)))
	for _, debugging := range []bool{false, true} {
		log.Reset()
		deferred.SetDebugging(debugging)
		fails()
		deferred.SetDebugging(false)
		// Its first deed is to have what is left reported as it would have been.
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

// quiet is a test that takes no notice.
type quiet struct{}

func (quiet) Helper()               {}
func (quiet) Errorf(string, ...any) {}
func (quiet) Cleanup(func())        {}

// fakeTB is a test that remembers.
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
	var log bytes.Buffer
	defer slog.SetDefault(slog.Default())
	slog.SetDefault(slog.New(slog.NewTextHandler(&log, nil)))
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
