// Disable_redirects does not follow a redirect: the redirect itself is the response.
package main

import (
	"fmt"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/examples/internal/httpbin"
	"github.com/seed-7c003b53/gotreq/examples/internal/printing"
	"github.com/seed-7c003b53/gotreq/reactor"
	"github.com/seed-7c003b53/gotreq/reactor/task"
	"github.com/seed-7c003b53/gotreq/treq"
	"github.com/seed-7c003b53/gotreq/treq/response"
)

func main() { task.React(run) }

func run(reactor.Reactor) *deferred.Deferred[string] {
	d := treq.Get(httpbin.URL("/redirect/1"), treq.AllowRedirects(false))
	return deferred.Then(d, func(resp *response.Response) *deferred.Deferred[string] {
		fmt.Println("Location:", resp.Header.Get("Location"))
		return printing.Response(resp)
	})
}
