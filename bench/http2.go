package main

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"strings"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// This file has the answers over HTTP/2, and the server's side of a connection. Like a
// conversation, it has no more of the protocol than the clients need: their requests are
// expected to be correct.

// preface is what a client sends first.
var preface = []byte(http2.ClientPreface)

const (
	serverStreams = 100_000 // the streams that a client may open
	serverFrame   = mib     // the longest frame that a client may send, which is net/http's
	serverWindow  = mib     // the window of a new stream
	sendAtOnce    = mib     // bytes made before the first of them is sent
)

// A frameAnswer is an answer over HTTP/2. The header section of the first answer on a
// connection adds its fields to the table of HPACK, and the next ones refer to them, as
// those of common servers do. An answer of another kind on that connection adds nothing.
type frameAnswer struct {
	first, next, other []byte
	body               []byte
	zeros              int64
	endless            bool
}

var frameAnswers = makeFrameAnswers()

func makeFrameAnswers() map[string]*frameAnswer {
	made := map[string]*frameAnswer{"/count": frameAnswerOf(countAnswer(0))}
	for path, a := range answers {
		made[path] = frameAnswerOf(a)
	}
	made["/hold"].body, made["/hold"].endless = []byte(smallBody), true
	return made
}

func frameAnswerOf(a answer) *frameAnswer {
	head, body, _ := bytes.Cut(a.bytes, headEnd)
	lines := strings.Split(string(head), "\r\n")
	fields := []hpack.HeaderField{{Name: ":status", Value: strings.Fields(lines[0])[1]}}
	for _, line := range lines[1:] {
		name, value, _ := strings.Cut(line, ": ")
		switch name = strings.ToLower(name); name {
		case "connection", "transfer-encoding":
		default:
			fields = append(fields, hpack.HeaderField{Name: name, Value: value})
		}
	}
	f := &frameAnswer{body: body, zeros: a.zeros}
	var b bytes.Buffer
	encoder := hpack.NewEncoder(&b)
	for _, block := range []*[]byte{&f.first, &f.next} {
		b.Reset()
		for _, field := range fields {
			encoder.WriteField(field)
		}
		*block = bytes.Clone(b.Bytes())
	}
	b.Reset()
	encoder = hpack.NewEncoder(&b)
	for _, field := range fields {
		field.Sensitive = field.Name != ":status"
		encoder.WriteField(field)
	}
	f.other = b.Bytes()
	return f
}

// A frameConversation is the server's side of an HTTP/2 connection: bytes of the client go
// to take, and fill adds to out what is to be sent.
type frameConversation struct {
	in      []byte // the received part of an incomplete frame
	out     []byte
	known   *frameAnswer // its fields are in the client's table
	window  int64        // bytes of bodies that the connection may send
	initial int64        // the window of a new stream
	frame   int64        // the longest frame that the client accepts
	bodies  []*frameBody // to be sent, in turns
	uploads map[uint32]*frameUpload
	unacked int64 // received bytes of all uploads that are to be acknowledged

	decoder *hpack.Decoder
	path    string       // of the request that is being decoded
	block   []byte       // a header block that changes no table
	same    *frameAnswer // the answer to a request with that block, or nil
}

// A frameBody is a body on its way to the client.
type frameBody struct {
	stream  uint32
	bytes   []byte
	zeros   int64
	window  int64
	endless bool
	over    bool
}

// A frameUpload is the body of a request.
type frameUpload struct{ size, unacked int64 }

func newFrameConversation() *frameConversation {
	c := &frameConversation{window: 65535, initial: 65535, frame: 16384, uploads: map[uint32]*frameUpload{}}
	c.decoder = hpack.NewDecoder(4096, func(f hpack.HeaderField) {
		if f.Name == ":path" {
			c.path = f.Value
		}
	})
	f := http2.NewFramer(writerTo{&c.out}, nil)
	f.WriteSettings(http2.Setting{ID: http2.SettingMaxConcurrentStreams, Val: serverStreams},
		http2.Setting{ID: http2.SettingInitialWindowSize, Val: serverWindow},
		http2.Setting{ID: http2.SettingMaxFrameSize, Val: serverFrame})
	f.WriteWindowUpdate(0, 1<<30)
	return c
}

type writerTo struct{ to *[]byte }

func (w writerTo) Write(p []byte) (int, error) {
	*w.to = append(*w.to, p...)
	return len(p), nil
}

// take reads data, which follows the preface.
func (c *frameConversation) take(data []byte) {
	if len(c.in) != 0 {
		c.in = append(c.in, data...)
		data = c.in
	}
	for len(data) >= 9 {
		n := int(data[0])<<16 | int(data[1])<<8 | int(data[2])
		if len(data) < 9+n {
			break
		}
		c.receive(http2.FrameType(data[3]), http2.Flags(data[4]), binary.BigEndian.Uint32(data[5:])&(1<<31-1), data[9:9+n])
		data = data[9+n:]
	}
	c.in = append(c.in[:0], data...)
}

func (c *frameConversation) receive(t http2.FrameType, flags http2.Flags, stream uint32, payload []byte) {
	switch t {
	case http2.FrameHeaders:
		pad := 0
		if flags.Has(http2.FlagHeadersPadded) {
			pad, payload = int(payload[0]), payload[1:]
		}
		if flags.Has(http2.FlagHeadersPriority) {
			payload = payload[5:]
		}
		if !flags.Has(http2.FlagHeadersEndHeaders) {
			fail(fmt.Errorf("the bench's server takes no CONTINUATION frames"))
		}
		c.request(stream, payload[:len(payload)-pad], flags.Has(http2.FlagHeadersEndStream))
	case http2.FrameData:
		c.data(stream, int64(len(payload)), flags.Has(http2.FlagDataEndStream))
	case http2.FrameSettings:
		if flags.Has(http2.FlagSettingsAck) {
			return
		}
		for p := payload; len(p) >= 6; p = p[6:] {
			value := int64(binary.BigEndian.Uint32(p[2:]))
			switch http2.SettingID(binary.BigEndian.Uint16(p)) {
			case http2.SettingInitialWindowSize:
				for _, b := range c.bodies {
					b.window += value - c.initial
				}
				c.initial = value
			case http2.SettingMaxFrameSize:
				c.frame = value
			}
		}
		c.head(0, http2.FrameSettings, http2.FlagSettingsAck, 0)
	case http2.FramePing:
		if !flags.Has(http2.FlagPingAck) {
			c.head(len(payload), http2.FramePing, http2.FlagPingAck, 0)
			c.out = append(c.out, payload...)
		}
	case http2.FrameWindowUpdate:
		n := int64(binary.BigEndian.Uint32(payload))
		if stream == 0 {
			c.window += n
			return
		}
		for _, b := range c.bodies {
			if b.stream == stream {
				b.window += n
				return
			}
		}
	case http2.FrameRSTStream:
		delete(c.uploads, stream)
		for _, b := range c.bodies {
			if b.stream == stream {
				b.over = true
			}
		}
	}
}

// head adds the head of a frame of n bytes.
func (c *frameConversation) head(n int, t http2.FrameType, flags http2.Flags, stream uint32) {
	c.out = append(c.out, byte(n>>16), byte(n>>8), byte(n), byte(t), byte(flags), byte(stream>>24), byte(stream>>16), byte(stream>>8), byte(stream))
}

func (c *frameConversation) request(stream uint32, block []byte, end bool) {
	a := c.same
	if a == nil || !bytes.Equal(block, c.block) {
		if _, err := c.decoder.Write(block); err != nil || c.decoder.Close() != nil {
			fail(fmt.Errorf("the header section of a request: %v", err))
		}
		if a = frameAnswers[c.path]; a == nil {
			fail(fmt.Errorf("a request for %q", c.path))
		}
		c.same = nil
		if changesNothing(block) {
			c.same, c.block = a, append(c.block[:0], block...)
		}
	}
	if end {
		c.answer(stream, a, a.body)
	} else {
		c.uploads[stream] = &frameUpload{}
	}
}

// changesNothing reports whether block has only fields that are in the tables already. It
// means the same then if it comes again.
func changesNothing(block []byte) bool {
	for _, b := range block {
		if b < 0x80 || b == 0xff {
			return false
		}
	}
	return true
}

// answer sends the head of a, and as much of the body as the windows allow.
func (c *frameConversation) answer(stream uint32, a *frameAnswer, body []byte) {
	block := a.other
	switch c.known {
	case nil:
		block, c.known = a.first, a
	case a:
		block = a.next
	}
	c.head(len(block), http2.FrameHeaders, http2.FlagHeadersEndHeaders, stream)
	c.out = append(c.out, block...)
	b := frameBody{stream: stream, bytes: body, zeros: a.zeros, window: c.initial, endless: a.endless}
	if !c.send(&b, c.frame) && !b.endless {
		rest := b
		c.bodies = append(c.bodies, &rest)
	}
}

// send adds up to n bytes of b, as the windows allow. It reports whether b is complete.
func (c *frameConversation) send(b *frameBody, n int64) bool {
	left := int64(len(b.bytes)) + b.zeros
	n = min(n, left, b.window, c.window)
	if n <= 0 || b.over {
		return b.over
	}
	var flags http2.Flags
	if n == left && !b.endless {
		flags = http2.FlagDataEndStream
	}
	c.head(int(n), http2.FrameData, flags, b.stream)
	b.window -= n
	c.window -= n
	some := min(n, int64(len(b.bytes)))
	c.out = append(c.out, b.bytes[:some]...)
	b.bytes = b.bytes[some:]
	c.out = append(c.out, nothing[:n-some]...)
	b.zeros -= n - some
	return n == left
}

// fill adds frames of the bodies in turns, until the windows or sendAtOnce are full.
func (c *frameConversation) fill() {
	for more := true; more && len(c.bodies) != 0 && len(c.out) < sendAtOnce; {
		more = false
		kept := c.bodies[:0]
		for _, b := range c.bodies {
			before := len(c.out)
			if !c.send(b, c.frame) {
				kept = append(kept, b)
			}
			more = more || len(c.out) != before
		}
		clear(c.bodies[len(kept):])
		c.bodies = kept
	}
}

func (c *frameConversation) data(stream uint32, n int64, end bool) {
	u := c.uploads[stream]
	if u == nil {
		return
	}
	u.size += n
	u.unacked += n
	c.unacked += n
	if c.unacked >= serverWindow/4 {
		c.head(4, http2.FrameWindowUpdate, 0, 0)
		c.out = binary.BigEndian.AppendUint32(c.out, uint32(c.unacked))
		c.unacked = 0
	}
	if end {
		delete(c.uploads, stream)
		c.answer(stream, frameAnswers["/count"], fmt.Appendf(nil, "%0*d", len(smallBody), u.size))
		return
	}
	if u.unacked >= serverWindow/4 {
		c.head(4, http2.FrameWindowUpdate, 0, stream)
		c.out = binary.BigEndian.AppendUint32(c.out, uint32(u.unacked))
		u.unacked = 0
	}
}

// serve takes data, and sends all that the client's windows allow.
func (c *frameConversation) serve(data []byte, to io.Writer) {
	for c.take(data); ; {
		c.fill()
		if len(c.out) == 0 {
			return
		}
		if _, err := to.Write(c.out); err != nil {
			return
		}
		c.out = c.out[:0]
	}
}
