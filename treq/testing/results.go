package testing

import (
	"testing"

	"github.com/seed-7c003b53/gotreq/deferred"
)

// SuccessResultOf returns the value that d has fired with, and fails the test if
// d has failed or has not fired. It is trial's successResultOf.
func SuccessResultOf[T any](t testing.TB, d *deferred.Deferred[T]) T {
	t.Helper()
	value, err, fired := resultOf(d)
	switch {
	case !fired:
		t.Fatalf("SuccessResultOf: the Deferred has no result yet")
	case err != nil:
		t.Fatalf("SuccessResultOf: the Deferred failed: %v", err)
	}
	return value
}

// FailureResultOf returns the error that d has failed with, and fails the test if
// d has fired with a value or has not fired. d's error then counts as handled. It
// is trial's failureResultOf.
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

// NoResult fails the test if d has a result. It is trial's assertNoResult.
func NoResult[T any](t testing.TB, d *deferred.Deferred[T]) {
	t.Helper()
	if value, err, fired := resultOf(d); fired {
		t.Fatalf("NoResult: the Deferred has a result: %v, %v", value, err)
	}
}

// resultOf returns the result of d as it is now, if there is one, and takes its
// error.
func resultOf[T any](d *deferred.Deferred[T]) (value T, err error, fired bool) {
	var now struct {
		value       T
		err         error
		fired, over bool
	}
	deferred.MapBoth(d, func(value T, err error) (deferred.None, error) {
		if !now.over {
			now.value, now.err, now.fired = value, err, true
		}
		return deferred.None{}, nil
	})
	now.over = true
	return now.value, now.err, now.fired
}
