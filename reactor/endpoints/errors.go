package endpoints

import (
	"errors"
	"fmt"

	"github.com/seed-7c003b53/gotreq/reactor"
)

// An AttemptsError is the reason why none of a name's addresses could be
// connected to. errors.Is finds the reasons of all of them.
type AttemptsError struct {
	Errors []error // one for each address, in the order they failed
}

// Error tells the most telling of the errors, on one line.
func (e *AttemptsError) Error() string {
	err := e.telling()
	text := err.Error()
	var at *reactor.ConnectError
	if errors.As(err, &at) {
		text = fmt.Sprintf("%v at %s", at.Err, at.Address)
	}
	switch others := len(e.Errors) - 1; others {
	case 0:
		return text
	case 1:
		return text + " (1 other address failed too)"
	default:
		return fmt.Sprintf("%s (%d other addresses failed too)", text, others)
	}
}

// telling returns the first error that is not for want of a route: a machine
// that speaks one family only has no route to any address of the other, and
// that is not why a server of both cannot be reached.
func (e *AttemptsError) telling() error {
	for _, err := range e.Errors {
		if !errors.Is(err, reactor.ErrNoRoute) {
			return err
		}
	}
	return e.Errors[0]
}

// Unwrap returns the errors.
func (e *AttemptsError) Unwrap() []error { return e.Errors }
