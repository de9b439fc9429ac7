package client_test

import (
	"context"
	"errors"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/deferred/deferredtest"
	"github.com/seed-7c003b53/gotreq/internal/testkit/bodytest"
	"github.com/seed-7c003b53/gotreq/internal/testkit/rawserver"
	"github.com/seed-7c003b53/gotreq/reactor"
	"github.com/seed-7c003b53/gotreq/reactor/memory"
	"github.com/seed-7c003b53/gotreq/treq/agent"
	"github.com/seed-7c003b53/gotreq/treq/client"
	"github.com/seed-7c003b53/gotreq/treq/response"
)

// TestTimeoutErrors: the error of each timeout, wherever it is seen, says which one it was
// and for what, and matches all that a program may look for.
func TestTimeoutErrors(t *testing.T) {
	type call = *deferred.Deferred[*response.Response]
	all := client.All{client.Timeout(10 * time.Second), client.ReadTimeout(time.Second), client.TotalTimeout(20 * time.Second)}
	content := func(t *testing.T, r *memory.Reactor, d call) error {
		c := deferredtest.SuccessResultOf(t, d).Content()
		r.RunFor(time.Minute)
		return deferredtest.FailureResultOf(t, c)
	}
	for _, test := range []struct {
		name    string
		prepare func(s *rawserver.Server, r *memory.Reactor)
		options client.All
		fail    func(t *testing.T, s *rawserver.Server, r *memory.Reactor, d call) error
		option  string
		after   time.Duration
		text    string
	}{
		{"Timeout", nil, all, nil, "Timeout", 10 * time.Second, "no response for 10s (Timeout)"},
		{"Timeout while connecting", func(_ *rawserver.Server, r *memory.Reactor) { r.HoldConnects() }, all, nil,
			"Timeout", 10 * time.Second, "no response for 10s (Timeout)"},
		{"Timeout after a redirect", func(s *rawserver.Server, _ *memory.Reactor) {
			s.Accept = func(c *rawserver.Conn) {
				c.Data = func([]byte) {
					c.Write([]byte("HTTP/1.1 302 Found\r\nLocation: http://b.example/\r\nContent-Length: 0\r\n\r\n"))
					c.Data = nil
				}
			}
		}, client.All{client.Timeout(10 * time.Second), client.AllowRedirects(true)}, nil,
			"Timeout", 10 * time.Second, "no response for 10s (Timeout)"},
		{"TotalTimeout", nil, client.All{client.TotalTimeout(time.Second)}, nil, "TotalTimeout", time.Second, "not complete after 1s (TotalTimeout)"},
		{"the sooner one", nil, client.All{client.TotalTimeout(time.Second), client.Timeout(2 * time.Second)}, nil,
			"TotalTimeout", time.Second, "not complete after 1s (TotalTimeout)"},
		{"both at once", nil, client.All{client.TotalTimeout(time.Second), client.Timeout(time.Second)}, nil,
			"Timeout", time.Second, "no response for 1s (Timeout)"},
		{"ReadTimeout", nil, all, func(t *testing.T, s *rawserver.Server, r *memory.Reactor, d call) error {
			s.Conn(0).Send(head)
			return content(t, r, d)
		}, "ReadTimeout", time.Second, "no data for 1s (ReadTimeout)"},
		{"ReadTimeout of a protocol", nil, client.All{client.ReadTimeout(100 * time.Millisecond), client.Unbuffered(true)},
			func(t *testing.T, s *rawserver.Server, r *memory.Reactor, d call) error {
				s.Conn(0).Send(head)
				p := new(bodytest.Reader)
				deferredtest.SuccessResultOf(t, d).DeliverBody(p)
				r.RunFor(time.Minute)
				return p.Err()
			}, "ReadTimeout", 100 * time.Millisecond, "no data for 100ms (ReadTimeout)"},
		{"ReadTimeout of a reader", nil, all, func(t *testing.T, s *rawserver.Server, r *memory.Reactor, d call) error {
			s.Conn(0).Send(head)
			resp := deferredtest.SuccessResultOf(t, d)
			read := deferred.Go(func(co *deferred.Co) ([]byte, error) { return io.ReadAll(resp.Reader(co)) })
			r.RunFor(time.Minute)
			return deferredtest.FailureResultOf(t, read)
		}, "ReadTimeout", time.Second, "no data for 1s (ReadTimeout)"},
		{"TotalTimeout in the body", nil, client.All{client.TotalTimeout(20 * time.Second)}, func(t *testing.T, s *rawserver.Server, r *memory.Reactor, d call) error {
			s.Conn(0).Send(head)
			return content(t, r, d)
		}, "TotalTimeout", 20 * time.Second, "not complete after 20s (TotalTimeout)"},
		{"TotalTimeout before a reader", nil, all, func(t *testing.T, s *rawserver.Server, r *memory.Reactor, d call) error {
			s.Conn(0).Send(head)
			r.RunFor(time.Minute)
			return content(t, r, d)
		}, "TotalTimeout", 20 * time.Second, "not complete after 20s (TotalTimeout)"},
		{"ConnectTimeout", func(_ *rawserver.Server, r *memory.Reactor) { r.HoldConnects() }, client.All{}, nil,
			"ConnectTimeout", 30 * time.Second, "no connection for 30s (ConnectTimeout): connecting to a.example:80: connecting took too long at 192.0.2.1:80"},
	} {
		t.Run(test.name, func(t *testing.T) {
			c, s, r := newClient(t)
			if test.prepare != nil {
				test.prepare(s, r)
			}
			d := c.Post("http://user:secret@a.example/x", client.Data("x"), test.options, client.BrowserLikeRedirects(true))
			r.Pump()
			var err error
			if test.fail != nil {
				err = test.fail(t, s, r, d)
			} else {
				r.RunFor(test.after - 1)
				deferredtest.NoResult(t, d)
				r.RunFor(1)
				err = deferredtest.FailureResultOf(t, d)
			}
			if want := "POST http://user:xxxxx@a.example/x: " + test.text; err.Error() != want {
				t.Errorf("got  %s\nwant %s", err, want)
			}
			var which *agent.TimeoutError
			if !errors.As(err, &which) || which.Option != test.option || which.After != test.after || !which.Timeout() {
				t.Errorf("the timeout is %+v", which)
			}
			var timeout *deferred.TimeoutError
			if !errors.As(err, &timeout) || timeout.After != test.after || !errors.As(err, new(*agent.RequestError)) {
				t.Errorf("%v has no deferred.TimeoutError, or no RequestError", err)
			}
			if !errors.Is(err, deferred.ErrCancelled) || !errors.Is(err, os.ErrDeadlineExceeded) {
				t.Errorf("%v is not ErrCancelled and ErrDeadlineExceeded", err)
			}
			if errors.Is(err, reactor.ErrConnectTimeout) != (test.option == "ConnectTimeout") {
				t.Errorf("%v is ErrConnectTimeout, or is not", err)
			}
		})
	}
}

// TestCancelledIsNoTimeout: only a timeout is one.
func TestCancelledIsNoTimeout(t *testing.T) {
	c, _, r := newClient(t)
	d := c.Get("http://a.example/", client.Timeout(time.Second), client.TotalTimeout(time.Second))
	r.Pump()
	d.Cancel()
	err := deferredtest.FailureResultOf(t, d)
	if !errors.Is(err, deferred.ErrCancelled) || errors.Is(err, os.ErrDeadlineExceeded) || errors.As(err, new(*agent.TimeoutError)) {
		t.Errorf("got %v", err)
	}
}

// TestCancelledTexts: an error says that the request was cancelled, and why, on one line.
func TestCancelledTexts(t *testing.T) {
	patience := errors.New("my patience")
	for want, end := range map[string]func(d *deferred.Deferred[*response.Response]){
		"GET http://a.example/: cancelled": func(d *deferred.Deferred[*response.Response]) { d.Cancel() },
		"GET http://a.example/: cancelled: my patience": func(d *deferred.Deferred[*response.Response]) {
			ctx, cancel := context.WithCancelCause(context.Background())
			calls := make(queue, 1)
			d.AddContext(ctx, calls)
			cancel(patience)
			(<-calls)() // the context ends on another goroutine
		},
	} {
		c, _, r := newClient(t)
		d := c.Get("http://a.example/")
		r.Pump()
		end(d)
		err := deferredtest.FailureResultOf(t, d)
		if err.Error() != want || !errors.Is(err, deferred.ErrCancelled) || strings.Contains(want, "patience") != errors.Is(err, patience) {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}

// A queue is a loop whose test makes the calls.
type queue chan func()

func (q queue) CallFromThread(f func()) { q <- f }
