// Circuit_breaker spares a server that fails: after three failures in a row it refuses further
// requests for a while, and then tries the server with one.
package main

import (
	"fmt"
	"net/http"
	"time"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/examples/internal/ownserver"
	"github.com/seed-7c003b53/gotreq/reactor"
	"github.com/seed-7c003b53/gotreq/reactor/task"
	"github.com/seed-7c003b53/gotreq/treq/agent"
	"github.com/seed-7c003b53/gotreq/treq/client"
	"github.com/seed-7c003b53/gotreq/treq/response"
	"github.com/seed-7c003b53/gotreq/treq/web"
)

func main() { task.React(run) }

func run(r reactor.Reactor) *deferred.Deferred[string] {
	host, err := ownserver.URL(r, &web.Site{Handler: moody(4)})
	if err != nil {
		return deferred.Fail[string](err)
	}
	b := &breaker{
		Requester: agent.New(r, agent.Config{Pool: agent.NewPool(r, agent.PoolConfig{})}),
		clock:     r, most: 3, rest: 100 * time.Millisecond,
	}
	c := client.New(r, client.Config{Agent: b, BaseURL: host})
	return deferred.Go(func(co *deferred.Co) (string, error) {
		for range 3 {
			for range 4 {
				if text, err := deferred.Await(co, deferred.Then(c.Get("/"), (*response.Response).Text)); err != nil {
					fmt.Println(err)
				} else {
					fmt.Println(text)
				}
			}
			if _, err := deferred.Await(co, task.Sleep(r, b.rest)); err != nil {
				return "", err
			}
		}
		return "", nil
	})
}

// moody returns a handler that fails n times, and then works.
func moody(n int) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if n--; n >= 0 {
			http.Error(w, "I do not feel well.", http.StatusServiceUnavailable)
			return
		}
		fmt.Fprint(w, "I am fine.")
	}
}
