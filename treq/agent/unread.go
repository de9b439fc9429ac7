package agent

import (
	"log/slog"
	"runtime"
	"weak"

	"github.com/seed-7c003b53/gotreq/reactor"
	"github.com/seed-7c003b53/gotreq/treq/response"
)

// This file is about a response that nobody reads and nobody can read any more: it
// would keep its connection paused for ever. When it becomes unreachable, the
// connection is closed, and that is reported.
//
// So nothing that the connection leads to may hold a Response for longer than one
// DataReceived takes: an exchange has a weak pointer to it, and none to the Deferred
// that fired with it. A response whose body came with its head needs none of this:
// its connection is free already.

// letGo ends the holding of a response whose body goes on after what came with its
// head. If nobody reads it, its connection is closed when it is dropped.
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

// answer returns the response of x, or nil if there is none, or none any more.
func (x *exchange) answer() *response.Response {
	if x.fresh != nil {
		return x.fresh
	}
	return x.response.Value()
}

// unreachable is called, on a goroutine of the runtime, when the response of an
// exchange is unreachable. The exchange is there as long as its connection is at it.
// The pointer is weak because the runtime holds it: a reader of the body, to which
// the exchange leads, may well hold the response.
func unreachable(w weak.Pointer[exchange]) {
	if x := w.Value(); x != nil {
		x.agent.reactor.CallFromThread(x.unread)
	}
}

// unread closes the connection of a response that nobody reads.
func (x *exchange) unread() {
	if x.body.Taken() || x.carrier == nil {
		return
	}
	slog.Warn("agent: a response was dropped unread: its connection is closed", "method", x.request.Method, "url", x.request.URL.Redacted())
	x.carrier.abort(reactor.ErrConnectionAborted)
}
