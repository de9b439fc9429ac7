package deferred

import "log/slog"

// This file makes Deferreds from the results of functions.

// MaybeDeferred calls f and returns its Deferred. If f panics or returns nil, it
// returns a Deferred that failed with a [*PanicError]. It is Twisted's maybeDeferred
// for a function that returns a Deferred; see [Execute] for one that returns a value.
func MaybeDeferred[T any](f func() *Deferred[T]) (d *Deferred[T]) {
	notNil(f != nil, "MaybeDeferred")
	p := try(func() {
		if d = f(); d == nil {
			panic("deferred: the function given to MaybeDeferred returned a nil Deferred")
		}
	})
	if p != nil {
		return Fail[T](p)
	}
	return d
}

// Execute calls f and returns a Deferred that has fired with f's result. A panic in
// f becomes a [*PanicError].
func Execute[T any](f func() (T, error)) *Deferred[T] {
	notNil(f != nil, "Execute")
	d := New[T]()
	d.Resolve(protect(f))
	return d
}

// protect calls f and turns a panic into an error.
func protect[T any](f func() (T, error)) (value T, err error) {
	if p := try(func() { value, err = f() }); p != nil {
		err = p
	}
	return value, err
}

// LogError is a handler for [Deferred.AddErrback] that logs the error with log/slog
// at level Error, with the place and the stack of a panic, and passes it on.
func LogError[T any](err error) (value T, _ error) {
	slog.Error("error in Deferred", errorArgs(err)...)
	return value, err
}
