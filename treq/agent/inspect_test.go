package agent_test

import (
	"crypto/tls"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/internal/testkit/rawserver"
	"github.com/seed-7c003b53/gotreq/reactor"
	"github.com/seed-7c003b53/gotreq/reactor/memory"
	"github.com/seed-7c003b53/gotreq/reactor/task"
	"github.com/seed-7c003b53/gotreq/treq/agent"
	"github.com/seed-7c003b53/gotreq/treq/request"
	"github.com/seed-7c003b53/gotreq/treq/response"
)

// A frozen is a request that is held in a phase, over HTTP/1.1.
type frozen struct {
	r      *memory.Reactor
	server *rawserver.Server
	pool   *agent.Pool
	config agent.Config
	body   response.BodyTransport // of a body that a test reads
}

// send sends req with the config of f, and returns its result.
func (f *frozen) send(t *testing.T, req *request.Request) *deferred.Deferred[*response.Response] {
	f.config.Pool = f.pool
	d := agent.New(f.r, f.config).Request(req)
	d.AddErrback(func(error) (*response.Response, error) { return nil, nil })
	t.Cleanup(func() { // whatever is left
		if d.Cancel(); f.body != nil {
			f.body.StopProducing()
		}
		f.r.Pump()
	})
	f.r.Pump()
	return d
}

func (f *frozen) get(t *testing.T, url string) *deferred.Deferred[*response.Response] {
	return f.send(t, newRequest("GET", url))
}

// ConnectionMade, DataReceived and ConnectionLost read a body.
func (f *frozen) ConnectionMade(t response.BodyTransport) { f.body = t }
func (f *frozen) DataReceived([]byte)                     {}
func (f *frozen) ConnectionLost(error)                    {}

// silentNames never answers.
type silentNames struct{}

func (silentNames) LookupHost(string) *deferred.Deferred[[]netip.Addr] {
	return deferred.NewCancellable(func(*deferred.Deferred[[]netip.Addr]) {})
}

// never is a body that produces nothing after its first bytes.
func never(length int64) request.BodyProducer {
	first := true
	return request.NewCooperativeProducer(length, func(to request.Consumer) (task.Wait, error) {
		if first {
			first = false
			to.Write([]byte("hello"))
		}
		return deferred.New[deferred.None](), nil
	}, nil)
}

// producing is shown for a body of never.
const producing = "\ncooperative tasks (1)\nrequest.(*CooperativeProducer).StartProducing.func2: waiting for its Deferred"

// Each phase of a request has a line, with the URL without its secrets and with its age.
func TestInspectPhases(t *testing.T) {
	const here = ", over 10.0.0.1:49152 -> 192.0.2.1:80"
	for _, test := range []struct {
		name     string
		freeze   func(t *testing.T, f *frozen)
		requests []string
		pool     string
	}{
		{"nothing", func(*testing.T, *frozen) {}, nil, ""},
		{"looking up", func(t *testing.T, f *frozen) {
			f.r.InstallNameResolver(silentNames{})
			f.get(t, "http://user:password@a.example/x?token=abc&page=2")
		}, []string{"GET http://user:xxxxx@a.example/x?token=xxxxx&page=2: looking up the name, 1.5s old"},
			"http://a.example: 0 idle, 0 busy, 1 being made, 0 waiting"},
		{"connecting", func(t *testing.T, f *frozen) {
			f.r.HoldConnects()
			f.get(t, "http://203.0.113.1/")
		}, []string{"GET http://203.0.113.1/: connecting, 1.5s old"},
			"http://203.0.113.1: 0 idle, 0 busy, 1 being made, 0 waiting"},
		{"shaking hands", func(t *testing.T, f *frozen) {
			f.get(t, "https://a.example/")
		}, []string{"GET https://a.example/: shaking hands, 1.5s old"},
			"https://a.example: 0 idle, 0 busy, 1 being made, 0 waiting"},
		{"waiting for a connection", func(t *testing.T, f *frozen) {
			f.pool = agent.NewPool(f.r, agent.PoolConfig{MaxConnectionsPerHost: 1})
			f.get(t, "http://a.example/1")
			f.r.Advance(time.Second)
			f.get(t, "http://a.example/2")
			f.get(t, "http://a.example/3")
		}, []string{
			"GET http://a.example/1: waiting for the response, 2.5s old" + here,
			"GET http://a.example/2: waiting for a connection, 1.5s old",
			"GET http://a.example/3: waiting for a connection, 1.5s old",
		}, "http://a.example, HTTP/1: 0 idle, 1 busy, 0 being made, at most 1, 2 waiting"},
		{"connecting to a proxy", func(t *testing.T, f *frozen) {
			f.r.HoldConnects()
			f.config.Proxy = agent.ProxyURL("http://user:password@203.0.113.1:3128")
			f.get(t, "http://a.example/")
		}, []string{"GET http://a.example/: connecting through the proxy http://user:xxxxx@203.0.113.1:3128, 1.5s old"},
			"http://a.example through the proxy http://user:xxxxx@203.0.113.1:3128: 0 idle, 0 busy, 1 being made, 0 waiting"},
		{"waiting for a tunnel", func(t *testing.T, f *frozen) {
			f.config.Proxy = agent.ProxyURL("http://proxy.example:80")
			f.get(t, "https://a.example/")
		}, []string{"GET https://a.example/: waiting for a tunnel through the proxy http://proxy.example:80, 1.5s old"},
			"https://a.example through the proxy http://proxy.example:80: 0 idle, 0 busy, 1 being made, 0 waiting"},
		{"shaking hands in a tunnel", func(t *testing.T, f *frozen) {
			f.server.Accept = func(c *rawserver.Conn) {
				c.Data = func([]byte) {
					c.Write([]byte("HTTP/1.1 200 OK\r\n\r\n"))
					c.Data = nil
				}
			}
			f.config.Proxy = agent.ProxyURL("http://proxy.example:80")
			f.get(t, "https://a.example/")
		}, []string{"GET https://a.example/: shaking hands through the proxy http://proxy.example:80, 1.5s old"},
			"https://a.example through the proxy http://proxy.example:80: 0 idle, 0 busy, 1 being made, 0 waiting"},
		{"shaking hands with the proxy", func(t *testing.T, f *frozen) {
			f.config.Proxy = agent.ProxyURL("https://proxy.example:443")
			f.get(t, "https://a.example/")
		}, []string{"GET https://a.example/: shaking hands through the proxy https://proxy.example:443, 1.5s old"},
			"https://a.example through the proxy https://proxy.example:443: 0 idle, 0 busy, 1 being made, 0 waiting"},
		{"connecting to a SOCKS5 server", func(t *testing.T, f *frozen) {
			f.r.HoldConnects()
			f.config.Proxy = agent.ProxyURL("socks5h://203.0.113.1:80")
			f.get(t, "http://a.example/")
		}, []string{"GET http://a.example/: connecting through the proxy socks5h://203.0.113.1:80, 1.5s old"},
			"http://a.example through the proxy socks5h://203.0.113.1:80: 0 idle, 0 busy, 1 being made, 0 waiting"},
		{"waiting for a SOCKS5 server", func(t *testing.T, f *frozen) {
			f.config.Proxy = agent.ProxyURL("socks5h://proxy.example:80")
			f.get(t, "http://a.example/")
		}, []string{"GET http://a.example/: waiting for a tunnel through the proxy socks5h://proxy.example:80, 1.5s old"},
			"http://a.example through the proxy socks5h://proxy.example:80: 0 idle, 0 busy, 1 being made, 0 waiting"},
		{"waiting for a 100", func(t *testing.T, f *frozen) {
			req := newRequest("POST", "http://a.example/")
			req.Body, req.ExpectContinue = request.Bytes("hello"), time.Minute
			f.send(t, req)
		}, []string{"POST http://a.example/: waiting for a 100 before its body is sent, 1.5s old" + here},
			"http://a.example, HTTP/1: 0 idle, 1 busy, 0 being made, 0 waiting"},
		{"sending bytes", func(t *testing.T, f *frozen) {
			f.server.Accept = func(c *rawserver.Conn) { c.PauseProducing() }
			req := newRequest("POST", "http://a.example/")
			req.Body = request.Bytes(strings.Repeat("x", 10<<20))
			f.send(t, req)
		}, []string{"POST http://a.example/: sending its body, 126976 of 10485760 bytes so far, 1.5s old" + here},
			"http://a.example, HTTP/1: 0 idle, 1 busy, 0 being made, 0 waiting"},
		{"sending a producer's bytes", func(t *testing.T, f *frozen) {
			req := newRequest("POST", "http://a.example/")
			req.Body = never(100)
			f.send(t, req)
		}, []string{"POST http://a.example/: sending its body, 5 of 100 bytes so far, 1.5s old" + here},
			"http://a.example, HTTP/1: 0 idle, 1 busy, 0 being made, 0 waiting" + producing},
		{"sending a producer's bytes of unknown length", func(t *testing.T, f *frozen) {
			req := newRequest("POST", "http://a.example/")
			req.Body = never(request.UnknownLength)
			f.send(t, req)
		}, []string{"POST http://a.example/: sending its body, 5 bytes so far, 1.5s old" + here},
			"http://a.example, HTTP/1: 0 idle, 1 busy, 0 being made, 0 waiting" + producing},
		{"reading", func(t *testing.T, f *frozen) {
			d := f.get(t, "http://a.example/")
			d.AddCallback(func(r *response.Response) (*response.Response, error) { return r, r.DeliverBody(f) })
			f.server.Conn(0).Send("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhello")
		}, []string{"GET http://a.example/: reading the body, 5 of 100 bytes so far, 1.5s old" + here},
			"http://a.example, HTTP/1: 0 idle, 1 busy, 0 being made, 0 waiting"},
		{"reading without a length, paused", func(t *testing.T, f *frozen) {
			d := f.get(t, "http://a.example/")
			d.AddCallback(func(r *response.Response) (*response.Response, error) { return r, r.DeliverBody(f) })
			f.server.Conn(0).Send("HTTP/1.1 200 OK\r\n\r\nhello")
			f.body.PauseProducing()
		}, []string{"GET http://a.example/: reading the body, 5 bytes so far, paused by its reader, 1.5s old" + here},
			"http://a.example, HTTP/1: 0 idle, 1 busy, 0 being made, 0 waiting"},
		{"unread", func(t *testing.T, f *frozen) {
			var kept *response.Response
			d := f.get(t, "http://a.example/")
			d.AddCallback(func(r *response.Response) (*response.Response, error) { kept = r; return r, nil })
			t.Cleanup(func() { kept.DeliverBody(f) })
			f.server.Conn(0).Send("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhello")
		}, []string{"GET http://a.example/: reading the body, 5 of 100 bytes so far, nobody reads it, 1.5s old" + here},
			"http://a.example, HTTP/1: 0 idle, 1 busy, 0 being made, 0 waiting"},
		{"idle", func(t *testing.T, f *frozen) {
			d := f.get(t, "http://a.example/")
			d.AddCallback(func(r *response.Response) (*response.Response, error) { return r, r.DeliverBody(f) })
			f.server.Conn(0).Send(okHello)
		}, nil, "http://a.example, HTTP/1: 1 idle, 0 busy, 0 being made, 0 waiting"},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := memory.New()
			f := &frozen{r: r, server: rawserver.Listen(t, r, "80", "443"), pool: agent.NewPool(r, agent.PoolConfig{})}
			f.config.TLS = agent.NewTLSPolicy(&tls.Config{})
			t.Cleanup(func() {
				for _, c := range f.server.Conns {
					c.AbortConnection()
				}
				r.Pump()
				wantInspected(t, r) // nothing is pending
			})
			test.freeze(t, f)
			r.Advance(1500 * time.Millisecond)
			var want []string
			if n := len(test.requests); n != 0 {
				want = append(append(want, "requests ("+string(rune('0'+n))+")"), test.requests...)
			}
			if test.pool != "" {
				want = append(want, "pool (1)", test.pool)
			}
			wantInspected(t, r, want...)
		})
	}
}

// wantInspected checks the lines of what r's inspectables show, without their indentation.
func wantInspected(t *testing.T, r reactor.Reactor, want ...string) {
	t.Helper()
	var got []string
	for _, text := range reactor.Inspect(r) {
		for line := range strings.Lines(text) {
			got = append(got, strings.TrimSpace(line))
		}
	}
	if g, w := strings.Join(got, "\n"), strings.Join(want, "\n"); g != w {
		t.Errorf("got\n%s\nwant\n%s", g, w)
	}
}

// The phases over HTTP/2, whose requests share a connection.
func TestInspectHTTP2(t *testing.T) {
	const here = ", over 10.0.0.1:49152 -> 192.0.2.1:80"
	w := newHTTP2World(t, agent.PoolConfig{})
	var results []*deferred.Deferred[*response.Response]
	send := func(req *request.Request) {
		d := w.send(req)
		d.AddErrback(func(error) (*response.Response, error) { return nil, nil })
		results = append(results, d)
		w.r.Advance(time.Second)
	}
	send(newRequest("GET", "http://a.example/1"))
	c := w.conn(0)
	post := newRequest("POST", "http://a.example/2")
	post.Body = never(request.UnknownLength)
	send(post)
	large := newRequest("POST", "http://a.example/3")
	large.Body = request.Bytes(strings.Repeat("x", 70<<10))
	w.conn(0).served[0].slow = true
	send(large)
	var body frozen
	read := newRequest("GET", "http://a.example/4")
	send(read)
	results[3].AddCallback(func(r *response.Response) (*response.Response, error) { return r, r.DeliverBody(&body) })
	c.do(func() {
		s := c.request(3)
		s.respond(200, false, "Content-Length", "100")
		s.write("hello", false)
	})
	body.body.PauseProducing()
	wantInspected(t, w.r, "requests (4)",
		"GET http://a.example/1: waiting for the response, 4s old"+here+", stream 1",
		"POST http://a.example/2: sending its body, 5 bytes so far, 3s old"+here+", stream 3",
		"POST http://a.example/3: waiting for the response, 2s old"+here+", stream 5",
		"GET http://a.example/4: reading the body, 5 of 100 bytes so far, paused by its reader, 1s old"+here+", stream 7",
		"pool (1)", "http://a.example, HTTP/2: 0 idle, 1 busy, 0 being made, 4 streams, 0 waiting"+producing)
	body.body.StopProducing()
	for _, d := range results {
		d.Cancel()
	}
	w.r.Pump()
	wantInspected(t, w.r, "pool (1)", "http://a.example, HTTP/2: 1 idle, 0 busy, 0 being made, 0 streams, 0 waiting")
}

// A request that waits to be tried again is shown, with the reason.
func TestInspectRetry(t *testing.T) {
	w := newWorld(t, agent.PoolConfig{})
	w.Accept = func(c *rawConn) { c.AbortConnection() }
	a := agent.NewRetryAgent(w.r, w.agent, agent.RetryConfig{FirstWait: time.Hour, MaxWait: time.Hour})
	d := a.Request(newRequest("GET", "http://a.example/?token=abc"))
	d.AddErrback(func(error) (*response.Response, error) { return nil, nil })
	w.r.Pump()
	w.r.Advance(time.Second)
	text := strings.Join(reactor.Inspect(w.r), "")
	if !strings.HasPrefix(text, "requests to be tried again (1)\n  GET http://a.example/?token=xxxxx: waiting to be tried again for ") ||
		!strings.Contains(text, ", until 00:") || !strings.Contains(text, ", after 1 tries, the last: GET http://a.example/?token=xxxxx: ") {
		t.Errorf("got %s", text)
	}
	d.Cancel()
	w.r.Pump()
	wantInspected(t, w.r)
}

// The hosts of a Limiter are shown while requests wait for their turn or are under way.
func TestInspectLimiter(t *testing.T) {
	w := newWorld(t, agent.PoolConfig{})
	limiter := agent.NewLimiter(w.r, agent.LimitConfig{PerHost: agent.Limit{Concurrent: 1}})
	a := agent.NewLimitAgent(w.agent, limiter)
	var results []*deferred.Deferred[*response.Response]
	for _, url := range []string{"http://b.example/", "http://a.example/", "http://a.example/", "http://a.example:8080/"} {
		d := a.Request(newRequest("GET", url))
		d.AddErrback(func(error) (*response.Response, error) { return nil, nil })
		results = append(results, d)
	}
	w.r.Pump()
	if got, want := reactor.Inspect(w.r)[0], `limits of requests (3)
  a.example: 1 waiting for their turn, 1 under way
  a.example:8080: 0 waiting for their turn, 1 under way
  b.example: 0 waiting for their turn, 1 under way
`; got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	for _, d := range results {
		d.Cancel()
	}
	w.r.Pump()
	wantInspected(t, w.r)
}
