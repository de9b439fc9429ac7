package agent_test

import (
	"errors"
	"fmt"
	"net/url"
	"strings"
	"testing"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/deferred/deferredtest"
	"github.com/seed-7c003b53/gotreq/internal/testkit/bodytest"
	"github.com/seed-7c003b53/gotreq/reactor"
	"github.com/seed-7c003b53/gotreq/reactor/endpoints"
	"github.com/seed-7c003b53/gotreq/treq/agent"
	"github.com/seed-7c003b53/gotreq/treq/response"
)

// TestCancel checks that the Deferred of a cancelled request fails with ErrCancelled. The
// world checks that nothing is left of the request.
func TestCancel(t *testing.T) {
	tests := []struct {
		name  string
		get   func(w *world) *deferred.Deferred[*response.Response]
		conns int
	}{
		{"while the name is looked up", func(w *world) *deferred.Deferred[*response.Response] {
			return w.agent.Request(newRequest("GET", "http://a.example/"))
		}, 0},
		{"while connecting", func(w *world) *deferred.Deferred[*response.Response] {
			w.r.HoldConnects()
			return w.get("http://a.example/")
		}, 0},
		{"before the response", func(w *world) *deferred.Deferred[*response.Response] {
			return w.get("http://a.example/")
		}, 1},
		{"within the head", func(w *world) *deferred.Deferred[*response.Response] {
			d := w.get("http://a.example/")
			w.Conn(0).Send("HTTP/1.1 200 OK\r\nConte")
			return d
		}, 1},
		{"after a 100", func(w *world) *deferred.Deferred[*response.Response] {
			d := w.get("http://a.example/")
			w.Conn(0).Send("HTTP/1.1 100 Continue\r\n\r\n")
			return d
		}, 1},
		{"on a reused connection", func(w *world) *deferred.Deferred[*response.Response] {
			w.exchange(newRequest("GET", "http://a.example/"), 0)
			return w.get("http://a.example/")
		}, 1},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld(t, agent.PoolConfig{})
			d := test.get(w)
			deferredtest.NoResult(t, d)
			d.Cancel()
			err := deferredtest.FailureResultOf(t, d)
			var of *agent.RequestError
			if !errors.Is(err, deferred.ErrCancelled) || !errors.As(err, &of) {
				t.Error(err)
			}
			w.r.Pump()
			w.r.ReleaseConnects()
			w.r.Pump()
			w.wantOpen()
			if len(w.Conns) != test.conns {
				t.Errorf("%d connections", len(w.Conns))
			}
		})
	}
}

// TestCancelBody checks that a cancel of the body's Deferred closes the connection.
func TestCancelBody(t *testing.T) {
	type read func(r *response.Response) (cancel func(), failure func(t *testing.T) error)
	content := func(r *response.Response) (func(), func(t *testing.T) error) {
		d := r.Content()
		return d.Cancel, func(t *testing.T) error { return deferredtest.FailureResultOf(t, d) }
	}
	collect := func(r *response.Response) (func(), func(t *testing.T) error) {
		d := r.Collect(func([]byte) error { return nil })
		return d.Cancel, func(t *testing.T) error { return deferredtest.FailureResultOf(t, d) }
	}
	for name, test := range map[string]struct {
		read     read
		buffered bool
	}{
		"Content":           {content, false},
		"Collect":           {collect, false},
		"Content, buffered": {content, true},
		"Collect, buffered": {collect, true},
		"Text": {func(r *response.Response) (func(), func(t *testing.T) error) {
			d := r.Text()
			return d.Cancel, func(t *testing.T) error { return deferredtest.FailureResultOf(t, d) }
		}, false},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, agent.PoolConfig{})
			d := w.get("http://a.example/")
			w.Conn(0).Send("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhe")
			resp := deferredtest.SuccessResultOf(t, d)
			if test.buffered {
				resp.Buffer()
			}
			cancel, failure := test.read(resp)
			w.Conn(0).Send("l")
			cancel()
			if err := failure(t); !errors.Is(err, deferred.ErrCancelled) {
				t.Error(err)
			}
			w.r.Pump()
			w.wantClosed(0)
		})
	}
}

// TestCancelWhatFollows checks that a cancel of the end of a chain reaches the Deferred
// that the chain waits for.
func TestCancelWhatFollows(t *testing.T) {
	for name, sent := range map[string]string{
		"the request": "",
		"the body":    "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhe",
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, agent.PoolConfig{})
			text := deferred.Then(w.get("http://a.example/"), (*response.Response).Text)
			w.Conn(0).Send(sent)
			deferredtest.NoResult(t, text)
			text.Cancel()
			if err := deferredtest.FailureResultOf(t, text); !errors.Is(err, deferred.ErrCancelled) {
				t.Error(err)
			}
			w.r.Pump()
			w.wantClosed(0)
		})
	}
}

// TestCancelInTheLoop cancels a request in the turn of the loop that delivers its
// response.
func TestCancelInTheLoop(t *testing.T) {
	w := newWorld(t, agent.PoolConfig{})
	d := w.get("http://a.example/")
	w.r.CallFromThread(func() {
		w.Conn(0).Write([]byte(okHello))
		d.Cancel()
	})
	w.r.Pump()
	if err := deferredtest.FailureResultOf(t, d); !errors.Is(err, deferred.ErrCancelled) {
		t.Error(err)
	}
	w.wantClosed(0)
}

// TestStubbornEndpoint has an endpoint that connects in spite of its cancel, and one that
// had connected before its cancel but fires after it.
func TestStubbornEndpoint(t *testing.T) {
	for name, connect := range map[string]func(w *world, f reactor.Factory) *deferred.Deferred[reactor.Protocol]{
		"connects later": func(w *world, f reactor.Factory) *deferred.Deferred[reactor.Protocol] {
			d := deferred.New[reactor.Protocol]()
			w.r.CallLater(1, func() {
				w.r.ConnectTCP("192.0.2.1:80", f, reactor.ConnectConfig{}).AddBoth(func(p reactor.Protocol, err error) (reactor.Protocol, error) {
					if err == nil {
						d.Callback(p)
					} else {
						d.Errback(err)
					}
					return nil, nil
				})
			})
			return d
		},
		"connects nevertheless": func(w *world, f reactor.Factory) *deferred.Deferred[reactor.Protocol] {
			var d *deferred.Deferred[reactor.Protocol]
			var made reactor.Protocol
			d = deferred.NewCancellable(func(*deferred.Deferred[reactor.Protocol]) { d.Callback(made) })
			w.r.ConnectTCP("192.0.2.1:80", f, reactor.ConnectConfig{}).AddCallback(func(p reactor.Protocol) (reactor.Protocol, error) {
				made = p
				return p, nil
			})
			return d
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, agent.PoolConfig{})
			w.agent = agent.New(w.r, agent.Config{Pool: w.pool, Endpoint: func(*url.URL) (endpoints.ClientEndpoint, error) {
				return endpointFunc(func(f reactor.Factory) *deferred.Deferred[reactor.Protocol] { return connect(w, f) }), nil
			}})
			d := w.get("http://a.example/")
			d.Cancel()
			deferredtest.FailureResultOf(t, d)
			w.r.RunFor(2)
			w.wantOpen()
		})
	}
}

// TestWithinCallbacks checks that a callback may do anything to its own request.
func TestWithinCallbacks(t *testing.T) {
	long := "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n"
	t.Run("a request at the end of the body uses the same connection", func(t *testing.T) {
		w := newWorld(t, agent.PoolConfig{})
		var next *deferred.Deferred[*response.Response]
		text := deferred.Then(w.get("http://a.example/"), (*response.Response).Text)
		text.AddCallback(func(s string) (string, error) {
			next = w.agent.Request(newRequest("GET", "http://a.example/next"))
			return s, nil
		})
		w.Conn(0).Got()
		w.Conn(0).Send(okHello)
		if got := w.Conn(0).Got(); !strings.HasPrefix(got, "GET /next ") {
			t.Fatalf("got %q", got)
		}
		w.Conn(0).Send(okHello)
		w.wantBody(deferredtest.SuccessResultOf(t, next), "hello")
		w.wantOpen(0)
	})
	t.Run("a request at the end of the body does not get the bytes after the body", func(t *testing.T) {
		w := newWorld(t, agent.PoolConfig{})
		var next *deferred.Deferred[*response.Response]
		text := deferred.Then(w.get("http://a.example/"), (*response.Response).Text)
		text.AddCallback(func(s string) (string, error) {
			next = w.agent.Request(newRequest("GET", "http://a.example/next"))
			return s, nil
		})
		w.Conn(0).Send(okHello + "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil")
		deferredtest.NoResult(t, next)
		w.Conn(1).Send(okHello)
		w.wantBody(deferredtest.SuccessResultOf(t, next), "hello")
	})
	t.Run("a request at the head uses another connection", func(t *testing.T) {
		w := newWorld(t, agent.PoolConfig{})
		var next *deferred.Deferred[*response.Response]
		d := w.get("http://a.example/").AddCallback(func(r *response.Response) (*response.Response, error) {
			next = w.agent.Request(newRequest("GET", "http://a.example/next"))
			return r, nil
		})
		w.Conn(0).Send(okHello)
		w.Conn(1).Send(okHello)
		w.wantBody(deferredtest.SuccessResultOf(t, next), "hello")
		w.wantBody(deferredtest.SuccessResultOf(t, d), "hello")
		w.wantOpen(0, 1)
	})
	t.Run("a request at the loss of the connection", func(t *testing.T) {
		w := newWorld(t, agent.PoolConfig{})
		var next *deferred.Deferred[*response.Response]
		d := w.get("http://a.example/").AddErrback(func(error) (*response.Response, error) {
			next = w.agent.Request(newRequest("GET", "http://a.example/next"))
			return nil, nil
		})
		w.Conn(0).Close()
		w.Conn(1).Send(okHello)
		w.wantBody(deferredtest.SuccessResultOf(t, next), "hello")
		deferredtest.SuccessResultOf(t, d)
	})
	t.Run("the reader stops the body at the head", func(t *testing.T) {
		w := newWorld(t, agent.PoolConfig{})
		p := new(bodytest.Reader)
		p.OnMade = func() { p.StopProducing() }
		d := w.get("http://a.example/").AddCallback(func(r *response.Response) (*response.Response, error) {
			return r, r.DeliverBody(p)
		})
		w.Conn(0).Send(long + "hello")
		deferredtest.SuccessResultOf(t, d)
		w.wantClosed(0)
		var failed *response.FailedError
		if string(p.Got) != "" || !errors.As(p.Err(), &failed) || !errors.Is(p.Err(), reactor.ErrConnectionAborted) {
			t.Errorf("got %q, %v", p.Got, p.Err())
		}
	})
	t.Run("a callback panics at the head", func(t *testing.T) {
		w := newWorld(t, agent.PoolConfig{})
		var resp *response.Response
		d := w.get("http://a.example/").AddCallback(func(r *response.Response) (*response.Response, error) {
			resp = r
			panic("boom")
		})
		w.Conn(0).Send(okHello)
		var panicked *deferred.PanicError
		if err := deferredtest.FailureResultOf(t, d); !errors.As(err, &panicked) {
			t.Error(err)
		}
		w.wantBody(resp, "hello")
		w.wantOpen(0)
	})
	t.Run("a reader panics at data", func(t *testing.T) {
		w := newWorld(t, agent.PoolConfig{})
		p := &bodytest.Reader{OnData: func(string) { panic("boom") }}
		d := w.get("http://a.example/")
		w.Conn(0).Send(long)
		deferredtest.SuccessResultOf(t, d).DeliverBody(p)
		w.Conn(0).Send("hello")
		w.wantClosed(0)
		var failed *response.FailedError
		if len(p.Lost) != 1 || !errors.As(p.Err(), &failed) || !strings.Contains(p.Err().Error(), "boom") {
			t.Errorf("lost %d times, %v", len(p.Lost), p.Err())
		}
	})
	t.Run("a reader panics at the end", func(t *testing.T) {
		w := newWorld(t, agent.PoolConfig{})
		p := &bodytest.Reader{OnLost: func() { panic("boom") }}
		d := w.get("http://a.example/")
		w.Conn(0).Send(long)
		deferredtest.SuccessResultOf(t, d).DeliverBody(p)
		w.Conn(0).Send("hellohello")
		if len(p.Lost) != 1 || p.Err() != response.ErrDone {
			t.Errorf("lost %d times, %v", len(p.Lost), p.Err())
		}
		w.exchange(newRequest("GET", "http://a.example/"), 1)
	})
	t.Run("a reader stops within the last bytes", func(t *testing.T) {
		w := newWorld(t, agent.PoolConfig{})
		p := new(bodytest.Reader)
		p.OnData = func(string) { p.StopProducing() }
		d := w.get("http://a.example/")
		w.Conn(0).Send(long)
		deferredtest.SuccessResultOf(t, d).DeliverBody(p)
		w.Conn(0).Send("hellohello")
		if len(p.Lost) != 1 {
			t.Errorf("lost %d times, %v", len(p.Lost), p.Err())
		}
		w.wantClosed(0)
	})
}

// TestUnread has responses that nobody reads, or that are read late.
func TestUnread(t *testing.T) {
	large := strings.Repeat("0123456789abcdef", 1<<16)
	t.Run("a small body frees its connection", func(t *testing.T) {
		w := newWorld(t, agent.PoolConfig{})
		d := w.get("http://a.example/")
		w.Conn(0).Send("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n")
		w.Conn(0).Send("hello")
		resp := deferredtest.SuccessResultOf(t, d)
		w.exchange(newRequest("GET", "http://a.example/"), 0)
		w.wantBody(resp, "hello")
	})
	t.Run("a large body waits for a reader", func(t *testing.T) {
		w := newWorld(t, agent.PoolConfig{})
		d := w.get("http://a.example/")
		c := w.Conn(0)
		c.Send("HTTP/1.1 200 OK\r\nContent-Length: 1048576\r\n\r\n")
		c.Send(large)
		resp := deferredtest.SuccessResultOf(t, d)
		w.exchange(newRequest("GET", "http://a.example/"), 1)
		w.wantBody(resp, large)
		w.exchange(newRequest("GET", "http://a.example/"), 0)
	})
	t.Run("a large body that was cut short fails when it is read", func(t *testing.T) {
		w := newWorld(t, agent.PoolConfig{})
		d := w.get("http://a.example/")
		c := w.Conn(0)
		c.Send("HTTP/1.1 200 OK\r\nContent-Length: 1048577\r\n\r\n")
		c.Send(large)
		c.Close()
		body := deferredtest.SuccessResultOf(t, d).Content()
		w.r.Pump()
		var failed *response.FailedError
		if err := deferredtest.FailureResultOf(t, body); !errors.As(err, &failed) {
			t.Error(err)
		}
	})
	t.Run("a cancelled body closes its connection", func(t *testing.T) {
		w := newWorld(t, agent.PoolConfig{})
		d := w.get("http://a.example/")
		w.Conn(0).Send("HTTP/1.1 200 OK\r\nContent-Length: 1048577\r\n\r\n")
		body := deferredtest.SuccessResultOf(t, d).Content()
		body.Cancel()
		deferredtest.FailureResultOf(t, body)
		w.r.Pump()
		w.wantClosed(0)
	})
}

// TestPaused checks that a paused reader gets no bytes.
func TestPaused(t *testing.T) {
	w := newWorld(t, agent.PoolConfig{})
	p := new(bodytest.Reader)
	d := w.get("http://a.example/")
	c := w.Conn(0)
	c.Send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
	deferredtest.SuccessResultOf(t, d).DeliverBody(p)
	p.OnData = func(string) { p.PauseProducing() }
	c.Send("2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n")
	if string(p.Got) != "he" || len(p.Lost) != 0 {
		t.Errorf("got %q, lost %v", p.Got, p.Err())
	}
	p.OnData = nil
	p.ResumeProducing()
	if string(p.Got) != "hello" || p.Err() != response.ErrDone || len(p.Lost) != 1 {
		t.Errorf("got %q, lost %v", p.Got, p.Err())
	}
	w.exchange(newRequest("GET", "http://a.example/"), 0)
}

// TestSlowCollector checks that the server must stop sending while the collector's
// Deferred has not fired.
func TestSlowCollector(t *testing.T) {
	const size = 8 << 20
	w := newWorld(t, agent.PoolConfig{})
	d := w.get("http://a.example/")
	c := w.Conn(0)
	c.Send(fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n", size))
	var waits []*deferred.Deferred[deferred.None]
	got := 0
	done := deferredtest.SuccessResultOf(t, d).CollectThen(func(data []byte) *deferred.Deferred[deferred.None] {
		got += len(data)
		waits = append(waits, deferred.New[deferred.None]())
		return waits[len(waits)-1]
	})
	p := &supply{c, size}
	c.RegisterPullProducer(p)
	for i := 0; !done.Called() && i < 10_000; i++ {
		w.r.Pump()
		if len(waits) != i+1 {
			t.Fatalf("called %d times before the Deferred of call %d fired", len(waits), i)
		}
		if under := size - p.left - got; under > 2<<20 {
			t.Fatalf("the server is %d bytes ahead of the collector", under)
		}
		waits[i].Callback(deferred.None{})
		w.r.Pump()
	}
	deferredtest.SuccessResultOf(t, done)
	if got != size {
		t.Errorf("got %d bytes, want %d", got, size)
	}
}

// A supply writes left bytes, as fast as the transport takes them.
type supply struct {
	to   reactor.Transport
	left int
}

func (p *supply) ResumeProducing() {
	n := min(p.left, 16<<10)
	p.left -= n
	p.to.Write(make([]byte, n))
	if p.left == 0 {
		p.to.UnregisterProducer()
	}
}

func (p *supply) StopProducing() {}
