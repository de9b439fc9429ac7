package deferred

import (
	"errors"
	"fmt"
	"runtime/debug"
)

// ErrCancelled is the error of a Deferred that [Deferred.Cancel] ended.
var ErrCancelled = errors.New("deferred: cancelled")

// An AlreadyCalledError is the value of the panic when a Deferred fires a second
// time.
type AlreadyCalledError struct {
	// How is the second result: "Callback", "Errback" or a description.
	How string
	// Made, First and Second are the stacks where the Deferred was made, where it
	// first fired and where it fired again. They are empty unless [SetDebugging] was
	// on when the Deferred was made.
	Made, First, Second string
}

func (e *AlreadyCalledError) Error() string {
	s := "deferred: " + e.How + " on a Deferred that has already fired"
	if e.Made == "" {
		return s
	}
	return s + "\nmade by:\n" + e.Made + "\nfirst fired by:\n" + e.First + "\nfired again by:\n" + e.Second
}

// A PanicError is the error of a panic in a handler.
type PanicError struct {
	Value any    // the argument of panic
	Stack []byte // the stack of the panic, as runtime/debug.Stack formats it
}

// NewPanicError returns the error of a panic with value. Call it in the deferred
// function that recovers the panic: there the stack still shows where the panic began.
func NewPanicError(value any) *PanicError {
	return &PanicError{Value: value, Stack: debug.Stack()}
}

// Error describes the panic's value. It does not contain the stack.
func (e *PanicError) Error() string { return fmt.Sprintf("panic: %v", e.Value) }

// Unwrap returns the panic's value if that is an error.
func (e *PanicError) Unwrap() error {
	err, _ := e.Value.(error)
	return err
}

// Repanic panics with e, for code that must not continue after a handler's panic.
func (e *PanicError) Repanic() { panic(e) }

// cancellerError is the error of a Deferred whose canceller panicked.
type cancellerError struct{ panicked *PanicError }

func (e *cancellerError) Error() string {
	return "deferred: cancelled, and the canceller panicked: " + e.panicked.Error()
}

func (e *cancellerError) Unwrap() []error { return []error{ErrCancelled, e.panicked} }

// try calls f and returns its panic, if any.
func try(f func()) (p *PanicError) {
	defer func() {
		if v := recover(); v != nil {
			p = NewPanicError(v)
		}
	}()
	f()
	return nil
}
