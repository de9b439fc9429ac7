package memory

import (
	"fmt"
	"io"
	"net/netip"
	"time"

	"github.com/seed-7c003b53/gotreq/reactor"
)

// This file lets Choices delay, hold and lose what travels from one host to another.

// A fate is what the network does to what is sent on a pipe.
type fate uint8

const (
	arrives fate = iota
	dropped      // only a reset arrives: the reader has seen an end
	lost         // nothing arrives: the connection is reset
)

// piecesASecond is the number of pieces that a connection with a bandwidth cuts the bytes of a
// second into. Readers that expect progress see it.
const piecesASecond = 4

// Durations of faults, the natural one first.
var (
	stalls     = []time.Duration{time.Second, 10 * time.Second, 100 * time.Second}
	notAccepts = []time.Duration{100 * time.Millisecond, time.Second, 10 * time.Second}
)

// send is the pipe's send.
func (c *chooser) send(p *pipe, k packet) {
	if p.wire.fate == lost || p.wire.fate == dropped && (k.end == nil || k.end == io.EOF) {
		p.unsend(k)
		return
	}
	l := c.link(p.hosts())
	if c.failMessage(l, p, k) {
		return
	}
	if p.wire.rate != 0 && !c.conditions.Whole {
		piece := int(min(bufferSize, max(1, p.wire.rate/piecesASecond)))
		for ; k.bytes > piece; k.bytes -= piece {
			c.sendOn(l, p, packet{bytes: piece})
		}
	}
	c.sendOn(l, p, k)
}

// sendOn sends k to the reader. It arrives after the packets on their way.
func (c *chooser) sendOn(l *link, p *pipe, k packet) {
	n := c.net
	m := p.message()
	at := n.now.Add(n.delayOf(m))
	by := c.latency(l, m.event, k)
	if p.wire.rate != 0 {
		p.wire.sent = latest(p.wire.sent, n.now).Add(time.Duration(k.bytes) * time.Second / time.Duration(p.wire.rate))
		by += p.wire.sent.Sub(n.now)
	}
	if by > 0 {
		at = at.Add(by)
		p.wire.last = latest(p.wire.last, at)
	}
	at = latest(at, p.wire.last)
	if len(p.flight) == 0 && !n.faulty() && !at.After(n.now) && !l.holds(n.now) {
		p.arrive(k)
		return
	}
	p.flight = append(p.flight, k)
	c.carry(l, m, at)
}

// travel is the network's travel, for all but pipes.
func (c *chooser) travel(m message) {
	at := c.net.now.Add(c.net.delayOf(m))
	if _, ok := m.event.(*pipe); ok { // an IOPump's
		c.carry(nil, m, at)
		return
	}
	l := c.link(m.from, m.to)
	c.failAnswer(l, m)
	at = at.Add(c.latency(l, m.event, packet{}))
	if a, ok := m.event.(answer); ok && a.socket != nil && at.After(c.net.now) {
		a.socket.in.wire.last = at // the server's first bytes arrive after the answer
	}
	c.carry(l, m, at)
}

// carry delivers m at a time, or later if l holds messages.
func (c *chooser) carry(l *link, m message, at time.Time) {
	n := c.net
	if l != nil {
		if l.cut {
			l.held = append(l.held, m)
			return
		}
		at = latest(at, l.until)
	}
	if by := at.Sub(n.now); by > 0 {
		n.later.CallLater(by, func() { n.arrive(m) })
		return
	}
	n.arrive(m)
}

func latest(a, b time.Time) time.Time {
	if a.Before(b) {
		return b
	}
	return a
}

// holds reports whether l holds messages at a time.
func (l *link) holds(now time.Time) bool { return l != nil && (l.cut || l.until.After(now)) }

// latency returns the latency of a message on l: that of the link and its own, each at most half
// of MaxLatency.
func (c *chooser) latency(l *link, e event, k packet) time.Duration {
	if l == nil || c.conditions.MaxLatency == 0 {
		return 0
	}
	if !l.asked {
		l.asked = true
		if l.latency = c.someLatency(c.conditions.MaxLatency / 2); l.latency != 0 && c.net.tracing {
			c.note(Event{Text: fmt.Sprintf("%v of latency for each message between %s", l.latency, c.nameLink(l))})
		}
	}
	own := c.someLatency(c.conditions.MaxLatency / 2)
	if own != 0 && c.net.tracing {
		note, what := describeMessage(e, k)
		note.Text = fmt.Sprintf("%v of latency for %s", own, what)
		c.note(note)
	}
	return l.latency + own
}

// someLatency returns one of a few latencies up to most, or 0.
func (c *chooser) someLatency(most time.Duration) time.Duration {
	if most == 0 {
		return 0
	}
	return c.duration(Latency, 0, most/16, most/4, most)
}

// A wire is what Choices make of a pipe.
type wire struct {
	fate fate      // what happens to what is sent
	rate int64     // bytes a second; 0 means no limit
	sent time.Time // when the earlier bytes are sent, at that rate
	last time.Time // nothing arrives earlier, since a message on its way does not
}

// connect chooses the bandwidth of a new connection.
func (c *chooser) connect(client *socket) {
	var both [2]wire
	client.in.wire, client.out.wire = &both[0], &both[1]
	least := min(int64(c.conditions.MinBandwidth), 1<<40)
	if least == 0 || c.link(client.out.hosts()) == nil {
		return
	}
	rate := [...]int64{0, 64 * least, 8 * least, least}[c.choose(Bandwidth, 4)]
	both[0].rate, both[1].rate = rate, rate
	if rate != 0 && c.net.tracing {
		client.trace("choice", 0, fmt.Sprintf("the connection carries %d bytes a second each way", rate))
	}
}

// Faults.

// failMessage asks whether k, which is being sent on p, brings a fault of its connection or its
// link. It reports whether the fault has taken care of k.
func (c *chooser) failMessage(l *link, p *pipe, k packet) (handled bool) {
	if l == nil || l.cut || c.left == 0 {
		return false
	}
	kinds := Cut
	if !l.holds(c.net.now) {
		kinds |= Stalled
	}
	switch k.end {
	case nil:
		kinds |= Reset | HalfClosed
	case io.EOF:
		kinds |= Reset
	}
	switch kind := c.net.fault(kinds, l.hosts[0], l.hosts[1]); kind {
	case Reset:
		c.failReset(l, p, k)
		return true
	case HalfClosed:
		c.failHalf(l, p, k)
		return true
	case Stalled, Cut:
		c.failLink(l, kind, p)
	}
	return false
}

// failReset resets the connection of p on the way of k.
func (c *chooser) failReset(l *link, p *pipe, k packet) {
	first := c.choose(Detail, 2) == 0
	if c.net.tracing {
		after := "after"
		if !first {
			after = "and loses"
		}
		p.writer.trace("choice", 0, fmt.Sprintf("the network resets the connection %s %v", after, k))
	}
	if first {
		c.sendOn(l, p, k)
	} else {
		p.unsend(k)
	}
	p.breakBoth(!first)
}

// failHalf ends what the reader of p gets, after k or in place of it.
func (c *chooser) failHalf(l *link, p *pipe, k packet) {
	first := c.choose(Detail, 2) == 0
	if c.net.tracing {
		after := "after"
		if !first {
			after = "in place of"
		}
		p.writer.trace("choice", 0, fmt.Sprintf("the network ends what this side sends %s %v", after, k))
	}
	if first {
		c.sendOn(l, p, k)
	} else {
		p.unsend(k)
	}
	c.sendOn(l, p, packet{end: io.EOF})
	p.wire.fate = dropped
}

// failLink stalls or cuts l, as e is sent on it.
func (c *chooser) failLink(l *link, kind Faults, e event) {
	text := "the network cuts the link between " + c.nameLink(l)
	if kind == Cut {
		l.cut = true
	} else {
		stall := c.duration(Detail, stalls...)
		l.until = c.net.now.Add(stall)
		text = fmt.Sprintf("the network holds all messages between %s for %v", c.nameLink(l), stall)
	}
	if c.net.tracing {
		note, _ := describeMessage(e, packet{})
		note.Text = text
		c.note(note)
	}
}

// failAttempt asks whether a, which is being sent, fails. It reports whether a got an answer.
func (c *chooser) failAttempt(a *Attempt) (answered bool) {
	l := c.link(a.from.ip.Addr(), a.to.ip.Addr())
	if l == nil || l.cut || c.left == 0 {
		return false
	}
	kinds := Refused | Cut
	if !l.holds(c.net.now) {
		kinds |= Stalled
	}
	switch kind := c.net.fault(kinds, l.hosts[0], l.hosts[1]); kind {
	case Refused:
		if c.net.tracing {
			c.note(Event{Conn: a.number, Side: ClientSide, Text: "the network refuses the attempt to connect"})
		}
		c.net.travel(a.to, a.from, answer{a, nil, reactor.ErrConnectionRefused})
		return true
	case Stalled, Cut:
		c.failLink(l, kind, a)
	}
	return false
}

// failAnswer asks whether the link of m fails, if m is an answer.
func (c *chooser) failAnswer(l *link, m message) {
	if _, ok := m.event.(answer); !ok || l == nil || l.cut || c.left == 0 {
		return
	}
	kinds := Cut
	if !l.holds(c.net.now) {
		kinds |= Stalled
	}
	if kind := c.net.fault(kinds, l.hosts[0], l.hosts[1]); kind != 0 {
		c.failLink(l, kind, m.event)
	}
}

// failAccept asks whether l cannot accept s, or it still cannot.
func (c *chooser) failAccept(l *listener, s *socket) bool {
	if l.failsUntil.After(c.net.now) {
		return true
	}
	if c.left == 0 || c.net.fault(AcceptFails, s.from.ip.Addr(), s.to.ip.Addr()) == 0 {
		return false
	}
	while := c.duration(Detail, notAccepts...)
	l.failsUntil = c.net.now.Add(while)
	if c.net.tracing {
		c.note(Event{Text: fmt.Sprintf("the port at %s cannot accept for %v", l.at, while)})
	}
	return true
}

// failLookup asks whether the resolver does not find a name.
func (c *chooser) failLookup(host string, addrs []netip.Addr) bool {
	if len(addrs) == 0 || c.net.faultOf(NameNotFound, host, addrs...) == 0 {
		return false
	}
	if c.net.tracing {
		c.note(Event{Text: "the resolver does not find " + host})
	}
	return true
}

// endCuts resets what the cut links have held, and joins them again. An attempt that has not reached
// the server is refused, as a system says of a reset then.
func (c *chooser) endCuts() {
	for _, l := range c.all {
		held := l.held
		l.cut, l.held = false, nil
		for _, m := range held {
			switch e := m.event.(type) {
			case *pipe:
				if e.wire.fate == lost {
					c.net.post(e) // its reset was held
				}
				e.breakBoth(true)
			case *Attempt:
				c.net.post(answer{e, nil, reactor.ErrConnectionRefused})
			case answer:
				if e.socket != nil {
					e.socket.out.breakBoth(true)
					e.socket.Close(true)
					e = answer{e.attempt, nil, reactor.ErrConnectionReset}
				}
				c.net.post(e)
			}
		}
	}
}

// hosts returns the hosts at the two ends of p.
func (p *pipe) hosts() (from, to netip.Addr) { return p.writer.from.ip.Addr(), p.writer.to.ip.Addr() }

func (p *pipe) message() message {
	from, to := p.hosts()
	return message{from: from, to: to, event: p}
}

// unsend removes the bytes of k, which is not on its way, from the buffer.
func (p *pipe) unsend(k packet) {
	if k.bytes != 0 {
		p.buf.Truncate(p.buf.Len() - k.bytes)
		p.writer.changed()
	}
}

// breakBoth resets the connection of p: both sides see it. If lose is set, what is on its way is
// lost, and arrives before it otherwise.
func (p *pipe) breakBoth(lose bool) {
	for _, q := range []*pipe{p, p.reader.out} {
		if q.wire.fate == lost {
			continue
		}
		q.wire.fate = lost
		if lose {
			q.buf.Truncate(q.arrived)
			q.flight = nil
		}
		if q.reset && !lose {
			continue // a reset is on its way already, or has arrived
		}
		k := packet{end: reactor.ErrConnectionReset}
		n := q.reader.net
		if len(q.flight) == 0 {
			q.arrive(k)
			continue
		}
		q.flight = append(q.flight, k)
		m := q.message()
		n.chooser.carry(n.chooser.link(m.from, m.to), m, latest(n.now, q.wire.last))
	}
}

// Text.

// nameLink names the hosts of l: "a and b".
func (c *chooser) nameLink(l *link) string {
	return c.hostName(l.hosts[0]) + " and " + c.hostName(l.hosts[1])
}

// describeMessage returns an event of the side that sends the message e, and its name.
func describeMessage(e event, k packet) (note Event, name string) {
	switch e := e.(type) {
	case *pipe:
		return Event{Conn: e.writer.number, Side: e.writer.side}, k.String()
	case *Attempt:
		return Event{Conn: e.number, Side: ClientSide}, "the attempt to connect"
	case answer:
		return Event{Conn: e.attempt.number, Side: ServerSide}, "the answer to the attempt"
	}
	return note, "a message"
}

func (k packet) String() string {
	switch {
	case k.end == io.EOF:
		return "the end"
	case k.end != nil:
		return "the reset"
	case k.bytes == 1:
		return "1 byte"
	}
	return fmt.Sprintf("%d bytes", k.bytes)
}
