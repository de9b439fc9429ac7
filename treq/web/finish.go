package web

import (
	"errors"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/internal/pieces"
)

// This file has the ways for a program to learn of the end of a response.

// NotifyFinish returns a Deferred that fires when the response has been written and the
// connection has taken it. It fails with the reason if the connection is lost before that,
// or if the client ends its side of the connection. Over HTTP/2 it also fails, with a
// wire.StreamError, if the client resets the request; a HEAD can be reset until the head of
// its response is sent. Each call returns another Deferred.
//
// NotifyFinish learns of the end of the client's side late, or never, if the client has
// sent many bytes after the request. A response that was written may not have been
// received.
func (r *Request) NotifyFinish() *deferred.Deferred[deferred.None] {
	switch {
	case r.gone != nil:
		return deferred.Fail[deferred.None](r.gone)
	case r.lost != nil:
		return deferred.Fail[deferred.None](r.lost)
	case r.ended:
		return deferred.Succeed(deferred.None{})
	}
	d := deferred.New[deferred.None]()
	r.watchers = append(r.watchers, d)
	return d
}

// notify fires the Deferreds of NotifyFinish.
func (r *Request) notify(err error) {
	watchers := r.watchers
	r.watchers = nil
	for _, d := range watchers {
		d.Resolve(deferred.None{}, err)
	}
}

// Err returns why the response was cut short: the reason of the connection's loss, or
// [ErrShutdown], or over HTTP/2 a wire.StreamError if the client has reset the request. It
// returns nil as long as the connection is not lost, and after the client has taken the whole
// response.
func (r *Request) Err() error { return r.lost }

// FinishWhen finishes the response when d fires. If d fails, the response fails; see
// [Request.Fail]. If the connection is lost first, d is cancelled. FinishWhen calls
// NotDoneYet, so that it can be the last line of a method that waits for something:
//
//	func (s *Stock) RenderGET(req *web.Request) {
//		web.FinishWhen(req, s.lookUp().AddCallback(func(price string) (string, error) {
//			req.WriteString(price)
//			return price, nil
//		}))
//	}
func FinishWhen[T any](r *Request, d *deferred.Deferred[T]) {
	r.NotDoneYet()
	fired := false
	deferred.MapBoth(d, func(_ T, err error) (deferred.None, error) {
		fired = true
		switch {
		case r.over():
		case r.gone != nil && errors.Is(err, deferred.ErrCancelled):
			r.fail() // not an error of the program's: nobody waits for the response
		case err != nil:
			r.Fail(err)
		default:
			r.Finish()
		}
		return deferred.None{}, nil
	})
	if fired {
		return
	}
	r.NotifyFinish().AddErrback(func(error) (deferred.None, error) {
		if !fired {
			d.Cancel()
		}
		return deferred.None{}, nil
	})
}

// peerGone is called when the client has ended its side of the connection.
func (r *Request) peerGone(reason error) {
	if r.gone != nil || r.finished {
		return
	}
	r.gone = reason
	r.notify(reason)
	if r.invocation != nil {
		r.invocation.context.end()
		r.invocation.wake()
	}
}

// connectionLost is called when the connection is lost.
func (r *Request) connectionLost(reason error) {
	r.dropCoder()
	if r.finished {
		if !r.ended { // the client did not take all of it
			r.lost = reason
			r.end(reason)
		}
		return
	}
	r.lost = reason
	r.buffered, r.more = nil, pieces.Queue{}
	// A panic in one function of the program does not keep the others from being called.
	defer r.endLost()
	defer r.peerGone(reason)
	defer r.closeContent()
	defer r.contentLost(reason)
	r.stopProducer()
}

// endLost ends a request whose connection is lost, or lets its handler end it: a handler in
// a thread may still set the code.
func (r *Request) endLost() {
	if inv := r.invocation; inv != nil && !inv.returned {
		inv.wake()
		return
	}
	r.end(r.lost)
}

// end is called when nothing more happens to the response: the client has taken it, or the
// connection is lost and no handler runs. end logs the request and fires the Deferreds of
// NotifyFinish. Later calls do nothing.
func (r *Request) end(err error) {
	if r.ended {
		return
	}
	r.ended = true
	defer r.notify(err) // also after a panic
	if r.isInner() {
		return
	}
	r.conn.running--
	if r.Site.AccessLog != nil {
		r.Site.AccessLog(r)
	}
}
