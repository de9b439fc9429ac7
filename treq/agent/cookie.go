package agent

import (
	"net/http"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/treq/cookies"
	"github.com/seed-7c003b53/gotreq/treq/request"
	"github.com/seed-7c003b53/gotreq/treq/response"
)

// A CookieAgent sends the cookies of a jar with each request, and keeps those of
// each response there. It is twisted.web.client.CookieAgent.
//
// It belongs below an agent that follows redirects: so each step sends the cookies
// of the host that it goes to.
type CookieAgent struct {
	agent Requester
	jar   http.CookieJar
}

// NewCookieAgent returns a CookieAgent on top of agent. Any jar will do, a
// [cookies.Jar] or net/http's.
func NewCookieAgent(agent Requester, jar http.CookieJar) *CookieAgent {
	return &CookieAgent{agent, jar}
}

// Jar returns the jar.
func (a *CookieAgent) Jar() http.CookieJar { return a.jar }

// Request sends req with the cookies that are for its URL, unless it has a Cookie
// field of its own; see [Requester]. When the Deferred fires, the jar has the
// cookies of the response. It fails with [cookies.ErrInvalid] if the jar gives a
// cookie that would not be one on the wire.
func (a *CookieAgent) Request(req *request.Request) *deferred.Deferred[*response.Response] {
	sent, err := a.withCookies(req)
	if err != nil {
		return deferred.Fail[*response.Response](err)
	}
	return a.agent.Request(sent).AddCallback(func(resp *response.Response) (*response.Response, error) {
		a.keep(req, resp)
		return resp, nil
	})
}

// withCookies returns req, or a copy of it that has the cookies of its URL.
func (a *CookieAgent) withCookies(req *request.Request) (*request.Request, error) {
	if len(req.Header["Cookie"]) != 0 {
		return req, nil
	}
	all := a.jar.Cookies(req.URL)
	if len(all) == 0 {
		return req, nil
	}
	header, err := cookies.Header(all)
	if err != nil {
		return nil, WithRequest(req, err)
	}
	req = req.Clone()
	req.Header.Set("Cookie", header)
	return req, nil
}

// keep puts the cookies of the response to req into the jar.
func (a *CookieAgent) keep(req *request.Request, resp *response.Response) {
	if set := cookies.FromResponse(resp.Header); len(set) != 0 {
		a.jar.SetCookies(req.URL, set)
	}
}
