package agent

import (
	"errors"
	"fmt"

	"github.com/seed-7c003b53/gotreq/internal/origin"
	"github.com/seed-7c003b53/gotreq/treq/request"
	"github.com/seed-7c003b53/gotreq/treq/response"
)

// Reasons why a request is not sent.
var (
	// ErrSchemeNotSupported says that the scheme of the URL is not http or https. It is
	// Twisted's SchemeNotSupported.
	ErrSchemeNotSupported = origin.ErrSchemeNotSupported
	// ErrNoHost says that the URL names no host.
	ErrNoHost = origin.ErrNoHost
	// ErrPort says that the port in the URL is not a number up to 65535.
	ErrPort = origin.ErrPort
)

// ErrNotUpgraded says that the server switched to another protocol, with a 101, though
// the request did not ask for one. It is the reason in a [*response.FailedError].
var ErrNotUpgraded = errors.New("the server switched to another protocol, which was not asked for")

// A RequestError names a request that was not sent, or not answered, and says why.
// errors.Is and errors.As find the reason.
type RequestError struct {
	Method string
	URL    string // without the password
	Err    error
}

func (e *RequestError) Error() string {
	if failed, ok := e.Err.(*response.FailedError); ok && failed.Response != nil && failed.Response.Request != nil {
		return failed.Error() // it names the request
	}
	return fmt.Sprintf("%s %s: %v", e.Method, e.URL, e.Err)
}

// Unwrap returns the reason.
func (e *RequestError) Unwrap() error { return e.Err }

// WithRequest returns err as the error of req: a [*RequestError], unless err is one
// already.
func WithRequest(req *request.Request, err error) error {
	var already *RequestError
	if errors.As(err, &already) {
		return err
	}
	return &RequestError{req.Method, req.URL.Redacted(), err}
}
