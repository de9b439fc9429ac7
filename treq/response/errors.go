package response

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"github.com/seed-7c003b53/gotreq/internal/origin"
	"github.com/seed-7c003b53/gotreq/reactor"
)

// The reasons for the end of a complete body; see [BodyProtocol].
var (
	// ErrDone says that the body is complete. It is Twisted's ResponseDone.
	ErrDone = errors.New("the response is complete")
	// ErrPotentialDataLoss says that the end of the connection ended the body, whose
	// length the server had not announced. It is Twisted's PotentialDataLoss.
	ErrPotentialDataLoss = errors.New("the body ended with the connection: it may not be complete")
)

// ErrBodyTaken is the error of a second reader for a body that is not buffered.
var ErrBodyTaken = errors.New("the body of the response is being read, or was read, already")

// A FailedError says that a response is incomplete or invalid. It is Twisted's
// ResponseFailed. errors.Is finds the reasons.
type FailedError struct {
	Reasons  []error
	Response *Response // nil if the head is incomplete
}

func (e *FailedError) Error() string {
	return e.Response.prefix() + "the response failed: " + join(e.Reasons)
}

// Unwrap returns the reasons.
func (e *FailedError) Unwrap() []error { return e.Reasons }

// A NeverReceivedError says that no byte of a response was received. It is Twisted's
// ResponseNeverReceived. errors.Is finds the reasons.
type NeverReceivedError struct {
	Reasons []error
}

func (e *NeverReceivedError) Error() string {
	if len(e.Reasons) != 0 && errors.Is(e.Reasons[0], reactor.ErrConnectionDone) {
		return "the server closed the connection without answering"
	}
	return "no response: " + join(e.Reasons)
}

// Unwrap returns the reasons.
func (e *NeverReceivedError) Unwrap() []error { return e.Reasons }

func join(errs []error) string {
	texts := make([]string, len(errs))
	for i, err := range errs {
		texts[i] = err.Error()
	}
	return origin.Excerpt(strings.Join(texts, "; "), origin.ExcerptOfError)
}

// prefix returns "METHOD URL: " for an error about r, or "" if the request is unknown. r may
// be nil.
func (r *Response) prefix() string {
	if r == nil || r.Request == nil || r.Request.URL == nil {
		return ""
	}
	return fmt.Sprintf("%s %s: ", r.Request.Method, origin.Excerpt(origin.Redacted(r.Request.URL), origin.ExcerptOfURL))
}

// quote returns the beginning of a server's text for an error, in ASCII and escaped.
func quote(text string) string {
	const most = 60
	if len(text) > most {
		return strconv.QuoteToASCII(text[:most]) + "..."
	}
	return strconv.QuoteToASCII(text)
}

// quoteType returns the media type of h for an error.
func quoteType(h http.Header) string {
	mediaType, _ := contentType(h)
	switch {
	case mediaType == "":
		return "without a Content-Type"
	case isType(mediaType):
		return origin.Excerpt(mediaType, 60)
	}
	return quote(mediaType)
}
