package agent_test

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
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
	"github.com/seed-7c003b53/gotreq/treq/response"
	"github.com/seed-7c003b53/gotreq/treq/wire"
)

// A negotiatingServer speaks TLS in an http2World, and the version of HTTP that was negotiated. It
// answers each request.
type negotiatingServer struct {
	*http2World
	roots   *tls.Config
	offered [][]string // by each client, in the order of their connections
	first   int        // the number of connections that speak HTTP/1.1
}

func newNegotiatingServer(t *testing.T, accepts ...string) *negotiatingServer {
	t.Helper()
	w := newHTTP2World(t, agent.PoolConfig{})
	w.answer = greet
	cert, roots := testcert.New("a.example")
	s := &negotiatingServer{http2World: w, roots: &tls.Config{RootCAs: roots}}
	config := &tls.Config{Certificates: []tls.Certificate{cert}, NextProtos: accepts}
	config.GetConfigForClient = func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
		s.offered = append(s.offered, hello.SupportedProtos)
		return nil, nil
	}
	if _, err := w.r.ListenTCP(":443", reactor.TLSServer(w.r, reactor.TLSConfig{Config: config}, reactor.FactoryFunc(func(a net.Addr) reactor.Protocol { return &negotiated{s, nil} }))); err != nil {
		t.Fatal(err)
	}
	return s
}

// use gives s an agent with config.
func (s *negotiatingServer) use(config agent.Config) {
	config.Pool = s.pool
	if config.TLS == nil {
		config.TLS = agent.NewTLSPolicy(s.roots)
	}
	s.agent = agent.New(s.r, config)
}

type negotiated struct {
	s *negotiatingServer
	t reactor.Transport
}

func (n *negotiated) ConnectionMade(t reactor.Transport) {
	if t.TLS().NegotiatedProtocol == "h2" {
		p := n.s.BuildProtocol(nil)
		t.SwitchProtocol(p)
		p.ConnectionMade(t)
		return
	}
	n.t = t
	n.s.first++
}
func (n *negotiated) DataReceived([]byte)  { n.t.Write([]byte(okHello)) }
func (n *negotiated) ConnectionLost(error) {}

func protocols(http1, http2 bool) *http.Protocols {
	p := new(http.Protocols)
	p.SetHTTP1(http1)
	p.SetHTTP2(http2)
	return p
}

// TestALPN: what is offered, and what comes of it.
func TestALPN(t *testing.T) {
	for _, test := range []struct {
		name       string
		accepts    []string // by the server
		protocols  *http.Protocols
		nextProtos []string // of the user
		headers    []string // of the request
		offered    string
		version    string
		err        string
	}{
		{"both", []string{"h2", "http/1.1"}, nil, nil, nil, "h2 http/1.1", "HTTP/2.0", ""},
		{"both, said", []string{"h2", "http/1.1"}, protocols(true, true), nil, nil, "h2 http/1.1", "HTTP/2.0", ""},
		{"the server prefers HTTP/1.1", []string{"http/1.1", "h2"}, nil, nil, nil, "h2 http/1.1", "HTTP/1.1", ""},
		{"the server speaks HTTP/2 only", []string{"h2"}, nil, nil, nil, "h2 http/1.1", "HTTP/2.0", ""},
		{"the server speaks HTTP/1.1 only", []string{"http/1.1"}, nil, nil, nil, "h2 http/1.1", "HTTP/1.1", ""},
		{"the server has no ALPN", nil, nil, nil, nil, "h2 http/1.1", "HTTP/1.1", ""},
		{"HTTP/1.1", []string{"h2", "http/1.1"}, protocols(true, false), nil, nil, "http/1.1", "HTTP/1.1", ""},
		{"HTTP/2", []string{"h2", "http/1.1"}, protocols(false, true), nil, nil, "h2", "HTTP/2.0", ""},
		{"HTTP/2, to a server without ALPN", nil, protocols(false, true), nil, nil, "h2", "", "the server speaks HTTP/1.1 only: allow HTTP1 in agent.Config.Protocols"},
		{"HTTP/2, to HTTP/1.1", []string{"http/1.1"}, protocols(false, true), nil, nil, "h2", "", "the server accepts none of h2 in the TLS handshake"},
		{"HTTP/1.1, to HTTP/2", []string{"other"}, protocols(true, false), nil, nil, "http/1.1", "", "the server speaks HTTP/2 only: allow it in agent.Config.Protocols"},
		{"none", []string{"h2"}, protocols(false, false), nil, nil, "", "", "agent.Config.Protocols allows no version of HTTP for https"},
		{"the user's own", []string{"h2", "http/1.1"}, nil, []string{"http/1.1"}, nil, "http/1.1", "HTTP/1.1", ""},
		{"the user's own, in his order", []string{"h2", "http/1.1"}, protocols(true, false), []string{"x", "h2"}, nil, "x h2", "HTTP/2.0", ""},
		{"an upgrade", []string{"h2", "http/1.1"}, nil, nil, []string{"Connection", "upgrade"}, "http/1.1", "HTTP/1.1", ""},
		{"an upgrade, with the user's own", []string{"h2", "http/1.1"}, nil, []string{"h2", "http/1.1"}, []string{"Connection", "upgrade"}, "http/1.1", "HTTP/1.1", ""},
		{"an upgrade over HTTP/2", []string{"h2", "http/1.1"}, protocols(false, true), nil, []string{"Connection", "upgrade"}, "", "", "which needs HTTP/1.1: agent.Config.Protocols does not allow that"},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := newNegotiatingServer(t, test.accepts...)
			base := s.roots.Clone()
			base.NextProtos = test.nextProtos
			s.use(agent.Config{Protocols: test.protocols, TLS: agent.NewTLSPolicy(base)})
			d := s.send(newRequest("GET", "https://a.example/", test.headers...))
			var offered string
			if len(s.offered) != 0 {
				offered = strings.Join(s.offered[0], " ")
			}
			if offered != test.offered {
				t.Errorf("offered %q, want %q", offered, test.offered)
			}
			if test.err != "" {
				err := deferredtest.FailureResultOf(t, d)
				var named *agent.RequestError
				if !strings.Contains(err.Error(), test.err) || agent.Temporary(err) || !errors.As(err, &named) || !named.NotSent {
					t.Errorf("got %v", err)
				}
				return
			}
			if resp := deferredtest.SuccessResultOf(t, d); resp.Version != test.version {
				t.Errorf("over %s", resp.Version)
			}
			s.wantBody(d, "hello")
		})
	}
}

// TestALPNTogether: several requests at once wait for the outcome of one attempt. They share its
// connection, or connect at once.
func TestALPNTogether(t *testing.T) {
	for _, test := range []struct {
		accepts     string
		connections int
	}{{"h2", 1}, {"http/1.1", 5}} {
		t.Run(test.accepts, func(t *testing.T) {
			s := newNegotiatingServer(t, test.accepts)
			s.use(agent.Config{})
			s.r.HoldConnects()
			var all []*deferred.Deferred[*response.Response]
			for range 5 {
				all = append(all, s.agent.Request(newRequest("GET", "https://a.example/")))
			}
			s.r.Pump()
			held := s.r.HeldConnects()
			if len(held) != 1 {
				t.Fatalf("%d attempts at first", len(held))
			}
			s.r.ReleaseConnects()
			held[0].Release()
			s.r.Pump()
			for _, d := range all {
				s.wantBody(d, "hello")
			}
			if len(s.offered) != test.connections {
				t.Errorf("%d connections", len(s.offered))
			}
			var more []*deferred.Deferred[*response.Response]
			for range 3 {
				more = append(more, s.agent.Request(newRequest("GET", "https://a.example/")))
			}
			for _, d := range more {
				s.wantBody(d, "hello")
			}
			if len(s.offered) != test.connections {
				t.Errorf("%d connections in the end", len(s.offered))
			}
		})
	}
}

// TestALPNApart: an upgrade has a connection of its own where HTTP/2 is possible.
func TestALPNApart(t *testing.T) {
	s := newNegotiatingServer(t, "h2", "http/1.1")
	s.use(agent.Config{})
	for _, headers := range [][]string{nil, {"Connection", "upgrade"}, nil, {"Connection", "upgrade"}} {
		s.wantBody(s.send(newRequest("GET", "https://a.example/", headers...)), "hello")
	}
	if got := fmt.Sprint(s.offered); got != "[[h2 http/1.1] [http/1.1]]" {
		t.Errorf("offered %s", got)
	}
}

// TestNegotiatedEndpoint: what was negotiated on a connection of a user's endpoint counts.
func TestNegotiatedEndpoint(t *testing.T) {
	for _, test := range []struct {
		scheme    string
		protocols *http.Protocols
		offers    []string
		version   string
	}{
		{"https", nil, []string{"h2"}, "HTTP/2.0"},
		{"https", nil, []string{"http/1.1"}, "HTTP/1.1"},
		{"https", nil, nil, "HTTP/1.1"},
		{"https", protocols(true, false), []string{"h2"}, "HTTP/2.0"},
		{"http", nil, []string{"h2"}, "HTTP/2.0"},
		{"http", nil, []string{"http/1.1"}, "HTTP/1.1"},
	} {
		t.Run(fmt.Sprint(test.scheme, test.protocols, test.offers), func(t *testing.T) {
			s := newNegotiatingServer(t, "h2", "http/1.1")
			config := s.roots.Clone()
			config.ServerName, config.NextProtos = "a.example", test.offers
			s.use(agent.Config{Protocols: test.protocols, Endpoint: func(*url.URL) (endpoints.ClientEndpoint, error) {
				return endpoints.WrapTLS(s.r, reactor.TLSConfig{Config: config}, endpoints.NewHostname(s.r, "a.example", "443", endpoints.HostnameConfig{})), nil
			}})
			d := s.send(newRequest("GET", test.scheme+"://a.example/"))
			if resp := deferredtest.SuccessResultOf(t, d); resp.Version != test.version {
				t.Errorf("over %s", resp.Version)
			}
			s.wantBody(d, "hello")
		})
	}
}

// TestHTTP11Required: a server may ask for HTTP/1.1 for a request.
func TestHTTP11Required(t *testing.T) {
	s := newNegotiatingServer(t, "h2", "http/1.1")
	s.answer = func(r *http2Served) { r.c.machine.Reset(&r.stream, wire.HTTP11Required) }
	s.use(agent.Config{})
	d := s.send(newRequest("POST", "https://a.example/"))
	if resp := deferredtest.SuccessResultOf(t, d); resp.Version != "HTTP/1.1" {
		t.Errorf("over %s", resp.Version)
	}
	s.wantBody(d, "hello")
	s.use(agent.Config{Protocols: protocols(false, true)})
	if err := deferredtest.FailureResultOf(t, s.send(newRequest("POST", "https://a.example/"))); !errors.Is(err, wire.HTTP11Required) {
		t.Error(err)
	}
}

// TestProtocolsForHTTP: which versions http URLs get, as with net/http.
func TestProtocolsForHTTP(t *testing.T) {
	for _, test := range []struct {
		http1, http2, unencrypted bool
		want                      string // the beginning of what is sent, or of the error
	}{
		{true, false, false, "GET / HTTP/1.1\r\n"},
		{true, true, false, "GET / HTTP/1.1\r\n"},
		{true, true, true, "GET / HTTP/1.1\r\n"},
		{false, false, true, "PRI * HTTP/2.0\r\n"},
		{false, true, true, "PRI * HTTP/2.0\r\n"},
		{false, true, false, "GET http://a.example/: agent.Config.Protocols allows no version of HTTP for http"},
	} {
		w := newWorld(t, agent.PoolConfig{})
		p := protocols(test.http1, test.http2)
		p.SetUnencryptedHTTP2(test.unencrypted)
		w.agent = agent.New(w.r, agent.Config{Pool: w.pool, Protocols: p})
		d := w.get("http://a.example/")
		var got string
		if len(w.Conns) != 0 {
			got = w.Conn(0).Got()
			d.Cancel()
		}
		if err := deferredtest.FailureResultOf(t, d); got == "" {
			got = err.Error()
		}
		w.r.Pump()
		if !strings.HasPrefix(got, test.want) {
			t.Errorf("%v: got %q, want %q", p, got, test.want)
		}
		for _, c := range w.Conns {
			if c.Lost == nil {
				c.Abort()
			}
		}
	}
}
