package response

import (
	"fmt"
	"log/slog"
	"net/http"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/reactor/task"
	"github.com/seed-7c003b53/gotreq/treq/request"
)

// UnknownLength is the Length of a body whose length was not announced. It is Twisted's
// UNKNOWN_LENGTH.
const UnknownLength = request.UnknownLength

// A Deferred fires with a response. *response.Deferred is short for
// *deferred.Deferred[*response.Response].
type Deferred = deferred.Deferred[*Response]

// A Response is the response to a request: the head, and access to the body. It is
// Twisted's IResponse, and treq's _Response.
type Response struct {
	// Version is the server's protocol and version: "HTTP/1.1" or "HTTP/2.0".
	Version string
	// Code is the status code: 200.
	Code int
	// Phrase is the server's text for the code: "OK". It may be empty.
	Phrase string
	// Header holds the headers under their canonical names. See [http.Header].
	Header http.Header
	// Trailer holds the headers that came after a chunked body, under their canonical
	// names (RFC 9110, section 6.5). Before the body has ended, it has the names that the
	// server announces by the header Trailer, without values; afterwards it also has
	// those that were not announced. It has no Transfer-Encoding, Content-Length or
	// Trailer. It is nil if there are none, as in package net/http.
	Trailer http.Header
	// Length is the number of bytes in the body, or UnknownLength.
	Length int64
	// Request is the answered request.
	Request *request.Request
	// Tries is how often Request was sent until this response came: 1, unless an agent
	// that repeats requests counted more.
	Tries int
	// Times says how long the request took, and each part of it. It is nil unless the program
	// asked for it, by an option of the request, by a log, or by an agent.TimingAgent.
	Times *Times
	// PreviousResponse is the redirect that led to Request, or nil.
	PreviousResponse *Response
	// Upgrade is the connection, if the server switched to another protocol by a 101
	// and the request had asked for that; else nil.
	Upgrade *Upgrade
	// Jar supplied the request's cookies, and has the cookies of the response. It may
	// be nil. See [Response.Cookies].
	Jar http.CookieJar
	// Stream is the number of the stream that brought the response, over HTTP/2: 1 for the
	// first request of a connection, then 3, 5 and so on (RFC 9113, section 5.1.1). It is 0
	// over HTTP/1.1.
	Stream uint32

	// Beside Stream, these take no memory.
	buffered     bool // the body may be read more than once
	bufferBegun  bool // the buffer reads the body, or has read it
	bufferPaused bool // the buffer has paused the body

	body   *Body
	buffer buffer

	// wrapping is set by WrapBody. It is not in Body, because the connection keeps the
	// Body reachable: a wrap may refer to the Response, which must become unreachable
	// when the program drops it unread.
	wrapping *wrapping
}

// New returns a Response with a body. The caller sets the other fields.
func New(body *Body) *Response { return &Response{body: body, Length: UnknownLength, Tries: 1} }

// Buffer makes r keep the body in memory as it is read, so that it can be read again. It
// must be called before the body has a reader.
func (r *Response) Buffer() { r.buffered = true }

// DeliverBody connects the body to p. If the body is not buffered, and has or had a
// reader, DeliverBody fails with [ErrBodyTaken] and does not call p.
func (r *Response) DeliverBody(p BodyProtocol) error {
	if !r.buffered {
		return r.body.deliver(p, r.wrapping)
	}
	return r.deliverBuffered(p)
}

// Cooperator returns the Cooperator of the body. It runs tasks on the reactor of the
// connection, and has the reactor's clock. It is for agents around agents.
func (r *Response) Cooperator() *task.Cooperator { return r.body.Cooperator() }

// SetPreviousResponse sets PreviousResponse, for programs ported from Twisted.
func (r *Response) SetPreviousResponse(previous *Response) { r.PreviousResponse = previous }

// String describes r as treq does:
//
//	<Response 200 "text/plain; charset=utf-8" 13 bytes>
func (r *Response) String() string {
	length := "unknown size"
	if r.Length != UnknownLength {
		length = fmt.Sprintf("%d bytes", r.Length)
	}
	return fmt.Sprintf("<Response %d %q %s>", r.Code, r.Header.Get("Content-Type"), length)
}

// GoString is String, for the verb %#v.
func (r *Response) GoString() string { return r.String() }

// LogValue is String, for slog.
func (r *Response) LogValue() slog.Value { return slog.StringValue(r.String()) }
