package agent_test

import (
	"bytes"
	"errors"
	"net"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/deferred/deferredtest"
	"github.com/seed-7c003b53/gotreq/internal/testkit/urls"
	"github.com/seed-7c003b53/gotreq/reactor"
	"github.com/seed-7c003b53/gotreq/treq/agent"
	"github.com/seed-7c003b53/gotreq/treq/request"
	"github.com/seed-7c003b53/gotreq/treq/response"
	"github.com/seed-7c003b53/gotreq/treq/wire"
)

// newTunnelServer returns a factory for the protocols of a proxy that opens tunnels. All
// tunnels lead to 192.0.2.1, whatever the requested host.
func newTunnelServer(r reactor.Reactor) func(net.Addr) reactor.Protocol {
	return func(net.Addr) reactor.Protocol { return &tunnelServer{r: r} }
}

type tunnelServer struct {
	r         reactor.Reactor
	transport reactor.Transport
	head      []byte
}

func (s *tunnelServer) ConnectionMade(t reactor.Transport) { s.transport = t }
func (s *tunnelServer) ConnectionLost(error)               {}

func (s *tunnelServer) DataReceived(data []byte) {
	s.head = append(s.head, data...)
	if !bytes.HasSuffix(s.head, []byte("\r\n\r\n")) {
		return
	}
	far := &relay{to: s.transport}
	s.r.ConnectTCP("192.0.2.1:443", reactor.FactoryFunc(func(net.Addr) reactor.Protocol { return far }), reactor.ConnectConfig{}).
		AddCallback(func(p reactor.Protocol) (reactor.Protocol, error) {
			s.transport.SwitchProtocol(&relay{to: far.from})
			s.transport.Write([]byte("HTTP/1.1 200 Connection established\r\n\r\n"))
			return p, nil
		})
}

// A relay sends what it receives to another transport, without what filter matches.
type relay struct {
	from, to reactor.Transport
	filter   *regexp.Regexp // nil: it sends everything
}

func (r *relay) ConnectionMade(t reactor.Transport) { r.from = t }
func (r *relay) ConnectionLost(error)               { r.to.LoseConnection() }

func (r *relay) DataReceived(data []byte) {
	if r.filter != nil {
		data = r.filter.ReplaceAll(data, nil)
	}
	r.to.Write(data)
}

// TestProxyErrorText: the phrase of a proxy may have any length and control characters, and
// the text of the error may not.
func TestProxyErrorText(t *testing.T) {
	const text = "the proxy opened no tunnel to a.example:443: 407"
	for phrase, want := range map[string]string{
		"":                         text,
		"No":                       text + " No",
		"No\x1b[2J\x07, caf\u00e9": text + ` No\x1b[2J\a, café`,
	} {
		err := &agent.ProxyError{Target: "a.example:443", Code: 407, Phrase: phrase}
		if err.Error() != want {
			t.Errorf("%q: got %q, want %q", phrase, err, want)
		}
	}
	long := &agent.ProxyError{Target: "a.example:443", Code: 407, Phrase: strings.Repeat("no ", 5000)}
	if n := len(long.Error()); n > 1000 {
		t.Errorf("the text has %d bytes", n)
	}
}

// TestProxyError checks that the error of a refused tunnel has the proxy's response.
func TestProxyError(t *testing.T) {
	const (
		long  = 20 << 10
		limit = 16 << 10
	)
	for _, test := range []struct {
		name   string
		answer string
		then   func(w *world)
		code   int
		body   string
	}{
		{"a body", "HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic realm=r\r\nContent-Length: 5\r\n\r\nlogin", nil, 407, "login"},
		{"chunks", "HTTP/1.1 502 Bad Gateway\r\nProxy-Authenticate: Basic realm=r\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nno\r\n0\r\n\r\n", nil, 502, "no"},
		{"no body", "HTTP/1.1 403 Forbidden\r\nProxy-Authenticate: Basic realm=r\r\nContent-Length: 0\r\n\r\n", nil, 403, ""},
		{"after a 100", "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 403 Forbidden\r\nProxy-Authenticate: Basic realm=r\r\nContent-Length: 0\r\n\r\n", nil, 403, ""},
		{"until the proxy closes", "HTTP/1.1 403 Forbidden\r\nProxy-Authenticate: Basic realm=r\r\n\r\nno", func(w *world) { w.Conn(0).Close() }, 403, "no"},
		{"cut short", "HTTP/1.1 403 Forbidden\r\nProxy-Authenticate: Basic realm=r\r\nContent-Length: 9\r\n\r\nno", func(w *world) { w.Conn(0).Abort() }, 403, "no"},
		{"a bad chunk", "HTTP/1.1 403 Forbidden\r\nProxy-Authenticate: Basic realm=r\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nno\r\nwhat?\r\n", nil, 403, "no"},
		{"slow", "HTTP/1.1 403 Forbidden\r\nProxy-Authenticate: Basic realm=r\r\nContent-Length: 9\r\n\r\nno", func(w *world) { w.r.RunFor(250 * time.Millisecond) }, 403, "no"},
		{"long", "HTTP/1.1 403 Forbidden\r\nProxy-Authenticate: Basic realm=r\r\n\r\n" + strings.Repeat("x", long), nil, 403, strings.Repeat("x", limit)},
		{"101", "HTTP/1.1 101 Switching Protocols\r\nProxy-Authenticate: Basic realm=r\r\n\r\n", nil, 101, ""},
		{"101 that talks", "HTTP/1.1 101 Switching Protocols\r\nProxy-Authenticate: Basic realm=r\r\nUpgrade: x\r\n\r\nx", nil, 101, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld(t, agent.PoolConfig{})
			var err error
			if w.agent, err = agent.NewProxyAgent(w.r, "http://proxy.example:8080", agent.Config{Pool: w.pool}); err != nil {
				t.Fatal(err)
			}
			d := w.get("https://a.example/")
			w.Conn(0).Send(test.answer)
			if test.then != nil {
				deferredtest.NoResult(t, d)
				test.then(w)
			}
			var refused *agent.ProxyError
			if err := deferredtest.FailureResultOf(t, d); !errors.As(err, &refused) {
				t.Fatal(err)
			}
			if refused.Code != test.code || string(refused.Body) != test.body || refused.Header.Get("Proxy-Authenticate") != "Basic realm=r" {
				t.Errorf("got %d, %v, %.100q", refused.Code, refused.Header, refused.Body)
			}
			w.r.Pump()
			w.wantClosed(0)
		})
	}
	t.Run("cancelled while its body comes", func(t *testing.T) {
		w := newWorld(t, agent.PoolConfig{})
		w.agent, _ = agent.NewProxyAgent(w.r, "http://proxy.example:8080", agent.Config{Pool: w.pool})
		d := w.get("https://a.example/")
		w.Conn(0).Send("HTTP/1.1 403 Forbidden\r\nContent-Length: 9\r\n\r\nno")
		d.Cancel()
		if err := deferredtest.FailureResultOf(t, d); !errors.Is(err, deferred.ErrCancelled) {
			t.Error(err)
		}
		w.r.Pump()
	})
}

// TestTunnelLimits checks that the limits of responses apply to the answer to CONNECT.
func TestTunnelLimits(t *testing.T) {
	for _, test := range []struct {
		name   string
		limits wire.Limits
		answer string
		is     error
	}{
		{"the status line", wire.Limits{StartLineBytes: 40}, "HTTP/1.1 200 " + strings.Repeat("x", 40) + "\r\n\r\n", wire.ErrStartLineTooLong},
		{"the headers", wire.Limits{HeaderBytes: 40}, "HTTP/1.1 200 OK\r\nA: " + strings.Repeat("x", 40) + "\r\n\r\n", wire.ErrHeadersTooLarge},
		{"their number", wire.Limits{HeaderCount: 1}, "HTTP/1.1 200 OK\r\nA: b\r\nC: d\r\n\r\n", wire.ErrTooManyHeaders},
		{"interim responses", wire.Limits{Informational: 1}, strings.Repeat("HTTP/1.1 103 Hints\r\n\r\n", 2), wire.ErrTooManyInformational},
		{"more than the default", wire.Limits{HeaderCount: 2000}, "HTTP/1.1 403 No\r\n" + strings.Repeat("A: b\r\n", 1000) + "Content-Length: 0\r\n\r\n", nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld(t, agent.PoolConfig{})
			w.agent, _ = agent.NewProxyAgent(w.r, "http://proxy.example:8080", agent.Config{Pool: w.pool, Limits: test.limits})
			d := w.get("https://a.example/")
			w.Conn(0).Send(test.answer)
			err := deferredtest.FailureResultOf(t, d)
			if test.is == nil && !errors.As(err, new(*agent.ProxyError)) || !errors.Is(err, test.is) && test.is != nil {
				t.Errorf("got %v", err)
			}
			w.r.Pump()
			w.wantClosed(0)
		})
	}
}

// TestTunnelEarlyData: what the target sends together with the proxy's answer waits while the protocol
// pauses, and is lost when the protocol ends the connection.
func TestTunnelEarlyData(t *testing.T) {
	for _, test := range []struct {
		name   string
		made   func(reactor.Transport)
		before string // what has come when the tunnel is open
		after  string // and after the protocol has resumed
	}{
		{"nothing", func(reactor.Transport) {}, "early", "early, late"},
		{"pauses", reactor.Transport.PauseProducing, "", "early, late"},
		{"closes", reactor.Transport.LoseConnection, "", ""},
		{"aborts", reactor.Transport.AbortConnection, "", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld(t, agent.PoolConfig{})
			e, err := w.agent.Tunnel(urls.MustParse("http://proxy.example:8080"), "a.example")
			if err != nil {
				t.Fatal(err)
			}
			p := &made{then: test.made}
			d := e.Connect(reactor.FactoryFunc(func(net.Addr) reactor.Protocol { return p }))
			w.r.Pump()
			c := w.Conn(0)
			c.Send("HTTP/1.1 200 OK\r\n\r\nearly")
			if got := deferredtest.SuccessResultOf(t, d); got != reactor.Protocol(p) || p.got.String() != test.before {
				t.Errorf("connected to %v, got %q, want %q", got, p.got.String(), test.before)
			}
			p.ResumeProducing()
			w.r.Pump()
			if test.after != "" {
				c.Send(", late")
			}
			if got := p.got.String(); got != test.after {
				t.Errorf("got %q, want %q", got, test.after)
			}
			p.AbortConnection()
			w.r.Pump()
		})
	}
}

// A made is a tunnelled that does something in ConnectionMade.
type made struct {
	tunnelled
	then func(reactor.Transport)
}

func (m *made) ConnectionMade(t reactor.Transport) {
	m.tunnelled.ConnectionMade(t)
	m.then(t)
}

// TestUpgradePaused: what the server sends together with its agreement waits while the protocol
// pauses, over HTTP/1.1 and HTTP/2.
func TestUpgradePaused(t *testing.T) {
	check := func(t *testing.T, r interface{ Pump() }, resp *response.Response, send func(text string)) {
		p := &made{then: reactor.Transport.PauseProducing}
		resp.Upgrade.SwitchProtocol(p)
		r.Pump()
		send("late")
		if p.got.Len() != 0 {
			t.Errorf("the paused protocol got %q", p.got.String())
		}
		p.ResumeProducing()
		r.Pump()
		if got := p.got.String(); got != "early late" {
			t.Errorf("the protocol got %q", got)
		}
		p.AbortConnection()
		r.Pump()
	}
	for name, req := range map[string]*request.Request{
		"101":     newRequest("GET", "http://a.example/", "Connection", "Upgrade", "Upgrade", "x"),
		"CONNECT": connectTo("target.example:25"),
	} {
		t.Run("HTTP/1.1, "+name, func(t *testing.T) {
			w := newWorld(t, agent.PoolConfig{})
			d := w.send(req)
			c := w.Conn(0)
			if name == "101" {
				c.Send("HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\nearly ")
			} else {
				c.Send("HTTP/1.1 200 OK\r\n\r\nearly ")
			}
			check(t, w.r, deferredtest.SuccessResultOf(t, d), c.Send)
		})
	}
	for name, req := range map[string]*request.Request{"WebSocket": webSocketRequest(), "CONNECT": connectTo("target.example:25")} {
		t.Run("HTTP/2, "+name, func(t *testing.T) {
			w := newHTTP2World(t, agent.PoolConfig{})
			w.config.ConnectProtocol = true
			d := w.send(req)
			s := w.conn(0).request(0)
			s.c.do(func() { s.respond(200, false); s.write("early ", false) })
			check(t, w.r, deferredtest.SuccessResultOf(t, d), func(text string) { s.c.do(func() { s.write(text, false) }) })
		})
	}
}
