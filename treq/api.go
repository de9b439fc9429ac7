package treq

import (
	"net/http"

	"github.com/seed-7c003b53/gotreq/treq/client"
)

// A Client makes requests. A function to be tested takes a Client: the program passes
// [Default] or a [client.HTTPClient], the test a StubTreq of package treq/testing. In
// Python, this is the treq module or its replacement.
//
//	func title(c treq.Client) *deferred.Deferred[string] {
//		return deferred.Map(deferred.Then(c.Get("http://an.example/"), (*response.Response).Text), findTitle)
//	}
//
// Its methods do the same as the functions of this package.
type Client interface {
	Request(method, url string, options ...Option) *Deferred
	Get(url string, options ...Option) *Deferred
	Head(url string, options ...Option) *Deferred
	Post(url string, options ...Option) *Deferred
	Put(url string, options ...Option) *Deferred
	Patch(url string, options ...Option) *Deferred
	Delete(url string, options ...Option) *Deferred
	Options(url string, options ...Option) *Deferred
}

var _ Client = (*client.HTTPClient)(nil)

// Default makes requests by the functions of this package.
var Default Client = ClientFunc(Request)

// A ClientFunc is a function as a [Client]: each method calls it. It is for a fake in a test, and
// for a client around another one, which passes the options on. The options themselves cannot be
// read; a test that looks at a request uses an AgentSpy or a StubTreq of package treq/testing.
type ClientFunc func(method, url string, options ...Option) *Deferred

// Request calls f.
func (f ClientFunc) Request(method, url string, options ...Option) *Deferred {
	return f(method, url, options...)
}

// Get calls f with the method GET.
func (f ClientFunc) Get(url string, options ...Option) *Deferred {
	return f(http.MethodGet, url, options...)
}

// Head calls f with the method HEAD.
func (f ClientFunc) Head(url string, options ...Option) *Deferred {
	return f(http.MethodHead, url, options...)
}

// Post calls f with the method POST.
func (f ClientFunc) Post(url string, options ...Option) *Deferred {
	return f(http.MethodPost, url, options...)
}

// Put calls f with the method PUT.
func (f ClientFunc) Put(url string, options ...Option) *Deferred {
	return f(http.MethodPut, url, options...)
}

// Patch calls f with the method PATCH.
func (f ClientFunc) Patch(url string, options ...Option) *Deferred {
	return f(http.MethodPatch, url, options...)
}

// Delete calls f with the method DELETE.
func (f ClientFunc) Delete(url string, options ...Option) *Deferred {
	return f(http.MethodDelete, url, options...)
}

// Options calls f with the method OPTIONS.
func (f ClientFunc) Options(url string, options ...Option) *Deferred {
	return f(http.MethodOptions, url, options...)
}
