package agent

import (
	"crypto/tls"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/netip"
	"net/textproto"
	"strings"
	"time"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/internal/http2"
	"github.com/seed-7c003b53/gotreq/internal/origin"
	"github.com/seed-7c003b53/gotreq/reactor"
	"github.com/seed-7c003b53/gotreq/reactor/endpoints"
	"github.com/seed-7c003b53/gotreq/treq/response"
)

// This file calls the hooks of package httptrace, in the order of net/http's Transport.

// A tracer calls the hooks in the Context of an exchange's request, and marks its phases in the trace of the
// loop, if there is one. A nil tracer, that of a request without either, does nothing.
//
// A hook is a user's code: it may cancel the request, or panic, which fails it. So after a call
// the exchange may be over, and its connection broken.
type tracer struct {
	x       *exchange
	hooks   *httptrace.ClientTrace
	span    *reactor.Span // of Loop.StartChromeTrace; nil without a trace
	writing bool          // WroteRequest follows
	over    bool          // the request has failed: no hook is called any more
}

// newTracer returns the tracer of x; nil if its request has no hooks, and its loop no trace.
func newTracer(x *exchange) *tracer {
	var hooks *httptrace.ClientTrace
	if x.request.Context != nil {
		hooks = httptrace.ContextClientTrace(x.request.Context)
	}
	span := reactor.TraceSpan(x.agent.reactor, "request", x)
	if hooks == nil && span == nil {
		return nil
	}
	if hooks == nil {
		hooks = new(httptrace.ClientTrace)
	}
	return &tracer{x: x, hooks: hooks, span: span}
}

// String is the name of x in the trace of a loop.
func (x *exchange) String() string { return shown(x.request) }

// phase marks the phase that begins, by the words of Pending.
func (t *tracer) phase(name string) {
	if t != nil {
		t.span.Phase(name)
	}
}

// end ends the span of the request.
func (t *tracer) end() {
	if t != nil {
		t.span.End()
	}
}

// answered marks that r, the response, has come. The span ends with its body.
func (t *tracer) answered(r *response.Response) {
	if t != nil && t.span != nil {
		t.phase(stateReading)
		r.OnEnd(t.span.End)
	}
}

// call calls hook. A panic of it fails the request.
func (t *tracer) call(hook func()) {
	if t.over {
		return
	}
	if p := caught(hook); p != nil {
		t.panicked(p)
	}
}

// panicked ends the exchange because a hook panicked.
func (t *tracer) panicked(p *deferred.PanicError) {
	switch x := t.x; {
	case !x.over():
		x.quit(p)
	case x.answered && !x.body.Ended():
		x.failBody(p)
		if x.carrier != nil {
			x.carrier.abort(p)
		}
	default: // nobody waits for the error
		slog.Error("agent: panic in a hook of httptrace", "url", origin.Excerpt(origin.Redacted(x.request.URL), origin.ExcerptOfURL), "panic", p.Value, "stack", p.Trace())
	}
}

// getConn says that x needs a connection to address.
func (t *tracer) getConn(address string) {
	t.phase(stateWaiting)
	if t != nil && t.hooks.GetConn != nil {
		t.call(func() { t.hooks.GetConn(address) })
	}
}

// gotConn says that c carries the request. idle is how long c was unused; a negative time means
// that it was not.
func (t *tracer) gotConn(c *pooled, idle time.Duration) {
	t.phase(stateSending)
	if t == nil || t.hooks.GotConn == nil {
		return
	}
	t.call(func() {
		t.hooks.GotConn(httptrace.GotConnInfo{
			Conn:     &addresses{c.transport.Host(), c.transport.Peer()},
			Reused:   c.sent > 1,
			WasIdle:  idle >= 0,
			IdleTime: max(0, idle),
		})
	})
}

// putIdleConn says that the connection goes back to the pool.
func (t *tracer) putIdleConn() {
	if t != nil && t.hooks.PutIdleConn != nil {
		t.call(func() { t.hooks.PutIdleConn(nil) })
	}
}

// wroteHead says that head was written.
func (t *tracer) wroteHead(head []byte) {
	if t == nil {
		return
	}
	if t.hooks.WroteHeaderField != nil {
		for name, values := range fieldsOf(string(head)) {
			t.call(func() { t.hooks.WroteHeaderField(name, values) })
		}
	}
	t.wroteHeaders()
}

// wroteFields says that head was written.
func (t *tracer) wroteFields(head *http2.RequestHead) {
	if t.hooks.WroteHeaderField != nil {
		for name, value := range fieldsOfHTTP2(head) {
			t.call(func() { t.hooks.WroteHeaderField(name, []string{value}) })
		}
	}
	t.wroteHeaders()
}

func (t *tracer) wroteHeaders() {
	t.writing = true
	if t.hooks.WroteHeaders != nil {
		t.call(t.hooks.WroteHeaders)
	}
}

// fieldsOf yields the fields of head, as appendHead makes it. Fields of one name follow each
// other.
func fieldsOf(head string) func(yield func(name string, values []string) bool) {
	return func(yield func(name string, values []string) bool) {
		_, rest, _ := strings.Cut(head, "\r\n")
		var name string
		var values []string
		for line := range strings.SplitSeq(rest, "\r\n") {
			next, value, _ := strings.Cut(line, ": ")
			if next != name {
				if name != "" && !yield(name, values) {
					return
				}
				name, values = next, nil
			}
			values = append(values, value)
		}
	}
}

// wait100Continue says that the body waits for a 100.
func (t *tracer) wait100Continue() {
	if t != nil && t.hooks.Wait100Continue != nil {
		t.call(t.hooks.Wait100Continue)
	}
}

// wroteRequest says, once after each head, that the whole request was written, or that it was
// not because of err.
func (t *tracer) wroteRequest(err error) {
	if t == nil || !t.writing {
		return
	}
	t.writing = false
	if err == nil {
		t.phase(stateSent)
	}
	if t.hooks.WroteRequest != nil {
		t.call(func() { t.hooks.WroteRequest(httptrace.WroteRequestInfo{Err: err}) })
	}
}

// errAnsweredEarly is the error of a WroteRequest for a body that was not sent whole.
var errAnsweredEarly = errors.New("the server answered before it had the whole request")

func (t *tracer) gotFirstResponseByte() {
	if t != nil && t.hooks.GotFirstResponseByte != nil {
		t.call(t.hooks.GotFirstResponseByte)
	}
}

func (t *tracer) got100Continue() {
	if t != nil && t.hooks.Got100Continue != nil {
		t.call(t.hooks.Got100Continue)
	}
}

// got1xxResponse says that an interim response has come. An error of the hook fails the request.
func (t *tracer) got1xxResponse(code int, header http.Header) {
	if t == nil || t.hooks.Got1xxResponse == nil {
		return
	}
	t.call(func() {
		if err := t.hooks.Got1xxResponse(code, textproto.MIMEHeader(header)); err != nil && !t.x.over() {
			t.x.quit(err)
		}
	})
}

// failing says that x is about to fail with err.
func (t *tracer) failing(err error) {
	if t != nil {
		t.wroteRequest(err)
		t.end()
	}
}

// connecting returns the functions that call the hooks for a lookup and for attempts to connect;
// nil if there are no such hooks.
func (t *tracer) connecting() *endpoints.Trace {
	if t == nil {
		return nil
	}
	h, trace := t.hooks, &endpoints.Trace{}
	if h.DNSStart != nil || t.span != nil {
		trace.LookupStart = func(host string) {
			if t.phase(stateLookingUp); h.DNSStart != nil {
				t.call(func() { h.DNSStart(httptrace.DNSStartInfo{Host: host}) })
			}
		}
	}
	if h.DNSDone != nil || t.span != nil {
		trace.LookupDone = func(addrs []netip.Addr, err error) {
			if t.phase(stateConnecting); h.DNSDone == nil {
				return
			}
			info := httptrace.DNSDoneInfo{Err: err}
			for _, a := range addrs {
				info.Addrs = append(info.Addrs, net.IPAddr{IP: a.AsSlice(), Zone: a.Zone()})
			}
			t.call(func() { h.DNSDone(info) })
		}
	}
	if h.ConnectStart != nil || t.span != nil {
		trace.ConnectStart = func(address string) {
			if t.phase(stateConnecting); h.ConnectStart != nil {
				t.call(func() { h.ConnectStart("tcp", address) })
			}
		}
	}
	if h.ConnectDone != nil {
		trace.ConnectDone = func(address string, err error) { t.call(func() { h.ConnectDone("tcp", address, err) }) }
	}
	return trace
}

func (t *tracer) tlsHandshakeStart() {
	t.phase(stateHandshaking)
	if t != nil && t.hooks.TLSHandshakeStart != nil {
		t.call(t.hooks.TLSHandshakeStart)
	}
}

// tlsHandshakeDone says that a handshake has ended, with the protocol p above TLS or with err.
func (t *tracer) tlsHandshakeDone(p reactor.Protocol, err error) {
	if t == nil || t.hooks.TLSHandshakeDone == nil {
		return
	}
	var state tls.ConnectionState
	if transport := transportOf(p); transport != nil {
		if s := transport.TLS(); s != nil {
			state = *s
		}
	}
	t.call(func() { t.hooks.TLSHandshakeDone(state, err) })
}

// transportOf returns the transport of p, a protocol of the agent; nil for nil.
func transportOf(p reactor.Protocol) reactor.Transport {
	switch p := p.(type) {
	case *connection:
		return p.transport
	case *http2Connection:
		return p.transport
	case *newcomer:
		return p.transport
	case *tunnelOpener:
		return p.transport
	}
	return nil
}

// addresses is the net.Conn that the hook GotConn gets. The bytes of the connection belong to
// the agent; any goroutine may ask for the addresses.
type addresses struct{ local, remote net.Addr }

var errNotYours = errors.New("agent: the connection of a GotConnInfo has addresses only")

func (a *addresses) LocalAddr() net.Addr              { return a.local }
func (a *addresses) RemoteAddr() net.Addr             { return a.remote }
func (a *addresses) Read([]byte) (int, error)         { return 0, errNotYours }
func (a *addresses) Write([]byte) (int, error)        { return 0, errNotYours }
func (a *addresses) Close() error                     { return errNotYours }
func (a *addresses) SetDeadline(time.Time) error      { return errNotYours }
func (a *addresses) SetReadDeadline(time.Time) error  { return errNotYours }
func (a *addresses) SetWriteDeadline(time.Time) error { return errNotYours }
