package response

import (
	"fmt"
	"net/http"

	"github.com/seed-7c003b53/gotreq/reactor/task"
	"github.com/seed-7c003b53/gotreq/treq/request"
)

// UnknownLength is the Length of a body that only its end will tell. It is
// Twisted's UNKNOWN_LENGTH.
const UnknownLength = request.UnknownLength

// A Response is the answer to a request: what its head said, and the way to its
// body. It is Twisted's IResponse with what treq adds to it, treq's _Response.
//
// A Response belongs to the reactor's goroutine.
type Response struct {
	// Version is the protocol and version that the server named: "HTTP/1.1".
	Version string
	// Code is the status: 200.
	Code int
	// Phrase is what the server wrote beside it: "OK". It may be empty.
	Phrase string
	// Header holds the fields under their canonical names. See [http.Header].
	Header http.Header
	// Length is the number of bytes in the body, or UnknownLength.
	Length int64
	// Request is the request that this answers.
	Request *request.Request
	// PreviousResponse is the redirect that led to Request, or nil.
	PreviousResponse *Response
	// Upgrade is the connection itself if the server has gone over to another
	// protocol, with a 101 that the request had asked for; else nil.
	Upgrade *Upgrade
	// Jar is where the cookies of the request came from and those of the response
	// went; nil if there is none. See [Response.Cookies].
	Jar http.CookieJar

	body     *Body
	buffered bool // the body may be read more than once
	buffer   buffer

	// wrap is set by WrapBody. It is not in body, to which the connection leads:
	// wrap may lead to the Response, which must become unreachable when it is
	// dropped unread.
	wrap func(to BodyProtocol) BodyProtocol
}

// New returns a Response with body. Its other fields are for the caller to set.
func New(body *Body) *Response { return &Response{body: body, Length: UnknownLength} }

// Buffer has the body kept in memory as it is read, so that it can be read
// again. It must be called before the body is read.
func (r *Response) Buffer() { r.buffered = true }

// DeliverBody connects the body to p. It fails with [ErrBodyTaken] if the body
// has a reader already, or had one, and is not buffered; p is then not called.
func (r *Response) DeliverBody(p BodyProtocol) error {
	if !r.buffered {
		return r.body.deliver(p, r.wrap)
	}
	return r.buffer.deliver(r, p)
}

// Cooperator returns the Cooperator of the body, which runs tasks on the reactor that
// the response came by, and has its clock. It is for agents that wrap agents.
func (r *Response) Cooperator() *task.Cooperator { return r.body.Cooperator() }

// SetPreviousResponse sets PreviousResponse. It is there for the name's sake.
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
