package reactor

import (
	"fmt"
	"time"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/internal/timers"
)

// This file times callbacks, for WarnSlow and StartChromeTrace. A loop without them has no watch:
// then a callback costs one comparison more.

// A watch times the callbacks of a loop.
type watch struct {
	loop   *Loop
	slow   time.Duration // callbacks that take so long are warned of; 0: none
	trace  *chromeTrace  // nil if there is none
	warned time.Duration // how long the callbacks took that were warned of
}

// watchTurn sets the watch for a turn that begins: SetDebugging may have been called.
func (l *Loop) watchTurn() {
	l.setWatch()
	if l.watch != nil {
		l.watch.trace.turnBegins()
	}
}

// setWatch makes the watch, or removes it, as it is wanted.
func (l *Loop) setWatch() {
	slow := max(0, l.slow)
	if l.slow == 0 && deferred.Debugging() {
		slow = debugSlow
	}
	switch {
	case l.watch != nil && (slow > 0 || l.watch.trace != nil):
		l.watch.slow = slow
	case slow > 0:
		l.watch = &watch{loop: l, slow: slow}
	default:
		l.watch = nil
	}
}

// watchEnd ends a turn, if waits has not ended it.
func (l *Loop) watchEnd() {
	if l.watch != nil {
		l.watch.trace.turnEnds()
	}
}

// waits ends the turn because the poller waits. Events of the poller come until done is called.
func (w *watch) waits() (done func()) {
	t := w.trace
	t.turnEnds()
	t.setWaiting(true)
	return func() {
		t.turnEnds()
		t.setWaiting(false)
	}
}

// call is guard for a function that is called by its own name.
func (l *Loop) call(what string, f func()) {
	if l.watch == nil {
		guard(what, f)
		return
	}
	var name fmt.Stringer = timers.Func(f)
	if described := l.timers.What(); described != nil && what == "a delayed call" {
		name = described
	}
	l.callNamed(what, name, f)
}

// callNamed is guard for a function that stands for the one called name.
func (l *Loop) callNamed(what string, name fmt.Stringer, f func()) {
	if l.watch == nil {
		guard(what, f)
		return
	}
	l.watch.call(what, name, func() { guard(what, f) })
}

// call calls f, the callback called name, and times it. kind says in words what calls it.
func (w *watch) call(kind string, name fmt.Stringer, f func()) {
	start, warned, trace := w.loop.now(), w.warned, w.trace
	depth := trace.begin(kind, name, start)
	defer func() {
		end := w.loop.now()
		trace.end(depth, end)
		// The time of an inner callback that was warned of is not that of the outer one.
		all := end.Sub(start)
		if own := all - (w.warned - warned); w.slow > 0 && own >= w.slow {
			warnSlow(kind, name, own)
			w.warned = warned + all
		}
	}()
	f()
}

// Timed calls f, a part of a callback, as a callback of its own for [Loop.WarnSlow] and
// [Loop.StartChromeTrace]. kind says in words what f is a part of, such as "a resource". Without these,
// Timed only calls f, and does not ask name. The caller is on r's goroutine.
func Timed(r Reactor, kind string, name fmt.Stringer, f func()) {
	if l := r.Locals().loop; l != nil && l.watch != nil {
		l.watch.call(kind, name, f)
		return
	}
	f()
}

// guardWatched is guard with a watch.
func (c *connection) guardWatched(of any, method string, f func()) (err error) {
	c.loop.watch.call("a protocol", methodOf{of, method}, func() { err = c.guardAlone(f) })
	return err
}

// deliverWatched is deliver with a watch.
func (c *connection) deliverWatched(data []byte) {
	c.loop.watch.call("a protocol", methodOf{c.protocol, "DataReceived"}, func() { c.deliver(data) })
}

// build builds a protocol for s.
func (w *watch) build(factory Factory, s Socket) (p Protocol) {
	w.call("a factory", methodOf{factory, "BuildProtocol"}, func() { p = factory.BuildProtocol(s.RemoteAddr()) })
	return p
}

// A methodOf describes a method by the type of its receiver. For a protocol that wraps another one, that is
// the innermost one. A function that is a factory has a name of its own.
type methodOf struct {
	of     any
	method string
}

func (m methodOf) String() string {
	if f, ok := m.of.(FactoryFunc); ok {
		return timers.FuncOf(f).String()
	}
	of := m.of
	for range 10 { // a wrapper may wrap itself
		var inner Protocol
		switch p := of.(type) {
		case *tlsConnection:
			inner = p.protocol
		case interface{ Wrapped() Protocol }:
			inner = p.Wrapped()
		}
		if inner == nil {
			break
		}
		of = inner
	}
	return fmt.Sprintf("%T.%s", of, m.method)
}

// A plainText is a text as a [fmt.Stringer].
type plainText string

func (t plainText) String() string { return string(t) }
