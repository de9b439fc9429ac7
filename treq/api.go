package treq

import (
	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/treq/client"
	"github.com/seed-7c003b53/gotreq/treq/response"
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
	Request(method, url string, options ...Option) *deferred.Deferred[*response.Response]
	Get(url string, options ...Option) *deferred.Deferred[*response.Response]
	Head(url string, options ...Option) *deferred.Deferred[*response.Response]
	Post(url string, options ...Option) *deferred.Deferred[*response.Response]
	Put(url string, options ...Option) *deferred.Deferred[*response.Response]
	Patch(url string, options ...Option) *deferred.Deferred[*response.Response]
	Delete(url string, options ...Option) *deferred.Deferred[*response.Response]
	Options(url string, options ...Option) *deferred.Deferred[*response.Response]
}

var _ Client = (*client.HTTPClient)(nil)

// Default makes requests by the functions of this package.
var Default Client = functions{}

type functions struct{}

func (functions) Request(method, url string, options ...Option) *deferred.Deferred[*response.Response] {
	return Request(method, url, options...)
}

func (functions) Get(url string, options ...Option) *deferred.Deferred[*response.Response] {
	return Get(url, options...)
}

func (functions) Head(url string, options ...Option) *deferred.Deferred[*response.Response] {
	return Head(url, options...)
}

func (functions) Post(url string, options ...Option) *deferred.Deferred[*response.Response] {
	return Post(url, options...)
}

func (functions) Put(url string, options ...Option) *deferred.Deferred[*response.Response] {
	return Put(url, options...)
}

func (functions) Patch(url string, options ...Option) *deferred.Deferred[*response.Response] {
	return Patch(url, options...)
}

func (functions) Delete(url string, options ...Option) *deferred.Deferred[*response.Response] {
	return Delete(url, options...)
}

func (functions) Options(url string, options ...Option) *deferred.Deferred[*response.Response] {
	return Options(url, options...)
}
