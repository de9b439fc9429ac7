// Package deferredtest has assertions about Deferreds, for tests. They neither wait
// nor need a reactor: each looks at the result that a Deferred has at that moment.
//
// The names are those of Twisted's trial. To fail a test for an error that nobody
// handled, see [deferred.FailOnUnhandled].
package deferredtest

import (
	"testing"

	"github.com/seed-7c003b53/gotreq/deferred"
)

// SuccessResultOf returns the value of d. It fails the test if d has an error or no
// result.
func SuccessResultOf[T any](t testing.TB, d *deferred.Deferred[T]) T {
	t.Helper()
	value, err, fired := resultOf(d)
	switch {
	case !fired:
		t.Fatalf("SuccessResultOf: the Deferred has no result yet")
	case err != nil:
		t.Fatalf("SuccessResultOf: the Deferred failed: %s", deferred.Describe(err))
	}
	return value
}

// FailureResultOf returns the error of d, which then counts as handled. It fails the
// test if d has a value or no result.
func FailureResultOf[T any](t testing.TB, d *deferred.Deferred[T]) error {
	t.Helper()
	value, err, fired := resultOf(d)
	switch {
	case !fired:
		t.Fatalf("FailureResultOf: the Deferred has no result yet")
	case err == nil:
		t.Fatalf("FailureResultOf: the Deferred fired with %v", value)
	}
	return err
}

// NoResult fails the test if d has a result.
func NoResult[T any](t testing.TB, d *deferred.Deferred[T]) {
	t.Helper()
	switch value, err, fired := resultOf(d); {
	case err != nil:
		t.Fatalf("NoResult: the Deferred has a result: %v, %s", value, deferred.Describe(err))
	case fired:
		t.Fatalf("NoResult: the Deferred has a result: %v, <nil>", value)
	}
}

// resultOf returns the result that d has now. An error then counts as handled.
func resultOf[T any](d *deferred.Deferred[T]) (value T, err error, fired bool) {
	looking := true
	deferred.MapBoth(d, func(v T, e error) (deferred.None, error) {
		if looking {
			value, err, fired = v, e, true
		}
		return deferred.None{}, nil
	})
	looking = false
	return value, err, fired
}
