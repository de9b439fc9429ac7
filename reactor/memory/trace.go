package memory

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// An Event is one line of a [Trace]. Events can be compared with ==.
type Event struct {
	// At is when it happened, since the clock's beginning.
	At time.Duration
	// Conn numbers the attempts to connect from 1 on, in order, and the
	// connections that came of them. It is 0 if the event is about none.
	Conn int
	// Side is whose doing it is, if one of the two sides of a connection.
	Side Side
	// Kind is what happened:
	//
	//	listen      somebody listens on Text
	//	connect     an attempt to connect to Text begins
	//	accept      the server at Text gets the connection
	//	connected   the client gets it, at its address Text
	//	failed      the client gets none, because of Text
	//	write       a side wrote N bytes, which begin with Text
	//	read        a side read N bytes, which begin with Text
	//	end         a side read the end, which was Text
	//	half close  a side ended its sending
	//	close       a side closed the connection in order
	//	reset       a side closed it by a reset
	//	advance     the test moved the clock by Text
	//	timer       a delayed call was made, the Nth that was arranged by the
	//	            reactor's CallLater while it was traced
	Kind string
	N    int
	Text string
}

// A Side is one of the two sides of a connection.
type Side string

const (
	ClientSide Side = "client" // the one that connected
	ServerSide Side = "server" // the one that listened
)

// String returns the event on one line.
func (e Event) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%-8v", e.At)
	if e.Conn != 0 {
		fmt.Fprintf(&b, " #%d", e.Conn)
	}
	for _, s := range []string{string(e.Side), e.Kind} {
		if s != "" {
			b.WriteString(" " + s)
		}
	}
	if e.N != 0 {
		fmt.Fprintf(&b, " %d", e.N)
	}
	if e.Text != "" {
		b.WriteString(" " + e.Text)
	}
	return b.String()
}

// A Trace is what happened in a reactor, in order.
type Trace []Event

// String returns the trace, a line each event.
func (t Trace) String() string {
	var b strings.Builder
	for _, e := range t {
		b.WriteString(e.String() + "\n")
	}
	return b.String()
}

// StartTrace has the reactor write down what happens from now on: on the
// network, and the calls that its CallLater arranges from now on. Before, that
// costs nothing.
func (r *Reactor) StartTrace() { r.net.tracing = true }

// Trace returns what happened since [Reactor.StartTrace].
func (r *Reactor) Trace() Trace { return slices.Clone(r.net.events) }

// trace writes e down. Callers look at n.tracing first, so as not to build e
// for nothing.
func (n *network) trace(e Event) {
	e.At = n.elapsed()
	n.events = append(n.events, e)
}

func (s *socket) trace(kind string, n int, text string) {
	s.net.trace(Event{Conn: s.number, Side: s.side, Kind: kind, N: n, Text: text})
}

// preview returns the beginning of p, quoted.
func preview(p []byte) string {
	const most = 40
	if len(p) <= most {
		return strconv.Quote(string(p))
	}
	return strconv.Quote(string(p[:most])) + "..."
}
