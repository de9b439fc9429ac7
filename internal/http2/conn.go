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
	"io"
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
	unopened(id uint32, end bool) (Event, error)
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
	lastTaken uint32            // the last of our streams that the peer's GOAWAY takes

	peer     peerSettings
	unacked  int // our SETTINGS that the peer has not acknowledged
	fields   fieldReader
	writer   fieldWriter
	flow     flow
	schedule schedule
	abuse    abuse

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
		if c.got == 0 && len(in) >= frameHeadSize {
			c.frame = parseFrameHead(in)
			ev, err = c.begin()
			return frameHeadSize, ev, err
		}
		used = copy(c.head[c.got:], in)
		if c.got += used; c.got == frameHeadSize {
			c.got = 0
			c.frame = parseFrameHead(c.head[:])
			ev, err = c.begin()
		}
		return used, ev, err
	case readPayload:
		payload, used := in, c.frame.length-len(c.buf)
		switch {
		case len(in) < used:
			c.buf = append(c.buf, in...)
			return len(in), NeedMore, nil
		case len(c.buf) > 0:
			c.buf = append(c.buf, in[:used]...)
			payload = c.buf
		}
		payload = payload[:c.frame.length]
		c.state = readHead
		ev, err = c.handle(payload)
		c.buf = c.buf[:0]
		if cap(c.buf) > keptInput {
			c.buf = nil
		}
		return used, ev, err
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

// Reset ends s with RST_STREAM, if it is not closed. No event of s follows; what the peer still sends on it is counted
// and dropped.
func (c *conn) Reset(s *Stream, code wire.Code) {
	if !s.has(opened) || s.has(closed) {
		return
	}
	if c.err == nil {
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
// no more.
func (c *conn) GoAway(code wire.Code, debug string) {
	if c.err != nil {
		return
	}
	c.goingAway = true
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
