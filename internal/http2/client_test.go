package http2

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/seed-7c003b53/gotreq/treq/wire"
)

// answer is the head of a response whose content follows.
func answer(stream uint32, fields ...string) string {
	return frame(frameHeaders, eh, stream, response(fields...))
}

// head is the head of a response without content.
func head(stream uint32, fields ...string) string {
	return frame(frameHeaders, es|eh, stream, block(fields...))
}

func TestClientRules(t *testing.T) {
	long := strings.Repeat("x", 300)
	// broken is a response that ends its stream, but not the connection.
	broken := func(name, method, kind string, in ...string) rule {
		return rule{name: name, open: requests(method, "GET"), in: append(in, head(3, ":status", "204")), want: `
			> RST_STREAM 1 PROTOCOL_ERROR
			Reset stream 1: PROTOCOL_ERROR, ` + kind + `
			Head 3 204 [] length 0 end
			End 3 []`}
	}
	// later is a response that breaks after its head.
	later := func(first, kind string, r rule) rule {
		r.want = first + "\n> RST_STREAM 1 PROTOCOL_ERROR\nReset stream 1: PROTOCOL_ERROR, " + kind
		return r
	}
	runRules(t, false, []rule{
		{name: "a response with content", open: requests("GET"), in: []string{answer(1, "content-length", "3", "x-a", "b"), lastData(1, "abc")}, want: `
			Head 1 200 [Content-Length:[3] X-A:[b]] length 3
			Data 1 abc
			End 1 []`},
		{name: "a response without content", open: requests("GET"), in: []string{head(1, ":status", "404")}, want: `
			Head 1 404 [] length 0 end
			End 1 []`},
		{name: "a response that ends with an empty frame", open: requests("GET"), in: []string{answer(1), lastData(1, "")}, want: `
			Head 1 200 [] length -1
			End 1 []`},
		{name: "interim responses", open: requests("GET"), in: []string{frame(frameHeaders, eh, 1, block(":status", "103", "link", "</a>")), frame(frameHeaders, eh, 1, block(":status", "100")), head(1, ":status", "200")}, want: `
			Informational 1 103 [Link:[</a>]]
			Informational 1 100 []
			Head 1 200 [] length 0 end
			End 1 []`},
		{name: "trailers", open: requests("GET"), in: []string{answer(1), data(1, "abc"), frame(frameHeaders, es|eh, 1, block("x-sum", "1", "x-sum", "2"))}, want: `
			Head 1 200 [] length -1
			Data 1 abc
			End 1 [X-Sum:[1 2]]`},
		{name: "two responses in turns", open: requests("GET", "GET"), in: []string{answer(3), answer(1), data(1, "a"), data(3, "b"), lastData(1, "c"), lastData(3, "d")}, want: `
			Head 3 200 [] length -1
			Head 1 200 [] length -1
			Data 1 a
			Data 3 b
			Data 1 c
			End 1 []
			Data 3 d
			End 3 []`},
		{name: "a response before the end of the request", open: requests("POST"), in: []string{head(1, ":status", "401"), rst(1, wire.NoError)}, want: `
			Head 1 401 [] length 0 end
			End 1 []
			Reset the peer reset stream 1: NO_ERROR`},
		{name: "the length of a response to HEAD", open: requests("HEAD"), in: []string{head(1, ":status", "200", "content-length", "9")}, want: `
			Head 1 200 [Content-Length:[9]] length 0 end
			End 1 []`},
		{name: "the length of a 304", open: requests("GET"), in: []string{head(1, ":status", "304", "content-length", "9")}, want: `
			Head 1 304 [Content-Length:[9]] length 0 end
			End 1 []`},
		{name: "a 2xx to CONNECT", open: requests("CONNECT"), in: []string{answer(1, "content-length", "0"), data(1, "abc")}, want: `
			Head 1 200 [Content-Length:[0]] length -1
			Data 1 abc`},
		{name: "trailers in a tunnel", open: requests("CONNECT"), in: []string{answer(1), frame(frameHeaders, es|eh, 1, block("x", "y"))}, want: `
			Head 1 200 [] length -1
			> RST_STREAM 1 PROTOCOL_ERROR
			Reset stream 1: PROTOCOL_ERROR, invalid frame: HEADERS in a tunnel (RFC 9113, section 8.5)`},
		{name: "trailers after a refused CONNECT", open: requests("CONNECT"), in: []string{frame(frameHeaders, eh, 1, block(":status", "403", "content-length", "1")), data(1, "x"), frame(frameHeaders, es|eh, 1, block("x", "y"))}, want: `
			Head 1 403 [Content-Length:[1]] length 1
			Data 1 x
			End 1 [X:[y]]`},
		{name: "cookies are not joined", open: requests("GET"), in: []string{head(1, ":status", "200", "set-cookie", "a=b", "set-cookie", "c=d")}, want: `
			Head 1 200 [Set-Cookie:[a=b c=d]] length 0 end
			End 1 []`},
		{name: "what a client reads and a server refuses", open: requests("GET"), in: []string{head(1, ":status", "200", "a", " b\x01 ", "c(d", "e", "te", "gzip", "host", "b", "host", "c")}, want: `
			Head 1 200 [A:[b` + "\x01" + `] Host:[b c] Te:[gzip] c(d:[e]] length 0 end
			End 1 []`},
		{name: "RST_STREAM", open: requests("GET", "GET"), in: []string{rst(1, wire.InternalError), rst(3, wire.RefusedStream)}, want: `
			Reset the peer reset stream 1: INTERNAL_ERROR
			Reset the peer reset stream 3: REFUSED_STREAM (not processed)`},
		{name: "GOAWAY leaves streams out", open: requests("GET", "POST", "GET", "GET"), in: []string{frame(frameGoAway, 0, 0, u32(3), u32(0)), head(1, ":status", "204"), frame(frameGoAway, 0, 0, u32(1), u32(0), "bye"), rst(1, wire.Cancel)}, want: `
			GoAway the peer ended the HTTP/2 connection: NO_ERROR
			Reset the peer reset stream 5: REFUSED_STREAM: GOAWAY left it out (not processed)
			Reset the peer reset stream 7: REFUSED_STREAM: GOAWAY left it out (not processed)
			Head 1 204 [] length 0 end
			End 1 []
			GoAway the peer ended the HTTP/2 connection: NO_ERROR: "bye"
			Reset the peer reset stream 3: REFUSED_STREAM: GOAWAY left it out: "bye" (not processed)`},
		{name: "GOAWAY with an error", open: requests("GET", "GET"), in: []string{frame(frameGoAway, 0, 0, u32(1), u32(uint32(wire.EnhanceYourCalm)))}, want: `
			GoAway the peer ended the HTTP/2 connection: ENHANCE_YOUR_CALM
			Reset the peer reset stream 3: ENHANCE_YOUR_CALM: GOAWAY left it out (not processed)`},
		{name: "frames after our RST_STREAM", open: requests("GET", "GET"), begin: func(x *script) { x.client.Reset(x.streams[1], wire.Cancel) },
			in: []string{answer(1), data(1, "abc"), lastData(1, "def"), windowUpdate(1, 7), rst(1, wire.NoError), head(3, ":status", "204")}, want: `
			Head 3 204 [] length 0 end
			End 3 []`},

		// Broken responses (section 8).
		broken("no :status", "GET", "invalid pseudo-header: :status is missing (RFC 9113, section 8.3)", head(1, "x", "y")),
		broken("an empty head", "GET", "invalid pseudo-header: :status is missing (RFC 9113, section 8.3)", head(1)),
		broken(":status of two digits", "GET", `malformed status line: :status is "20" (RFC 9113, section 8.3.2)`, head(1, ":status", "20")),
		broken(":status with a phrase", "GET", `malformed status line: :status is "200 OK" (RFC 9113, section 8.3.2)`, head(1, ":status", "200 OK")),
		broken(":status 099", "GET", `malformed status line: :status is "099" (RFC 9113, section 8.3.2)`, head(1, ":status", "099")),
		broken("101", "GET", "malformed status line: 101, which HTTP/2 does not have (RFC 9113, section 8.6)", head(1, ":status", "101")),
		broken("an interim response that ends the stream", "GET", "malformed status line: END_STREAM with the status 103 (RFC 9113, section 8.1)", head(1, ":status", "103")),
		broken(":status twice", "GET", "invalid pseudo-header: :status is repeated (RFC 9113, section 8.3)", head(1, ":status", "200", ":status", "200")),
		broken(":path in a response", "GET", `invalid pseudo-header: ":path" is not allowed here (RFC 9113, section 8.3)`, head(1, ":status", "200", ":path", "/")),
		broken(":status after a header", "GET", `invalid pseudo-header: :status is missing (RFC 9113, section 8.3)`, head(1, "x", "y", ":status", "200")),
		broken("a pseudo-header after a header", "GET", `invalid pseudo-header: ":x" comes after the headers, or in trailers (RFC 9113, section 8.3)`, head(1, ":status", "200", "x", "y", ":x", "200")),
		broken("Connection", "GET", "connection-specific header: Connection (RFC 9113, section 8.2.2)", head(1, ":status", "200", "connection", "close")),
		broken("Transfer-Encoding", "GET", "connection-specific header: Transfer-Encoding (RFC 9113, section 8.2.2)", head(1, ":status", "200", "transfer-encoding", "chunked")),
		broken("a name in capitals", "GET", `invalid header name: "Server" (RFC 9113, section 8.2.1)`, head(1, ":status", "200", "Server", "x")),
		broken("CR in a value", "GET", `invalid header value: byte "\r" in "x\ry", in the header "Server" (RFC 9113, section 8.2.1)`, head(1, ":status", "200", "server", "x\ry")),
		broken("NUL in a value", "GET", `invalid header value: byte "\x00" in "x\x00y", in the header "Server" (RFC 9113, section 8.2.1)`, head(1, ":status", "200", "server", "x\x00y")),
		broken("a secret in a value", "GET", `invalid header value: byte "\n" in "a=xxxxx", in the header "Set-Cookie" (RFC 9113, section 8.2.1)`, head(1, ":status", "200", "set-cookie", "a=b\n")),
		broken("Content-Length that is no number", "GET", `invalid Content-Length: "x"`, answer(1, "content-length", "x")),
		broken("two Content-Lengths", "GET", `differing Content-Lengths: "1, 2"`, answer(1, "content-length", "1", "content-length", "2")),
		broken("Content-Length without content", "GET", `connection ended within the body: 5 bytes are missing of what Content-Length says (RFC 9113, section 8.1.1)`, head(1, ":status", "200", "content-length", "5")),
		broken("DATA before the head", "GET", "frame in a wrong state of its stream: DATA before the head of the response (RFC 9113, section 8.1)", data(1, "x")),
		broken("a WINDOW_UPDATE of 0", "GET", "invalid frame: WINDOW_UPDATE of 0 (RFC 9113, section 6.9)", windowUpdate(1, 0)),
		later("Head 1 200 [] length 0", "invalid Content-Length: DATA in a response that has no content (RFC 9113, section 8.1.1)",
			rule{name: "content of a response to HEAD", open: requests("HEAD"), in: []string{answer(1), data(1, "x")}}),
		later("Head 1 204 [] length 0", "invalid Content-Length: DATA in a response that has no content (RFC 9113, section 8.1.1)",
			rule{name: "content of a 204", open: requests("GET"), in: []string{frame(frameHeaders, eh, 1, block(":status", "204")), lastData(1, "x")}}),
		later("Head 1 200 [Content-Length:[5]] length 5\nData 1 abc", "connection ended within the body: 2 bytes are missing of what Content-Length says (RFC 9113, section 8.1.1)",
			rule{name: "too little content", open: requests("GET"), in: []string{answer(1, "content-length", "5"), lastData(1, "abc")}}),
		later("Head 1 200 [Content-Length:[2]] length 2\nData 1 a", "invalid Content-Length: 1 bytes more than Content-Length says (RFC 9113, section 8.1.1)",
			rule{name: "too much content", open: requests("GET"), in: []string{answer(1, "content-length", "2"), data(1, "a"), data(1, "bc")}}),
		{name: "the window of a stream overflows", open: requests("POST"), in: []string{windowUpdate(1, maxWindow)}, want: `
			> RST_STREAM 1 FLOW_CONTROL_ERROR
			Reset stream 1: FLOW_CONTROL_ERROR, flow control violated: the window grows to 2147549182 (RFC 9113, section 6.9.1)`},
		{name: "DATA after END_STREAM", open: requests("POST"), in: []string{head(1, ":status", "200"), data(1, "x")}, want: `
			Head 1 200 [] length 0 end
			End 1 []
			> RST_STREAM 1 STREAM_CLOSED
			Reset stream 1: STREAM_CLOSED, frame in a wrong state of its stream: DATA after END_STREAM (RFC 9113, section 5.1)`},
		{name: "more interim responses than allowed", config: Config{Limits: wire.Limits{Informational: 1}}, open: requests("GET"),
			in: []string{frame(frameHeaders, eh, 1, block(":status", "100")), frame(frameHeaders, eh, 1, block(":status", "100"))}, want: `
			Informational 1 100 []
			> RST_STREAM 1 PROTOCOL_ERROR
			Reset stream 1: PROTOCOL_ERROR, too many informational responses: more than 1`},
		{name: "headers too large before the status", config: Config{Limits: wire.Limits{HeaderBytes: 200}}, open: requests("GET"),
			in: []string{head(1, "a", long)}, want: `
			> RST_STREAM 1 PROTOCOL_ERROR
			Reset stream 1: PROTOCOL_ERROR, headers too large: more than 200 bytes`},
		{name: "headers too large", config: Config{Limits: wire.Limits{HeaderBytes: 400}}, open: requests("GET", "GET"),
			in: []string{answer(1, "a", long, "b", long), head(3, ":status", "204")}, want: `
			> RST_STREAM 1 PROTOCOL_ERROR
			Reset stream 1: PROTOCOL_ERROR, headers too large: more than 400 bytes
			Head 3 204 [] length 0 end
			End 3 []`},
	})
}

func TestClientConnectionErrors(t *testing.T) {
	p := wire.ProtocolError
	rows := []rule{
		failedRow("PUSH_PROMISE", p, wire.ErrFrame, "PUSH_PROMISE, which was not allowed (RFC 9113, section 8.4)", frame(framePushPromise, eh, 1, u32(2))),
		failedRow("HEADERS on an idle stream", p, wire.ErrStreamState, "HEADERS on stream 5, which is idle (RFC 9113, section 5.1)", answer(5)),
		failedRow("HEADERS on a stream of the server", p, wire.ErrStreamState, "HEADERS on stream 2, which is idle (RFC 9113, section 5.1)", answer(2)),
		failedRow("DATA on an idle stream", p, wire.ErrStreamState, "DATA on stream 5, which is idle (RFC 9113, section 5.1)", data(5, "x")),
		failedRow("ENABLE_PUSH of a server", p, wire.ErrSettings, "ENABLE_PUSH is 1 (RFC 9113, section 6.5.2)", settings(2, 1)),
		failedRow("PRIORITY_UPDATE of a server", p, wire.ErrFrame, "PRIORITY_UPDATE from a server (RFC 9113, section 5.4.1; RFC 9218, section 7.1)", frame(framePriorityUpdate, 0, 0, u32(1))),
		{name: "HEADERS on a closed stream", open: requests("GET"), in: []string{head(1, ":status", "204"), answer(1)}, want: `
			Head 1 204 [] length 0 end
			End 1 []
			> GOAWAY 0 STREAM_CLOSED frame in a wrong state of its stream
			the HTTP/2 connection failed: STREAM_CLOSED, frame in a wrong state of its stream: HEADERS on stream 1, which is closed (RFC 9113, section 5.1)`},
	}
	for i := range rows {
		if rows[i].open == nil {
			rows[i].open = requests("POST")
		}
	}
	runRules(t, false, rows)
}

// TestClientOfAnotherProtocol: a server that does not speak HTTP/2 is told apart.
func TestClientOfAnotherProtocol(t *testing.T) {
	for in, want := range map[string]string{
		"HTTP/1.1 400 Bad Request\r\n\r\n": `not HTTP/2: "HTTP/1.1 "`,
		frame(framePing, 0, 0, "12345678"): "PING comes before the settings",
		ack:                                "SETTINGS comes before the settings",
	} {
		var c Client
		c.Init(Config{})
		_, _, err := c.Next([]byte(in))
		var e *wire.ConnectionError
		if !errors.As(err, &e) || !errors.Is(err, wire.ErrPreface) || !errors.Is(err, p) || e.Detail != want+" (RFC 9113, section 3.4)" {
			t.Errorf("%q: got %v, want %s", in, err, want)
		}
	}
}

const p = wire.ProtocolError

// TestOpen: how a request is written, as a server reads it.
func TestOpen(t *testing.T) {
	for _, row := range []struct {
		h    RequestHead
		want string
	}{
		{RequestHead{Method: "GET", Scheme: "https", Authority: "a:1", Path: "/"}, "GET https a:1 / [Host:[a:1]] length -1"},
		{RequestHead{Method: "POST", Scheme: "http", Authority: "a", Path: "/x?y"}, "POST http a /x?y [Content-Length:[0] Host:[a]] length 0"},
		{RequestHead{Method: "PUT", Scheme: "http", Authority: "a", Path: "/", Length: 12345}, "PUT http a / [Content-Length:[12345] Host:[a]] length 12345"},
		{RequestHead{Method: "PUT", Scheme: "http", Authority: "a", Path: "/", Length: -1}, "PUT http a / [Host:[a]] length -1"},
		{RequestHead{Method: "OPTIONS", Scheme: "http", Authority: "a", Path: "*"}, "OPTIONS http a * [Host:[a]] length -1"},
		{RequestHead{Method: "CONNECT", Authority: "a:443"}, "CONNECT  a:443 a:443 [Host:[a:443]] length -1"},
		{RequestHead{Method: "CONNECT", Scheme: "https", Authority: "a", Path: "/c", Protocol: "websocket"}, "CONNECT https a /c [Host:[a]] length -1 protocol websocket"},
		{RequestHead{Method: "GET", Scheme: "ftp", Authority: "a", Path: "/", Header: http.Header{"Host": {"b"}}}, "GET ftp b / [Host:[b]] length -1"},
		{RequestHead{Method: "GET", Scheme: "http", Authority: "a", Path: "/", Header: http.Header{
			"Connection": {"close"}, "Keep-Alive": {"x"}, "Proxy-Connection": {"x"}, "Transfer-Encoding": {"chunked"}, "Upgrade": {"x"}, "Content-Length": {"9"}, "Te": {"gzip, trailers"},
		}}, "GET http a / [Host:[a] Te:[trailers]] length -1"},
		{RequestHead{Method: "GET", Scheme: "http", Authority: "a", Path: "/", Header: http.Header{"Te": {"gzip"}, "x-lower": {"1"}, "X-UPPER": {" 2 "}, "Empty": {}}}, "GET http a / [Host:[a] X-Lower:[1] X-Upper:[2]] length -1"},
		{RequestHead{Method: "GET", Scheme: "http", Authority: "a", Path: "/", Expect100: true, AcceptEncoding: "gzip", UserAgent: "me"}, "GET http a / [Accept-Encoding:[gzip] Expect:[100-continue] Host:[a] User-Agent:[me]] length -1 expect"},
		{RequestHead{Method: "GET", Scheme: "http", Authority: "a", Path: "/", AcceptEncoding: "gzip", UserAgent: "me", Header: http.Header{"Accept-Encoding": {"br"}, "User-Agent": {"you"}}}, "GET http a / [Accept-Encoding:[br gzip] Host:[a] User-Agent:[you]] length -1"},
		{RequestHead{Method: "GET", Scheme: "http", Authority: "a", Path: "/", UserAgent: "me", Header: http.Header{"user-agent": {}}}, "GET http a / [Host:[a]] length -1"},
		{RequestHead{Method: "GET", Scheme: "http", Authority: "a", Path: "/", Header: http.Header{"Cookie": {"a=b; c=d", "e=f"}}}, "GET http a / [Cookie:[a=b; c=d; e=f] Host:[a]] length -1"},
		{RequestHead{Method: "GET", Scheme: "http", Authority: "a", Path: "/", Header: http.Header{"X": {strings.Repeat("~", 40000)}}}, "GET http a / [Host:[a] X:[" + strings.Repeat("~", 40000) + "]] length -1"},
	} {
		var c Client
		c.Init(Config{})
		var s Stream
		if err := CheckRequest(&row.h); err != nil {
			t.Errorf("%+v: %v", row.h, err)
			continue
		}
		if err := c.Open(&s, &row.h, false); err != nil {
			t.Errorf("%+v: %v", row.h, err)
			continue
		}
		x := newScript(true, Config{ConnectProtocol: true})
		x.feed(string(c.Output()))
		got := x.out.String()
		_, got, _ = strings.Cut(got, "Head 1 ")
		if got != row.want+"\n" {
			t.Errorf("got %swant %s", got, row.want)
		}
	}
}

// TestOpenRefuses: what cannot be written is an error, and nothing is sent.
func TestOpenRefuses(t *testing.T) {
	h := RequestHead{Method: "GET", Scheme: "http", Authority: "a", Path: "/"}
	for _, row := range []struct {
		change func(h *RequestHead)
		kind   wire.Kind
	}{
		{func(h *RequestHead) { h.Method = "" }, wire.ErrMethod},
		{func(h *RequestHead) { h.Method = "G T" }, wire.ErrMethod},
		{func(h *RequestHead) { h.Path = "" }, wire.ErrTarget},
		{func(h *RequestHead) { h.Path = "a" }, wire.ErrTarget},
		{func(h *RequestHead) { h.Path = "/a b" }, wire.ErrTarget},
		{func(h *RequestHead) { h.Path = "/\r\nx: y" }, wire.ErrTarget},
		{func(h *RequestHead) { h.Path = "http://a/" }, wire.ErrTarget},
		{func(h *RequestHead) { h.Scheme = "" }, wire.ErrTarget},
		{func(h *RequestHead) { h.Scheme = "h p" }, wire.ErrTarget},
		{func(h *RequestHead) { h.Authority = "" }, wire.ErrHost},
		{func(h *RequestHead) { h.Authority = "u@a" }, wire.ErrHost},
		{func(h *RequestHead) { h.Authority = "a\r\n" }, wire.ErrHost},
		{func(h *RequestHead) { h.Header = http.Header{"Host": {"a", "b"}} }, wire.ErrHost},
		{func(h *RequestHead) { h.Header = http.Header{"Host": {"a/b"}} }, wire.ErrHost},
		{func(h *RequestHead) { h.Method, h.Authority = "CONNECT", "a" }, wire.ErrTarget},
		{func(h *RequestHead) { h.Protocol = "websocket" }, wire.ErrTarget},
		{func(h *RequestHead) { h.Method, h.Protocol = "CONNECT", "web socket" }, wire.ErrTarget},
		{func(h *RequestHead) { h.Header = http.Header{"A b": {"c"}} }, wire.ErrHeaderName},
		{func(h *RequestHead) { h.Header = http.Header{":path": {"/"}} }, wire.ErrHeaderName},
		{func(h *RequestHead) { h.Header = http.Header{"": {"c"}} }, wire.ErrHeaderName},
		{func(h *RequestHead) { h.Header = http.Header{"A": {"c\r\nd"}} }, wire.ErrHeaderValue},
		{func(h *RequestHead) { h.Header = http.Header{"A": {"c\x00"}} }, wire.ErrHeaderValue},
		{func(h *RequestHead) { h.AcceptEncoding = "a\n" }, wire.ErrHeaderValue},
		{func(h *RequestHead) { h.UserAgent = "a\n" }, wire.ErrHeaderValue},
	} {
		h := h
		row.change(&h)
		var c Client
		c.Init(Config{})
		c.Output()
		var s Stream
		err := c.Open(&s, &h, true)
		if !errors.Is(err, row.kind) || !errors.As(err, new(*wire.Error)) || err.Error() != CheckRequest(&h).Error() {
			t.Errorf("%+v: got %v, want %v", h, err, row.kind)
		}
		if len(c.Output()) > 0 || c.Streams() != 0 || s.ID() != 0 {
			t.Errorf("%+v: something was sent", h)
		}
	}
}

// TestPeersHeaderList: a head that is larger than the server takes is not sent.
func TestPeersHeaderList(t *testing.T) {
	x := newScript(false, Config{})
	x.feed(settings(6, 1000))
	h := RequestHead{Method: "GET", Scheme: "http", Authority: "a", Path: "/", Header: http.Header{"X": {strings.Repeat("x", 2000)}}}
	if err := x.client.Open(new(Stream), &h, true); !errors.Is(err, wire.ErrHeadersTooLarge) {
		t.Errorf("got %v", err)
	}
	h.Header = nil
	if err := x.client.Open(new(Stream), &h, true); err != nil {
		t.Error(err)
	}
}

// TestCanOpen: how many streams may be opened.
func TestCanOpen(t *testing.T) {
	x := newScript(false, Config{})
	if !x.client.CanOpen() || x.client.MaxStreams() != 100 {
		t.Errorf("before the settings: %v, %d", x.client.CanOpen(), x.client.MaxStreams())
	}
	x.feed(settings(3, 1))
	var s Stream
	h := RequestHead{Method: "GET", Scheme: "http", Authority: "a", Path: "/"}
	if err := x.client.Open(&s, &h, true); err != nil || x.client.CanOpen() || x.client.MaxStreams() != 1 {
		t.Errorf("%v, %v, %d", err, x.client.CanOpen(), x.client.MaxStreams())
	}
	x.client.Reset(&s, wire.Cancel)
	if !x.client.CanOpen() {
		t.Error("no stream is open, but none may be opened")
	}
	x.feed(settings(3, 0))
	if x.client.CanOpen() {
		t.Error("the server allows none, but one may be opened")
	}
	x.feed(settings(3, 10) + frame(frameGoAway, 0, 0, u32(0), u32(0)))
	if x.client.CanOpen() {
		t.Error("a stream may be opened after GOAWAY")
	}
}

// TestFinish: what the end of the connection means.
func TestFinish(t *testing.T) {
	for _, row := range []struct {
		server bool
		in     string
		want   string
	}{
		{false, "", "connection ended before the response: no settings came"},
		{false, settings(), "EOF"},
		{false, settings()[:3], "connection ended within a frame: in the head of a frame"},
		{false, settings() + frame(framePing, 0, 0, "12345678")[:12], "connection ended within a frame: in PING"},
		{false, settings() + frame(frameGoAway, 0, 0, u32(0), u32(0)), "EOF"},
		{false, settings() + frame(frameGoAway, 0, 0, u32(0), u32(11)), "the peer ended the HTTP/2 connection: ENHANCE_YOUR_CALM"},
		{true, "", "EOF"},
		{true, preface[:5], "connection ended within a frame: in the preface"},
		{true, preface + settings(), "EOF"},
		{true, preface + settings() + frame(frameHeaders, 0, 1, request()), "connection ended within a frame: in a header block"},
		{true, preface + settings() + frame(0x7b, 0, 1, "abc")[:10], "connection ended within a frame: in a frame of type 0x7b"},
	} {
		x := newScript(row.server, Config{})
		x.feed(row.in)
		err := x.conn.Finish()
		if err.Error() != row.want || row.want == "EOF" && err != io.EOF {
			t.Errorf("%q: got %v, want %s", row.in, err, row.want)
		}
	}
}
