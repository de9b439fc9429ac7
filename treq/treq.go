package treq

import (
	"sync"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/reactor"
	"github.com/seed-7c003b53/gotreq/treq/agent"
	"github.com/seed-7c003b53/gotreq/treq/client"
	"github.com/seed-7c003b53/gotreq/treq/response"
)

// The options of a request; see package client.
type (
	// Option says something of a request beside its method and URL.
	Option = client.Option
	// Params are added to the query of the URL.
	Params = client.Params
	// Headers are sent with the request.
	Headers = client.Headers
	// Timeout bounds how long it may take until the response's head is there.
	Timeout = client.Timeout
	// Body is sent as it is.
	Body = client.Body
)

// JSON is v as JSON, for the request to carry; see [client.JSON].
func JSON(v any) Option { return client.JSON(v) }

// defaultClient keeps its connections in one pool, as treq's module does.
var defaultClient = sync.OnceValue(func() *client.HTTPClient {
	r := reactor.Default()
	return client.New(r, agent.New(r, agent.WithPool(agent.NewPool(r))))
})

// Request makes a request on the default reactor; see
// [client.HTTPClient.Request].
func Request(method, url string, options ...Option) *deferred.Deferred[*response.Response] {
	return defaultClient().Request(method, url, options...)
}

// Get makes a GET request; see [Request].
func Get(url string, options ...Option) *deferred.Deferred[*response.Response] {
	return defaultClient().Get(url, options...)
}

// Head makes a HEAD request; see [Request].
func Head(url string, options ...Option) *deferred.Deferred[*response.Response] {
	return defaultClient().Head(url, options...)
}

// Post makes a POST request; see [Request].
func Post(url string, options ...Option) *deferred.Deferred[*response.Response] {
	return defaultClient().Post(url, options...)
}

// Put makes a PUT request; see [Request].
func Put(url string, options ...Option) *deferred.Deferred[*response.Response] {
	return defaultClient().Put(url, options...)
}

// Patch makes a PATCH request; see [Request].
func Patch(url string, options ...Option) *deferred.Deferred[*response.Response] {
	return defaultClient().Patch(url, options...)
}

// Delete makes a DELETE request; see [Request].
func Delete(url string, options ...Option) *deferred.Deferred[*response.Response] {
	return defaultClient().Delete(url, options...)
}
