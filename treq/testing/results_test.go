package testing_test

import (
	"errors"
	"fmt"
	"runtime"
	"strings"
	"testing"

	"github.com/seed-7c003b53/gotreq/deferred"
	treqtesting "github.com/seed-7c003b53/gotreq/treq/testing"
)

// A fatal is a test that notes what it fails for.
type fatal struct {
	testing.TB
	text string
}

func (f *fatal) Helper() {}

func (f *fatal) Fatalf(format string, args ...any) {
	f.text = fmt.Sprintf(format, args...)
	runtime.Goexit()
}

// failureOf returns what check fails its test for.
func failureOf(check func(t testing.TB)) string {
	f := &fatal{}
	done := make(chan bool)
	go func() {
		defer close(done)
		check(f)
	}()
	<-done
	return f.text
}

func TestResults(t *testing.T) {
	deferred.FailOnUnhandled(t)
	boom := errors.New("boom")
	none := func() *deferred.Deferred[int] { return deferred.New[int]() }
	value := func() *deferred.Deferred[int] { return deferred.Succeed(7) }
	failure := func() *deferred.Deferred[int] { return deferred.Fail[int](boom) }
	success := func(d *deferred.Deferred[int]) func(t testing.TB) {
		return func(t testing.TB) {
			if got := treqtesting.SuccessResultOf(t, d); got != 7 {
				t.Fatalf("got %d", got)
			}
		}
	}
	fails := func(d *deferred.Deferred[int]) func(t testing.TB) {
		return func(t testing.TB) {
			if got := treqtesting.FailureResultOf(t, d); got != boom {
				t.Fatalf("got %v", got)
			}
		}
	}
	nothing := func(d *deferred.Deferred[int]) func(t testing.TB) {
		return func(t testing.TB) { treqtesting.NoResult(t, d) }
	}
	for _, test := range []struct {
		name  string
		check func(t testing.TB)
		want  string
	}{
		{"success of a value", success(value()), ""},
		{"success of an error", success(failure()), "SuccessResultOf: the Deferred failed: boom"},
		{"success of nothing", success(none()), "SuccessResultOf: the Deferred has no result yet"},
		{"failure of a value", fails(value()), "FailureResultOf: the Deferred fired with 7"},
		{"failure of an error", fails(failure()), ""},
		{"failure of nothing", fails(none()), "FailureResultOf: the Deferred has no result yet"},
		{"nothing of a value", nothing(value()), "NoResult: the Deferred has a result: 7, <nil>"},
		{"nothing of an error", nothing(failure()), "NoResult: the Deferred has a result: 0, boom"},
		{"nothing of nothing", nothing(none()), ""},
	} {
		if got := failureOf(test.check); got != test.want {
			t.Errorf("%s: got %q, want %q", test.name, got, test.want)
		}
	}
}

// TestResultStays: to look at a result leaves it for others, and what comes later
// alone.
func TestResultStays(t *testing.T) {
	deferred.FailOnUnhandled(t)
	d := deferred.New[int]()
	treqtesting.NoResult(t, d)
	d.Callback(7)
	for range 2 {
		if got := treqtesting.SuccessResultOf(t, d); got != 7 {
			t.Errorf("got %d", got)
		}
	}
	d.AddCallback(func(n int) (int, error) { return 0, fmt.Errorf("after %d", n) })
	if err := treqtesting.FailureResultOf(t, d); !strings.Contains(err.Error(), "after 7") {
		t.Error(err)
	}
}
