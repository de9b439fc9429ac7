package http2

// This file holds streams and their states (RFC 9113, section 5.1).

import (
	"github.com/seed-7c003b53/gotreq/internal/list"
	"github.com/seed-7c003b53/gotreq/treq/wire"
)

// A Stream is one request and its response. It is a part of the struct of its carrier, so that it needs no allocation.
// The zero value is a stream that was not opened; a stream is opened once.
type Stream struct {
	// Owner is the carrier. The machine does not touch it.
	Owner any
	// Urgency, 0 to 7, and Incremental say which of several streams that wait may send first (RFC 9218). The machine
	// sets them when the stream is opened: 3 and true, or what the request's Priority says; a Server also sets what
	// PRIORITY_UPDATE frames say. Streams take turns if no Priority says otherwise, as RFC 9218 leaves it to a server,
	// so that a large body does not hold up the small ones after it.
	Urgency     uint8
	Incremental bool

	flags   streamFlags
	waiting bool   // more is to be sent than Room
	interim uint16 // interim responses before the response
	id      uint32

	sendWindow int64 // how much we may send; negative after the peer's window shrank
	recvWindow int64 // how much the peer may send
	window     int64 // the size of recvWindow when all is consumed
	consumed   int64 // consumed bytes of which no WINDOW_UPDATE has told the peer
	received   int64 // received bytes
	buffered   int64 // received bytes that are not consumed
	grown      int64 // what this stream took of Budget
	left       int64 // content still to come by Content-Length; -1: unknown

	open list.Node[Stream] // in conn.streams
	wait list.Node[Stream] // in conn.schedule
}

type streamFlags uint8

const (
	opened       streamFlags = 1 << iota
	sentEnd                  // we sent END_STREAM
	receivedEnd              // the peer sent END_STREAM
	closed                   // both, or the stream was reset
	receivedHead             // the request, or the final response, has come
	noContent                // no content may come: a response to HEAD, 204, 304
	toHead                   // at a client: the request is a HEAD
	toConnect                // the request is a CONNECT, and no other response than a 2xx has come
)

func (s *Stream) has(f streamFlags) bool { return s.flags&f != 0 }

// ID returns the number of the stream, or 0 if it was not opened.
func (s *Stream) ID() uint32 { return s.id }

// SentEnd reports whether this side has ended: it sent END_STREAM.
func (s *Stream) SentEnd() bool { return s.has(sentEnd) }

// ReceivedEnd reports whether the peer's side has ended, and its End event has come.
func (s *Stream) ReceivedEnd() bool { return s.has(receivedEnd) }

// Closed reports whether both sides have ended, or the stream was reset.
func (s *Stream) Closed() bool { return s.has(closed) }

// NoContent reports whether no content may follow the response that has come: it answers a HEAD, or is a 204 or a 304.
func (s *Stream) NoContent() bool { return s.has(noContent) }

// Streams returns the number of open streams.
func (c *conn) Streams() int { return c.streams.Len() }

// Each calls f for each open stream, in the order of their numbers. f may end any of them.
func (c *conn) Each(f func(s *Stream)) {
	for s := c.streams.First(); s != nil; {
		f(s)
		if s.open.In() != nil {
			s = s.open.Next()
			continue
		}
		id := s.id
		for s = c.streams.First(); s != nil && s.id < id; s = s.open.Next() {
		}
	}
}

// find returns the open stream with this number, or nil. Several frames of one stream often come together.
func (c *conn) find(id uint32) *Stream {
	if c.recent == nil || c.recent.id != id {
		c.recent = c.byID[id]
	}
	return c.recent
}

// idle reports whether a stream was never opened.
func (c *conn) idle(id uint32) bool {
	switch {
	case c.ours(id):
		return id >= c.next
	case c.goingAway && id > c.lastPeer:
		return false // our GOAWAY left it out, and we drop its frames
	}
	return id > c.lastPeer || c.gaps.has(id)
}

// ours reports whether it is our side that opens streams with such a number (RFC 9113, section 5.1.1).
func (c *conn) ours(id uint32) bool { return (id%2 == 1) != c.server }

// add makes s an open stream.
func (c *conn) add(s *Stream, id uint32) {
	if s.has(opened) {
		panic("http2: the stream was opened before")
	}
	s.id = id
	s.flags = opened
	s.Urgency, s.Incremental = defaultUrgency, true
	s.sendWindow = c.peer.window
	s.window = int64(c.config.StreamWindow)
	s.recvWindow = s.window
	c.flow.windows += s.window
	s.left = -1
	c.byID[id] = s
	c.streams.Push(&s.open, s)
}

// close forgets s.
func (c *conn) close(s *Stream) {
	if s.has(closed) {
		return
	}
	s.flags |= closed
	c.Unwait(s)
	c.release(s)
	if c.lost == s {
		c.lost = s.open.Next()
	}
	if c.into == s {
		c.into = nil
	}
	if c.ended == s {
		c.ended = nil
	}
	s.open.Remove()
	if c.recent == s {
		c.recent = nil
	}
	if c.schedule.turn == s {
		c.schedule.turn = nil
	}
	delete(c.byID, s.id)
}

// receiveEnd ends the peer's side of s.
func (c *conn) receiveEnd(s *Stream) (Event, error) {
	if s.left > 0 {
		return c.fault(s, wire.ProtocolError, wire.ErrPartialBody, "8.1.1", "%d bytes are missing of what Content-Length says", s.left)
	}
	s.flags |= receivedEnd
	c.stream = s
	if s.has(sentEnd) {
		c.complete(s)
	}
	return End, nil
}

// complete closes s, whose both sides have ended in order.
func (c *conn) complete(s *Stream) {
	c.abuse.completed()
	c.close(s)
}

// sendEnd ends our side of s.
func (c *conn) sendEnd(s *Stream) {
	s.flags |= sentEnd
	c.Unwait(s)
	if s.has(receivedEnd) {
		c.complete(s)
	}
}

// writable reports whether anything may still be sent on s.
func (c *conn) writable(s *Stream) bool {
	return c.err == nil && s.flags&(opened|closed|sentEnd) == opened
}
