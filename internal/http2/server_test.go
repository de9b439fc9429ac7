package http2

import (
	"strings"
	"testing"

	"github.com/seed-7c003b53/gotreq/treq/wire"
)

// malformedRow is a request that is refused as malformed, and whose connection goes on.
func malformedRow(name string, in ...string) rule {
	return rule{name: name, in: append(in, get(101)), want: `
		> RST_STREAM 1 PROTOCOL_ERROR
		Head 101 GET http a / [Host:[a]] length 0
		End 101 []`}
}

func TestServerRules(t *testing.T) {
	long := strings.Repeat("x", 300)
	rules := []rule{
		{name: "a request without content", in: []string{get(1)}, want: `
			Head 1 GET http a / [Host:[a]] length 0
			End 1 []`},
		{name: "a request with content and trailers",
			in: []string{post(1, "content-length", "6"), data(1, "abc"), data(1, "def"), frame(frameHeaders, es|eh, 1, block("x-sum", "1"))}, want: `
			Head 1 GET http a / [Content-Length:[6] Host:[a]] length 6
			Data 1 abcdef
			End 1 [X-Sum:[1]]`},
		{name: "a header block in pieces", in: []string{frame(frameHeaders, es, 1, request()[:5]), frame(frameContinuation, 0, 1, request()[5:9]), frame(frameContinuation, eh, 1, request()[9:])}, want: `
			Head 1 GET http a / [Host:[a]] length 0
			End 1 []`},
		{name: "two new sizes of the table", in: []string{
			frame(frameHeaders, es|eh, 1, "\x20\x3f\xe1\x1f", request(), "\x40"+block("x", "y")[1:]),
			frame(frameHeaders, es|eh, 3, "\x3f\x01\x3f\xe1\x1f", request(), "\x40"+block("z", "y")[1:], "\xbe"),
			frame(frameHeaders, es|eh, 5, "\x3f\x21\x3f\xe1\x1f", request(), "\xbe")}, want: `
			Head 1 GET http a / [Host:[a] X:[y]] length 0
			End 1 []
			Head 3 GET http a / [Host:[a] Z:[y y]] length 0
			End 3 []
			Head 5 GET http a / [Host:[a] Z:[y]] length 0
			End 5 []`},
		{name: "padding and priority",
			in: []string{frame(frameHeaders, eh|flagPadded|flagPriority, 1, "\x03", u32(0), "\x10", request(), "\x00\x00\x00"), frame(frameData, flagPadded, 1, "\x02abc\x00\x00"), frame(frameData, flagPadded|es, 1, "\x00")}, want: `
			Head 1 GET http a / [Host:[a]] length -1
			Data 1 abc
			End 1 []`},
		{name: "cookies are joined", in: []string{get(1, "cookie", "a=b", "x", "y", "cookie", "c=d", "cookie", "e=f")}, want: `
			Head 1 GET http a / [Cookie:[a=b; c=d; e=f] Host:[a] X:[y]] length 0
			End 1 []`},
		{name: "repeated headers", in: []string{get(1, "x", "1", "y", "2", "x", "3")}, want: `
			Head 1 GET http a / [Host:[a] X:[1 3] Y:[2]] length 0
			End 1 []`},
		{name: "Host in place of :authority", in: []string{frame(frameHeaders, es|eh, 1, block(":method", "GET", ":scheme", "http", ":path", "/", "host", "b:1"))}, want: `
			Head 1 GET http b:1 / [Host:[b:1]] length 0
			End 1 []`},
		{name: "Host equal to :authority", in: []string{get(1, "host", "A")}, want: `
			Head 1 GET http a / [Host:[a]] length 0
			End 1 []`},
		{name: "te: trailers", in: []string{get(1, "te", "trailers")}, want: `
			Head 1 GET http a / [Host:[a] Te:[trailers]] length 0
			End 1 []`},
		{name: "Expect", in: []string{post(1, "expect", "100-continue")}, want: `
			Head 1 GET http a / [Expect:[100-continue] Host:[a]] length -1 expect`},
		{name: "OPTIONS *", in: []string{frame(frameHeaders, es|eh, 1, block(":method", "OPTIONS", ":scheme", "http", ":path", "*", ":authority", "a"))}, want: `
			Head 1 OPTIONS http a * [Host:[a]] length 0
			End 1 []`},
		{name: "CONNECT", in: []string{frame(frameHeaders, eh, 1, block(":method", "CONNECT", ":authority", "a:1")), data(1, "x")}, want: `
			Head 1 CONNECT  a:1 a:1 [Host:[a:1]] length -1
			Data 1 x`},
		{name: "extended CONNECT", config: Config{ConnectProtocol: true},
			in: []string{frame(frameHeaders, eh, 1, block(":method", "CONNECT", ":protocol", "websocket", ":scheme", "https", ":path", "/chat", ":authority", "a"))}, want: `
			Head 1 CONNECT https a /chat [Host:[a]] length -1 protocol websocket`},
		{name: "trailers in a tunnel", in: []string{frame(frameHeaders, eh, 1, block(":method", "CONNECT", ":authority", "a:1")), frame(frameHeaders, es|eh, 1, block("x", "y"))}, want: `
			Head 1 CONNECT  a:1 a:1 [Host:[a:1]] length -1
			> RST_STREAM 1 PROTOCOL_ERROR
			Reset stream 1: PROTOCOL_ERROR, invalid frame: HEADERS in a tunnel (RFC 9113, section 8.5)`},
		{name: "refused by the caller", refuse: wire.RefusedStream, in: []string{get(1), get(3)}, want: `
			Head GET http a / [Host:[a]] length 0
			> RST_STREAM 1 REFUSED_STREAM
			Head GET http a / [Host:[a]] length 0
			> RST_STREAM 3 REFUSED_STREAM`},
		{name: "more streams than allowed", config: Config{MaxStreams: 2}, in: []string{get(1), get(3), get(5)}, want: `
			Head 1 GET http a / [Host:[a]] length 0
			End 1 []
			Head 3 GET http a / [Host:[a]] length 0
			End 3 []
			> RST_STREAM 5 REFUSED_STREAM`},

		// Heads that are too large are answered.
		{name: "headers too large", config: Config{Limits: wire.Limits{HeaderBytes: 400}}, in: []string{get(1, "a", long, "b", long), get(3)}, want: `
			Head 1 GET http a / [Host:[a]] length 0 headers too large: more than 400 bytes
			End 1 []
			Head 3 GET http a / [Host:[a]] length 0
			End 3 []`},
		{name: "too many headers", config: Config{Limits: wire.Limits{HeaderCount: 5}}, in: []string{get(1, "a", "1", "b", "2")}, want: `
			Head 1 GET http a / [A:[1] Host:[a]] length 0 too many headers: more than 5
			End 1 []`},
		{name: "path too long", config: Config{Limits: wire.Limits{StartLineBytes: 20}},
			in: []string{frame(frameHeaders, es|eh, 1, block(":method", "GET", ":scheme", "http", ":path", "/"+long, ":authority", "a"))}, want: `
			Head 1 GET http a /` + long + ` [Host:[a]] length 0 start line too long: a path of 301 bytes, 20 are allowed
			End 1 []`},
		{name: "path longer than all headers may be", config: Config{Limits: wire.Limits{HeaderBytes: 200, StartLineBytes: 200}},
			in: []string{frame(frameHeaders, es|eh, 1, block(":method", "GET", ":path", "/"+long, ":scheme", "http", ":authority", "a", "b", "c")), get(3)}, want: `
			Head 1 GET http a /` + long + ` [Host:[a]] length 0 start line too long: a path of 301 bytes, 200 are allowed
			End 1 []
			Head 3 GET http a / [Host:[a]] length 0
			End 3 []`},
		{name: "pseudo-headers of too large a head", config: Config{Limits: wire.Limits{HeaderBytes: 200}},
			in: []string{frame(frameHeaders, es|eh, 1, block(":method", "GET", ":path", "/"+long, ":scheme", "http", ":authority", "a", ":path", "/", ":path", "/")), get(3)}, want: `
			> RST_STREAM 1 PROTOCOL_ERROR
			Head 3 GET http a / [Host:[a]] length 0
			End 3 []`},
		{name: "trailers too large", config: Config{Limits: wire.Limits{TrailerBytes: 300}}, in: []string{post(1), frame(frameHeaders, es|eh, 1, block("a", long))}, want: `
			Head 1 GET http a / [Host:[a]] length -1
			> RST_STREAM 1 PROTOCOL_ERROR
			Reset stream 1: PROTOCOL_ERROR, trailers too large: more than 300 bytes`},

		// Content against Content-Length.
		{name: "less content of a HEAD than Content-Length", in: []string{frame(frameHeaders, eh, 1, block(":method", "HEAD", ":scheme", "http", ":path", "/", ":authority", "a", "content-length", "6")), lastData(1, "abc")}, want: `
			Head 1 HEAD http a / [Content-Length:[6] Host:[a]] length 6
			Data 1 abc
			> RST_STREAM 1 PROTOCOL_ERROR
			Reset stream 1: PROTOCOL_ERROR, connection ended within the body: 3 bytes are missing of what Content-Length says (RFC 9113, section 8.1.1)`},
		{name: "less content than Content-Length", in: []string{post(1, "content-length", "6"), lastData(1, "abc")}, want: `
			Head 1 GET http a / [Content-Length:[6] Host:[a]] length 6
			Data 1 abc
			> RST_STREAM 1 PROTOCOL_ERROR
			Reset stream 1: PROTOCOL_ERROR, connection ended within the body: 3 bytes are missing of what Content-Length says (RFC 9113, section 8.1.1)`},
		{name: "more content than Content-Length", in: []string{post(1, "content-length", "2"), lastData(1, "abc"), get(3)}, want: `
			Head 1 GET http a / [Content-Length:[2] Host:[a]] length 2
			> RST_STREAM 1 PROTOCOL_ERROR
			Reset stream 1: PROTOCOL_ERROR, invalid Content-Length: 1 bytes more than Content-Length says (RFC 9113, section 8.1.1)
			Head 3 GET http a / [Host:[a]] length 0
			End 3 []`},

		// The states of streams.
		{name: "DATA after END_STREAM", in: []string{get(1), data(1, "abc"), get(3)}, want: `
			Head 1 GET http a / [Host:[a]] length 0
			End 1 []
			> RST_STREAM 1 STREAM_CLOSED
			Reset stream 1: STREAM_CLOSED, frame in a wrong state of its stream: DATA after END_STREAM (RFC 9113, section 5.1)
			Head 3 GET http a / [Host:[a]] length 0
			End 3 []`},
		{name: "HEADERS after END_STREAM", in: []string{get(1), get(1)}, want: `
			Head 1 GET http a / [Host:[a]] length 0
			End 1 []
			> RST_STREAM 1 STREAM_CLOSED
			Reset stream 1: STREAM_CLOSED, frame in a wrong state of its stream: HEADERS after END_STREAM (RFC 9113, section 5.1)`},
		{name: "HEADERS in the middle without END_STREAM", in: []string{post(1), frame(frameHeaders, eh, 1, block("x", "y"))}, want: `
			Head 1 GET http a / [Host:[a]] length -1
			> RST_STREAM 1 PROTOCOL_ERROR
			Reset stream 1: PROTOCOL_ERROR, invalid frame: HEADERS after the head, without END_STREAM (RFC 9113, section 8.1)`},
		{name: "RST_STREAM", in: []string{post(1), rst(1, wire.Cancel)}, want: `
			Head 1 GET http a / [Host:[a]] length -1
			Reset the peer reset stream 1: CANCEL`},
		{name: "frames after our RST_STREAM", in: []string{post(1), data(1, "abc"), windowUpdate(1, 5), rst(1, wire.Cancel), frame(frameHeaders, es|eh, 1, block("x", "y")), get(3)},
			on: func(x *script, ev Event) {
				if ev == Head && x.streams[3] == nil {
					x.server.Reset(x.streams[1], wire.InternalError)
				}
			}, want: `
			Head 1 GET http a / [Host:[a]] length -1
			> RST_STREAM 1 INTERNAL_ERROR
			Head 3 GET http a / [Host:[a]] length 0
			End 3 []`},
		{name: "a request after GOAWAY is dropped", in: []string{get(1), post(3), data(3, "abc"), frame(frameHeaders, es|eh, 3, block("x", "y"))},
			on: func(x *script, ev Event) {
				if ev == Head {
					x.server.GoAway(wire.NoError, "bye")
				}
			}, want: `
			Head 1 GET http a / [Host:[a]] length 0
			> GOAWAY 1 NO_ERROR bye
			End 1 []`},
		{name: "a request after Shutdown is served", in: []string{get(1), get(3)},
			on: func(x *script, ev Event) {
				if ev == Head && x.streams[3] == nil {
					x.server.Shutdown()
				}
			}, want: `
			Head 1 GET http a / [Host:[a]] length 0
			> GOAWAY 2147483647 NO_ERROR 
			End 1 []
			Head 3 GET http a / [Host:[a]] length 0
			End 3 []`},
		{name: "GOAWAY", in: []string{frame(frameGoAway, 0, 0, u32(0), u32(uint32(wire.EnhanceYourCalm)), "too\nmuch")}, want: `
			GoAway the peer ended the HTTP/2 connection: ENHANCE_YOUR_CALM: "too\nmuch"`},
		{name: "PING", in: []string{frame(framePing, 0, 0, "12345678"), frame(framePing, flagAck, 0, "87654321")}, want: `
			> PING "12345678" ack
			PingAck "87654321"`},
		{name: "unknown frames and settings", in: []string{frame(0x7b, 0xff, 7, "whatever"), frame(0x7c, 0, 0), settings(0x77, 5), get(1)}, want: `
			> SETTINGS ack
			Settings
			Head 1 GET http a / [Host:[a]] length 0
			End 1 []`},
		{name: "PRIORITY is ignored", in: []string{frame(framePriority, 0, 9, u32(0), "\x01"), get(1)}, want: `
			Head 1 GET http a / [Host:[a]] length 0
			End 1 []`},
		{name: "a stream that depends on itself", in: []string{post(1), frame(framePriority, 0, 1, u32(1), "\x01"), frame(frameHeaders, es|eh|flagPriority, 3, u32(3), "\x01", request())}, want: `
			Head 1 GET http a / [Host:[a]] length -1
			> RST_STREAM 1 PROTOCOL_ERROR
			Reset stream 1: PROTOCOL_ERROR, invalid frame: the stream depends on itself (RFC 9113, section 5.3.2; RFC 7540, section 5.3.1)
			> RST_STREAM 3 PROTOCOL_ERROR`},
		{name: "trailers that depend on their stream", in: []string{post(1), frame(frameHeaders, es|eh|flagPriority, 1, u32(1), "\x01", block("x", "y"))}, want: `
			Head 1 GET http a / [Host:[a]] length -1
			> RST_STREAM 1 PROTOCOL_ERROR
			Reset stream 1: PROTOCOL_ERROR, invalid frame: the stream depends on itself (RFC 9113, section 5.3.2; RFC 7540, section 5.3.1)`},
	}
	// Malformed requests (RFC 9113, section 8).
	for _, fields := range [][]string{
		{":method", "GET", ":scheme", "http"},
		{":method", "GET", ":path", "/", ":authority", "a"},
		{":scheme", "http", ":path", "/", ":authority", "a"},
		{":method", "GET", ":scheme", "http", ":path", "/"},
		{":method", "GET", ":scheme", "http", ":path", "", ":authority", "a"},
		{":method", "GET", ":scheme", "http", ":path", "a", ":authority", "a"},
		{":method", "GET", ":scheme", "http", ":path", "*", ":authority", "a"},
		{":method", "GET", ":scheme", "http", ":path", "http://a/", ":authority", "a"},
		{":method", "GET", ":scheme", "http", ":path", "/ HTTP/1.1\r\nx: y", ":authority", "a"},
		{":method", "GET", ":scheme", "http", ":path", "/#f", ":authority", "a"},
		{":method", "GET", ":scheme", "http", ":path", "/", ":authority", "u@a"},
		{":method", "GET", ":scheme", "http", ":path", "/", ":authority", "u:p@a"},
		{":method", "GET", ":scheme", "http", ":path", "/", ":authority", ""},
		{":method", "GET", ":scheme", "http", ":path", "/", ":authority", "a/b"},
		{":method", "GET", ":scheme", "http", ":path", "/", ":authority", "a b"},
		{":method", "GET", ":scheme", "http", ":path", "/", ":authority", "a\r\nx: y"},
		{":method", "GET", ":scheme", "http", ":path", "/", "host", "a", "host", "a"},
		{":method", "GET", ":scheme", "http", ":path", "/", "host", "a@b"},
		{":method", "GET", ":scheme", "http", ":path", "/", "host", ""},
		{":method", "GET", ":scheme", "", ":path", "/", ":authority", "a"},
		{":method", "GET", ":scheme", "http://evil/?", ":path", "/", ":authority", "a"},
		{":method", "G T", ":scheme", "http", ":path", "/", ":authority", "a"},
		{":method", "", ":scheme", "http", ":path", "/", ":authority", "a"},
		{":method", "GET\r\n", ":scheme", "http", ":path", "/", ":authority", "a"},
		{":method", "GET", ":method", "GET", ":scheme", "http", ":path", "/", ":authority", "a"},
		{":method", "GET", ":scheme", "http", ":path", "/", ":path", "/", ":authority", "a"},
		{":method", "GET", ":scheme", "http", ":path", "/", ":authority", "a", ":authority", "b"},
		{":method", "GET", ":scheme", "http", ":path", "/", ":authority", "a", ":status", "200"},
		{":method", "GET", ":scheme", "http", ":path", "/", ":authority", "a", ":unknown", "x"},
		{":method", "GET", ":scheme", "http", ":path", "/", "x", "y", ":authority", "a"},
		{":method", "GET", ":scheme", "http", ":path", "/", ":authority", "a", ":protocol", "websocket"},
		{":method", "CONNECT", ":scheme", "http", ":path", "/", ":authority", "a", ":protocol", "websocket"},
		{":method", "CONNECT", ":scheme", "http", ":path", "/", ":authority", "a:1"},
		{":method", "CONNECT", ":path", "/", ":authority", "a:1"},
		{":method", "CONNECT", ":authority", "a"},
		{":method", "CONNECT"},
	} {
		rules = append(rules, malformedRow(strings.Join(fields, " "), frame(frameHeaders, es|eh, 1, block(fields...))))
	}
	for _, fields := range [][]string{
		{"host", "b"}, {"host", "a", "host", "a"},
		{"connection", "close"}, {"keep-alive", "1"}, {"proxy-connection", "x"}, {"transfer-encoding", "chunked"}, {"upgrade", "h2c"},
		{"te", "gzip"}, {"te", "trailers, deflate"},
		{"Upper", "x"}, {"", "x"}, {"a b", "x"}, {"a:b", "x"}, {"a\r\nb", "x"}, {"a\x00", "x"}, {"a\xff", "x"}, {"a(", "x"},
		{"a", "x\r\ny"}, {"a", "x\ny"}, {"a", "x\x00"}, {"a", "x\x7f"}, {"a", "x\x01"}, {"a", " x"}, {"a", "x "}, {"a", "\tx"},
		{"content-length", "x"}, {"content-length", "-1"}, {"content-length", "0x1"}, {"content-length", "5"},
		{"content-length", "0", "content-length", "1"}, {"content-length", "9223372036854775808"},
	} {
		rules = append(rules, malformedRow("header "+strings.Join(fields, " "), get(1, fields...)))
	}
	runRules(t, true, rules)
}

// TestServerTrailers: trailers are checked as headers are, and have no pseudo-headers.
func TestServerTrailers(t *testing.T) {
	var rules []rule
	for _, row := range []struct {
		fields []string
		kind   string
	}{
		{[]string{":path", "/"}, `invalid pseudo-header: ":path" comes after the headers, or in trailers (RFC 9113, section 8.3)`},
		{[]string{"X", "y"}, `invalid header name: "X" (RFC 9113, section 8.2.1)`},
		{[]string{"x", "y\n"}, `invalid header value: byte "\n" in "y\n", in the header "X" (RFC 9113, section 8.2.1)`},
		{[]string{"connection", "x"}, `connection-specific header: Connection (RFC 9113, section 8.2.2)`},
	} {
		rules = append(rules, rule{name: strings.Join(row.fields, " "),
			in: []string{post(1), frame(frameHeaders, es|eh, 1, block(row.fields...)), get(3)}, want: `
			Head 1 GET http a / [Host:[a]] length -1
			> RST_STREAM 1 PROTOCOL_ERROR
			Reset stream 1: PROTOCOL_ERROR, ` + row.kind + `
			Head 3 GET http a / [Host:[a]] length 0
			End 3 []`})
	}
	runRules(t, true, rules)
}

// failedRow is what ends the connection.
func failedRow(name string, code wire.Code, kind wire.Kind, detail string, in ...string) rule {
	return rule{name: name, in: in, want: "> GOAWAY 0 " + code.String() + " " + string(kind) + "\n" +
		"the HTTP/2 connection failed: " + code.String() + ", " + string(kind) + ": " + detail}
}

// TestServerConnectionErrors: what ends the connection, and what the peer is told.
func TestServerConnectionErrors(t *testing.T) {
	huge := strings.Repeat("x", maxFrameSize+1)
	after := func(r rule) rule { // a request came before
		r.in = append([]string{post(1)}, r.in...)
		r.want = "Head 1 GET http a / [Host:[a]] length -1\n" + strings.Replace(r.want, "GOAWAY 0", "GOAWAY 1", 1)
		return r
	}
	p, size := wire.ProtocolError, wire.FrameSizeError
	runRules(t, true, []rule{
		// The sizes of frames (section 4.2).
		failedRow("a large frame", size, wire.ErrFrameSize, "DATA has 16385 bytes, 16384 are allowed (RFC 9113, section 4.2)", data(1, huge)),
		failedRow("a large unknown frame", size, wire.ErrFrameSize, "a frame of type 0x7b has 16385 bytes, 16384 are allowed (RFC 9113, section 4.2)", frame(0x7b, 0, 0, huge)),
		failedRow("PRIORITY of 4 bytes", size, wire.ErrFrameSize, "PRIORITY has 4 bytes (RFC 9113, section 6)", frame(framePriority, 0, 1, u32(0))),
		failedRow("RST_STREAM of 3 bytes", size, wire.ErrFrameSize, "RST_STREAM has 3 bytes (RFC 9113, section 6)", frame(frameReset, 0, 1, "abc")),
		failedRow("SETTINGS of 5 bytes", size, wire.ErrFrameSize, "SETTINGS has 5 bytes (RFC 9113, section 6)", frame(frameSettings, 0, 0, "abcde")),
		failedRow("SETTINGS ack of 6 bytes", size, wire.ErrFrameSize, "SETTINGS has 6 bytes (RFC 9113, section 6)", frame(frameSettings, flagAck, 0, "abcdef")),
		failedRow("PING of 7 bytes", size, wire.ErrFrameSize, "PING has 7 bytes (RFC 9113, section 6)", frame(framePing, 0, 0, "abcdefg")),
		failedRow("GOAWAY of 7 bytes", size, wire.ErrFrameSize, "GOAWAY has 7 bytes (RFC 9113, section 6)", frame(frameGoAway, 0, 0, "abcdefg")),
		failedRow("WINDOW_UPDATE of 5 bytes", size, wire.ErrFrameSize, "WINDOW_UPDATE has 5 bytes (RFC 9113, section 6)", frame(frameWindowUpdate, 0, 0, "abcde")),
		failedRow("PRIORITY_UPDATE of 3 bytes", size, wire.ErrFrameSize, "PRIORITY_UPDATE has 3 bytes (RFC 9113, section 6)", frame(framePriorityUpdate, 0, 0, "abc")),
		failedRow("padded HEADERS without padding", size, wire.ErrFrameSize, "HEADERS has no room for the size of its padding (RFC 9113, section 6.2)", frame(frameHeaders, eh|flagPadded, 1)),
		failedRow("HEADERS without its priority", size, wire.ErrFrameSize, "HEADERS has no room for its priority (RFC 9113, section 6.2)", frame(frameHeaders, eh|flagPriority, 1, "abcd")),
		after(failedRow("padded DATA without padding", size, wire.ErrFrameSize, "DATA has no room for the size of its padding (RFC 9113, section 6.1)", frame(frameData, flagPadded, 1))),
		failedRow("HEADERS with too much padding", p, wire.ErrFrame, "HEADERS has 9 bytes of padding, but only 3 bytes (RFC 9113, section 6.2)", frame(frameHeaders, eh|flagPadded, 1, "\x09abc")),
		after(failedRow("DATA with too much padding", p, wire.ErrFrame, "DATA has 4 bytes of padding, but only 4 bytes (RFC 9113, section 6.1)", frame(frameData, flagPadded, 1, "\x04abc"))),

		// The streams of frames.
		failedRow("DATA on stream 0", p, wire.ErrFrame, "DATA on stream 0 (RFC 9113, section 6.1)", data(0, "x")),
		failedRow("HEADERS on stream 0", p, wire.ErrFrame, "HEADERS on stream 0 (RFC 9113, section 6)", get(0)),
		failedRow("PRIORITY on stream 0", p, wire.ErrFrame, "PRIORITY on stream 0 (RFC 9113, section 6)", frame(framePriority, 0, 0, "abcde")),
		failedRow("RST_STREAM on stream 0", p, wire.ErrFrame, "RST_STREAM on stream 0 (RFC 9113, section 6)", rst(0, 0)),
		failedRow("CONTINUATION on stream 0", p, wire.ErrFrame, "CONTINUATION on stream 0 (RFC 9113, section 6)", frame(frameContinuation, eh, 0)),
		failedRow("SETTINGS on stream 1", p, wire.ErrFrame, "SETTINGS on stream 1 (RFC 9113, section 6)", frame(frameSettings, 0, 1)),
		failedRow("PING on stream 1", p, wire.ErrFrame, "PING on stream 1 (RFC 9113, section 6)", frame(framePing, 0, 1, "12345678")),
		failedRow("GOAWAY on stream 1", p, wire.ErrFrame, "GOAWAY on stream 1 (RFC 9113, section 6)", frame(frameGoAway, 0, 1, "12345678")),
		failedRow("PRIORITY_UPDATE on stream 1", p, wire.ErrFrame, "PRIORITY_UPDATE on stream 1 (RFC 9113, section 6)", frame(framePriorityUpdate, 0, 1, "1234")),
		failedRow("PRIORITY_UPDATE of stream 0", p, wire.ErrFrame, "PRIORITY_UPDATE of stream 0 (RFC 9113, section 5.4.1; RFC 9218, section 7.1)", frame(framePriorityUpdate, 0, 0, u32(0))),
		failedRow("PUSH_PROMISE", p, wire.ErrFrame, "PUSH_PROMISE, which was not allowed (RFC 9113, section 8.4)", frame(framePushPromise, eh, 1, u32(2))),
		failedRow("an idle stream that depends on itself", p, wire.ErrFrame, "stream 7 depends on itself (RFC 9113, section 5.3.2; RFC 7540, section 5.3.1)", frame(framePriority, 0, 7, u32(7), "\x01")),

		// CONTINUATION only in its place.
		failedRow("CONTINUATION alone", p, wire.ErrFrame, "CONTINUATION on stream 1 outside of a header block (RFC 9113, section 6.10)", frame(frameContinuation, eh, 1)),
		failedRow("another frame in a header block", p, wire.ErrFrame, "PING on stream 0 within the header block of stream 1 (RFC 9113, section 6.10)", frame(frameHeaders, 0, 1), frame(framePing, 0, 0, "12345678")),
		failedRow("an unknown frame in a header block", p, wire.ErrFrame, "a frame of type 0x7b on stream 1 within the header block of stream 1 (RFC 9113, section 6.10)", frame(frameHeaders, 0, 1), frame(0x7b, 0, 1)),
		failedRow("CONTINUATION of another stream", p, wire.ErrFrame, "CONTINUATION on stream 3 within the header block of stream 1 (RFC 9113, section 6.10)", frame(frameHeaders, 0, 1), frame(frameContinuation, eh, 3)),

		// Header blocks.
		failedRow("an index that the table does not have", wire.CompressionError, wire.ErrHeaderBlock, "decoding error: invalid indexed representation index 70 (RFC 9113, section 4.3)", frame(frameHeaders, es|eh, 1, "\xc6")),
		failedRow("a truncated header block", wire.CompressionError, wire.ErrHeaderBlock, "decoding error: truncated headers (RFC 9113, section 4.3)", frame(frameHeaders, es|eh, 1, "\x00\x05ab")),
		failedRow("a table that is too large", wire.CompressionError, wire.ErrHeaderBlock, "decoding error: dynamic table size update too large (RFC 9113, section 4.3)", frame(frameHeaders, es|eh, 1, "\x3f\xe2\x1f")),

		// The states of streams.
		failedRow("DATA on an idle stream", p, wire.ErrStreamState, "DATA on stream 1, which is idle (RFC 9113, section 5.1)", data(1, "x")),
		failedRow("RST_STREAM on an idle stream", p, wire.ErrStreamState, "RST_STREAM on stream 1, which is idle (RFC 9113, section 6.4)", rst(1, 0)),
		failedRow("WINDOW_UPDATE on an idle stream", p, wire.ErrStreamState, "WINDOW_UPDATE on stream 1, which is idle (RFC 9113, section 5.1)", windowUpdate(1, 1)),
		failedRow("HEADERS on a stream of the server", p, wire.ErrStreamState, "HEADERS on stream 2, whose number is that of a server (RFC 9113, section 5.1.1)", get(2)),
		failedRow("DATA on a stream of the server", p, wire.ErrStreamState, "DATA on stream 2, which is idle (RFC 9113, section 5.1)", data(2, "x")),
		{name: "a smaller number", in: []string{post(5), get(3)}, want: `
			Head 5 GET http a / [Host:[a]] length -1
			> GOAWAY 5 PROTOCOL_ERROR frame in a wrong state of its stream
			the HTTP/2 connection failed: PROTOCOL_ERROR, frame in a wrong state of its stream: HEADERS on stream 3 after stream 5 (RFC 9113, section 5.1.1)`},
		{name: "HEADERS on a closed stream", in: []string{post(1), rst(1, wire.Cancel), get(1)}, want: `
			Head 1 GET http a / [Host:[a]] length -1
			Reset the peer reset stream 1: CANCEL
			> GOAWAY 1 STREAM_CLOSED frame in a wrong state of its stream
			the HTTP/2 connection failed: STREAM_CLOSED, frame in a wrong state of its stream: HEADERS on stream 1, which is closed (RFC 9113, section 5.1)`},
		{name: "DATA on a closed stream", in: []string{post(1), rst(1, wire.Cancel), data(1, "x")}, want: `
			Head 1 GET http a / [Host:[a]] length -1
			Reset the peer reset stream 1: CANCEL
			> GOAWAY 1 STREAM_CLOSED frame in a wrong state of its stream
			the HTTP/2 connection failed: STREAM_CLOSED, frame in a wrong state of its stream: DATA on stream 1, which is closed (RFC 9113, section 5.1)`},

		// Settings (section 6.5.2).
		failedRow("ENABLE_PUSH", p, wire.ErrSettings, "ENABLE_PUSH is 2 (RFC 9113, section 6.5.2)", settings(2, 2)),
		failedRow("INITIAL_WINDOW_SIZE", wire.FlowControlError, wire.ErrSettings, "INITIAL_WINDOW_SIZE is 2147483648 (RFC 9113, section 6.5.2)", settings(4, 1<<31)),
		failedRow("a small MAX_FRAME_SIZE", p, wire.ErrSettings, "MAX_FRAME_SIZE is 16383 (RFC 9113, section 6.5.2)", settings(5, 16383)),
		failedRow("a large MAX_FRAME_SIZE", p, wire.ErrSettings, "MAX_FRAME_SIZE is 16777216 (RFC 9113, section 6.5.2)", settings(5, 1<<24)),
		failedRow("ENABLE_CONNECT_PROTOCOL", p, wire.ErrSettings, "ENABLE_CONNECT_PROTOCOL is 2 (RFC 9113, section 6.5.2)", settings(8, 2)),
		failedRow("ENABLE_CONNECT_PROTOCOL back to 0", p, wire.ErrSettings, "ENABLE_CONNECT_PROTOCOL is 0 (RFC 9113, section 6.5.2)", settings(8, 1, 8, 0)),
		failedRow("NO_RFC7540_PRIORITIES", p, wire.ErrSettings, "NO_RFC7540_PRIORITIES is 2 (RFC 9113, section 6.5.2)", settings(9, 2)),

		// Windows (section 6.9).
		failedRow("WINDOW_UPDATE of 0 for the connection", p, wire.ErrFrame, "WINDOW_UPDATE of 0 (RFC 9113, section 6.9)", windowUpdate(0, 0)),
		failedRow("the window of the connection overflows", wire.FlowControlError, wire.ErrFlowControl, "the window of the connection grows to 2147549182 (RFC 9113, section 6.9.1)", windowUpdate(0, maxWindow)),
		after(failedRow("the window of a stream overflows by settings", wire.FlowControlError, wire.ErrFlowControl, "the window of stream 1 grows to 2147483648 (RFC 9113, section 6.9.2)", windowUpdate(1, 1), settings(4, maxWindow))),
	})
}

func TestPreface(t *testing.T) {
	for in, want := range map[string]string{
		"GET / HTTP/1.1\r\n":                         "\"G\" (RFC 9113, section 3.4)",
		"PRI * HTTP/2.1\r\n":                         "\"PRI * HTTP/2.1\" (RFC 9113, section 3.4)",
		preface + frame(framePing, 0, 0, "12345678"): "PING comes before the settings (RFC 9113, section 3.4)",
		preface + ack:                                "SETTINGS comes before the settings (RFC 9113, section 3.4)",
	} {
		for _, size := range []int{len(in), 1} {
			var s Server
			s.Init(Config{})
			s.Output()
			var err error
			for rest := in; err == nil && rest != ""; rest = rest[size:] {
				_, _, err = s.Next([]byte(rest[:size]))
			}
			want := "the HTTP/2 connection failed: PROTOCOL_ERROR, invalid connection preface: " + want
			if err == nil || err.Error() != want {
				t.Errorf("%q: got %v, want %s", in, err, want)
			}
			if _, _, again := s.Next([]byte("x")); again != err || s.Finish() != err {
				t.Errorf("%q: then %v and %v", in, again, s.Finish())
			}
		}
	}
}
