package simulate

import (
	"math/rand/v2"
	"net/http"

	"github.com/seed-7c003b53/gotreq/treq/agent"
	"github.com/seed-7c003b53/gotreq/treq/web"
)

// This file makes clients and sites of both versions of HTTP.

// versions are the versions of HTTP that each test runs over.
var versions = []struct {
	name  string
	http2 bool
}{{"HTTP/1.1", false}, {"HTTP/2", true}}

func agentConfig(http2 bool, pool *agent.Pool, endpoint agent.EndpointFactory) agent.Config {
	config := agent.Config{Pool: pool, Endpoint: endpoint, Protocols: new(http.Protocols)}
	config.Protocols.SetHTTP1(!http2)
	config.Protocols.SetHTTP2(http2)
	config.Protocols.SetUnencryptedHTTP2(http2)
	return config
}

// drawVersion draws what a pool has for HTTP/2 only.
func drawVersion(random *rand.Rand, http2 bool, pool *agent.PoolConfig) {
	if http2 {
		pool.HTTP2 = drawHTTP2(random)
	}
}

// siteOf draws what a site has for HTTP/2 only.
func siteOf(random *rand.Rand, http2 bool, site *web.Site) *web.Site {
	if http2 && random != nil {
		site.HTTP2 = drawHTTP2(random)
	}
	return site
}

// drawHTTP2 draws small windows and few streams, or the defaults.
func drawHTTP2(random *rand.Rand) *http.HTTP2Config {
	c := &http.HTTP2Config{}
	switch random.IntN(4) {
	case 0:
		c.MaxReceiveBufferPerStream = 100 + random.IntN(3000)
	case 1:
		c.MaxReceiveBufferPerStream = 60_000 + random.IntN(200_000)
		c.MaxReceiveBufferPerConnection = 65_535 + random.IntN(100_000)
	}
	if random.IntN(2) == 0 {
		c.MaxConcurrentStreams = 1 + random.IntN(8)
	}
	return c
}
