package http2

// This file holds what a program can set, and the defaults.

import (
	"cmp"
	"math"
	"time"

	"github.com/seed-7c003b53/gotreq/treq/wire"
)

// A Config says how a Client or a Server works. The zero value works.
type Config struct {
	// Limits bounds what the peer's messages may have. HeaderBytes is announced as MAX_HEADER_LIST_SIZE, and counts as
	// RFC 9113, section 6.5.2, has it: 32 bytes more for each field.
	Limits wire.Limits
	// MaxStreams is the largest number of streams that a Server lets its peer have open at a time; 0: 100.
	MaxStreams int
	// StreamWindow is how much the peer may send on a new stream before it has to wait for Consumed; 0: 64 KiB at a
	// Server, 256 KiB at a Client.
	StreamWindow int
	// MaxStreamWindow is the size up to which a stream's window grows with the bandwidth; 0: 4 MiB.
	MaxStreamWindow int
	// MaxBuffered bounds the received bytes of all streams that are not Consumed; 0: 8 MiB at a Server, 32 MiB at a
	// Client. It is at least 64 KiB, with which every connection begins.
	MaxBuffered int
	// Budget bounds the growth of the windows of several connections together; nil: none.
	Budget *Budget
	// ConnectProtocol makes a Server offer extended CONNECT (RFC 8441).
	ConnectProtocol bool
	// Now returns the time, by which what a peer may do without need refills. It is called only when much of that is
	// used. Without it, nothing refills but by the peer's useful work.
	Now func() time.Time
}

const (
	// defaultWindow is the window of a connection, and of a stream, before any frame (RFC 9113, section 6.9.2).
	defaultWindow = 65535
	// maxWindow is the largest window (RFC 9113, section 6.9.1).
	maxWindow = math.MaxInt32
	// maxFrameSize is what we announce as MAX_FRAME_SIZE: the smallest, and the default (RFC 9113, section 4.2).
	maxFrameSize = 16384
	// maxStreamID is the largest number of a stream.
	maxStreamID = math.MaxInt32
)

// orDefault returns c with the default in place of each number that is not positive.
func (c Config) orDefault(server bool) Config {
	window, buffered := 256<<10, 32<<20
	if server {
		window, buffered = 64<<10, 8<<20
	}
	c.Limits = c.Limits.OrDefault()
	c.MaxStreams = positive(c.MaxStreams, 100)
	c.StreamWindow = min(positive(c.StreamWindow, window), maxWindow)
	c.MaxStreamWindow = min(max(positive(c.MaxStreamWindow, 4<<20), c.StreamWindow), maxWindow)
	c.MaxBuffered = min(max(positive(c.MaxBuffered, buffered), defaultWindow), maxWindow)
	return c
}

func positive(n, otherwise int) int {
	if n <= 0 {
		return otherwise
	}
	return n
}

// A Budget bounds the growth of the windows of several connections.
type Budget struct {
	Max  int64 // in bytes; 0: 256 MiB
	used int64
}

// Used returns the bytes by which windows have grown.
func (b *Budget) Used() int64 { return b.used }

// take reserves n bytes, or returns false.
func (b *Budget) take(n int64) bool {
	if b == nil {
		return true
	}
	if b.used+n > cmp.Or(b.Max, 256<<20) {
		return false
	}
	b.used += n
	return true
}

func (b *Budget) give(n int64) {
	if b != nil {
		b.used -= n
	}
}
