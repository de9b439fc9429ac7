package response

import (
	"errors"
	"fmt"
	"strings"
)

// Why the delivery of a body ended, as [BodyProtocol] is told.
var (
	// ErrDone says that the body is complete. It is Twisted's ResponseDone.
	ErrDone = errors.New("the response is complete")
	// ErrPotentialDataLoss says that the body ended with the connection, and
	// nothing said whether it was complete. It is Twisted's PotentialDataLoss.
	ErrPotentialDataLoss = errors.New("the body ended with the connection: it may not be complete")
)

// ErrBodyTaken is the error of reading a body that is not buffered a second
// time.
var ErrBodyTaken = errors.New("the body of the response is being read, or was read, already")

// A FailedError says that a response came only in part, or is one that nothing
// can be made of. It is Twisted's ResponseFailed. errors.Is finds the reasons.
type FailedError struct {
	Reasons  []error
	Response *Response // whose body was cut short; nil if its head was
}

func (e *FailedError) Error() string {
	text := "the response failed: " + join(e.Reasons)
	if e.Response != nil && e.Response.Request != nil {
		req := e.Response.Request
		return fmt.Sprintf("%s %s: %s", req.Method, req.URL.Redacted(), text)
	}
	return text
}

// Unwrap returns the reasons.
func (e *FailedError) Unwrap() []error { return e.Reasons }

// A NeverReceivedError says that no response came at all. It is Twisted's
// ResponseNeverReceived. errors.Is finds the reasons.
type NeverReceivedError struct {
	Reasons []error
}

func (e *NeverReceivedError) Error() string { return "no response: " + join(e.Reasons) }

// Unwrap returns the reasons.
func (e *NeverReceivedError) Unwrap() []error { return e.Reasons }

func join(errs []error) string {
	texts := make([]string, len(errs))
	for i, err := range errs {
		texts[i] = err.Error()
	}
	return strings.Join(texts, "; ")
}
