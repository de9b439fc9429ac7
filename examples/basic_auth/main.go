// Basic_auth makes a request with HTTP Basic authentication. For Digest authentication, use
// treq.Auth(auth.NewDigest(...)).
package main

import (
	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/examples/internal/httpbin"
	"github.com/seed-7c003b53/gotreq/examples/internal/printing"
	"github.com/seed-7c003b53/gotreq/reactor"
	"github.com/seed-7c003b53/gotreq/reactor/task"
	"github.com/seed-7c003b53/gotreq/treq"
)

func main() { task.React(run) }

func run(reactor.Reactor) *deferred.Deferred[string] {
	d := treq.Get(httpbin.URL("/basic-auth/treq/secret"), treq.BasicAuth("treq", "secret"))
	return deferred.Then(d, printing.Response)
}
