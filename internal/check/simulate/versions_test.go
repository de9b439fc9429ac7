package simulate

import (
	"math/rand/v2"

	"github.com/seed-7c003b53/gotreq/treq/agent"
	"github.com/seed-7c003b53/gotreq/treq/web"
)

// This file makes clients and sites of both versions of HTTP.

func agentConfig(http2 bool, pool *agent.Pool, endpoint agent.EndpointFactory) agent.Config {
	return agent.Config{Pool: pool, Endpoint: endpoint}
}

// drawVersion draws what a pool has for HTTP/2 only.
func drawVersion(random *rand.Rand, http2 bool, pool *agent.PoolConfig) {}

// siteOf draws what a site has for HTTP/2 only.
func siteOf(random *rand.Rand, http2 bool, site *web.Site) *web.Site { return site }
