package peers_test

import (
	"crypto/tls"
	"net/http"
	"testing"

	"github.com/seed-7c003b53/gotreq/treq/agent"
	treqtesting "github.com/seed-7c003b53/gotreq/treq/testing"
)

// This file has our client talk HTTP/2 with servers of other people.

// second returns the Config of an agent that speaks HTTP/2: by prior knowledge if config is nil,
// else by ALPN.
func second(config *tls.Config) agent.Config {
	if config != nil {
		return agent.Config{TLS: agent.NewTLSPolicy(config)}
	}
	c := agent.Config{Protocols: new(http.Protocols)}
	c.Protocols.SetUnencryptedHTTP2(true)
	return c
}

// TestClient has our client sit the exam with net/http's server.
func TestClient(t *testing.T) {
	var authority treqtesting.Authority
	for _, way := range ways(&authority) {
		sit(t, ours(second(way.client), "HTTP/2.0"), serveTheirs(t, way.server, nil), nil)
	}
}

// TestClientFronts has our client sit the exam with others in front of net/http.
func TestClientFronts(t *testing.T) {
	long(t)
	var authority treqtesting.Authority
	plain := serveTheirs(t, nil, nil)
	for name, start := range fronts {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := start(t, &authority, backend{plain: plain}, false)
			for url, config := range map[string]*tls.Config{f.plain: nil, f.secure: authority.ClientTLS()} {
				sit(t, ours(second(config), "HTTP/2.0"), url, f.except)
			}
		})
	}
}

// TestClientOdd has our client sit the exam with a net/http that has odd settings.
func TestClientOdd(t *testing.T) {
	for name, settings := range few(oddServers) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			sit(t, ours(second(nil), "HTTP/2.0"), serveTheirs(t, nil, func(s *http.Server) { s.HTTP2 = settings }), nil)
		})
	}
}

// TestClientNghttpd has our client ask nghttpd.
func TestClientNghttpd(t *testing.T) {
	long(t)
	var authority treqtesting.Authority
	for name, options := range nghttpds {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			plain, secure := nghttpd(t, &authority, options...)
			ask(t, ours(second(nil), "HTTP/2.0"), plain, nghttpdQuestions(name))
			ask(t, ours(second(authority.ClientTLS()), "HTTP/2.0"), secure, nghttpdQuestions(name))
		})
	}
}

// TestClientHuge has a huge body go both ways between our client and net/http.
func TestClientHuge(t *testing.T) {
	var authority treqtesting.Authority
	for _, way := range ways(&authority) {
		url := serveTheirs(t, way.server, huge)
		flat(t, 16<<20, func() { oursHuge(t, second(way.client), url, "HTTP/2.0") })
	}
}

func huge(s *http.Server) { s.Handler = http.HandlerFunc(hugeHandler) }

// TestClientGoAway has our client make requests of servers that end their connections.
func TestClientGoAway(t *testing.T) {
	var authority treqtesting.Authority
	for name, way := range ways(&authority) {
		t.Run("Shutdown, "+name, func(t *testing.T) { shutdowns(t, oursMany(second(way.client), perfect), way.server) })
		if !*all {
			continue
		}
		t.Run("nginx, "+name, func(t *testing.T) { limited(t, oursMany(second(way.client), perfect), &authority, way.client != nil) })
		t.Run("haproxy, "+name, func(t *testing.T) { reloads(t, oursMany(second(way.client), perfect), &authority, way.client != nil) })
	}
}
