package agent

import (
	"fmt"
	"log/slog"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/internal/origin"
	"github.com/seed-7c003b53/gotreq/internal/pieces"
	"github.com/seed-7c003b53/gotreq/reactor"
	"github.com/seed-7c003b53/gotreq/reactor/task"
	"github.com/seed-7c003b53/gotreq/treq/request"
)

// This file sends the bodies of requests.

// An upload sends a body that takes more than one Write. An exchange has an upload until
// the whole body is written.
type upload interface {
	// stop ends the upload early. It is called at most once, and not after the end.
	stop()
}

// stopUpload stops the upload of x, if there is one.
func (x *exchange) stopUpload() {
	if x.upload != nil {
		x.cutShort = true
		x.upload.stop()
	}
}

// stopBody stops the body of x's request, if it was not started. The body may hold a file.
func (x *exchange) stopBody() {
	if x.request.Body != nil && !x.produced {
		x.produced = true
		x.stopProducer()
	}
}

// stopProducer calls the StopProducing of the request's body. x must end even if that
// panics.
func (x *exchange) stopProducer() {
	defer func() {
		if v := recover(); v != nil {
			p := deferred.NewPanicError(v)
			slog.Error("agent: panic in a body's StopProducing", "url", origin.Excerpt(origin.Redacted(x.request.URL), origin.ExcerptOfURL), "panic", p.Value, "stack", string(p.Stack))
		}
	}()
	x.request.Body.StopProducing()
}

// bytesAtOnce bounds the bytes of a body in memory that one Write takes. A connection
// takes as many without copying them first.
const bytesAtOnce = pieces.Max

// sendBody sends the body of x's request after the head.
func (x *exchange) sendBody() {
	x.produced = true
	switch body := x.request.Body.(type) {
	case request.Bytes:
		if len(body) <= bytesAtOnce {
			x.carrier.writeBody(body, true)
			x.trace.wroteRequest(nil)
			return
		}
		u := &bytesUpload{x, body}
		x.upload = u
		x.carrier.RegisterPullProducer(u)
	default:
		startProducing(x, body)
	}
}

// A continueWait is the upload of a body before the server's 100, or before the time
// after which the body is sent without a 100.
type continueWait struct {
	x     *exchange
	timer reactor.DelayedCall
}

func (x *exchange) awaitContinue() {
	w := &continueWait{x: x}
	x.upload = w
	w.timer = x.agent.reactor.CallLater(x.request.ExpectContinue, w.proceed)
}

func (w *continueWait) proceed() {
	w.stop()
	w.x.sendBody()
}

func (w *continueWait) stop() {
	w.x.upload = nil
	if w.timer.Active() {
		w.timer.Cancel()
	}
}

// A bytesUpload sends a body in memory, as fast as the connection takes it. It is a pull
// producer of the connection.
type bytesUpload struct {
	x    *exchange
	left []byte // not written yet
}

func (u *bytesUpload) ResumeProducing() {
	n := min(len(u.left), u.x.carrier.writable())
	if n == 0 {
		return
	}
	u.x.carrier.writeBody(u.left[:n], n == len(u.left))
	if u.left = u.left[n:]; len(u.left) == 0 {
		u.stop()
		u.x.trace.wroteRequest(nil)
	}
}

// StopProducing is called when the connection's sending fails.
func (u *bytesUpload) StopProducing() {
	u.x.upload, u.x.cutShort = nil, true
}

func (u *bytesUpload) stop() {
	u.x.upload = nil
	u.x.carrier.UnregisterProducer()
}

// A producerUpload sends the body that a BodyProducer produces. It is the producer's
// consumer and enforces the producer's Length. It is also the connection's push producer.
type producerUpload struct {
	x        *exchange
	producer request.BodyProducer
	length   int64 // announced by the producer, or UnknownLength
	written  int64
	done     *deferred.Deferred[deferred.None] // the result of StartProducing
	over     bool                              // the body is complete or stopped
}

// A WrongLengthError says that a producer wrote more or fewer bytes than its Length. It
// is Twisted's WrongBodyLength.
type WrongLengthError struct {
	Length  int64 // announced by the producer
	Written int64 // written before it was stopped
}

func (e *WrongLengthError) Error() string {
	return fmt.Sprintf("its producer said %d bytes and wrote %d", e.Length, e.Written)
}

// A GenerationError says that the producer of a request's body failed. errors.Is finds
// the error of its StartProducing, or a [*WrongLengthError]. It is Twisted's
// RequestGenerationFailed.
type GenerationError struct {
	Err error
}

func (e *GenerationError) Error() string {
	return fmt.Sprintf("producing the request's body: %v", e.Err)
}

// Unwrap returns the reason.
func (e *GenerationError) Unwrap() error { return e.Err }

// startProducing starts producer, the body of x's request, and sends its bytes.
func startProducing(x *exchange, producer request.BodyProducer) {
	p := &producerUpload{x: x, producer: producer, length: producer.Length()}
	x.upload = p
	if x.carrier.RegisterProducer(p); p.over {
		return // the carrier takes no more
	}
	p.done = deferred.MaybeDeferred(func() *deferred.Deferred[deferred.None] {
		return producer.StartProducing(p)
	})
	if p.over { // stop was called within StartProducing
		p.done.Cancel()
	}
	p.done.AddBoth(func(_ deferred.None, err error) (deferred.None, error) {
		if !p.over {
			p.end(err)
		}
		return deferred.None{}, nil // end reports the error; after stop an error does not matter
	})
}

// Write sends the next bytes of the body.
func (p *producerUpload) Write(data []byte) {
	if p.over || len(data) == 0 {
		return
	}
	p.written += int64(len(data))
	if p.length != request.UnknownLength && p.written > p.length {
		p.fail(&WrongLengthError{p.length, p.written})
		return
	}
	p.x.carrier.writeBody(data, false)
}

// Cooperator returns the agent's Cooperator.
func (p *producerUpload) Cooperator() *task.Cooperator { return p.x.Cooperator() }

// end ends the body when the Deferred of the producer fires.
func (p *producerUpload) end(err error) {
	p.finish()
	switch {
	case err == errCutOff:
		p.x.cutShort = true
	case err != nil:
		p.fail(err)
	case p.length != request.UnknownLength && p.written != p.length:
		p.fail(&WrongLengthError{p.length, p.written})
	default:
		p.x.carrier.endBody()
		p.x.trace.wroteRequest(nil)
	}
}

func (p *producerUpload) finish() {
	p.over = true
	p.x.upload = nil
	p.x.carrier.UnregisterProducer()
}

// fail fails the request because of its body.
func (p *producerUpload) fail(err error) { p.x.failGeneration(err) }

// stop stops the producer before the end of the body.
func (p *producerUpload) stop() {
	if p.over {
		return
	}
	p.finish()
	p.x.cutShort = true
	p.x.stopProducer()
	if p.done != nil {
		p.done.Cancel()
	}
}

// PauseProducing, ResumeProducing and StopProducing make p the connection's producer. The
// connection calls StopProducing when its sending fails. The server may have answered
// before that: ConnectionLost follows when everything that it sent is received. A stopped
// producer must not write in between.

func (p *producerUpload) PauseProducing()  { p.producer.PauseProducing() }
func (p *producerUpload) ResumeProducing() { p.producer.ResumeProducing() }
func (p *producerUpload) StopProducing()   { p.stop() }

var (
	_ reactor.PushProducer = (*producerUpload)(nil)
	_ request.Consumer     = (*producerUpload)(nil)
)
