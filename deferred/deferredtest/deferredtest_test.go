package deferredtest_test

import (
	"errors"
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/deferred/deferredtest"
	"github.com/seed-7c003b53/gotreq/internal/testkit/failtest"
)

func TestResults(t *testing.T) {
	deferred.FailOnUnhandled(t)
	boom := errors.New("boom")
	none := func() *deferred.Deferred[int] { return deferred.New[int]() }
	value := func() *deferred.Deferred[int] { return deferred.Succeed(7) }
	failure := func() *deferred.Deferred[int] { return deferred.Fail[int](boom) }
	success := func(d *deferred.Deferred[int]) func(t testing.TB) {
		return func(t testing.TB) {
			if got := deferredtest.SuccessResultOf(t, d); got != 7 {
				t.Fatalf("got %d", got)
			}
		}
	}
	fails := func(d *deferred.Deferred[int]) func(t testing.TB) {
		return func(t testing.TB) {
			if got := deferredtest.FailureResultOf(t, d); got != boom {
				t.Fatalf("got %v", got)
			}
		}
	}
	nothing := func(d *deferred.Deferred[int]) func(t testing.TB) {
		return func(t testing.TB) { deferredtest.NoResult(t, d) }
	}
	for _, test := range []struct {
		name  string
		check func(t testing.TB)
		want  string
	}{
		{"success of a value", success(value()), ""},
		{"success of an error", success(failure()), "SuccessResultOf: the Deferred failed: boom"},
		{"success of nothing", success(none()), "SuccessResultOf: the Deferred has no result yet:\n#1 Deferred[int], has not fired"},
		{"failure of a value", fails(value()), "FailureResultOf: the Deferred fired with 7"},
		{"failure of an error", fails(failure()), ""},
		{"failure of nothing", fails(none()), "FailureResultOf: the Deferred has no result yet:\n#1 Deferred[int], has not fired"},
		{"nothing of a value", nothing(value()), "NoResult: the Deferred has a result: 7, <nil>"},
		{"nothing of an error", nothing(failure()), "NoResult: the Deferred has a result: 0, boom"},
		{"nothing of nothing", nothing(none()), ""},
		{"success of a nil pointer", success(deferred.Fail[int]((*plainError)(nil))), "SuccessResultOf: the Deferred failed: <nil>"},
		{"nothing of a nil pointer", nothing(deferred.Fail[int]((*plainError)(nil))), "NoResult: the Deferred has a result: 0, <nil>"},
	} {
		if got := failtest.Text(test.check); got != test.want {
			t.Errorf("%s: got %q, want %q", test.name, got, test.want)
		}
	}
}

// A codeError is an error with a type.
type codeError struct{ code int }

func (e *codeError) Error() string { return fmt.Sprintf("code %d", e.code) }

// A plainError is an error whose methods have no pointer receiver.
type plainError string

func (e plainError) Error() string { return string(e) }

// TestFailures: FailureAs and FailureIs find an error anywhere in a chain, and say what came instead.
func TestFailures(t *testing.T) {
	deferred.FailOnUnhandled(t)
	inner := &codeError{7}
	boom := errors.New("boom")
	panicked := func() *deferred.Deferred[int] {
		return deferred.Succeed(1).AddCallback(func(int) (int, error) { panic("ouch") })
	}
	as := func(d *deferred.Deferred[int]) func(t testing.TB) {
		return func(t testing.TB) {
			if got := deferredtest.FailureAs[*codeError](t, d); got != inner {
				t.Fatalf("got %v", got)
			}
		}
	}
	is := func(d *deferred.Deferred[int], target error) func(t testing.TB) {
		return func(t testing.TB) {
			if got := deferredtest.FailureIs(t, d, target); !errors.Is(got, target) {
				t.Fatalf("got %v", got)
			}
		}
	}
	fail := deferred.Fail[int]
	wrapped, joined := fmt.Errorf("outer: %w", inner), errors.Join(boom, fmt.Errorf("second: %w", inner))
	other := fmt.Errorf("outer: %w", boom)
	cancelled := deferred.New[int]()
	cancelled.Cancel()
	for _, test := range []struct {
		name  string
		check func(t testing.TB)
		want  string
	}{
		{"as of it", as(fail(inner)), ""},
		{"as of a wrapped one", as(fail(wrapped)), ""},
		{"as of a joined one", as(fail(joined)), ""},
		{"as of a value", as(deferred.Succeed(7)), "FailureAs: the Deferred fired with 7, but should have failed with a *deferredtest_test.codeError"},
		{"as of nothing", as(deferred.New[int]()), "FailureAs: the Deferred has no result yet, but should have failed with a *deferredtest_test.codeError:\n#1 Deferred[int], has not fired"},
		{"as of another", as(fail(other)), "FailureAs: the Deferred failed, but no error of the chain is a *deferredtest_test.codeError:\n" +
			"  *fmt.wrapError: outer: boom\n    *errors.errorString: boom"},
		{"as of a value type", func(t testing.TB) { deferredtest.FailureAs[plainError](t, fail(plainError("odd"))) }, ""},
		{"as of the pointer to a value type", func(t testing.TB) {
			odd := plainError("odd")
			deferredtest.FailureAs[plainError](t, fail(&odd))
		}, "FailureAs: the Deferred failed, but no error of the chain is a deferredtest_test.plainError:\n  *deferredtest_test.plainError: odd"},
		{"as of an interface", func(t testing.TB) {
			deferredtest.FailureAs[interface {
				error
				Timeout() bool
			}](t, fail(fmt.Errorf("late: %w", os.ErrDeadlineExceeded)))
		}, ""},
		{"is of it", is(fail(boom), boom), ""},
		{"is of a wrapped one", is(fail(other), boom), ""},
		{"is of a joined one", is(fail(joined), boom), ""},
		{"is of a cancelled one", is(cancelled, deferred.ErrCancelled), ""},
		{"is of a value", is(deferred.Succeed(7), boom), "FailureIs: the Deferred fired with 7, but should have failed: boom"},
		{"is of nothing", is(deferred.New[int](), boom), "FailureIs: the Deferred has no result yet, but should have failed: boom\n#1 Deferred[int], has not fired"},
		{"is of one with the same text", is(fail(errors.New("boom")), boom),
			"FailureIs: the Deferred failed, but no error of the chain is *errors.errorString: boom\n  *errors.errorString: boom"},
		{"is of joined others", is(fail(joined), deferred.ErrCancelled), "FailureIs: the Deferred failed, but no error of the chain is *errors.errorString: deferred: cancelled\n" +
			"  *errors.joinError: boom\n      second: code 7\n    *errors.errorString: boom\n    *fmt.wrapError: second: code 7\n      *deferredtest_test.codeError: code 7"},
		{"is of a nil pointer", is(fail((*plainError)(nil)), boom),
			"FailureIs: the Deferred failed, but no error of the chain is *errors.errorString: boom\n  *deferredtest_test.plainError: <nil>"},
		{"is of nil", is(fail(boom), nil), "FailureIs: the target is nil; FailureResultOf takes any error, SuccessResultOf a value"},
	} {
		if got := failtest.Text(test.check); got != test.want {
			t.Errorf("%s: got %q, want %q", test.name, got, test.want)
		}
	}
	if got := failtest.Text(is(panicked(), boom)); !strings.Contains(got, "ouch") || !strings.Contains(got, "deferredtest_test.go:") {
		t.Errorf("a panic: got %q, without its stack", got)
	}
}

// Looking at a result changes neither the result nor one that comes later.
func TestResultStays(t *testing.T) {
	deferred.FailOnUnhandled(t)
	d := deferred.New[int]()
	deferredtest.NoResult(t, d)
	d.Callback(7)
	for range 2 {
		if got := deferredtest.SuccessResultOf(t, d); got != 7 {
			t.Errorf("got %d", got)
		}
	}
	d.AddCallback(func(n int) (int, error) { return 0, fmt.Errorf("after %d", n) })
	if err := deferredtest.FailureResultOf(t, d); !strings.Contains(err.Error(), "after 7") {
		t.Error(err)
	}
}

// Where a result is missing, the failure says what the Deferred waits for. Looking adds nothing to
// a Deferred without a result, so that nothing waits for it afterwards.
func TestNoResultShowsTree(t *testing.T) {
	c := deferred.OpenCensus()
	defer c.Close()
	var lock deferred.DeferredLock
	lock.Acquire()
	d := deferred.Gather2(lock.Acquire(), deferred.Succeed(1)).ThenCallback(nil2)
	want := "SuccessResultOf: the Deferred has no result yet:\n" +
		"#1 Deferred[Pair[None,int]], then calls deferredtest_test.nil2 (deferredtest_test.go:N), waits for 1 of 2\n" +
		"  #2 Deferred[None], waits for a DeferredLock"
	got := failtest.Text(func(t testing.TB) { deferredtest.SuccessResultOf(t, d) })
	if got = regexp.MustCompile(`go:\d+`).ReplaceAllString(got, "go:N"); got != want {
		t.Errorf("got %s\nwant %s", got, want)
	}
	given := deferred.New[int]()
	waiting := len(c.Waiting())
	deferredtest.NoResult(t, given)
	failtest.Text(func(t testing.TB) { deferredtest.FailureResultOf(t, given) })
	if got := len(c.Waiting()); got != waiting {
		t.Errorf("%d Deferreds wait, %d before", got, waiting)
	}
}

func nil2(deferred.Pair[deferred.None, int]) *deferred.Deferred[deferred.Pair[deferred.None, int]] {
	return nil
}
