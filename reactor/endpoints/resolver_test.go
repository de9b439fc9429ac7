package endpoints_test

import (
	"errors"
	"net/netip"
	"slices"
	"testing"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/reactor"
	"github.com/seed-7c003b53/gotreq/reactor/endpoints"
	"github.com/seed-7c003b53/gotreq/reactor/memory"
)

// A guard is a resolver that refuses loopback addresses, and records what it is asked for.
type guard struct {
	next  reactor.NameResolver
	asked []string
}

var errGuarded = errors.New("guarded")

func (g *guard) LookupHost(host string) *deferred.Deferred[[]netip.Addr] {
	g.asked = append(g.asked, host)
	return deferred.Map(g.next.LookupHost(host), func(found []netip.Addr) ([]netip.Addr, error) {
		if slices.ContainsFunc(found, netip.Addr.IsLoopback) {
			return nil, errGuarded
		}
		return found, nil
	})
}

// TestResolverSeesEveryHost: every endpoint that connects over TCP asks the resolver, for an
// address too, and connects to the resolver's answer only.
func TestResolverSeesEveryHost(t *testing.T) {
	hostname := func(host string) func(r *memory.Reactor) endpoints.ClientEndpoint {
		return func(r *memory.Reactor) endpoints.ClientEndpoint {
			return endpoints.NewHostname(r, host, "80", endpoints.HostnameConfig{})
		}
	}
	tcp := func(address string) func(r *memory.Reactor) endpoints.ClientEndpoint {
		return func(r *memory.Reactor) endpoints.ClientEndpoint {
			return endpoints.NewTCPClient(r, address, reactor.ConnectConfig{})
		}
	}
	described := func(description string) func(r *memory.Reactor) endpoints.ClientEndpoint {
		return func(r *memory.Reactor) endpoints.ClientEndpoint {
			e, err := endpoints.ClientFromString(r, description)
			if err != nil {
				panic(err)
			}
			return e
		}
	}
	for _, test := range []struct {
		name     string
		endpoint func(r *memory.Reactor) endpoints.ClientEndpoint
		asked    string
		connects string // "": refused
	}{
		{"IPv4", hostname("127.0.0.1"), "127.0.0.1", ""},
		{"another loopback address", hostname("127.8.9.10"), "127.8.9.10", ""},
		{"IPv6", hostname("::1"), "::1", ""},
		{"IPv4 in IPv6", hostname("::ffff:127.0.0.1"), "::ffff:127.0.0.1", ""},
		{"a name", hostname("localhost"), "localhost", ""},
		{"a number", hostname("2130706433"), "2130706433", ""},
		{"a hexadecimal number", hostname("0x7f.1"), "0x7f.1", ""},
		{"a TCP endpoint, IPv4", tcp("127.0.0.1:80"), "127.0.0.1", ""},
		{"a TCP endpoint, IPv6", tcp("[::1]:80"), "::1", ""},
		{"a description", described("tcp:127.0.0.1:80"), "127.0.0.1", ""},
		{"TLS", func(r *memory.Reactor) endpoints.ClientEndpoint {
			return endpoints.WrapTLS(r, reactor.TLSConfig{}, hostname("127.0.0.1")(r))
		}, "127.0.0.1", ""},

		{"an outer IPv4", hostname("192.0.2.1"), "192.0.2.1", "192.0.2.1:80"},
		{"an outer IPv6", hostname("2001:db8::1"), "2001:db8::1", "[2001:db8::1]:80"},
		{"an outer TCP endpoint", tcp("192.0.2.1:80"), "192.0.2.1", "192.0.2.1:80"},
		{"an outer TCP endpoint with a zone", tcp("[fe80::1%eth0]:80"), "fe80::1%eth0", "[fe80::1%eth0]:80"},
		{"an outer name", hostname("an.example"), "an.example", "192.0.2.1:80"},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := newReactor(t)
			r.AddHost("an.example", "192.0.2.1")
			// The forms that the system's resolver takes for an address.
			r.AddHost("2130706433", "127.0.0.1")
			r.AddHost("0x7f.1", "127.0.0.1")
			g := &guard{next: r.NameResolver()}
			e := test.endpoint(r) // also an endpoint that was made before
			r.InstallNameResolver(g)
			o := await(r, e.Connect(&peers{}))
			r.Pump()
			var connects string
			for _, event := range r.Trace() {
				if event.Kind == "connect" {
					connects += event.Text
				}
			}
			if connects != test.connects {
				t.Errorf("connected to %q, want %q", connects, test.connects)
			}
			if refused := errors.Is(o.err, errGuarded); refused != (test.connects == "") || !o.fired {
				t.Errorf("fired %v, with %v", o.fired, o.err)
			}
			if !slices.Equal(g.asked, []string{test.asked}) {
				t.Errorf("the resolver was asked for %q, want %q once", g.asked, test.asked)
			}
		})
	}
}

// A resolver may lead an address elsewhere.
func TestResolverReplacesAnAddress(t *testing.T) {
	for name, e := range map[string]func(r *memory.Reactor) endpoints.ClientEndpoint{
		"Hostname": func(r *memory.Reactor) endpoints.ClientEndpoint {
			return endpoints.NewHostname(r, "192.0.2.1", "80", endpoints.HostnameConfig{})
		},
		"TCPClient": func(r *memory.Reactor) endpoints.ClientEndpoint {
			return endpoints.NewTCPClient(r, "192.0.2.1:80", reactor.ConnectConfig{})
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := newReactor(t)
			r.InstallNameResolver(elsewhere{})
			await(r, e(r).Connect(&peers{}))
			r.Pump()
			checkStarts(t, r, []start{{"192.0.2.9", 0}, {"2001:db8::9", 0}})
		})
	}
}

type elsewhere struct{}

func (elsewhere) LookupHost(string) *deferred.Deferred[[]netip.Addr] {
	return deferred.Succeed([]netip.Addr{netip.MustParseAddr("192.0.2.9"), netip.MustParseAddr("2001:db8::9")})
}
