package deferred

import "errors"

// This file makes handlers for AddErrback.

// Trap returns a handler for [Deferred.AddErrback] that calls f for errors that
// match target, as errors.Is defines, and passes all others on. It is Twisted's
// Failure.trap.
func Trap[T any](target error, f func(err error) (T, error)) func(error) (T, error) {
	notNil(f != nil, "Trap")
	return func(err error) (value T, _ error) {
		if errors.Is(err, target) {
			return f(err)
		}
		return value, err
	}
}

// TrapAs returns a handler for [Deferred.AddErrback] that calls f for errors of the
// type of f's parameter, as errors.As finds them, and passes all others on.
func TrapAs[E error, T any](f func(err E) (T, error)) func(error) (T, error) {
	notNil(f != nil, "TrapAs")
	return func(err error) (value T, _ error) {
		if found, ok := errors.AsType[E](err); ok {
			return f(found)
		}
		return value, err
	}
}
