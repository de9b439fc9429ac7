package agent_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/textproto"
	"testing"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/internal/testkit/background"
	"github.com/seed-7c003b53/gotreq/internal/testkit/loopback"
	"github.com/seed-7c003b53/gotreq/reactor"
	"github.com/seed-7c003b53/gotreq/treq/agent"
	"github.com/seed-7c003b53/gotreq/treq/response"
)

// sayHello answers each request on c.
func sayHello(c net.Conn) {
	for {
		if n, err := c.Read(make([]byte, 4<<10)); n == 0 || err != nil {
			return
		}
		io.WriteString(c, "HTTP/1.1 103 Early Hints\r\n\r\n"+okHello)
	}
}

// TestHooksAcrossBridges: whichever bridge a request passes, its hooks are called on the
// goroutine of the loop, except for the Got1xxResponse of a program above a RoundTripper, and
// the values of its context arrive.
func TestHooksAcrossBridges(t *testing.T) {
	type key struct{}
	address := loopback.Serve(t, sayHello)
	r := background.Loop(t, nil)
	direct := agent.New(r, agent.Config{})
	transport := &http.Transport{DisableKeepAlives: true}
	var value any
	spy := roundTripperFunc(func(req *http.Request) (*http.Response, error) {
		value = req.Context().Value(key{})
		return transport.RoundTrip(req)
	})
	for name, a := range map[string]agent.Requester{
		"Agent":                                direct,
		"FromRoundTripper":                     agent.FromRoundTripper(r, spy),
		"FromRoundTripper of NewRoundTripper":  agent.FromRoundTripper(r, agent.NewRoundTripper(r, direct)),
		"NewRoundTripper":                      nil,
		"NewRoundTripper of FromRoundTripper":  nil,
		"NewRoundTripper, Got1xxResponse only": nil,
	} {
		t.Run(name, func(t *testing.T) {
			value = "value"
			var calls, interim int
			trace := &httptrace.ClientTrace{
				WroteRequest: func(httptrace.WroteRequestInfo) {
					if calls++; !r.OnLoop() {
						t.Error("WroteRequest is not called on the loop")
					}
				},
				Got1xxResponse: func(code int, _ textproto.MIMEHeader) error {
					if interim++; r.OnLoop() == (a == nil) {
						t.Errorf("Got1xxResponse is called on the loop %v", r.OnLoop())
					}
					return nil
				},
			}
			want := 1
			if name == "NewRoundTripper, Got1xxResponse only" {
				trace.WroteRequest, want = nil, 0
			}
			ctx := context.WithValue(httptrace.WithClientTrace(context.Background(), trace), key{}, "value")
			if a == nil {
				below := agent.Requester(direct)
				if name == "NewRoundTripper of FromRoundTripper" {
					below = agent.FromRoundTripper(r, spy)
				}
				req := must(http.NewRequestWithContext(ctx, "GET", "http://"+address, nil))
				resp, err := agent.NewRoundTripper(r, below).RoundTrip(req)
				if err != nil {
					t.Fatal(err)
				}
				defer resp.Body.Close()
				if body, err := io.ReadAll(resp.Body); string(body) != "hello" {
					t.Errorf("got %q, %v", body, err)
				}
			} else {
				body, err := reactor.BlockingCallFromThread(ctx, r, func() *deferred.Deferred[[]byte] {
					req := newRequest("GET", "http://"+address)
					req.Context = ctx
					return deferred.Then(a.Request(req), (*response.Response).Content)
				})
				if string(body) != "hello" {
					t.Errorf("got %q, %v", body, err)
				}
			}
			if calls != want || interim != 1 || value != "value" {
				t.Errorf("%d and %d calls, the value is %v", calls, interim, value)
			}
		})
	}
}

// TestContextAboveARoundTripper: the end of a request's context ends the RoundTripper's request.
func TestContextAboveARoundTripper(t *testing.T) {
	r := background.Loop(t, nil)
	ctx, cancel := context.WithCancelCause(context.Background())
	no := errors.New("no")
	a := agent.FromRoundTripper(r, roundTripperFunc(func(req *http.Request) (*http.Response, error) {
		cancel(no)
		<-req.Context().Done()
		return nil, context.Cause(req.Context())
	}))
	_, err := reactor.BlockingCallFromThread(context.Background(), r, func() *deferred.Deferred[*response.Response] {
		req := newRequest("GET", "http://a.example/")
		req.Context = ctx
		return a.Request(req)
	})
	if !errors.Is(err, no) {
		t.Errorf("got %v", err)
	}
}

// TestHooksBelowARoundTripper: a hook that panics fails the request, before the response and in
// its body, and no hook is called once the request is over.
func TestHooksBelowARoundTripper(t *testing.T) {
	r := background.Loop(t, nil)
	for _, in := range []string{"the request", "the body"} {
		t.Run(in, func(t *testing.T) {
			late := make(chan bool)
			a := agent.FromRoundTripper(r, roundTripperFunc(func(req *http.Request) (*http.Response, error) {
				trace := httptrace.ContextClientTrace(req.Context())
				body, more := io.Pipe()
				go func() {
					if in == "the body" {
						io.WriteString(more, "some")
						trace.WroteHeaders()
					}
					<-req.Context().Done()
					trace.GotFirstResponseByte()
					more.CloseWithError(context.Cause(req.Context()))
					close(late)
				}()
				if in == "the request" {
					trace.WroteHeaders()
					<-req.Context().Done()
					return nil, req.Context().Err()
				}
				return &http.Response{StatusCode: 200, ContentLength: 10, Body: body}, nil
			}))
			_, err := reactor.BlockingCallFromThread(context.Background(), r, func() *deferred.Deferred[[]byte] {
				req := withTrace(newRequest("GET", "http://a.example/"), &httptrace.ClientTrace{
					WroteHeaders:         func() { panic("on purpose") },
					GotFirstResponseByte: func() { t.Error("a hook is called after the end") },
				})
				return deferred.Then(a.Request(req), (*response.Response).Content)
			})
			var p *deferred.PanicError
			if !errors.As(err, &p) || p.Value != "on purpose" {
				t.Errorf("got %v", err)
			}
			<-late
			reactor.BlockingCallFromThread(context.Background(), r, func() *deferred.Deferred[bool] { return deferred.Succeed(true) })
		})
	}
}
