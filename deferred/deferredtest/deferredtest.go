// Package deferredtest has assertions about Deferreds, for tests. They neither wait
// nor need a reactor: each looks at the result that a Deferred has at that moment.
//
// A Deferred that fires later needs its event first: the test fires it, or moves the clock
// of its reactor in memory, and then asks for the result. Where a result is missing, the text of
// the failure says what the Deferred waits for, as [deferred.Tree] does.
//
// The names are those of Twisted's trial. FailureAs and FailureIs are its failureResultOf
// and assertFailure with the type of an error, and with an error. To fail a test for an error
// that nobody handled, see [deferred.FailOnUnhandled].
package deferredtest

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
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
		t.Fatalf("SuccessResultOf: the Deferred has no result yet:\n%s", deferred.Tree(d))
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
		t.Fatalf("FailureResultOf: the Deferred has no result yet:\n%s", deferred.Tree(d))
	case err == nil:
		t.Fatalf("FailureResultOf: the Deferred fired with %v", value)
	}
	return err
}

// FailureAs returns the first error of type E in the chain of d's error, as [errors.As] finds
// it. The error of d then counts as handled. FailureAs fails the test, with a text that says
// what d has instead, if d has a value, no result, or an error without an E.
//
//	failure := deferredtest.FailureAs[*response.StatusError](t, d)
//
// E may be an interface, such as net.Error.
func FailureAs[E error, T any](t testing.TB, d *deferred.Deferred[T]) E {
	t.Helper()
	value, err, fired := resultOf(d)
	want := reflect.TypeFor[E]()
	switch {
	case !fired:
		t.Fatalf("FailureAs: the Deferred has no result yet, but should have failed with a %v:\n%s", want, deferred.Tree(d))
	case err == nil:
		t.Fatalf("FailureAs: the Deferred fired with %v, but should have failed with a %v", value, want)
	}
	found, ok := errors.AsType[E](err)
	if !ok {
		t.Fatalf("FailureAs: the Deferred failed, but no error of the chain is a %v:\n%s", want, chain(err))
	}
	return found
}

// FailureIs returns the error of d, which then counts as handled. It fails the test, with a
// text that says what d has instead, if d has a value, no result, or an error that [errors.Is]
// does not match with target.
func FailureIs[T any](t testing.TB, d *deferred.Deferred[T], target error) error {
	t.Helper()
	value, err, fired := resultOf(d)
	switch {
	case target == nil:
		t.Fatalf("FailureIs: the target is nil; FailureResultOf takes any error, SuccessResultOf a value")
	case !fired:
		t.Fatalf("FailureIs: the Deferred has no result yet, but should have failed: %v\n%s", target, deferred.Tree(d))
	case err == nil:
		t.Fatalf("FailureIs: the Deferred fired with %v, but should have failed: %v", value, target)
	case !errors.Is(err, target):
		t.Fatalf("FailureIs: the Deferred failed, but no error of the chain is %T: %v\n%s", target, target, chain(err))
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

// resultOf returns the result that d has now. An error then counts as handled. It adds nothing
// to d if d has no result, so that a Census does not find a handler that waits.
func resultOf[T any](d *deferred.Deferred[T]) (value T, err error, fired bool) {
	if !d.Called() || d.Paused() {
		return value, err, false
	}
	return take(d)
}

// take returns the result of d, unless a handler of d is calling it.
func take[T any](d *deferred.Deferred[T]) (value T, err error, fired bool) {
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

// chain describes err and below it the errors that it wraps, each on a line with its type.
// The stack of a panic follows.
func chain(err error) string {
	var b strings.Builder
	describeChain(&b, err, "  ")
	if _, stack, panicked := strings.Cut(deferred.Describe(err), "\n\n"); panicked {
		fmt.Fprintf(&b, "\n%s", stack)
	}
	return strings.TrimRight(b.String(), "\n")
}

func describeChain(b *strings.Builder, err error, indent string) {
	if err == nil {
		return
	}
	fmt.Fprintf(b, "%s%T: %s\n", indent, err, strings.ReplaceAll(fmt.Sprint(err), "\n", "\n"+indent+"    "))
	switch err := err.(type) {
	case interface{ Unwrap() error }:
		describeChain(b, err.Unwrap(), indent+"  ")
	case interface{ Unwrap() []error }:
		for _, wrapped := range err.Unwrap() {
			describeChain(b, wrapped, indent+"  ")
		}
	}
}
