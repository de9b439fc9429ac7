package http2

// This file holds what a connection knows about one stream (RFC 9113, section 5.1).

import "github.com/seed-7c003b53/gotreq/internal/list"

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
	toHead                   // the request is a HEAD
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
