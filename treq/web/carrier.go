package web

import (
	"crypto/tls"
	"errors"
	"net"
	"net/http"

	"github.com/seed-7c003b53/gotreq/reactor"
	"github.com/seed-7c003b53/gotreq/treq/wire"
)

// This file holds the seam between a request and the version of HTTP that carries it. A Request knows
// what HTTP means: methods, codes, lengths, conditions, ranges, sessions. A carrier knows the form that
// one version gives to that: chunks, keep-alive, pipelining, 100 Continue and upgrades for HTTP/1.1;
// frames and windows for HTTP/2. The channel of HTTP/1.1 is a carrier. A stream of HTTP/2 becomes one
// with the methods of carrier; it makes a Request with newRequest and then calls begin, contentReceived
// and contentEnd or contentLost, pauseWriting and resumeWriting, peerGone, and connectionLost.
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

// A carrier takes the response of one request to the client, and brings the request's content. The
// Request calls it until it has called finish, abort or hijack, or connectionLost was called.
type carrier interface {
	// writeHead sends the head of the final response with the beginning of its body. last says that
	// body is all of it; then finish follows at once. If h cannot be sent, writeHead sends nothing
	// and returns an error.
	writeHead(h responseHead, body []byte, last bool) error
	// write sends more of the body, at least one byte. The caller may use p again.
	write(p []byte)
	// inform sends an interim response, if the client's version has them.
	inform(code int, header http.Header)
	// finish ends the response. short says that the body was shorter than its Content-Length.
	finish(trailer http.Header, short bool)
	// abort breaks the response off, so that the client sees that it is not complete. The carrier
	// calls connectionLost later.
	abort()

	// full reports whether the client takes no more for now. The carrier calls pauseWriting and
	// resumeWriting when this changes.
	full() bool
	// pull makes the carrier call p.ResumeProducing whenever the client takes more, in place of
	// pauseWriting and resumeWriting. pull(nil) ends that.
	pull(p reactor.PullProducer)

	// resumeContent lets content come. The first call tells a client that waits for it to send the
	// content (RFC 9110, section 10.1.1).
	resumeContent()
	// pauseContent stops the content, down to the socket. It is paused at first.
	pauseContent()

	// hijack gives the connection to the caller and ends the carrier. ok is false if the carrier
	// does not have a connection that is the request's alone.
	hijack() (s socket, ok bool)
}

// A responseHead is the head of a final response, in no version's form.
type responseHead struct {
	code     int
	phrase   string // "" for the usual one
	header   http.Header
	length   int64 // of the body; -1 if it is not known
	bodiless bool  // no body follows, whatever length says
}

// A requestHead is the head of a request, in no version's form. The Host is in header.
type requestHead struct {
	method, target string
	version        string // such as "HTTP/1.1"
	header         http.Header
	length         int64 // of the content; -1 if it is not known
	last           bool  // the connection ends with the response
}

// A socket is what a carrier gives to the caller of hijack.
type socket struct {
	transport reactor.Transport
	in        []byte // received and not yet read; valid until the transport brings more
	readEnded bool   // the client has ended its side
	paused    bool   // the transport brings no more until it is resumed
	blocked   bool   // the transport takes no more for now
}

// A connection is what all requests on one connection have in common.
type connection struct {
	site       *Site
	local      net.Addr
	peer       net.Addr
	remoteAddr string               // peer, in the form of http.Request
	tls        *tls.ConnectionState // nil without TLS
	reactor    reactor.Reactor
	clock      reactor.Clock // the reactor, unless the Site has another
}

func newConnection(s *Site, t reactor.Transport) connection {
	c := connection{
		site: s, local: t.Host(), peer: t.Peer(), remoteAddr: t.Peer().String(),
		tls: t.TLS(), reactor: t.Reactor(), clock: s.Clock,
	}
	if c.clock == nil {
		c.clock = c.reactor
	}
	return c
}

// errContentTimeout is the error of content that does not come in time.
var errContentTimeout = errors.New("the content of the request took too long")

// statusOf returns the status code for a request that err ends.
func statusOf(err error) int {
	var e *wire.Error
	switch {
	case err == errContentTimeout:
		return http.StatusRequestTimeout
	case errors.As(err, &e):
		return e.Kind.Status()
	}
	return http.StatusBadRequest
}
