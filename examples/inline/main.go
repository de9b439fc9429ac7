// Inline follows redirects in direct style: it waits for each response in a loop, and
// returns errors as ordinary Go code does. It uses the reactor's goroutine only.
package main

import (
	"fmt"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/examples/internal/httpbin"
	"github.com/seed-7c003b53/gotreq/reactor"
	"github.com/seed-7c003b53/gotreq/reactor/task"
	"github.com/seed-7c003b53/gotreq/treq"
)

func main() { task.React(run) }

func run(reactor.Reactor) *deferred.Deferred[string] {
	return deferred.Go(func(co *deferred.Co) (string, error) {
		url := httpbin.URL("/relative-redirect/3")
		for {
			resp, err := deferred.Await(co, treq.Get(url, treq.AllowRedirects(false)))
			if err != nil {
				return "", err
			}
			fmt.Println(resp.Code, resp.Request.URL.Path)
			if resp.Code/100 != 3 {
				return deferred.Await(co, resp.Text())
			}
			next, err := resp.Request.URL.Parse(resp.Header.Get("Location"))
			if err != nil {
				return "", fmt.Errorf("the redirect from %s: %w", url, err)
			}
			if _, err := deferred.Await(co, resp.Discard()); err != nil {
				return "", err
			}
			url = next.String()
		}
	})
}
