package blocking

import (
	"context"
	"fmt"
	"net/http"
	"sync"

	"github.com/seed-7c003b53/gotreq/reactor"
	"github.com/seed-7c003b53/gotreq/treq/client"
	"github.com/seed-7c003b53/gotreq/treq/cookies"
)

// This file has the functions on the default reactor.

// shared makes the client of this file's functions. It keeps connections but no cookies, and
// has no end.
var shared = sync.OnceValues(func() (c *Client, err error) {
	r := reactor.Default()
	if !r.Running() {
		defer func() {
			if v := recover(); v != nil { // the program is about to run it, or it is shutting down
				err = fmt.Errorf("blocking: the default reactor does not run: %v", v)
			}
		}()
		r = reactor.Background()
	}
	c = newClient()
	c.join(r, client.Config{NewJar: func() http.CookieJar { return &cookies.Jar{Now: r.Now} }})
	return c, nil
})

// Request makes a request on the default reactor; see [Client.Request]. Cookies are kept for
// the redirects of the request only.
func Request(ctx context.Context, method, url string, options ...client.Option) (*Response, error) {
	c, err := shared()
	if err != nil {
		client.Discard(options...)
		return nil, err
	}
	return c.Request(ctx, method, url, options...)
}

// Get makes a GET request; see [Request].
func Get(ctx context.Context, url string, options ...client.Option) (*Response, error) {
	return Request(ctx, http.MethodGet, url, options...)
}

// Head makes a HEAD request; see [Request].
func Head(ctx context.Context, url string, options ...client.Option) (*Response, error) {
	return Request(ctx, http.MethodHead, url, options...)
}

// Post makes a POST request; see [Request].
func Post(ctx context.Context, url string, options ...client.Option) (*Response, error) {
	return Request(ctx, http.MethodPost, url, options...)
}

// Put makes a PUT request; see [Request].
func Put(ctx context.Context, url string, options ...client.Option) (*Response, error) {
	return Request(ctx, http.MethodPut, url, options...)
}

// Patch makes a PATCH request; see [Request].
func Patch(ctx context.Context, url string, options ...client.Option) (*Response, error) {
	return Request(ctx, http.MethodPatch, url, options...)
}

// Delete makes a DELETE request; see [Request].
func Delete(ctx context.Context, url string, options ...client.Option) (*Response, error) {
	return Request(ctx, http.MethodDelete, url, options...)
}
