package request

import (
	"net/http"
	"net/url"
	"time"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/reactor/task"
)

// A Request is one HTTP request, complete: an agent sends what it says and adds
// only what the wire needs. It is what Twisted's IAgent.request takes, and what
// IClientRequest tells of it later.
//
// An agent may keep a Request until its response has ended and does not change
// it; an agent that wants to send something else makes a copy, by Clone.
type Request struct {
	// Method is the method, as it is sent: "GET".
	Method string
	// URL is an absolute URL: its host, and port if there is one, say where to
	// connect to, the rest is the target.
	URL *url.URL
	// Header is sent in alphabetical order. It may hold a Host. nil is an empty
	// one.
	Header http.Header
	// AcceptEncoding is sent as Accept-Encoding, behind what Header has of that. It
	// is for the agent that will decode the response, which thus leaves the user's
	// Header as it is; "" is none.
	AcceptEncoding string
	// Body gives the body; nil is none.
	Body BodyProducer
	// ExpectContinue has the body wait until the server says that it wants it, by
	// a 100 (RFC 9110, section 10.1.1), or until so much time has passed. A
	// server that answers with something else is not sent the body. 0 is not to
	// wait.
	ExpectContinue time.Duration
	// Informational, if set, is called with each interim response, 1xx but for
	// 101, such as 103 Early Hints (RFC 8297).
	Informational func(code int, header http.Header)
}

// Clone returns a copy of r whose Header, but not Body, is a copy too.
func (r *Request) Clone() *Request {
	c := *r
	c.Header = r.Header.Clone()
	if c.Header == nil {
		c.Header = make(http.Header)
	}
	return &c
}

// UnknownLength is the length of a body that is not known beforehand. Such a
// request body is sent in chunks (RFC 9112, section 7.1).
const UnknownLength int64 = -1

// A BodyProducer produces the body of a request. It is Twisted's IBodyProducer.
// Its methods are called on the reactor's goroutine.
type BodyProducer interface {
	// Length is the number of bytes that it will write, or UnknownLength.
	Length() int64
	// StartProducing is called once, to have the body written to the consumer.
	// The Deferred fires once all of it has been; it fails if that cannot be,
	// and the connection is then lost. It must not fire after StopProducing.
	StartProducing(to Consumer) *deferred.Deferred[deferred.None]
	// PauseProducing asks to write no more until ResumeProducing.
	PauseProducing()
	// ResumeProducing undoes PauseProducing.
	ResumeProducing()
	// StopProducing says that no more is wanted, ever.
	StopProducing()
}

// A Consumer takes the bytes that a BodyProducer produces.
type Consumer interface {
	// Write takes the next bytes of the body. The consumer does not keep data.
	Write(data []byte)
	// Cooperator returns the Cooperator that runs the tasks which write to the
	// consumer: one on the reactor of the consumer. It is not nil.
	Cooperator() *task.Cooperator
}

// Bytes is a body that is all there. It is treq's _BytesProducer.
type Bytes []byte

// Length is the number of bytes.
func (b Bytes) Length() int64 { return int64(len(b)) }

// StartProducing writes all of b.
func (b Bytes) StartProducing(to Consumer) *deferred.Deferred[deferred.None] {
	to.Write(b)
	return deferred.Succeed(deferred.None{})
}

// PauseProducing does nothing: it is too late.
func (b Bytes) PauseProducing() {}

// ResumeProducing does nothing.
func (b Bytes) ResumeProducing() {}

// StopProducing does nothing.
func (b Bytes) StopProducing() {}
