package agent

import (
	"errors"
	"net/http"
	"slices"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/treq/auth"
	"github.com/seed-7c003b53/gotreq/treq/request"
	"github.com/seed-7c003b53/gotreq/treq/response"
)

// A RequestHeaderSetterAgent sets fields of each request's header, in the place of
// those that the request has of these names. It is treq's
// _RequestHeaderSetterAgent.
type RequestHeaderSetterAgent struct {
	agent  Requester
	header http.Header
}

// NewRequestHeaderSetterAgent returns a RequestHeaderSetterAgent on top of agent.
func NewRequestHeaderSetterAgent(agent Requester, header http.Header) *RequestHeaderSetterAgent {
	set := make(http.Header, len(header))
	for name, values := range header {
		name = http.CanonicalHeaderKey(name)
		set[name] = append(set[name], values...)
	}
	return &RequestHeaderSetterAgent{agent, set}
}

// Request sends a copy of req that has the fields; see [Requester].
func (a *RequestHeaderSetterAgent) Request(req *request.Request) *deferred.Deferred[*response.Response] {
	req = req.Clone()
	for name, values := range a.header {
		req.Header[name] = slices.Clone(values)
	}
	return a.agent.Request(req)
}

// An AuthAgent authorizes requests by credentials: [auth.Basic], an [auth.Digest]
// or an [auth.Netrc]. If the server answers with a challenge, it sends the request
// again.
//
// The credentials are for one origin: that of the AuthAgent's first request.
// Requests to others it passes on as they are. So it may stand on either side of an
// agent that follows redirects. Below one, it sees every step, and authorizes those
// that stay with the origin. Above, it sees only the first request and the last
// response, answers that only if it came from the origin, and leaves it to the
// redirecting agent to take Authorization from requests to others, as
// RedirectAgent does. Below is better for digests, which are for one URL each.
//
// An AuthAgent costs one small allocation. Make one for each request, and keep the
// credentials.
type AuthAgent struct {
	agent       Requester
	credentials auth.Credentials
	origin      *auth.Origin // nil before the first request
}

// NewAuthAgent returns an AuthAgent on top of agent. It is treq's add_auth.
func NewAuthAgent(agent Requester, credentials auth.Credentials) *AuthAgent {
	if credentials == nil {
		panic("agent: NewAuthAgent without credentials")
	}
	return &AuthAgent{agent: agent, credentials: credentials}
}

// ErrBodyNotRepeatable says that a server asked for authentication, and the
// request could not be sent again, since its body could be read only once. Bodies
// of [request.Bytes] can be repeated, and so can any that was not begun, as
// [request.Request.ExpectContinue] sees to. And once a server has been asked for
// something without a body, digest credentials go with the first request.
var ErrBodyNotRepeatable = errors.New("the server wants authentication first, and the body of the request cannot be sent twice")

// maxChallenges is how many challenges one request answers: one because nothing
// was known, or because what was known was too old; and one because it became too
// old in between.
const maxChallenges = 2

// Request sends req, authorized; see [Requester]. If the server does not take the
// credentials, the Deferred fires with its response, a 401. It fails with
// [ErrBodyNotRepeatable], or with an error of the credentials.
func (a *AuthAgent) Request(req *request.Request) *deferred.Deferred[*response.Response] {
	origin := auth.OriginOf(req.URL)
	if a.origin == nil {
		a.origin = &origin
	}
	if origin != *a.origin {
		return a.agent.Request(req)
	}
	if req.ExpectContinue > 0 && !replayable(req.Body) {
		req = req.Clone()
		req.Body = &watchedBody{BodyProducer: req.Body}
	}
	return a.try(req, maxChallenges)
}

// try sends req, and answers up to left challenges.
func (a *AuthAgent) try(req *request.Request, left int) *deferred.Deferred[*response.Response] {
	authorized := req.Clone()
	if err := a.credentials.Authorize(authorized); err != nil {
		return deferred.Fail[*response.Response](WithRequest(req, err))
	}
	d := a.agent.Request(authorized)
	if own := req.Header["Authorization"]; len(own) != 0 && slices.Equal(own, authorized.Header["Authorization"]) {
		return d // the request brought its own, which the credentials left alone
	}
	return d.ThenCallback(func(resp *response.Response) *deferred.Deferred[*response.Response] {
		last := authorized
		if r := resp.Request; r != nil && r.URL != nil && (resp.PreviousResponse != nil || *r.URL != *authorized.URL) {
			last = r // it was redirected below us
		}
		if auth.OriginOf(last.URL) != *a.origin {
			return deferred.Succeed(resp)
		}
		again, err := a.credentials.Answered(last, resp)
		switch {
		case err == nil && (!again || left == 0):
			return deferred.Succeed(resp)
		case err == nil && !replayable(last.Body):
			err = ErrBodyNotRepeatable
		}
		return deferred.Then(discarded(resp), func(deferred.None) *deferred.Deferred[*response.Response] {
			if err != nil {
				return deferred.Fail[*response.Response](WithRequest(req, err))
			}
			if last == authorized {
				return a.try(req, left-1)
			}
			return a.try(withHeader(last, "Authorization", req.Header["Authorization"]), left-1).
				AddCallback(func(next *response.Response) (*response.Response, error) {
					return after(resp.PreviousResponse, next), nil
				})
		})
	})
}

// discarded drops the body of resp. The Deferred fires when its connection is ready
// for the next request, or is not worth waiting for since only its end ends the
// body, or since that takes too long.
func discarded(resp *response.Response) *deferred.Deferred[deferred.None] {
	if resp.Length == response.UnknownLength && len(resp.Header["Transfer-Encoding"]) == 0 {
		resp.DeliverBody(refusal{}) // if it has a reader, it is that one's
		return deferred.Succeed(deferred.None{})
	}
	d := resp.Discard()
	notForLong(d, resp)
	return d
}

// replayable reports whether a body can still be sent from its beginning.
func replayable(body request.BodyProducer) bool {
	if watched, ok := body.(*watchedBody); ok {
		return !watched.started
	}
	return request.Repeatable(body)
}

// A watchedBody is a body that tells whether it was begun.
type watchedBody struct {
	request.BodyProducer
	started bool
}

func (b *watchedBody) StartProducing(to request.Consumer) *deferred.Deferred[deferred.None] {
	b.started = true
	return b.BodyProducer.StartProducing(to)
}

// withHeader returns a copy of req with those values of that field.
func withHeader(req *request.Request, name string, values []string) *request.Request {
	req = req.Clone()
	delete(req.Header, name)
	if len(values) != 0 {
		req.Header[name] = slices.Clone(values)
	}
	return req
}

// after puts the redirects that led to previous before those that led to resp.
func after(previous, resp *response.Response) *response.Response {
	first := resp
	for first.PreviousResponse != nil {
		first = first.PreviousResponse
	}
	first.SetPreviousResponse(previous)
	return resp
}
