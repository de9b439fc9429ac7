package reactor

import (
	"fmt"
	"io"
	"iter"
	"maps"
	"net"
	"slices"
	"strings"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/internal/inspect"
	"github.com/seed-7c003b53/gotreq/internal/timers"
)

// This file shows what is pending on one loop. dumpall.go asks all loops of the process.

// Dump writes to w what is pending on the loop and why, as text for people. A section has a
// heading with a count, and a line for each thing, of at most a thousand; a section with nothing
// is left out:
//
//	loop at 12:04:00.5: running, 1523 turns, delayed calls up to 3ms late
//	requests (2)
//	  GET http://a.example/users: waiting for the response, 1.2s old, over 127.0.0.1:5000 -> 127.0.0.1:80
//	  GET http://a.example/users: waiting for a connection, 800ms old
//	pool (1)
//	  http://a.example, HTTP/1: 0 idle, 1 busy, 0 being made, at most 1, 1 waiting
//	connections (1)
//	  127.0.0.1:5000 -> 127.0.0.1:80: *agent.connection
//	timers (1)
//	  in 29.5s, at 12:04:30: main.main.func1 (main.go:7)
//
// First come the objects of other packages, in the order in which they were added by
// [AddInspectable]; then the lookups of names, the attempts to connect, the open connections, the
// listening ports, the timers and the threads. Under deferred.SetDebugging, the end is what waits
// for what; see [deferred.WritePending]. Values of secret parameters, and passwords, are
// hidden in URLs.
//
// The error is that of w. The caller is on the loop's goroutine; [Dump] works from any other.
func (l *Loop) Dump(w io.Writer) error {
	l.check("Dump")
	_, err := io.WriteString(w, l.pending())
	return err
}

// pending returns the text of Dump.
func (l *Loop) pending() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s at %s: %s, %d turns, delayed calls up to %v late\n",
		l.name, l.Now().Format("15:04:05.999999999"), l.state(), l.stats.Turns, inspect.Round(l.stats.MaxLag))
	for _, text := range l.locals.inspectables.texts() {
		b.WriteString(text)
	}
	if s, ok := l.resolver.(*systemResolver); ok {
		inspect.Section(&b, "lookups", len(s.flights), slices.Values(slices.Sorted(maps.Keys(s.flights))))
	}
	inspect.Section(&b, "attempts to connect", l.dials.Len(), lines(l.dials.All(), (*dial).String))
	inspect.Section(&b, "connections", l.open.Len(), lines(l.open.All(), (*connection).String))
	inspect.Section(&b, "ports", l.ports.Len(), lines(l.ports.All(), (*port).String))
	inspect.Section(&b, "timers", l.timers.Len(), lines(slices.Values(l.timers.Calls()), func(d DelayedCall) string { return fmt.Sprint(d) }))
	b.WriteString(l.threads.String())
	if n := len(l.whenRunning); n != 0 {
		fmt.Fprintf(&b, "functions of CallWhenRunning: %d\n", n)
	}
	deferred.WritePending(&b)
	return b.String()
}

// lines returns the lines for things.
func lines[T any](things iter.Seq[T], line func(T) string) iter.Seq[string] {
	return func(yield func(string) bool) {
		for t := range things {
			if !yield(line(t)) {
				return
			}
		}
	}
}

func (s state) String() string {
	return [...]string{
		idle: "not in Run", starting: "starting", running: "running", stopping: "stopping",
		shuttingDown: "shutting down", closing: "closing", closed: "closed",
	}[s]
}

// String describes an attempt to connect.
func (d *dial) String() string {
	text := fmt.Sprintf("%s %s for %s", d.network, d.address, factoryName(d.factory))
	if d.timeout != nil && d.timeout.Active() {
		text += fmt.Sprintf(", ends in %v", inspect.Round(d.timeout.Time().Sub(d.loop.Now())))
	}
	return text
}

// String describes an open connection.
func (c *connection) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s -> %s: %s", addressName(c.socket.LocalAddr()), addressName(c.socket.RemoteAddr()), protocolName(c.protocol))
	if unsent := len(c.out) - c.sent; unsent != 0 {
		fmt.Fprintf(&b, ", %d bytes unsent", unsent)
	}
	slot := c.producer
	if t, ok := c.protocol.(*tlsConnection); ok && t.producer.Taken() {
		slot = &t.producer
	}
	switch paused := c.flags&producerPaused != 0; {
	case slot == nil:
	case slot.Pull != nil:
		fmt.Fprintf(&b, ", pull producer %T", slot.Pull)
	case slot.Push != nil && paused:
		fmt.Fprintf(&b, ", paused producer %T", slot.Push)
	case slot.Push != nil:
		fmt.Fprintf(&b, ", producer %T", slot.Push)
	}
	for _, f := range []struct {
		flag connFlags
		text string
	}{
		{writeBlocked, "the peer takes nothing"}, {readPaused, "reading is paused"}, {readEnded, "the peer has ended its side"},
		{writeEnded, "this side is ended"}, {disconnecting, "closing"}, {aborting, "aborting"},
	} {
		if c.flags&f.flag != 0 {
			b.WriteString(", " + f.text)
		}
	}
	if c.broken != nil {
		fmt.Fprintf(&b, ", sending failed: %v", c.broken.err)
	}
	return b.String()
}

// String describes a port.
func (p *port) String() string {
	whose := "shared by the loops of the group"
	if p.sharing == nil {
		whose = factoryName(p.factory)
	}
	text := fmt.Sprintf("%s %s: %s", p.addr.Network(), addressName(p.addr), whose)
	switch {
	case p.paused:
		text += ", accepting is paused"
	case p.retry != nil:
		text += ", accepting failed and is tried again"
	}
	return text
}

// String describes what the pool does; "" if it does nothing.
func (p *threadPool) String() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.running == 0 && len(p.queue) == 0 {
		return ""
	}
	return fmt.Sprintf("threads: %d busy, at most %d, %d calls queued\n", p.running, p.size, len(p.queue))
}

// addressName returns the text of an address. One of a UNIX socket may have none.
func addressName(a net.Addr) string {
	if a == nil {
		return "?"
	}
	if text := a.String(); text != "" {
		return text
	}
	return a.Network()
}

// protocolName returns the type of a protocol. For a connection with TLS, it is that of the protocol above it.
func protocolName(p Protocol) string {
	t, ok := p.(*tlsConnection)
	switch {
	case !ok:
		return fmt.Sprintf("%T", p)
	case t.handshake != nil:
		return "TLS handshake"
	case t.protocol == nil:
		return "TLS"
	}
	return "TLS, " + protocolName(t.protocol)
}

// factoryName returns the type of a factory, or the name of its function.
func factoryName(f Factory) string {
	switch f := f.(type) {
	case FactoryFunc:
		return timers.FuncName(f)
	case *TLSFactory:
		return "TLS, " + factoryName(f.factory)
	}
	return fmt.Sprintf("%T", f)
}
