package agent

import (
	"net/http"
	"weak"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/internal/list"
	"github.com/seed-7c003b53/gotreq/internal/origin"
	"github.com/seed-7c003b53/gotreq/reactor"
	"github.com/seed-7c003b53/gotreq/reactor/task"
	"github.com/seed-7c003b53/gotreq/treq/request"
	"github.com/seed-7c003b53/gotreq/treq/response"
)

// An exchange is one request and its response. It knows the meaning of HTTP, but not the
// format of any version: a carrier takes it to the server and back.
//
//	             ┌──────────▶ connecting ─────────┐
//	Request ─────┤                                ▼           head          end
//	             ├── waiting in a group's queue ─▶ carried ────────▶ answered ────▶ over
//	             │                                ▲
//	             └── a connection is free ────────┘
//
// A failure or a cancel before the head leads straight to the end.
type exchange struct {
	agent      *Agent
	request    *request.Request
	group      *group                          // the connections that may carry it
	result     *response.Deferred              // nil once the head is received
	connecting *attempt                        // non-nil while a connection is being made
	waiting    *list.Node[exchange]            // non-nil while it waits in the group's queue
	carrier    carrier                         // non-nil while it is being carried
	upload     upload                          // non-nil while the request's body is being sent
	fresh      *response.Response              // the response, while the bytes received with its head are handled
	response   weak.Pointer[response.Response] // the response, once fresh is nil; see unread.go
	body       response.Body                   // the body of the response
	trace      *tracer                         // calls the hooks of the request; nil without any
	began      uint32                          // when the request was made; see Pool.now
	refusals   int8                            // the number of times that a server did not process it
	spared     bool                            // one refusal was not counted, as the server's limit was not known
	sent       bool                            // a carrier got it, perhaps not the present one
	produced   bool                            // the request's body was started or stopped
	cutShort   bool                            // the server does not get the whole body of the request
	expectless bool                            // the request is repeated without its Expect
	continued  bool                            // the server asked for the request's body with a 100
	held       bool                            // the request's body is held, so that it can be sent again
	webSocket  bool                            // the request for a WebSocket is sent as an extended CONNECT
	answered   bool                            // the head of the response was received
}

// A carrier carries one exchange at a time: it sends the request's head, takes the
// request's body and brings the response. An HTTP/1.1 connection is a carrier, and so is a
// stream of an HTTP/2 connection.
//
// It calls the exchange's method informed for an interim response. For the response it
// calls refuseUpload, respond and fire, and Write and End of the exchange's body. Without
// a response it calls fail or agent.resend. It stops the exchange's upload when it takes no
// more of the request.
type carrier interface {
	// writeBody sends the next bytes of the request's body, framed as the head
	// announced. last says that they are the last ones of a body whose length the head
	// announced.
	writeBody(data []byte, last bool)
	// endBody sends the end of the request's body, unless writeBody did.
	endBody()
	// writable returns how many bytes writeBody can send without keeping them.
	writable() int
	// The transport of the request's body; see reactor.Transport.
	RegisterProducer(p reactor.PushProducer)
	RegisterPullProducer(p reactor.PullProducer)
	UnregisterProducer()
	// PauseProducing and ResumeProducing steer the response's body.
	PauseProducing()
	ResumeProducing()
	// abort gives the exchange up because of err, which becomes its error if it has no
	// other yet. An HTTP/1.1 connection closes; a stream is reset.
	abort(err error)
}

// over reports whether the result has fired.
func (x *exchange) over() bool { return x.result == nil || x.result.Called() }

// fail ends x, which has no response yet, with err.
func (x *exchange) fail(err error) {
	if x.over() {
		return
	}
	if x.stopBody(); x.over() {
		return // StopProducing cancelled x
	}
	x.releaseBody()
	if x.trace != nil {
		if x.trace.failing(err); x.over() {
			return // a hook cancelled x
		}
		x.trace.over = true
	}
	x.result.Errback(&RequestError{x.request.Method, origin.Redacted(x.request.URL), err, !x.sent})
}

// CancelDeferred ends x because nobody wants its response any more.
func (x *exchange) CancelDeferred(*response.Deferred) { x.quit(deferred.ErrCancelled) }

// quit ends x, which has no response yet, because of err. An attempt to connect ends first, so
// that the hooks which learn of its end come before the end of the request.
func (x *exchange) quit(err error) {
	if n := x.waiting; n != nil {
		x.waiting = nil
		n.Remove()
	}
	if x.connecting != nil {
		x.connecting.quit(err)
	}
	x.fail(err)
	if x.carrier != nil {
		x.carrier.abort(err)
	}
}

// failBody ends the body of the response because of err.
func (x *exchange) failBody(err error) {
	x.body.End(&response.FailedError{Reasons: []error{err}, Response: x.answer()})
}

// idempotent reports whether x may be sent again although the server may have processed it
// (RFC 9110, section 9.2.2).
func (x *exchange) idempotent() bool { return idempotent(x.request) }

// holdBody makes sure that the body of x's request can be sent again, if that is possible.
func (x *exchange) holdBody() {
	if !x.held { // a resent request may hold it already
		x.held = request.Hold(x.request.Body)
	}
}

// releaseBody undoes holdBody.
func (x *exchange) releaseBody() {
	if x.held {
		x.held = false
		request.Release(x.request.Body)
	}
}

// rewindBody makes the body of x's request ready to be sent again. A panic is an error: x must
// not wait for ever.
func (x *exchange) rewindBody() (err error) {
	if !x.produced {
		return nil
	}
	defer func() {
		if v := recover(); v != nil {
			err = &GenerationError{deferred.NewPanicError(v)}
		}
	}()
	if err := request.Rewind(x.request.Body); err != nil {
		return &GenerationError{err}
	}
	x.produced = false
	return nil
}

// expects reports whether the body of x's request waits for a 100.
func (x *exchange) expects() bool {
	return x.request.ExpectContinue > 0 && x.request.Body != nil && !x.expectless
}

// informed passes an interim response to the request's Informational function, and
// sends the body if the server asks for it.
func (x *exchange) informed(code int, header http.Header) {
	if code == http.StatusContinue {
		if !x.continued && x.expects() {
			if x.trace.got100Continue(); x.over() {
				return
			}
		}
		x.continued = true
		if w, ok := x.upload.(*continueWait); ok {
			w.proceed()
		}
	}
	if x.request.Informational != nil {
		p := caught(func() { x.request.Informational(code, header) })
		switch {
		case p == nil:
		case x.over(): // it was cancelled, so nobody waits for the error
			p.Repanic()
		default:
			x.quit(p)
		}
	}
	if !x.over() {
		x.trace.got1xxResponse(code, header)
	}
}

// caught calls f, a function of the user, and returns its panic, or nil.
func caught(f func()) (p *deferred.PanicError) {
	defer func() {
		if v := recover(); v != nil {
			p = deferred.NewPanicError(v)
		}
	}()
	f()
	return nil
}

// refuseUpload ends the wait for a 100: the server has answered without the body.
func (x *exchange) refuseUpload() {
	if w, ok := x.upload.(*continueWait); ok {
		w.stop()
		x.cutShort = true
		if x.stopBody(); !x.over() {
			x.trace.wroteRequest(nil)
		}
	}
}

// A responseHead is the head of a response, whatever version of HTTP has brought it.
type responseHead struct {
	version  string // such as "HTTP/1.1"
	code     int
	phrase   string
	header   http.Header
	length   int64  // of the body; -1 if unknown
	trailers bool   // trailers may follow the body
	stream   uint32 // the number of the HTTP/2 stream that brought it; or 0
}

// respond returns the response that head begins, and that the connection via brings. upgrade is non-nil if the receiver of the
// response gets the connection.
func (x *exchange) respond(via reactor.Transport, head responseHead, upgrade *response.Upgrade) *response.Response {
	x.answered = true
	x.releaseBody()
	x.body.Init(x)
	x.body.SetConnection(via)
	r := response.New(&x.body)
	r.Version = head.version
	r.Code = head.code
	r.Phrase = head.phrase
	r.Header = head.header
	r.Length = head.length
	r.Stream = head.stream
	if values := head.header["Trailer"]; len(values) != 0 && head.trailers {
		r.Trailer = announcedTrailers(values)
	}
	r.Request = x.request
	r.Upgrade = upgrade
	x.fresh = r
	return r
}

// fire fires the result with r, the response, unless x was cancelled meanwhile.
func (x *exchange) fire(r *response.Response) {
	if x.over() {
		return
	}
	x.trace.answered(r)
	result := x.result
	x.result = nil // x must not keep r reachable
	reactor.Timed(x.agent.reactor, "a response", x, func() { result.Callback(r) })
}

// The methods below make x the transport of its response's body. Just before the end of the
// body, the connection may already carry the next exchange: x then has no carrier.

func (x *exchange) PauseProducing() {
	if x.carrier != nil {
		x.carrier.PauseProducing()
	}
}

func (x *exchange) ResumeProducing() {
	if x.carrier != nil {
		x.carrier.ResumeProducing()
	}
}

func (x *exchange) StopProducing() {
	if x.carrier != nil {
		x.carrier.abort(reactor.ErrConnectionAborted)
	}
}

func (x *exchange) Cooperator() *task.Cooperator { return x.agent.bodies() }
