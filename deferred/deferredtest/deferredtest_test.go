package deferredtest_test

import (
	"errors"
	"fmt"
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
		{"success of nothing", success(none()), "SuccessResultOf: the Deferred has no result yet"},
		{"failure of a value", fails(value()), "FailureResultOf: the Deferred fired with 7"},
		{"failure of an error", fails(failure()), ""},
		{"failure of nothing", fails(none()), "FailureResultOf: the Deferred has no result yet"},
		{"nothing of a value", nothing(value()), "NoResult: the Deferred has a result: 7, <nil>"},
		{"nothing of an error", nothing(failure()), "NoResult: the Deferred has a result: 0, boom"},
		{"nothing of nothing", nothing(none()), ""},
	} {
		if got := failtest.Text(test.check); got != test.want {
			t.Errorf("%s: got %q, want %q", test.name, got, test.want)
		}
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
