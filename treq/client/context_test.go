package client_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/deferred/deferredtest"
	"github.com/seed-7c003b53/gotreq/internal/testkit/bodytest"
	"github.com/seed-7c003b53/gotreq/internal/testkit/garbage"
	"github.com/seed-7c003b53/gotreq/internal/testkit/logtest"
	"github.com/seed-7c003b53/gotreq/internal/testkit/rawserver"
	"github.com/seed-7c003b53/gotreq/reactor"
	"github.com/seed-7c003b53/gotreq/reactor/memory"
	"github.com/seed-7c003b53/gotreq/treq/agent"
	"github.com/seed-7c003b53/gotreq/treq/client"
	treqrequest "github.com/seed-7c003b53/gotreq/treq/request"
	"github.com/seed-7c003b53/gotreq/treq/response"
)

// A testContext ends when the test says so, with any error.
type testContext struct {
	context.Context
	done chan struct{}
	mu   sync.Mutex
	err  error
}

func newTestContext() *testContext {
	return &testContext{Context: context.Background(), done: make(chan struct{})}
}

func (c *testContext) Done() <-chan struct{} { return c.done }

func (c *testContext) Err() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.err
}

func (c *testContext) end(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.err = err
	close(c.done)
}

var errPatience = errors.New("my patience")

// contextEnds are the ways in which a context ends.
var contextEnds = []struct {
	name    string
	make    func() (ctx context.Context, end func())
	err     error // of the context
	text    string
	timeout bool
}{
	{"a cause", func() (context.Context, func()) {
		ctx, cancel := context.WithCancelCause(context.Background())
		return ctx, func() { cancel(errPatience) }
	}, context.Canceled, "my patience", false},
	{"cancelled", func() (context.Context, func()) {
		ctx, cancel := context.WithCancel(context.Background())
		return ctx, cancel
	}, context.Canceled, "context canceled", false},
	{"a child of one with a cause", func() (context.Context, func()) {
		parent, cancel := context.WithCancelCause(context.Background())
		ctx, cancelChild := context.WithTimeout(parent, time.Hour)
		return ctx, func() {
			cancel(errPatience)
			cancelChild()
		}
	}, context.Canceled, "my patience", false},
	{"a deadline", func() (context.Context, func()) {
		ctx := newTestContext()
		return ctx, func() { ctx.end(context.DeadlineExceeded) }
	}, context.DeadlineExceeded, "context deadline exceeded", true},
	{"the error of another request", func() (context.Context, func()) {
		ctx, cancel := context.WithCancelCause(context.Background())
		return ctx, func() {
			cancel(&agent.RequestError{Method: "GET", URL: "http://b.example/", Err: errPatience})
		}
	}, context.Canceled, "GET http://b.example/: my patience", false},
}

// TestContext: in every state of a request, the end of its context ends it, with an error that
// names the request and the cause, and leaves nothing behind.
func TestContext(t *testing.T) {
	type call = *deferred.Deferred[*response.Response]
	failure := func(t *testing.T, r *memory.Reactor, d call) error { return deferredtest.FailureResultOf(t, d) }
	redirect := func(rest string) string {
		return "HTTP/1.1 302 Found\r\nLocation: http://b.example/\r\n" + rest
	}
	for _, state := range []struct {
		name    string
		prepare func(t *testing.T, s *rawserver.Server, r *memory.Reactor)
		options client.All
		begin   func(t *testing.T, s *rawserver.Server, r *memory.Reactor, d call) (failed func() error) // nil: d fails
	}{
		{"connecting", func(_ *testing.T, _ *rawserver.Server, r *memory.Reactor) { r.HoldConnects() }, nil, nil},
		{"before the head", nil, nil, nil},
		{"half the head", nil, nil, func(_ *testing.T, s *rawserver.Server, r *memory.Reactor, _ call) func() error {
			s.Conn(0).Send("HTTP/1.1 200 OK\r\nConte")
			return nil
		}},
		{"a body that waits for a 100", nil, client.All{client.ExpectContinue(time.Minute)}, nil},
		{"after a redirect", nil, nil, func(_ *testing.T, s *rawserver.Server, r *memory.Reactor, _ call) func() error {
			s.Conn(0).Send(redirect("Content-Length: 0\r\n\r\n"))
			return nil
		}},
		{"in the body of a redirect", nil, nil, func(_ *testing.T, s *rawserver.Server, r *memory.Reactor, _ call) func() error {
			s.Conn(0).Send(strings.Replace(redirect("Content-Length: 9\r\n\r\nhalf"), "b.example", "a.example", 1))
			return nil
		}},
		{"content", nil, nil, func(t *testing.T, s *rawserver.Server, r *memory.Reactor, d call) func() error {
			s.Conn(0).Send(head + "some")
			c := deferredtest.SuccessResultOf(t, d).Content()
			return func() error { return deferredtest.FailureResultOf(t, c) }
		}},
		{"a protocol", nil, client.All{client.Unbuffered(true)}, func(t *testing.T, s *rawserver.Server, r *memory.Reactor, d call) func() error {
			s.Conn(0).Send(head)
			p := new(bodytest.Reader)
			deferredtest.SuccessResultOf(t, d).DeliverBody(p)
			return p.Err
		}},
		{"a reader that paused", nil, client.All{client.Unbuffered(true)}, func(t *testing.T, s *rawserver.Server, r *memory.Reactor, d call) func() error {
			s.Conn(0).Send(head)
			p := new(bodytest.Reader)
			deferredtest.SuccessResultOf(t, d).DeliverBody(p)
			p.PauseProducing()
			return p.Err
		}},
		{"a coroutine", nil, client.All{client.Unbuffered(true)}, func(t *testing.T, s *rawserver.Server, r *memory.Reactor, d call) func() error {
			s.Conn(0).Send(head)
			resp := deferredtest.SuccessResultOf(t, d)
			read := deferred.Go(func(co *deferred.Co) ([]byte, error) { return io.ReadAll(resp.Reader(co)) })
			return func() error { return deferredtest.FailureResultOf(t, read) }
		}},
		{"no reader yet", nil, nil, func(t *testing.T, s *rawserver.Server, r *memory.Reactor, d call) func() error {
			s.Conn(0).Send(head)
			resp := deferredtest.SuccessResultOf(t, d)
			return func() error { return deferredtest.FailureResultOf(t, resp.Content()) }
		}},
		{"with timeouts", nil, client.All{client.Timeout(time.Hour), client.ReadTimeout(time.Hour), client.TotalTimeout(time.Hour)},
			func(t *testing.T, s *rawserver.Server, r *memory.Reactor, d call) func() error {
				s.Conn(0).Send(head)
				c := deferredtest.SuccessResultOf(t, d).Content()
				return func() error { return deferredtest.FailureResultOf(t, c) }
			}},
	} {
		for _, ends := range contextEnds {
			t.Run(state.name+"/"+ends.name, func(t *testing.T) {
				c, s, r := newClient(t)
				if state.prepare != nil {
					state.prepare(t, s, r)
				}
				ctx, end := ends.make()
				body := &stoppable{}
				d := c.Post("http://user:secret@a.example/x", client.Data(body), state.options,
					client.Context(ctx), client.BrowserLikeRedirects(true))
				r.Pump()
				var failed func() error
				if state.begin != nil {
					failed = state.begin(t, s, r, d)
				}
				r.Pump()
				end()
				if failed == nil {
					deferredtest.NoResult(t, d) // not in the call that ends the context
					failed = func() error { return failure(t, r, d) }
				}
				r.Pump()
				err := failed()
				if want := "POST http://user:xxxxx@a.example/x: cancelled: " + ends.text; err == nil || strings.TrimSuffix(err.Error(), `, after 4 bytes: "some"`) != want {
					t.Fatalf("got  %v\nwant %s", err, want)
				}
				var named *agent.RequestError
				if !errors.As(err, &named) || named.Method != "POST" {
					t.Errorf("the request is %+v", named)
				}
				for _, target := range []error{ends.err, context.Cause(ctx), deferred.ErrCancelled} {
					if !errors.Is(err, target) {
						t.Errorf("%v is not %v", err, target)
					}
				}
				var timeout interface{ Timeout() bool }
				if !errors.As(err, &timeout) || timeout.Timeout() != ends.timeout {
					t.Errorf("is a timeout: %v, want %v", !ends.timeout, ends.timeout)
				}
				if body.started && !body.stopped || !body.started && !body.stopped {
					t.Errorf("the body was started %v, stopped %v", body.started, body.stopped)
				}
			})
		}
	}
}

// A stoppable is a body that never ends.
type stoppable struct{ started, stopped bool }

func (b *stoppable) Length() int64 { return treqrequest.UnknownLength }

func (b *stoppable) StartProducing(to treqrequest.Consumer) *deferred.Deferred[deferred.None] {
	b.started = true
	to.Write([]byte("some"))
	return deferred.New[deferred.None]()
}

func (b *stoppable) PauseProducing()  {}
func (b *stoppable) ResumeProducing() {}
func (b *stoppable) StopProducing()   { b.stopped = true }

// TestContextEndedBefore: nothing is sent for a context that has ended, and the body is stopped.
func TestContextEndedBefore(t *testing.T) {
	for _, ends := range contextEnds {
		c, s, r := newClient(t)
		ctx, end := ends.make()
		end()
		body := &stoppable{}
		d := c.Post("http://a.example/x", client.Data(body), client.Context(ctx))
		r.Pump()
		err := deferredtest.FailureResultOf(t, d)
		if err.Error() != "POST http://a.example/x: cancelled: "+ends.text || !errors.Is(err, context.Cause(ctx)) {
			t.Errorf("got %v", err)
		}
		if len(s.Conns) != 0 || body.started || !body.stopped {
			t.Errorf("%d connections, the body %+v", len(s.Conns), body)
		}
	}
	past, cancel := context.WithDeadline(context.Background(), time.Now().Add(-time.Second))
	defer cancel()
	c, s, r := newClient(t)
	d := c.Get("http://a.example/", client.Context(past))
	r.Pump()
	if err := deferredtest.FailureResultOf(t, d); !errors.Is(err, context.DeadlineExceeded) || len(s.Conns) != 0 {
		t.Errorf("got %v, %d connections", err, len(s.Conns))
	}
}

// TestContextAfterTheEnd: the end of a context after the request, or after another failure,
// changes nothing.
func TestContextAfterTheEnd(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	c, s, r := newClient(t)
	whole := c.Get("http://a.example/", client.Context(ctx))
	r.Pump()
	s.Conn(0).Send("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ntext")
	lost := c.Get("http://b.example/", client.Context(ctx))
	r.Pump()
	s.Conn(1).Send(head[:9])
	s.Conn(1).Abort()
	late := c.Get("http://c.example/", client.Context(ctx), client.Timeout(time.Second))
	r.RunFor(time.Second)
	gone := c.Get("http://d.example/", client.Context(ctx))
	r.Pump()
	gone.Cancel()
	cancel()
	r.Pump()
	text := deferredtest.SuccessResultOf(t, whole).Text()
	r.Pump()
	if got := deferredtest.SuccessResultOf(t, text); got != "text" {
		t.Errorf("got %q", got)
	}
	for d, want := range map[*deferred.Deferred[*response.Response]]error{
		lost: reactor.ErrConnectionLost, late: &agent.TimeoutError{}, gone: deferred.ErrCancelled,
	} {
		err := deferredtest.FailureResultOf(t, d)
		if _, timeout := want.(*agent.TimeoutError); errors.Is(err, context.Canceled) || timeout != errors.As(err, new(*agent.TimeoutError)) || !timeout && !errors.Is(err, want) {
			t.Errorf("got %v, want %v", err, want)
		}
	}
}

// TestContextOptions: the last of two Contexts counts, the context is on the request that the
// agent gets, in each hop, and nil is an error.
func TestContextOptions(t *testing.T) {
	type key struct{}
	first, cancel := context.WithCancel(context.Background())
	cancel()
	ctx := context.WithValue(context.Background(), key{}, "value")
	var got []any
	r := memory.New()
	s := rawserver.Listen(t, r, "80")
	sender := agent.New(r, agent.Config{})
	spy := requesterFunc(func(req *treqrequest.Request) *deferred.Deferred[*response.Response] {
		got = append(got, req.Context.Value(key{}))
		return sender.Request(req)
	})
	c := client.New(r, client.Config{Agent: spy})
	d := c.Get("http://a.example/", client.Context(first), client.BasicAuth("u", "p"), client.All{client.Context(ctx)})
	r.Pump()
	s.Conn(0).Send("HTTP/1.1 302 Found\r\nLocation: /b\r\nContent-Length: 0\r\n\r\n")
	s.Conn(1).Send("HTTP/1.1 303 See Other\r\nLocation: http://b.example/\r\nContent-Length: 0\r\n\r\n")
	s.Conn(2).Send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
	deferredtest.SuccessResultOf(t, d)
	if want := []any{"value", "value", "value"}; !slices.Equal(got, want) {
		t.Errorf("the contexts have %v, want %v", got, want)
	}
	for _, none := range []context.Context{nil, (*testContext)(nil)} {
		err := deferredtest.FailureResultOf(t, c.Get("http://a.example/", client.Context(none)))
		if !errors.Is(err, client.ErrOption) || !strings.Contains(err.Error(), "Context: ") || !strings.Contains(err.Error(), "nil") {
			t.Errorf("got %v", err)
		}
	}
}

type requesterFunc func(req *treqrequest.Request) *deferred.Deferred[*response.Response]

func (f requesterFunc) Request(req *treqrequest.Request) *deferred.Deferred[*response.Response] {
	return f(req)
}

// TestContextLeavesNothing: a context that goes on keeps nothing of a request that is over, or
// whose response was dropped unread.
func TestContextLeavesNothing(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	for name, end := range map[string]func(s *rawserver.Server, r *memory.Reactor, d *deferred.Deferred[*response.Response]){
		"complete": func(s *rawserver.Server, _ *memory.Reactor, _ *deferred.Deferred[*response.Response]) {
			s.Conn(0).Send("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ntext")
		},
		"cancelled": func(_ *rawserver.Server, r *memory.Reactor, d *deferred.Deferred[*response.Response]) {
			d.Cancel()
			r.Pump()
		},
		"failed": func(s *rawserver.Server, _ *memory.Reactor, _ *deferred.Deferred[*response.Response]) {
			s.Conn(0).Abort()
		},
		"half, and dropped": func(s *rawserver.Server, _ *memory.Reactor, _ *deferred.Deferred[*response.Response]) {
			s.Conn(0).Send(head)
		},
	} {
		t.Run(name, func(t *testing.T) {
			logtest.Capture(t) // an unread response is logged
			goroutines := runtime.NumGoroutine()
			var freed garbage.Count
			c, s, r := newClient(t)
			func() {
				d := c.Get("http://a.example/", client.Context(ctx), client.TotalTimeout(time.Hour))
				d.AddBoth(func(resp *response.Response, err error) (*response.Response, error) {
					if resp == nil {
						resp = new(response.Response)
					}
					garbage.Watch(&freed, resp)
					return nil, nil
				})
				r.Pump()
				end(s, r, d)
			}()
			if got := freed.Collect(); got != 1 {
				t.Error("the response is reachable")
			}
			r.Pump()
			if name == "half, and dropped" && s.Conn(0).Lost == nil {
				t.Error("the connection is open")
			}
			if n := runtime.NumGoroutine(); n > goroutines {
				t.Errorf("%d goroutines, %d before", n, goroutines)
			}
			runtime.KeepAlive(c)
		})
	}
}

// TestContextTrace: a context that the test ends makes the same trace each time.
func TestContextTrace(t *testing.T) {
	run := func() string {
		r := memory.New()
		r.StartTrace()
		s := rawserver.Listen(t, r, "80")
		c := client.New(r, client.Config{})
		ctx, cancel := context.WithCancel(context.Background())
		var order []string
		for i := range 20 {
			d := c.Get(fmt.Sprintf("http://a.example/%d", i), client.Context(ctx))
			d.AddBoth(func(resp *response.Response, err error) (*response.Response, error) {
				order = append(order, fmt.Sprint(i, err))
				return nil, nil
			})
		}
		r.CallLater(time.Second, cancel)
		r.RunFor(time.Minute)
		if len(order) != 20 || s.Open() != 0 {
			t.Fatalf("%d requests ended, %d connections are open", len(order), s.Open())
		}
		return fmt.Sprint(order, r.Trace())
	}
	first := run()
	for range 5 {
		if again := run(); again != first {
			t.Fatalf("another trace:\n%s\n%s", first, again)
		}
	}
}

// TestContextFromAnyGoroutine: on a real reactor, another goroutine, and a deadline, end a
// request.
func TestContextFromAnyGoroutine(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0") // it accepts, and says nothing
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	r := reactor.New()
	defer r.Close()
	c := client.New(r, client.Config{})
	accepted := make(chan net.Conn, 1)
	get := func(ctx context.Context) error {
		_, err := reactor.BlockingCallFromThread(context.Background(), r, func() *deferred.Deferred[*response.Response] {
			return c.Get("http://"+l.Addr().String(), client.Context(ctx))
		})
		return err
	}
	done := make(chan bool)
	go func() {
		defer close(done)
		defer r.Stop()
		ctx, cancel := context.WithCancelCause(context.Background())
		go func() {
			if conn, err := l.Accept(); err == nil {
				conn.Read(make([]byte, 1))
				accepted <- conn // it stays open
			}
			cancel(errPatience)
		}()
		if err := get(ctx); !errors.Is(err, errPatience) {
			t.Errorf("cancelled: %v", err)
		}
		late, cancelLate := context.WithTimeout(context.Background(), time.Millisecond)
		defer cancelLate()
		if err := get(late); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("deadline: %v", err)
		}
	}()
	if err := r.Run(); err != nil {
		t.Fatal(err)
	}
	<-done
	(<-accepted).Close()
}
