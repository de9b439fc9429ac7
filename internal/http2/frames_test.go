package http2_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"testing"

	xhttp2 "golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// This file holds the frames of tests: a writer, which can write what no peer should, and a strict reader.
// Both are golang.org/x/net's.

// frames collects the bytes that a peer sends.
type frames struct {
	buf    bytes.Buffer
	framer *xhttp2.Framer
	block  bytes.Buffer
	enc    *hpack.Encoder
	zeros  [16384]byte
}

func newFrames() *frames {
	f := &frames{}
	f.framer = xhttp2.NewFramer(&f.buf, nil)
	f.framer.AllowIllegalWrites = true
	f.enc = hpack.NewEncoder(&f.block)
	return f
}

// opened returns the frames of a client or a server that begin with its preface.
func opened(client bool, settings ...xhttp2.Setting) *frames {
	f := newFrames()
	if client {
		f.buf.WriteString(xhttp2.ClientPreface)
	}
	return f.settings(settings...)
}

// take returns what was collected, and forgets it.
func (f *frames) take() []byte {
	b := bytes.Clone(f.buf.Bytes())
	f.buf.Reset()
	return b
}

// encode returns the field block of fields, which are names and values in turn.
func (f *frames) encode(fields ...string) []byte {
	f.block.Reset()
	for i := 0; i < len(fields); i += 2 {
		f.enc.WriteField(hpack.HeaderField{Name: fields[i], Value: fields[i+1]})
	}
	return bytes.Clone(f.block.Bytes())
}

func (f *frames) headers(id uint32, end bool, fields ...string) *frames {
	return f.headerBlock(id, end, f.encode(fields...))
}

// headerBlock writes block as a HEADERS frame, and as many CONTINUATION frames as it needs.
func (f *frames) headerBlock(id uint32, end bool, block []byte) *frames {
	first := block[:min(len(block), 16384)]
	block = block[len(first):]
	f.framer.WriteHeaders(xhttp2.HeadersFrameParam{StreamID: id, EndStream: end, EndHeaders: len(block) == 0, BlockFragment: first})
	for len(block) > 0 {
		first = block[:min(len(block), 16384)]
		block = block[len(first):]
		f.framer.WriteContinuation(id, len(block) == 0, first)
	}
	return f
}

// get writes a request without a body.
func (f *frames) get(id uint32, path string, fields ...string) *frames {
	return f.headers(id, true, append([]string{":method", "GET", ":scheme", "http", ":path", path, ":authority", "an.example"}, fields...)...)
}

// post writes the head of a request with a body.
func (f *frames) post(id uint32, path string, fields ...string) *frames {
	return f.headers(id, false, append([]string{":method", "POST", ":scheme", "http", ":path", path, ":authority", "an.example"}, fields...)...)
}

func (f *frames) data(id uint32, end bool, data []byte) *frames {
	f.framer.WriteData(id, end, data)
	return f
}

func (f *frames) padded(id uint32, end bool, data []byte, pad int) *frames {
	f.framer.WriteDataPadded(id, end, data, make([]byte, pad))
	return f
}

func (f *frames) rst(id uint32, code xhttp2.ErrCode) *frames {
	f.framer.WriteRSTStream(id, code)
	return f
}

func (f *frames) window(id, n uint32) *frames {
	f.framer.WriteWindowUpdate(id, n)
	return f
}

func (f *frames) settings(settings ...xhttp2.Setting) *frames {
	f.framer.WriteSettings(settings...)
	return f
}

func (f *frames) ack() *frames {
	f.framer.WriteSettingsAck()
	return f
}

func (f *frames) ping(ack bool, data [8]byte) *frames {
	f.framer.WritePing(ack, data)
	return f
}

func (f *frames) goaway(last uint32, code xhttp2.ErrCode, debug string) *frames {
	f.framer.WriteGoAway(last, code, []byte(debug))
	return f
}

func (f *frames) raw(t xhttp2.FrameType, flags xhttp2.Flags, id uint32, payload []byte) *frames {
	f.framer.WriteRawFrame(t, flags, id, payload)
	return f
}

// A frame is a frame as it is on the wire.
type frame struct {
	kind    xhttp2.FrameType
	flags   xhttp2.Flags
	id      uint32
	payload []byte
}

func (f frame) has(flag xhttp2.Flags) bool { return f.flags&flag != 0 }

// bytes returns the frame as it is on the wire.
func (f frame) bytes() []byte {
	n := len(f.payload)
	b := []byte{byte(n >> 16), byte(n >> 8), byte(n), byte(f.kind), byte(f.flags), byte(f.id >> 24), byte(f.id >> 16), byte(f.id >> 8), byte(f.id)}
	return append(b, f.payload...)
}

func (f frame) String() string {
	return fmt.Sprintf("%v %d flags %x, %d bytes", f.kind, f.id, f.flags, len(f.payload))
}

// cut returns the frames at the beginning of b, and the bytes after the last whole one.
func cut(b []byte) (all []frame, rest []byte) {
	for len(b) >= 9 {
		n := int(b[0])<<16 | int(b[1])<<8 | int(b[2])
		if len(b) < 9+n {
			break
		}
		all = append(all, frame{xhttp2.FrameType(b[3]), xhttp2.Flags(b[4]), binary.BigEndian.Uint32(b[5:]) & (1<<31 - 1), b[9 : 9+n : 9+n]})
		b = b[9+n:]
	}
	return all, b
}

// A strictReader reads what a machine sends, and reports all that a strict peer would refuse.
type strictReader struct {
	t      testing.TB
	client bool // the machine is a client
	in     bytes.Buffer
	framer *xhttp2.Framer

	heads    map[uint32][][]hpack.HeaderField
	bodies   map[uint32]*bytes.Buffer
	sentEnd  map[uint32]bool // the machine sent END_STREAM
	reset    map[uint32]xhttp2.ErrCode
	lastID   uint32 // of the streams that the machine opened
	goaway   *xhttp2.GoAwayFrame
	code     xhttp2.ErrCode // of goaway
	debug    string
	acks     int // SETTINGS ACK
	pings    int // PING ACK
	counts   map[xhttp2.FrameType]int
	settings map[xhttp2.SettingID]uint32
	frames   int
	block    bool // the last frame has not ended its field block
}

func readStrictly(t testing.TB, client bool) *strictReader {
	r := &strictReader{t: t, client: client, heads: map[uint32][][]hpack.HeaderField{}, bodies: map[uint32]*bytes.Buffer{}, sentEnd: map[uint32]bool{},
		reset: map[uint32]xhttp2.ErrCode{}, counts: map[xhttp2.FrameType]int{}, settings: map[xhttp2.SettingID]uint32{}}
	r.framer = xhttp2.NewFramer(nil, &r.in)
	r.framer.ReadMetaHeaders = hpack.NewDecoder(4096, nil)
	r.framer.MaxHeaderListSize = 1 << 30
	return r
}

// read reads a frame that the machine has written.
func (r *strictReader) read(b []byte) {
	r.t.Helper()
	r.in.Write(r.oneSize(b))
	for r.in.Len() > 0 {
		if r.block = r.block && b[4]&4 == 0 || b[3] == 1 && b[4]&4 == 0; r.block {
			return // the framer reads a field block as one
		}
		f, err := r.framer.ReadFrame()
		if err != nil {
			r.t.Fatalf("frame %d: %v, %v", r.frames, err, r.framer.ErrorDetail())
		}
		r.frames++
		r.counts[f.Header().Type]++
		r.frame(f)
	}
}

// oneSize takes the first of two updates of the table's size out of a field block. RFC 7541, section 4.2, has both;
// hpack's Encoder writes both, but its Decoder takes only one.
func (r *strictReader) oneSize(b []byte) []byte {
	if xhttp2.FrameType(b[3]) != xhttp2.FrameHeaders || len(b) == 9 || b[9]&0xe0 != 0x20 {
		return b
	}
	size, n := uint32(b[9]&0x1f), 1
	if size == 0x1f {
		for shift := 0; ; shift += 7 {
			c := b[9+n]
			size += uint32(c&0x7f) << shift
			if n++; c < 0x80 {
				break
			}
		}
	}
	if len(b) == 9+n || b[9+n]&0xe0 != 0x20 {
		return b
	}
	r.framer.ReadMetaHeaders.SetMaxDynamicTableSize(size)
	f := frame{xhttp2.FrameHeaders, xhttp2.Flags(b[4]), binary.BigEndian.Uint32(b[5:]), b[9+n:]}
	return f.bytes()
}

func (r *strictReader) frame(f xhttp2.Frame) {
	t, id := r.t, f.Header().StreamID
	t.Helper()
	if r.frames == 1 && (f.Header().Type != xhttp2.FrameSettings || f.Header().Flags != 0) {
		t.Errorf("the first frame is %v", f)
	}
	_, wasReset := r.reset[id]
	switch f.Header().Type {
	case xhttp2.FrameData, xhttp2.FrameHeaders:
		if wasReset || r.sentEnd[id] {
			t.Errorf("%v after the end of its stream", f)
		}
	case xhttp2.FrameWindowUpdate:
		if id != 0 && wasReset {
			t.Errorf("%v after RST_STREAM", f)
		}
	}
	switch f := f.(type) {
	case *xhttp2.MetaHeadersFrame:
		if id == 0 || id%2 == 0 {
			t.Errorf("%v", f)
		}
		if f.Truncated {
			t.Errorf("%v is truncated", f)
		}
		if r.client && r.heads[id] == nil {
			if id <= r.lastID {
				t.Errorf("stream %d opened after %d", id, r.lastID)
			}
			r.lastID = id
		}
		r.checkFields(f, len(r.heads[id]) > 0)
		r.heads[id] = append(r.heads[id], f.Fields)
		r.end(id, f.StreamEnded())
	case *xhttp2.DataFrame:
		if r.heads[id] == nil {
			t.Errorf("%v before HEADERS", f)
		}
		if r.bodies[id] == nil {
			r.bodies[id] = &bytes.Buffer{}
		}
		r.bodies[id].Write(f.Data())
		r.end(id, f.StreamEnded())
	case *xhttp2.RSTStreamFrame:
		if wasReset {
			t.Errorf("two RST_STREAM on stream %d", id)
		}
		r.reset[id] = f.ErrCode
	case *xhttp2.SettingsFrame:
		if f.IsAck() {
			r.acks++
			break
		}
		f.ForeachSetting(func(s xhttp2.Setting) error {
			r.settings[s.ID] = s.Val
			return s.Valid()
		})
		if f.HasDuplicates() {
			t.Errorf("%v has duplicates", f)
		}
	case *xhttp2.PingFrame:
		if f.IsAck() {
			r.pings++
		}
	case *xhttp2.GoAwayFrame:
		if r.goaway != nil && f.LastStreamID > r.goaway.LastStreamID {
			t.Errorf("GOAWAY %d after GOAWAY %d", f.LastStreamID, r.goaway.LastStreamID)
		}
		r.code, r.debug = f.ErrCode, string(f.DebugData())
		r.goaway = &xhttp2.GoAwayFrame{FrameHeader: f.FrameHeader, LastStreamID: f.LastStreamID, ErrCode: f.ErrCode}
	case *xhttp2.WindowUpdateFrame:
	case *xhttp2.PriorityUpdateFrame, *xhttp2.PriorityFrame:
		if !r.client {
			t.Errorf("a server sent %v", f)
		}
	default:
		t.Errorf("unexpected %v", f)
	}
}

func (r *strictReader) end(id uint32, ended bool) {
	if ended {
		r.sentEnd[id] = true
	}
}

// checkFields checks a head or trailers beyond what the Framer does, which refuses invalid names, values and
// pseudo-headers.
func (r *strictReader) checkFields(f *xhttp2.MetaHeadersFrame, later bool) {
	r.t.Helper()
	pseudo := map[string]bool{}
	for _, field := range f.Fields {
		switch field.Name {
		case "connection", "keep-alive", "proxy-connection", "transfer-encoding", "upgrade", "host":
			r.t.Errorf("the head has %v", field)
		case "te":
			if field.Value != "trailers" {
				r.t.Errorf("the head has %v", field)
			}
		}
		if field.IsPseudo() {
			pseudo[field.Name] = true
		}
	}
	id := f.StreamID
	switch {
	case r.client && !later:
		if !pseudo[":method"] || !pseudo[":scheme"] != !pseudo[":path"] || pseudo[":status"] {
			r.t.Errorf("the head of stream %d has %v", id, f.Fields)
		}
	case r.client, len(pseudo) == 0:
		if len(pseudo) != 0 || !f.StreamEnded() {
			r.t.Errorf("the trailers of stream %d are %v", id, f.Fields)
		}
	default:
		if !pseudo[":status"] || len(pseudo) != 1 {
			r.t.Errorf("the head of stream %d has %v", id, f.Fields)
		}
		if status := f.Fields[0].Value; status[0] == '1' && f.StreamEnded() {
			r.t.Errorf("the interim response %v ends the stream", status)
		}
	}
}

// obey says what settings the machine has acknowledged.
func (r *strictReader) obey(s xhttp2.Setting) {
	switch s.ID {
	case xhttp2.SettingMaxFrameSize:
		r.framer.SetMaxReadFrameSize(s.Val)
	case xhttp2.SettingHeaderTableSize:
		r.framer.ReadMetaHeaders.SetAllowedMaxDynamicTableSize(s.Val)
	}
}
