package http2

// This file gathers header blocks from HEADERS and CONTINUATION frames (RFC 9113, sections 4.3, 6.2 and 6.10). It must
// not know what a field means.

import (
	"encoding/binary"

	"github.com/seed-7c003b53/gotreq/treq/wire"
)

// A headerBlock is a header block that comes in several frames.
type headerBlock struct {
	stream uint32 // 0: none
	end    bool   // END_STREAM
	self   bool   // the stream depends on itself
	bytes  []byte
}

// maxBlock returns the largest size of a header block. Huffman coding can make a field larger than it is, but a peer that
// uses it in that way has no good reason.
func (c *conn) maxBlock() int {
	return min(c.config.Limits.HeaderBytes, 1<<30) + min(c.config.Limits.HeaderBytes, 1<<29) + maxFrameSize
}

func (c *conn) handleHeaders(p []byte) (Event, error) {
	f := &c.frame
	padding := 0
	if f.has(flagPadded) {
		if len(p) < 1 {
			return 0, c.fail(wire.FrameSizeError, wire.ErrFrameSize, "6.2", "HEADERS has no room for the size of its padding")
		}
		padding, p = int(p[0]), p[1:]
	}
	self := false
	if f.has(flagPriority) {
		if len(p) < 5 {
			return 0, c.fail(wire.FrameSizeError, wire.ErrFrameSize, "6.2", "HEADERS has no room for its priority")
		}
		self = binary.BigEndian.Uint32(p)&maxStreamID == f.stream
		p = p[5:]
	}
	if padding > len(p) {
		return 0, c.fail(wire.ProtocolError, wire.ErrFrame, "6.2", "HEADERS has %d bytes of padding, but only %d bytes", padding, len(p))
	}
	p = p[:len(p)-padding]
	b := headerBlock{stream: f.stream, end: f.has(flagEndStream), self: self}
	if f.has(flagEndHeaders) {
		return c.headers(b, p)
	}
	b.bytes = append(c.block.bytes[:0], p...)
	c.block = b
	return NeedMore, nil
}

func (c *conn) handleContinuation(p []byte) (Event, error) {
	b := &c.block
	if len(b.bytes)+len(p) > c.maxBlock() {
		return 0, c.fail(wire.EnhanceYourCalm, wire.ErrHeadersTooLarge, "10.5.1", "the header block of stream %d has more than %d bytes", b.stream, c.maxBlock())
	}
	if len(p) < smallFrame {
		if err := c.noise(1, "small CONTINUATION frames"); err != nil {
			return 0, err
		}
	}
	b.bytes = append(b.bytes, p...)
	if !c.frame.has(flagEndHeaders) {
		return NeedMore, nil
	}
	whole := *b
	c.block = headerBlock{bytes: b.bytes[:0]}
	if cap(b.bytes) > keptInput {
		b.bytes = nil
	}
	return c.headers(whole, whole.bytes)
}

// smallFrame is the size below which a CONTINUATION, or DATA on a stream that was reset, is not worth its frame.
const smallFrame = 1 << 10

// headers handles a whole header block. Every one is decompressed, because the next ones depend on it.
func (c *conn) headers(b headerBlock, block []byte) (Event, error) {
	s := c.find(b.stream)
	trailers := s != nil && s.has(receivedHead)
	defer c.fields.forget()
	if err := c.fields.decode(block, trailers); err != nil {
		return 0, c.fail(wire.CompressionError, wire.ErrHeaderBlock, "4.3", "%v", err)
	}
	switch {
	case s == nil:
		return c.side.unopened(b)
	case s.has(receivedEnd) || c.ended == s:
		return c.fault(s, wire.StreamClosed, wire.ErrStreamState, "5.1", "HEADERS after END_STREAM")
	case b.self:
		return c.fault(s, wire.ProtocolError, wire.ErrFrame, "5.3.2; RFC 7540, section 5.3.1", "the stream depends on itself")
	case !trailers:
		return c.side.message(s, b.end)
	case s.has(toConnect):
		return c.fault(s, wire.ProtocolError, wire.ErrFrame, "8.5", "HEADERS in a tunnel")
	case !b.end:
		return c.fault(s, wire.ProtocolError, wire.ErrFrame, "8.1", "HEADERS after the head, without END_STREAM")
	}
	trailer, err := c.fields.trailer(c.server)
	if err != nil {
		return c.malformed(s, err)
	}
	c.trailer = trailer
	return c.receiveEnd(s)
}

// onClosed handles HEADERS or DATA on a closed stream, or on one that our GOAWAY left out: what the peer sent before it saw
// our RST_STREAM or GOAWAY is dropped. All of a window may be on its way then, so that DATA counts as noise only in small
// frames.
func (c *conn) onClosed(id uint32) (Event, error) {
	switch {
	case !c.resets.has(id) && (c.ours(id) || id <= c.lastPeer):
		return 0, c.fail(wire.StreamClosed, wire.ErrStreamState, "5.1", "%v on stream %d, which is closed", c.frame.kind, id)
	case c.frame.kind == frameData && c.frame.length >= smallFrame:
		return NeedMore, nil
	}
	return NeedMore, c.noise(1, "frames on streams that were reset")
}

// handlePriority handles PRIORITY, which says nothing any more (RFC 9113, section 6.3).
func (c *conn) handlePriority(p []byte) (Event, error) {
	id := c.frame.stream
	if binary.BigEndian.Uint32(p)&maxStreamID != id {
		return NeedMore, c.noise(1, "PRIORITY frames")
	}
	if s := c.find(id); s != nil {
		return c.fault(s, wire.ProtocolError, wire.ErrFrame, "5.3.2; RFC 7540, section 5.3.1", "the stream depends on itself")
	}
	return 0, c.fail(wire.ProtocolError, wire.ErrFrame, "5.3.2; RFC 7540, section 5.3.1", "stream %d depends on itself", id)
}

// A resetRing remembers which streams were reset, so that their last frames are dropped. It forgets the details of old
// ones: every stream up to the largest of these counts as reset.
type resetRing struct {
	ids  [64]uint32
	next int
	old  uint32
}

func (r *resetRing) add(id uint32) {
	r.old = max(r.old, r.ids[r.next])
	r.ids[r.next] = id
	r.next = (r.next + 1) % len(r.ids)
}

func (r *resetRing) has(id uint32) bool {
	if id <= r.old {
		return true
	}
	for _, reset := range r.ids {
		if reset == id {
			return true
		}
	}
	return false
}

// A gapRing remembers numbers of streams that the peer left out. It forgets old ones, which then count as closed.
type gapRing struct {
	gaps [8]struct{ from, to uint32 } // without to
	next int
}

func (r *gapRing) add(from, to uint32) {
	r.gaps[r.next].from, r.gaps[r.next].to = from, to
	r.next = (r.next + 1) % len(r.gaps)
}

func (r *gapRing) has(id uint32) bool {
	for _, g := range r.gaps {
		if g.from <= id && id < g.to {
			return true
		}
	}
	return false
}
