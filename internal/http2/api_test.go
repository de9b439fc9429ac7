package http2

import (
	"bytes"
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/seed-7c003b53/gotreq/treq/wire"
)

// served returns a server with a GET on stream 1 that has ended, and forgets its output.
func served(t *testing.T, fields ...string) (*script, *Stream) {
	t.Helper()
	x := newScript(true, Config{})
	x.feed(preface + settings() + ack + get(1, fields...))
	if x.streams[1] == nil {
		t.Fatal(x.out.String())
	}
	x.out.Reset()
	return x, x.streams[1]
}

// TestRespond: how a response is written, as a client reads it.
func TestRespond(t *testing.T) {
	for _, row := range []struct {
		h    ResponseHead
		end  bool
		want string
	}{
		{ResponseHead{Code: 200, Length: -1}, false, "200 [] length -1"},
		{ResponseHead{Code: 200, Length: 5, Header: http.Header{"Content-Length": {"9"}, "X-A": {"1", "2"}}}, false, "200 [Content-Length:[5] X-A:[1 2]] length 5"},
		{ResponseHead{Code: 200, Length: 0}, true, "200 [Content-Length:[0]] length 0 end"},
		{ResponseHead{Code: 204, Length: 0}, true, "204 [] length 0 end"},
		{ResponseHead{Code: 304, Length: 7}, true, "304 [Content-Length:[7]] length 0 end"},
		{ResponseHead{Code: 404, Length: -1}, true, "404 [] length 0 end"},
		{ResponseHead{Code: 206, Length: -1}, true, "206 [] length 0 end"},
		{ResponseHead{Code: 400, Length: -1}, true, "400 [] length 0 end"},
		{ResponseHead{Code: 500, Length: -1}, true, "500 [] length 0 end"},
		{ResponseHead{Code: 999, Length: -1}, true, "999 [] length 0 end"},
		{ResponseHead{Code: 200, Length: -1, Header: http.Header{
			"Connection": {"close"}, "Keep-Alive": {"x"}, "Proxy-Connection": {"x"}, "Transfer-Encoding": {"chunked"}, "Upgrade": {"x"}, "Host": {"x"},
			"Set-Cookie": {"a=b", "c=d"}, "x-lower": {"\tv "},
		}}, true, "200 [Set-Cookie:[a=b c=d] X-Lower:[v]] length 0 end"},
	} {
		x, s := served(t)
		if err := x.server.Respond(s, &row.h, row.end); err != nil {
			t.Errorf("%+v: %v", row.h, err)
			continue
		}
		y := newScript(false, Config{})
		y.begin(t, &rule{open: requests("GET")})
		y.feed(string(x.server.Output()))
		want := "Head 1 " + row.want + "\n"
		if row.end {
			want += "End 1 []\n"
		}
		if y.out.String() != want {
			t.Errorf("%+v: got %swant %s", row.h, y.out.String(), want)
		}
		if s.Closed() != row.end || s.SentEnd() != row.end {
			t.Errorf("%+v: closed is %v", row.h, s.Closed())
		}
	}
}

// TestRespondRefuses: what cannot be written is an error, and nothing is sent.
func TestRespondRefuses(t *testing.T) {
	x, s := served(t)
	for _, row := range []struct {
		write func() error
		kind  wire.Kind
	}{
		{func() error { return x.server.Respond(s, &ResponseHead{Code: 99}, true) }, wire.ErrStatusLine},
		{func() error { return x.server.Respond(s, &ResponseHead{Code: 1000}, true) }, wire.ErrStatusLine},
		{func() error { return x.server.Respond(s, &ResponseHead{Code: 100}, true) }, wire.ErrStatusLine},
		{func() error { return x.server.Inform(s, 101, nil) }, wire.ErrStatusLine},
		{func() error { return x.server.Inform(s, 200, nil) }, wire.ErrStatusLine},
		{func() error { return x.server.Inform(s, 103, http.Header{"A b": {"c"}}) }, wire.ErrHeaderName},
		{func() error {
			return x.server.Respond(s, &ResponseHead{Code: 200, Header: http.Header{"A": {"b\r\nc"}}}, true)
		}, wire.ErrHeaderValue},
		{func() error { return x.server.WriteTrailer(s, http.Header{"A": {"b\r\nc"}}) }, wire.ErrHeaderValue},
		{func() error { return x.server.WriteTrailer(s, http.Header{":a": {"b"}}) }, wire.ErrHeaderName},
	} {
		err := row.write()
		if !errors.Is(err, row.kind) || !errors.As(err, new(*wire.Error)) {
			t.Errorf("got %v, want %v", err, row.kind)
		}
		if out := x.server.Output(); len(out) > 0 || s.Closed() {
			t.Errorf("%v: %q was sent", err, out)
		}
	}
	// Of several errors, it is always the same.
	h := http.Header{"A": {"\n"}, "B": {"\n"}, "C": {"\n"}, "D d": {"x"}, "E": {"\n"}}
	for range 50 {
		if err := x.server.Respond(s, &ResponseHead{Code: 200, Header: h}, true); !strings.Contains(err.Error(), `the header "A"`) {
			t.Fatal(err)
		}
	}
}

// TestTrailers: trailers are written without what frames the content; without any, an empty DATA frame ends the stream.
func TestTrailers(t *testing.T) {
	for _, row := range []struct {
		trailer http.Header
		want    string
	}{
		{http.Header{"X-Sum": {"1"}, "Content-Length": {"5"}, "Transfer-Encoding": {"x"}, "Host": {"a"}}, "End 1 [X-Sum:[1]]\n"},
		{http.Header{"Host": {"a"}}, "End 1 []\n"},
		{nil, "End 1 []\n"},
	} {
		x, s := served(t)
		if err := x.server.Respond(s, &ResponseHead{Code: 200, Length: -1}, false); err != nil {
			t.Fatal(err)
		}
		if err := x.server.WriteTrailer(s, row.trailer); err != nil {
			t.Fatal(err)
		}
		y := newScript(false, Config{})
		y.begin(t, &rule{open: requests("GET")})
		y.feed(string(x.server.Output()))
		if got := strings.TrimPrefix(y.out.String(), "Head 1 200 [] length -1\n"); got != row.want || !s.Closed() {
			t.Errorf("%v: got %swant %s", row.trailer, got, row.want)
		}
		// Nothing more is sent on a closed stream.
		err := errors.Join(x.server.WriteTrailer(s, row.trailer), x.server.Respond(s, &ResponseHead{Code: 200}, true))
		x.server.WriteData(s, nil, true)
		x.server.Reset(s, wire.Cancel)
		x.server.Consumed(s, 1)
		x.server.Wait(s)
		if turn, _ := x.server.Turn(); err != nil || len(x.server.Output()) > 0 || x.server.Room(s) != 0 || turn != nil {
			t.Errorf("%v: a closed stream sends, or %v", row.trailer, err)
		}
	}
}

// TestTrailersAnnounceSizes: a new size of the table is announced even by trailers that are empty (RFC 7541, section 4.2).
func TestTrailersAnnounceSizes(t *testing.T) {
	x, s := served(t)
	if err := x.server.Respond(s, &ResponseHead{Code: 200, Length: -1}, false); err != nil {
		t.Fatal(err)
	}
	x.feed(settings(uint32(settingHeaderTableSize), 0))
	x.out.Reset()
	if err := x.server.WriteTrailer(s, nil); err != nil {
		t.Fatal(err)
	}
	if got, want := string(x.server.Output()), frame(frameHeaders, es|eh, 1, "\x20"); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// TestNothingAfterGoAway: after an error of the connection, GOAWAY is the last frame.
func TestNothingAfterGoAway(t *testing.T) {
	x, s := served(t)
	x.feed(post(3) + data(3, "abc") + data(0, "x"))
	x.server.Output()
	err := errors.Join(x.server.Respond(s, &ResponseHead{Code: 200, Length: -1}, false), x.server.Inform(s, 103, nil), x.server.WriteTrailer(s, nil))
	x.server.WriteData(s, nil, true)
	x.server.Consumed(x.streams[3], 3)
	x.server.Ping([8]byte{})
	x.server.GoAway(wire.NoError, "")
	x.server.Shutdown()
	x.server.Wait(s)
	turn, _ := x.server.Turn()
	x.server.Each(func(s *Stream) { x.server.Reset(s, wire.Cancel) })
	if out := x.server.Output(); err != nil || len(out) > 0 || turn != nil || x.server.Room(s) != 0 {
		t.Errorf("%q is sent after GOAWAY, or %v", out, err)
	}
	if x.server.Streams() != 0 || !s.Closed() {
		t.Errorf("%d streams are open", x.server.Streams())
	}
}

// TestGoAwayOnce: a GOAWAY that tells nothing new is not sent, and the number of the last stream never grows.
func TestGoAwayOnce(t *testing.T) {
	first, last := frame(frameGoAway, 0, 0, "\x7f\xff\xff\xff\x00\x00\x00\x00"), frame(frameGoAway, 0, 0, "\x00\x00\x00\x01\x00\x00\x00\x00")
	calm := frame(frameGoAway, 0, 0, "\x00\x00\x00\x01\x00\x00\x00\x0b")
	shutdown := func(c *Server) { c.Shutdown() }
	goAway := func(c *Server) { c.GoAway(wire.NoError, "") }
	calmly := func(c *Server) { c.GoAway(wire.EnhanceYourCalm, "") }
	for _, row := range []struct {
		name  string
		calls []func(*Server)
		want  string
	}{
		{"Shutdown twice", []func(*Server){shutdown, shutdown}, first},
		{"the two steps", []func(*Server){shutdown, goAway}, first + last},
		{"the two steps twice", []func(*Server){shutdown, goAway, shutdown, goAway}, first + last},
		{"GoAway twice", []func(*Server){goAway, goAway}, last},
		{"Shutdown after GoAway", []func(*Server){goAway, shutdown}, last},
		{"another code", []func(*Server){goAway, calmly, calmly}, last + calm},
	} {
		x, _ := served(t)
		x.server.Output()
		for _, call := range row.calls {
			call(x.server)
		}
		if got := string(x.server.Output()); got != row.want {
			t.Errorf("%s: got %q, want %q", row.name, got, row.want)
		}
	}
}

// TestNoWindowAfterGoAway: what ends after an error of the connection needs no window.
func TestNoWindowAfterGoAway(t *testing.T) {
	x := newScript(true, Config{MaxBuffered: 1})
	x.keep = true
	x.feed(preface + settings() + ack + post(1) + data(1, text(16000)) + data(1, text(16000)) + data(1, text(16000)) + data(0, "x"))
	x.server.Consumed(x.streams[1], 40_000)
	x.server.Reset(x.streams[1], wire.Cancel)
	if out := x.server.Output(); len(out) > 0 || x.conn.err == nil {
		t.Errorf("%q is sent after GOAWAY, %v", out, x.conn.err)
	}
}

// TestEndGivesBack: a last frame that ends a stream gives back what was not consumed of it, before the frame.
func TestEndGivesBack(t *testing.T) {
	x := newScript(true, Config{MaxBuffered: 1})
	x.keep = true
	x.feed(preface + settings() + ack + post(1) + data(1, text(16000)) + data(1, text(16000)) + lastData(1, text(16000)))
	s := x.streams[1]
	if err := x.server.Respond(s, &ResponseHead{Code: 200, Length: -1}, false); err != nil {
		t.Fatal(err)
	}
	x.flush()
	x.out.Reset()
	x.server.WriteData(s, []byte("abc"), true)
	x.flush()
	if got, want := x.out.String(), "> WINDOW_UPDATE 0 48000\n> DATA 1 abc end\n"; got != want || !s.Closed() {
		t.Errorf("got %s, want %s", got, want)
	}
}

// TestConfig: a number that is not positive is the default.
func TestConfig(t *testing.T) {
	for _, server := range []bool{true, false} {
		var want, got conn
		var c Client
		want.init(&c, Config{}, server)
		got.init(&c, Config{MaxStreams: -1, StreamWindow: -1, MaxStreamWindow: -1, MaxBuffered: -1}, server)
		if !bytes.Equal(got.out, want.out) || got.mostStreamWindow() != want.mostStreamWindow() {
			t.Errorf("server: %v: got % x, want % x", server, got.out, want.out)
		}
	}
}

// TestEach: the streams come in the order of their numbers, whichever of them f ends.
func TestEach(t *testing.T) {
	for _, row := range []struct {
		ends map[uint32][]uint32
		want []uint32
	}{
		{nil, []uint32{1, 3, 5, 7, 9}},
		{map[uint32][]uint32{1: {1}, 3: {3}, 5: {5}, 7: {7}, 9: {9}}, []uint32{1, 3, 5, 7, 9}},
		{map[uint32][]uint32{1: {3}, 5: {5, 7}}, []uint32{1, 5, 9}},
		{map[uint32][]uint32{3: {1, 3, 5, 7, 9}}, []uint32{1, 3}},
		{map[uint32][]uint32{5: {1, 3}}, []uint32{1, 3, 5, 7, 9}},
	} {
		x := newScript(true, Config{})
		x.feed(preface + settings() + ack + post(1) + post(3) + post(5) + post(7) + post(9))
		var got []uint32
		x.server.Each(func(s *Stream) {
			got = append(got, s.ID())
			for _, id := range row.ends[s.ID()] {
				x.server.Reset(x.streams[id], wire.Cancel)
			}
		})
		if !slices.Equal(got, row.want) {
			t.Errorf("%v: got %d, want %d", row.ends, got, row.want)
		}
	}
}

// TestStates: what SentEnd, ReceivedEnd and Closed say.
func TestStates(t *testing.T) {
	var s Stream
	state := func(want string) {
		t.Helper()
		got := ""
		for _, is := range []struct {
			name string
			yes  bool
		}{{"sent ", s.SentEnd()}, {"received ", s.ReceivedEnd()}, {"closed", s.Closed()}} {
			if is.yes {
				got += is.name
			}
		}
		if got != want {
			t.Errorf("the stream is %q, want %q", got, want)
		}
	}
	x := newScript(false, Config{})
	x.feed(settings())
	x.client.Reset(&s, wire.Cancel) // does nothing
	state("")
	if err := x.client.Open(&s, &RequestHead{Method: "POST", Scheme: "http", Authority: "a", Path: "/", Length: -1}, false); err != nil {
		t.Fatal(err)
	}
	state("")
	x.client.WriteData(&s, []byte("abc"), true)
	state("sent ")
	x.feed(answer(1))
	x.on = func(_ *script, ev Event) {
		if ev == Data {
			state("sent ")
		}
	}
	x.feed(lastData(1, "abc"))
	state("sent received closed")
	defer func() {
		if recover() == nil {
			t.Error("a stream was opened twice")
		}
	}()
	x.client.Open(&s, &RequestHead{Method: "GET", Scheme: "http", Authority: "a", Path: "/"}, false)
}

// TestUnanswered: a request that is neither accepted nor refused is refused.
func TestUnanswered(t *testing.T) {
	var s Server
	s.Init(Config{})
	in := []byte(preface + settings() + get(1))
	for {
		n, ev, err := s.Next(in)
		if err != nil {
			t.Fatal(err)
		}
		if in = in[n:]; ev == NeedMore {
			break
		}
		s.Output()
	}
	if out := string(s.Output()); out != rst(1, wire.RefusedStream) {
		t.Errorf("got %q", out)
	}
}

// TestConnectProtocol: a server that offers extended CONNECT, at a client.
func TestConnectProtocol(t *testing.T) {
	p := newPair(t, Config{}, Config{ConnectProtocol: true, MaxStreams: 7})
	p.run()
	if !p.client.ConnectProtocol() || p.client.MaxStreams() != 7 || p.server.ConnectProtocol() {
		t.Errorf("%v, %d, %v", p.client.ConnectProtocol(), p.client.MaxStreams(), p.server.ConnectProtocol())
	}
	p.client.Ping([8]byte{1})
	p.run()
}

func TestEventString(t *testing.T) {
	if Head.String() != "Head" || GoAway.String() != "GoAway" || Event(77).String() != "Event(77)" {
		t.Error(Head, GoAway, Event(77))
	}
}

// A clock is moved by hand.
type clock struct{ now time.Time }

func newClock() *clock                { return &clock{now: time.Unix(1e9, 0)} }
func (c *clock) Now() time.Time       { return c.now }
func (c *clock) pass(d time.Duration) { c.now = c.now.Add(d) }

// TestOrdinaryCancels: a client that cancels in ordinary life goes on.
func TestOrdinaryCancels(t *testing.T) {
	c := newClock()
	x := newScript(true, Config{Now: c.Now})
	x.feed(preface + settings() + ack)
	id := uint32(1)
	cancel := func() {
		x.feed(get(id) + rst(id, wire.Cancel))
		id += 2
	}
	// 100 a second.
	for range 10_000 / 20 {
		for range 20 {
			cancel()
		}
		c.pass(200 * time.Millisecond)
		x.out.Reset()
		if x.conn.err != nil {
			t.Fatalf("after %d: %v", id/2, x.conn.err)
		}
	}
	// 1,000 at once after 1,000 answers.
	for range 1000 {
		x.feed(get(id))
		if err := x.server.Respond(x.streams[id], &ResponseHead{Code: 204, Length: -1}, true); err != nil {
			t.Fatal(err)
		}
		id += 2
	}
	for range 1000 {
		cancel()
	}
	if x.conn.err != nil {
		t.Fatalf("after %d: %v", id/2, x.conn.err)
	}
	// More without an end are too many.
	for range 3000 {
		cancel()
	}
	var e *wire.ConnectionError
	if !errors.As(x.conn.err, &e) || e.Code != wire.EnhanceYourCalm || e.Kind != wire.ErrFlood || e.Detail != "too many streams that it reset (RFC 9113, section 10.5)" {
		t.Errorf("got %v", x.conn.err)
	}
}

// TestFloods: what does no work ends the connection, if there is too much of it.
func TestFloods(t *testing.T) {
	many := func(s string) []string { return slices.Repeat([]string{s}, 5000) }
	malformed := func() (in []string) {
		for id := uint32(1); id < 10_000; id += 2 {
			in = append(in, frame(frameHeaders, es|eh, id, block("x", "y")))
		}
		return in
	}
	for name, in := range map[string][]string{
		"PING frames":                         many(frame(framePing, 0, 0, "12345678")),
		"SETTINGS frames":                     many(settings()),
		"PRIORITY frames":                     many(frame(framePriority, 0, 5, u32(0), "x")),
		"PRIORITY_UPDATE frames":              many(frame(framePriorityUpdate, 0, 0, u32(5))),
		"frames of an unknown type":           many(frame(0x55, 0, 0, "abc")),
		"WINDOW_UPDATE frames":                many(windowUpdate(0, 1)),
		"empty DATA frames":                   append([]string{post(1)}, many(data(1, ""))...),
		"small CONTINUATION frames":           append([]string{frame(frameHeaders, es, 1)}, many(frame(frameContinuation, 0, 1))...),
		"malformed requests":                  malformed(),
		"GOAWAY frames":                       many(frame(frameGoAway, 0, 0, "12345678")),
		"RST_STREAM frames on closed streams": append([]string{post(1)}, many(rst(1, wire.Cancel))...),
	} {
		c := newClock()
		x := newScript(true, Config{Now: c.Now})
		x.feed(preface + settings() + ack)
		x.out.Reset()
		n := 0
		for _, f := range in {
			if x.feed(f); x.conn.err != nil {
				break
			}
			n++
		}
		var e *wire.ConnectionError
		if !errors.As(x.conn.err, &e) || e.Code != wire.EnhanceYourCalm || e.Kind != wire.ErrFlood || e.Detail != "too many "+name+" (RFC 9113, section 10.5)" {
			t.Errorf("%s: after %d, got %v", name, n, x.conn.err)
		}
		if !strings.Contains(x.out.String(), "ENHANCE_YOUR_CALM too much traffic that does no work") {
			t.Errorf("%s: the peer is not told", name)
		}
	}
}

// TestContinuationFlood: a header block that does not end is bounded in bytes.
func TestContinuationFlood(t *testing.T) {
	x := newScript(true, Config{})
	x.feed(preface + settings() + ack + frame(frameHeaders, es, 1))
	sent := 0
	for x.conn.err == nil && sent < 10<<20 {
		x.feed(frame(frameContinuation, 0, 1, text(maxFrameSize)))
		sent += maxFrameSize
		if kept := cap(x.conn.block.bytes); kept > 1<<20 {
			t.Fatalf("%d bytes are kept", kept)
		}
	}
	if !errors.Is(x.conn.err, wire.EnhanceYourCalm) || !errors.Is(x.conn.err, wire.ErrHeadersTooLarge) || sent > 400<<10 {
		t.Errorf("after %d bytes: %v", sent, x.conn.err)
	}
}

// TestHeaderBomb: a small header block that names a large field again and again is bounded, and the table stays right.
func TestHeaderBomb(t *testing.T) {
	x := newScript(true, Config{})
	x.feed(preface + settings() + ack)
	x.out.Reset()
	big := text(4000)
	field := "\x40" + block("bomb", big)[1:] // with indexing
	bomb := request() + field + strings.Repeat("\xbe", 10_000)
	x.feed(frame(frameHeaders, es|eh, 1, bomb))
	if !strings.Contains(x.out.String(), "headers too large: more than 131072 bytes") {
		t.Errorf("got %.200s", x.out.String())
	}
	if n := cap(x.conn.fields.list); n > keptFields {
		t.Errorf("room for %d fields is kept", n)
	}
	x.out.Reset()
	x.feed(frame(frameHeaders, es|eh, 3, request()+"\xbe"))
	if !strings.Contains(x.out.String(), "Bomb:["+big+"]") {
		t.Errorf("the table is wrong: %.200s", x.out.String())
	}
}

// TestManyResets: the streams that we reset are remembered in little room, and their frames are dropped.
func TestManyResets(t *testing.T) {
	x := newScript(true, Config{})
	x.feed(preface + settings() + ack)
	for id := uint32(1); id <= 401; id += 2 {
		x.feed(post(id))
		x.server.Reset(x.streams[id], wire.Cancel)
		x.flush()
	}
	x.out.Reset()
	for id := uint32(1); id <= 401; id += 2 {
		x.feed(data(id, "abc"))
	}
	if x.out.String() != "" {
		t.Errorf("got %s", x.out.String())
	}
	x.feed(post(403) + rst(403, wire.Cancel) + data(403, "abc"))
	if !errors.Is(x.conn.err, wire.StreamClosed) {
		t.Errorf("DATA after the client's RST_STREAM: %v", x.conn.err)
	}
}

// TestLateFrames: what comes on streams that our side has reset is no reason to end the connection: all of their windows,
// and an answer to each of many.
func TestLateFrames(t *testing.T) {
	x := newScript(false, Config{})
	x.feed(settings() + ack)
	open := func() *Stream {
		s := &Stream{}
		if err := x.client.Open(s, &requests("GET")[0], true); err != nil {
			t.Fatal(err)
		}
		return s
	}
	download := open()
	x.feed(frame(frameHeaders, eh, 1, response()))
	x.client.Reset(download, wire.Cancel)
	for range 4000 {
		x.feed(data(1, text(smallFrame)))
	}
	for range 4000 {
		s := open()
		x.client.Reset(s, wire.Cancel)
		x.feed(frame(frameHeaders, eh, s.ID(), response()) + lastData(s.ID(), "abc"))
		x.flush()
	}
	x.feed(lastData(1, "abc")) // on one that is forgotten
	if x.conn.err != nil {
		t.Error(x.conn.err)
	}
	// The connection's window was given back for all of it.
	if f := &x.conn.flow; f.buffered != 0 || f.recvWindow < f.most/2 {
		t.Errorf("%d bytes are kept, the window is %d", f.buffered, f.recvWindow)
	}
}

// TestSkippedNumbers: a number that was left out is told from a stream that is closed.
func TestSkippedNumbers(t *testing.T) {
	for _, row := range []struct {
		opened []uint32
		then   uint32
		code   wire.Code
	}{
		{[]uint32{1, 9}, 3, wire.ProtocolError},
		{[]uint32{1, 9, 11, 21}, 15, wire.ProtocolError},
		{[]uint32{1, 9, 11, 21}, 11, wire.StreamClosed},
		{[]uint32{3}, 1, wire.ProtocolError},
	} {
		x := newScript(true, Config{})
		x.feed(preface + settings() + ack)
		for _, id := range row.opened {
			x.feed(post(id) + rst(id, wire.Cancel))
		}
		x.feed(get(row.then))
		if !errors.Is(x.conn.err, row.code) || !errors.Is(x.conn.err, wire.ErrStreamState) {
			t.Errorf("%v, then %d: %v, want %v", row.opened, row.then, x.conn.err, row.code)
		}
	}
}

// TestManyNames: names that are not well-known cost little, however many a peer thinks of.
func TestManyNames(t *testing.T) {
	x := newScript(true, Config{})
	x.feed(preface + settings() + ack)
	for id := uint32(1); id < 400; id += 2 {
		name := "x-" + strings.Repeat("y", int(id))
		x.out.Reset()
		x.feed(get(id, name, "1"))
		if want := "X-Y" + name[3:] + ":[1]"; !strings.Contains(x.out.String(), want) {
			t.Fatalf("got %s, want %s", x.out.String(), want)
		}
		x.server.Reset(x.streams[id], wire.NoError)
	}
	if n := len(x.conn.fields.names); n > mostNames {
		t.Errorf("%d names are kept", n)
	}
}
