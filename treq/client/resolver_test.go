package client_test

import (
	"errors"
	"net/http"
	"net/netip"
	"slices"
	"testing"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/internal/testkit/outcome"
	"github.com/seed-7c003b53/gotreq/reactor"
	"github.com/seed-7c003b53/gotreq/reactor/memory"
	"github.com/seed-7c003b53/gotreq/treq/agent"
	"github.com/seed-7c003b53/gotreq/treq/client"
	"github.com/seed-7c003b53/gotreq/treq/web"
)

// A guard is a resolver that refuses loopback addresses.
type guard struct{ next reactor.NameResolver }

var errGuarded = errors.New("guarded")

func (g guard) LookupHost(host string) *deferred.Deferred[[]netip.Addr] {
	return deferred.Map(g.next.LookupHost(host), func(found []netip.Addr) ([]netip.Addr, error) {
		if slices.ContainsFunc(found, netip.Addr.IsLoopback) {
			return nil, errGuarded
		}
		return found, nil
	})
}

// TestResolverIsAFilter: a resolver that refuses inner addresses sees each connection that
// a client makes, by an address, a name, a redirect, a proxy and a tunnel.
func TestResolverIsAFilter(t *testing.T) {
	direct := func(r reactor.Reactor) (*agent.Agent, error) { return agent.New(r, agent.Config{}), nil }
	proxied := func(proxyURL string) func(r reactor.Reactor) (*agent.Agent, error) {
		return func(r reactor.Reactor) (*agent.Agent, error) { return agent.NewProxyAgent(r, proxyURL, agent.Config{}) }
	}
	for _, test := range []struct {
		name    string
		agent   func(r reactor.Reactor) (*agent.Agent, error)
		url     string
		refused bool
	}{
		{"outer", direct, "http://192.0.2.1/", false},
		{"IPv4", direct, "http://127.0.0.1/", true},
		{"IPv6", direct, "http://[::1]/", true},
		{"IPv4 in IPv6", direct, "http://[::ffff:7f00:1]/", true},
		{"https", direct, "https://127.0.0.1/", true},
		{"a number", direct, "http://2130706433/", true},
		{"a hexadecimal number", direct, "http://0x7f.1/", true},
		{"a name", direct, "http://localhost/", true},
		{"a redirect to IPv4", direct, "http://192.0.2.1/to/127.0.0.1", true},
		{"a redirect to IPv6", direct, "http://192.0.2.1/to/[::1]", true},
		{"a redirect to a name", direct, "http://192.0.2.1/to/inner.example", true},
		{"a proxy", proxied("http://127.0.0.1:80/"), "http://an.example/", true},
		{"a tunnel", proxied("http://[::1]:80/"), "https://an.example/", true},
		{"an outer proxy", proxied("http://192.0.2.1:80/"), "http://an.example/", false},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := memory.New()
			r.AddHost("inner.example", "127.0.0.1")
			r.AddHost("2130706433", "127.0.0.1")
			r.AddHost("0x7f.1", "127.0.0.1")
			r.InstallNameResolver(guard{r.NameResolver()})
			r.StartTrace()
			inner := 0
			for _, at := range []string{"192.0.2.1:80", "127.0.0.1:80", "127.0.0.1:443", "[::1]:80"} {
				r.ListenTCP(at, &web.Site{Handler: http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
					if at != "192.0.2.1:80" {
						inner++
					}
					if len(req.URL.Path) > 4 {
						http.Redirect(w, req, "http://"+req.URL.Path[len("/to/"):]+"/", http.StatusFound)
					}
				})})
			}
			a, err := test.agent(r)
			if err != nil {
				t.Fatal(err)
			}
			o := outcome.Of(client.New(r, client.Config{Agent: a}).Get(test.url))
			r.Pump()
			if refused := errors.Is(o.Err, errGuarded); refused != test.refused || o.Fired != 1 || !refused && o.Err != nil {
				t.Errorf("fired %d times, with %v", o.Fired, o.Err)
			}
			if inner != 0 {
				t.Errorf("%d requests came to an inner server", inner)
			}
		})
	}
}
