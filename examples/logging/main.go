// Logging makes requests at the same time, and logs a line for each with its times. It also
// prints which of them are pending after a while, and a command that repeats one.
package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"time"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/examples/internal/httpbin"
	"github.com/seed-7c003b53/gotreq/reactor"
	"github.com/seed-7c003b53/gotreq/reactor/task"
	"github.com/seed-7c003b53/gotreq/treq/agent"
	"github.com/seed-7c003b53/gotreq/treq/client"
	"github.com/seed-7c003b53/gotreq/treq/response"
)

func main() { task.React(run) }

func run(r reactor.Reactor) *deferred.Deferred[deferred.None] {
	ctx, cancel := context.WithTimeout(context.Background(), 300*time.Millisecond)
	c := client.New(r, client.Config{
		BaseURL:  httpbin.Host(),
		Defaults: client.All{client.Context(ctx), client.BasicAuth("user", "password")},
		Log:      &agent.LogConfig{Logger: slog.New(slog.NewTextHandler(os.Stdout, nil))},
	})
	r.CallLater(100*time.Millisecond, func() {
		for _, p := range c.Pending() {
			fmt.Println("pending:", p)
		}
	})
	var all []*deferred.Deferred[string]
	for _, path := range []string{"/get?page=1&token=secret", "/redirect/2", "/status/503", "/delay/10"} {
		all = append(all, deferred.Then(c.Get(path), (*response.Response).Text))
	}
	done := deferred.Then(deferred.DeferredList(all, deferred.ConsumeErrors), func([]deferred.Result[string]) *response.Deferred {
		return c.Get("/get?page=2", client.Context(context.Background()))
	})
	return deferred.Map(done, func(resp *response.Response) (none deferred.None, _ error) {
		cancel()
		fmt.Println(resp.Request.Curl())
		fmt.Println("reused:", resp.Times.Reused)
		return none, nil
	})
}
