package agent

import (
	"context"
	"crypto/tls"
	"net/http/httptrace"
	"time"

	"github.com/seed-7c003b53/gotreq/reactor"
	"github.com/seed-7c003b53/gotreq/treq/request"
	"github.com/seed-7c003b53/gotreq/treq/response"
)

// This file measures how long the parts of a request take.

// A TimingAgent is a Requester that sets the Times of each response. It belongs above an agent
// that follows redirects or tries again, so that their requests count as one.
type TimingAgent struct {
	clock reactor.Clock
	inner Requester
}

// NewTimingAgent returns a TimingAgent on top of inner, with the time of clock, which normally
// is the reactor.
func NewTimingAgent(clock reactor.Clock, inner Requester) *TimingAgent {
	return &TimingAgent{clock, inner}
}

// Request sends req and measures it; see [Requester]. For that it sends a copy of req whose
// Context has hooks of package httptrace, besides those of req's Context.
func (a *TimingAgent) Request(req *request.Request) *response.Deferred {
	s := newStopwatch(a.clock)
	own := *req
	own.Context = s.in(req.Context)
	return a.inner.Request(&own).AddCallback(func(resp *response.Response) (*response.Response, error) {
		s.answered(resp)
		resp.OnEnd(s.ended)
		return resp, nil
	})
}

// The states of a request, for [Pending].
const (
	stateWaiting     = "waiting" // in a queue, for a limit, before a retry
	stateLookingUp   = "looking up the name"
	stateConnecting  = "connecting"
	stateHandshaking = "shaking hands"
	stateSending     = "sending"
	stateSent        = "sent" // and not answered
	stateReading     = "reading"
)

// A stopwatch measures one request. It must not keep the response reachable: the end of the
// body calls it; see unread.go.
type stopwatch struct {
	clock reactor.Clock
	times *response.Times
	state string
	since time.Time       // when the present part began: the wait, the lookup, the handshake
	tried time.Time       // when connecting to the first address began
	conn  time.Time       // when the request got a connection; zero before
	over  bool            // the result is there: another request may have the same Context
	kept  *response.Times // times, while they are those of another request; nil otherwise
}

func newStopwatch(clock reactor.Clock) *stopwatch {
	now := clock.Now()
	return &stopwatch{clock: clock, times: &response.Times{Start: now}, state: stateWaiting, since: now}
}

// in returns ctx, which may be nil, with the hooks of s.
func (s *stopwatch) in(ctx context.Context) context.Context {
	if ctx == nil {
		ctx = context.Background()
	}
	return httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		GetConn:              s.getConn,
		DNSStart:             s.dnsStart,
		DNSDone:              s.dnsDone,
		ConnectStart:         s.connectStart,
		ConnectDone:          s.connectDone,
		TLSHandshakeStart:    s.tlsStart,
		TLSHandshakeDone:     s.tlsDone,
		GotConn:              s.gotConn,
		WroteRequest:         s.wroteRequest,
		GotFirstResponseByte: s.firstByte,
	})
}

// lap returns the time of the present part, and begins the next one.
func (s *stopwatch) lap() time.Duration {
	now := s.clock.Now()
	d := now.Sub(s.since)
	s.since = now
	return d
}

// getConn begins another request: the first, the next hop or another try.
func (s *stopwatch) getConn(string) {
	now := s.clock.Now()
	if s.over {
		s.kept, s.times = s.result(), new(response.Times)
	}
	*s.times = response.Times{Start: s.times.Start, Earlier: now.Sub(s.times.Start)}
	s.state, s.since, s.tried, s.conn = stateWaiting, now, time.Time{}, time.Time{}
}

// leaveQueue ends the wait for a place among the connections.
func (s *stopwatch) leaveQueue() {
	if s.state == stateWaiting {
		s.times.Queued = s.lap()
	}
}

func (s *stopwatch) dnsStart(httptrace.DNSStartInfo) {
	s.leaveQueue()
	s.state = stateLookingUp
	s.lap()
}

func (s *stopwatch) dnsDone(httptrace.DNSDoneInfo) {
	if s.state == stateLookingUp {
		s.times.Lookup += s.lap()
		s.state = stateConnecting
	}
}

// connectStart may be called for several addresses, whose attempts overlap.
func (s *stopwatch) connectStart(_, address string) {
	s.leaveQueue()
	if s.tried.IsZero() {
		s.tried = s.clock.Now()
		s.state = stateConnecting
	}
}

func (s *stopwatch) connectDone(_, address string, err error) {
	if s.state != stateConnecting {
		return // another address was faster
	}
	s.times.Connect = s.clock.Now().Sub(s.tried)
	if err == nil {
		s.times.Remote = address
	}
}

func (s *stopwatch) tlsStart() {
	s.state = stateHandshaking
	s.lap()
}

// tlsDone may be called twice: for a proxy, and for the server behind it.
func (s *stopwatch) tlsDone(tls.ConnectionState, error) {
	if s.state == stateHandshaking {
		s.times.TLS += s.lap()
		s.state = stateConnecting
	}
}

func (s *stopwatch) gotConn(info httptrace.GotConnInfo) {
	s.leaveQueue()
	s.state, s.conn = stateSending, s.clock.Now()
	s.times.Reused = info.Reused
	if info.Conn == nil {
		return
	}
	if a := info.Conn.LocalAddr(); a != nil {
		s.times.Local = a.String()
	}
	if a := info.Conn.RemoteAddr(); a != nil {
		s.times.Remote = a.String()
	}
}

func (s *stopwatch) wroteRequest(info httptrace.WroteRequestInfo) {
	if info.Err != nil || s.conn.IsZero() {
		return
	}
	s.times.Sent = s.clock.Now().Sub(s.conn)
	if s.state == stateSending {
		s.state = stateSent
	}
}

func (s *stopwatch) firstByte() {
	if !s.conn.IsZero() {
		s.times.FirstByte = s.clock.Now().Sub(s.conn)
	}
}

// answered gives resp its Times.
func (s *stopwatch) answered(resp *response.Response) {
	resp.Times = s.times
	s.state, s.over = stateReading, true
	s.total()
}

// result returns the times of the request itself.
func (s *stopwatch) result() *response.Times {
	if s.kept != nil {
		return s.kept
	}
	return s.times
}

func (s *stopwatch) total() {
	t := s.result()
	t.Total = s.clock.Now().Sub(t.Start)
}

// ended ends the measuring when the body has ended.
func (s *stopwatch) ended() { s.total() }

// failed ends the measuring of a request without a response. The part in which it failed
// lasted until now.
func (s *stopwatch) failed() {
	s.over = true
	s.total()
	switch s.state {
	case stateWaiting:
		s.times.Queued = s.lap()
	case stateLookingUp:
		s.times.Lookup += s.lap()
	case stateConnecting:
		if !s.tried.IsZero() && s.times.Remote == "" {
			s.times.Connect = s.clock.Now().Sub(s.tried)
		}
	case stateHandshaking:
		s.times.TLS += s.lap()
	}
}
