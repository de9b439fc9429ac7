package treq

import (
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
var Default Client = functions{}

type functions struct{}

func (functions) Request(method, url string, options ...Option) *Deferred {
	return Request(method, url, options...)
}

func (functions) Get(url string, options ...Option) *Deferred {
	return Get(url, options...)
}

func (functions) Head(url string, options ...Option) *Deferred {
	return Head(url, options...)
}

func (functions) Post(url string, options ...Option) *Deferred {
	return Post(url, options...)
}

func (functions) Put(url string, options ...Option) *Deferred {
	return Put(url, options...)
}

func (functions) Patch(url string, options ...Option) *Deferred {
	return Patch(url, options...)
}

func (functions) Delete(url string, options ...Option) *Deferred {
	return Delete(url, options...)
}

func (functions) Options(url string, options ...Option) *Deferred {
	return Options(url, options...)
}
