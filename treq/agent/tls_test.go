package agent_test

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/seed-7c003b53/gotreq/deferred/deferredtest"
	"github.com/seed-7c003b53/gotreq/internal/testkit/testcert"
	"github.com/seed-7c003b53/gotreq/reactor"
	"github.com/seed-7c003b53/gotreq/reactor/endpoints"
	"github.com/seed-7c003b53/gotreq/reactor/memory"
	"github.com/seed-7c003b53/gotreq/treq/agent"
	"github.com/seed-7c003b53/gotreq/treq/web"
)

// secureSite serves https for a.example in memory.
func secureSite(t *testing.T) (r *memory.Reactor, roots *x509.CertPool) {
	t.Helper()
	r = memory.New()
	r.AddHost("*", "192.0.2.1", "2001:db8::1")
	cert, roots := testcert.New("a.example", "192.0.2.1", "2001:db8::1")
	config := &tls.Config{Certificates: []tls.Certificate{cert}, NextProtos: []string{"http/1.1"}}
	site := &web.Site{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "%s %s", r.Host, r.URL)
	})}
	for _, port := range []string{":443", ":8443"} {
		if _, err := r.ListenTCP(port, reactor.TLSServer(r, reactor.TLSConfig{Config: config}, site)); err != nil {
			t.Fatal(err)
		}
	}
	return r, roots
}

func TestHTTPS(t *testing.T) {
	r, roots := secureSite(t)
	a := agent.New(r, agent.Config{Pool: agent.NewPool(r, agent.PoolConfig{}), TLS: agent.NewTLSPolicy(&tls.Config{RootCAs: roots})})
	for _, c := range []struct{ url, want string }{
		{"https://a.example/x", "a.example /x"},
		{"https://a.example:443/y", "a.example /y"},
		{"HTTPS://A.example:8443/z", "a.example:8443 /z"},
		{"https://192.0.2.1/x", "192.0.2.1 /x"},
		{"https://[2001:db8::1]/x", "[2001:db8::1] /x"},
	} {
		d := a.Request(newRequest("GET", c.url))
		r.Pump()
		body := deferredtest.SuccessResultOf(t, d).Content()
		r.Pump()
		if got := string(deferredtest.SuccessResultOf(t, body)); got != c.want {
			t.Errorf("%s: got %q, want %q", c.url, got, c.want)
		}
	}
	if n := len(r.TCPClients); n != 4 {
		t.Errorf("%d connections were made, want 4", n)
	}
	d := a.Request(newRequest("GET", "https://b.example/"))
	r.Pump()
	err := deferredtest.FailureResultOf(t, d)
	if !errors.Is(err, reactor.ErrHandshake) || !errors.As(err, new(*tls.CertificateVerificationError)) {
		t.Errorf("got %v", err)
	}
	d = agent.New(r, agent.Config{}).Request(newRequest("GET", "https://a.example/"))
	r.Pump()
	if err := deferredtest.FailureResultOf(t, d); !errors.As(err, new(x509.UnknownAuthorityError)) {
		t.Errorf("with the system's roots: got %v", err)
	}
}

func TestTLSPolicy(t *testing.T) {
	p := agent.NewTLSPolicy(nil)
	a, b := p.ConfigFor("a.example", "443"), p.ConfigFor("b.example", "443")
	if a.ServerName != "a.example" || b.ServerName != "b.example" || a.ClientSessionCache == nil || a.ClientSessionCache != b.ClientSessionCache {
		t.Errorf("got %+v, %+v", a, b)
	}
	base := &tls.Config{ServerName: "fixed.example"}
	if c := agent.NewTLSPolicy(base).ConfigFor("a.example", "443"); c.ServerName != "fixed.example" {
		t.Errorf("got %q", c.ServerName)
	}
	if base.ClientSessionCache != nil {
		t.Error("the base was changed")
	}
}

// TestProxy sends a request through a proxy, which is the world's server.
func TestProxy(t *testing.T) {
	w := newWorld(t, agent.PoolConfig{})
	a, err := agent.NewProxyAgent(w.r, "http://user:secret@proxy.example:8080", agent.Config{Pool: w.pool})
	if err != nil {
		t.Fatal(err)
	}
	w.agent = a
	d := w.get("http://me@a.example?q=1#there")
	c := w.Conn(0)
	if got, want := c.Got(), "GET http://a.example/?q=1 HTTP/1.1\r\nHost: a.example\r\nProxy-Authorization: Basic dXNlcjpzZWNyZXQ=\r\n\r\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	c.Send(okHello)
	w.wantBody(deferredtest.SuccessResultOf(t, d), "hello")
	if addr := w.r.TCPClients[0].Address; !strings.HasSuffix(addr, ":8080") {
		t.Errorf("connected to %s", addr)
	}

	for _, bad := range []string{"ftp://proxy.example/", "http:///", "socks4://proxy.example", "http://[::1", ""} {
		if _, err := agent.NewProxyAgent(w.r, bad, agent.Config{}); err == nil {
			t.Errorf("%q: no error", bad)
		}
	}
}

func TestProxyTunnel(t *testing.T) {
	r, roots := secureSite(t)
	// The proxy joins its connection with a new one.
	if _, err := r.ListenTCP("192.0.2.1:3128", reactor.FactoryFunc(newTunnelServer(r))); err != nil {
		t.Fatal(err)
	}
	a, err := agent.NewProxyAgent(r, "http://proxy.example:3128", agent.Config{
		Pool: agent.NewPool(r, agent.PoolConfig{}), TLS: agent.NewTLSPolicy(&tls.Config{RootCAs: roots})})
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		d := a.Request(newRequest("GET", "https://a.example/x"))
		r.Pump()
		body := deferredtest.SuccessResultOf(t, d).Content()
		r.Pump()
		if got := string(deferredtest.SuccessResultOf(t, body)); got != "a.example /x" {
			t.Errorf("got %q", got)
		}
	}
	if n := len(r.TCPClients); n != 2 { // one to the proxy, one from it to the server
		t.Errorf("%d connections were made, want 2", n)
	}
}

func TestProxyRefuses(t *testing.T) {
	for _, c := range []struct {
		name, answer string
		as           any
		text         string
	}{
		{"no", "HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n", new(*agent.ProxyError), "no tunnel to a.example:443: 407 Proxy Authentication Required"},
		{"garbage", "SSH-2.0-OpenSSH_9.2\r\n", nil, "the proxy's answer to CONNECT a.example:443"},
		{"closes", "", nil, "the proxy closed the connection"},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t, agent.PoolConfig{})
			a, err := agent.NewProxyAgent(w.r, "http://proxy.example:8080", agent.Config{Pool: w.pool})
			if err != nil {
				t.Fatal(err)
			}
			w.agent = a
			d := w.get("https://a.example/")
			conn := w.Conn(0)
			if got, want := conn.Got(), "CONNECT a.example:443 HTTP/1.1\r\nHost: a.example:443\r\n\r\n"; got != want {
				t.Errorf("got %q, want %q", got, want)
			}
			if c.answer != "" {
				conn.Send(c.answer)
			} else {
				conn.Close()
			}
			err = deferredtest.FailureResultOf(t, d)
			if !strings.Contains(err.Error(), c.text) || c.as != nil && !errors.As(err, c.as) {
				t.Errorf("got %v", err)
			}
		})
	}
	t.Run("does not answer", func(t *testing.T) {
		w := newWorld(t, agent.PoolConfig{})
		w.agent, _ = agent.NewProxyAgent(w.r, "http://proxy.example:8080", agent.Config{Pool: w.pool})
		d := w.get("https://a.example/")
		w.r.RunFor(reactor.DefaultConnectTimeout)
		if err := deferredtest.FailureResultOf(t, d); !strings.Contains(err.Error(), "timed out after 30s") {
			t.Errorf("got %v", err)
		}
	})
}

// A claim is an endpoint that says whether it is secure.
type claim struct {
	endpoints.ClientEndpoint
	secure bool
}

func (c claim) Secure() bool { return c.secure }

// TestHTTPSNeverInClear checks that the agent speaks TLS to the endpoint of an
// EndpointFactory for https, unless the endpoint is secure.
func TestHTTPSNeverInClear(t *testing.T) {
	type make func(r *memory.Reactor) endpoints.ClientEndpoint
	tcp := func(r *memory.Reactor) endpoints.ClientEndpoint {
		return endpoints.NewTCPClient(r, "192.0.2.1:80", reactor.ConnectConfig{})
	}
	own := func(r *memory.Reactor) endpoints.ClientEndpoint {
		config := &tls.Config{ServerName: "own.example"}
		return endpoints.WrapTLS(r, reactor.TLSConfig{Config: config}, tcp(r))
	}
	for _, test := range []struct {
		name   string
		make   make
		scheme string
		want   string // the beginning of what the server gets, or the name in its ClientHello
	}{
		{"TCP", tcp, "http", "GET / HTTP/1.1\r\n"},
		{"TCP", tcp, "https", "a.example"},
		{"a name", func(r *memory.Reactor) endpoints.ClientEndpoint {
			return endpoints.NewHostname(r, "b.example", "80", endpoints.HostnameConfig{})
		}, "https", "a.example"},
		{"a function", func(r *memory.Reactor) endpoints.ClientEndpoint { return endpointFunc(tcp(r).Connect) }, "https", "a.example"},
		{"TLS", own, "https", "own.example"},
		{"TLS", own, "http", "own.example"},
		{"not secure", func(r *memory.Reactor) endpoints.ClientEndpoint { return claim{tcp(r), false} }, "https", "a.example"},
		{"secure", func(r *memory.Reactor) endpoints.ClientEndpoint { return claim{tcp(r), true} }, "https", "GET / HTTP/1.1\r\n"},
	} {
		t.Run(test.scheme+", "+test.name, func(t *testing.T) {
			w := newWorld(t, agent.PoolConfig{})
			w.agent = agent.New(w.r, agent.Config{Endpoint: func(*url.URL) (endpoints.ClientEndpoint, error) { return test.make(w.r), nil }})
			d := w.get(test.scheme + "://a.example/")
			got := w.Conn(0).Got()
			const clientHello = "\x16\x03"
			if secure := strings.HasPrefix(got, clientHello); secure == strings.HasPrefix(test.want, "GET") || !strings.Contains(got, test.want) {
				t.Errorf("the server got %.100q, want %q", got, test.want)
			}
			d.Cancel()
			deferredtest.FailureResultOf(t, d)
		})
	}
}
