package deferred

import "errors"

// This file holds what makes handlers for AddErrback.

// Trap returns a handler for [Deferred.AddErrback] that gives f the errors that
// are target, as errors.Is finds, and passes all others on. It does what
// Twisted's Failure.trap does.
func Trap[T any](target error, f func(err error) (T, error)) func(error) (T, error) {
	notNil(f != nil, "Trap")
	return func(err error) (value T, _ error) {
		if errors.Is(err, target) {
			return f(err)
		}
		return value, err
	}
}

// TrapAs returns a handler for [Deferred.AddErrback] that gives f the errors of
// f's own parameter type, as errors.As finds them, and passes all others on.
func TrapAs[E error, T any](f func(err E) (T, error)) func(error) (T, error) {
	notNil(f != nil, "TrapAs")
	return func(err error) (value T, _ error) {
		if found, ok := errors.AsType[E](err); ok {
			return f(found)
		}
		return value, err
	}
}
