package agent_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/deferred/deferredtest"
	"github.com/seed-7c003b53/gotreq/internal/testkit/bodytest"
	"github.com/seed-7c003b53/gotreq/treq/agent"
	"github.com/seed-7c003b53/gotreq/treq/request"
	"github.com/seed-7c003b53/gotreq/treq/response"
	"github.com/seed-7c003b53/gotreq/treq/wire"
)

// This file has what programs and servers seldom do over HTTP/2.

// TestHTTP2GiveUp has every state of a request in which the program may give it up. Another request on
// the connection goes on, and nothing is left; see http2World.end.
func TestHTTP2GiveUp(t *testing.T) {
	type given struct {
		w     *http2World
		other *deferred.Deferred[*response.Response]
		d     *deferred.Deferred[*response.Response] // of the request that is given up
		p     *producer
		body  bodytest.Reader
	}
	with := func(g *given) *request.Request {
		req := newRequest("PUT", "http://a.example/given")
		req.Body = g.p
		return req
	}
	answered := func(g *given, pause bool, bodies ...string) {
		g.d = g.w.get("/given")
		if pause {
			g.body.OnMade = func() { g.body.PauseProducing() }
		}
		g.d.AddCallback(func(r *response.Response) (*response.Response, error) {
			if len(bodies) != 0 {
				r.DeliverBody(&g.body)
			}
			return r, nil
		})
		c := g.w.conn(0)
		c.do(func() {
			s := c.request(1)
			s.respond(200, false)
			for i, text := range bodies {
				s.write(text, pause && i == len(bodies)-1)
			}
		})
	}
	stop := func(g *given) { g.body.StopProducing() }
	cancel := func(g *given) { g.d.Cancel() }
	for _, test := range []struct {
		name  string
		alone bool // the other request comes later
		begin func(g *given)
		end   func(g *given)
		told  string // what the producer was told
		reset bool   // the server learns of it
	}{
		{"connecting", true, func(g *given) { g.d = g.w.agent.Request(with(g)) }, cancel, "stop", false},
		{"behind the first attempt", true, func(g *given) {
			g.other = g.w.agent.Request(newRequest("GET", "http://a.example/other"))
			g.d = g.w.agent.Request(with(g))
		}, cancel, "stop", false},
		{"the first of several", true, func(g *given) {
			g.d = g.w.agent.Request(with(g))
			g.other = g.w.agent.Request(newRequest("GET", "http://a.example/other"))
		}, cancel, "stop", false},
		{"waits for a stream", false, func(g *given) {
			c := g.w.conn(0)
			c.Write([]byte{0, 0, 6, 4, 0, 0, 0, 0, 0, 0, 3, 0, 0, 0, 1})
			g.w.r.Pump()
			g.d = g.w.send(with(g))
		}, cancel, "stop", false},
		{"waits for a 100", false, func(g *given) {
			req := with(g)
			req.ExpectContinue = time.Minute
			g.d = g.w.send(req)
		}, cancel, "stop", true},
		{"the upload is paused", false, func(g *given) {
			g.w.answer = func(s *http2Served) { s.slow = true }
			g.p.writes, g.p.open = []string{strings.Repeat("x", 100_000)}, true
			g.d = g.w.send(with(g))
		}, cancel, "pause stop", true},
		{"the upload is over", false, func(g *given) {
			g.p.writes = []string{"text"}
			g.d = g.w.send(with(g))
		}, cancel, "", true},
		{"the head is received", false, func(g *given) { answered(g, false) }, func(g *given) {
			deferredtest.SuccessResultOf(t, g.d).DeliverBody(&g.body)
			stop(g)
		}, "", true},
		{"half of the body", false, func(g *given) { answered(g, false, "text") }, stop, "", true},
		{"a part is held", false, func(g *given) { answered(g, true, "text", "more", "") }, stop, "", false},
		{"it is sent again after GOAWAY", false, func(g *given) {
			req := with(g)
			req.Body = request.Bytes("text")
			g.d = g.w.send(req)
			c := g.w.conn(0)
			g.w.r.HoldConnects()
			c.Write([]byte{0, 0, 8, 7, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0})
			g.w.r.Pump()
			if n := len(g.w.r.HeldConnects()); n != 1 {
				g.w.t.Errorf("%d attempts to connect", n)
			}
		}, cancel, "", false},
	} {
		t.Run(test.name, func(t *testing.T) {
			g := &given{w: newHTTP2World(t, agent.PoolConfig{MaxConnectionsPerHost: 2}), p: &producer{length: -1}}
			if test.name == "waits for a stream" {
				g.w.pool = agent.NewPool(g.w.r, agent.PoolConfig{MaxConnectionsPerHost: 1})
				g.w.use(agent.Config{})
			}
			if !test.alone {
				g.other = g.w.get("/other")
			}
			test.begin(g)
			test.end(g)
			if len(g.body.Told) == 0 {
				if err := deferredtest.FailureResultOf(t, g.d); !errors.Is(err, deferred.ErrCancelled) {
					t.Error(err)
				}
			} else if len(g.body.Lost) != 0 && g.body.Err() == nil {
				t.Error("the body has no end")
			}
			g.w.r.ReleaseConnects()
			g.w.r.Pump()
			if len(g.body.Told) != 0 && len(g.body.Lost) != 1 {
				t.Errorf("the reader was told %q", g.body.Told)
			}
			g.p.wantTold(t, test.told)
			reset := false
			g.w.answer = nil
			for _, c := range g.w.conns {
				for _, s := range c.served {
					reset = reset || s.head.Path == "/given" && s.reset != nil && s.reset.Code == wire.Cancel
				}
			}
			if reset != test.reset {
				t.Errorf("reset: %t", reset)
			}
			if g.other == nil {
				g.other = g.w.get("/other")
			}
			for _, c := range g.w.conns {
				for _, s := range c.served {
					if s.head.Path == "/other" && !s.stream.Closed() {
						c.do(func() { greet(s) })
					}
				}
			}
			g.w.wantBody(g.other, "hello")
			if len(g.w.conns) > 2 {
				t.Errorf("%d connections", len(g.w.conns))
			}
		})
	}
}

// TestHTTP2Callbacks: a callback within any event may panic, cancel all requests of the connection, or
// send more.
func TestHTTP2Callbacks(t *testing.T) {
	acts := map[string]func(w *http2World, all []*deferred.Deferred[*response.Response], more *[]*deferred.Deferred[*response.Response]){
		"panics": func(*http2World, []*deferred.Deferred[*response.Response], *[]*deferred.Deferred[*response.Response]) {
			panic("odd")
		},
		"cancels all": func(w *http2World, all []*deferred.Deferred[*response.Response], _ *[]*deferred.Deferred[*response.Response]) {
			for _, d := range all {
				d.Cancel()
			}
		},
		"sends more": func(w *http2World, _ []*deferred.Deferred[*response.Response], more *[]*deferred.Deferred[*response.Response]) {
			if len(*more) < 40 {
				for range 10 {
					*more = append(*more, w.agent.Request(newRequest("GET", "http://a.example/more")))
				}
			}
		},
		"closes what is cached": func(w *http2World, _ []*deferred.Deferred[*response.Response], _ *[]*deferred.Deferred[*response.Response]) {
			w.pool.CloseCachedConnections()
		},
	}
	for _, event := range []string{"hook", "written", "interim", "head", "data", "end", "reset", "lost"} {
		for name, act := range acts {
			t.Run(event+" "+name, func(t *testing.T) {
				w := newHTTP2World(t, agent.PoolConfig{MaxConnectionsPerHost: 2})
				w.config.MaxStreams = 5
				var all, more []*deferred.Deferred[*response.Response]
				ready := false // the first request brings the settings
				now := func() {
					if ready {
						act(w, all, &more)
					}
				}
				w.answer = func(s *http2Served) {
					switch {
					case s.head.Path == "/settings" || s.head.Path == "/more":
						greet(s)
					case event == "reset":
						s.c.machine.Reset(&s.stream, wire.InternalError)
					case event == "lost":
						w.r.CallLater(0, s.c.AbortConnection)
					default:
						s.c.machine.Inform(&s.stream, 103, nil)
						greet(s)
					}
				}
				w.wantBody(w.get("/settings"), "hello")
				ready = true
				readers := make([]bodytest.Reader, 4)
				for i := range readers {
					req := newRequest("POST", "http://a.example/")
					switch event {
					case "hook":
						req.Context = httptrace.WithClientTrace(context.Background(), &httptrace.ClientTrace{GotConn: func(httptrace.GotConnInfo) { now() }})
					case "written":
						req.Context = httptrace.WithClientTrace(context.Background(), &httptrace.ClientTrace{WroteRequest: func(httptrace.WroteRequestInfo) { now() }})
					case "interim":
						req.Informational = func(int, http.Header) { now() }
					case "data":
						readers[i].OnData = func(string) { now() }
					case "end":
						readers[i].OnLost = now
					}
					d := w.agent.Request(req)
					all = append(all, d)
					d.AddBoth(func(r *response.Response, err error) (*response.Response, error) {
						if err == nil {
							r.DeliverBody(&readers[i])
						}
						if event == "head" || err != nil && (event == "reset" || event == "lost") {
							now()
						}
						return r, err
					})
				}
				w.r.RunFor(time.Second)
				for i, d := range all {
					if !d.Called() {
						t.Errorf("request %d hangs", i)
					}
					d.AddErrback(func(error) (*response.Response, error) { return nil, nil })
					if r := &readers[i]; r.Made != len(r.Lost) {
						t.Errorf("body %d was told %q", i, r.Told)
					}
				}
				for i, d := range more {
					if !d.Called() {
						t.Errorf("request %d of those that the callback sent hangs", i)
						continue
					}
					w.wantBody(d, "hello")
				}
				w.wantBody(w.get("/more"), "hello")
				if len(w.conns) > 6 {
					t.Errorf("%d connections", len(w.conns))
				}
			})
		}
	}
}

// TestHTTP2LoadIsBounded counts how often requests are sent that the server does not process.
func TestHTTP2LoadIsBounded(t *testing.T) {
	for _, test := range []struct {
		name   string
		refuse func(s *http2Served)
		sent   int // at most, by each try: the first, five more, and one before the settings are known
	}{
		{"refused", func(s *http2Served) { s.c.machine.Reset(&s.stream, wire.RefusedStream) }, 7},
		{"GOAWAY", func(s *http2Served) {
			s.c.flush()
			s.c.Write([]byte{0, 0, 8, 7, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0})
			s.c.LoseConnection()
		}, 6},
		{"no streams, and refused", func(s *http2Served) {
			s.c.Write([]byte{0, 0, 6, 4, 0, 0, 0, 0, 0, 0, 3, 0, 0, 0, 0})
			s.c.machine.Reset(&s.stream, wire.RefusedStream)
		}, 7},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := newHTTP2World(t, agent.PoolConfig{})
			count := 0
			w.answer = func(s *http2Served) { count++; test.refuse(s) }
			limited := agent.NewLimitAgent(w.agent, agent.NewLimiter(w.r, agent.LimitConfig{PerHost: agent.Limit{Concurrent: 1}}))
			tries := 0
			retrying := agent.NewRetryAgent(w.r, limited, agent.RetryConfig{Retries: 2, OnRetry: func(agent.Try) { tries++ }})
			d := retrying.Request(newRequest("POST", "http://a.example/"))
			w.r.RunFor(10 * time.Minute)
			err := deferredtest.FailureResultOf(t, d)
			var named *agent.RequestError
			if !errors.As(err, &named) || !named.NotSent || !agent.Temporary(err) {
				t.Errorf("got %v", err)
			}
			if tries > 3 || count > test.sent*3 || len(w.conns) > test.sent*3 {
				t.Errorf("%d retries, %d requests, %d connections", tries, count, len(w.conns))
			}
			t.Logf("%d retries, %d requests, %d connections", tries, count, len(w.conns))
		})
	}
}

// TestHTTP2Persistence has what a Pool does with connections that may carry few requests.
func TestHTTP2Persistence(t *testing.T) {
	t.Run("none", func(t *testing.T) {
		w := newHTTP2World(t, agent.PoolConfig{DisablePersistent: true})
		w.answer = greet
		var all []*deferred.Deferred[*response.Response]
		for range 4 {
			all = append(all, w.agent.Request(newRequest("GET", "http://a.example/")))
		}
		w.r.Pump()
		for _, d := range all {
			w.wantBody(d, "hello")
		}
		for i, c := range w.conns {
			if len(c.served) != 1 || c.lost == nil {
				t.Errorf("connection %d carried %d requests, %v", i, len(c.served), c.lost)
			}
		}
		if len(w.conns) != 4 {
			t.Errorf("%d connections", len(w.conns))
		}
	})
	t.Run("one stream on one connection", func(t *testing.T) {
		w := newHTTP2World(t, agent.PoolConfig{MaxConnectionsPerHost: 1})
		w.config.MaxStreams = 1
		order := ""
		w.answer = func(s *http2Served) { order += s.head.Path; greet(s) }
		var all []*deferred.Deferred[*response.Response]
		for i := range 9 {
			all = append(all, w.agent.Request(newRequest("GET", fmt.Sprintf("http://a.example/%d", i))))
		}
		w.r.Pump()
		for _, d := range all {
			w.wantBody(d, "hello")
		}
		if len(w.conns) != 1 || order != "/0/1/2/3/4/5/6/7/8" {
			t.Errorf("%d connections, %s", len(w.conns), order)
		}
	})
	t.Run("closed while streams are open", func(t *testing.T) {
		w := newHTTP2World(t, agent.PoolConfig{})
		d := w.get("/")
		closed := w.pool.CloseCachedConnections()
		w.r.Pump()
		deferredtest.SuccessResultOf(t, closed)
		w.wantStreams(1)
		w.conn(0).do(func() { greet(w.conn(0).request(0)) })
		w.wantBody(d, "hello")
		w.wantStreams(0)
	})
	t.Run("two agents", func(t *testing.T) {
		w := newHTTP2World(t, agent.PoolConfig{})
		w.answer = greet
		same := agent.New(w.r, agent.Config{Pool: w.pool, Protocols: priorKnowledge()})
		limited := agent.New(w.r, agent.Config{Pool: w.pool, Protocols: priorKnowledge(), Limits: wire.Limits{HeaderCount: 7}})
		local := agent.New(w.r, agent.Config{Pool: w.pool, Protocols: priorKnowledge(), LocalAddress: "192.0.2.9:0"})
		for i, a := range []*agent.Agent{w.agent, same, limited, local, same} {
			d := a.Request(newRequest("GET", "http://a.example/"))
			w.wantBody(d, "hello")
			if want := []int{1, 1, 2, 3, 3}[i]; len(w.conns) != want {
				t.Errorf("agent %d: %d connections, want %d", i, len(w.conns), want)
			}
		}
		other := agent.New(w.r, agent.Config{Pool: w.pool}) // speaks HTTP/1.1 to http
		d := other.Request(newRequest("GET", "http://a.example/"))
		w.r.Pump()
		if deferredtest.FailureResultOf(t, d); len(w.conns) != 4 {
			t.Errorf("%d connections", len(w.conns))
		}
	})
}

// TestHTTP2Messages has messages that are odd, and what becomes of them.
func TestHTTP2Messages(t *testing.T) {
	for _, test := range []struct {
		name   string
		change func(r *request.Request)
		answer func(s *http2Served)
		want   string // the result
	}{
		{"HEAD with trailers", func(r *request.Request) { r.Method = "HEAD" }, func(s *http2Served) {
			s.respond(200, false, "Content-Length", "5", "Trailer", "X-A")
			s.c.machine.WriteTrailer(&s.stream, http.Header{"X-A": {"1"}})
		}, `200 "" map[X-A:[1]]`},
		{"204 with trailers", nil, func(s *http2Served) {
			s.respond(204, false)
			s.c.machine.WriteTrailer(&s.stream, http.Header{"X-A": {"1"}})
		}, `204 "" map[X-A:[1]]`},
		{"304 with trailers", nil, func(s *http2Served) {
			s.respond(304, false, "Content-Length", "5")
			s.c.machine.WriteTrailer(&s.stream, http.Header{"X-A": {"1"}})
		}, `304 "" map[X-A:[1]]`},
		{"another Host", func(r *request.Request) { r.Header.Set("Host", "b.example:8") }, func(s *http2Served) {
			s.respond(200, true, "X-Got", s.head.Header.Get("Host"))
		}, `200 "" map[] b.example:8`},
		{"user info", func(r *request.Request) { r.URL.User = url.UserPassword("a", "b") }, func(s *http2Served) {
			s.respond(200, true, "X-Got", s.head.Authority)
		}, `200 "" map[] a.example`},
		{"421 on its own connection", nil, func(s *http2Served) { s.respond(421, true) }, `421 "" map[]`},
		{"Expect and 417", func(r *request.Request) {
			r.Method, r.Body, r.ExpectContinue = "PUT", request.Bytes("text"), time.Minute
		}, func(s *http2Served) {
			if s.head.Header.Get("Expect") != "" || s.head.Expect100 {
				s.respond(417, true)
				return
			}
			s.respond(200, true, "X-Got", fmt.Sprint(s.head.Length))
		}, `200 "" map[] 4`},
		{"417 without Expect", nil, func(s *http2Served) { s.respond(417, true) }, `417 "" map[]`},
		{"417 again and again", func(r *request.Request) {
			r.Method, r.Body, r.ExpectContinue = "PUT", request.Bytes("text"), time.Minute
		}, func(s *http2Served) { s.respond(417, true) }, `417 "" map[]`},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := newHTTP2World(t, agent.PoolConfig{})
			w.answer = test.answer
			for range 2 {
				req := newRequest("GET", "http://a.example/")
				if test.change != nil {
					test.change(req)
				}
				resp := deferredtest.SuccessResultOf(t, w.send(req))
				body := resp.Content()
				w.r.Pump()
				got := fmt.Sprintf("%d %q %v", resp.Code, deferredtest.SuccessResultOf(t, body), resp.Trailer)
				if x := resp.Header.Get("X-Got"); x != "" {
					got += " " + x
				}
				if got != test.want {
					t.Errorf("got %s, want %s", got, test.want)
				}
			}
			w.wantStreams(0)
			if len(w.conns) != 1 {
				t.Errorf("%d connections", len(w.conns))
			}
		})
	}
}

// TestHTTP2Producers has bodies that do not keep to their word. The request fails, its stream is reset,
// and the connection goes on.
func TestHTTP2Producers(t *testing.T) {
	boom := errors.New("boom")
	for _, test := range []struct {
		name string
		p    *producer
		then func(p *producer)
		is   error
		told string
	}{
		{"fails at once", &producer{length: 5, start: func(p *producer) { p.done.Errback(boom) }}, nil, boom, ""},
		{"fails later", &producer{length: -1, writes: []string{"he"}, open: true}, func(p *producer) { p.done.Errback(boom) }, boom, ""},
		{"panics", &producer{length: 5, start: func(*producer) { panic(boom) }}, nil, boom, ""},
		{"too few", &producer{length: 5, writes: []string{"hell"}}, nil, nil, ""},
		{"too many", &producer{length: 5, writes: []string{"hello", "!", "more"}}, nil, nil, "stop"},
		{"too many later", &producer{length: 5, writes: []string{"hello"}, open: true}, func(p *producer) { p.to.Write([]byte("!")) }, nil, "stop"},
		{"too many, paused", &producer{length: 70_000, writes: []string{strings.Repeat("x", 69_999), "xx"}, open: true}, nil, nil, "pause stop"},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := newHTTP2World(t, agent.PoolConfig{})
			other := w.get("/other")
			w.answer = func(s *http2Served) { s.slow = true }
			req := newRequest("PUT", "http://a.example/")
			req.Body = test.p
			d := w.send(req)
			if test.then != nil {
				test.then(test.p)
				w.r.Pump()
			}
			err := deferredtest.FailureResultOf(t, d)
			if !errors.As(err, new(*agent.GenerationError)) || test.is != nil && !errors.Is(err, test.is) ||
				test.is == nil && !errors.As(err, new(*agent.WrongLengthError)) {
				t.Errorf("got %v", err)
			}
			test.p.wantTold(t, test.told)
			c := w.conn(0)
			if s := c.request(1); s.reset == nil || s.reset.Code != wire.Cancel || s.ended {
				t.Errorf("reset by %v, ended %t", s.reset, s.ended)
			}
			c.do(func() { greet(c.request(0)) })
			w.wantBody(other, "hello")
		})
	}
	t.Run("writes after the end", func(t *testing.T) {
		w := newHTTP2World(t, agent.PoolConfig{})
		p := &producer{length: -1, writes: []string{"text"}}
		req := newRequest("PUT", "http://a.example/")
		req.Body = p
		d := w.send(req)
		p.to.Write([]byte("more"))
		w.r.Pump()
		s := w.conn(0).request(0)
		if string(s.body) != "text" || !s.ended {
			t.Errorf("the server got %q, ended %t", s.body, s.ended)
		}
		s.c.do(func() { greet(s) })
		w.wantBody(d, "hello")
		p.to.Write([]byte("more"))
		w.r.Pump()
		w.wantStreams(0)
	})
}

// TestExtendedConnectsTogether: requests that wait for the server's settings keep to its limit.
func TestExtendedConnectsTogether(t *testing.T) {
	w := newHTTP2World(t, agent.PoolConfig{MaxConnectionsPerHost: 1})
	w.config.MaxStreams, w.config.ConnectProtocol = 1, true
	w.answer = func(s *http2Served) { s.respond(403, true) }
	var all []*deferred.Deferred[*response.Response]
	for range 4 {
		all = append(all, w.agent.Request(extended("websocket")))
	}
	w.r.Pump()
	for _, d := range all {
		if resp := deferredtest.SuccessResultOf(t, d); resp.Code != 403 {
			t.Errorf("got %v", resp)
		}
	}
	c := w.conn(0)
	for i, s := range c.served {
		if id := uint32(2*i + 1); s.stream.ID() != id { // one beyond the limit would have taken a number
			t.Errorf("request %d is stream %d, want %d", i, s.stream.ID(), id)
		}
	}
	if len(c.served) != 4 || len(w.conns) != 1 {
		t.Errorf("%d requests on %d connections", len(c.served), len(w.conns))
	}
}
