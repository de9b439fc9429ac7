package http2

// This file holds flow control (RFC 9113, sections 5.2 and 6.9), and the reading of DATA frames, which it is about.
//
// The window of the connection is kept open while less than Config.MaxBuffered of all streams is not consumed, so that a
// reader who is slow stops its own stream and no other. The window of a stream opens as its data is consumed.
//
// A window that is smaller than what is on its way during a round trip slows the peer down. When half of a stream's window
// was used, a PING of our own measures how much comes until its answer. If that is about what the window allows, the window
// doubles, and so do those of later streams when their first data comes. Config.Budget bounds the growth.
//
// Windows grow by no more than half of MaxBuffered in all, and only while the windows of all streams together do not
// exceed it. So no stream starves, however slow the readers of the others are, while there are at most
// MaxBuffered/StreamWindow/2 streams: 64 by default.

import (
	"encoding/binary"

	"github.com/seed-7c003b53/gotreq/treq/wire"
)

type flow struct {
	sendWindow int64 // of the connection: how much we may send
	recvWindow int64 // of the connection: how much the peer may send
	buffered   int64 // received bytes of all streams that are not consumed
	most       int64 // bounds buffered and recvWindow together
	window     int64 // to which the windows of streams have grown
	windows    int64 // those of all open streams
	grown      int64 // by which those have grown
	probe      probe
}

// A probe measures how much of one stream comes during a round trip.
type probe struct {
	stream uint32 // 0: none is under way
	before int64  // what had come of the stream
	count  uint32 // tells the answers of probes apart
	pause  int    // probes to leave out, because the last ones brought nothing
	passed int    // probes left out
	second bool   // the second round trip is measured
}

func (f *flow) init(config *Config) {
	*f = flow{
		sendWindow: defaultWindow,
		recvWindow: defaultWindow,
		most:       int64(config.MaxBuffered),
		window:     int64(config.StreamWindow),
	}
}

// minUpdate is the smallest update of the window of a connection.
const minUpdate = 4 << 10

// top opens the window of the connection, if it is less than half of what it may be, and returns by how much.
func (f *flow) top() int {
	more := f.most - f.buffered - f.recvWindow
	if more < minUpdate || more < f.recvWindow {
		return 0
	}
	f.recvWindow += more
	return int(more)
}

// drop says that n bytes of the connection need no more room.
func (c *conn) drop(n int64) {
	c.flow.buffered -= n
	if c.err != nil {
		return
	}
	if more := c.flow.top(); more > 0 {
		c.out = appendWindowUpdate(c.out, 0, more)
	}
}

// release gives back what s holds when it ends.
func (c *conn) release(s *Stream) {
	c.config.Budget.give(s.grown)
	c.flow.windows -= s.window
	c.flow.grown -= s.grown
	s.grown = 0
	if s.buffered > 0 {
		n := s.buffered
		s.buffered = 0
		c.drop(n)
	}
}

// Close gives back to Config.Budget what the streams hold. The owner calls it when the connection has ended.
func (c *conn) Close() {
	for s := range c.streams.All() {
		c.config.Budget.give(s.grown)
		s.grown = 0
	}
}

// Consumed says that n bytes of the data of s are used, so that the peer may send as many more. The end of a stream counts
// for all of its data. Padding is consumed without a call.
func (c *conn) Consumed(s *Stream, n int) {
	if n <= 0 || s.has(closed) || c.err != nil {
		return
	}
	more := min(int64(n), s.buffered)
	s.buffered -= more
	s.consumed += more
	c.drop(more)
	if s.consumed*2 < s.window || s.has(receivedEnd) || c.ended == s || c.lastFrame(s) || s.left >= 0 && s.left <= s.recvWindow {
		return
	}
	c.openWindow(s, 0)
	c.startProbe(s)
}

// lastFrame reports whether the DATA frame that is being read is the last one of s.
func (c *conn) lastFrame(s *Stream) bool { return c.into == s && c.frame.has(flagEndStream) }

// openWindow tells the peer what was consumed of s, and that the window is larger by more.
func (c *conn) openWindow(s *Stream, more int64) {
	n := s.consumed + more
	s.consumed = 0
	s.recvWindow += n
	c.out = appendWindowUpdate(c.out, s.id, int(n))
}

// mostStreamWindow is the size up to which windows grow. No stream may take all that the connection may keep.
func (c *conn) mostStreamWindow() int64 {
	return max(min(int64(c.config.MaxStreamWindow), int64(c.config.MaxBuffered)/2), int64(c.config.StreamWindow))
}

// startProbe begins to measure, if the window of s may grow.
func (c *conn) startProbe(s *Stream) {
	p := &c.flow.probe
	if p.stream != 0 || s.window >= c.mostStreamWindow() {
		return
	}
	if p.passed < p.pause {
		p.passed++
		return
	}
	p.passed, p.second = 0, false
	c.measure(s)
}

// measure sends the PING of a probe.
func (c *conn) measure(s *Stream) {
	p := &c.flow.probe
	p.stream, p.before = s.id, s.received
	p.count++
	c.out = appendPing(c.out, 0, p.data())
}

// data is the data of the probe's PING.
func (p *probe) data() (data [8]byte) {
	copy(data[:], "flow")
	binary.BigEndian.PutUint32(data[4:], p.count)
	return data
}

func (f *flow) isProbe(data [8]byte) bool { return f.probe.stream != 0 && data == f.probe.data() }

// grow ends a round trip of the probe. Since the window opens in halves, about a half of it or more comes during one if the
// window is what slows the peer down. The data that the last update allowed may come right after the answer, so that a
// second round trip decides.
func (c *conn) grow() {
	p := &c.flow.probe
	s := c.find(p.stream)
	p.stream = 0
	if s == nil {
		return
	}
	if (s.received-p.before)*8 < s.window*3 {
		if !p.second {
			p.second = true
			c.measure(s)
			return
		}
		p.pause = min(2*p.pause+1, 63)
		return
	}
	p.pause = 0
	if c.widen(s, min(2*s.window, c.mostStreamWindow())) {
		c.flow.window = max(c.flow.window, s.window)
	}
}

// widen makes the window of s as large as size, if nobody else needs the room.
func (c *conn) widen(s *Stream, size int64) bool {
	more := size - s.window
	f := &c.flow
	if more <= 0 || s.has(receivedEnd) || c.lastFrame(s) ||
		f.windows+more > f.most || f.grown+more > f.most/2 || !c.config.Budget.take(more) {
		return false
	}
	f.windows += more
	f.grown += more
	s.grown += more
	s.window = size
	c.openWindow(s, more)
	return true
}

// dataFrame handles the head of a DATA frame (RFC 9113, section 6.1).
func (c *conn) dataFrame() (ev Event, err error) {
	f := &c.frame
	size := int64(f.length)
	switch {
	case f.stream == 0:
		return 0, c.fail(wire.ProtocolError, wire.ErrFrame, "6.1", "DATA on stream 0")
	case size > c.flow.recvWindow:
		return 0, c.fail(wire.FlowControlError, wire.ErrFlowControl, "6.9.1", "DATA of %d bytes, but the window of the connection is %d", size, c.flow.recvWindow)
	case f.has(flagPadded) && size == 0:
		return 0, c.fail(wire.FrameSizeError, wire.ErrFrameSize, "6.1", "DATA has no room for the size of its padding")
	}
	c.flow.recvWindow -= size
	c.flow.buffered += size
	s := c.find(f.stream)
	c.into = nil
	switch {
	case s == nil && c.idle(f.stream):
		return 0, c.fail(wire.ProtocolError, wire.ErrStreamState, "5.1", "DATA on stream %d, which is idle", f.stream)
	case s == nil:
		ev, err = c.onClosed(f.stream)
	case s.has(receivedEnd):
		ev, err = c.fault(s, wire.StreamClosed, wire.ErrStreamState, "5.1", "DATA after END_STREAM")
	case !s.has(receivedHead):
		ev, err = c.fault(s, wire.ProtocolError, wire.ErrStreamState, "8.1", "DATA before the head of the response")
	case size > max(0, s.recvWindow+c.slack()): // no bytes fit even a window below zero
		ev, err = c.fault(s, wire.FlowControlError, wire.ErrFlowControl, "6.9.1", "DATA of %d bytes, but the window is %d", size, s.recvWindow)
	default:
		c.into = s
		s.recvWindow -= size
		s.buffered += size
		s.received += size
	}
	if err != nil {
		return 0, err
	}
	if c.into == nil {
		c.drop(size)
	}
	c.state = readPadding
	if !f.has(flagPadded) {
		later, err := c.beginData(0, 0)
		return max(ev, later), err // at most one of them is an event
	}
	return ev, nil
}

// slack is how much larger the window of a stream may seem to a peer that has not acknowledged our settings.
func (c *conn) slack() int64 {
	if c.unacked == 0 {
		return 0
	}
	return max(0, defaultWindow-int64(c.config.StreamWindow))
}

// beginData begins to read the data of a DATA frame with so much padding, the size of which has taken size bytes.
func (c *conn) beginData(padding, size int) (Event, error) {
	c.state, c.padding, c.left = readData, padding, c.frame.length-size-padding
	if c.left < 0 {
		return 0, c.fail(wire.ProtocolError, wire.ErrFrame, "6.1", "DATA has %d bytes of padding, but only %d bytes", padding, c.frame.length)
	}
	if c.left == 0 && !c.frame.has(flagEndStream) {
		if err := c.noise(1, "empty DATA frames"); err != nil {
			return 0, err
		}
	}
	s, left := c.into, int64(c.left)
	switch {
	case s == nil:
		return NeedMore, nil
	case left > 0 && s.has(noContent):
		return c.fault(s, wire.ProtocolError, wire.ErrContentLength, "8.1.1", "DATA in a response that has no content")
	case s.left >= 0 && left > s.left:
		return c.fault(s, wire.ProtocolError, wire.ErrContentLength, "8.1.1", "%d bytes more than Content-Length says", left-s.left)
	case s.left >= 0:
		s.left -= left
	}
	c.Consumed(s, size+padding)
	if s.window < c.flow.window && (s.left < 0 || s.left > s.recvWindow) {
		c.widen(s, c.flow.window)
	}
	return NeedMore, nil
}

// readData reports a part of the data of a DATA frame, or skips its padding.
func (c *conn) readData(in []byte) (used int, ev Event, err error) {
	switch {
	case c.left > 0:
		used = min(len(in), c.left)
		c.left -= used
		if c.into == nil || used == 0 {
			return used, NeedMore, nil
		}
		c.stream, c.data = c.into, in[:used:used]
		return used, Data, nil
	case c.padding > 0:
		used = min(len(in), c.padding)
		c.padding -= used
		return used, NeedMore, nil
	}
	c.state = readHead
	s := c.into
	c.into = nil
	if s != nil && c.frame.has(flagEndStream) {
		ev, err = c.receiveEnd(s)
	}
	return 0, ev, err
}

// handleWindowUpdate handles WINDOW_UPDATE (RFC 9113, section 6.9).
func (c *conn) handleWindowUpdate(n int64) (Event, error) {
	id := c.frame.stream
	if err := c.noise(1, "WINDOW_UPDATE frames"); err != nil {
		return 0, err
	}
	if id == 0 {
		c.flow.sendWindow += n
		switch {
		case n == 0:
			return 0, c.fail(wire.ProtocolError, wire.ErrFrame, "6.9", "WINDOW_UPDATE of 0")
		case c.flow.sendWindow > maxWindow:
			return 0, c.fail(wire.FlowControlError, wire.ErrFlowControl, "6.9.1", "the window of the connection grows to %d", c.flow.sendWindow)
		}
		if before := c.flow.sendWindow - n; before <= 0 {
			return c.room(), nil
		}
		return NeedMore, nil
	}
	s := c.find(id)
	switch {
	case s == nil && c.idle(id):
		return 0, c.fail(wire.ProtocolError, wire.ErrStreamState, "5.1", "WINDOW_UPDATE on stream %d, which is idle", id)
	case s == nil:
		return NeedMore, nil
	case n == 0:
		return c.fault(s, wire.ProtocolError, wire.ErrFrame, "6.9", "WINDOW_UPDATE of 0")
	case s.sendWindow+n > maxWindow:
		return c.fault(s, wire.FlowControlError, wire.ErrFlowControl, "6.9.1", "the window grows to %d", s.sendWindow+n)
	}
	before := s.sendWindow
	s.sendWindow += n
	if s.waiting && before <= 0 && s.sendWindow > 0 {
		c.schedule.push(s)
		return c.room(), nil
	}
	return NeedMore, nil
}

// resizeWindows applies the setting INITIAL_WINDOW_SIZE (RFC 9113, section 6.9.2).
func (c *conn) resizeWindows(value uint32) error {
	if value > maxWindow {
		return c.fail(wire.FlowControlError, wire.ErrSettings, "6.5.2", "INITIAL_WINDOW_SIZE is %d", value)
	}
	more := int64(value) - c.peer.window
	c.peer.window = int64(value)
	for s := range c.streams.All() {
		before := s.sendWindow
		s.sendWindow += more
		switch {
		case s.sendWindow > maxWindow:
			return c.fail(wire.FlowControlError, wire.ErrFlowControl, "6.9.2", "the window of stream %d grows to %d", s.id, s.sendWindow)
		case !s.waiting:
		case before <= 0 && s.sendWindow > 0:
			c.schedule.push(s)
			c.roomDue = true
		case before > 0 && s.sendWindow <= 0:
			c.schedule.remove(s)
		}
	}
	return nil
}
