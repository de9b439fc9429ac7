package agent

import (
	"log/slog"
	"runtime"
	"weak"

	"github.com/seed-7c003b53/gotreq/internal/origin"
	"github.com/seed-7c003b53/gotreq/reactor"
	"github.com/seed-7c003b53/gotreq/treq/response"
)

// This file gives up a response that the program drops without reading its body: it closes the
// connection, or resets the stream of HTTP/2. Otherwise that would stay paused for ever.
//
// The garbage collector reports when the Response is unreachable. So when DataReceived
// has returned, nothing reachable from the connection may refer to a Response: an
// exchange keeps only a weak pointer to it, and no pointer to the Deferred that fired
// with it. A response whose body arrived with its head needs no such care: its connection
// is free.

// letGo drops the strong reference to the response of x, whose body did not end with the
// bytes received with the head. If the body has no reader by then, its connection is
// closed when the program drops the response.
func (x *exchange) letGo() {
	r := x.fresh
	if r == nil {
		return
	}
	x.fresh, x.response = nil, weak.Make(r)
	if !x.body.Taken() {
		runtime.AddCleanup(r, unreachable, weak.Make(x))
	}
}

// answer returns the response of x. It returns nil if there is none, or if the program
// has dropped it.
func (x *exchange) answer() *response.Response {
	if x.fresh != nil {
		return x.fresh
	}
	return x.response.Value()
}

// unreachable runs on a goroutine of the runtime when the response of an exchange is
// unreachable. The connection keeps the exchange reachable as long as necessary. The
// runtime must not have a strong pointer to the exchange, since a reader of the body
// could keep the response reachable through it.
func unreachable(w weak.Pointer[exchange]) {
	if x := w.Value(); x != nil {
		x.agent.reactor.CallFromThread(x.unread)
	}
}

// unread gives up a response that was dropped unread.
func (x *exchange) unread() {
	if x.body.Taken() || x.carrier == nil {
		return
	}
	slog.Warn("agent: a response was dropped unread: the rest of it is given up", "method", x.request.Method, "url", origin.Excerpt(origin.Redacted(x.request.URL), origin.ExcerptOfURL))
	x.carrier.abort(reactor.ErrConnectionAborted)
}
