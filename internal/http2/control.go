package http2

// This file holds the frames by which one end tells the other about streams and connections: RST_STREAM, PING and GOAWAY; and
// what the end of a connection means.

import (
	"encoding/binary"
	"io"

	"github.com/seed-7c003b53/gotreq/internal/http1"
	"github.com/seed-7c003b53/gotreq/treq/wire"
)

// Reset ends s with RST_STREAM, if it is not closed. No event of s follows; what the peer still sends on it is counted
// and dropped.
func (c *conn) Reset(s *Stream, code wire.Code) {
	if !s.has(opened) || s.has(closed) {
		return
	}
	if c.err == nil {
		c.abuse.left()
		c.sendReset(s.id, code)
	}
	c.close(s)
}

func (c *conn) sendReset(id uint32, code wire.Code) {
	c.out = appendReset(c.out, id, uint32(code))
	c.resets.add(id)
}

// handleReset handles RST_STREAM (RFC 9113, section 6.4).
func (c *conn) handleReset(code wire.Code) (Event, error) {
	id := c.frame.stream
	s := c.find(id)
	if s == nil {
		if c.idle(id) {
			return 0, c.fail(wire.ProtocolError, wire.ErrStreamState, "6.4", "RST_STREAM on stream %d, which is idle", id)
		}
		return NeedMore, c.noise(1, "RST_STREAM frames on closed streams")
	}
	if c.server {
		if err := c.provoked("streams that it reset"); err != nil {
			return 0, err
		}
	}
	c.close(s)
	return c.reset(s, &wire.StreamError{Stream: id, Code: code, Remote: true, NotProcessed: code == wire.RefusedStream && !c.server}), nil
}

// reset reports that s has ended.
func (c *conn) reset(s *Stream, err *wire.StreamError) Event {
	c.stream, c.reason = s, err
	return Reset
}

// Ping adds a PING. Its answer is a PingAck event.
func (c *conn) Ping(data [8]byte) {
	if c.err == nil {
		c.out = appendPing(c.out, 0, data)
	}
}

// handlePing handles PING (RFC 9113, section 6.7).
func (c *conn) handlePing(data [8]byte) (Event, error) {
	if !c.frame.has(flagAck) {
		if err := c.noise(1, "PING frames"); err != nil {
			return 0, err
		}
		c.out = appendPing(c.out, flagAck, data)
		c.acknowledged += frameHeadSize + 8
		return NeedMore, nil
	}
	if c.flow.isProbe(data) {
		c.grow()
		return NeedMore, nil
	}
	if err := c.noise(1, "PING frames"); err != nil {
		return 0, err
	}
	c.pinged = data
	return PingAck, nil
}

// GoAway adds a GOAWAY that leaves out no stream that was accepted. New ones of the peer are refused, and a Client opens
// no more. A second call with the same code has nothing to tell, and adds nothing: a peer counts idle frames as a flood.
func (c *conn) GoAway(code wire.Code, debug string) {
	if c.err != nil || c.goingAway && c.goneWith == code {
		return
	}
	c.goingAway, c.goneWith = true, code
	c.out = appendGoAway(c.out, c.lastPeer, uint32(code), debug)
}

// handleGoAway handles GOAWAY (RFC 9113, section 6.8).
func (c *conn) handleGoAway(p []byte) (Event, error) {
	last := binary.BigEndian.Uint32(p) & maxStreamID
	code := wire.Code(binary.BigEndian.Uint32(p[4:]))
	if err := c.noise(10, "GOAWAY frames"); err != nil {
		return 0, err
	}
	err := &wire.ConnectionError{Code: code, Remote: true}
	if debug := p[8:]; len(debug) > 0 {
		err.Detail = http1.Quote(debug)
	}
	c.goneAway = err
	if c.server {
		return GoAway, nil
	}
	// A second GOAWAY may name an earlier stream, but not a later one.
	c.lastTaken = min(c.lastTaken, last)
	c.lost = nil
	for s := range c.streams.All() {
		if s.id > c.lastTaken {
			c.lost = s
			break
		}
	}
	return GoAway, nil
}

// leftOut reports a stream that the peer's GOAWAY left out.
func (c *conn) leftOut(s *Stream) Event {
	c.resets.add(s.id)
	c.close(s)
	code := c.goneAway.Code
	if code == wire.NoError {
		code = wire.RefusedStream
	}
	return c.reset(s, &wire.StreamError{
		Stream: s.id, Code: code, Remote: true, NotProcessed: true, Detail: "GOAWAY left it out" + after(c.goneAway.Detail),
	})
}

func after(detail string) string {
	if detail == "" {
		return ""
	}
	return ": " + detail
}

// Finish reports what the end of the connection means for those who wait. It returns io.EOF if the connection ended
// between two frames, the [*wire.ConnectionError] of Next or of the peer's GOAWAY unless that says NO_ERROR, or a
// [*wire.Error] with ErrNoResponse or ErrPartialFrame.
func (c *conn) Finish() error {
	switch {
	case c.err != nil:
		return c.err
	case c.goneAway != nil && c.goneAway.Code != wire.NoError:
		return c.goneAway
	case c.unfinished():
		return http1.Errorf(wire.ErrPartialFrame, "%s", c.where())
	case !c.server && !c.peer.come:
		return http1.Errorf(wire.ErrNoResponse, "no settings came")
	}
	return io.EOF
}

// Partial reports whether a part of the preface, of a frame or of a header block has come, and waits for the rest. Of a
// DATA frame, only its head counts: its data is reported as it comes.
func (c *conn) Partial() bool {
	return c.state != readData && c.state != readPadding && c.unfinished()
}

// unfinished is Partial, with the data.
func (c *conn) unfinished() bool {
	switch c.state {
	case readPreface:
		return c.matched > 0
	case readHead:
		return c.got > 0 || c.block.stream != 0
	}
	return true
}

// where says which part has come.
func (c *conn) where() string {
	switch {
	case c.state == readPreface:
		return "in the preface"
	case c.got > 0:
		return "in the head of a frame"
	case c.state == readHead:
		return "in a header block"
	}
	return "in " + c.frame.kind.String()
}
