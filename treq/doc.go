// Package treq makes HTTP requests whose responses are Deferreds. It is the Go
// form of the Python library of that name: like requests to use, but on a
// reactor.
//
//	d := treq.Get("http://www.example.com/", treq.Timeout(5*time.Second))
//	text := deferred.Then(d, (*response.Response).Text)
//
// The functions of this package work on the default reactor, and belong to its
// goroutine; a [client.HTTPClient] works on any.
package treq
