package agent_test

import (
	"errors"
	"fmt"
	"io"
	"net/url"
	"runtime"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/deferred/deferredtest"
	"github.com/seed-7c003b53/gotreq/internal/testkit/memfile"
	"github.com/seed-7c003b53/gotreq/reactor"
	"github.com/seed-7c003b53/gotreq/reactor/endpoints"
	"github.com/seed-7c003b53/gotreq/treq/agent"
	"github.com/seed-7c003b53/gotreq/treq/multipart"
	"github.com/seed-7c003b53/gotreq/treq/request"
	"github.com/seed-7c003b53/gotreq/treq/response"
)

// TestReuse checks that one connection serves any number of requests, one after another.
func TestReuse(t *testing.T) {
	w := newWorld(t, agent.PoolConfig{})
	for i := range 100 {
		w.exchange(newRequest("GET", fmt.Sprintf("http://a.example/%d", i)), 0)
	}
	w.wantOpen(0)
}

// TestNotReused has connections that close after one request.
func TestNotReused(t *testing.T) {
	closing := newRequest("GET", "http://a.example/")
	closing.Header.Set("Connection", "Close")
	for name, test := range map[string]struct {
		pool agent.PoolConfig
		req  *request.Request
	}{
		"no persistent connections": {agent.PoolConfig{DisablePersistent: true}, newRequest("GET", "http://a.example/")},
		"the request says close":    {agent.PoolConfig{}, closing},
		"no unused connections":     {agent.PoolConfig{MaxPersistentPerHost: -1}, newRequest("GET", "http://a.example/")},
		"no time to keep":           {agent.PoolConfig{CachedConnectionTimeout: -1}, newRequest("GET", "http://a.example/")},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, test.pool)
			for i := range 3 {
				w.exchange(test.req, i)
				w.r.Pump()
				w.wantOpen()
			}
			if calls := w.r.DelayedCalls(); len(calls) != 0 {
				t.Errorf("%d delayed calls", len(calls))
			}
		})
	}
	t.Run("no pool", func(t *testing.T) {
		w := newWorld(t, agent.PoolConfig{})
		w.agent = agent.New(w.r, agent.Config{})
		w.exchange(newRequest("GET", "http://a.example/"), 0)
		w.exchange(newRequest("GET", "http://a.example/"), 1)
		w.wantOpen()
	})
}

// TestOnlyItsOwn checks that a connection is for one scheme, host and port.
func TestOnlyItsOwn(t *testing.T) {
	w := newWorld(t, agent.PoolConfig{})
	w.exchange(newRequest("GET", "http://a.example/"), 0)
	w.exchange(newRequest("GET", "http://b.example/"), 1)
	w.exchange(newRequest("GET", "http://a.example:8080/"), 2)
	w.exchange(newRequest("GET", "http://A.EXAMPLE:80/"), 0)
	w.wantOpen(0, 1, 2)
}

// together sends n requests to rawURL at the same time, then answers them in order.
func (w *world) together(rawURL string, n int) {
	w.t.Helper()
	w.Respond("")
	var all []*deferred.Deferred[*response.Response]
	for range n {
		all = append(all, w.agent.Request(newRequest("GET", rawURL)))
	}
	w.r.Pump()
	for _, c := range w.Conns {
		if c.Lost == nil && c.Got() != "" {
			c.Send(okHello)
		}
	}
	for _, d := range all {
		w.wantBody(deferredtest.SuccessResultOf(w.t, d), "hello")
	}
}

// TestLimit checks that the Pool keeps the connections that were used last.
func TestLimit(t *testing.T) {
	w := newWorld(t, agent.PoolConfig{MaxPersistentPerHost: 2})
	w.together("http://a.example/", 5)
	w.wantOpen(3, 4)
	w.together("http://b.example/", 1)
	w.wantOpen(3, 4, 5)
	w.exchange(newRequest("GET", "http://a.example/"), 4)
	w.together("http://a.example/", 2)
	w.wantOpen(3, 4, 5)
}

func TestIdleTimeout(t *testing.T) {
	w := newWorld(t, agent.PoolConfig{})
	w.together("http://a.example/", 2) // 0 and 1
	w.r.RunFor(100 * time.Second)
	w.exchange(newRequest("GET", "http://a.example/"), 1)
	w.exchange(newRequest("GET", "http://b.example/"), 2)
	w.r.RunFor(140*time.Second - 1)
	w.wantOpen(0, 1, 2)
	w.r.RunFor(1)
	w.wantOpen(1, 2)
	w.r.RunFor(100*time.Second - 1)
	w.wantOpen(1, 2)
	w.r.RunFor(1)
	w.wantOpen()
	if calls := w.r.DelayedCalls(); len(calls) != 0 {
		t.Errorf("%d delayed calls", len(calls))
	}
	w.exchange(newRequest("GET", "http://a.example/"), 3)
}

// TestIdleTimeoutWhileUsed checks that a connection in use is not closed.
func TestIdleTimeoutWhileUsed(t *testing.T) {
	w := newWorld(t, agent.PoolConfig{CachedConnectionTimeout: time.Second})
	w.exchange(newRequest("GET", "http://a.example/"), 0)
	d := w.get("http://a.example/")
	w.r.RunFor(time.Hour)
	w.wantOpen(0)
	w.Conn(0).Send(okHello)
	w.wantBody(deferredtest.SuccessResultOf(t, d), "hello")
	w.r.RunFor(time.Second - 1)
	w.wantOpen(0)
	w.r.RunFor(1)
	w.wantOpen()
}

func TestCloseCachedConnections(t *testing.T) {
	w := newWorld(t, agent.PoolConfig{})
	w.together("http://a.example/", 2)
	d := w.get("http://a.example/")
	gone := w.pool.CloseCachedConnections()
	deferredtest.NoResult(t, gone)
	w.r.Pump()
	deferredtest.SuccessResultOf(t, gone)
	w.wantOpen(1)
	w.Conn(1).Send(okHello)
	w.wantBody(deferredtest.SuccessResultOf(t, d), "hello")
	w.exchange(newRequest("GET", "http://a.example/"), 1)
}

// TestIdleConnectionBreaks checks that no request fails because an idle connection
// breaks.
func TestIdleConnectionBreaks(t *testing.T) {
	for name, happens := range map[string]func(c *rawConn){
		"closed":        func(c *rawConn) { c.Close() },
		"reset":         func(c *rawConn) { c.Abort() },
		"sends more":    func(c *rawConn) { c.Send("HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\n\r\n") },
		"sends garbage": func(c *rawConn) { c.Send("x") },
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, agent.PoolConfig{})
			w.exchange(newRequest("GET", "http://a.example/"), 0)
			happens(w.Conn(0))
			w.wantClosed(0)
			if calls := w.r.DelayedCalls(); len(calls) != 0 {
				t.Errorf("%d delayed calls", len(calls))
			}
			post := newRequest("POST", "http://a.example/") // which would not be sent twice
			w.exchange(post, 1)
		})
	}
}

// TestBrokenInThisTurn checks that no request is sent over an idle connection that breaks
// in the same turn.
func TestBrokenInThisTurn(t *testing.T) {
	w := newWorld(t, agent.PoolConfig{})
	w.exchange(newRequest("GET", "http://a.example/"), 0)
	var next *deferred.Deferred[*response.Response]
	w.get("http://b.example/").AddCallback(func(r *response.Response) (*response.Response, error) {
		next = w.agent.Request(newRequest("POST", "http://a.example/"))
		return r, nil
	})
	w.Conn(0).Write([]byte("garbage"))
	w.Conn(1).Send(okHello)
	w.Conn(2).Send(okHello)
	w.wantBody(deferredtest.SuccessResultOf(t, next), "hello")
}

// TestMoreThanTheResponse checks that bytes after a response close the connection, but do
// not spoil the response.
func TestMoreThanTheResponse(t *testing.T) {
	for name, sent := range map[string]string{
		"a response": okHello + okHello,
		"garbage":    okHello + "\x00",
		"to HEAD":    "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, agent.PoolConfig{})
			method, want := "GET", "hello"
			if name == "to HEAD" {
				method, want = "HEAD", ""
			}
			d := w.send(newRequest(method, "http://a.example/"))
			w.Conn(0).Send(sent)
			w.wantBody(deferredtest.SuccessResultOf(t, d), want)
			w.wantClosed(0)
			w.exchange(newRequest("GET", "http://a.example/"), 1)
		})
	}
}

// TestClosedMeanwhile has requests for which the pool takes a connection that the server has
// closed, before the loop knows of that. A request that could not be sent again goes over
// another connection at once.
func TestClosedMeanwhile(t *testing.T) {
	for _, test := range []struct {
		name   string
		config agent.PoolConfig
		method string
		body   request.BodyProducer
		kept   bool // the server has kept connection 0 for a second request, a millisecond ago
	}{
		{"POST", agent.PoolConfig{}, "POST", nil, false},
		{"POST of bytes", agent.PoolConfig{}, "POST", request.Bytes("text"), false},
		{"POST of what cannot be sent again", agent.PoolConfig{}, "POST", &producer{length: 4, writes: []string{"text"}}, false},
		{"PUT of what cannot be sent again", agent.PoolConfig{}, "PUT", &producer{length: 4, writes: []string{"text"}}, false},
		{"PATCH", agent.PoolConfig{}, "PATCH", request.Bytes("text"), false},
		{"GET without a retry", agent.PoolConfig{DisableRetry: true}, "GET", nil, false},
		{"GET", agent.PoolConfig{}, "GET", nil, false},
		{"as many connections as allowed", agent.PoolConfig{MaxConnectionsPerHost: 2}, "POST", request.Bytes("text"), false},
		{"POST on a connection that was kept", agent.PoolConfig{}, "POST", request.Bytes("text"), true},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld(t, test.config)
			first, second := w.get("http://a.example/"), w.get("http://a.example/")
			w.Conn(0).Send(okHello)
			w.wantBody(deferredtest.SuccessResultOf(t, first), "hello")
			if test.kept {
				again := w.get("http://a.example/")
				w.Conn(0).Send(okHello)
				w.wantBody(deferredtest.SuccessResultOf(t, again), "hello")
				w.r.Advance(time.Millisecond)
			}
			var d *deferred.Deferred[*response.Response]
			second.AddCallback(func(r *response.Response) (*response.Response, error) {
				req := newRequest(test.method, "http://a.example/") // connection 0 is unused
				req.Body = test.body
				d = w.agent.Request(req)
				return r, nil
			})
			w.Conn(1).Write([]byte(okHello))
			w.Conn(0).LoseConnection()
			w.r.Pump()
			w.wantBody(deferredtest.SuccessResultOf(t, second), "hello")
			if len(w.Conns) == 2 { // as many as allowed: connection 1 was free first
				w.Conn(1).Send(okHello)
			} else {
				w.Conn(2).Send(okHello)
			}
			w.wantBody(deferredtest.SuccessResultOf(t, d), "hello")
		})
	}
}

// TestAgain has requests on a reused connection that turns out to be dead. It checks
// which requests are sent again on a new connection.
func TestAgain(t *testing.T) {
	const closed, reset = "closed", "reset"
	file := func(text string) request.BodyProducer {
		var r io.Reader = strings.NewReader(text)
		if text == "" {
			r = io.LimitReader(strings.NewReader("text"), 4)
		}
		return request.NewFileBodyProducer(r, request.FileBodyConfig{})
	}
	tests := []struct {
		name   string
		method string
		body   request.BodyProducer
		answer string // the bytes that the server sends before the connection dies
		how    string
		again  bool
	}{
		{"GET", "GET", nil, "", closed, true},
		{"GET, reset", "GET", nil, "", reset, true},
		{"HEAD", "HEAD", nil, "", closed, true},
		{"OPTIONS", "OPTIONS", nil, "", closed, true},
		{"DELETE", "DELETE", nil, "", closed, true},
		{"PUT of nothing", "PUT", nil, "", closed, true},
		{"PUT of bytes", "PUT", request.Bytes("text"), "", closed, true},
		{"PUT of many bytes", "PUT", request.Bytes(strings.Repeat("x", 1<<20)), "", closed, true},
		{"PUT of a file", "PUT", fileBody(strings.NewReader("text")), "", closed, true},
		{"PUT of a large file", "PUT", fileBody(strings.NewReader(strings.Repeat("x", 1<<20))), "", reset, true},
		{"PUT of a form", "PUT", formBody(t, multipart.FromReader("a", memfile.Begun("text"))), "", closed, true},
		{"PUT of a file that cannot seek", "PUT", fileBody(iotest.OneByteReader(strings.NewReader("text"))), "", closed, false},
		{"POST of a file", "POST", fileBody(strings.NewReader("text")), "", closed, false},
		{"PUT of a body produced once", "PUT", &producer{length: 1, writes: []string{"x"}}, "", closed, false},
		{"PUT of a body being produced", "PUT", &producer{length: -1, open: true}, "", closed, false},
		{"PUT of a file", "PUT", file("text"), "", closed, true},
		{"PUT of a large file", "PUT", file(strings.Repeat("x", 1<<20)), "", reset, true},
		{"PUT of a file, and an answer", "PUT", file("text"), "H", closed, false},
		{"PUT of what cannot seek", "PUT", file(""), "", closed, false},
		{"POST of a file", "POST", file("text"), "", closed, false},
		{"POST", "POST", nil, "", closed, false},
		{"POST of bytes", "POST", request.Bytes("text"), "", closed, false},
		{"PATCH", "PATCH", nil, "", closed, false},
		{"an unknown method", "FROB", nil, "", closed, false},
		{"a byte of an answer", "GET", nil, "H", closed, false},
		{"an interim answer", "GET", nil, "HTTP/1.1 103 Early Hints\r\n\r\n", reset, false},
		{"garbage", "GET", nil, "this is not HTTP at all", closed, false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld(t, agent.PoolConfig{})
			w.exchange(newRequest("GET", "http://a.example/"), 0)
			c := w.Conn(0)
			req := newRequest(test.method, "http://a.example/again")
			req.Body = test.body
			d := w.send(req)
			first := c.Got()
			c.Send(test.answer)
			if test.how == closed {
				c.Close()
			} else {
				c.Abort()
			}
			if !test.again {
				err := deferredtest.FailureResultOf(t, d)
				var never *response.NeverReceivedError
				if errors.As(err, &never) != (test.answer == "") {
					t.Error(err)
				}
				if len(w.Conns) != 1 {
					t.Errorf("%d connections", len(w.Conns))
				}
				return
			}
			deferredtest.NoResult(t, d)
			if second := w.Conn(1).Got(); second != first {
				t.Errorf("sent first\n%.100q\nthen\n%.100q", first, second)
			}
			if test.method == "HEAD" {
				w.Conn(1).Send("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n")
				w.wantBody(deferredtest.SuccessResultOf(t, d), "")
			} else {
				w.Conn(1).Send(okHello)
				w.wantBody(deferredtest.SuccessResultOf(t, d), "hello")
			}
			w.exchange(newRequest("GET", "http://a.example/"), 1)
		})
	}
}

// TestAgainThroughAStack checks that a body that a Stack holds is rewound for the second
// attempt, and that its file is closed once.
func TestAgainThroughAStack(t *testing.T) {
	for _, test := range []struct {
		name   string
		change bool // the file changes
		fails  error
	}{{"", false, nil}, {"the file has changed", true, request.ErrChanged}} {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld(t, agent.PoolConfig{})
			stack := agent.Stack{Agent: w.agent, Redirects: &agent.RedirectConfig{BrowserLike: true}}
			w.exchange(newRequest("GET", "http://a.example/"), 0)
			f := memfile.New("text")
			req := newRequest("PUT", "http://a.example/")
			req.Body = request.NewFileBodyProducer(f, request.FileBodyConfig{})
			d := stack.Send(req)
			w.r.Pump()
			first := w.Conn(0).Got()
			if test.change {
				f.Reset("another text")
			}
			w.Conn(0).Close()
			if test.fails != nil {
				if err := deferredtest.FailureResultOf(t, d); !errors.Is(err, test.fails) {
					t.Errorf("got %v", err)
				}
			} else {
				if second := w.Conn(1).Got(); second != first {
					t.Errorf("sent first\n%q\nthen\n%q", first, second)
				}
				w.Conn(1).Send(okHello)
				w.wantBody(deferredtest.SuccessResultOf(t, d), "hello")
			}
			if f.Closed != 1 {
				t.Errorf("the file was closed %d times", f.Closed)
			}
		})
	}
}

// TestNotAgain checks that DisableRetry turns the second attempt off.
func TestNotAgain(t *testing.T) {
	w := newWorld(t, agent.PoolConfig{DisableRetry: true})
	w.exchange(newRequest("GET", "http://a.example/"), 0)
	d := w.get("http://a.example/again")
	w.Conn(0).Close()
	if err := deferredtest.FailureResultOf(t, d); !errors.As(err, new(*response.NeverReceivedError)) {
		t.Errorf("got %v", err)
	}
	if len(w.Conns) != 1 {
		t.Errorf("%d connections", len(w.Conns))
	}
}

// TestAgainOnce checks that a request is sent again only once.
func TestAgainOnce(t *testing.T) {
	w := newWorld(t, agent.PoolConfig{})
	w.together("http://a.example/", 3)
	d := w.get("http://a.example/")
	w.Conn(2).Close()
	deferredtest.NoResult(t, d) // nor sent on 1, which may be dead too
	w.Conn(3).Close()
	var never *response.NeverReceivedError
	if err := deferredtest.FailureResultOf(t, d); !errors.As(err, &never) {
		t.Error(err)
	}
	w.wantOpen(0, 1)
}

// TestNewConnectionDies checks that the first request on a connection is not sent again.
func TestNewConnectionDies(t *testing.T) {
	w := newWorld(t, agent.PoolConfig{})
	d := w.get("http://a.example/")
	w.Conn(0).Close()
	deferredtest.FailureResultOf(t, d)
	if len(w.Conns) != 1 {
		t.Errorf("%d connections", len(w.Conns))
	}
}

// TestAgainFails checks how the second attempt fails, and that it can be cancelled.
func TestAgainFails(t *testing.T) {
	again := func(t *testing.T) (*world, *deferred.Deferred[*response.Response]) {
		w := newWorld(t, agent.PoolConfig{})
		w.exchange(newRequest("GET", "http://a.example/"), 0)
		w.r.HoldConnects()
		d := w.get("http://a.example/")
		w.Conn(0).Close()
		deferredtest.NoResult(t, d)
		return w, d
	}
	t.Run("refused", func(t *testing.T) {
		w, d := again(t)
		w.r.HeldConnects()[0].Fail(reactor.ErrConnectionRefused)
		w.r.Pump()
		if err := deferredtest.FailureResultOf(t, d); !errors.Is(err, reactor.ErrConnectionRefused) {
			t.Error(err)
		}
	})
	t.Run("cancelled", func(t *testing.T) {
		w, d := again(t)
		d.Cancel()
		if err := deferredtest.FailureResultOf(t, d); !errors.Is(err, deferred.ErrCancelled) {
			t.Error(err)
		}
		if held := w.r.HeldConnects(); len(held) != 0 {
			t.Errorf("%d attempts are left", len(held))
		}
	})
}

// TestNotAgainWhenCancelled checks that a cancelled request is not sent again.
func TestNotAgainWhenCancelled(t *testing.T) {
	w := newWorld(t, agent.PoolConfig{})
	w.exchange(newRequest("GET", "http://a.example/"), 0)
	d := w.get("http://a.example/")
	d.Cancel()
	w.r.Pump()
	deferredtest.FailureResultOf(t, d)
	w.wantClosed(0)
	if len(w.Conns) != 1 {
		t.Errorf("%d connections", len(w.Conns))
	}
}

// TestCancelWhileWaiting checks that a cancelled request leaves the queue for a connection,
// wherever it stands there: nothing of it is sent, and the others keep their order.
func TestCancelWhileWaiting(t *testing.T) {
	const waiting = 3
	for cancelled := range waiting {
		t.Run(fmt.Sprint(cancelled), func(t *testing.T) {
			w := newWorld(t, agent.PoolConfig{MaxConnectionsPerHost: 1})
			first := w.get("http://a.example/first")
			var all []*deferred.Deferred[*response.Response]
			for i := range waiting {
				all = append(all, w.get(fmt.Sprintf("http://a.example/%d", i)))
			}
			all[cancelled].Cancel()
			deferredtest.FailureResultOf(t, all[cancelled])
			c := w.Conn(0)
			c.Got()
			c.Send(okHello)
			w.wantBody(deferredtest.SuccessResultOf(t, first), "hello")
			for i := range waiting {
				if i == cancelled {
					continue
				}
				if got, want := c.Got(), fmt.Sprintf("GET /%d ", i); !strings.HasPrefix(got, want) {
					t.Errorf("sent %q, want %q", got, want)
				}
				c.Send(okHello)
				w.wantBody(deferredtest.SuccessResultOf(t, all[i]), "hello")
			}
		})
	}
}

// TestManyWaitingFailAtOnce checks that any number of waiting requests, whose connections
// fail at once, take constant stack.
func TestManyWaitingFailAtOnce(t *testing.T) {
	w := newWorld(t, agent.PoolConfig{MaxConnectionsPerHost: 1})
	boom := errors.New("boom")
	first := deferred.New[reactor.Protocol]()
	deepest, attempts := 0, 0
	w.agent = agent.New(w.r, agent.Config{Pool: w.pool, Endpoint: func(*url.URL) (endpoints.ClientEndpoint, error) {
		return endpointFunc(func(reactor.Factory) *deferred.Deferred[reactor.Protocol] {
			deepest = max(deepest, runtime.Callers(0, make([]uintptr, 10000)))
			if attempts++; attempts == 1 {
				return first
			}
			return deferred.Fail[reactor.Protocol](boom)
		}), nil
	}})
	failed := 0
	const requests = 2000
	for range requests {
		w.agent.Request(newRequest("GET", "http://a.example/")).AddErrback(func(err error) (*response.Response, error) {
			if errors.Is(err, boom) {
				failed++
			}
			return nil, nil
		})
	}
	first.Errback(boom)
	if failed != requests || deepest > 200 {
		t.Errorf("%d requests failed, %d calls deep", failed, deepest)
	}
}

// TestCancelledInTheQueueDoesNotConnect checks that a cancelled request does not connect,
// though a callback of its cancel makes room for the next one of the queue.
func TestCancelledInTheQueueDoesNotConnect(t *testing.T) {
	w := newWorld(t, agent.PoolConfig{MaxConnectionsPerHost: 1})
	attempts := 0
	w.agent = agent.New(w.r, agent.Config{Pool: w.pool, Endpoint: func(*url.URL) (endpoints.ClientEndpoint, error) {
		return endpointFunc(func(reactor.Factory) *deferred.Deferred[reactor.Protocol] {
			attempts++
			return deferred.New[reactor.Protocol]()
		}), nil
	}})
	connecting := w.get("http://a.example/connecting")
	connecting.AddErrback(func(error) (*response.Response, error) { return nil, nil })
	waiting := w.get("http://a.example/waiting")
	waiting.AddErrback(func(error) (*response.Response, error) {
		connecting.Cancel()
		return nil, nil
	})
	waiting.Cancel()
	w.r.Pump()
	if attempts != 1 {
		t.Errorf("%d attempts to connect", attempts)
	}
}
