package agent

import (
	"context"
	"crypto/tls"
	"net/http"
	"net/http/httptrace"
	"net/textproto"

	"github.com/seed-7c003b53/gotreq/deferred"
)

// This file passes the hooks of package httptrace across the bridges to net/http.

// withTrace returns ctx with trace in place of its hooks.
func withTrace(ctx context.Context, trace *httptrace.ClientTrace) context.Context {
	return httptrace.WithClientTrace(traceless{ctx}, trace)
}

// A traceless is a context without its hooks. Package httptrace itself can only add hooks.
type traceless struct{ context.Context }

func (c traceless) Value(key any) any {
	value := c.Context.Value(key)
	if _, hooks := value.(*httptrace.ClientTrace); hooks {
		return nil
	}
	return value
}

// context returns the context for the RoundTripper.
func (t *roundTrip) context() context.Context {
	parent := t.req.Context
	if parent == nil {
		parent = context.Background()
	}
	ctx, cancel := context.WithCancel(parent)
	t.cancel = cancel
	hooks := httptrace.ContextClientTrace(parent)
	if hooks == nil && t.req.Informational == nil {
		return ctx
	}
	trace := &httptrace.ClientTrace{}
	if hooks != nil {
		trace = t.onLoop(hooks)
	}
	if t.req.Informational != nil || hooks.Got1xxResponse != nil {
		trace.Got1xxResponse = t.informing(ctx, hooks)
	}
	return withTrace(ctx, trace)
}

// onLoop returns hooks that call those of h on the goroutine of the loop, and do not wait for
// them.
func (t *roundTrip) onLoop(h *httptrace.ClientTrace) *httptrace.ClientTrace {
	post := func(hook func()) { t.agent.reactor.CallFromThread(func() { t.call(hook) }) }
	simple := func(hook func()) func() {
		if hook == nil {
			return nil
		}
		return func() { post(hook) }
	}
	trace := &httptrace.ClientTrace{
		GotFirstResponseByte: simple(h.GotFirstResponseByte),
		Got100Continue:       simple(h.Got100Continue),
		TLSHandshakeStart:    simple(h.TLSHandshakeStart),
		WroteHeaders:         simple(h.WroteHeaders),
		Wait100Continue:      simple(h.Wait100Continue),
	}
	if h.GetConn != nil {
		trace.GetConn = func(address string) { post(func() { h.GetConn(address) }) }
	}
	if h.GotConn != nil {
		trace.GotConn = func(info httptrace.GotConnInfo) { post(func() { h.GotConn(info) }) }
	}
	if h.PutIdleConn != nil {
		trace.PutIdleConn = func(err error) { post(func() { h.PutIdleConn(err) }) }
	}
	if h.DNSStart != nil {
		trace.DNSStart = func(info httptrace.DNSStartInfo) { post(func() { h.DNSStart(info) }) }
	}
	if h.DNSDone != nil {
		trace.DNSDone = func(info httptrace.DNSDoneInfo) { post(func() { h.DNSDone(info) }) }
	}
	if h.ConnectStart != nil {
		trace.ConnectStart = func(network, address string) { post(func() { h.ConnectStart(network, address) }) }
	}
	if h.ConnectDone != nil {
		trace.ConnectDone = func(network, address string, err error) {
			post(func() { h.ConnectDone(network, address, err) })
		}
	}
	if h.TLSHandshakeDone != nil {
		trace.TLSHandshakeDone = func(state tls.ConnectionState, err error) {
			post(func() { h.TLSHandshakeDone(state, err) })
		}
	}
	if h.WroteHeaderField != nil {
		trace.WroteHeaderField = func(name string, values []string) {
			post(func() { h.WroteHeaderField(name, values) })
		}
	}
	if h.WroteRequest != nil {
		trace.WroteRequest = func(info httptrace.WroteRequestInfo) { post(func() { h.WroteRequest(info) }) }
	}
	return trace
}

// call calls hook, unless the request is over: a RoundTripper may go on with what it does for it.
func (t *roundTrip) call(hook func()) {
	if t.over {
		return
	}
	if p := caught(hook); p != nil {
		t.panicked(p)
	}
}

// panicked ends the request because its Informational or a hook panicked.
func (t *roundTrip) panicked(p *deferred.PanicError) {
	switch {
	case t.over: // it was cancelled, so nobody waits for the error
		p.Repanic()
	case !t.result.Called():
		t.result.Errback(p)
		t.release()
	default:
		t.body.Pump.StopProducing()
		t.body.end(p)
	}
}

// informing returns a Got1xxResponse that passes the interim responses to the request's
// Informational and to that of hooks, on the loop's goroutine. The RoundTripper waits for them:
// when one of them fails, the request fails, and so does the RoundTripper, which therefore does
// not use its connection again.
func (t *roundTrip) informing(ctx context.Context, hooks *httptrace.ClientTrace) func(int, textproto.MIMEHeader) error {
	informed := func(code int, header textproto.MIMEHeader) (err error) {
		t.call(func() {
			if t.req.Informational != nil {
				t.req.Informational(code, http.Header(header))
			}
			if hooks != nil && hooks.Got1xxResponse != nil && !t.over {
				err = hooks.Got1xxResponse(code, header)
			}
		})
		if err == nil && t.over {
			err = context.Canceled
		}
		return err
	}
	r := t.agent.reactor
	return func(code int, header textproto.MIMEHeader) error {
		if r.OnLoop() {
			return informed(code, header)
		}
		result := make(chan error, 1)
		r.CallFromThread(func() { result <- informed(code, header) })
		select {
		case err := <-result:
			return err
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
