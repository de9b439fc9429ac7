package agent_test

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/http/httptrace"
	"testing"
	"time"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/deferred/deferredtest"
	"github.com/seed-7c003b53/gotreq/reactor/memory"
	"github.com/seed-7c003b53/gotreq/treq/agent"
	"github.com/seed-7c003b53/gotreq/treq/request"
	"github.com/seed-7c003b53/gotreq/treq/response"
)

// A stage is a hook that an agent calls, after some time.
type stage struct {
	after time.Duration
	call  func(trace *httptrace.ClientTrace)
}

// play moves the clock of r and calls the hooks in the Context of req, as an agent would.
func play(r *memory.Reactor, req *request.Request, stages ...stage) {
	trace := httptrace.ContextClientTrace(req.Context)
	for _, s := range stages {
		r.Advance(s.after)
		s.call(trace)
	}
}

// A addressed is a connection with addresses.
type addressed struct{ net.Conn }

func (addressed) LocalAddr() net.Addr  { return &net.TCPAddr{IP: net.IPv4(192, 0, 2, 9), Port: 1000} }
func (addressed) RemoteAddr() net.Addr { return &net.TCPAddr{IP: net.IPv4(192, 0, 2, 1), Port: 443} }

// The hooks, in the order in which an agent calls them.
func getConn(t *httptrace.ClientTrace)   { t.GetConn("an.example:443") }
func dnsStart(t *httptrace.ClientTrace)  { t.DNSStart(httptrace.DNSStartInfo{Host: "an.example"}) }
func dnsDone(t *httptrace.ClientTrace)   { t.DNSDone(httptrace.DNSDoneInfo{}) }
func connStart(t *httptrace.ClientTrace) { t.ConnectStart("tcp", "192.0.2.1:443") }
func connDone(t *httptrace.ClientTrace)  { t.ConnectDone("tcp", "192.0.2.1:443", nil) }
func connLost(t *httptrace.ClientTrace)  { t.ConnectDone("tcp", "192.0.2.2:443", errors.New("refused")) }
func tlsStart(t *httptrace.ClientTrace)  { t.TLSHandshakeStart() }
func tlsDone(t *httptrace.ClientTrace)   { t.TLSHandshakeDone(tls.ConnectionState{}, nil) }
func gotConn(t *httptrace.ClientTrace)   { t.GotConn(httptrace.GotConnInfo{Conn: addressed{}}) }
func reusedConn(t *httptrace.ClientTrace) {
	t.GotConn(httptrace.GotConnInfo{Conn: addressed{}, Reused: true})
}
func wrote(t *httptrace.ClientTrace)     { t.WroteRequest(httptrace.WroteRequestInfo{}) }
func firstByte(t *httptrace.ClientTrace) { t.GotFirstResponseByte() }

func ms(n int) time.Duration { return time.Duration(n) * time.Millisecond }

// newConnection are the hooks for a request over a new connection.
var newConnection = []stage{
	{ms(1), getConn}, {ms(2), dnsStart}, {ms(3), dnsDone}, {0, connStart}, {ms(1), connStart}, {ms(1), connLost}, {ms(2), connDone},
	{0, tlsStart}, {ms(5), tlsDone}, {ms(1), gotConn}, {ms(6), wrote}, {ms(7), firstByte},
}

// TestTimes plays the hooks of requests, and compares the Times of their responses.
func TestTimes(t *testing.T) {
	const local, remote = "192.0.2.9:1000", "192.0.2.1:443"
	for _, test := range []struct {
		name   string
		stages []stage
		want   response.Times
	}{
		{"a new connection", newConnection, response.Times{
			Earlier: ms(1), Queued: ms(2), Lookup: ms(3), Connect: ms(4), TLS: ms(5), Sent: ms(6), FirstByte: ms(13), Total: ms(29), Local: local, Remote: remote,
		}},
		{"a reused connection", []stage{{0, getConn}, {ms(4), reusedConn}, {0, wrote}, {ms(5), firstByte}}, response.Times{
			Queued: ms(4), FirstByte: ms(5), Total: ms(9), Reused: true, Local: local, Remote: remote,
		}},
		{"an answer before the body is sent", []stage{{0, getConn}, {0, gotConn}, {ms(1), firstByte}, {ms(2), wrote}}, response.Times{
			Sent: ms(3), FirstByte: ms(1), Total: ms(3), Local: local, Remote: remote,
		}},
		{"TLS to a proxy and to the server", []stage{{0, getConn}, {0, connStart}, {ms(1), connDone}, {0, tlsStart}, {ms(2), tlsDone}, {ms(9), tlsStart}, {ms(3), tlsDone}, {0, gotConn}, {0, wrote}, {0, firstByte}},
			response.Times{Connect: ms(1), TLS: ms(5), Total: ms(15), Local: local, Remote: remote}},
		{"two hops", append(append([]stage{}, newConnection...), stage{ms(10), getConn}, stage{ms(1), reusedConn}, stage{ms(2), wrote}, stage{ms(3), firstByte}),
			response.Times{Earlier: ms(39), Queued: ms(1), Sent: ms(2), FirstByte: ms(5), Total: ms(45), Reused: true, Local: local, Remote: remote}},
		{"a late address", []stage{{0, getConn}, {0, connStart}, {0, connStart}, {ms(1), connDone}, {0, gotConn}, {ms(1), connLost}, {ms(1), firstByte}},
			response.Times{Connect: ms(1), FirstByte: ms(2), Total: ms(3), Local: local, Remote: remote}},
		{"a body that could not be sent", []stage{{0, getConn}, {0, gotConn}, {ms(1), func(t *httptrace.ClientTrace) {
			t.WroteRequest(httptrace.WroteRequestInfo{Err: errors.New("boom")})
		}}, {ms(1), firstByte}}, response.Times{FirstByte: ms(2), Total: ms(2), Local: local, Remote: remote}},
		{"an agent without hooks", nil, response.Times{}},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := memory.New()
			s := &script{t: t}
			start := r.Now()
			d := agent.NewTimingAgent(r, s).Request(newRequest("GET", "https://an.example/"))
			play(r, s.last(), test.stages...)
			answer, source := reply(200)
			s.answer(answer)
			resp := deferredtest.SuccessResultOf(t, d)
			test.want.Start = start
			if got := *resp.Times; got != test.want {
				t.Errorf("got  %+v\nwant %+v", got, test.want)
			}
			r.Advance(ms(100))
			if before := resp.Times.Total; before != test.want.Total {
				t.Errorf("before the end of the body, the total is %v", before)
			}
			source.End(response.ErrDone)
			r.Advance(ms(100))
			if test.want.Total += ms(100); *resp.Times != test.want {
				t.Errorf("at the end: got  %+v\nwant %+v", *resp.Times, test.want)
			}
		})
	}
}

// TestTimesAndAnotherTrace: the hooks of the program's own Context are called too, and the
// request of the program stays as it is.
func TestTimesAndAnotherTrace(t *testing.T) {
	r := memory.New()
	s := &script{t: t}
	called := 0
	req := newRequest("GET", "http://an.example/")
	ctx := httptrace.WithClientTrace(context.Background(), &httptrace.ClientTrace{GetConn: func(string) { called++ }})
	req.Context = ctx
	d := agent.NewTimingAgent(r, s).Request(req)
	play(r, s.last(), stage{ms(5), getConn})
	s.answer(whole(200, ""))
	if resp := deferredtest.SuccessResultOf(t, d); called != 1 || resp.Times.Earlier != ms(5) || req.Context != ctx {
		t.Errorf("called %d times, %+v", called, resp.Times)
	}
}

// TestTimesOfAFailure: an error passes, and so does a cancel.
func TestTimesOfAFailure(t *testing.T) {
	s := &script{t: t}
	d := agent.NewTimingAgent(memory.New(), s).Request(newRequest("GET", "http://an.example/"))
	d.Cancel()
	if err := deferredtest.FailureResultOf(t, d); !errors.Is(err, deferred.ErrCancelled) || s.cancelled != 1 {
		t.Errorf("got %v, %d cancels", err, s.cancelled)
	}
}
