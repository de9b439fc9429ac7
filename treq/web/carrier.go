package web

import (
	"errors"
	"net/http"

	"github.com/seed-7c003b53/gotreq/reactor"
	"github.com/seed-7c003b53/gotreq/treq/wire"
)

// This file has the boundary between a request and the version of HTTP that carries it. A
// Request knows the meaning of HTTP: methods, codes, lengths, conditions, ranges,
// sessions. A carrier knows the format of one version: chunks, keep-alive, pipelining,
// 100 Continue and upgrades for HTTP/1.1; frames and windows for HTTP/2. The channel of
// HTTP/1.1 is a carrier, and so is a stream of HTTP/2. A carrier makes a Request and then
// calls its begin, contentReceived and contentEnd or contentLost, pauseWriting and
// resumeWriting, peerGone, and connectionLost.
//
// The life of a served request:
//
//	                                                           file
//	Transport ─▶ channel.DataReceived                          channel.go
//	  ▼
//	http1.RequestReader    bytes become events                 internal/http1
//	  │ Head ─▶ Request.begin                                  request.go
//	  │           ▼ finds the resource for the path            resource.go
//	  │ Data ─▶ Request.contentReceived ─▶ a ContentReceiver   content.go
//	  │ End  ─▶ Request.contentEnd
//	  ▼
//	Renderer, or an http.Handler in a coroutine                resource.go, handler.go
//	  ▼
//	Request.Write, Finish                                      response.go
//	  │ decides which headers, length and trailers to send     head.go
//	══╪═══════════════ carrier ══════════════════════════════
//	  ▼
//	channel.writeHead, write, finish   chunks, keep-alive      channel_send.go
//	  ▼
//	Transport              sends at the end of the turn
//	  ▼
//	channel.next           reads the next request              channel.go
//
// Over HTTP/2, an h2Connection (http2.go) takes the place of the channel at the top, and each
// of its streams that below the line (http2_stream.go).

// A carrier takes the response of one request to the client, and brings the request's
// content. The Request calls the carrier until it has called finish, abort or hijack, or
// connectionLost was called.
type carrier interface {
	// writeHead sends the head of the final response with the beginning of its body.
	// last says that body is the whole body; then finish follows at once. If h cannot
	// be sent, writeHead sends nothing and returns an error. body is as p of write.
	writeHead(h responseHead, body []byte, last bool) error
	// write sends more of the body, at least one byte. The caller may reuse p if it has
	// at most maxPiece bytes. A longer p must not be changed while the carrier is full.
	write(p []byte)
	// inform sends an interim response, if the client's version of HTTP has interim
	// responses.
	inform(code int, header http.Header)
	// finish ends the response. short says that the body was shorter than its
	// Content-Length. The carrier calls the request's written when the client has
	// accepted all bytes, which may be at once, or connectionLost.
	finish(trailer http.Header, short bool)
	// abort ends the response so that the client sees that it is not complete. The
	// carrier calls connectionLost later.
	abort()

	// full reports whether bytes of the response wait because the client accepts no
	// more at present. The carrier calls pauseWriting and resumeWriting when this
	// changes.
	full() bool
	// pull makes the carrier call p.ResumeProducing whenever the client accepts more
	// bytes, in place of pauseWriting and resumeWriting. pull(nil) ends that.
	pull(p reactor.PullProducer)

	// resumeContent starts the delivery of content. The first call also tells a
	// client that waits for a 100 to send the content (RFC 9110, section 10.1.1).
	resumeContent()
	// pauseContent stops the delivery of content; the socket is not read either. It
	// is paused at first.
	pauseContent()

	// hijack gives the connection to the caller and ends the carrier. ok is false if
	// the request shares its connection with others.
	hijack() (s socket, ok bool)
}

// A responseHead is the head of a final response, independent of the version of HTTP.
type responseHead struct {
	code     int
	phrase   string // "" for the usual phrase
	header   http.Header
	length   int64 // the length of the body; -1 if unknown
	bodiless bool  // no body follows, whatever the length
	trailers bool  // trailers follow the body
	refused  bool  // the request is not valid: an HTTP/1.1 connection ends with the response
}

// A requestHead is the head of a request, independent of the version of HTTP. header
// includes Host.
type requestHead struct {
	method, target string
	version        string // such as "HTTP/1.1"
	header         http.Header
	length         int64 // the length of the content; -1 if unknown
	last           bool  // the connection ends with the response
}

// A socket is a connection that a carrier gives to the caller of hijack.
type socket struct {
	transport reactor.Transport
	in        []byte // bytes received but not read; valid until DataReceived is called
	readEnded bool   // the client has ended its side
	paused    bool   // the transport is paused
	blocked   bool   // the transport has paused its producer
}

// errContentTimeout is the error of content that does not arrive in time.
var errContentTimeout = errors.New("the content of the request took too long")

// errWriteTimeout is the error of a response that the client does not take in time.
var errWriteTimeout = errors.New("the client took too long to receive the response")

// statusOf returns the status code for a request that failed with err.
func statusOf(err error) int {
	var e *wire.Error
	switch {
	case err == errContentTimeout:
		return http.StatusRequestTimeout
	case errors.As(err, &e):
		return e.Kind.Status()
	case isTooLarge(err):
		return http.StatusRequestEntityTooLarge
	}
	return http.StatusBadRequest
}
