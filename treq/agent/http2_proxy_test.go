package agent_test

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/seed-7c003b53/gotreq/internal/testkit/testcert"
	"github.com/seed-7c003b53/gotreq/reactor"
	"github.com/seed-7c003b53/gotreq/treq/agent"
	"github.com/seed-7c003b53/gotreq/treq/response"
)

// TestHTTP2ThroughProxies: a tunnel to a server of https carries HTTP/2, by the ALPN inside of it, and one connection is
// enough for requests at the same time. What a proxy forwards is HTTP/1.1.
func TestHTTP2ThroughProxies(t *testing.T) {
	for _, proxy := range []string{"http://u:secret@p.example:3128", "https://u:secret@p.example:3129", "socks5://u:secret@p.example", "socks5h://p.example:1081"} {
		for target, version := range map[string]string{"https://a.example/x": "HTTP/2.0", "http://a.example/x": "HTTP/1.1"} {
			t.Run(proxy+" "+target, func(t *testing.T) {
				p := newProxies(t)
				p.handler = func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, r.Proto) }
				pool := agent.NewPool(p.r, agent.PoolConfig{})
				a := agent.New(p.r, agent.Config{Pool: pool, TLS: p.policy, Proxy: agent.ProxyURL(proxy)})
				got := map[string]int{}
				for range 3 {
					a.Request(newRequest("GET", target)).AddBoth(func(resp *response.Response, err error) (*response.Response, error) {
						if err != nil {
							t.Error(err)
							return nil, nil
						}
						resp.Text().AddBoth(func(text string, err error) (string, error) {
							got[text+" "+resp.Version]++
							return "", nil
						})
						return resp, nil
					})
				}
				p.r.Pump()
				if got[version+" "+version] != 3 || version == "HTTP/2.0" && p.tunnels != 1 {
					t.Errorf("got %v by %d connections, want %s", got, p.tunnels, version)
				}
				if p.leaked != "" {
					t.Errorf("the server got Proxy-Authorization %q", p.leaked)
				}
				pool.CloseCachedConnections()
				p.r.Pump()
				if n := len(p.r.DelayedCalls()); n != 0 {
					t.Errorf("%d delayed calls are left", n)
				}
			})
		}
	}
}

// TestPriorKnowledgeThroughProxies: HTTP/2 without TLS goes through a tunnel of SOCKS5. A proxy that forwards cannot carry it.
func TestPriorKnowledgeThroughProxies(t *testing.T) {
	p := newProxies(t)
	p.handler = func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, r.Proto) }
	config := agent.Config{Protocols: priorKnowledge(), Proxy: agent.ProxyURL("socks5h://p.example:1081")}
	if text, err := p.get(config, "http://a.example/"); err != nil || text != "HTTP/2.0" {
		t.Errorf("by SOCKS5: %q, %v", text, err)
	}
	config.Proxy = agent.ProxyURL("http://p.example:3128")
	if _, err := p.get(config, "http://a.example/"); err == nil || !strings.Contains(err.Error(), "allows no version of HTTP") || p.tunnels != 1 {
		t.Errorf("by a proxy that forwards: %v, and %d connections", err, p.tunnels)
	}
}

// TestHTTP2IsNotOfferedToAProxy: the TLS to a proxy of https offers HTTP/1.1 only, whatever the program offers to servers. A
// proxy that does not speak it is an error that says so.
func TestHTTP2IsNotOfferedToAProxy(t *testing.T) {
	for name, c := range map[string]struct {
		own   []string // the program's NextProtos
		proxy []string // the proxy's
		want  string   // the version of the response; "" is an error
	}{
		"both":                     {nil, []string{"h2", "http/1.1"}, "HTTP/2.0"},
		"both, the program's own":  {[]string{"h2", "http/1.1"}, []string{"h2", "http/1.1"}, "HTTP/2.0"},
		"the program's h2 alone":   {[]string{"h2"}, []string{"h2", "http/1.1"}, "HTTP/2.0"},
		"no HTTP/1.1 at the proxy": {nil, []string{"other"}, ""}, // to h2 alone, crypto/tls would not say no
	} {
		t.Run(name, func(t *testing.T) {
			p := newProxies(t)
			p.handler = func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, r.Proto) }
			cert, roots := testcert.New("a.example", "p.example")
			var chosen string
			server := func(protocols []string, f reactor.Factory) reactor.Factory {
				return reactor.TLSServer(p.r, reactor.TLSConfig{Config: &tls.Config{Certificates: []tls.Certificate{cert}, NextProtos: protocols}}, f)
			}
			inner := reactor.FactoryFunc(func(net.Addr) reactor.Protocol { return &proxyServer{proxies: p, script: (*proxyServer).http} })
			noting := reactor.FactoryFunc(func(peer net.Addr) reactor.Protocol {
				return &notedTLS{inner.BuildProtocol(peer), &chosen}
			})
			if _, err := p.r.ListenTCP(":8443", server(c.proxy, noting)); err != nil {
				t.Fatal(err)
			}
			policy := agent.NewTLSPolicy(&tls.Config{RootCAs: roots, NextProtos: c.own})
			config := agent.Config{Proxy: agent.ProxyURL("https://p.example:8443"), TLS: &agent.TLSPolicy{ConfigFor: func(host, port string) *tls.Config {
				if host == "p.example" {
					return policy.ConfigFor(host, port)
				}
				inside := p.policy.ConfigFor(host, port).Clone()
				inside.NextProtos = c.own
				return inside
			}}}
			text, err := p.get(config, "https://a.example/")
			switch {
			case c.want == "":
				const text = "GET https://a.example/: the server speaks HTTP/2 only: a proxy must speak HTTP/1.1 (to a.example:443 through the proxy https://p.example:8443)"
				if !errors.As(err, new(*agent.ProxyError)) || err.Error() != text {
					t.Errorf("got  %v\nwant %s", err, text)
				}
			case err != nil || text != c.want || chosen == "h2":
				t.Errorf("got %q, %v; the proxy chose %q", text, err, chosen)
			}
		})
	}
}

// A notedTLS is a protocol that notes what was negotiated.
type notedTLS struct {
	reactor.Protocol
	chosen *string
}

func (n *notedTLS) ConnectionMade(t reactor.Transport) {
	*n.chosen = t.TLS().NegotiatedProtocol
	n.Protocol.ConnectionMade(t)
}
