package client

import (
	"net/http"
	"net/url"
	"strings"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/reactor"
	"github.com/seed-7c003b53/gotreq/treq/agent"
	"github.com/seed-7c003b53/gotreq/treq/response"
)

// An HTTPClient makes requests through an agent. It is treq.client.HTTPClient,
// and belongs to its reactor's goroutine.
type HTTPClient struct {
	reactor reactor.Reactor
	agent   agent.Requester
}

// New returns an HTTPClient whose requests a sends. r is the reactor that a was
// made with; timeouts go by its clock.
func New(r reactor.Reactor, a agent.Requester) *HTTPClient {
	return &HTTPClient{reactor: r, agent: a}
}

// Request makes a request and fires with the response once its head is there.
// The body is read by the response's methods.
//
// It fails, with an [*agent.RequestError], if the arguments make no request, if
// there is no connection or no response, or if a timeout is over. A response
// with an error status is a response. Cancelling the Deferred gives the request
// up.
func (c *HTTPClient) Request(method, rawURL string, options ...Option) *deferred.Deferred[*response.Response] {
	var s settings
	req, err := s.build(method, rawURL, options)
	if err != nil {
		return deferred.Fail[*response.Response](&agent.RequestError{Method: method, URL: redacted(rawURL), Err: err})
	}
	d := c.agent.Request(req)
	if s.timeout > 0 {
		d.AddTimeout(s.timeout, c.reactor, nil)
		d.AddErrback(func(err error) (*response.Response, error) {
			return nil, agent.WithRequest(req, err)
		})
	}
	return d.AddCallback(buffered)
}

func buffered(r *response.Response) (*response.Response, error) {
	r.Buffer()
	return r, nil
}

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

// Delete makes a DELETE request; see [HTTPClient.Request].
func (c *HTTPClient) Delete(url string, options ...Option) *deferred.Deferred[*response.Response] {
	return c.Request(http.MethodDelete, url, options...)
}
