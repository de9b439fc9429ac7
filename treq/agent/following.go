package agent

// This file holds a request that follows redirects, on its way.

import (
	"slices"
	"time"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/treq/request"
	"github.com/seed-7c003b53/gotreq/treq/response"
)

// A following is one request and those that redirects made of it.
type following struct {
	agent   *RedirectAgent
	result  *deferred.Deferred[*response.Response]
	next    *request.Request                       // what is to be sent; nil if there is nothing yet
	sending bool                                   // send is
	req     *request.Request                       // what was sent last
	hop     *deferred.Deferred[*response.Response] // its result; nil if the first was sent elsewhere
	last    *response.Response                     // the last redirect
	count   int                                    // of redirects
	drains  []*deferred.Deferred[deferred.None]    // of redirects whose bodies are being read
}

// follow fires with what comes of r, the response to req, if the redirects that
// begin with it are followed.
func (a *RedirectAgent) follow(req *request.Request, r *response.Response) *deferred.Deferred[*response.Response] {
	f := &following{agent: a, req: req}
	f.result = deferred.NewCancellable(func(*deferred.Deferred[*response.Response]) { f.cancel() })
	f.answered(r, nil)
	return f.result
}

// send sends req, and what comes of it: a chain of redirects, however long, that
// are there at once takes no stack.
func (f *following) send(req *request.Request) {
	f.next = req
	if f.sending {
		return // further up the stack
	}
	f.sending = true
	for f.next != nil {
		f.req, f.next = f.next, nil
		f.hop = deferred.MaybeDeferred(func() *deferred.Deferred[*response.Response] {
			return f.agent.inner.Request(f.req)
		})
		if f.result.Called() { // meanwhile it was cancelled
			f.hop.Cancel()
		}
		f.hop.AddBoth(f.answered)
		f.hop.AddErrback(f.broke)
	}
	f.sending = false
}

// broke takes the panic of answered, which a response that is none may cause.
func (f *following) broke(err error) (*response.Response, error) {
	f.abandon()
	if f.result.Called() {
		return nil, err
	}
	f.result.Errback(err)
	return nil, nil
}

// answered takes the result of a hop.
func (f *following) answered(r *response.Response, err error) (*response.Response, error) {
	if f.result.Called() {
		if err == nil {
			r.DeliverBody(refusal{})
		}
		return r, nil
	}
	if err != nil {
		f.abandon()
		f.result.Errback(err)
		return nil, nil
	}
	f.link(r)
	next, err := f.agent.after(f.req, r, f.count)
	switch {
	case err != nil:
		f.abandon()
		f.drain(r, nil)
		f.result.Errback(WithRequest(f.req, &response.FailedError{Reasons: []error{err}, Response: r}))
	case next == nil:
		f.abandon()
		f.result.Callback(r)
	default:
		f.count++
		f.last = r
		f.follow(r, next)
	}
	return r, nil
}

// link makes the last redirect the one that led to r, or to the redirects that an
// agent further in has followed.
func (f *following) link(r *response.Response) {
	if f.last == nil {
		return
	}
	for r.PreviousResponse != nil {
		r = r.PreviousResponse
	}
	r.SetPreviousResponse(f.last)
}

// follow sends next, which follows on r. If it can go over r's connection it
// waits for that to be free, but not for long.
func (f *following) follow(r *response.Response, next *request.Request) {
	ends := r.Length != response.UnknownLength || len(r.Header["Transfer-Encoding"]) != 0
	if !ends || originOf(next.URL) != originOf(f.req.URL) {
		f.drain(r, nil)
		f.send(next)
		return
	}
	f.drain(r, func() {
		if !f.result.Called() {
			f.send(next)
		}
	})
}

// cancel gives up what is under way.
func (f *following) cancel() {
	if f.hop != nil {
		f.hop.Cancel()
	}
	if !f.result.Called() { // the hop is over
		f.result.Errback(WithRequest(f.req, deferred.ErrCancelled))
	}
	f.abandon()
}

// abandon reads no more of the bodies of redirects that have not ended yet.
func (f *following) abandon() {
	for len(f.drains) != 0 {
		f.drains[0].Cancel()
	}
}

// drain reads the body of r, for the sake of its connection and not for long, and keeps
// it for the History. then, if it is not nil, is called when it has ended, or is read no
// further.
func (f *following) drain(r *response.Response, then func()) {
	r.Buffer()
	d := r.Discard()
	notForLong(d, r)
	f.drains = append(f.drains, d)
	d.AddBoth(func(deferred.None, error) (deferred.None, error) {
		i := slices.Index(f.drains, d)
		f.drains = slices.Delete(f.drains, i, i+1)
		if then != nil {
			then()
		}
		return deferred.None{}, nil
	})
}

// drainTime is how long a body that nobody wants may take. Mostly it comes with its head;
// a connection costs less than that long a wait.
const drainTime = 250 * time.Millisecond

// notForLong cancels discarding, that of the body of r, after drainTime: the
// connection is closed then.
func notForLong(discarding *deferred.Deferred[deferred.None], r *response.Response) {
	cooperator := r.Cooperator()
	if discarding.Called() || cooperator == nil {
		return
	}
	late := false
	timer := cooperator.Clock().CallLater(drainTime, func() {
		late = true
		discarding.Cancel()
	})
	discarding.AddBoth(func(_ deferred.None, err error) (deferred.None, error) {
		if late {
			return deferred.None{}, nil
		}
		timer.Cancel()
		return deferred.None{}, err // who else cancels it wants nothing more
	})
}
