package agent

// This file has the steps of a Stack that send and keep cookies, and the agent made of
// these steps.

import (
	"net/http"
	"slices"
	"strings"

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

// Request sends req with the cookies for its URL; see [Requester]. If req has a Cookie
// header, the cookies of the jar follow it in the same header, as in net/http: a server
// that gets a name twice mostly takes the first. Twisted sends no cookies of the jar then.
//
// The jar has the cookies of the response before the Deferred fires. The Deferred fails
// with [cookies.ErrInvalid] if the jar returns a cookie that cannot be sent.
func (a *CookieAgent) Request(req *request.Request) *response.Deferred {
	return a.stack.Send(req)
}

// addCookies returns req with the cookies for its URL added to a copy. Without cookies to
// add it returns req itself.
func (t *trip) addCookies(req *request.Request) (*request.Request, error) {
	if t.Jar == nil {
		return req, nil
	}
	header, err := cookies.HeaderFor(t.Jar, req.URL)
	if header == "" || err != nil {
		return req, err
	}
	if own := req.Header["Cookie"]; len(own) != 0 {
		// A request has one Cookie header (RFC 6265, section 5.4).
		header = strings.Join(append(cookiePairs(own), header), "; ")
	}
	req = req.Clone()
	req.Header["Cookie"] = []string{header}
	return req, nil
}

// keepCookies puts the cookies of resp into the jar. If the request has a Cookie header of
// the caller's, the next hop sends only those of its cookies that no response has set: the
// header does not say which URLs it is for, and the jar has the new ones. So does net/http.
func (t *trip) keepCookies(resp *response.Response) {
	if t.Jar != nil {
		resp.Jar = t.Jar
	}
	if resp.Jar == nil {
		return
	}
	if len(resp.Header["Set-Cookie"]) == 0 {
		return
	}
	if t.Jar != nil {
		cookies.Receive(t.Jar, t.req.URL, resp.Header)
	}
	own := cookiePairs(t.req.Header["Cookie"])
	if len(own) == 0 {
		return
	}
	set := cookies.FromResponse(resp.Header)
	left := slices.DeleteFunc(slices.Clone(own), func(pair string) bool {
		name, _, _ := strings.Cut(pair, "=")
		return slices.ContainsFunc(set, func(c *http.Cookie) bool { return c.Name == strings.TrimRight(name, " \t") })
	})
	if len(left) == len(own) {
		return
	}
	req := t.req.Clone()
	setCookiePairs(req, left)
	if t.authorized == t.req {
		t.authorized = req
	}
	t.req = req
}

// dropJarCookies removes the cookies that did not come from the caller from req, a copy of
// a request that has been sent.
func (t *trip) dropJarCookies(req *request.Request) {
	own := cookiePairs(t.req.Header["Cookie"])
	setCookiePairs(req, slices.DeleteFunc(cookiePairs(req.Header["Cookie"]), func(pair string) bool {
		return !slices.Contains(own, pair)
	}))
}

// setCookiePairs makes pairs the Cookie header of req.
func setCookiePairs(req *request.Request, pairs []string) {
	delete(req.Header, "Cookie")
	if len(pairs) != 0 {
		req.Header["Cookie"] = []string{strings.Join(pairs, "; ")}
	}
}

// cookiePairs returns the names with values in Cookie headers.
func cookiePairs(values []string) []string {
	var pairs []string
	for _, value := range values {
		for pair := range strings.SplitSeq(value, ";") {
			if pair = strings.Trim(pair, " \t"); pair != "" {
				pairs = append(pairs, pair)
			}
		}
	}
	return pairs
}
