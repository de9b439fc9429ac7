package agent_test

import (
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/internal/testkit/rawserver"
	"github.com/seed-7c003b53/gotreq/reactor"
	"github.com/seed-7c003b53/gotreq/reactor/endpoints"
	"github.com/seed-7c003b53/gotreq/treq/agent"
	"github.com/seed-7c003b53/gotreq/treq/auth"
	"github.com/seed-7c003b53/gotreq/treq/request"
	"github.com/seed-7c003b53/gotreq/treq/response"
)

// A counted body counts its starts and stops.
type counted struct {
	producer
	started, stopped int
}

func newCounted(length int64) *counted {
	c := &counted{producer: producer{length: length}}
	c.start = func(*producer) { c.started++ }
	c.stop = func() { c.stopped++ }
	return c
}

// TestEveryBodyIsStartedOrStopped has the ways in which a request can end. A body that is
// not started may hold a file, which StopProducing closes.
func TestEveryBodyIsStartedOrStopped(t *testing.T) {
	type ending struct {
		name   string
		before func(w *world) // prepares the world, or nil
		change func(r *request.Request)
		then   func(w *world, d *deferred.Deferred[*response.Response]) // after the request, or nil
		starts int
		stops  int
	}
	sent := func(text string) func(w *world, _ *deferred.Deferred[*response.Response]) {
		return func(w *world, _ *deferred.Deferred[*response.Response]) { w.Conn(0).Send(text) }
	}
	cancel := func(_ *world, d *deferred.Deferred[*response.Response]) { d.Cancel() }
	expect := func(r *request.Request) { r.ExpectContinue = time.Second }
	secure := func(r *request.Request) { r.URL.Scheme = "https" }
	proxied := func(w *world) {
		w.agent, _ = agent.NewProxyAgent(w.r, "http://proxy.example:8080", agent.Config{Pool: w.pool})
	}
	full := func(w *world) {
		w.pool = agent.NewPool(w.r, agent.PoolConfig{MaxConnectionsPerHost: 1})
		w.agent = agent.New(w.r, agent.Config{Pool: w.pool})
		first := w.get("http://a.example/first")
		first.AddBoth(func(*response.Response, error) (*response.Response, error) { return nil, nil })
		w.t.Cleanup(func() {
			if w.Conn(0).Lost == nil {
				w.Conn(0).Abort()
			}
		})
	}
	factory := func(connect func(reactor.Factory) *deferred.Deferred[reactor.Protocol]) func(w *world) {
		return func(w *world) {
			w.agent = agent.New(w.r, agent.Config{Pool: w.pool, Endpoint: func(*url.URL) (endpoints.ClientEndpoint, error) {
				return endpointFunc(connect), nil
			}})
		}
	}
	for _, test := range []ending{
		{"answered", nil, nil, sent(okHello), 1, 0},
		{"no URL", nil, func(r *request.Request) { r.URL = nil }, nil, 0, 1},
		{"no host", nil, func(r *request.Request) { r.URL.Host = "" }, nil, 0, 1},
		{"an unknown scheme", nil, func(r *request.Request) { r.URL.Scheme = "ftp" }, nil, 0, 1},
		{"a bad header", nil, func(r *request.Request) { r.Header.Set("A", "\r\n") }, nil, 0, 1},
		{"an unknown name", func(w *world) { w.r.AddHost("a.example") }, nil, nil, 0, 1},
		{"connection refused", nil, func(r *request.Request) { r.URL.Host = "a.example:81" }, nil, 0, 1},
		{"connecting takes too long", func(w *world) { w.r.HoldConnects() }, nil, func(w *world, _ *deferred.Deferred[*response.Response]) { w.r.RunFor(time.Hour) }, 0, 1},
		{"the endpoint panics", factory(func(reactor.Factory) *deferred.Deferred[reactor.Protocol] { panic("boom") }), nil, nil, 0, 1},
		{"the endpoint connects nothing", factory(func(reactor.Factory) *deferred.Deferred[reactor.Protocol] {
			return deferred.Succeed[reactor.Protocol](nil)
		}), nil, nil, 0, 1},
		{"the connection is lost before it is given", factory(func(f reactor.Factory) *deferred.Deferred[reactor.Protocol] {
			p := f.BuildProtocol(nil)
			p.ConnectionLost(reactor.ErrConnectionDone)
			return deferred.Succeed(p)
		}), nil, nil, 0, 1},
		{"TLS fails", nil, func(r *request.Request) { secure(r); r.URL.Host = "a.example:80" }, sent("no TLS at all, nor anything like it"), 0, 1},
		{"TLS is cut", nil, func(r *request.Request) { secure(r); r.URL.Host = "a.example:80" }, func(w *world, _ *deferred.Deferred[*response.Response]) { w.Conn(0).Close() }, 0, 1},
		{"the proxy refuses the tunnel", proxied, secure, sent("HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n"), 0, 1},
		{"the proxy says nonsense", proxied, secure, sent("nonsense, which is no HTTP"), 0, 1},
		{"the proxy closes", proxied, secure, func(w *world, _ *deferred.Deferred[*response.Response]) { w.Conn(0).Close() }, 0, 1},
		{"the proxy refuses the request", proxied, nil, sent("HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n"), 1, 0},
		{"cancelled in its queue", full, nil, cancel, 0, 1},
		{"cancelled while the name is looked up", func(w *world) { w.r.HoldConnects() }, nil, cancel, 0, 1},
		{"cancelled while it waits for the proxy", proxied, secure, cancel, 0, 1},
		{"cancelled before the 100", nil, expect, cancel, 0, 1},
		{"cancelled after its body", nil, nil, cancel, 1, 0},
		{"a timeout before the 100", nil, expect, func(w *world, d *deferred.Deferred[*response.Response]) {
			d.AddTimeout(time.Millisecond, w.r, nil)
			w.r.RunFor(time.Millisecond)
		}, 0, 1},
		{"an answer instead of the 100", nil, expect, sent(okHello), 0, 1},
		{"an answer without a body instead of the 100", nil, expect, sent("HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n"), 0, 1},
		{"an endless answer instead of the 100", nil, expect, sent("HTTP/1.1 413 Too Large\r\n\r\nno"), 0, 1},
		{"417", nil, expect, sent(expectationFailed), 1, 0},
		{"417, then the connection fails", nil, expect, func(w *world, _ *deferred.Deferred[*response.Response]) {
			w.r.FailAccepts(reactor.ErrTooManyFiles)
			w.r.HoldConnects()
			w.Conn(0).Send(expectationFailed)
			w.r.HeldConnects()[0].Fail(reactor.ErrConnectionRefused)
			w.r.FailAccepts(nil)
		}, 0, 1},
		{"nonsense instead of the 100", nil, expect, sent("nonsense, which is no HTTP"), 0, 1},
		{"a bad head instead of the 100", nil, expect, sent("HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n"), 0, 1},
		{"an upgrade instead of the 100", nil, func(r *request.Request) { expect(r); r.Header.Set("Connection", "upgrade") }, sent("HTTP/1.1 101 Switching Protocols\r\n\r\n"), 0, 1},
		{"an upgrade that nobody asked for", nil, expect, sent("HTTP/1.1 101 Switching Protocols\r\n\r\n"), 0, 1},
		{"lost before the 100", nil, expect, func(w *world, _ *deferred.Deferred[*response.Response]) { w.Conn(0).Close() }, 0, 1},
		{"reset before the 100", nil, expect, func(w *world, _ *deferred.Deferred[*response.Response]) { w.Conn(0).Abort() }, 0, 1},
		{"100", nil, expect, sent("HTTP/1.1 100 Continue\r\n\r\n"), 1, 0},
		{"no 100", nil, expect, func(w *world, _ *deferred.Deferred[*response.Response]) { w.r.RunFor(time.Second) }, 1, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld(t, agent.PoolConfig{})
			if test.before != nil {
				test.before(w)
			}
			body := newCounted(0)
			req := newRequest("POST", "http://a.example/")
			req.Body = body
			if test.change != nil {
				test.change(req)
			}
			d := w.agent.Request(req)
			for range 3 {
				w.r.Pump()
			}
			d.AddBoth(func(r *response.Response, _ error) (*response.Response, error) {
				if r != nil && r.Upgrade != nil {
					r.Upgrade.Abort()
				}
				return nil, nil
			})
			if test.then != nil {
				test.then(w, d)
			}
			w.r.Pump()
			if body.started != test.starts || body.stopped != test.stops {
				t.Errorf("the body was started %d times and stopped %d times, want %d and %d", body.started, body.stopped, test.starts, test.stops)
			}
			d.Cancel()
			w.r.Pump()
			for _, c := range w.Conns {
				if c.Lost == nil {
					c.Abort()
				}
			}
			w.r.HeldConnects()
			if body.started+body.stopped != 1 {
				t.Errorf("in the end the body was started %d times and stopped %d times", body.started, body.stopped)
			}
		})
	}
}

// TestBodyOfAChallengedRequest checks that a body that waits for a 100 is started by the
// answer to a challenge, or stopped, through the agents that may send it again.
func TestBodyOfAChallengedRequest(t *testing.T) {
	const challenge = "HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Digest realm=r, nonce=n\r\nContent-Length: 0\r\n\r\n"
	for _, test := range []struct {
		name   string
		then   func(w *world, d *deferred.Deferred[*response.Response])
		starts int
	}{
		{"no challenge", func(w *world, _ *deferred.Deferred[*response.Response]) { w.Conn(0).Send(okHello) }, 0},
		{"lost", func(w *world, _ *deferred.Deferred[*response.Response]) { w.Conn(0).Close() }, 0},
		{"cancelled", func(_ *world, d *deferred.Deferred[*response.Response]) { d.Cancel() }, 0},
		{"a challenge", func(w *world, _ *deferred.Deferred[*response.Response]) {
			w.Conn(0).Send(challenge)
			w.Conn(1).Send("HTTP/1.1 100 Continue\r\n\r\n" + okHello)
		}, 1},
		{"a challenge, then an answer", func(w *world, _ *deferred.Deferred[*response.Response]) {
			w.Conn(0).Send(challenge)
			w.Conn(1).Send(okHello)
		}, 0},
		{"a challenge, then lost", func(w *world, _ *deferred.Deferred[*response.Response]) {
			w.Conn(0).Send(challenge)
			w.Conn(1).Close()
		}, 0},
		{"a challenge, then cancelled", func(w *world, d *deferred.Deferred[*response.Response]) {
			w.Conn(0).Send(challenge)
			d.Cancel()
		}, 0},
		{"a challenge, cancelled before its body is read", func(w *world, d *deferred.Deferred[*response.Response]) {
			w.Conn(0).Send(strings.Replace(challenge, "Length: 0", "Length: 9", 1))
			d.Cancel()
		}, 0},
		{"too many challenges", func(w *world, _ *deferred.Deferred[*response.Response]) {
			for i := range 2 {
				w.Conn(i).Send(challenge)
			}
		}, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld(t, agent.PoolConfig{})
			body := newCounted(0)
			req := newRequest("PUT", "http://h.example/")
			req.Body, req.ExpectContinue = body, time.Second
			d := agent.NewAuthAgent(w.agent, auth.NewDigest("u", "p")).Request(req)
			d.AddBoth(func(*response.Response, error) (*response.Response, error) { return nil, nil })
			w.r.Pump()
			test.then(w, d)
			w.r.Pump()
			if body.started != test.starts || body.stopped != 1-test.starts {
				t.Errorf("the body was started %d times and stopped %d times", body.started, body.stopped)
			}
			for _, c := range w.Conns {
				if c.Lost == nil {
					c.Abort()
				}
			}
		})
	}
}

// TestStopProducingThatPanics checks that a request ends although the StopProducing of its
// body panics, or cancels the request.
func TestStopProducingThatPanics(t *testing.T) {
	for _, how := range []string{"panics", "cancels"} {
		for name, then := range map[string]func(w *world){
			"refused": nil,
			"lost":    func(w *world) { w.Conn(0).Close() },
			"answered": func(w *world) {
				w.Conn(0).Send("HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n")
			},
		} {
			t.Run(name+", "+how, func(t *testing.T) {
				w := newWorld(t, agent.PoolConfig{})
				req := newRequest("POST", "http://a.example/")
				if then == nil {
					req.URL.Host = "a.example:81"
				}
				body := newCounted(1)
				req.Body, req.ExpectContinue = body, time.Second
				d := w.agent.Request(req)
				body.stop = func() {
					if how == "panics" {
						panic("boom")
					}
					d.Cancel()
				}
				fired := 0
				var failed error
				d.AddBoth(func(_ *response.Response, err error) (*response.Response, error) {
					fired++
					failed = err
					return nil, nil
				})
				w.r.Pump()
				if then != nil {
					then(w)
				}
				w.r.Pump()
				if fired != 1 || how == "cancels" && !errors.Is(failed, deferred.ErrCancelled) {
					t.Errorf("the request fired %d times, with %v", fired, failed)
				}
				body.wantTold(t, "stop")
			})
		}
	}
}

// TestTheConnectionIsFree checks that a request made in a callback uses the connection of
// the response, once that response is complete.
func TestTheConnectionIsFree(t *testing.T) {
	for _, test := range []struct {
		name, method, answer string
		read                 bool // the callback is that of the whole body
	}{
		{"204", "GET", "HTTP/1.1 204 No Content\r\n\r\n", false},
		{"304", "GET", "HTTP/1.1 304 Not Modified\r\nContent-Length: 7\r\n\r\n", false},
		{"HEAD", "HEAD", "HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\n", false},
		{"HEAD, in chunks", "HEAD", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", false},
		{"no bytes", "GET", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", false},
		{"no bytes, and an upload", "POST", "HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n", false},
		{"a body", "GET", okHello, true},
		{"chunks", "GET", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n", true},
	} {
		for _, bytewise := range []bool{false, true} {
			t.Run(test.name, func(t *testing.T) {
				w := newWorld(t, agent.PoolConfig{})
				responses := 0
				var again func()
				next := func() {
					if responses++; responses < 5 {
						again()
					}
				}
				again = func() {
					req := newRequest(test.method, "http://a.example/")
					if test.method == "POST" {
						req.Body = request.Bytes("text")
					}
					w.agent.Request(req).AddBoth(func(r *response.Response, err error) (*response.Response, error) {
						if err != nil {
							t.Error(err)
							return nil, nil
						}
						if !test.read {
							next()
							r.Discard()
							return nil, nil
						}
						r.Content().AddBoth(func([]byte, error) ([]byte, error) {
							next()
							return nil, nil
						})
						return nil, nil
					})
				}
				again()
				w.r.Pump()
				for range 5 {
					if w.Conn(0).Got() == "" {
						t.Fatal("the request went over another connection")
					}
					if bytewise {
						w.Conn(0).SendBytewise(test.answer)
					} else {
						w.Conn(0).Send(test.answer)
					}
				}
				if responses != 5 || len(w.Conns) != 1 {
					t.Errorf("%d responses over %d connections", responses, len(w.Conns))
				}
				w.wantOpen(0)
			})
		}
	}
}

// TestCompleteButNotFree has complete responses whose connection must not be used again.
func TestCompleteButNotFree(t *testing.T) {
	for name, answer := range map[string]string{
		"close":      "HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n",
		"HTTP/1.0":   "HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n",
		"more bytes": "HTTP/1.1 204 No Content\r\n\r\nmore",
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, agent.PoolConfig{})
			var second *deferred.Deferred[*response.Response]
			w.get("http://a.example/").AddCallback(func(*response.Response) (*response.Response, error) {
				second = w.agent.Request(newRequest("GET", "http://a.example/"))
				return nil, nil
			})
			w.Conn(0).Got()
			w.Conn(0).Send(answer)
			w.wantClosed(0)
			w.Conn(1).Send(okHello)
			second.AddCallback(func(r *response.Response) (*response.Response, error) {
				if r.Code != http.StatusOK {
					t.Errorf("got %v", r)
				}
				r.Discard()
				return nil, nil
			})
			w.r.Pump()
		})
	}
}

// TestClosedWithoutAWord has a server that closes right after a complete response, without a
// "Connection: close". A POST in the callback must not go to that connection, since it
// cannot be sent twice.
func TestClosedWithoutAWord(t *testing.T) {
	for name, end := range map[string]func(*rawserver.Conn){
		"close":      (*rawserver.Conn).Close,
		"half close": func(c *rawserver.Conn) { c.LoseWriteConnection() },
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, agent.PoolConfig{})
			post := func() *deferred.Deferred[*response.Response] {
				req := newRequest("POST", "http://a.example/")
				req.Body = request.Bytes("text")
				return w.agent.Request(req)
			}
			codes := []int{}
			post().AddCallback(func(r *response.Response) (*response.Response, error) {
				codes = append(codes, r.Code)
				post().AddBoth(func(r *response.Response, err error) (*response.Response, error) {
					if err != nil {
						t.Error(err)
						return nil, nil
					}
					codes = append(codes, r.Code)
					r.Discard()
					return nil, nil
				})
				return nil, nil
			})
			w.r.Pump()
			first := w.Conn(0)
			first.Write([]byte("HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n"))
			end(first)
			w.r.Pump()
			w.Conn(1).Send(okHello)
			if !slices.Equal(codes, []int{413, 200}) {
				t.Errorf("got the responses %v", codes)
			}
			w.wantClosed(0)
		})
	}
}

// TestKeepAlive checks that the server's Keep-Alive bounds the time that a connection is
// kept unused.
func TestKeepAlive(t *testing.T) {
	for _, test := range []struct {
		value string
		kept  time.Duration // 0: the connection closes at once
	}{
		{"timeout=5", 4 * time.Second},
		{"timeout=5, max=100", 4 * time.Second},
		{"max=100, TIMEOUT = \"5\" ", 4 * time.Second},
		{"timeout=1", 500 * time.Millisecond}, // half of it
		{"timeout=2", time.Second},
		{"timeout=3", 2 * time.Second},
		{"timeout=240", 239 * time.Second},
		{"timeout=241", agent.DefaultCachedConnectionTimeout},
		{"timeout=300", agent.DefaultCachedConnectionTimeout},
		{"timeout=99999999999999999999", agent.DefaultCachedConnectionTimeout},
		{"timeout=-1", agent.DefaultCachedConnectionTimeout},
		{"timeout=soon", agent.DefaultCachedConnectionTimeout},
		{"timeout", agent.DefaultCachedConnectionTimeout},
		{"what=5", agent.DefaultCachedConnectionTimeout},
		{"", agent.DefaultCachedConnectionTimeout},
		{"timeout=0", 0},
		{"timeout=5, max=0", 0},
		{"max=1", agent.DefaultCachedConnectionTimeout},
	} {
		t.Run(test.value, func(t *testing.T) {
			w := newWorld(t, agent.PoolConfig{})
			w.exchange(newRequest("GET", "http://a.example/"), 0) // without a Keep-Alive
			d := w.get("http://a.example/")
			w.Conn(0).Send("HTTP/1.1 200 OK\r\nKeep-Alive: " + test.value + "\r\nContent-Length: 5\r\n\r\nhello")
			d.AddCallback(func(r *response.Response) (*response.Response, error) {
				r.Discard()
				return nil, nil
			})
			w.r.Pump()
			if test.kept == 0 {
				w.wantClosed(0)
				return
			}
			w.r.RunFor(test.kept - 1)
			w.wantOpen(0)
			w.exchange(newRequest("GET", "http://a.example/"), 0)
			w.r.RunFor(agent.DefaultCachedConnectionTimeout - 1) // the last response had no Keep-Alive
			w.wantOpen(0)
			d = w.get("http://a.example/")
			w.Conn(0).Send("HTTP/1.1 204 No Content\r\nKeep-Alive: " + test.value + "\r\n\r\n")
			d.AddCallback(func(r *response.Response) (*response.Response, error) { return nil, nil })
			w.r.RunFor(test.kept - 1)
			w.wantOpen(0)
			w.r.RunFor(1)
			w.wantClosed(0)
			w.exchange(newRequest("GET", "http://a.example/"), 1)
		})
	}
}

// TestUpgradeOfConnect checks that only a 2xx to CONNECT makes a tunnel.
func TestUpgradeOfConnect(t *testing.T) {
	for answer, tunnel := range map[string]bool{
		"HTTP/1.1 200 OK\r\n\r\n":         true,
		"HTTP/1.1 204 No Content\r\n\r\n": true,
		"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n":            false,
		"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\nHTTP/1.1 20": false,
	} {
		t.Run(answer[9:12], func(t *testing.T) {
			w := newWorld(t, agent.PoolConfig{})
			req := newRequest("CONNECT", "http://a.example/")
			req.URL = &url.URL{Scheme: "http", Host: "a.example", Opaque: "b.example:443"}
			d := w.send(req)
			w.Conn(0).Send(answer)
			got := false
			d.AddBoth(func(r *response.Response, err error) (*response.Response, error) {
				if err != nil && !errors.Is(err, agent.ErrNotUpgraded) {
					t.Error(err)
				}
				if got = err == nil; got {
					r.Upgrade.Abort()
				}
				return nil, nil
			})
			w.r.Pump()
			if got != tunnel {
				t.Errorf("a tunnel: %v, want %v", got, tunnel)
			}
		})
	}
}
