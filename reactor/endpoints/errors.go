package endpoints

import (
	"errors"
	"fmt"

	"github.com/seed-7c003b53/gotreq/reactor"
)

// An AttemptsError holds the reasons why none of a name's addresses accepted a
// connection. errors.Is finds each of them.
type AttemptsError struct {
	Errors []error // one for each address, in the order of the failures
}

// Error returns the most relevant error, on one line.
func (e *AttemptsError) Error() string {
	err := e.mostRelevant()
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

// mostRelevant returns the first error other than ErrNoRoute: a host without IPv6 has
// no route to any IPv6 address, which does not explain why the server's IPv4 address
// failed.
func (e *AttemptsError) mostRelevant() error {
	for _, err := range e.Errors {
		if !errors.Is(err, reactor.ErrNoRoute) {
			return err
		}
	}
	return e.Errors[0]
}

// Unwrap returns the errors.
func (e *AttemptsError) Unwrap() []error { return e.Errors }
