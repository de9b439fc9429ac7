package http2

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"testing"

	"github.com/seed-7c003b53/gotreq/treq/wire"
)

// This file has the helpers of tables: frames as short expressions, and a run of the machine as a text.

// frame returns a frame.
func frame(kind frameType, flags uint8, stream uint32, payload ...string) string {
	p := strings.Join(payload, "")
	return string(appendFrameHead(nil, len(p), kind, flags, stream)) + p
}

// block returns a header block of names and values, without tables or Huffman coding.
func block(fields ...string) string {
	var b []byte
	for i := 0; i < len(fields); i += 2 {
		b = append(b, 0)
		for _, s := range fields[i : i+2] {
			b = appendInteger(b, 0, uint64(len(s)))
			b = append(b, s...)
		}
	}
	return string(b)
}

// request is the header block of a request, with more fields.
func request(fields ...string) string {
	return block(append([]string{":method", "GET", ":scheme", "http", ":path", "/", ":authority", "a"}, fields...)...)
}

// response is the header block of a 200, with more fields.
func response(fields ...string) string {
	return block(append([]string{":status", "200"}, fields...)...)
}

const (
	es = flagEndStream
	eh = flagEndHeaders
)

// get is a request without content on a stream.
func get(stream uint32, fields ...string) string {
	return frame(frameHeaders, es|eh, stream, request(fields...))
}

// post is a request whose content follows.
func post(stream uint32, fields ...string) string {
	return frame(frameHeaders, eh, stream, request(fields...))
}

func data(stream uint32, text string) string     { return frame(frameData, 0, stream, text) }
func lastData(stream uint32, text string) string { return frame(frameData, es, stream, text) }

func settings(pairs ...uint32) string {
	var b []byte
	for i := 0; i < len(pairs); i += 2 {
		b = appendSetting(b, setting(pairs[i]), pairs[i+1])
	}
	return frame(frameSettings, 0, 0, string(b))
}

func u32(n uint32) string { return string(binary.BigEndian.AppendUint32(nil, n)) }

func windowUpdate(stream, n uint32) string { return frame(frameWindowUpdate, 0, stream, u32(n)) }
func rst(stream uint32, code wire.Code) string {
	return frame(frameReset, 0, stream, u32(uint32(code)))
}

const ack = "\x00\x00\x00\x04\x01\x00\x00\x00\x00"

// A script is a machine that is fed frames, and a record of what it does.
type script struct {
	client   *Client // one of them is nil
	server   *Server
	conn     *conn
	streams  map[uint32]*Stream
	on       func(x *script, ev Event) // called after each event that is not NeedMore
	keep     bool                      // data is not consumed
	refuse   wire.Code                 // requests are refused, if it is not 0
	out      strings.Builder
	lastData uint32 // the stream of the Data that the record ends with
	pending  []byte // output that is no whole frame yet
}

func newScript(server bool, config Config) *script {
	x := &script{streams: map[uint32]*Stream{}}
	if server {
		x.server = &Server{}
		x.server.Init(config)
		x.conn = &x.server.conn
	} else {
		x.client = &Client{}
		x.client.Init(config)
		x.conn = &x.client.conn
	}
	x.conn.Output()
	return x
}

func (x *script) line(format string, args ...any) {
	if x.lastData != 0 {
		x.out.WriteByte('\n')
	}
	x.lastData = 0
	if strings.HasPrefix(format, "Data ") { // its line is still open
		fmt.Fprintf(&x.out, format+" ", args...)
		return
	}
	fmt.Fprintf(&x.out, format+"\n", args...)
}

// feed gives the machine a part of the input.
func (x *script) feed(in string) {
	b := []byte(in)
	for {
		n, ev, err := x.conn.Next(b)
		b = b[n:]
		s := x.conn.Stream()
		x.flush()
		if err != nil {
			x.line("%v", err)
			return
		}
		switch ev {
		case NeedMore:
			return
		case Data:
			if x.lastData != s.ID() {
				x.line("Data %d", s.ID())
				x.lastData = s.ID()
			}
			x.out.Write(x.conn.Data())
			if !x.keep {
				x.conn.Consumed(s, len(x.conn.Data()))
			}
			if len(x.conn.out) == 0 {
				continue
			}
		case Head:
			if x.client != nil {
				h := x.client.Head()
				x.line("Head %d %d %s length %d%s", s.ID(), h.Code, headerText(h.Header), h.Length, map[bool]string{true: " end"}[h.End])
				break
			}
			h := x.server.Head()
			text := fmt.Sprintf("%s %s %s %s %s length %d", h.Method, h.Scheme, h.Authority, h.Path, headerText(h.Header), h.Length)
			if h.Protocol != "" {
				text += " protocol " + h.Protocol
			}
			if h.Expect100 {
				text += " expect"
			}
			if h.Err != nil {
				text += " " + h.Err.Error()
			}
			if x.refuse != 0 {
				x.line("Head %s", text)
				x.server.Refuse(x.refuse)
				break
			}
			s := &Stream{}
			x.server.Accept(s)
			x.streams[s.ID()] = s
			x.line("Head %d %s", s.ID(), text)
		case Informational:
			x.line("Informational %d %d %s", s.ID(), x.client.Head().Code, headerText(x.client.Head().Header))
		case End:
			x.line("End %d %s", s.ID(), headerText(x.conn.Trailer()))
		case Reset:
			e := x.conn.StreamError()
			if e.Stream != s.ID() {
				x.line("the number differs: %d", s.ID())
			}
			x.line("Reset %v%s", e, map[bool]string{true: " (not processed)"}[e.NotProcessed])
		case PingAck:
			x.line("PingAck %q", x.conn.Pinged())
		case GoAway:
			x.line("GoAway %v", x.conn.GoneAway())
		default:
			x.line("%v", ev)
		}
		if x.on != nil {
			x.on(x, ev)
		}
		x.flush()
	}
}

// headerText returns a header as a sorted text.
func headerText(h http.Header) string {
	text := fmt.Sprint(map[string][]string(h))
	return strings.TrimPrefix(text, "map")
}

// flush records what the machine sends.
func (x *script) flush() {
	x.pending = append(x.pending, x.conn.Output()...)
	for len(x.pending) >= frameHeadSize {
		f := parseFrameHead(x.pending)
		p := x.pending[frameHeadSize : frameHeadSize+f.length]
		x.line("> %s", describe(f, p))
		x.pending = x.pending[frameHeadSize+f.length:]
	}
}

func describe(f frameHead, p []byte) string {
	end := map[bool]string{true: " end"}[f.has(flagEndStream)]
	switch f.kind {
	case frameSettings:
		if f.has(flagAck) {
			return "SETTINGS ack"
		}
		var text []string
		for ; len(p) > 0; p = p[settingSize:] {
			text = append(text, fmt.Sprintf("%d=%d", binary.BigEndian.Uint16(p), binary.BigEndian.Uint32(p[2:])))
		}
		return "SETTINGS " + strings.Join(text, " ")
	case frameReset:
		return fmt.Sprintf("RST_STREAM %d %v", f.stream, wire.Code(binary.BigEndian.Uint32(p)))
	case frameWindowUpdate:
		return fmt.Sprintf("WINDOW_UPDATE %d %d", f.stream, binary.BigEndian.Uint32(p))
	case framePing:
		return fmt.Sprintf("PING %q%s", p, map[bool]string{true: " ack"}[f.has(flagAck)])
	case frameGoAway:
		return fmt.Sprintf("GOAWAY %d %v %s", binary.BigEndian.Uint32(p), wire.Code(binary.BigEndian.Uint32(p[4:])), p[8:])
	case frameData:
		return fmt.Sprintf("DATA %d %s%s", f.stream, p, end)
	}
	return fmt.Sprintf("%v %d %d bytes%s", f.kind, f.stream, len(p), end)
}

// A rule is a row of a table: what the peer sends, and what the machine does.
type rule struct {
	name   string
	config Config
	open   []RequestHead             // at a client: what was sent before, on streams 1, 3 ...
	begin  func(x *script)           // more that is done before
	on     func(x *script, ev Event) // done at an event
	keep   bool                      // data is not consumed
	in     []string                  // what comes
	refuse wire.Code                 // requests are refused
	want   string                    // one line for each event, "> " before what is sent
}

// runRules runs each rule with its input whole, byte by byte, and split at random.
func runRules(t *testing.T, server bool, rules []rule) {
	for _, r := range rules {
		t.Run(r.name, func(t *testing.T) {
			want := strings.TrimSpace(strings.ReplaceAll(r.want, "\t", ""))
			rnd := rand.New(rand.NewPCG(1, 2))
			for _, split := range []string{"whole", "byte by byte", "at random", "at random", "at random"} {
				x := newScript(server, r.config)
				x.begin(t, &r)
				in := strings.Join(r.in, "")
				for size := len(in); len(in) > 0; in = in[size:] {
					switch split {
					case "byte by byte":
						size = 1
					case "at random":
						size = 1 + rnd.IntN(len(in))
					}
					x.feed(in[:size])
					if x.conn.err != nil {
						break
					}
				}
				if got := strings.TrimSpace(x.out.String()); got != want {
					t.Fatalf("%s: got\n%s\nwant\n%s", split, got, want)
				}
			}
		})
	}
}

// begin brings the connection to the point where the settings of both sides were exchanged.
func (x *script) begin(t *testing.T, r *rule) {
	t.Helper()
	x.keep, x.refuse = r.keep, r.refuse
	if x.server != nil {
		x.feed(preface)
	}
	x.feed(settings() + ack)
	for i := range r.open {
		s := &Stream{}
		end := r.open[i].Method == "GET" || r.open[i].Method == "HEAD"
		if err := x.client.Open(s, &r.open[i], end); err != nil {
			t.Fatal(err)
		}
		x.streams[s.ID()] = s
	}
	if r.begin != nil {
		r.begin(x)
	}
	x.conn.Output()
	x.pending = nil
	x.out.Reset()
	x.lastData = 0
	x.on = r.on
}

func requests(methods ...string) (h []RequestHead) {
	for _, method := range methods {
		h = append(h, RequestHead{Method: method, Scheme: "http", Authority: "a:1", Path: "/", Length: map[bool]int64{true: -1}[method == "POST"]})
		if method == "CONNECT" {
			h[len(h)-1].Path = ""
		}
	}
	return h
}
