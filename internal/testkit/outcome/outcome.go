// Package outcome records what Deferreds fire with, for tests.
package outcome

import (
	"errors"
	"testing"

	"github.com/seed-7c003b53/gotreq/deferred"
)

// A Result is what a Deferred fired with.
type Result[T any] struct {
	Fired int // how often the Deferred fired
	Value T
	Err   error
}

// Of returns the result of d, which is complete when d has fired. It handles an error of
// d.
func Of[T any](d *deferred.Deferred[T]) *Result[T] {
	r := new(Result[T])
	d.AddBoth(func(value T, err error) (T, error) {
		r.Fired++
		r.Value, r.Err = value, err
		return value, nil
	})
	return r
}

// Want fails the test unless the Deferred fired once, with value and err.
func (r *Result[T]) Want(t testing.TB, value T, err error) {
	t.Helper()
	if r.Fired != 1 || any(r.Value) != any(value) || r.Err != err {
		t.Errorf("the Deferred fired %d times, with %v and error %v; want once, with %v and %v", r.Fired, r.Value, r.Err, value, err)
	}
}

// WantErr fails the test unless the Deferred fired once, with err, which may be nil.
func (r *Result[T]) WantErr(t testing.TB, err error) {
	t.Helper()
	if r.Fired != 1 || r.Err != err {
		t.Errorf("the Deferred fired %d times, with error %v; want once, with %v", r.Fired, r.Err, err)
	}
}

// WantErrIs is WantErr for an error that may be wrapped.
func (r *Result[T]) WantErrIs(t testing.TB, err error) {
	t.Helper()
	if r.Fired != 1 || !errors.Is(r.Err, err) {
		t.Errorf("the Deferred fired %d times, with error %v; want once, with %v", r.Fired, r.Err, err)
	}
}

// WantNothing fails the test if the Deferred fired.
func (r *Result[T]) WantNothing(t testing.TB) {
	t.Helper()
	if r.Fired != 0 {
		t.Errorf("the Deferred fired with %v and error %v; want it not to", r.Value, r.Err)
	}
}
