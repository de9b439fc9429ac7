package agent

import (
	"errors"
	"fmt"
	"net/http"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/treq/request"
)

// This file has the body of a request with more than one hop.
//
// The agent of a hop may stop, pause or resume its body long after the next hop has begun
// to send it: when the rest of a redirect has arrived, or when the connection is lost. So
// each hop gets a hopBody of its own, which the next hop cuts off.
//
// Stacks may be nested. The source of an inner Stack's tripBody is then the hopBody of an
// outer Stack, whose trip goes on when the trip of the inner one is over.

// A tripBody is a body that several hops may send. It keeps the source of the body until
// the trip is over, and sees to it that the body is started or stopped.
type tripBody struct {
	request.BodyProducer
	last    *hopBody                          // the body of the present hop
	result  *deferred.Deferred[deferred.None] // of the source's StartProducing, while somebody waits for it
	started bool                              // since the last rewind
	waits   bool                              // a hop may end before it starts the body: the body waits for a 100, or the hop is a try
	held    bool
	stopped bool // since the last rewind
	over    bool // there is no further hop
}

// A hopBody is the body of the request of one hop.
type hopBody struct {
	trip *tripBody
	done *deferred.Deferred[deferred.None] // the result of StartProducing; nil before it
}

// errCutOff is the result of the StartProducing of a hopBody that the next hop cut off. Its
// consumer gets no more bytes, and the hop is not to blame for that.
var errCutOff = errors.New("agent: the body is sent again by the next hop")

// watchBody makes the body of req a hopBody, if there may be a hop that sends it again. It
// returns the tripBody, which the caller must end, or nil.
func (s *Stack) watchBody(req *request.Request) *tripBody {
	switch req.Body.(type) {
	case nil, request.Bytes:
		return nil
	}
	if s.Credentials == nil && (s.Redirects == nil || s.Redirects.methodAfter(req.Method, http.StatusTemporaryRedirect) == refused) {
		return nil
	}
	return keepBody(req, req.ExpectContinue > 0)
}

// keepBody makes the body of req a hopBody. waits says whether a hop may end before it
// starts the body.
func keepBody(req *request.Request, waits bool) *tripBody {
	t := &tripBody{BodyProducer: req.Body, waits: waits, held: request.Hold(req.Body)}
	t.last = &hopBody{trip: t}
	req.Body = t.last
	return t
}

// repeatable reports whether t can be sent by another hop.
func (t *tripBody) repeatable() bool { return t.held || t.waits && !t.started }

// again returns body for the next hop, ready to be started. why is the error if it cannot be
// sent again.
func again(body request.BodyProducer, why error) (request.BodyProducer, error) {
	b, ok := body.(*hopBody)
	if !ok {
		if !request.Repeatable(body) {
			return nil, why
		}
		return body, nil
	}
	t := b.trip
	switch {
	case !t.repeatable():
		return nil, why
	case t.started:
		err := t.rewind()
		t.last.cutOff()
		if err != nil {
			return nil, fmt.Errorf("%w: %w", why, err)
		}
	}
	t.started, t.stopped, t.last = false, false, &hopBody{trip: t}
	return t.last, nil
}

// cutOff makes the consumer of b let go: b writes no more.
func (b *hopBody) cutOff() {
	done := b.done
	b.done = nil
	if done != nil && !done.Called() {
		done.Errback(errCutOff)
	}
}

// end ends the trip of body: no further hop sends it.
func (t *tripBody) end() {
	t.over = true
	if !t.started {
		t.StopProducing()
	}
	if t.held {
		request.Release(t.BodyProducer)
	}
}

// StopProducing stops the body once: a hop that ends may ask for it and cancel the result of
// StartProducing too.
func (t *tripBody) StopProducing() {
	if !t.stopped {
		t.stopped = true
		t.BodyProducer.StopProducing()
		t.abandon()
	}
}

// abandon cancels the result of the source, which is stopped and does not fire it any more. Otherwise a handler would wait
// for it for ever.
func (t *tripBody) abandon() {
	result := t.result
	t.result = nil
	if result != nil && !result.Called() {
		result.Cancel()
	}
}

// rewind rewinds the source. It stops the source first, if that is still writing.
func (t *tripBody) rewind() error {
	if t.result != nil && !t.result.Called() {
		t.StopProducing()
	}
	return request.Rewind(t.BodyProducer)
}

// current reports whether b is the body of the present hop.
func (b *hopBody) current() bool { return b.trip.last == b }

func (b *hopBody) Length() int64 { return b.trip.Length() }

func (b *hopBody) StartProducing(to request.Consumer) *deferred.Deferred[deferred.None] {
	if !b.current() || b.trip.started {
		return deferred.Fail[deferred.None](request.ErrProduced)
	}
	b.trip.started = true
	// The Deferred of the producer would stop it, if it was cancelled, for later hops too.
	done := deferred.NewCancellable(func(done *deferred.Deferred[deferred.None]) {
		if b.done == done {
			b.StopProducing()
		}
	})
	b.done = done
	result := b.trip.BodyProducer.StartProducing(to)
	b.trip.result = result
	result.AddBoth(func(_ deferred.None, err error) (deferred.None, error) {
		if b.trip.result == result && b.current() && b.done == done && !done.Called() {
			done.Resolve(deferred.None{}, err)
		}
		return deferred.None{}, nil
	})
	if b.trip.stopped { // within StartProducing
		b.trip.abandon()
	}
	return done
}

func (b *hopBody) PauseProducing() {
	if b.current() {
		b.trip.PauseProducing()
	}
}

func (b *hopBody) ResumeProducing() {
	if b.current() {
		b.trip.ResumeProducing()
	}
}

// StopProducing does not stop a body that has not started: another hop may need it.
func (b *hopBody) StopProducing() {
	if b.current() && (b.trip.started || b.trip.over) {
		b.trip.StopProducing()
	}
}

// Hold, Rewind and Release are for the agent, which may send the request of one hop twice.

func (b *hopBody) Hold() bool { return b.current() && request.Hold(b.trip.BodyProducer) }
func (b *hopBody) Release()   { request.Release(b.trip.BodyProducer) }

func (b *hopBody) Rewind() error {
	if !b.current() {
		return request.ErrNotRepeatable
	}
	err := b.trip.rewind()
	b.trip.started, b.trip.stopped = false, false
	b.cutOff()
	return err
}

var _ request.RepeatableProducer = (*hopBody)(nil)
