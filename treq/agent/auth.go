package agent

// This file has the steps of a Stack that authorize requests, and the agents made of
// these steps.

import (
	"errors"
	"net/http"
	"slices"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/internal/origin"
	"github.com/seed-7c003b53/gotreq/treq/auth"
	"github.com/seed-7c003b53/gotreq/treq/request"
	"github.com/seed-7c003b53/gotreq/treq/response"
)

// A RequestHeaderSetterAgent sets headers of each request. They replace the request's
// headers of the same names. It is treq's _RequestHeaderSetterAgent. It belongs above an
// agent that follows redirects, which keeps credentials from other origins.
type RequestHeaderSetterAgent struct {
	inner  Requester
	header http.Header
}

// NewRequestHeaderSetterAgent returns a RequestHeaderSetterAgent on top of inner.
func NewRequestHeaderSetterAgent(inner Requester, header http.Header) *RequestHeaderSetterAgent {
	set := make(http.Header, len(header))
	for name, values := range header {
		name = http.CanonicalHeaderKey(name)
		set[name] = append(set[name], values...)
	}
	return &RequestHeaderSetterAgent{inner, set}
}

// Request sends a copy of req with the headers set; see [Requester].
func (a *RequestHeaderSetterAgent) Request(req *request.Request) *response.Deferred {
	req = req.Clone()
	for name, values := range a.header {
		req.Header[name] = slices.Clone(values)
	}
	return a.inner.Request(req)
}

// An AuthAgent authorizes requests by credentials: [auth.Basic], an [auth.Digest] or an
// [auth.Netrc]. If the server answers with a challenge, the AuthAgent sends the request
// again.
//
// The credentials are for one origin, that of the AuthAgent's first request. Requests to
// other origins pass through unchanged. So an AuthAgent can be above or below an agent
// that follows redirects. Below, it sees every hop and authorizes the hops to the origin.
// Above, it sees the first request and the last response only: it answers a challenge if
// the last response came from the origin, and the redirecting agent keeps Authorization
// from other origins. Below is better for digests, since each digest is for one URL.
//
// A request that a redirect leads from another origin back to the origin of the credentials
// is not authorized, and its challenge not answered: the other origin chose its URL.
// net/http and Python's requests do the same.
//
// An AuthAgent is small: make one for each request, and keep the credentials.
type AuthAgent struct {
	stack  Stack
	origin origin.Origin // zero before the first request
}

// NewAuthAgent returns an AuthAgent on top of inner. It is treq's add_auth.
func NewAuthAgent(inner Requester, credentials auth.Credentials) *AuthAgent {
	if credentials == nil {
		panic("agent: NewAuthAgent without credentials")
	}
	return &AuthAgent{stack: Stack{Agent: inner, Credentials: credentials, plain: true}}
}

// Request sends req, authorized; see [Requester]. If the server does not accept the
// credentials, the Deferred fires with its response, a 401. It fails with
// [ErrBodyNotRepeatable], or with an error of the credentials, as a reason of a
// [*response.FailedError] that has the 401.
func (a *AuthAgent) Request(req *request.Request) *response.Deferred {
	o, err := origin.Of(req.URL)
	if err != nil {
		return Refuse(req, err)
	}
	if a.origin == (origin.Origin{}) {
		a.origin = o
	}
	if o != a.origin || req.Foreign {
		return a.stack.Agent.Request(req)
	}
	own := *req
	return a.stack.Send(&own)
}

// ErrBodyNotRepeatable says that a server asked for authentication, and that the
// request's body could not be sent a second time. [request.Repeatable] says which bodies
// can be sent again; a body that has not started can too, as with
// [request.Request.ExpectContinue]. After an exchange without a body, digest credentials go
// with the first attempt.
var ErrBodyNotRepeatable = errors.New("the server wants authentication first, and the body of the request cannot be sent twice")

// maxChallenges is the number of challenges that one hop answers: one for an unknown or
// stale nonce, and one more because the nonce may become stale in between.
const maxChallenges = 2

// authorize sets t.authorized, with the credentials if they are for the origin of this hop.
// The Deferred, if it is not nil, fires when the credentials have authorized the request.
func (t *trip) authorize() (*deferred.Deferred[deferred.None], error) {
	t.authorized = t.req
	if t.Credentials == nil || t.req.Foreign {
		return nil, nil
	}
	if o, err := origin.Of(t.req.URL); err != nil || o != t.origin {
		return nil, err
	}
	t.authorized = t.req.Clone()
	return t.Credentials.Authorize(t.authorized), nil
}

// answer returns the request that answers the challenge in resp. It returns nil if resp
// has no challenge, or one that must not be answered.
func (t *trip) answer(resp *response.Response) (*request.Request, error) {
	if t.authorized == t.req {
		return nil, nil // the request has no credentials
	}
	next, err := t.answered(resp)
	if err != nil {
		err = &response.FailedError{Reasons: []error{err}, Response: resp}
	}
	return next, err
}

// answered is answer for a request with credentials.
func (t *trip) answered(resp *response.Response) (*request.Request, error) {
	own := t.req.Header["Authorization"]
	if len(own) != 0 && slices.Equal(own, t.authorized.Header["Authorization"]) {
		return nil, nil // the credentials left the request's own Authorization alone
	}
	last := t.lastRequest(resp)
	if o, err := origin.Of(last.URL); err != nil || o != t.origin || last.Foreign {
		return nil, nil
	}
	wanted, err := t.Credentials.Answered(last, resp)
	switch {
	case err != nil:
		return nil, err
	case !wanted || t.challenges == maxChallenges:
		return nil, nil
	}
	body, err := again(last.Body, ErrBodyNotRepeatable)
	if err != nil {
		return nil, err
	}
	t.challenges++
	t.elsewhere = false
	if last == t.authorized {
		next := *t.req
		next.Body = body
		return &next, nil
	}
	t.link(resp)
	t.previous = resp.PreviousResponse
	next := last.Clone()
	next.Body = body
	t.dropJarCookies(next)
	delete(next.Header, "Authorization")
	if len(own) != 0 {
		next.Header["Authorization"] = slices.Clone(own)
	}
	return next, nil
}

// lastRequest returns the request that resp answers: the request of this hop, unless an
// agent below followed redirects.
func (t *trip) lastRequest(resp *response.Response) *request.Request {
	r := resp.Request
	if r == nil || r.URL == nil || resp.PreviousResponse == nil && *r.URL == *t.authorized.URL {
		return t.authorized
	}
	return r
}
