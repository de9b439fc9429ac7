package http2

// This file holds what both ends of a connection share: the reading of frames, and the streams that are open. It must
// not know what is in a header block, or what differs between a Client and a Server: a side does.
//
// Theory of operation. Next reads one frame after another. The payload of a DATA frame is reported as it comes. Every
// other payload is handled when all of it has come: in place, or from buf if it came in pieces. A header block in several
// frames is gathered in block. A frame reports at most one event; what it has to report in addition becomes the state in
// which Next begins: an END_STREAM on HEADERS, the streams that a GOAWAY left out.

import (
	"encoding/binary"
	"net/http"

	"github.com/seed-7c003b53/gotreq/internal/http1"
	"github.com/seed-7c003b53/gotreq/internal/list"
	"github.com/seed-7c003b53/gotreq/treq/wire"
)

type state uint8

const (
	readPreface state = iota // at a server
	readHead                 // the head of a frame
	readPayload              // a payload that is handled as a whole
	readPadding              // the byte of a DATA frame that has the size of its padding
	readData                 // a part of the payload of a DATA frame
	skipPayload              // the payload of a frame of an unknown type
)

// A side is what the conn needs of a Client or a Server.
type side interface {
	// unopened handles the fields of a header block on a stream that is not open.
	unopened(b headerBlock) (Event, error)
	// message handles the fields of a header block on s, before its head has come.
	message(s *Stream, end bool) (Event, error)
	// settle ends what the caller had to do before this call of Next.
	settle() error
}

// conn is what both ends share.
type conn struct {
	config Config
	side   side
	server bool

	// Reading.
	state   state
	matched int // bytes of the preface that have come
	head    [frameHeadSize]byte
	got     int // bytes of head that have come
	frame   frameHead
	buf     []byte  // the part of the payload that has come, if it came in pieces
	left    int     // bytes of the payload still to come, without padding
	padding int     // bytes of padding still to come
	into    *Stream // the stream of a DATA frame; nil: its data is dropped
	block   headerBlock

	// The last event.
	stream   *Stream
	data     []byte
	trailer  http.Header
	reason   *wire.StreamError
	pinged   [8]byte
	goneAway *wire.ConnectionError
	err      error

	// What is still to be reported.
	ended   *Stream // End is due: the END_STREAM of a HEADERS frame
	roomDue bool    // Room is due: a setting has opened windows
	lost    *Stream // the first of the streams that a GOAWAY left out, and that was not reported

	// Streams.
	byID      map[uint32]*Stream
	recent    *Stream           // the open stream that was looked for last, or nil
	streams   list.List[Stream] // in the order of their numbers
	lastPeer  uint32            // the largest number that the peer opened
	next      uint32            // the number of our next stream
	resets    resetRing         // streams that we have reset
	early     earlyRing         // priorities of streams that are still to come
	gaps      gapRing           // numbers that the peer left out
	goingAway bool              // we sent the final GOAWAY
	goneWith  wire.Code         // its code
	lastTaken uint32            // the last of our streams that the peer's GOAWAY takes

	peer         peerSettings
	unacked      int // our SETTINGS that the peer has not acknowledged
	fields       fieldReader
	writer       fieldWriter
	flow         flow
	schedule     schedule
	acknowledged int64 // bytes of answers to PINGs and SETTINGS
	abuse        abuse

	out      []byte
	dataHead [frameHeadSize]byte
}

func (c *conn) init(s side, config Config, server bool) {
	*c = conn{config: config.orDefault(server), side: s, server: server, byID: map[uint32]*Stream{}}
	c.state, c.lastTaken = readHead, maxStreamID
	c.peer = peerSettings{maxStreams: 100, window: defaultWindow, maxFrame: maxFrameSize}
	c.fields.init(&c.config.Limits)
	c.writer.init(c)
	c.flow.init(&c.config)
	c.abuse.init(&c.config)
	if !server {
		c.out = append(c.out, preface...)
		c.next = 1
	} else {
		c.state = readPreface
	}
	c.writeSettings()
	if more := c.flow.top(); more > 0 {
		c.out = appendWindowUpdate(c.out, 0, more)
	}
}

// Stream returns the stream of the last event. It is nil for a Head event of a Server, until Accept.
func (c *conn) Stream() *Stream { return c.stream }

// Data returns the bytes of the last Data event. They are a part of the slice given to Next.
func (c *conn) Data() []byte { return c.data }

// Trailer returns the trailers of the last End event, or nil.
func (c *conn) Trailer() http.Header { return c.trailer }

// StreamError returns the error of the last Reset event.
func (c *conn) StreamError() *wire.StreamError { return c.reason }

// Pinged returns the data of the last PingAck event.
func (c *conn) Pinged() [8]byte { return c.pinged }

// GoneAway returns the code and the text of the peer's GOAWAY after a GoAway event, and nil before.
func (c *conn) GoneAway() *wire.ConnectionError { return c.goneAway }

// Output returns what has to be sent, and forgets it. The slice is valid until the next call of a method.
func (c *conn) Output() []byte {
	out := c.out
	if cap(out) > keptOutput {
		c.out = nil
	} else {
		c.out = out[:0]
	}
	return out
}

// keptOutput is the capacity up to which a buffer is used again.
const keptOutput = 32 << 10

// Next reads the first n bytes of in and reports what they complete. Call it again with the rest, even if it is empty,
// until NeedMore. err is a [*wire.ConnectionError]: Output ends with a GOAWAY, and every later call returns err, too.
func (c *conn) Next(in []byte) (n int, ev Event, err error) {
	if c.err != nil {
		return 0, NeedMore, c.err
	}
	c.stream, c.data, c.trailer, c.reason = nil, nil, nil, nil
	if ev, err = c.due(); ev != NeedMore || err != nil {
		return 0, ev, err
	}
	for ev == NeedMore {
		var used int
		used, ev, err = c.step(in[n:])
		n += used
		if err != nil {
			return n, NeedMore, err
		}
		if used == 0 && ev == NeedMore && !c.ready(n < len(in)) {
			return n, NeedMore, nil
		}
	}
	return n, ev, nil
}

// ready reports whether step makes progress: more says that there are bytes.
func (c *conn) ready(more bool) bool {
	if more {
		return true
	}
	switch c.state {
	case readPayload:
		return c.frame.length == len(c.buf)
	case readData:
		return c.left+c.padding == 0
	case skipPayload:
		return c.left == 0
	}
	return false
}

// due reports what an earlier frame left to be reported.
func (c *conn) due() (Event, error) {
	if err := c.side.settle(); err != nil {
		return 0, err
	}
	if s := c.ended; s != nil {
		c.ended = nil
		return c.receiveEnd(s)
	}
	if s := c.lost; s != nil {
		return c.leftOut(s), nil
	}
	if c.roomDue {
		c.roomDue = false
		return c.room(), nil
	}
	return NeedMore, nil
}

// step reads a part of a frame.
func (c *conn) step(in []byte) (used int, ev Event, err error) {
	switch c.state {
	case readPreface:
		return c.readPreface(in)
	case readHead:
		return c.readHead(in)
	case readPayload:
		return c.readPayload(in)
	case readPadding:
		if len(in) == 0 {
			return 0, NeedMore, nil
		}
		ev, err = c.beginData(int(in[0]), 1)
		return 1, ev, err
	case readData:
		return c.readData(in)
	}
	used = min(len(in), c.left)
	if c.left -= used; c.left == 0 {
		c.state = readHead
	}
	return used, NeedMore, nil
}

// readHead reads the head of a frame, in place if all of it has come.
func (c *conn) readHead(in []byte) (used int, ev Event, err error) {
	head := in
	if used = frameHeadSize; c.got > 0 || len(in) < frameHeadSize {
		used = copy(c.head[c.got:], in)
		if c.got += used; c.got < frameHeadSize {
			return used, NeedMore, nil
		}
		head, c.got = c.head[:], 0
	}
	c.frame = parseFrameHead(head)
	ev, err = c.begin()
	return used, ev, err
}

// readPayload reads a payload that is handled as a whole, in place if all of it has come.
func (c *conn) readPayload(in []byte) (used int, ev Event, err error) {
	payload, used := in, c.frame.length-len(c.buf)
	switch {
	case len(in) < used:
		c.buf = append(c.buf, in...)
		return len(in), NeedMore, nil
	case len(c.buf) > 0:
		c.buf = append(c.buf, in[:used]...)
		payload = c.buf
	}
	c.state = readHead
	ev, err = c.handle(payload[:c.frame.length])
	c.buf = c.buf[:0]
	if cap(c.buf) > keptInput {
		c.buf = nil
	}
	return used, ev, err
}

// keptInput is the capacity up to which buf is kept, so that an idle connection costs little.
const keptInput = 2 << 10

// readPreface compares in with the preface.
func (c *conn) readPreface(in []byte) (used int, ev Event, err error) {
	for used < len(in) {
		if in[used] != preface[c.matched] {
			begin := preface[:c.matched] + string(in[used])
			return used, 0, c.fail(wire.ProtocolError, wire.ErrPreface, "3.4", "%s", http1.Quote(begin))
		}
		used++
		if c.matched++; c.matched == len(preface) {
			c.state = readHead
			break
		}
	}
	return used, NeedMore, nil
}

// begin checks the head of a frame, before its payload has come.
func (c *conn) begin() (Event, error) {
	f := &c.frame
	c.state = readPayload
	switch {
	case !c.peer.come && (f.kind != frameSettings || f.has(flagAck)):
		if text := c.notFrames(); text != "" {
			return 0, c.fail(wire.ProtocolError, wire.ErrPreface, "3.4", "not HTTP/2: %s", text)
		}
		return 0, c.fail(wire.ProtocolError, wire.ErrPreface, "3.4", "%v comes before the settings", f.kind)
	case f.length > maxFrameSize:
		return 0, c.fail(wire.FrameSizeError, wire.ErrFrameSize, "4.2", "%v has %d bytes, %d are allowed", f.kind, f.length, maxFrameSize)
	case c.block.stream != 0 && (f.kind != frameContinuation || f.stream != c.block.stream):
		return 0, c.fail(wire.ProtocolError, wire.ErrFrame, "6.10", "%v on stream %d within the header block of stream %d", f.kind, f.stream, c.block.stream)
	}
	switch f.kind {
	case frameData:
		return c.dataFrame()
	case frameHeaders, framePriority, frameReset, frameContinuation:
		if f.stream == 0 {
			return 0, c.fail(wire.ProtocolError, wire.ErrFrame, "6", "%v on stream 0", f.kind)
		}
	case frameSettings, framePing, frameGoAway, framePriorityUpdate:
		if f.stream != 0 {
			return 0, c.fail(wire.ProtocolError, wire.ErrFrame, "6", "%v on stream %d", f.kind, f.stream)
		}
	}
	bad := false
	switch f.kind {
	case framePriority:
		bad = f.length != 5
	case frameReset, frameWindowUpdate:
		bad = f.length != 4
	case frameSettings:
		bad = f.length%settingSize != 0 || f.has(flagAck) && f.length != 0
	case framePing:
		bad = f.length != 8
	case frameGoAway:
		bad = f.length < 8
	case framePriorityUpdate:
		bad = f.length < 4
	case frameHeaders:
	case frameContinuation:
		if c.block.stream == 0 {
			return 0, c.fail(wire.ProtocolError, wire.ErrFrame, "6.10", "CONTINUATION on stream %d outside of a header block", f.stream)
		}
	case framePushPromise:
		return 0, c.fail(wire.ProtocolError, wire.ErrFrame, "8.4", "PUSH_PROMISE, which was not allowed")
	default:
		c.state, c.left = skipPayload, f.length
		return 0, c.noise(1, "frames of an unknown type")
	}
	if bad {
		return 0, c.fail(wire.FrameSizeError, wire.ErrFrameSize, "6", "%v has %d bytes", f.kind, f.length)
	}
	return NeedMore, nil
}

// notFrames returns a quote of the first bytes if they are those of HTTP/1.x.
func (c *conn) notFrames() string {
	var b [frameHeadSize]byte
	f := &c.frame
	putFrameHead(b[:], f.length, f.kind, f.flags, f.stream)
	if string(b[:5]) == "HTTP/" {
		return http1.Quote(b[:])
	}
	return ""
}

// handle handles a frame whose whole payload has come.
func (c *conn) handle(p []byte) (Event, error) {
	switch c.frame.kind {
	case frameHeaders:
		return c.handleHeaders(p)
	case frameContinuation:
		return c.handleContinuation(p)
	case framePriority:
		return c.handlePriority(p)
	case framePriorityUpdate:
		return c.handlePriorityUpdate(p)
	case frameReset:
		return c.handleReset(wire.Code(binary.BigEndian.Uint32(p)))
	case frameSettings:
		return c.handleSettings(p)
	case framePing:
		return c.handlePing([8]byte(p))
	case frameGoAway:
		return c.handleGoAway(p)
	}
	return c.handleWindowUpdate(int64(binary.BigEndian.Uint32(p) & maxWindow))
}
