package client

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/internal/origin"
	"github.com/seed-7c003b53/gotreq/reactor"
	"github.com/seed-7c003b53/gotreq/treq/agent"
	"github.com/seed-7c003b53/gotreq/treq/auth"
	"github.com/seed-7c003b53/gotreq/treq/cookies"
	"github.com/seed-7c003b53/gotreq/treq/request"
	"github.com/seed-7c003b53/gotreq/treq/response"
)

// An HTTPClient makes requests through an agent, and keeps their cookies. It is
// treq.client.HTTPClient, and belongs to its reactor's goroutine.
type HTTPClient struct {
	reactor reactor.Reactor
	agent   agent.Requester
	jar     http.CookieJar
	usual   agent.Requester // what sends a request without options
	toBody  func(data any) (request.BodyProducer, bool)
	urls    urlCache
}

// A Config says how an HTTPClient works. The zero value is a complete client.
type Config struct {
	// Agent sends the requests. It must be on the client's reactor. nil means an
	// [agent.Agent] with a [agent.Pool] of its own.
	Agent agent.Requester
	// Jar keeps the cookies. nil means a [cookies.Jar] of the client's own. It is
	// treq's cookiejar.
	Jar http.CookieJar
	// DataToBodyProducer, if it is not nil, makes the body of a request of the value
	// given to [Data], unless that is a form or nil. ok is false for a value that it
	// leaves to Data. It is treq's data_to_body_producer.
	DataToBodyProducer func(data any) (body request.BodyProducer, ok bool)
}

// New returns an HTTPClient on r, whose clock its timeouts go by.
func New(r reactor.Reactor, config Config) *HTTPClient {
	if r == nil {
		panic("client: New without a reactor")
	}
	c := &HTTPClient{reactor: r, agent: config.Agent, jar: config.Jar, toBody: config.DataToBodyProducer}
	if c.agent == nil {
		c.agent = agent.New(r, agent.Config{Pool: agent.NewPool(r, agent.PoolConfig{})})
	}
	if c.jar == nil {
		c.jar = &cookies.Jar{Now: r.Now}
	}
	c.usual = c.agentFor(&settings{}, c.jar, nil)
	return c
}

// Jar returns the jar that the cookies of requests come from and go to, unless a
// [CookieJar] option names another.
func (c *HTTPClient) Jar() http.CookieJar { return c.jar }

// RoundTripper returns the client's agent as an http.RoundTripper, for http.Client
// and all that is built on it; see [agent.NewRoundTripper]. Redirects, cookies and
// the decoding of bodies are left to who uses it.
func (c *HTTPClient) RoundTripper() http.RoundTripper {
	return agent.NewRoundTripper(c.reactor, c.agent)
}

// Request makes a request and fires with the response once its head is there.
// The body is read by the response's methods.
//
// It fails, with an [*agent.RequestError], if the arguments make no request, if
// there is no connection or no response, or if a timeout is over. A response
// with an error status is a response. Cancelling the Deferred gives the request
// up.
//
// Redirects are followed, cookies kept, and bodies decoded that come in a content
// coding, unless options say otherwise.
//
// A user name and password in the URL are sent as [BasicAuth] sends them, to the
// origin of the URL only, unless there is an [Auth] or an Authorization header. Those
// in the URL of a redirect are not.
func (c *HTTPClient) Request(method, rawURL string, options ...Option) *deferred.Deferred[*response.Response] {
	u, err := c.urls.parse(rawURL)
	if err != nil {
		return refused(method, redacted(rawURL), err)
	}
	return c.request(method, u, options)
}

// RequestURL is Request for a URL that has been parsed.
func (c *HTTPClient) RequestURL(method string, u *url.URL, options ...Option) *deferred.Deferred[*response.Response] {
	if u == nil {
		return refused(method, "", fmt.Errorf("%w: nil", ErrURL))
	}
	target, err := origin.Wire(u)
	if err != nil {
		return refused(method, u.Redacted(), fmt.Errorf("%w: %w", ErrURL, err))
	}
	return c.request(method, target, options)
}

// refused is the result of a request that was not sent.
func refused(method, shownURL string, err error) *deferred.Deferred[*response.Response] {
	return deferred.Fail[*response.Response](&agent.RequestError{Method: strings.ToUpper(method), URL: shownURL, Err: err})
}

// request makes a request to target, which is for the wire, and stays as it is.
func (c *HTTPClient) request(method string, target *url.URL, options []Option) *deferred.Deferred[*response.Response] {
	s := noSettings
	if len(options) != 0 {
		s = &settings{body: body{rand: c.reactor.Rand()}, toBody: c.toBody}
		if err := s.apply(options); err != nil {
			return refused(method, target.Redacted(), err)
		}
	}
	req, err := s.request(strings.ToUpper(method), target)
	if err != nil {
		return refused(method, target.Redacted(), err)
	}
	jar, err := c.jarFor(s, req.URL)
	if err != nil {
		return refused(method, target.Redacted(), err)
	}
	credentials := s.credentials
	if credentials == nil && len(req.Header["Authorization"]) == 0 {
		credentials = auth.FromURL(req.URL)
	}
	a := c.agentFor(s, jar, credentials)
	var d *deferred.Deferred[*response.Response]
	if s.timeouts == (timeouts{}) {
		d = a.Request(req)
	} else {
		clock := s.clock
		if clock == nil {
			clock = c.reactor
		}
		start := clock.Now()
		d = a.Request(req)
		s.timeouts.bound(d, clock, start)
	}
	return d.AddBoth(func(resp *response.Response, err error) (*response.Response, error) {
		if err != nil {
			return nil, agent.WithRequest(req, err)
		}
		resp.Jar = jar
		if !s.unbuffered {
			resp.Buffer()
		}
		return resp, nil
	})
}

// jarFor returns the jar of a request to u, with the cookies that s adds to it.
func (c *HTTPClient) jarFor(s *settings, u *url.URL) (http.CookieJar, error) {
	jar := s.jar
	if jar == nil {
		jar = c.jar
	}
	if s.cookies == nil {
		return jar, nil
	}
	scoped, err := cookies.FromMap(u, s.cookies)
	if err != nil {
		return nil, fmt.Errorf("%w: Cookies: %w", ErrOption, err)
	}
	if own, ok := jar.(*cookies.Jar); ok {
		own.Merge(scoped)
	} else {
		// One by one and whole: Secure, and not the path of u.
		for cookie := range scoped.All() {
			jar.SetCookies(u, []*http.Cookie{cookie.HTTPCookie()})
		}
	}
	return jar, nil
}

// agentFor returns the agent for a request with credentials, which may be nil: the
// client's, with what s asks for around it. From the wire outwards come cookies and
// credentials, which each step of a redirect has of its own, then redirects, then
// decoding.
func (c *HTTPClient) agentFor(s *settings, jar http.CookieJar, credentials auth.Credentials) agent.Requester {
	usual := s.agent == nil && s.onReactor == nil && credentials == nil && !s.refuseRedirects && !s.browserLikeRedirects && s.jar == nil && s.decoding == nil
	if usual && c.usual != nil {
		return c.usual
	}
	a := c.agent
	switch {
	case s.agent != nil:
		a = s.agent
	case s.onReactor != nil:
		a = s.onReactor
	}
	a = agent.NewCookieAgent(a, jar)
	if credentials != nil {
		a = agent.NewAuthAgent(a, credentials)
	}
	switch {
	case s.refuseRedirects:
	case s.browserLikeRedirects:
		a = agent.NewBrowserLikeRedirectAgent(a, agent.RedirectConfig{})
	default:
		a = agent.NewRedirectAgent(a, agent.RedirectConfig{})
	}
	if s.decoding != nil {
		return s.decoding.Around(a)
	}
	return decoding.Around(a)
}

// decoding asks for the content codings that clients ask for, and undoes them.
var decoding = agent.NewContentDecoderAgent(nil, agent.DecoderConfig{})

// redacted returns rawURL without a password, for an error to show.
func redacted(rawURL string) string {
	if u, err := url.Parse(rawURL); err == nil {
		return u.Redacted()
	}
	// What is no URL may be one with a slip in it.
	if at := strings.LastIndexByte(rawURL, '@'); at >= 0 {
		scheme, _, _ := strings.Cut(rawURL[:at], "//")
		return scheme + "//xxxxx" + rawURL[at:]
	}
	return rawURL
}

// Get makes a GET request; see [HTTPClient.Request].
func (c *HTTPClient) Get(url string, options ...Option) *deferred.Deferred[*response.Response] {
	return c.Request(http.MethodGet, url, options...)
}

// Head makes a HEAD request; see [HTTPClient.Request].
func (c *HTTPClient) Head(url string, options ...Option) *deferred.Deferred[*response.Response] {
	return c.Request(http.MethodHead, url, options...)
}

// Post makes a POST request; see [HTTPClient.Request].
func (c *HTTPClient) Post(url string, options ...Option) *deferred.Deferred[*response.Response] {
	return c.Request(http.MethodPost, url, options...)
}

// Put makes a PUT request; see [HTTPClient.Request].
func (c *HTTPClient) Put(url string, options ...Option) *deferred.Deferred[*response.Response] {
	return c.Request(http.MethodPut, url, options...)
}

// Patch makes a PATCH request; see [HTTPClient.Request].
func (c *HTTPClient) Patch(url string, options ...Option) *deferred.Deferred[*response.Response] {
	return c.Request(http.MethodPatch, url, options...)
}

// Options makes an OPTIONS request; see [HTTPClient.Request].
func (c *HTTPClient) Options(url string, options ...Option) *deferred.Deferred[*response.Response] {
	return c.Request(http.MethodOptions, url, options...)
}

// Delete makes a DELETE request; see [HTTPClient.Request].
func (c *HTTPClient) Delete(url string, options ...Option) *deferred.Deferred[*response.Response] {
	return c.Request(http.MethodDelete, url, options...)
}
