package agent

import (
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"unicode"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/internal/origin"
	"github.com/seed-7c003b53/gotreq/treq/request"
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

// A sendError says that the request could not be sent whole.
type sendError struct{ err error }

func (e *sendError) Error() string { return "sending the request: " + e.err.Error() }
func (e *sendError) Unwrap() error { return e.err }

// A RequestError names a request that was not sent, or not answered, and says why.
// errors.Is and errors.As find the reason. Its text is short, however long the URL is; the
// fields have everything.
type RequestError struct {
	Method string
	URL    string // without its secrets, such as the password
	Err    error
	// NotSent says that nothing of the request went to a server: it is invalid, or there
	// was no connection. Or an HTTP/2 server said that it did not process the request, and
	// the agent does not send it again by itself. So it may be sent again, whatever its
	// method is. After a redirect it is false.
	NotSent bool
}

func (e *RequestError) Error() string {
	if namesRequest(e.Err) {
		return e.Err.Error()
	}
	why := origin.Excerpt(e.Err.Error(), origin.ExcerptOfError)
	if e.Err == deferred.ErrCancelled {
		why = "cancelled"
	}
	method := printable(e.Method)
	if e.URL == "" {
		return fmt.Sprintf("%s: %s", method, why)
	}
	return fmt.Sprintf("%s %s: %s", method, origin.Excerpt(printable(e.URL), origin.ExcerptOfURL), why)
}

// namesRequest reports whether the text of err names a request: as many errors of responses
// do, alone or in what says how long the request took.
func namesRequest(err error) bool {
	switch e := err.(type) {
	case *RetryError:
		return namesRequest(e.Err)
	case *TimeoutError:
		return e.Err != nil && namesRequest(e.Err)
	}
	return origin.NamesRequest(err.Error())
}

// printable returns s with its control characters escaped: a text of a caller or a server
// must not begin another line of a log.
func printable(s string) string {
	if s != "" && !strings.ContainsFunc(s, unicode.IsControl) {
		return s
	}
	quoted := strconv.Quote(s)
	if s == "" {
		return quoted
	}
	return quoted[1 : len(quoted)-1]
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
	return &RequestError{Method: req.Method, URL: origin.Redacted(req.URL), Err: err, NotSent: notDialed(err)}
}

// notDialed reports whether err, of package net, says that there was no connection. Such an
// error comes from an http.RoundTripper, or from a user's agent.
func notDialed(err error) bool {
	if op, ok := errors.AsType[*net.OpError](err); ok && (op.Op == "dial" || op.Op == "proxyconnect") {
		return true
	}
	_, ok := errors.AsType[*net.DNSError](err)
	return ok
}

// afterOthers returns err, of a hop that others were sent before: it says nothing of the
// whole request that a hop was not sent.
func afterOthers(err error) error {
	if named, ok := err.(*RequestError); ok && named.NotSent {
		own := *named
		own.NotSent = false
		return &own
	}
	return err
}
