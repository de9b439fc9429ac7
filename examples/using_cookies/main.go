// Using_cookies receives a cookie, reads its value, and sends it with another request.
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
	host := httpbin.Host()
	d := treq.Get(host + "/cookies/set?hello=world")
	return deferred.Then(d, func(resp *response.Response) *deferred.Deferred[string] {
		jar := resp.Cookies()
		hello, err := jar.Get("hello")
		if err != nil {
			return deferred.Fail[string](err)
		}
		fmt.Println("The server set our hello cookie to:", hello)
		return deferred.Then(treq.Get(host+"/cookies", treq.CookieJar(jar)), printing.Response)
	})
}
