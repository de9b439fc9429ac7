package client

import (
	"errors"
	"time"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/reactor"
	"github.com/seed-7c003b53/gotreq/reactor/task"
	"github.com/seed-7c003b53/gotreq/treq/agent"
	"github.com/seed-7c003b53/gotreq/treq/request"
	"github.com/seed-7c003b53/gotreq/treq/response"
)

// This file has the timeouts of a request, except the timeout for connecting, which the
// agent has. The error of each is an [*agent.TimeoutError], which names the option.

// Timeout bounds the time until the head of the response is received, after all
// redirects. The body may take longer. It is treq's timeout.
type Timeout time.Duration

func (t Timeout) apply(s *settings) error {
	s.timeouts.response = time.Duration(t)
	return positive("Timeout", time.Duration(t))
}

// ReadTimeout bounds the time that the reader of the body waits for the next piece. Time
// in which the reader has paused the body does not count.
type ReadTimeout time.Duration

func (t ReadTimeout) apply(s *settings) error {
	s.timeouts.read = time.Duration(t)
	return positive("ReadTimeout", time.Duration(t))
}

// TotalTimeout bounds the time of the whole request, including redirects and the body.
type TotalTimeout time.Duration

func (t TotalTimeout) apply(s *settings) error {
	s.timeouts.total = time.Duration(t)
	return positive("TotalTimeout", time.Duration(t))
}

// timeouts holds the timeouts of one request; 0 means none.
type timeouts struct {
	response, read, total time.Duration
}

// bound applies the timeouts to d, the response to req, which began at start, and to its
// body. A timeout is an [*agent.TimeoutError].
func (t timeouts) bound(d *deferred.Deferred[*response.Response], req *request.Request, r reactor.Clock, start time.Time) {
	if t.response > 0 {
		d.AddTimeout(t.response, r, timedOut("Timeout"))
	}
	if t.total > 0 {
		d.AddTimeout(t.total, r, timedOut("TotalTimeout"))
	}
	if t.read > 0 || t.total > 0 {
		d.AddCallback(func(resp *response.Response) (*response.Response, error) {
			w := &bodyTimeouts{timeouts: t, clock: r, request: req}
			resp.WrapBody(w.wrap)
			if t.total > 0 {
				w.deadline = r.CallLater(t.total-r.Now().Sub(start), func() { w.late(resp) })
				resp.OnEnd(func() { stop(w.deadline) })
			}
			return resp, nil
		})
	}
}

// timedOut returns the onTimeout function of AddTimeout for an option.
func timedOut(option string) func(*response.Response, error, time.Duration) (*response.Response, error) {
	return func(resp *response.Response, err error, limit time.Duration) (*response.Response, error) {
		if errors.Is(err, deferred.ErrCancelled) {
			err = &agent.TimeoutError{Option: option, After: limit}
		}
		return resp, err
	}
}

// bodyTimeouts applies timeouts to one body. It is between the transport and the reader
// of the body.
type bodyTimeouts struct {
	timeouts
	clock    reactor.Clock
	request  *request.Request       // the request of the caller
	deadline reactor.DelayedCall    // ends the body after total; nil without a total timeout
	idle     reactor.DelayedCall    // ends the body after read; nil before the reader waits
	from     response.BodyTransport // the transport of the body
	to       response.BodyProtocol  // the reader of the body; nil before there is a reader
	over     bool                   // the reader knows that the body has ended
}

func stop(c reactor.DelayedCall) {
	if c != nil && c.Active() {
		c.Cancel()
	}
}

// wrap puts w before the reader.
func (w *bodyTimeouts) wrap(to response.BodyProtocol) response.BodyProtocol {
	w.to = to
	return w
}

// late ends the body when its total time is over.
func (w *bodyTimeouts) late(resp *response.Response) {
	if w.to == nil {
		// A reader that comes too late gets the reason for the end.
		resp.DeliverBody(unread{})
	}
	w.expire("TotalTimeout", w.total)
}

// expire ends the body because the timeout of an option is over.
func (w *bodyTimeouts) expire(option string, limit time.Duration) {
	if w.over {
		return
	}
	w.end(agent.WithRequest(w.request, &agent.TimeoutError{Option: option, After: limit}))
	w.from.StopProducing()
}

// end tells the reader, once, that the body has ended.
func (w *bodyTimeouts) end(reason error) {
	if w.over {
		return
	}
	w.over = true
	stop(w.idle)
	w.to.ConnectionLost(reason)
}

// wait starts the time for the next piece to arrive.
func (w *bodyTimeouts) wait() {
	switch {
	case w.read == 0 || w.over:
	case w.idle != nil && w.idle.Active():
		w.idle.Reset(w.read)
	default:
		w.idle = w.clock.CallLater(w.read, func() { w.expire("ReadTimeout", w.read) })
	}
}

func (w *bodyTimeouts) ConnectionMade(t response.BodyTransport) {
	w.from = t
	w.wait()
	w.to.ConnectionMade(w)
}

func (w *bodyTimeouts) DataReceived(data []byte) {
	if w.over {
		return
	}
	w.to.DataReceived(data)
	if w.idle != nil && w.idle.Active() { // the reader did not pause
		w.wait()
	}
}

func (w *bodyTimeouts) ConnectionLost(reason error) { w.end(reason) }

// The methods below make w the transport of its reader.

func (w *bodyTimeouts) PauseProducing() {
	stop(w.idle)
	w.from.PauseProducing()
}

func (w *bodyTimeouts) ResumeProducing() {
	w.wait()
	w.from.ResumeProducing()
}

func (w *bodyTimeouts) StopProducing() {
	stop(w.idle)
	w.from.StopProducing()
}

// Cooperator returns the Cooperator of the transport below.
func (w *bodyTimeouts) Cooperator() *task.Cooperator { return w.from.Cooperator() }

// unread is the reader of a body that ended before it had another reader.
type unread struct{}

func (unread) ConnectionMade(response.BodyTransport) {}
func (unread) DataReceived([]byte)                   {}
func (unread) ConnectionLost(error)                  {}
