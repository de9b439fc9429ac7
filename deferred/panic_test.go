package deferred_test

import (
	"errors"
	"fmt"
	"io"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/deferred/deferredtest"
	"github.com/seed-7c003b53/gotreq/internal/testkit/failtest"
	"github.com/seed-7c003b53/gotreq/internal/testkit/logtest"
)

// here returns the place of its caller's line, plus some lines.
func here(more int) string {
	_, _, line, _ := runtime.Caller(1)
	return fmt.Sprintf("panic_test.go:%d", line+more)
}

// TestAPanicHasAPlace: the place of a panic is that of the test's own line, wherever the
// panic began and whatever caught it.
func TestAPanicHasAPlace(t *testing.T) {
	var none *int
	const text = "no such thing"
	var place string
	for name, panics := range map[string]func(){
		"panic":            func() { place = here(0); panic(text) },
		"a nil pointer":    func() { place = here(0); *none = 1 },
		"an index":         func() { place = here(0); _ = make([]int, 1)[len(place)] },
		"of a library":     func() { place = here(0); _ = strings.Repeat("x", -len(place)) },
		"far in a library": func() { place = here(0); slices.SortFunc([]int{2, 1}, func(int, int) int { panic(text) }) },
		"of this module":   func() { place = here(0); deferred.Succeed(1).Callback(2) },
		"in a deferred function": func() {
			defer func() {
				place = here(1)
				panic("second")
			}()
			panic("first")
		},
		"of a goroutine": func() {
			place = here(1)
			deferred.Await(nil, deferred.New[int]())
		},
	} {
		for catcher, caught := range map[string]func() error{
			"MaybeDeferred": func() error { return errorOf(deferred.MaybeDeferred(func() *D { panics(); return nil })) },
			"Execute":       func() error { return errorOf(deferred.Execute(func() (int, error) { panics(); return 0, nil })) },
			"a handler": func() error {
				return errorOf(deferred.Succeed(1).AddCallback(func(int) (int, error) { panics(); return 0, nil }))
			},
			"a link": func() error {
				return errorOf(deferred.Map(deferred.Succeed(1), func(int) (int, error) { panics(); return 0, nil }))
			},
			"a canceller": func() error {
				d := deferred.NewCancellable(func(*D) { panics() })
				d.Cancel()
				return errorOf(d)
			},
			"a coroutine": func() error {
				d := deferred.New[int]()
				result := deferred.Go(func(co *deferred.Co) (int, error) {
					deferred.Await(co, d)
					panics()
					return 0, nil
				})
				d.Callback(1)
				return errorOf(result)
			},
			"a list": func() error {
				return errorOf(deferred.GatherResults([]*D{deferred.Execute(func() (int, error) { panics(); return 0, nil })}))
			},
			"Repanic": func() error {
				return errorOf(deferred.Execute(func() (int, error) {
					p, _ := errors.AsType[*deferred.PanicError](errorOf(deferred.Execute(func() (int, error) { panics(); return 0, nil })))
					p.Repanic()
					return 0, nil
				}))
			},
		} {
			t.Run(name+", "+catcher, func(t *testing.T) {
				err := caught()
				p, ok := errors.AsType[*deferred.PanicError](err)
				if !ok {
					t.Fatalf("got %v", err)
				}
				eq(t, p.Place(), place)
				got := deferred.Describe(err)
				first, rest, _ := strings.Cut(got, "\n")
				eq(t, first, err.Error()+" at "+place)
				if strings.Count(got, "goroutine ") < 1 || strings.Count(got, "[running]") != 1 || !strings.Contains(rest, place) ||
					strings.Contains(rest, "debug.Stack") || strings.Contains(rest, "NewPanicError") {
					t.Errorf("got %s", got)
				}
			})
		}
	}
}

func errorOf[T any](d *deferred.Deferred[T]) error {
	got, _ := outcome(d)
	return got.Err
}

// A textError is an error whose Error has no pointer receiver.
type textError string

func (e textError) Error() string { return string(e) }

func TestFormattingAPanicError(t *testing.T) {
	err := errorOf(deferred.Execute(func() (int, error) { panic(errBoom) }))
	place := here(-1)
	for format, want := range map[string]string{
		"%v": "panic: boom", "%s": "panic: boom", "%q": `"panic: boom"`, "%13s": "  panic: boom", "%.5v": "panic",
	} {
		eq(t, fmt.Sprintf(format, err), want)
	}
	got := fmt.Sprintf("%+v", err)
	if !strings.HasPrefix(got, "panic: boom at "+place+"\n\ngoroutine ") || strings.Count(got, "[running]") != 1 {
		t.Errorf("got %s", got)
	}
	eq(t, (&deferred.PanicError{Value: 1}).Place(), "")
	eq(t, deferred.Describe(&deferred.PanicError{Value: 1}), "panic: 1")
	eq(t, deferred.Describe(io.EOF), "EOF")
	eq(t, deferred.Describe((*textError)(nil)), "<nil>") // whose Error panics
}

// TestAPanicIsPrintedWithItsPlace: everything that prints an error for people.
func TestAPanicIsPrintedWithItsPlace(t *testing.T) {
	var place string
	fails := func() *D {
		return deferred.Execute(func() (int, error) { place = here(0); panic("oh") })
	}
	log := logtest.Capture(t)
	for name, printed := range map[string]func() string{
		"LogError": func() string {
			outcome(fails().AddErrback(deferred.LogError))
			return log.Take()
		},
		"an unhandled error": func() string {
			func() { fails() }()
			previous := deferred.SetUnhandledReporter(nil)
			deferred.FailOnUnhandled(quiet{}) // reports earlier errors as usual
			deferred.SetUnhandledReporter(previous)
			return log.Take()
		},
		"FailOnUnhandled": func() string {
			tb := new(fakeTB)
			deferred.FailOnUnhandled(tb)
			func() { fails() }()
			tb.cleanup()
			return strings.Join(tb.errors, "\n")
		},
		"SuccessResultOf": func() string {
			return failtest.Text(func(t testing.TB) { deferredtest.SuccessResultOf(t, fails()) })
		},
		"NoResult": func() string {
			return failtest.Text(func(t testing.TB) { deferredtest.NoResult(t, fails()) })
		},
	} {
		got := printed()
		if strings.Count(got, "panic: oh at "+place) != 1 || strings.Count(got, "[running]") != 1 {
			t.Errorf("%s: got %s", name, got)
		}
	}
}

// TestUnhandledSaysWhereInOneShortLine: with debugging, an unhandled error names places,
// not stacks.
func TestUnhandledSaysWhereInOneShortLine(t *testing.T) {
	log := logtest.Capture(t)
	deferred.SetDebugging(true)
	defer deferred.SetDebugging(false)
	var made, failed string
	func() {
		made = here(1)
		d := deferred.New[int]()
		d.AddCallback(func(int) (int, error) { return 0, errBoom })
		failed = here(1)
		d.Callback(1)
	}()
	previous := deferred.SetUnhandledReporter(nil)
	deferred.FailOnUnhandled(quiet{}) // reports earlier errors as usual
	deferred.SetUnhandledReporter(previous)
	want := "level=ERROR msg=\"unhandled error in Deferred\" error=boom made=" + made +
		" in=deferred_test.TestUnhandledSaysWhereInOneShortLine.func1 failed=" + failed + "\n"
	eq(t, log.Take(), want)
}
