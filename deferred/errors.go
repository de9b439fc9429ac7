package deferred

import "errors"

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

// cancellerError is the error of a Deferred whose canceller panicked.
type cancellerError struct{ panicked *PanicError }

func (e *cancellerError) Error() string {
	return "deferred: cancelled, and the canceller panicked: " + e.panicked.Error()
}

func (e *cancellerError) Unwrap() []error { return []error{ErrCancelled, e.panicked} }
