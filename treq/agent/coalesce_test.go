package agent_test

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/deferred/deferredtest"
	"github.com/seed-7c003b53/gotreq/internal/testkit/testcert"
	"github.com/seed-7c003b53/gotreq/reactor"
	"github.com/seed-7c003b53/gotreq/reactor/endpoints"
	"github.com/seed-7c003b53/gotreq/treq/agent"
	"github.com/seed-7c003b53/gotreq/treq/request"
	"github.com/seed-7c003b53/gotreq/treq/response"
	"github.com/seed-7c003b53/gotreq/treq/wire"
)

// A coalescing is an http2World whose server speaks TLS at every address, on ports 443 and 444.
type coalescing struct {
	*http2World
	policy *agent.TLSPolicy
	base   *tls.Config
}

// newCoalescing returns a world whose certificate is for a.example, b.example and *.c.example. All hosts are at one address.
func newCoalescing(t *testing.T) *coalescing {
	w := &coalescing{http2World: newHTTP2World(t, agent.PoolConfig{})}
	cert, roots := coalescingCert()
	config := reactor.TLSConfig{Config: &tls.Config{Certificates: []tls.Certificate{cert}, NextProtos: []string{"h2", "http/1.1"}}}
	for _, port := range []string{"443", "444"} {
		if _, err := w.r.ListenTCP(":"+port, reactor.TLSServer(w.r, config, w.http2World)); err != nil {
			t.Fatal(err)
		}
	}
	w.answer = greet
	w.base = &tls.Config{RootCAs: roots}
	w.with(func(*agent.Config) {})
	return w
}

var coalescingCerts struct {
	cert  tls.Certificate
	roots *x509.CertPool
}

func coalescingCert() (tls.Certificate, *x509.CertPool) {
	if coalescingCerts.roots == nil {
		coalescingCerts.cert, coalescingCerts.roots = testcert.New("a.example", "b.example", "*.c.example")
	}
	return coalescingCerts.cert, coalescingCerts.roots
}

// with gives w an agent whose config set has changed.
func (w *coalescing) with(set func(*agent.Config)) {
	w.policy = agent.NewTLSPolicy(w.base)
	config := agent.Config{Pool: w.pool, TLS: w.policy, Coalesce: true}
	set(&config)
	w.agent = agent.New(w.r, config)
}

func (w *coalescing) fetch(url string) *deferred.Deferred[*response.Response] {
	w.t.Helper()
	return w.send(newRequest("GET", url))
}

// succeeds requests url and returns the number of connections.
func (w *coalescing) succeeds(url string) int {
	w.t.Helper()
	resp := deferredtest.SuccessResultOf(w.t, w.fetch(url))
	if resp.Code != 200 {
		w.t.Errorf("%s: %d", url, resp.Code)
	}
	return len(w.conns)
}

// TestCoalesce: a request for another host uses the connection, and everything else is that of its own host.
func TestCoalesce(t *testing.T) {
	w := newCoalescing(t)
	for _, url := range []string{"https://a.example/", "https://b.example/", "https://x.c.example/", "https://b.example/2", "https://a.example/2"} {
		if n := w.succeeds(url); n != 1 {
			t.Errorf("%s: connection %d", url, n)
		}
		s := w.conn(0).served[len(w.conn(0).served)-1]
		if u, _ := http.NewRequest("GET", url, nil); s.head.Authority != u.Host {
			t.Errorf("%s: the authority is %s", url, s.head.Authority)
		}
	}
	// The error names its own host, whose requests then have another connection.
	w.answer = nil
	d := w.send(newRequest("POST", "https://b.example/slow")) // which is not sent again
	w.conn(0).abort()
	if err := deferredtest.FailureResultOf(t, d); !strings.Contains(err.Error(), "https://b.example/slow") {
		t.Errorf("%v", err)
	}
	w.answer = greet
	if n := w.succeeds("https://b.example/"); n != 2 {
		t.Errorf("connection %d", n)
	}
	if n := w.succeeds("https://a.example/"); n != 2 {
		t.Errorf("connection %d", n)
	}
	// A connection that takes no more requests.
	w.conn(1).do(func() { w.conn(1).machine.GoAway(wire.NoError, "") })
	if n := w.succeeds("https://a.example/"); n != 3 {
		t.Errorf("connection %d", n)
	}
}

// TestCoalesceTogether: requests that wait for the outcome of one attempt share what it finds; one that is cancelled
// during the lookup ends alone.
func TestCoalesceTogether(t *testing.T) {
	w := newCoalescing(t)
	w.succeeds("https://a.example/")
	var all []*deferred.Deferred[*response.Response]
	for range 3 {
		all = append(all, w.agent.Request(newRequest("GET", "https://b.example/")))
	}
	all[0].Cancel()
	w.r.Pump()
	if err := deferredtest.FailureResultOf(t, all[0]); !errors.Is(err, deferred.ErrCancelled) {
		t.Errorf("%v", err)
	}
	for _, d := range all[1:] {
		deferredtest.SuccessResultOf(t, d)
	}
	if len(w.conns) != 1 {
		t.Errorf("%d connections", len(w.conns))
	}
	d := w.agent.Request(newRequest("GET", "https://y.c.example/"))
	d.Cancel()
	w.r.Pump()
	deferredtest.FailureResultOf(t, d)
	if n := w.succeeds("https://y.c.example/"); n != 1 {
		t.Errorf("connection %d", n)
	}
}

// TestNotCoalesced: each condition alone keeps a request for b.example off the connection to a.example.
func TestNotCoalesced(t *testing.T) {
	chosen := func(change func(host string, config *tls.Config)) func(*coalescing, *agent.Config) {
		return func(w *coalescing, config *agent.Config) {
			policy := w.policy
			config.TLS = &agent.TLSPolicy{ConfigFor: func(host, port string) *tls.Config {
				c := policy.ConfigFor(host, port).Clone()
				change(host, c)
				return c
			}}
		}
	}
	for name, c := range map[string]struct {
		set   func(w *coalescing, config *agent.Config)
		first string // the first URL; "" is https://a.example/
		then  string // the second URL; "" is https://b.example/
		again func(w *coalescing, config *agent.Config)
		want  error // of the second request; nil is none
	}{
		"off":                {set: func(_ *coalescing, config *agent.Config) { config.Coalesce = false }},
		"another port":       {then: "https://b.example:444/"},
		"http":               {then: "http://b.example/"},
		"another name":       {then: "https://d.example/", want: x509.HostnameError{}},
		"not the wildcard's": {then: "https://c.example/", want: x509.HostnameError{}},
		"another address":    {set: func(w *coalescing, _ *agent.Config) { w.r.AddHost("b.example", "192.0.2.2") }},
		"HTTP/1.1 only": {first: "https://a.example/", again: func(_ *coalescing, config *agent.Config) {
			config.Protocols = new(http.Protocols)
			config.Protocols.SetHTTP2(true)
		}},
		"another local address": {again: func(_ *coalescing, config *agent.Config) { config.LocalAddress = "10.0.0.9:0" }},
		"other limits":          {again: func(_ *coalescing, config *agent.Config) { config.Limits = wire.Limits{HeaderCount: 77} }},
		"another policy":        {again: func(w *coalescing, config *agent.Config) { config.TLS = agent.NewTLSPolicy(w.base) }},
		"an Endpoint": {set: func(w *coalescing, config *agent.Config) {
			config.Endpoint = func(u *url.URL) (endpoints.ClientEndpoint, error) {
				return endpoints.NewHostname(w.r, u.Hostname(), "443", endpoints.HostnameConfig{}), nil
			}
		}},
		"InsecureSkipVerify":   {set: chosen(func(_ string, c *tls.Config) { c.InsecureSkipVerify = true })},
		"another verification": {set: chosen(func(_ string, c *tls.Config) { c.VerifyConnection = func(tls.ConnectionState) error { return nil } })},
		"VerifyPeerCertificate": {set: chosen(func(_ string, c *tls.Config) {
			c.VerifyPeerCertificate = func([][]byte, [][]*x509.Certificate) error { return nil }
		})},
		"GetClientCertificate": {set: chosen(func(_ string, c *tls.Config) {
			c.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &tls.Certificate{}, nil }
		})},
		"certificates by host": {set: chosen(func(host string, c *tls.Config) {
			if host == "b.example" {
				cert, _ := coalescingCert()
				c.Certificates = []tls.Certificate{cert}
			}
		})},
		"roots by host": {set: chosen(func(host string, c *tls.Config) {
			if host == "b.example" {
				c.RootCAs = c.RootCAs.Clone()
			}
		})},
		"versions of TLS by host": {set: chosen(func(host string, c *tls.Config) {
			if host == "b.example" {
				c.MinVersion = tls.VersionTLS13
			}
		})},
		"one name for all": {set: chosen(func(_ string, c *tls.Config) { c.ServerName = "a.example" })},
	} {
		t.Run(name, func(t *testing.T) {
			w := newCoalescing(t)
			w.with(func(config *agent.Config) {
				if c.set != nil {
					c.set(w, config)
				}
			})
			first, then := "https://a.example/", "https://b.example/"
			if c.then != "" {
				then = c.then
			}
			w.succeeds(first)
			if c.again != nil {
				policy := w.policy
				w.with(func(config *agent.Config) {
					config.TLS = policy
					c.again(w, config)
				})
			}
			if c.want == nil && strings.HasPrefix(then, "https") {
				if n := w.succeeds(then); n != 2 {
					t.Errorf("connection %d", n)
				}
			} else {
				d := w.fetch(then)
				if len(w.conns) == 1 && !strings.HasPrefix(then, "https") {
					t.Error("it has the connection of https")
				}
				d.Cancel()
				w.r.Pump()
				if err := deferredtest.FailureResultOf(t, d); c.want != nil && !errors.As(err, new(x509.HostnameError)) {
					t.Errorf("%v", err)
				}
			}
			w.succeeds(first) // whatever happened, the first connection is as it was
		})
	}
}

// TestCoalesceAddresses: any address of the host will do, and a failing lookup is the error of its own request.
func TestCoalesceAddresses(t *testing.T) {
	w := newCoalescing(t)
	w.r.AddHost("b.example", "192.0.2.9", "::ffff:192.0.2.1")
	w.succeeds("https://a.example/")
	if n := w.succeeds("https://b.example/"); n != 1 {
		t.Errorf("connection %d", n)
	}
	w.r.AddHost("z.c.example")
	if err := deferredtest.FailureResultOf(t, w.fetch("https://z.c.example/")); !errors.Is(err, reactor.ErrNameNotFound) {
		t.Errorf("%v", err)
	}
}

// TestMisdirected: after a 421 the request is sent again on a connection of its own, and so are those after it.
func TestMisdirected(t *testing.T) {
	w := newCoalescing(t)
	refuse := func(s *http2Served) {
		if s.c == w.conns[0] && s.head.Authority == "b.example" {
			s.respond(421, true)
			return
		}
		greet(s)
	}
	w.answer = refuse
	w.succeeds("https://a.example/")
	post := newRequest("POST", "https://b.example/")
	post.Body = request.Bytes("content")
	for i, req := range []*request.Request{newRequest("GET", "https://b.example/"), post, newRequest("GET", "https://b.example/")} {
		if resp := deferredtest.SuccessResultOf(t, w.send(req)); resp.Code != 200 || len(w.conns) != 2 {
			t.Errorf("request %d: %d, on connection %d", i, resp.Code, len(w.conns))
		}
	}
	if n := len(w.conn(0).served); n != 2 {
		t.Errorf("%d requests on the first connection, want one for each host", n)
	}
	w.conn(1).close()
	if n := w.succeeds("https://b.example/"); n != 3 {
		t.Errorf("connection %d", n)
	}
	if n := w.succeeds("https://x.c.example/"); n != 3 {
		t.Errorf("another host: connection %d", n)
	}

	// A body is sent again, too.
	w = newCoalescing(t)
	w.answer = refuse
	w.succeeds("https://a.example/")
	if resp := deferredtest.SuccessResultOf(t, w.send(post)); resp.Code != 200 || len(w.conns) != 2 || string(w.conn(1).request(0).body) != "content" {
		t.Errorf("%d, on connection %d", resp.Code, len(w.conns))
	}
	// One that cannot be sent again gets the 421.
	w = newCoalescing(t)
	w.answer = refuse
	w.succeeds("https://a.example/")
	once := newRequest("POST", "https://b.example/")
	once.Body = &madeBody{start: func(c request.Consumer) *deferred.Deferred[deferred.None] {
		c.Write([]byte("once"))
		return deferred.Succeed(deferred.None{})
	}}
	if resp := deferredtest.SuccessResultOf(t, w.send(once)); resp.Code != 421 {
		t.Errorf("got %d", resp.Code)
	}
	if n := w.succeeds("https://b.example/"); n != 2 {
		t.Errorf("connection %d", n)
	}
	// On a connection of its own, a 421 is a response.
	w = newCoalescing(t)
	w.answer = func(s *http2Served) { s.respond(421, true) }
	if resp := deferredtest.SuccessResultOf(t, w.fetch("https://a.example/")); resp.Code != 421 || len(w.conns) != 1 {
		t.Errorf("got %d, on connection %d", resp.Code, len(w.conns))
	}
}

// TestCoalesceWhenFull: a connection without room for another stream is not waited for.
func TestCoalesceWhenFull(t *testing.T) {
	w := newCoalescing(t)
	w.config.MaxStreams = 1
	w.answer = nil
	first := w.fetch("https://a.example/")
	second := w.fetch("https://b.example/")
	if len(w.conns) != 2 {
		t.Errorf("%d connections", len(w.conns))
	}
	for i, d := range []*deferred.Deferred[*response.Response]{first, second} {
		c := w.conn(i)
		c.do(func() { greet(c.request(0)) })
		deferredtest.SuccessResultOf(t, d)
	}
}
