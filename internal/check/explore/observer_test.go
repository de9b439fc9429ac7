package explore

import (
	"encoding/binary"
	"fmt"
	"strings"

	"golang.org/x/net/http2/hpack"
)

// This file judges the bytes of an HTTP/2 connection (RFC 9113) between its two ends. It shares no code with the library, and
// knows what each end may have seen of the other when it sent a frame.

// The types of frames (RFC 9113, section 6), and RFC 9218's.
const (
	frameData = iota
	frameHeaders
	framePriority
	frameReset
	frameSettings
	framePush
	framePing
	frameGoAway
	frameWindow
	frameContinuation
	framePriorityUpdate = 0x10
)

// The flags of frames.
const (
	flagEndStream  = 0x1
	flagAck        = 0x1
	flagEndHeaders = 0x4
	flagPadded     = 0x8
	flagPriority   = 0x20
)

const clientPreface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"

// An observer judges one connection.
type observer struct {
	fail     func(format string, args ...any)
	sides    [2]side // the client, the server
	streams  map[uint32]*stream
	last     uint32 // the highest stream of the client
	open     int    // streams that have not ended
	most     int    // the most of them at a time
	over     bool   // the connection is ending, so that what is open need not end
	broken   bool   // something is wrong already
	requests int
}

// A side is one end, as a sender.
type side struct {
	in         []byte
	begun      bool // the client's preface has passed
	configured bool // its first frame has passed
	window     int  // what the side may still send on the connection
	granted    int  // the most that window ever was
	initial    int  // the window of a new stream for what it sends
	maxFrame   int
	most       int      // the most streams that it may open at a time
	settings   [][]byte // those that the other side sent, and this one has not acknowledged
	fields     []byte   // the fields of a head that is not complete
	head       uint32   // its stream; 0: none
	headEnd    bool     // it ends its side of the stream
	decoder    *hpack.Decoder
	goneAway   bool
	lastTaken  uint32 // of GOAWAY
	ping       int    // pings that it has not answered
}

// A stream is one request and its response.
type stream struct {
	id     uint32
	window [2]int // what each side may still send
	ended  [2]bool
	reset  [2]bool
	heads  [2]int // the complete heads that each side has sent; interim responses do not count
	closed bool
	sent   [2]int
}

func newObserver(fail func(format string, args ...any)) *observer {
	o := &observer{streams: make(map[uint32]*stream)}
	o.fail = func(format string, args ...any) {
		if !o.broken {
			o.broken = true
			fail(format, args...)
		}
	}
	for i := range o.sides {
		o.sides[i] = side{window: 65535, granted: 65535, initial: 65535, maxFrame: 16384, most: 1 << 30, decoder: hpack.NewDecoder(4096, nil)}
	}
	return o
}

// observe judges bytes that the client sent, or the server.
func (o *observer) observe(client bool, data []byte) {
	who := 1
	if client {
		who = 0
	}
	s := &o.sides[who]
	s.in = append(s.in, data...)
	if !client && !s.configured && string(s.in[:min(len(s.in), 5)]) == "HTTP/" {
		o.over, o.broken = true, true // the client's preface has not come whole, so that it may have spoken HTTP/1.1
		return
	}
	if client && !s.begun {
		n := min(len(s.in), len(clientPreface))
		if string(s.in[:n]) != clientPreface[:n] {
			o.fail("the client begins with %q", s.in[:n])
		}
		if n < len(clientPreface) {
			return
		}
		s.in = s.in[n:]
		s.begun = true
	}
	for !o.broken && len(s.in) >= 9 {
		n := int(s.in[0])<<16 | int(s.in[1])<<8 | int(s.in[2])
		if n > s.maxFrame {
			o.fail("%s sends a frame of %d bytes; %d are allowed", name(who), n, s.maxFrame)
			return
		}
		if len(s.in) < 9+n {
			return
		}
		kind, flags, id := s.in[3], s.in[4], binary.BigEndian.Uint32(s.in[5:])&(1<<31-1)
		payload := s.in[9 : 9+n]
		o.frame(who, kind, flags, id, payload)
		s.in = s.in[9+n:]
	}
}

func name(who int) string { return [...]string{"the client", "the server"}[who] }

func (o *observer) frame(who int, kind, flags byte, id uint32, p []byte) {
	s, other := &o.sides[who], &o.sides[1-who]
	what := func() string { return fmt.Sprintf("%s sends a frame of type %d on stream %d", name(who), kind, id) }
	if !s.configured && (kind != frameSettings || flags&flagAck != 0) {
		o.fail("%s before its settings", what())
		return
	}
	s.configured = true
	if s.head != 0 && (kind != frameContinuation || id != s.head) {
		o.fail("%s within the head of stream %d", what(), s.head)
		return
	}
	if kind == frameContinuation && s.head == 0 {
		o.fail("%s without a head", what())
		return
	}
	var st *stream
	switch kind {
	case frameData, frameHeaders, frameReset, frameWindow, frameContinuation:
		if id == 0 {
			if kind != frameWindow {
				o.fail("%s", what())
			}
			break
		}
		if st = o.streams[id]; st == nil {
			if kind != frameHeaders || who != 0 || id%2 != 1 || id <= o.last {
				o.fail("%s, which is idle (%d is the last)", what(), o.last)
				return
			}
			st = o.opened(id)
			if o.broken {
				return
			}
		}
		if kind != frameWindow && kind != frameReset && (st.reset[who] || st.ended[who]) {
			o.fail("%s after its end of the stream: reset %t", what(), st.reset[who])
			return
		}
		if st.reset[who] {
			o.fail("%s after RST_STREAM", what())
			return
		}
	}
	switch kind {
	case frameData:
		data := unpadded(p, flags)
		s.window -= len(p)
		st.window[who] -= len(p)
		st.sent[who] += len(data)
		switch {
		case s.window < 0:
			o.fail("%s: the window of the connection is %d", what(), s.window)
		case st.window[who] < 0:
			o.fail("%s: its window is %d", what(), st.window[who])
		case st.heads[who] != 1:
			o.fail("%s after %d heads", what(), st.heads[who])
		}
		if flags&flagEndStream != 0 {
			o.end(st, who)
		}
	case frameHeaders:
		p = unpadded(p, flags)
		if flags&flagPriority != 0 {
			p = p[5:]
		}
		s.fields, s.head, s.headEnd = append(s.fields[:0], p...), id, flags&flagEndStream != 0
		if flags&flagEndHeaders != 0 {
			o.headed(who, st)
		}
	case frameContinuation:
		s.fields = append(s.fields, p...)
		if flags&flagEndHeaders != 0 {
			o.headed(who, st)
		}
	case frameReset:
		st.reset[who] = true
		o.close(st)
	case frameWindow:
		by := int(binary.BigEndian.Uint32(p) & (1<<31 - 1))
		if by == 0 {
			o.fail("%s with 0", what())
		}
		if id == 0 {
			other.window += by
			other.granted = max(other.granted, other.window)
			if other.window > 1<<31-1 {
				o.fail("%s: the window of the connection is %d", what(), other.window)
			}
		} else if st.window[1-who] += by; st.window[1-who] > 1<<31-1 {
			o.fail("%s: the window is %d", what(), st.window[1-who])
		}
	case frameSettings:
		if flags&flagAck == 0 {
			other.settings = append(other.settings, append([]byte(nil), p...))
			break
		}
		if len(s.settings) == 0 {
			o.fail("%s: there are no settings to acknowledge", what())
			return
		}
		o.apply(who, s.settings[0])
		s.settings = s.settings[1:]
	case framePing:
		if flags&flagAck == 0 {
			other.ping++
		} else if s.ping--; s.ping < 0 {
			o.fail("%s: there is no ping to answer", what())
		}
	case frameGoAway:
		taken := binary.BigEndian.Uint32(p) & (1<<31 - 1)
		if s.goneAway && taken > s.lastTaken {
			o.fail("%s: a GOAWAY of %d after one of %d", what(), taken, s.lastTaken)
		}
		s.goneAway, s.lastTaken = true, taken
	case framePush:
		o.fail("%s", what())
	}
}

// opened adds the stream that the client opens.
func (o *observer) opened(id uint32) *stream {
	st := &stream{id: id, window: [2]int{o.sides[0].initial, o.sides[1].initial}}
	o.streams[id], o.last = st, id
	o.requests++
	if o.open++; o.open > o.sides[0].most {
		o.fail("the client opens stream %d: %d are open, and the server allows %d", id, o.open, o.sides[0].most)
	}
	o.most = max(o.most, o.open)
	if o.sides[0].goneAway {
		o.fail("the client opens stream %d after its GOAWAY", id)
	}
	return st
}

// apply makes the settings of the other side count for who, who has acknowledged them.
func (o *observer) apply(who int, p []byte) {
	s := &o.sides[who]
	for ; len(p) >= 6; p = p[6:] {
		value := int(binary.BigEndian.Uint32(p[2:]))
		switch binary.BigEndian.Uint16(p) {
		case 1: // SETTINGS_HEADER_TABLE_SIZE: the decoder allows the default, and who may use less
			if value > 4096 {
				s.decoder.SetAllowedMaxDynamicTableSize(uint32(value))
			}
		case 3:
			s.most = value
		case 4:
			for _, st := range o.streams {
				st.window[who] += value - s.initial
			}
			s.initial = value
		case 5:
			s.maxFrame = value
		}
	}
}

// headed judges a complete head.
func (o *observer) headed(who int, st *stream) {
	s := &o.sides[who]
	s.head = 0
	var pseudo []string
	names := make(map[string]string)
	regular := false
	fields, err := s.decoder.DecodeFull(s.fields)
	if err != nil {
		o.fail("%s: the head of stream %d: %v", name(who), st.id, err)
		return
	}
	for _, f := range fields {
		switch f.Name {
		case "connection", "keep-alive", "proxy-connection", "transfer-encoding", "upgrade", "host":
			o.fail("%s: the head of stream %d has %s", name(who), st.id, f.Name)
		case "te":
			if f.Value != "trailers" {
				o.fail("%s: the head of stream %d has te: %s", name(who), st.id, f.Value)
			}
		}
		if strings.ToLower(f.Name) != f.Name || strings.ContainsAny(f.Value, "\r\n\x00") {
			o.fail("%s: the head of stream %d has %q: %q", name(who), st.id, f.Name, f.Value)
		}
		if strings.HasPrefix(f.Name, ":") {
			if regular {
				o.fail("%s: the head of stream %d has %s after a field", name(who), st.id, f.Name)
			}
			pseudo = append(pseudo, f.Name)
		} else {
			regular = true
		}
		names[f.Name] = f.Value
	}
	interim := who == 1 && len(names[":status"]) == 3 && names[":status"][0] == '1'
	switch {
	case st.heads[who] == 1: // trailers
		if len(pseudo) != 0 || !s.headEnd {
			o.fail("%s: the trailers of stream %d have %q, and end %t", name(who), st.id, pseudo, s.headEnd)
		}
	case who == 0 && (names[":method"] == "" || names[":method"] != "CONNECT" && (names[":scheme"] == "" || names[":path"] == "")) ||
		who == 1 && (len(pseudo) != 1 || len(names[":status"]) != 3):
		o.fail("%s: the head of stream %d has %q", name(who), st.id, pseudo)
	case interim && s.headEnd:
		o.fail("%s: the interim head of stream %d ends it", name(who), st.id)
	}
	if !interim {
		st.heads[who]++
	}
	if s.headEnd {
		o.end(st, who)
	}
}

func (o *observer) end(st *stream, who int) {
	st.ended[who] = true
	if st.ended[1-who] {
		o.close(st)
	}
}

func (o *observer) close(st *stream) {
	if !st.closed {
		st.closed = true
		o.open--
	}
}

// unpadded returns the payload of a frame without its padding.
func unpadded(p []byte, flags byte) []byte {
	if flags&flagPadded == 0 {
		return p
	}
	return p[1 : len(p)-int(p[0])]
}

// quiet judges a connection on which nothing is under way.
func (o *observer) quiet() {
	if o.over || o.broken {
		return
	}
	for id, st := range o.streams {
		if !st.closed {
			o.fail("stream %d is open: ended %v", id, st.ended)
		}
	}
	for who, s := range o.sides {
		// The receiver may keep back a part until it is worth a frame.
		if s.window < s.granted/4 {
			o.fail("%s may send %d bytes more on the connection, of the %d that it could", name(who), s.window, s.granted)
		}
		if len(s.settings) != 0 || s.ping != 0 {
			o.fail("%s has not answered %d settings and %d pings", name(who), len(s.settings), s.ping)
		}
		if len(s.in) != 0 || s.head != 0 {
			o.fail("%s has sent a part of a frame, or of a head", name(who))
		}
	}
}
