package main

import (
	"time"

	"github.com/seed-7c003b53/gotreq/reactor"
	"github.com/seed-7c003b53/gotreq/treq/agent"
	"github.com/seed-7c003b53/gotreq/treq/client"
)

const (
	maxContent = 30 << 20         // the largest body of a response
	maxSilence = 60 * time.Second // the longest time between two pieces of a body
)

// newClient returns a client of servers that it trusts as policy says, and whose responses are
// bounded all the same: a body that is too large, or stops coming, is an error.
func newClient(r reactor.Reactor, policy *agent.TLSPolicy) *client.HTTPClient {
	return client.New(r, client.Config{
		AgentConfig: agent.Config{TLS: policy},
		MaxSize:     maxContent,
		Defaults:    []client.Option{client.ReadTimeout(maxSilence)},
	})
}
