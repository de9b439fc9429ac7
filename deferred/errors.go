package deferred

import (
	"errors"
	"fmt"
	"runtime/debug"
)

// ErrCancelled is the error of a Deferred that [Deferred.Cancel] ended. It is
// Twisted's CancelledError.
var ErrCancelled = errors.New("deferred: cancelled")

// An AlreadyCalledError is what firing a Deferred a second time panics with.
// It is Twisted's AlreadyCalledError.
type AlreadyCalledError struct {
	// How says what was done: "Callback", "Errback", "Cancel" or a result that
	// was passed on.
	How string
	// Made, First and Second are the stacks of the Deferred's making, of its
	// first firing and of this one. They are empty unless debugging was on when
	// the Deferred was made; see SetDebugging.
	Made, First, Second string
}

func (e *AlreadyCalledError) Error() string {
	s := "deferred: " + e.How + " on a Deferred that has already fired"
	if e.Made == "" {
		return s
	}
	return s + "\nmade by:\n" + e.Made + "\nfirst fired by:\n" + e.First + "\nfired again by:\n" + e.Second
}

// A PanicError is the error that a panic in a handler becomes.
type PanicError struct {
	Value any    // what panic was called with
	Stack []byte // the stack of the panic, as runtime/debug.Stack formats it
}

// NewPanicError returns the error of a panic with value. Call it in the deferred
// function that recovers the panic: there the stack still shows where it began.
func NewPanicError(value any) *PanicError {
	return &PanicError{Value: value, Stack: debug.Stack()}
}

// Error gives the panic's value, on one line as far as the value is; the stack
// is in [PanicError.Stack].
func (e *PanicError) Error() string { return fmt.Sprintf("panic: %v", e.Value) }

// Unwrap gives the panic's value if it was an error.
func (e *PanicError) Unwrap() error {
	err, _ := e.Value.(error)
	return err
}

// Repanic panics with e, for code that must not go on after a handler's panic.
func (e *PanicError) Repanic() { panic(e) }

// cancellerError is the error of a Deferred whose canceller panicked.
type cancellerError struct{ panicked *PanicError }

func (e *cancellerError) Error() string {
	return "deferred: cancelled, and the canceller panicked: " + e.panicked.Error()
}

func (e *cancellerError) Unwrap() []error { return []error{ErrCancelled, e.panicked} }

// try calls f and returns what it panicked with, if it did.
func try(f func()) (p *PanicError) {
	defer func() {
		if v := recover(); v != nil {
			p = NewPanicError(v)
		}
	}()
	f()
	return nil
}
