package agent

import (
	"errors"
	"net/http"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/internal/origin"
	"github.com/seed-7c003b53/gotreq/treq/auth"
	"github.com/seed-7c003b53/gotreq/treq/request"
	"github.com/seed-7c003b53/gotreq/treq/response"
)

// This file has the steps that a request passes through between a client and the agent
// that sends it, in order:
//
//	prepare             Accept-Encoding                                decoder.go
//	  authorize         Authorization                    ◀──┐          auth.go
//	  add cookies       Cookie                              │          cookie.go
//	  send              through Stack.Agent                 │
//	  keep cookies      Set-Cookie                          │          cookie.go
//	  answer            a challenge: the next hop ──────────┤          auth.go
//	  redirect          the next hop ───────────────────────┘          redirect.go
//	decode              Content-Encoding                               decoder.go
//	limit
//	buffer
//
// One pass from authorize to redirect is a hop. Most requests have one hop, whose
// response Send handles; journey.go handles further hops.
//
// A step for every hop, such as a log or a second attempt after a failure, belongs around
// send. A step that can avoid the server, such as a cache, belongs before add cookies.
// The choice of a proxy belongs in Agent.route, with the choice of a connection.

// A Stack sends requests through an agent and does around each request what the Stack's
// fields say. A client sends through a Stack. Each of [CookieAgent], [AuthAgent],
// [RedirectAgent] and [ContentDecoderAgent] is a Stack with one step.
//
// A Stack may be copied, and may be changed between requests.
type Stack struct {
	// Agent sends the requests. It must be set.
	Agent Requester
	// Credentials authorize the requests to the origin of the first one; nil authorizes
	// none. Once a redirect has led to another origin, no request of the trip is
	// authorized any more, not even one to the first origin.
	Credentials auth.Credentials
	// Jar supplies the cookies to send and stores the cookies of the responses; nil
	// does neither.
	Jar http.CookieJar
	// Redirects says how redirects are followed; nil follows none.
	Redirects *RedirectConfig
	// Decoding says how bodies with a content coding are decoded; nil decodes none.
	Decoding *DecoderConfig
	// MaxSize bounds the body of the last response, in bytes after decoding; see
	// [response.Response.LimitBody]. 0 means no bound.
	MaxSize int64
	// Buffered keeps the body of the response in memory, so that it can be read again.
	Buffered bool

	plain bool // errors of Agent pass unchanged, as through every agent around an agent
}

// Send sends req, which belongs to the Stack from then on, and fires with the response of
// the last hop. The Deferred fails with a [*RequestError]; cancelling it cancels the hop
// under way.
func (s *Stack) Send(req *request.Request) *response.Deferred {
	first, err := s.prepare(req)
	if err != nil {
		return Refuse(req, err)
	}
	body := s.watchBody(req)
	t := trip{Stack: s, origin: first, req: req}
	d := t.send()
	// Each request keeps one of these functions, so it has no more than it needs.
	if authorized := t.authorized; s.Credentials != nil {
		d.AddBoth(func(resp *response.Response, err error) (*response.Response, error) {
			t := trip{Stack: s, req: req, origin: first, authorized: authorized}
			return t.handle(resp, err)
		})
	} else {
		d.AddBoth(func(resp *response.Response, err error) (*response.Response, error) {
			t := trip{Stack: s, req: req, authorized: req}
			return t.handle(resp, err)
		})
	}
	d.ThenErrback(takeDetour)
	if body != nil {
		d.AddBoth(func(resp *response.Response, err error) (*response.Response, error) {
			body.end()
			return resp, err
		})
	}
	return d
}

// Refuse returns the result of req, which an agent does not send because of err. It stops the
// body of req, which may hold a file. The Deferred has failed with a [*RequestError].
func Refuse(req *request.Request, err error) *response.Deferred {
	if req.Body != nil {
		req.Body.StopProducing()
	}
	if _, ok := errors.AsType[*RequestError](err); !ok {
		err = &RequestError{req.Method, origin.Redacted(req.URL), err, true}
	}
	return deferred.Fail[*response.Response](err)
}

// failed returns err, an error of Agent, as the error of req.
func (s *Stack) failed(req *request.Request, err error) error {
	if s.plain {
		return err
	}
	return WithRequest(req, err)
}

// prepare makes the changes to req that every hop needs. It returns the origin of req if
// the Stack has credentials.
func (s *Stack) prepare(req *request.Request) (origin.Origin, error) {
	if s.Decoding != nil {
		req.AcceptEncoding = s.Decoding.acceptEncoding(req)
	}
	if s.Credentials == nil {
		return origin.Origin{}, nil
	}
	return origin.Of(req.URL)
}

// A trip is a request on its way through a Stack, with the state that hops pass on.
type trip struct {
	*Stack
	origin     origin.Origin      // the origin that the credentials are for, that of the first hop
	req        *request.Request   // the request of this hop, without the Stack's credentials and cookies
	authorized *request.Request   // req with the credentials; req itself if it gets none
	challenges int                // the number of challenges answered on this hop
	redirects  int                // the number of redirects followed
	elsewhere  bool               // the next hop goes to another origin than this one
	previous   *response.Response // the redirect that led to this hop; nil on the first
}

// handle handles the result of the first hop: the error is a detour if there is another hop.
func (t *trip) handle(resp *response.Response, err error) (*response.Response, error) {
	if err != nil {
		return nil, t.failed(t.req, err)
	}
	next, err := t.received(resp)
	if next == nil && err == nil {
		return resp, nil
	}
	return nil, &detour{t.startJourney(resp, next, err)}
}

// send sends the request of this hop.
func (t *trip) send() *response.Deferred {
	wait, err := t.authorize()
	switch {
	case err != nil:
		return Refuse(t.req, err)
	case wait != nil:
		return t.sendAfter(wait)
	}
	return t.sendAuthorized()
}

// sendAfter sends the request of this hop when wait has fired: the credentials authorize it
// only then.
func (t *trip) sendAfter(wait *deferred.Deferred[deferred.None]) *response.Deferred {
	own := *t // t may be on the stack of Send
	return deferred.ThenBoth(wait, func(_ deferred.None, err error) *response.Deferred {
		if err != nil {
			// err may name another request, that for a token: errors.As shall find this one.
			return Refuse(own.req, &RequestError{own.req.Method, origin.Redacted(own.req.URL), err, true})
		}
		return own.sendAuthorized()
	})
}

// sendAuthorized sends the authorized request of this hop.
func (t *trip) sendAuthorized() *response.Deferred {
	sent, err := t.addCookies(t.authorized)
	if err != nil {
		return Refuse(t.req, err)
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
	if t.MaxSize > 0 && err == nil {
		resp.LimitBody(t.MaxSize)
	}
	if t.Buffered && err == nil {
		resp.Buffer()
	}
	return nil, err
}

// link makes the redirect before this hop the predecessor of resp, or of the first
// redirect that an agent below followed before resp.
func (t *trip) link(resp *response.Response) {
	if t.previous == nil {
		return
	}
	for resp.PreviousResponse != nil {
		resp = resp.PreviousResponse
	}
	resp.SetPreviousResponse(t.previous)
}
