package agent

import (
	"net/http"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/internal/origin"
	"github.com/seed-7c003b53/gotreq/treq/auth"
	"github.com/seed-7c003b53/gotreq/treq/request"
	"github.com/seed-7c003b53/gotreq/treq/response"
)

// This file has what a request passes through between a client and the agent that sends
// it, in order:
//
//	prepare             Accept-Encoding                                decoder.go
//	  authorize         Authorization                    ◀──┐          auth.go
//	  add cookies       Cookie                              │          cookie.go
//	  send              by an Agent, or whatever is given   │
//	  keep cookies      Set-Cookie                          │          cookie.go
//	  answer            a challenge: the next hop ──────────┤          auth.go
//	  redirect          the next hop ───────────────────────┘          redirect.go
//	decode              Content-Encoding                               decoder.go
//	buffer
//
// One pass from authorize to redirect is a hop. Mostly there is one, and Send handles
// its response; journey.go has what happens on more.
//
// A step that looks at every hop, such as a log or a second attempt after a failure,
// goes around send. A step that can do without the server, such as a cache, goes before
// add cookies. A proxy is chosen where connections are, in Agent.route.

// A Stack sends requests by an agent and does around each what its fields say. It is what
// a client is made of, and each of [CookieAgent], [AuthAgent], [RedirectAgent] and
// [ContentDecoderAgent] is a Stack with one step.
//
// It may be copied, and changed between requests.
type Stack struct {
	// Agent sends the requests. It must be set.
	Agent Requester
	// Credentials authorize the requests to the origin of the first one; nil authorizes
	// none.
	Credentials auth.Credentials
	// Jar has the cookies to send, and keeps those of the responses; nil does neither.
	Jar http.CookieJar
	// Redirects says how redirects are followed; nil follows none.
	Redirects *RedirectConfig
	// Decoding says how bodies in a content coding are decoded; nil decodes none.
	Decoding *DecoderConfig
	// Buffered keeps the body of the response in memory, so that it can be read again.
	Buffered bool

	plain bool // the errors of Agent pass unchanged, as is usual for an agent around one
}

// Send sends req and fires with the last response that comes of it. req belongs to the
// Stack from then on. The Deferred fails with a [*RequestError]; cancelling it cancels
// what is under way.
func (s *Stack) Send(req *request.Request) *deferred.Deferred[*response.Response] {
	first, err := s.prepare(req)
	if err != nil {
		return deferred.Fail[*response.Response](WithRequest(req, err))
	}
	t := trip{Stack: s, origin: first, req: req}
	d := t.send()
	authorized := t.authorized
	return d.AddBoth(func(resp *response.Response, err error) (*response.Response, error) {
		if err != nil {
			return nil, s.failed(req, err)
		}
		t := trip{Stack: s, origin: first, req: req, authorized: authorized}
		next, err := t.received(resp)
		if next == nil && err == nil {
			return resp, nil
		}
		return nil, &detour{t.goOn(resp, next, err)}
	}).ThenErrback(takeDetour)
}

// failed returns err, which Agent failed with, as the error of req.
func (s *Stack) failed(req *request.Request, err error) error {
	if s.plain {
		return err
	}
	return WithRequest(req, err)
}

// prepare changes req as every hop needs it, and returns its origin if there are
// credentials for it.
func (s *Stack) prepare(req *request.Request) (origin.Origin, error) {
	if s.Decoding != nil {
		req.AcceptEncoding = s.Decoding.acceptEncoding(req)
	}
	if s.Credentials == nil {
		return origin.Origin{}, nil
	}
	watchBody(req)
	return origin.Of(req.URL)
}

// A trip is a request on its way through a Stack, with what its hops leave behind.
type trip struct {
	*Stack
	origin     origin.Origin      // of the first hop, if there are credentials: they are for it
	req        *request.Request   // of this hop, without the credentials and cookies of the Stack
	authorized *request.Request   // req with the credentials; req itself if it gets none
	challenges int                // answered on this hop
	redirects  int                // followed
	previous   *response.Response // the redirect that led to this hop; nil on the first
}

// send sends the request of this hop.
func (t *trip) send() *deferred.Deferred[*response.Response] {
	var err error
	if t.authorized, err = t.authorize(); err != nil {
		return deferred.Fail[*response.Response](WithRequest(t.req, err))
	}
	sent, err := t.addCookies(t.authorized)
	if err != nil {
		return deferred.Fail[*response.Response](WithRequest(t.req, err))
	}
	return t.Agent.Request(sent)
}

// received handles the response of this hop. It returns the request of the next hop, or
// nil after the last.
func (t *trip) received(resp *response.Response) (next *request.Request, err error) {
	t.keepCookies(resp)
	if next, err = t.answer(resp); next != nil || err != nil {
		return next, err
	}
	t.link(resp)
	if next, err = t.redirect(resp); next != nil || err != nil {
		return next, err
	}
	if t.Decoding != nil {
		err = t.Decoding.decode(t.req, resp)
	}
	if t.Buffered && err == nil {
		resp.Buffer()
	}
	return nil, err
}

// link makes resp, or the first of the redirects that an agent below has followed to it,
// the successor of the redirect before this hop.
func (t *trip) link(resp *response.Response) {
	if t.previous == nil {
		return
	}
	for resp.PreviousResponse != nil {
		resp = resp.PreviousResponse
	}
	resp.SetPreviousResponse(t.previous)
}
