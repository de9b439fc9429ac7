package memory

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// An Event is one line of a [Trace]. Events can be compared with ==.
//
// As JSON, an event is an object with the fields at, conn, side, from, kind, n, text and func. at is a
// number of nanoseconds. Fields other than at and kind are left out where they are empty.
type Event struct {
	// At is the time of the event, since the start of the clock.
	At time.Duration `json:"at"`
	// Conn is the number of the attempt to connect, from 1, and of its connection. It
	// is 0 for other events.
	Conn int `json:"conn,omitempty"`
	// Side is the side of the connection that acts, if any.
	Side Side `json:"side,omitempty"`
	// From is the client's address, for an attempt to connect, and the address of the machine whose
	// port listens. String leaves it out.
	From string `json:"from,omitempty"`
	// Kind is the kind of event:
	//
	//	listen      a port listens on Text
	//	connect     an attempt to connect to Text starts
	//	accept      the server at Text accepts the connection
	//	connected   the client is connected, at its address Text
	//	failed      the attempt fails with the error Text
	//	write       a side writes N bytes, which begin with Text
	//	read        a side reads N bytes, which begin with Text
	//	end         a side reads the end Text
	//	half close  a side ends its sending direction
	//	close       a side closes the connection in order
	//	reset       a side resets the connection
	//	advance     the test moves the clock by Text; a move by 0 is no event
	//	timer       a delayed call is made, the Nth that the reactor's CallLater
	//	            scheduled while tracing
	//	stop        the machine Text stops
	//	start       the machine Text starts
	//	jump        the clock of the wall jumps by Text
	//	choice      a choice differs from what happens without Choices, as Text says.
	//	            Conn and Side are those that it concerns: the side that comes
	//	            first, that reads or writes, or that sends the message. 0 and ""
	//	            mean none
	Kind string `json:"kind"`
	N    int    `json:"n,omitempty"`
	Text string `json:"text,omitempty"`
	// Func is the function of a timer: its name, or the file and the line of a function literal.
	// String leaves it out.
	Func string `json:"func,omitempty"`
}

// A Side is one of the two sides of a connection.
type Side string

const (
	ClientSide Side = "client" // the side that connected
	ServerSide Side = "server" // the side that listened
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

// A Trace is a sequence of events.
type Trace []Event

// String returns the trace, one line per event.
func (t Trace) String() string {
	var b strings.Builder
	for _, e := range t {
		b.WriteString(e.String() + "\n")
	}
	return b.String()
}

// StartTrace starts to record all events of the network, and of the calls that CallLater
// schedules from now on. Without it, tracing costs nothing.
func (r *Reactor) StartTrace() { r.net.tracing = true }

// Trace returns the events since [Reactor.StartTrace].
func (r *Reactor) Trace() Trace { return slices.Clone(r.net.events) }

// trace records e. Callers check n.tracing first, to avoid building e in vain.
func (n *network) trace(e Event) {
	e.At = n.elapsed()
	n.events = append(n.events, e)
}

func (s *socket) trace(kind string, n int, text string) {
	s.net.trace(Event{Conn: s.number, Side: s.side, Kind: kind, N: n, Text: text})
}

// preview returns the beginning of p, quoted.
func preview(p []byte) string {
	const maxLen = 40
	if len(p) <= maxLen {
		return strconv.Quote(string(p))
	}
	return strconv.Quote(string(p[:maxLen])) + "..."
}
