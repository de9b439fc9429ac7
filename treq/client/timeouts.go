package client

import (
	"errors"
	"time"
	"weak"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/reactor"
	"github.com/seed-7c003b53/gotreq/reactor/task"
	"github.com/seed-7c003b53/gotreq/treq/agent"
	"github.com/seed-7c003b53/gotreq/treq/request"
	"github.com/seed-7c003b53/gotreq/treq/response"
)

// This file has the timeouts of a request, except the timeout for connecting, which the
// agent has. The error of each is an [*agent.TimeoutError], which names the option. It also
// ends bodies that are late, or whose context has ended.

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

// bound applies the timeouts and the context of s to d, the response to req, which began at
// start, and to its body. clock is that of the timeouts.
func (s *settings) bound(d *response.Deferred, req *request.Request, r reactor.Contexts, clock reactor.Clock, start time.Time) {
	t := s.timeouts
	if t.response > 0 {
		d.AddTimeout(t.response, clock, timedOut("Timeout"))
	}
	if t.total > 0 {
		d.AddTimeout(t.total, clock, timedOut("TotalTimeout"))
	}
	var ctx *contextBound
	if s.context != nil {
		ctx = &contextBound{s.context, r, req}
		ctx.bound(d)
	}
	if t.read > 0 || t.total > 0 || ctx != nil {
		d.AddCallback(func(resp *response.Response) (*response.Response, error) {
			w := &boundBody{timeouts: t, context: ctx, clock: clock, request: req}
			w.bound(resp, t.total-clock.Now().Sub(start))
			return resp, nil
		})
	}
}

// timedOut returns the onTimeout function of AddTimeout for an option.
func timedOut(option string) func(*response.Response, error, time.Duration) (*response.Response, error) {
	return func(resp *response.Response, err error, limit time.Duration) (*response.Response, error) {
		if errors.Is(err, deferred.ErrCancelled) {
			err = &agent.TimeoutError{Option: option, After: limit, Err: triesOf(err)}
		}
		return resp, err
	}
}

// triesOf returns the tries that err, a cancel, ended, or nil: they say why a request took so
// long.
func triesOf(err error) error {
	var tried *agent.RetryError
	if !errors.As(err, &tried) {
		return nil
	}
	return &agent.RetryError{Tries: tried.Tries, Err: tried.Err}
}

// A boundBody applies timeouts and a context to one body. It is between the transport and the
// reader of the body. What watches the time or the context must not keep the response reachable:
// the agent closes the connection of a response that the program drops unread.
type boundBody struct {
	timeouts
	context *contextBound // nil: none
	clock   reactor.Clock
	request *request.Request       // the request of the caller
	idle    reactor.DelayedCall    // ends the body after read; nil before the reader waits
	from    response.BodyTransport // the transport of the body
	to      response.BodyProtocol  // the reader of the body; nil before there is a reader
	over    bool                   // the reader knows that the body has ended
}

func stop(c reactor.DelayedCall) {
	if c != nil && c.Active() {
		c.Cancel()
	}
}

// wrap puts w before the reader.
func (w *boundBody) wrap(to response.BodyProtocol) response.BodyProtocol {
	w.to = to
	return w
}

// bound applies w to the body of resp. left is what is left of the total time.
func (w *boundBody) bound(resp *response.Response, left time.Duration) {
	resp.WrapBody(w.wrap)
	unread := weak.Make(resp)
	if w.total > 0 {
		deadline := w.clock.CallLater(left, func() {
			w.take(unread)
			w.cut(w.expired("TotalTimeout", w.total))
		})
		resp.OnEnd(func() { stop(deadline) })
	}
	if w.context != nil {
		resp.OnEnd(w.context.watcher.WatchContext(w.context.ctx, func() {
			w.take(unread)
			w.cut(w.context.error())
		}))
	}
}

// take reads the body of resp, if it has no reader yet, because the body is about to be cut. A
// reader that comes too late gets the reason for that.
func (w *boundBody) take(resp weak.Pointer[response.Response]) {
	if resp := resp.Value(); resp != nil && w.to == nil {
		resp.DeliverBody(noReader{})
	}
}

// expired returns the error of a timeout.
func (w *boundBody) expired(option string, limit time.Duration) error {
	return agent.WithRequest(w.request, &agent.TimeoutError{Option: option, After: limit})
}

// cut ends the body because of err. Without a reader, it ends when the agent finds that the
// response is unreachable.
func (w *boundBody) cut(err error) {
	if w.over || w.to == nil {
		return
	}
	w.end(err)
	w.from.StopProducing()
}

// end tells the reader, once, that the body has ended.
func (w *boundBody) end(reason error) {
	if w.over {
		return
	}
	w.over = true
	stop(w.idle)
	w.to.ConnectionLost(reason)
}

// wait starts the time for the next piece to arrive.
func (w *boundBody) wait() {
	switch {
	case w.read == 0 || w.over:
	case w.idle != nil && w.idle.Active():
		w.idle.Reset(w.read)
	default:
		w.idle = w.clock.CallLater(w.read, func() { w.cut(w.expired("ReadTimeout", w.read)) })
	}
}

func (w *boundBody) ConnectionMade(t response.BodyTransport) {
	w.from = t
	w.wait()
	w.to.ConnectionMade(w)
}

func (w *boundBody) DataReceived(data []byte) {
	if w.over {
		return
	}
	w.to.DataReceived(data)
	if w.idle != nil && w.idle.Active() { // the reader did not pause
		w.wait()
	}
}

func (w *boundBody) ConnectionLost(reason error) {
	if w.context != nil {
		reason = w.context.explain(reason)
	}
	w.end(reason)
}

// The methods below make w the transport of its reader.

func (w *boundBody) PauseProducing() {
	stop(w.idle)
	w.from.PauseProducing()
}

func (w *boundBody) ResumeProducing() {
	w.wait()
	w.from.ResumeProducing()
}

func (w *boundBody) StopProducing() {
	stop(w.idle)
	w.from.StopProducing()
}

// Cooperator returns the Cooperator of the transport below.
func (w *boundBody) Cooperator() *task.Cooperator { return w.from.Cooperator() }

// A noReader reads a body that ended before it had another reader.
type noReader struct{}

func (noReader) ConnectionMade(response.BodyTransport) {}
func (noReader) DataReceived([]byte)                   {}
func (noReader) ConnectionLost(error)                  {}
