package agent

import (
	"fmt"
	"log/slog"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/reactor"
	"github.com/seed-7c003b53/gotreq/reactor/task"
	"github.com/seed-7c003b53/gotreq/treq/request"
	"github.com/sourcegraph/conc/panics"
)

// This file sends the bodies of requests.

// An upload is the sending of a body that takes longer than one Write. The
// exchange has it until all of the body was written.
type upload interface {
	// stop ends it early. It is called once at most, and never after the end.
	stop()
}

// stopUpload stops the upload, if there is one.
func (x *exchange) stopUpload() {
	if x.upload != nil {
		x.upload.stop()
	}
}

// bytesAtOnce is how much of a body that is all there is written in one go. A
// connection takes that much without copying it first.
const bytesAtOnce = 64 << 10

// sendBody sends the body of x's request, the head of which is sent.
func (x *exchange) sendBody() {
	x.produced = true
	switch body := x.request.Body.(type) {
	case request.Bytes:
		if len(body) <= bytesAtOnce {
			x.carrier.writeBody(body)
			return
		}
		u := &bytesUpload{x, body}
		x.upload = u
		x.carrier.RegisterPullProducer(u)
	default:
		startProducing(x, body)
	}
}

// An awaitingContinue is a body that is not sent before the server asks for it,
// or has not said for some time that it does not want it.
type awaitingContinue struct {
	x     *exchange
	timer reactor.DelayedCall
}

func (x *exchange) awaitContinue() {
	w := &awaitingContinue{x: x}
	x.upload = w
	w.timer = x.agent.reactor.CallLater(x.request.ExpectContinue, w.proceed)
}

// proceed sends the body.
func (w *awaitingContinue) proceed() {
	w.stop()
	w.x.upload = nil
	w.x.sendBody()
}

func (w *awaitingContinue) stop() {
	if w.timer.Active() {
		w.timer.Cancel()
	}
}

// A bytesUpload sends a body that is all there, as fast as the connection takes
// it. It is the connection's pull producer.
type bytesUpload struct {
	x    *exchange
	left []byte
}

func (u *bytesUpload) ResumeProducing() {
	n := min(len(u.left), bytesAtOnce)
	u.x.carrier.writeBody(u.left[:n])
	if u.left = u.left[n:]; len(u.left) == 0 {
		u.stop() // there is no more
	}
}

func (u *bytesUpload) StopProducing() {}

func (u *bytesUpload) stop() {
	u.x.upload = nil
	u.x.carrier.UnregisterProducer()
}

// A production is the upload of what a BodyProducer produces. It is the consumer
// that the producer writes to, which holds it to its length, and the push
// producer of the connection.
type production struct {
	x        *exchange
	producer request.BodyProducer
	length   int64 // that the producer is to write, or UnknownLength
	written  int64 // that it has written
	done     *deferred.Deferred[deferred.None]
	over     bool // all is written, or no more is wanted
}

// A WrongLengthError says that a producer wrote more or less than its Length. It
// is Twisted's WrongBodyLength.
type WrongLengthError struct {
	Length  int64 // as the producer said
	Written int64 // as it did, until it was stopped
}

func (e *WrongLengthError) Error() string {
	return fmt.Sprintf("its producer said %d bytes and wrote %d", e.Length, e.Written)
}

// A GenerationError says that a request could not be sent whole because of the
// producer of its body: errors.Is finds the error that StartProducing failed
// with, or a [*WrongLengthError]. It is Twisted's RequestGenerationFailed.
type GenerationError struct {
	Err error
}

func (e *GenerationError) Error() string {
	return fmt.Sprintf("producing the request's body: %v", e.Err)
}

// Unwrap returns the reason.
func (e *GenerationError) Unwrap() error { return e.Err }

func startProducing(x *exchange, producer request.BodyProducer) {
	p := &production{x: x, producer: producer, length: producer.Length()}
	x.upload = p
	x.carrier.RegisterProducer(p)
	p.done = deferred.MaybeDeferred(func() *deferred.Deferred[deferred.None] {
		return producer.StartProducing(p)
	})
	if p.over { // stopped from within StartProducing
		p.done.Cancel()
	}
	p.done.AddBoth(func(_ deferred.None, err error) (deferred.None, error) {
		if !p.over {
			p.end(err)
		}
		return deferred.None{}, nil // an error is the request's now, or came too late
	})
}

// Write sends data as a part of the body.
func (p *production) Write(data []byte) {
	if p.over || len(data) == 0 {
		return
	}
	p.written += int64(len(data))
	if p.length != request.UnknownLength && p.written > p.length {
		p.fail(&WrongLengthError{p.length, p.written})
		return
	}
	p.x.carrier.writeBody(data)
}

// Cooperator returns the agent's Cooperator: the producer of the request's body runs
// there.
func (p *production) Cooperator() *task.Cooperator { return p.x.Cooperator() }

// end ends the body when the producer says that it is done.
func (p *production) end(err error) {
	p.finish()
	switch {
	case err != nil:
		p.fail(err)
	case p.length != request.UnknownLength && p.written != p.length:
		p.fail(&WrongLengthError{p.length, p.written})
	default:
		p.x.carrier.endBody()
	}
}

// finish lets the producer go.
func (p *production) finish() {
	p.over = true
	p.x.upload = nil
	p.x.carrier.UnregisterProducer()
}

// fail gives the request up because of its body.
func (p *production) fail(err error) {
	err = &GenerationError{err}
	p.x.carrier.abort(err)
	p.x.fail(err)
}

// stop stops the producer: nobody wants the rest of the body.
func (p *production) stop() {
	if p.over {
		return
	}
	p.finish()
	// The exchange must come to its end even if this panics.
	if r := panics.Try(p.producer.StopProducing); r != nil {
		slog.Error("agent: panic in a body's StopProducing", "url", p.x.request.URL.Redacted(), "panic", r.Value, "stack", string(r.Stack))
	}
	if p.done != nil {
		p.done.Cancel()
	}
}

// PauseProducing, ResumeProducing and StopProducing are what the connection asks
// for. When it stops the producer it is about to tell the connection's protocol
// too, but a stopped producer must not go on until then.

func (p *production) PauseProducing()  { p.producer.PauseProducing() }
func (p *production) ResumeProducing() { p.producer.ResumeProducing() }
func (p *production) StopProducing()   { p.stop() }

var (
	_ reactor.PushProducer = (*production)(nil)
	_ request.Consumer     = (*production)(nil)
)
