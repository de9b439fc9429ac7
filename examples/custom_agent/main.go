// Custom_agent makes requests with its own agent, which connects within two seconds, keeps
// its connections, and sends a User-Agent with every request.
package main

import (
	"net/http"
	"time"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/examples/internal/httpbin"
	"github.com/seed-7c003b53/gotreq/examples/internal/printing"
	"github.com/seed-7c003b53/gotreq/reactor"
	"github.com/seed-7c003b53/gotreq/reactor/task"
	"github.com/seed-7c003b53/gotreq/treq/agent"
	"github.com/seed-7c003b53/gotreq/treq/client"
)

func main() { task.React(run) }

func run(r reactor.Reactor) *deferred.Deferred[string] {
	plain := agent.New(r, agent.Config{ConnectTimeout: 2 * time.Second, Pool: agent.NewPool(r, agent.PoolConfig{})})
	named := agent.NewRequestHeaderSetterAgent(plain, http.Header{"User-Agent": {"custom/1.0"}})

	// For a single request, use treq.Get(url, treq.Agent(named)).
	c := client.New(r, client.Config{Agent: named})
	return deferred.Then(c.Get(httpbin.URL("/user-agent")), printing.Response)
}
