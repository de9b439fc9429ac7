package agent

import (
	"log/slog"
	"runtime"
)

// This file is about a response that nobody reads and nobody can read any more: it
// would keep its connection paused for ever. When it becomes unreachable, the
// connection is closed, and that is reported.
//
// So nothing that the connection leads to may hold a Response: an exchange has a
// weak pointer to it, and none to the Deferred that fired with it. A response whose
// body came with its head needs none of this: its connection is free already.

// watchUnread has the connection of a response closed that is dropped unread, if
// there is more of its body to come.
func (x *exchange) watchUnread() {
	if x.body == nil || x.watched || x.body.Taken() {
		return
	}
	x.watched = true
	if r := x.response.Value(); r != nil {
		runtime.AddCleanup(r, unreachable, x)
	} else {
		x.unread()
	}
}

// unreachable is called, on a goroutine of the runtime, when the response of x is
// unreachable.
func unreachable(x *exchange) { x.agent.reactor.CallFromThread(x.unread) }

// unread closes the connection of a response that nobody reads.
func (x *exchange) unread() {
	if x.body.Taken() || x.connection.x != x {
		return
	}
	slog.Warn("agent: a response was dropped unread: its connection is closed", "method", x.request.Method, "url", x.request.URL.Redacted())
	x.connection.abort()
}
