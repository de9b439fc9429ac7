package request

import (
	"context"
	"net/http"
	"net/url"
	"time"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/reactor/task"
)

// A Request is one complete HTTP request. An agent sends it and adds only the headers
// that the protocol needs. It is Twisted's IClientRequest, and the arguments of
// IAgent.request.
//
// An agent does not change a Request, but may keep it until its response has ended. An
// agent that wants to send something else makes a copy with Clone.
type Request struct {
	// Method is sent unchanged: "GET".
	Method string
	// URL is absolute. The agent connects to its host and port; its path and query
	// are the target.
	URL *url.URL
	// Header is sent in alphabetical order. It may hold a Host. nil means none.
	Header http.Header
	// AcceptEncoding is appended to the Accept-Encoding of Header. The agent that
	// decodes the response sets it, so that it need not change the caller's Header.
	// "" means none.
	AcceptEncoding string
	// UserAgent is the User-Agent to send if Header has none. A User-Agent of Header
	// without values is one: the request then has no User-Agent. "" means none. A client
	// sets it, so that it need not change the caller's Header.
	UserAgent string
	// Body produces the body. nil means none.
	Body BodyProducer
	// Trailer holds the headers that follow the body (RFC 9110, section 6.5), such as its
	// checksum. Its names are announced before the body, in a header Trailer unless Header
	// has one. Its values may be set until the body has ended. A request with trailers needs
	// a Body, which may be empty; over HTTP/1.1 it is sent in chunks, whatever its length
	// is. A Transfer-Encoding, a Content-Length and a Trailer may not be trailers. nil means
	// none.
	Trailer http.Header
	// ExpectContinue is how long the body waits for the server to ask for it by a 100
	// (RFC 9110, section 10.1.1). If the server answers with another response first,
	// the body is not sent. 0 means that the body does not wait.
	ExpectContinue time.Duration
	// Context has values for the agents that the request passes through, such as the hooks
	// of package httptrace. Whoever makes the request ends it when the Context ends: an
	// agent need not watch it. nil means none.
	Context context.Context
	// Foreign says that a redirect from another origin led here, directly or some
	// redirects ago. Agents add no credentials of their own to such a request, even if
	// it is to their own origin: the other origin chose the URL.
	Foreign bool
	// Informational, if not nil, is called with each interim response, such as 103
	// Early Hints (RFC 8297). A 101 is not an interim response. A panic of it fails the
	// request with a *deferred.PanicError and closes the connection.
	Informational func(code int, header http.Header)
}

// Clone returns a copy of r with a copy of its Header. Both have the same Body, and the same
// Trailer, whose values may not be known yet.
func (r *Request) Clone() *Request {
	c := *r
	c.Header = r.Header.Clone()
	if c.Header == nil {
		c.Header = make(http.Header)
	}
	return &c
}

// UnknownLength is the length of a body whose length is not known in advance. A request
// body of unknown length is sent in chunks (RFC 9112, section 7.1).
const UnknownLength int64 = -1

// A BodyProducer produces the body of a request. It is Twisted's IBodyProducer. Whoever
// gets a producer starts it or stops it: it may hold a file.
type BodyProducer interface {
	// Length returns the number of bytes that the producer will write, or
	// UnknownLength.
	Length() int64
	// StartProducing makes the producer write the body to the consumer. It is called at
	// most once, and once more after each Rewind of a [RepeatableProducer]. The
	// Deferred fires after the last Write. If it fails, the connection is closed. It
	// must not fire after StopProducing; an agent then cancels it, so that nothing waits for it.
	StartProducing(to Consumer) *deferred.Deferred[deferred.None]
	// PauseProducing tells the producer to stop writing until ResumeProducing.
	PauseProducing()
	// ResumeProducing undoes PauseProducing.
	ResumeProducing()
	// StopProducing tells the producer to stop writing for good.
	StopProducing()
}

// A Consumer takes the bytes that a BodyProducer produces.
type Consumer interface {
	// Write takes the next bytes of the body. The consumer does not keep data.
	Write(data []byte)
	// Cooperator returns the Cooperator for the tasks that write to the consumer. It
	// is on the reactor of the consumer, and not nil.
	Cooperator() *task.Cooperator
}

// Bytes is a body in memory. It is treq's _BytesProducer.
type Bytes []byte

// Length returns the number of bytes.
func (b Bytes) Length() int64 { return int64(len(b)) }

// StartProducing writes all of b at once.
func (b Bytes) StartProducing(to Consumer) *deferred.Deferred[deferred.None] {
	to.Write(b)
	return deferred.Succeed(deferred.None{})
}

// PauseProducing does nothing: all of b is written.
func (b Bytes) PauseProducing() {}

// ResumeProducing does nothing.
func (b Bytes) ResumeProducing() {}

// StopProducing does nothing.
func (b Bytes) StopProducing() {}
