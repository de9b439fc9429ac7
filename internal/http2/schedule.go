package http2

// This file decides which of the streams that wait to send goes first (RFC 9218, section 10).

import (
	"encoding/binary"
	"strings"

	"github.com/seed-7c003b53/gotreq/internal/http1"
	"github.com/seed-7c003b53/gotreq/internal/list"
	"github.com/seed-7c003b53/gotreq/treq/wire"
)

const (
	defaultUrgency = 3
	lowestUrgency  = 7
)

// A schedule has the streams that wait and whose own windows are open.
type schedule struct {
	count  int
	levels [lowestUrgency + 1]level
	turn   *Stream // the stream that Turn named last, until it waits again
	left   int64   // the bytes that it may still send in its turn; more than 0
}

// A level has the streams of one urgency.
type level struct {
	// sequential streams are sent one after another, in the order of their numbers; incremental ones take turns.
	sequential, incremental list.List[Stream]
	last                    bool // the last turn was that of an incremental one
}

func (c *schedule) push(s *Stream) {
	c.count++
	l := &c.levels[min(s.Urgency, lowestUrgency)]
	if s.Incremental {
		l.incremental.Push(&s.wait, s)
		return
	}
	if last := l.sequential.Last(); last == nil || last.id < s.id {
		l.sequential.Push(&s.wait, s)
		return
	}
	next := l.sequential.First()
	for next.id < s.id {
		next = next.wait.Next()
	}
	l.sequential.Insert(&s.wait, s, &next.wait)
}

func (c *schedule) remove(s *Stream) {
	if s.wait.Remove() {
		c.count--
	}
}

// before reports whether a stream other than s waits that is at least as urgent.
func (c *schedule) before(s *Stream) bool {
	others := c.count
	if s.wait.In() != nil {
		others--
	}
	if others == 0 {
		return false
	}
	for i := range min(s.Urgency, lowestUrgency) + 1 {
		for _, l := range [...]*list.List[Stream]{&c.levels[i].sequential, &c.levels[i].incremental} {
			if l.Len() > 1 || l.Len() == 1 && l.First() != s {
				return true
			}
		}
	}
	return false
}

// pop removes the stream whose turn it is, or returns nil. Of one urgency, the sequential and the incremental ones have
// every other turn.
func (c *schedule) pop() *Stream {
	if c.count == 0 {
		return nil
	}
	for i := range c.levels {
		l := &c.levels[i]
		s := l.sequential.First()
		if s == nil || !l.last && l.incremental.Len() > 0 {
			s = l.incremental.First()
		}
		if s != nil {
			l.last = s.Incremental
			c.remove(s)
			return s
		}
	}
	return nil
}

// Wait says that s has more to send than Room allows. Turn names it when it may send.
func (c *conn) Wait(s *Stream) {
	if s.waiting || !c.writable(s) {
		return
	}
	s.waiting = true
	if s == c.schedule.turn {
		c.schedule.turn = nil
	}
	if s.sendWindow > 0 {
		c.schedule.push(s)
	}
}

// Unwait says that s has nothing more to send.
func (c *conn) Unwait(s *Stream) {
	s.waiting = false
	c.schedule.remove(s)
}

// Turn returns a stream that waits and may send now, and how many bytes at most; or nil. It forgets that the stream waits:
// one that has still more calls Wait again. The more urgent come first. Of one urgency, incremental ones take turns, and
// the others are served one after another.
func (c *conn) Turn() (*Stream, int) {
	c.schedule.turn = nil
	if c.flow.sendWindow <= 0 || c.err != nil {
		return nil, 0
	}
	s := c.schedule.pop()
	if s == nil {
		return nil, 0
	}
	s.waiting = false
	n := min(s.sendWindow, c.flow.sendWindow)
	if s.Incremental && c.schedule.count > 0 {
		n = min(n, int64(c.peer.maxFrame))
	}
	c.schedule.turn, c.schedule.left = s, n
	return s, int(n)
}

// Room returns how many bytes of the body of s may be sent now. It is 0 while others wait that go before it, except in a
// turn of s: then it is what is left of the turn.
func (c *conn) Room(s *Stream) int {
	n := min(s.sendWindow, c.flow.sendWindow)
	if n <= 0 || !c.writable(s) {
		return 0
	}
	if s == c.schedule.turn {
		return int(min(n, c.schedule.left))
	}
	if c.schedule.before(s) {
		return 0
	}
	return int(n)
}

// Window returns the window of s, without that of the connection. It is negative after the peer made it smaller.
func (c *conn) Window(s *Stream) int { return int(s.sendWindow) }

// room returns Room if Turn has a stream to name.
func (c *conn) room() Event {
	if c.schedule.count > 0 && c.flow.sendWindow > 0 {
		return Room
	}
	return NeedMore
}

// prioritize sets the priority of s by a Priority header or a PRIORITY_UPDATE frame (RFC 9218, section 4). What it does
// not say has its default.
func (c *conn) prioritize(s *Stream, priority string) {
	waits := s.wait.In() != nil
	if waits {
		c.schedule.remove(s)
	}
	s.Urgency, s.Incremental = parsePriority(priority)
	if waits {
		c.schedule.push(s)
	}
}

// parsePriority parses the dictionary of RFC 9218, section 4, and leaves out what it does not know.
func parsePriority(text string) (urgency uint8, incremental bool) {
	urgency = defaultUrgency
	for more := true; more; {
		var member string
		member, text, more = strings.Cut(text, ",")
		member, _, _ = strings.Cut(member, ";")
		key, value, valued := strings.Cut(http1.Trim(member), "=")
		switch {
		case key == "u" && len(value) == 1 && '0' <= value[0] && value[0] <= '7':
			urgency = value[0] - '0'
		case key == "i" && (!valued || value == "?1"):
			incremental = true
		case key == "i" && value == "?0":
			incremental = false
		}
	}
	return urgency, incremental
}

// handlePriorityUpdate handles PRIORITY_UPDATE (RFC 9218, section 7.1).
func (c *conn) handlePriorityUpdate(p []byte) (Event, error) {
	if err := c.noise(1, "PRIORITY_UPDATE frames"); err != nil {
		return 0, err
	}
	if !c.server {
		return 0, c.fail(wire.ProtocolError, wire.ErrFrame, "5.4.1; RFC 9218, section 7.1", "PRIORITY_UPDATE from a server")
	}
	id := binary.BigEndian.Uint32(p) & maxStreamID
	if id == 0 || c.ours(id) {
		return 0, c.fail(wire.ProtocolError, wire.ErrFrame, "5.4.1; RFC 9218, section 7.1", "PRIORITY_UPDATE of stream %d", id)
	}
	switch s := c.find(id); {
	case s != nil:
		c.prioritize(s, string(p[4:]))
	case c.idle(id):
		c.early.add(id, string(p[4:min(len(p), 4+longestPriority)]))
	}
	return NeedMore, nil
}

// longestPriority is how much is kept of a PRIORITY_UPDATE whose stream is still to come.
const longestPriority = 32

// An earlyRing keeps the last priorities of streams that are still to come (RFC 9218, section 7).
type earlyRing struct {
	updates [8]struct {
		stream   uint32
		priority string
	}
	next int
}

func (r *earlyRing) add(id uint32, priority string) {
	r.updates[r.next].stream, r.updates[r.next].priority = id, priority
	r.next = (r.next + 1) % len(r.updates)
}

// take returns the newest priority of a stream that comes now.
func (r *earlyRing) take(id uint32) (priority string, ok bool) {
	for i := range r.updates {
		u := &r.updates[(r.next+i)%len(r.updates)]
		if u.stream == id {
			priority, ok = u.priority, true
			u.stream, u.priority = 0, ""
		}
	}
	return priority, ok
}
