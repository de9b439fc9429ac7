package agent

// This file has the steps of a Stack that send and keep cookies, and the agent made of
// these steps.

import (
	"net/http"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/treq/cookies"
	"github.com/seed-7c003b53/gotreq/treq/request"
	"github.com/seed-7c003b53/gotreq/treq/response"
)

// A CookieAgent sends the cookies of a jar with each request, and stores the cookies of
// each response in the jar. It is twisted.web.client.CookieAgent.
//
// It belongs below an agent that follows redirects: each hop then sends the cookies of
// its own host.
type CookieAgent struct{ stack Stack }

// NewCookieAgent returns a CookieAgent on top of inner. jar may be a [cookies.Jar],
// net/http's jar, or any other.
func NewCookieAgent(inner Requester, jar http.CookieJar) *CookieAgent {
	if jar == nil {
		panic("agent: NewCookieAgent without a jar")
	}
	return &CookieAgent{Stack{Agent: inner, Jar: jar, plain: true}}
}

// Jar returns the jar.
func (a *CookieAgent) Jar() http.CookieJar { return a.stack.Jar }

// Request sends req with the cookies for its URL, unless it already has a Cookie header;
// see [Requester]. The jar has the cookies of the response before the Deferred fires. The
// Deferred fails with [cookies.ErrInvalid] if the jar returns a cookie that cannot be
// sent.
func (a *CookieAgent) Request(req *request.Request) *deferred.Deferred[*response.Response] {
	return a.stack.Send(req)
}

// addCookies returns req with the cookies for its URL added to a copy. Without cookies to
// add it returns req itself.
func (t *trip) addCookies(req *request.Request) (*request.Request, error) {
	if t.Jar == nil || len(req.Header["Cookie"]) != 0 {
		return req, nil
	}
	all := t.Jar.Cookies(req.URL)
	if len(all) == 0 {
		return req, nil
	}
	header, err := cookies.Header(all)
	if err != nil {
		return nil, err
	}
	req = req.Clone()
	req.Header["Cookie"] = []string{header}
	return req, nil
}

// keepCookies puts the cookies of resp into the jar.
func (t *trip) keepCookies(resp *response.Response) {
	if t.Jar == nil {
		return
	}
	resp.Jar = t.Jar
	if set := cookies.FromResponse(resp.Header); len(set) != 0 {
		t.Jar.SetCookies(t.req.URL, set)
	}
}
