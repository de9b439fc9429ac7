package web_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	xhttp2 "golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/internal/testkit/garbage"
	"github.com/seed-7c003b53/gotreq/treq/web"
)

// This file has clients that attack a Site over HTTP/2, and honest ones that do much. What one frame may cost is tested
// in internal/http2; here it is what reaches the resources, what is kept, and that others are served.

// An h2attacker sends any frames.
type h2attacker struct {
	*peer
	buf    bytes.Buffer
	framer *xhttp2.Framer
	block  bytes.Buffer
	enc    *hpack.Encoder
}

// attack returns a new client. It has sent the preface and its settings.
func (s *server) attack(settings ...xhttp2.Setting) *h2attacker {
	a := &h2attacker{peer: s.connect()}
	a.framer = xhttp2.NewFramer(&a.buf, nil)
	a.framer.AllowIllegalWrites = true
	a.enc = hpack.NewEncoder(&a.block)
	a.buf.WriteString(xhttp2.ClientPreface)
	a.framer.WriteSettings(settings...)
	a.framer.WriteSettingsAck()
	return a
}

func (a *h2attacker) encode(fields ...string) []byte {
	a.block.Reset()
	for i := 0; i < len(fields); i += 2 {
		a.enc.WriteField(hpack.HeaderField{Name: fields[i], Value: fields[i+1]})
	}
	return bytes.Clone(a.block.Bytes())
}

func (a *h2attacker) headers(id uint32, end bool, fields ...string) *h2attacker {
	a.framer.WriteHeaders(xhttp2.HeadersFrameParam{StreamID: id, EndStream: end, EndHeaders: true, BlockFragment: a.encode(fields...)})
	return a
}

func (a *h2attacker) get(id uint32, path string) *h2attacker {
	return a.headers(id, true, ":method", "GET", ":scheme", "http", ":path", path, ":authority", "an.example")
}

func (a *h2attacker) post(id uint32, path string, fields ...string) *h2attacker {
	return a.headers(id, false, append([]string{":method", "POST", ":scheme", "http", ":path", path, ":authority", "an.example"}, fields...)...)
}

// flush sends what was written, in turns so many that the server has read it.
func (a *h2attacker) flush() *h2attacker {
	a.Write(a.buf.Bytes())
	a.buf.Reset()
	a.server.Pump()
	return a
}

// A frame that the server has sent.
type sentFrame struct {
	kind    xhttp2.FrameType
	flags   xhttp2.Flags
	id      uint32
	payload []byte
}

// frames returns what the server has sent.
func (a *h2attacker) frames() (all []sentFrame) {
	for b := a.got; len(b) >= 9; {
		n := int(b[0])<<16 | int(b[1])<<8 | int(b[2])
		if len(b) < 9+n {
			break
		}
		all = append(all, sentFrame{xhttp2.FrameType(b[3]), xhttp2.Flags(b[4]), binary.BigEndian.Uint32(b[5:]), b[9 : 9+n]})
		b = b[9+n:]
	}
	return all
}

// told returns the codes of the resets by stream, that of the last GOAWAY or -1, and the streams that were answered.
func (a *h2attacker) told() (resets map[uint32]xhttp2.ErrCode, goaway int, answered []uint32) {
	resets, goaway = map[uint32]xhttp2.ErrCode{}, -1
	for _, f := range a.frames() {
		switch f.kind {
		case xhttp2.FrameRSTStream:
			resets[f.id] = xhttp2.ErrCode(binary.BigEndian.Uint32(f.payload))
		case xhttp2.FrameGoAway:
			goaway = int(binary.BigEndian.Uint32(f.payload[4:]))
		case xhttp2.FrameHeaders:
			answered = append(answered, f.id)
		}
	}
	return resets, goaway, answered
}

func odd(i int) uint32 { return uint32(2*i + 1) }

// heapUsed returns the bytes that are in use.
func heapUsed() int {
	garbage.Collect()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int(m.HeapAlloc)
}

// stillServes checks that the site answers another client.
func (s *server) stillServes() {
	s.t.Helper()
	c := s.dial()
	if got := c.get("/").wait(); got.code != 200 {
		s.t.Errorf("another client gets %v", got)
	}
	c.transport.AbortConnection()
	s.Pump()
}

// TestHTTP2Floods checks that floods end the connection that sends them, that few of them reach the resource, that little
// is kept, and that nothing is left afterwards.
func TestHTTP2Floods(t *testing.T) {
	const most = 1100 // what may be done at once
	for _, c := range []struct {
		name  string
		first func(a *h2attacker)
		each  func(a *h2attacker, i int)
		most  int // requests that reach the resource
	}{
		{"rapid reset", nil, func(a *h2attacker, i int) { a.get(odd(i), "/wait"); a.framer.WriteRSTStream(odd(i), 8) }, most},
		{"made reset: zero window", nil, func(a *h2attacker, i int) { a.get(odd(i), "/wait"); a.framer.WriteWindowUpdate(odd(i), 0) }, most},
		{"made reset: content-length", nil, func(a *h2attacker, i int) {
			a.post(odd(i), "/stream", "content-length", "1").framer.WriteData(odd(i), true, []byte("ab"))
		}, most},
		{"made reset: data after END_STREAM", nil, func(a *h2attacker, i int) { a.get(odd(i), "/wait").framer.WriteData(odd(i), false, []byte("a")) }, most},
		{"streams beyond the limit", func(a *h2attacker) {
			for i := range 100 {
				a.get(odd(i), "/wait")
			}
		}, func(a *h2attacker, i int) { a.get(odd(i+100), "/wait") }, 100},
		{"CONTINUATION", func(a *h2attacker) { a.framer.WriteHeaders(xhttp2.HeadersFrameParam{StreamID: 1}) },
			func(a *h2attacker, i int) { a.framer.WriteContinuation(1, false, []byte{0, 1, 'a', 1, 'b'}) }, 0},
		{"SETTINGS", nil, func(a *h2attacker, i int) { a.framer.WriteSettings() }, 0},
		{"PING", nil, func(a *h2attacker, i int) { a.framer.WritePing(false, [8]byte{}) }, 0},
		{"empty DATA", func(a *h2attacker) { a.post(1, "/wait") }, func(a *h2attacker, i int) { a.framer.WriteData(1, false, nil) }, 1},
		{"PRIORITY", nil, func(a *h2attacker, i int) { a.framer.WritePriority(odd(i), xhttp2.PriorityParam{Weight: 1}) }, 0},
		{"RST_STREAM", func(a *h2attacker) { a.get(1, "/wait") }, func(a *h2attacker, i int) { a.framer.WriteRSTStream(1, 8) }, 1},
		{"unknown frames", nil, func(a *h2attacker, i int) { a.framer.WriteRawFrame(0xb, 0, 0, make([]byte, 100)) }, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			logs(t)
			reached, ended := 0, 0
			s := serveHandler(t, func(w http.ResponseWriter, req *http.Request) {
				reached++
				switch req.URL.Path {
				case "/wait":
					web.Await(req.Context(), deferred.New[int]())
				case "/stream":
					io.Copy(io.Discard, req.Body)
				}
				ended++
			})
			before := heapUsed()
			a := s.attack()
			if c.first != nil {
				c.first(a)
			}
			for i := 0; i < 10_000 && !a.ended; i++ {
				if c.each(a, i); i%50 == 49 {
					a.flush()
				}
			}
			_, goaway, _ := a.told()
			if !a.ended || goaway != int(xhttp2.ErrCodeEnhanceYourCalm) {
				t.Errorf("ended %v, GOAWAY %v", a.ended, goaway)
			}
			if reached > c.most || ended != reached {
				t.Errorf("%d requests reached the handler, %d have ended; want %d at most", reached, ended, c.most)
			}
			if len(a.got) > 100_000 {
				t.Errorf("the server sent %d bytes", len(a.got))
			}
			s.stillServes()
			a.AbortConnection()
			s.settled(t)
			a.got = nil
			if kept := heapUsed() - before; kept > 2<<20 {
				t.Errorf("%d bytes are kept", kept)
			}
		})
	}
}

// TestHTTP2HandlersThatStay checks that a client that cancels again and again does not pile up handlers that do not stop.
func TestHTTP2HandlersThatStay(t *testing.T) {
	running, most := 0, 0
	var s *server
	s = serveHandler(t, func(w http.ResponseWriter, req *http.Request) {
		running++
		most = max(most, running)
		d := deferred.New[int]()
		s.CallLater(30*time.Second, func() { d.Callback(0) })
		web.Await(context.WithoutCancel(req.Context()), d)
		running--
	})
	a := s.attack()
	for i := range 6000 { // 100 a second for a minute
		a.get(odd(i), "/")
		a.framer.WriteRSTStream(odd(i), 8)
		if i%100 == 99 {
			a.flush()
			s.Advance(time.Second)
		}
	}
	if most > 200 {
		t.Errorf("%d handlers ran at a time", most)
	}
	a.AbortConnection()
	s.Advance(time.Minute)
	want(t, running, 0)
}

// TestHTTP2Slow checks what clients get that are slow to send or to receive.
func TestHTTP2Slow(t *testing.T) {
	big := func(w http.ResponseWriter, req *http.Request) {
		if req.Body != nil {
			if _, err := io.Copy(io.Discard, req.Body); err != nil {
				http.Error(w, err.Error(), http.StatusRequestTimeout)
				return
			}
		}
		w.Write(make([]byte, 1<<20))
	}
	step := func(a *h2attacker, d time.Duration) { a.server.Advance(d) }
	for name, c := range map[string]struct {
		do     func(a *h2attacker)
		ended  bool           // the connection
		goaway xhttp2.ErrCode // then
		reset  int            // the code of stream 1, or -1
	}{
		"preface": {func(a *h2attacker) {
			preface := a.buf.Bytes()
			for i := 0; i < 20 && !a.ended; i++ {
				a.Write(preface[i : i+1])
				step(a, 2*time.Second)
			}
		}, true, 0, -1},
		"head": {func(a *h2attacker) {
			a.flush()
			a.get(1, "/"+strings.Repeat("a", 100))
			for _, b := range bytes.Clone(a.buf.Bytes()) {
				if a.Write([]byte{b}); a.ended {
					break
				}
				step(a, time.Second)
			}
		}, true, xhttp2.ErrCodeEnhanceYourCalm, -1},
		"CONTINUATION": {func(a *h2attacker) {
			a.framer.WriteHeaders(xhttp2.HeadersFrameParam{StreamID: 1})
			for i := 0; i < 60 && !a.ended; i++ {
				a.framer.WriteContinuation(1, false, []byte{0, 1, 'a', 1, 'b'})
				a.flush()
				step(a, time.Second)
			}
		}, true, xhttp2.ErrCodeEnhanceYourCalm, -1},
		"content": {func(a *h2attacker) {
			a.post(1, "/", "content-length", "1000")
			for range 100 {
				a.framer.WriteData(1, false, []byte("a"))
				a.flush()
				step(a, 2*time.Second)
			}
		}, true, 0, int(xhttp2.ErrCodeNo)}, // the stream, and a minute later the connection, which has no other
		"no window": {func(a *h2attacker) {
			a.get(1, "/").flush()
			step(a, 2*time.Minute)
		}, false, 0, int(xhttp2.ErrCodeCancel)},
		"a byte of window a second": {func(a *h2attacker) {
			a.get(1, "/").flush()
			for range 130 {
				a.framer.WriteWindowUpdate(1, 1)
				a.framer.WriteWindowUpdate(0, 1)
				a.flush()
				step(a, time.Second)
			}
		}, true, 0, int(xhttp2.ErrCodeCancel)},
		"no reading": {func(a *h2attacker) {
			a.framer.WriteWindowUpdate(0, 1<<30)
			for i := range 10 {
				a.get(odd(i), "/").framer.WriteWindowUpdate(odd(i), 1<<30)
			}
			a.PauseProducing()
			a.flush()
			step(a, 2*time.Minute)
			a.ResumeProducing()
			a.server.Pump()
		}, true, 0, -1},
		"no settings": {func(a *h2attacker) {
			a.buf.Truncate(len(xhttp2.ClientPreface))
			a.flush()
			step(a, 2*time.Minute)
		}, true, 0, -1},
	} {
		t.Run(name, func(t *testing.T) {
			logs(t)
			s := serveHandler(t, big)
			a := s.attack()
			c.do(a)
			resets, goaway, _ := a.told()
			code := -1
			if reset, ok := resets[1]; ok {
				code = int(reset)
			}
			if a.ended != c.ended || code != c.reset || c.ended && c.goaway != 0 && goaway != int(c.goaway) {
				t.Errorf("ended %v (%v), GOAWAY %v, resets %v", a.ended, a.lost, goaway, resets)
			}
			a.AbortConnection()
			s.settled(t)
		})
	}
}

// TestHTTP2AsksAndNeverReads checks that the server stops reading a client that reads nothing, so that answers do not
// fill the memory.
func TestHTTP2AsksAndNeverReads(t *testing.T) {
	for name, each := range map[string]func(a *h2attacker, i int){
		"requests": func(a *h2attacker, i int) { a.get(odd(i), "/") },
		"requests and PINGs": func(a *h2attacker, i int) {
			a.get(odd(i), "/")
			a.framer.WritePing(false, [8]byte{})
		},
		"refused requests": func(a *h2attacker, i int) { a.headers(odd(i), true, ":method", "GET") },
		"large heads": func(a *h2attacker, i int) {
			a.headers(odd(i), true, ":method", "GET", ":scheme", "http", ":path", "/", ":authority", "a", "x-a", strings.Repeat("a", 2000))
		},
	} {
		t.Run(name, func(t *testing.T) {
			reached := 0
			s := serveHandler(t, func(w http.ResponseWriter, req *http.Request) {
				reached++
				w.Header().Set("X-Long", strings.Repeat("x", 500))
				w.Write(make([]byte, 100))
			})
			before := heapUsed()
			a := s.attack()
			a.framer.WriteWindowUpdate(0, 1<<30)
			a.flush()
			a.PauseProducing()
			for i := range 2000 {
				if each(a, i); i%50 == 49 {
					a.Write(a.buf.Bytes())
					a.buf.Reset()
					for range 20 {
						s.turn()
					}
				}
			}
			if reached > 1200 {
				t.Errorf("%d requests were answered", reached)
			}
			// What the client has sent, and nobody has read, is in the transport of the client.
			if kept := heapUsed() - before; kept > 8<<20 {
				t.Errorf("%d bytes are kept", kept)
			}
			t.Logf("%d requests reached the handler", reached)
			a.AbortConnection()
			s.settled(t)
		})
	}
}

// TestHTTP2Smuggling sends heads by which a request could hide another one on its way through us to a server of HTTP/1.1.
// What reaches a handler is written as HTTP/1.1 and read again: it has to be one request, and the same.
func TestHTTP2Smuggling(t *testing.T) {
	type fields = []string
	head := func(more ...string) fields {
		return append(fields{":method", "GET", ":scheme", "http", ":path", "/", ":authority", "an.example"}, more...)
	}
	with := func(name, value string) fields {
		all := head()
		all[slices.Index(all, name)+1] = value
		return all
	}
	cases := []struct {
		fields fields
		body   string
		served bool
	}{
		{head(), "", true},
		{head("x-a", "b", "cookie", "a=b", "cookie", "c=d"), "", true},
		{head("content-length", "5"), "hello", true},
		{head("host", "an.example"), "", true},
		{fields{":method", "GET", ":scheme", "http", ":path", "/", "host", "an.example"}, "", true},
		{head("te", "trailers"), "", true},
		{head("content-length", "5"), "hello6", false},
		{head("content-length", "5"), "four", false},
		{head("content-length", "5", "content-length", "6"), "hello", false},
		{head("content-length", "5,5"), "hello", true},
		{head("content-length", "+5"), "hello", false},
		{head("content-length", "5 "), "hello", false},
		{head("transfer-encoding", "chunked"), "0\r\n\r\nGET / HTTP/1.1\r\n\r\n", false},
		{head("transfer-encoding", "identity"), "", false},
		{head("connection", "transfer-encoding"), "", false},
		{head("connection", "close"), "", false},
		{head("proxy-connection", "keep-alive"), "", false},
		{head("keep-alive", "timeout=5"), "", false},
		{head("upgrade", "h2c"), "", false},
		{head("te", "chunked"), "", false},
		{head("te", "trailers, chunked"), "", false},
		{head("host", "other.example"), "", false},
		{head("host", "an.example", "host", "other.example"), "", false},
		{with(":authority", ""), "", false},
		{with(":authority", "an.example\r\nX: y"), "", false},
		{with(":authority", "user@an.example"), "", false},
		{with(":authority", "an.example/"), "", false},
		{with(":authority", "an example"), "", false},
		{with(":authority", "an.example:x"), "", false},
		{with(":path", ""), "", false},
		{with(":path", "*"), "", false},
		{with(":path", "a"), "", false},
		{with(":path", "http://other.example/"), "", false},
		{with(":path", "/ HTTP/1.1\r\nHost: other\r\n\r\nGET /b"), "", false},
		{with(":path", "/a b"), "", false},
		{with(":path", "/\x00"), "", false},
		{with(":path", "/a\tb"), "", false},
		{with(":path", "/#a"), "", false},
		{with(":method", "GET / HTTP/1.1\r\nX: y\r\n\r\nGET"), "", false},
		{with(":method", "GET "), "", false},
		{with(":method", ""), "", false},
		{with(":method", "G\x00T"), "", false},
		{with(":scheme", "http://other.example/a?"), "", false},
		{with(":scheme", "ht tp"), "", false},
		{with(":scheme", ""), "", false},
		{head("x-a", "b\r\nx-c: d"), "", false},
		{head("x-a", "b\nx-c: d"), "", false},
		{head("x-a", "b\rx-c: d"), "", false},
		{head("x-a", "b\x00"), "", false},
		{head("x-a", "b\x7f"), "", false},
		{head("x-a", " b"), "", false},
		{head("x-a", "b\t"), "", false},
		{head("x-a: b\r\nx-c", "d"), "", false},
		{head("x-a:", "b"), "", false},
		{head("x a", "b"), "", false},
		{head("x-a ", "b"), "", false},
		{head("x-\x00", "b"), "", false},
		{head("X-A", "b"), "", false},
		{head("", "b"), "", false},
		{head("transfer-encoding ", "chunked"), "", false},
		{head("Transfer-Encoding", "chunked"), "", false},
		{head(":path", "/b"), "", false},
		{head(":unknown", "b"), "", false},
		{append(fields{"x-a", "b"}, head()...), "", false},
	}
	for _, c := range cases {
		t.Run(fmt.Sprintf("%.80q %q", c.fields[4:], c.body), func(t *testing.T) {
			logs(t)
			checkPassedOn(t, c.fields, c.body, c.served)
		})
	}
}

// checkPassedOn sends a request and checks what reaches a handler.
func checkPassedOn(t *testing.T, fields []string, body string, served bool) (reached int) {
	t.Helper()
	good := 0
	s := serveHandler(t, func(w http.ResponseWriter, req *http.Request) {
		reached++
		content, err := io.ReadAll(req.Body)
		if err != nil {
			return // it is known not to be whole
		}
		good++
		req.Body = io.NopCloser(bytes.NewReader(content))
		if req.ContentLength < 0 {
			req.ContentLength = int64(len(content))
		}
		var sent bytes.Buffer
		if err := req.Write(&sent); err != nil {
			t.Errorf("the request cannot be passed on: %v", err)
			return
		}
		text := sent.String()
		r := bufio.NewReader(&sent)
		again, err := http.ReadRequest(r)
		if err != nil {
			t.Errorf("%q: %v", text, err)
			return
		}
		content, err = io.ReadAll(again.Body)
		if rest, _ := io.ReadAll(r); err != nil || len(rest) > 0 || again.Host != req.Host || again.RequestURI != req.URL.RequestURI() && req.Method != "OPTIONS" || again.Method != req.Method {
			t.Errorf("%q is read as %s %s of %s, %q, %v; %q follows", text, again.Method, again.RequestURI, again.Host, content, err, rest)
		}
	})
	a := s.attack()
	a.headers(1, body == "", fields...)
	if body != "" {
		a.framer.WriteData(1, true, []byte(body))
	}
	a.flush()
	resets, goaway, answered := a.told()
	switch {
	case served && (good != 1 || len(answered) != 1 || len(resets) > 0):
		t.Errorf("the handler was called %d times; resets %v, GOAWAY %v", reached, resets, goaway)
	case !served && (good != 0 || resets[1] != xhttp2.ErrCodeProtocol && (reached > 0 || len(answered) != 1) || goaway >= 0):
		t.Errorf("the handler was called %d times; answered %v, resets %v, GOAWAY %v", reached, answered, resets, goaway)
	}
	a.AbortConnection()
	s.Pump()
	return reached
}

// TestHTTP2RandomHeads does the same for random heads, of which many are served.
func TestHTTP2RandomHeads(t *testing.T) {
	logs(t)
	r := rand.New(rand.NewPCG(1, 2))
	bits := []string{"a", "b", "-", "an.example", "/", "?", "%", "%0d", " ", "\r\n", "\n", "\x00", ":", "80", "@", "[::1]", "\t", "GET", "http", "chunked", "5", ",", ";", "=", "\"", "\xff", "x-a: b", "#", "*", "{"}
	text := func(most int) string {
		var b strings.Builder
		for range r.IntN(most) {
			b.WriteString(bits[r.IntN(len(bits))])
		}
		return b.String()
	}
	pick := func(good string) string {
		if r.IntN(8) > 0 {
			return good
		}
		return text(5)
	}
	heads := 600
	if raceEnabled {
		heads = 100
	}
	served := 0
	for range heads {
		fields := []string{":method", pick("GET"), ":scheme", pick("http"), ":path", pick("/") + text(3), ":authority", pick("an.example")}
		for range r.IntN(3) {
			fields = append(fields, pick([]string{"x-a", "host", "content-length", "cookie", "te", "expect", "transfer-encoding"}[r.IntN(7)]), pick(text(4)))
		}
		body := strings.Repeat("b", r.IntN(3)*5)
		reached := 0
		s := serveHandler(t, func(w http.ResponseWriter, req *http.Request) {
			content, err := io.ReadAll(req.Body)
			if err != nil {
				return
			}
			reached++
			req.Body, req.ContentLength = io.NopCloser(bytes.NewReader(content)), int64(len(content))
			var sent bytes.Buffer
			if req.Write(&sent) != nil {
				return
			}
			in := bufio.NewReader(&sent)
			again, err := http.ReadRequest(in)
			if err != nil {
				t.Errorf("%q: passed on, %v", fields, err)
				return
			}
			io.Copy(io.Discard, again.Body)
			if rest, _ := io.ReadAll(in); len(rest) > 0 || again.Host != req.Host || again.Method != req.Method {
				t.Errorf("%q is read as %s %s of %s, and %q follows", fields, again.Method, again.RequestURI, again.Host, rest)
			}
		})
		a := s.attack()
		a.headers(1, body == "", fields...)
		if body != "" {
			a.framer.WriteData(1, true, []byte(body))
		}
		a.flush()
		resets, goaway, answered := a.told()
		if len(answered) == 0 && len(resets) == 0 || goaway >= 0 {
			t.Errorf("%q: answered %v, resets %v, GOAWAY %v", fields, answered, resets, goaway)
		}
		served += reached
		a.AbortConnection()
		s.settled(t)
	}
	if served < heads/10 || served > heads*9/10 {
		t.Errorf("%d of %d were served", served, heads)
	}
}

// TestHTTP2HonestHeavyClients checks that clients that do much are not ended.
func TestHTTP2HonestHeavyClients(t *testing.T) {
	handler := func(w http.ResponseWriter, req *http.Request) {
		switch req.URL.Path {
		case "/wait":
			web.Await(req.Context(), deferred.New[int]())
		case "/big":
			w.Write(make([]byte, 1<<20))
		case "/echo":
			b := make([]byte, 100)
			for {
				n, err := req.Body.Read(b)
				w.Write(b[:n])
				http.NewResponseController(w).Flush()
				if err != nil {
					return
				}
			}
		}
	}
	seconds, messages := 600, 5000
	if raceEnabled {
		seconds, messages = 20, 500
	}
	for name, do := range map[string]func(t *testing.T, c *h2client){
		"100 cancels a second": func(t *testing.T, c *h2client) {
			for range seconds {
				var all []*answer
				for range 100 {
					all = append(all, c.get("/wait"))
				}
				c.wait()
				for _, a := range all {
					a.cancel()
				}
				c.wait()
				c.server.Advance(time.Second)
				c.answers = nil
			}
		},
		"1,000 cancels at once": func(t *testing.T, c *h2client) {
			for range 1000 {
				c.get("/wait").cancel()
			}
			c.wait()
		},
		"a PING a second": func(t *testing.T, c *h2client) {
			a := c.get("/wait").wait()
			for range seconds {
				c.machine.Ping([8]byte{1})
				c.wait()
				c.server.Advance(time.Second)
			}
			if c.pings != seconds {
				t.Errorf("%d PINGs were answered", c.pings)
			}
			a.cancel().wait()
		},
		"tiny messages both ways": func(t *testing.T, c *h2client) {
			a := c.begin("POST", "/echo", nil, -1, false).wait()
			for i := range messages {
				a.send("0123456789", false).wait()
				if len(a.body) != 10*(i+1) {
					t.Fatalf("after %d messages, %d bytes have come back", i+1, len(a.body))
				}
			}
			a.send("", true).wait()
			if !a.ended {
				t.Errorf("got %.100v", a)
			}
		},
		"downloads with small windows": func(t *testing.T, c *h2client) {
			for range 5 {
				if a := c.get("/big").wait(); !a.ended || len(a.body) != 1<<20 {
					t.Errorf("got %.100v", a)
				}
			}
		},
		"5,000 requests": func(t *testing.T, c *h2client) {
			for range 50 {
				for range 100 {
					c.get("/")
				}
				c.wait()
			}
			for _, a := range c.answers {
				if a.code != 200 || !a.ended {
					t.Fatalf("got %v", a)
				}
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := serveHandler(t, handler)
			c := s.dial()
			do(t, c)
			if c.ended || c.goneAway != nil || c.failed != nil {
				t.Errorf("the connection ended: %v, %v, %v", c.lost, c.goneAway, c.failed)
			}
			if a := c.get("/").wait(); a.code != 200 {
				t.Errorf("the next request gets %v", a)
			}
			c.gone(t)
		})
	}
}
