package agent_test

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/deferred/deferredtest"
	"github.com/seed-7c003b53/gotreq/internal/testkit/bodytest"
	"github.com/seed-7c003b53/gotreq/internal/testkit/garbage"
	"github.com/seed-7c003b53/gotreq/reactor"
	"github.com/seed-7c003b53/gotreq/treq/agent"
	"github.com/seed-7c003b53/gotreq/treq/request"
	"github.com/seed-7c003b53/gotreq/treq/response"
	"github.com/seed-7c003b53/gotreq/treq/wire"
)

// wantBody reads the body of the response of d.
func (w *http2World) wantBody(d *deferred.Deferred[*response.Response], want string) {
	w.t.Helper()
	w.r.Pump()
	body := deferredtest.SuccessResultOf(w.t, d).Content()
	w.r.Pump()
	if got := string(deferredtest.SuccessResultOf(w.t, body)); got != want {
		w.t.Errorf("body %.60q of %d bytes, want %.60q of %d", got, len(got), want, len(want))
	}
}

// wantStreams checks how many streams the connections of the server have.
func (w *http2World) wantStreams(want ...int) {
	w.t.Helper()
	var got []int
	for _, c := range w.conns {
		if c.lost == nil {
			got = append(got, c.machine.Streams())
		}
	}
	if !slices.Equal(got, want) {
		w.t.Errorf("the open connections have %v streams, want %v", got, want)
	}
}

// TestHTTP2Responses has the kinds of responses.
func TestHTTP2Responses(t *testing.T) {
	for _, test := range []struct {
		name    string
		method  string
		answer  func(s *http2Served)
		code    int
		length  int64
		body    string
		trailer http.Header
	}{
		{"a body", "GET", greet, 200, 5, "hello", nil},
		{"without a length", "GET", func(s *http2Served) { s.respond(200, false); s.write("a", false); s.write("b", true) }, 200, -1, "ab", nil},
		{"no body", "GET", func(s *http2Served) { s.respond(404, true) }, 404, 0, "", nil},
		{"no body, told later", "GET", func(s *http2Served) { s.respond(200, false, "Content-Length", "0"); s.write("", true) }, 200, 0, "", nil},
		{"HEAD", "HEAD", func(s *http2Served) { s.respond(200, true, "Content-Length", "5") }, 200, 0, "", nil},
		{"204", "DELETE", func(s *http2Served) { s.respond(204, true) }, 204, 0, "", nil},
		{"304", "GET", func(s *http2Served) { s.respond(304, true, "Etag", `"a"`) }, 304, 0, "", nil},
		{"an unknown code", "GET", func(s *http2Served) { s.respond(299, true) }, 299, 0, "", nil},
		{"trailers", "GET", func(s *http2Served) {
			s.respond(200, false, "Trailer", "X-Sum")
			s.write("ab", false)
			s.c.machine.WriteTrailer(&s.stream, http.Header{"X-Sum": {"195"}})
		}, 200, -1, "ab", http.Header{"X-Sum": {"195"}}},
		{"interim responses", "GET", func(s *http2Served) {
			s.c.machine.Inform(&s.stream, 103, http.Header{"Link": {"</a>"}})
			s.c.machine.Inform(&s.stream, 199, nil)
			greet(s)
		}, 200, 5, "hello", nil},
		{"one byte a frame", "GET", func(s *http2Served) {
			s.respond(200, false)
			for _, b := range strings.Repeat("x", 3000) {
				s.write(string(b), false)
			}
			s.write("", true)
		}, 200, -1, strings.Repeat("x", 3000), nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := newHTTP2World(t, agent.PoolConfig{})
			w.answer = test.answer
			var informed []int
			for i := range 2 { // the second time on the same connection
				req := newRequest(test.method, "http://a.example/")
				req.Informational = func(code int, _ http.Header) { informed = append(informed, code) }
				d := w.send(req)
				resp := deferredtest.SuccessResultOf(t, d)
				if resp.Version != "HTTP/2.0" || resp.Code != test.code || resp.Phrase != http.StatusText(test.code) || resp.Length != test.length || resp.Stream != uint32(1+2*i) {
					t.Errorf("got %v with %d bytes on stream %d", resp, resp.Length, resp.Stream)
				}
				w.wantBody(d, test.body)
				if fmt.Sprint(resp.Trailer) != fmt.Sprint(test.trailer) {
					t.Errorf("trailers %v, want %v", resp.Trailer, test.trailer)
				}
			}
			if test.name == "interim responses" != (fmt.Sprint(informed) == "[103 199 103 199]") {
				t.Errorf("informed of %v", informed)
			}
			w.wantStreams(0)
		})
	}
}

// TestHTTP2Requests checks what the server gets.
func TestHTTP2Requests(t *testing.T) {
	many := strings.Repeat("0123456789", 50_000)
	for _, test := range []struct {
		name    string
		change  func(r *request.Request)
		head    string // method, authority, path
		length  int64
		headers string
		body    string
	}{
		{"GET", nil, "GET a.example /", 0, "", ""},
		{"a path", func(r *request.Request) { r.URL.Path, r.URL.RawQuery = "/b c", "d=e" }, "GET a.example /b%20c?d=e", 0, "", ""},
		{"another port", func(r *request.Request) { r.URL.Host = "a.example:8080" }, "GET a.example:8080 /", 0, "", ""},
		{"another Host", func(r *request.Request) { r.Header.Set("Host", "b.example") }, "GET b.example /", 0, "", ""},
		{"headers of the connection", func(r *request.Request) {
			for _, name := range []string{"Connection", "Keep-Alive", "Proxy-Connection", "Te"} {
				r.Header.Set(name, "x")
			}
		}, "GET a.example /", 0, "", ""},
		{"headers", func(r *request.Request) { r.Header["X-A"] = []string{"1", "2"} }, "GET a.example /", 0, "X-A: 1, 2", ""},
		{"cookies", func(r *request.Request) { r.Header.Set("Cookie", "a=1; b=2") }, "GET a.example /", 0, "Cookie: a=1; b=2", ""},
		{"POST of nothing", func(r *request.Request) { r.Method = "POST" }, "POST a.example /", 0, "", ""},
		{"no bytes", func(r *request.Request) { r.Method, r.Body = "PUT", request.Bytes(nil) }, "PUT a.example /", 0, "", ""},
		{"bytes", func(r *request.Request) { r.Method, r.Body = "PUT", request.Bytes("text") }, "PUT a.example /", 4, "", "text"},
		{"a window of bytes", func(r *request.Request) { r.Method, r.Body = "PUT", request.Bytes(many[:65535]) }, "PUT a.example /", 65535, "", many[:65535]},
		{"many bytes", func(r *request.Request) { r.Method, r.Body = "PUT", request.Bytes(many) }, "PUT a.example /", int64(len(many)), "", many},
		{"a producer", func(r *request.Request) {
			r.Method, r.Body = "PUT", &producer{length: 5, writes: []string{"he", "", "llo"}}
		}, "PUT a.example /", 5, "", "hello"},
		{"a producer of nothing", func(r *request.Request) { r.Method, r.Body = "PUT", &producer{length: 0} }, "PUT a.example /", 0, "", ""},
		{"an unknown length", func(r *request.Request) {
			r.Method, r.Body = "PUT", &producer{length: -1, writes: []string{"he", many, "llo"}}
		}, "PUT a.example /", -1, "", "he" + many + "llo"},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := newHTTP2World(t, agent.PoolConfig{})
			req := newRequest("GET", "http://a.example/")
			if test.change != nil {
				test.change(req)
			}
			d := w.send(req)
			s := w.conn(0).request(0)
			if got := s.head.Method + " " + s.head.Header.Get("Host") + " " + s.head.Path; got != test.head || s.head.Scheme != "http" {
				t.Errorf("got %s by %s", got, s.head.Scheme)
			}
			if s.head.Length != test.length || string(s.body) != test.body || !s.ended {
				t.Errorf("got %d bytes, announced %d, complete: %v", len(s.body), s.head.Length, s.ended)
			}
			delete(s.head.Header, "Host")
			delete(s.head.Header, "Content-Length")
			var headers []string
			for name, values := range s.head.Header {
				headers = append(headers, name+": "+strings.Join(values, ", "))
			}
			if got := strings.Join(headers, "\n"); got != test.headers {
				t.Errorf("headers %q, want %q", got, test.headers)
			}
			w.conn(0).do(func() { greet(s) })
			w.wantBody(d, "hello")
			w.wantStreams(0)
		})
	}
}

// TestHTTP2Together has many requests at once on one connection, answered in another order.
func TestHTTP2Together(t *testing.T) {
	w := newHTTP2World(t, agent.PoolConfig{})
	const n = 90
	var all []*deferred.Deferred[*response.Response]
	for i := range n {
		all = append(all, w.agent.Request(newRequest("GET", fmt.Sprintf("http://a.example/%d", i))))
	}
	w.r.Pump()
	c := w.conn(0)
	if len(w.conns) != 1 || len(c.served) != n {
		t.Fatalf("%d connections, %d requests", len(w.conns), len(c.served))
	}
	w.wantStreams(n)
	c.do(func() {
		for _, s := range slices.Backward(c.served) {
			s.respond(200, false)
			s.write(s.head.Path, false)
		}
	})
	c.do(func() {
		for _, s := range c.served {
			s.write(" end", true)
		}
	})
	for i, d := range all {
		w.wantBody(d, fmt.Sprintf("/%d end", i))
	}
	w.wantStreams(0)
}

// TestHTTP2Expect has what a server can say instead of, or after, a 100.
func TestHTTP2Expect(t *testing.T) {
	for _, test := range []struct {
		name   string
		then   func(w *http2World, s *http2Served)
		code   int
		body   string // that the last request has in the end
		served int
		reset  bool
	}{
		{"100", func(w *http2World, s *http2Served) {
			w.conn(0).do(func() { s.c.machine.Inform(&s.stream, 100, nil) })
			w.conn(0).do(func() { greet(s) })
		}, 200, "text", 1, false},
		{"no 100", func(w *http2World, s *http2Served) { w.r.RunFor(time.Second); w.conn(0).do(func() { greet(s) }) }, 200, "text", 1, false},
		{"an answer", func(w *http2World, s *http2Served) { w.conn(0).do(func() { s.respond(413, true) }) }, 413, "", 1, true},
		{"417", func(w *http2World, s *http2Served) {
			w.conn(0).do(func() { s.respond(417, true) })
			last := w.conn(0).request(1)
			if last.head.Header.Get("Expect") != "" {
				w.t.Error("Expect was sent again")
			}
			w.conn(0).do(func() { greet(last) })
		}, 200, "text", 2, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := newHTTP2World(t, agent.PoolConfig{})
			req := newRequest("PUT", "http://a.example/")
			req.Body, req.ExpectContinue = request.Bytes("text"), time.Second
			d := w.send(req)
			s := w.conn(0).request(0)
			if s.head.Header.Get("Expect") != "100-continue" || len(s.body) != 0 {
				t.Errorf("got %v with %q", s.head.Header, s.body)
			}
			test.then(w, s)
			if resp := deferredtest.SuccessResultOf(t, d); resp.Code != test.code {
				t.Errorf("got %d", resp.Code)
			}
			c := w.conn(0)
			if last := c.request(test.served - 1); string(last.body) != test.body {
				t.Errorf("the server got %q", last.body)
			}
			if (s.reset != nil) != test.reset || s.reset != nil && s.reset.Code != wire.Cancel {
				t.Errorf("the first stream was reset by %v", s.reset)
			}
			w.wantStreams(0)
		})
	}
}

// TestHTTP2SlowReader: a body whose reader is paused stops at its window, and the other ones go
// on.
func TestHTTP2SlowReader(t *testing.T) {
	w := newHTTP2World(t, agent.PoolConfig{})
	slow, fast := w.get("/slow"), w.get("/fast")
	c := w.conn(0)
	whole := bytes.Repeat([]byte("0123456789abcdef"), 256<<10/16*3)
	sent := 0
	send := func(s *http2Served, left []byte) []byte {
		for len(left) != 0 {
			n := min(c.machine.Room(&s.stream), len(left))
			if n == 0 {
				return left
			}
			c.do(func() { c.machine.WriteData(&s.stream, left[:n], n == len(left)) })
			left = left[n:]
		}
		return nil
	}
	c.do(func() { c.request(0).respond(200, false); c.request(1).respond(200, false) })
	reader := new(bodytest.Reader)
	reader.OnData = func(string) { reader.PauseProducing() }
	deferredtest.SuccessResultOf(t, slow).DeliverBody(reader)
	left := send(c.request(0), whole)
	if sent = len(whole) - len(left); sent < 256<<10 || sent > 512<<10 {
		t.Errorf("the server could send %d bytes to a paused reader", sent)
	}
	other := new(bodytest.Reader)
	deferredtest.SuccessResultOf(t, fast).DeliverBody(other)
	if left := send(c.request(1), whole); left != nil || !bytes.Equal(other.Got, whole) || other.Err() != response.ErrDone {
		t.Errorf("the other body: %d bytes are left, got %d, %v", len(left), len(other.Got), other.Err())
	}
	reader.OnData = nil
	reader.ResumeProducing()
	w.r.Pump()
	for range 10 {
		left = send(c.request(0), left)
	}
	if !bytes.Equal(reader.Got, whole) || reader.Err() != response.ErrDone {
		t.Errorf("got %d bytes, %v", len(reader.Got), reader.Err())
	}
	w.wantStreams(0)
}

// TestHTTP2PausedReader has what happens to a body while its reader is paused, or stops.
func TestHTTP2PausedReader(t *testing.T) {
	boom := errors.New("boom")
	for _, test := range []struct {
		name string
		then func(w *http2World, s *http2Served, reader *bodytest.Reader)
		told string // but for the last
		is   error  // of the end
	}{
		{"the end", func(w *http2World, s *http2Served, reader *bodytest.Reader) {
			s.c.do(func() { s.write("b", true) })
			w.wantStreams(0)
			reader.ResumeProducing()
		}, "made|a|b", response.ErrDone},
		{"a reset", func(w *http2World, s *http2Served, reader *bodytest.Reader) {
			s.c.do(func() { s.write("b", false); s.c.machine.Reset(&s.stream, wire.InternalError) })
			w.wantStreams(0)
			reader.ResumeProducing()
		}, "made|a|b", wire.InternalError},
		{"the loss of the connection", func(w *http2World, s *http2Served, reader *bodytest.Reader) {
			s.c.do(func() { s.write("b", false) })
			s.c.close()
			reader.ResumeProducing()
		}, "made|a|b", reactor.ErrConnectionDone},
		{"its end, and the loss of the connection", func(w *http2World, s *http2Served, reader *bodytest.Reader) {
			s.c.do(func() { s.write("b", true) })
			s.c.close()
			reader.ResumeProducing()
		}, "made|a|b", response.ErrDone},
		{"it stops", func(w *http2World, s *http2Served, reader *bodytest.Reader) {
			s.c.do(func() { s.write("b", false) })
			reader.StopProducing()
			w.r.Pump()
			if s.reset == nil || s.reset.Code != wire.Cancel {
				w.t.Errorf("reset: %v", s.reset)
			}
		}, "made|a", reactor.ErrConnectionAborted},
		{"it stops when it is resumed", func(w *http2World, s *http2Served, reader *bodytest.Reader) {
			s.c.do(func() { s.write("b", false) })
			reader.OnData = func(string) { reader.StopProducing() }
			reader.ResumeProducing()
		}, "made|a|b", reactor.ErrConnectionAborted},
		{"it panics when it is resumed", func(w *http2World, s *http2Served, reader *bodytest.Reader) {
			s.c.do(func() { s.write("b", false) })
			reader.OnData = func(string) { panic(boom) }
			reader.ResumeProducing()
		}, "made|a|b", boom},
		{"it is resumed and pauses", func(w *http2World, s *http2Served, reader *bodytest.Reader) {
			s.c.do(func() { s.write("b", false) })
			reader.OnData = func(string) { reader.PauseProducing() }
			reader.ResumeProducing()
			s.c.do(func() { s.write("c", true) })
			reader.ResumeProducing()
			reader.ResumeProducing()
		}, "made|a|b|c", response.ErrDone},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := newHTTP2World(t, agent.PoolConfig{})
			d, beside := w.get("/a"), w.get("/beside")
			s := w.conn(0).request(0)
			reader := new(bodytest.Reader)
			reader.OnData = func(string) { reader.PauseProducing() }
			s.c.do(func() { s.respond(200, false) })
			deferredtest.SuccessResultOf(t, d).DeliverBody(reader)
			s.c.do(func() { s.write("a", false) })
			if w.conn(0).lost == nil && test.name != "the loss of the connection" && test.name != "its end, and the loss of the connection" {
				s.c.do(func() { greet(s.c.request(1)) })
				w.wantBody(beside, "hello")
			} else {
				beside.AddBoth(func(*response.Response, error) (*response.Response, error) { return nil, nil })
			}
			test.then(w, s, reader)
			w.r.Pump()
			if got := strings.Join(reader.Told[:max(0, len(reader.Told)-len(reader.Lost))], "|"); got != test.told || len(reader.Lost) != 1 || !errors.Is(reader.Err(), test.is) {
				t.Errorf("told %q and %v, want %q and %v", got, reader.Lost, test.told, test.is)
			}
			if failed := new(response.FailedError); test.is != response.ErrDone && !errors.As(reader.Err(), &failed) {
				t.Errorf("%v is no FailedError", reader.Err())
			}
		})
	}
}

// TestHTTP2Upload: a producer is paused while the server takes no more, and the others go on.
func TestHTTP2Upload(t *testing.T) {
	w := newHTTP2World(t, agent.PoolConfig{})
	p := &producer{length: -1, open: true}
	req := newRequest("PUT", "http://a.example/slow")
	req.Body = p
	w.accept = func(*http2Conn) {}
	d := w.send(req)
	c := w.conn(0)
	s := c.request(0)
	s.slow = true
	piece := strings.Repeat("x", 10<<10)
	wrote := 0
	for len(p.told) == 0 && wrote < 1<<20 {
		p.to.Write([]byte(piece))
		wrote += len(piece)
		w.r.Pump()
	}
	p.wantTold(t, "pause")
	if len(s.body) != 64<<10 || wrote > 128<<10+2*len(piece) {
		t.Errorf("the server got %d bytes of %d", len(s.body), wrote)
	}
	c.do(func() { greet(c.request(0)) }) // an early answer does not end here: it ends the upload
	deferredtest.SuccessResultOf(t, d)
	p.wantTold(t, "pause stop")
	if s.reset == nil || s.reset.Code != wire.Cancel {
		t.Errorf("the stream was reset by %v", s.reset)
	}
	w.wantStreams(0)

	again := newRequest("PUT", "http://a.example/")
	again.Body = &producer{length: -1, open: true}
	p = again.Body.(*producer)
	d = w.send(again)
	s = c.request(1)
	s.slow = true
	p.to.Write(bytes.Repeat([]byte("y"), 200<<10))
	w.r.Pump()
	p.wantTold(t, "pause")
	other := w.get("/beside")
	c.do(func() { greet(c.request(2)) })
	w.wantBody(other, "hello")
	s.slow = false
	c.do(func() { c.machine.Consumed(&s.stream, len(s.body)) })
	p.wantTold(t, "pause resume")
	p.done.Callback(deferred.None{})
	w.r.Pump()
	if len(s.body) != 200<<10 || !s.ended {
		t.Errorf("the server got %d bytes, complete: %v", len(s.body), s.ended)
	}
	c.do(func() { greet(s) })
	w.wantBody(d, "hello")
	w.wantStreams(0)
}

// TestHTTP2UploadsTogether: bodies of all kinds share a connection and its window.
func TestHTTP2UploadsTogether(t *testing.T) {
	w := newHTTP2World(t, agent.PoolConfig{})
	w.config.StreamWindow, w.config.MaxStreamWindow = 20_000, 20_000
	var all []*deferred.Deferred[*response.Response]
	for i := range 6 {
		req := newRequest("PUT", fmt.Sprintf("http://a.example/%d", i))
		text := strings.Repeat(string(rune('a'+i)), 300_000+i)
		switch i % 3 {
		case 0:
			req.Body = request.Bytes(text)
		case 1:
			req.Body = &producer{length: int64(len(text)), writes: []string{text}}
		case 2:
			req.Body = &producer{length: -1, writes: []string{text[:1], text[1:]}}
		}
		all = append(all, w.agent.Request(req))
	}
	w.r.Pump()
	c := w.conn(0)
	for _, s := range c.served {
		i, err := strconv.Atoi(s.head.Path[1:]) // a body that can be sent only once waits for the settings
		if err != nil {
			t.Fatal(err)
		}
		want := 300_000 + i
		if len(s.body) != want || !s.ended || strings.Trim(string(s.body), string(rune('a'+i))) != "" {
			t.Errorf("body %d: %d bytes of %d, complete: %v", i, len(s.body), want, s.ended)
		}
	}
	c.do(func() {
		for _, s := range c.served {
			greet(s)
		}
	})
	for _, d := range all {
		w.wantBody(d, "hello")
	}
	w.wantStreams(0)
}

// TestHTTP2FullTransport: while the transport takes no more, no body is read from its producer.
func TestHTTP2FullTransport(t *testing.T) {
	w := newHTTP2World(t, agent.PoolConfig{})
	w.config.MaxBuffered, w.config.StreamWindow, w.config.MaxStreamWindow = 8<<20, 4<<20, 4<<20
	first := w.get("/") // brings the server's settings
	c := w.conn(0)
	c.do(func() { greet(c.request(0)) })
	w.wantBody(first, "hello")
	c.PauseProducing()
	p := &producer{length: -1, open: true}
	req := newRequest("PUT", "http://a.example/")
	req.Body = p
	d := w.send(req)
	wrote := 0
	for len(p.told) == 0 && wrote < 3<<20 {
		p.to.Write(bytes.Repeat([]byte("x"), 16<<10))
		wrote += 16 << 10
		w.r.Pump()
	}
	if p.wantTold(t, "pause"); wrote > 1<<20 {
		t.Errorf("wrote %d bytes before the pause", wrote)
	}
	c.ResumeProducing()
	w.r.Pump()
	p.wantTold(t, "pause resume")
	p.done.Callback(deferred.None{})
	w.r.Pump()
	s := c.request(1)
	if len(s.body) != wrote || !s.ended {
		t.Errorf("the server got %d of %d bytes", len(s.body), wrote)
	}
	c.do(func() { greet(s) })
	w.wantBody(d, "hello")
}

// TestHTTP2Cancel has the states in which a request can be cancelled. Another request goes on.
func TestHTTP2Cancel(t *testing.T) {
	for _, test := range []struct {
		name  string
		body  bool
		then  func(w *http2World, s *http2Served)
		early bool // cancelled in the same turn
		reset bool
	}{
		{"at once", false, nil, true, true},
		{"when it is sent", false, nil, false, true},
		{"during the upload", true, nil, false, true},
		{"after an interim response", false, func(w *http2World, s *http2Served) {
			s.c.do(func() { s.c.machine.Inform(&s.stream, 103, nil) })
		}, false, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := newHTTP2World(t, agent.PoolConfig{})
			first := w.get("/first")
			req := newRequest("PUT", "http://a.example/")
			p := &producer{length: -1, open: true, writes: []string{"text"}}
			if test.body {
				req.Body = p
			}
			d := w.agent.Request(req)
			if !test.early {
				w.r.Pump()
			}
			if test.then != nil {
				test.then(w, w.conn(0).request(1))
			}
			d.Cancel()
			if err := deferredtest.FailureResultOf(t, d); !errors.Is(err, deferred.ErrCancelled) {
				t.Error(err)
			}
			if test.body {
				p.wantTold(t, "stop")
			}
			w.r.Pump()
			c := w.conn(0)
			if len(c.served) > 1 {
				if s := c.request(1); s.reset == nil || s.reset.Code != wire.Cancel {
					t.Errorf("reset by %v", s.reset)
				}
			}
			w.wantStreams(1)
			c.do(func() { greet(c.request(0)) })
			w.wantBody(first, "hello")
			w.wantStreams(0)
		})
	}
}

// TestHTTP2Unread: a response that is dropped unread is reset, and nothing else.
func TestHTTP2Unread(t *testing.T) {
	w := newHTTP2World(t, agent.PoolConfig{})
	d, other := w.get("/dropped"), w.get("/other")
	c := w.conn(0)
	c.do(func() {
		s := c.request(0)
		s.respond(200, false)
		s.write("begin", false)
		o := c.request(1)
		o.respond(200, false)
	})
	deferredtest.SuccessResultOf(t, d)
	d = nil
	garbage.Collect()
	w.r.Pump()
	if s := c.request(0); s.reset == nil || s.reset.Code != wire.Cancel {
		t.Errorf("reset by %v", s.reset)
	}
	c.do(func() { c.request(1).write("hello", true) })
	w.wantBody(other, "hello")
	w.wantStreams(0)
}

// TestHTTP2Lost has the ways in which a connection can be lost, and what comes of the requests on
// it.
func TestHTTP2Lost(t *testing.T) {
	for _, test := range []struct {
		name    string
		method  string
		used    bool // the connection had answered a request before
		config  agent.PoolConfig
		before  func(s *http2Served)
		lose    func(c *http2Conn)
		again   bool // it is sent again
		is      error
		text    string
		notSent bool
	}{
		{"a new one", "GET", false, agent.PoolConfig{}, nil, (*http2Conn).close, false, reactor.ErrConnectionDone, "GET http://a.example/: the server closed the connection without answering", false},
		{"a new one, reset", "GET", false, agent.PoolConfig{}, nil, (*http2Conn).abort, false, reactor.ErrConnectionReset, "no response: ", false},
		{"a used one", "GET", true, agent.PoolConfig{}, nil, (*http2Conn).close, true, nil, "", false},
		{"a used one, reset", "PUT", true, agent.PoolConfig{}, nil, (*http2Conn).abort, true, nil, "", false},
		{"a used one, POST", "POST", true, agent.PoolConfig{}, nil, (*http2Conn).close, false, reactor.ErrConnectionDone, "without answering", false},
		{"a used one, without retries", "GET", true, agent.PoolConfig{DisableRetry: true}, nil, (*http2Conn).close, false, reactor.ErrConnectionDone, "without answering", false},
		{"a used one, after an interim response", "GET", true, agent.PoolConfig{}, func(s *http2Served) { s.c.machine.Inform(&s.stream, 103, nil) }, (*http2Conn).close, false, reactor.ErrConnectionDone, "the response failed: ", false},
		{"GOAWAY with an error", "GET", false, agent.PoolConfig{}, nil, func(c *http2Conn) {
			c.do(func() { c.machine.GoAway(wire.EnhanceYourCalm, "too many") })
			c.close()
		}, false, wire.EnhanceYourCalm, `the peer ended the HTTP/2 connection: ENHANCE_YOUR_CALM: "too many"`, false},
		{"not HTTP/2", "GET", false, agent.PoolConfig{}, nil, func(c *http2Conn) {
			c.Write([]byte("\x00\x00\x04\x08\x00\x00\x00\x00\x00\x00\x00\x00\x00"))
			c.w.r.Pump()
		}, false, wire.ProtocolError, "the HTTP/2 connection failed: PROTOCOL_ERROR", false},
		{"within a frame", "GET", false, agent.PoolConfig{}, nil, func(c *http2Conn) { c.Write([]byte("\x00\x00")); c.close() }, false, wire.ErrPartialFrame, "", false},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := newHTTP2World(t, test.config)
			if test.used {
				w.answer = greet
				w.wantBody(w.get("/first"), "hello")
				w.answer = nil
			}
			req := newRequest(test.method, "http://a.example/")
			if test.method != "GET" {
				req.Body = request.Bytes("text")
			}
			d := w.send(req)
			c := w.conn(0)
			s := c.served[len(c.served)-1]
			if test.before != nil {
				c.do(func() { test.before(s) })
			}
			test.lose(c)
			w.r.Pump()
			if test.again {
				s := w.conn(1).request(0)
				if want := map[bool]string{false: "text", true: ""}[test.method == "GET"]; string(s.body) != want {
					t.Errorf("the body is %q the second time", s.body)
				}
				s.c.do(func() { greet(s) })
				w.wantBody(d, "hello")
				return
			}
			err := deferredtest.FailureResultOf(t, d)
			var named *agent.RequestError
			if !errors.Is(err, test.is) || !strings.Contains(err.Error(), test.text) || !errors.As(err, &named) || named.NotSent != test.notSent {
				t.Errorf("got %v", err)
			}
			if c.lost == nil {
				t.Error("the connection is open")
			}
		})
	}
}

// TestHTTP2LostBodies: the bodies that are not complete fail with their connection.
func TestHTTP2LostBodies(t *testing.T) {
	w := newHTTP2World(t, agent.PoolConfig{})
	d := w.get("/a")
	c := w.conn(0)
	c.do(func() { c.request(0).respond(200, false); c.request(0).write("part", false) })
	reader := new(bodytest.Reader)
	deferredtest.SuccessResultOf(t, d).DeliverBody(reader)
	c.close()
	if err := reader.Err(); string(reader.Got) != "part" || !errors.Is(err, wire.ErrPartialBody) || !errors.Is(err, reactor.ErrConnectionDone) || !strings.HasPrefix(err.Error(), "GET http://a.example/a: ") {
		t.Errorf("got %q, %v", reader.Got, err)
	}
}

// TestHTTP2GoAway: a GOAWAY lets the requests that it names end, and sends the others again.
func TestHTTP2GoAway(t *testing.T) {
	w := newHTTP2World(t, agent.PoolConfig{})
	kept := w.get("/kept")
	c := w.conn(0)
	c.deaf = true
	req := newRequest("POST", "http://a.example/left")
	req.Body = request.Bytes("text")
	left := w.send(req)
	producers := newRequest("POST", "http://a.example/lost")
	p := &producer{length: -1, writes: []string{"text"}}
	producers.Body = p
	lost := w.send(producers)
	c.do(func() { c.machine.GoAway(wire.NoError, "bye") })
	if len(w.conns) != 2 {
		t.Fatalf("%d connections", len(w.conns))
	}
	s := w.conn(1).request(0)
	if s.head.Path != "/left" || string(s.body) != "text" {
		t.Errorf("got %s with %q", s.head.Path, s.body)
	}
	err := deferredtest.FailureResultOf(t, lost)
	var named *agent.RequestError
	if !errors.As(err, &named) || !named.NotSent || !errors.Is(err, wire.RefusedStream) || !strings.Contains(err.Error(), "bye") || !agent.Temporary(err) {
		t.Errorf("got %v", err)
	}
	next := w.get("/next")
	if got := w.conn(1).request(1).head.Path; got != "/next" {
		t.Errorf("the next request is %s", got)
	}
	w.conn(1).do(func() { greet(s); greet(w.conn(1).request(1)) })
	w.wantBody(left, "hello")
	w.wantBody(next, "hello")
	c.do(func() { greet(c.request(0)) })
	w.wantBody(kept, "hello")
	if c.lost == nil {
		t.Error("the connection that goes away is open")
	}
	w.wantStreams(0)
}

// TestHTTP2GoAwayIdle: an unused connection that goes away is closed.
func TestHTTP2GoAwayIdle(t *testing.T) {
	w := newHTTP2World(t, agent.PoolConfig{})
	w.answer = greet
	w.wantBody(w.get("/"), "hello")
	c := w.conn(0)
	c.do(func() { c.machine.GoAway(wire.NoError, "") })
	if c.lost == nil {
		t.Error("the connection is open")
	}
	w.wantBody(w.get("/"), "hello")
	if len(w.conns) != 2 {
		t.Errorf("%d connections", len(w.conns))
	}
}

// TestHTTP2Refused: a request that the server refuses is sent again, but not for ever.
func TestHTTP2Refused(t *testing.T) {
	for _, method := range []string{"GET", "POST"} {
		for _, refusals := range []int{1, 5, 6} {
			t.Run(fmt.Sprint(method, refusals), func(t *testing.T) {
				w := newHTTP2World(t, agent.PoolConfig{})
				count := -1 // the first one brings the settings
				w.answer = func(s *http2Served) {
					if count++; count > 0 && count <= refusals {
						s.c.machine.Reset(&s.stream, wire.RefusedStream)
						return
					}
					greet(s)
				}
				w.wantBody(w.get("/first"), "hello")
				req := newRequest(method, "http://a.example/")
				if method == "POST" {
					req.Body = request.Bytes("text")
				}
				d := w.send(req)
				if refusals <= 5 {
					w.wantBody(d, "hello")
				} else {
					err := deferredtest.FailureResultOf(t, d)
					var named *agent.RequestError
					if !errors.As(err, &named) || !named.NotSent || !errors.Is(err, wire.RefusedStream) || !agent.Temporary(err) {
						t.Errorf("got %v", err)
					}
				}
				if len(w.conns) != 1 {
					t.Errorf("%d connections", len(w.conns))
				}
				w.wantStreams(0)
			})
		}
	}
}

// TestHTTP2Reset has the codes with which a server can reset a request.
func TestHTTP2Reset(t *testing.T) {
	for _, code := range []wire.Code{wire.NoError, wire.ProtocolError, wire.InternalError, wire.Cancel, wire.EnhanceYourCalm, 99} {
		t.Run(code.String(), func(t *testing.T) {
			w := newHTTP2World(t, agent.PoolConfig{})
			d, other := w.get("/"), w.get("/other")
			c := w.conn(0)
			c.do(func() { c.machine.Reset(&c.request(0).stream, code) })
			err := deferredtest.FailureResultOf(t, d)
			var stream *wire.StreamError
			if !errors.As(err, &stream) || stream.Stream != 1 || !stream.Remote || !errors.Is(err, code) || !strings.HasPrefix(err.Error(), "GET http://a.example/: ") {
				t.Errorf("got %v", err)
			}
			c.do(func() { greet(c.request(1)) })
			w.wantBody(other, "hello")
			w.wantStreams(0)
		})
	}
}

// TestHTTP2CutShort: a body that is not complete says so, as over HTTP/1.1, however it ends. A response that has no content is
// complete with its head.
func TestHTTP2CutShort(t *testing.T) {
	for name, cut := range map[string]func(c *http2Conn){
		"reset":            func(c *http2Conn) { c.do(func() { c.machine.Reset(&c.request(0).stream, wire.InternalError) }) },
		"reset by NoError": func(c *http2Conn) { c.do(func() { c.machine.Reset(&c.request(0).stream, wire.NoError) }) },
		"closed":           (*http2Conn).close,
		"aborted":          (*http2Conn).abort,
		"gone away":        func(c *http2Conn) { c.do(func() { c.machine.GoAway(wire.InternalError, "oops") }); c.close() },
	} {
		for _, answer := range []struct {
			method string
			code   int
			empty  bool // it has no content
		}{{"GET", 200, false}, {"POST", 200, false}, {"HEAD", 200, true}, {"GET", 204, true}, {"GET", 304, true}} {
			t.Run(fmt.Sprint(name, answer), func(t *testing.T) {
				w := newHTTP2World(t, agent.PoolConfig{})
				d := w.send(newRequest(answer.method, "http://a.example/"))
				c := w.conn(0)
				c.do(func() {
					c.request(0).respond(answer.code, false)
					if !answer.empty {
						c.request(0).write("part", false)
					}
				})
				content := deferredtest.SuccessResultOf(t, d).Content()
				cut(c)
				if answer.empty {
					deferredtest.SuccessResultOf(t, content)
					return
				}
				err := deferredtest.FailureResultOf(t, content)
				if !errors.Is(err, wire.ErrPartialBody) || !errors.As(err, new(*response.FailedError)) || !agent.Temporary(err) {
					t.Errorf("got %v", err)
				}
			})
		}
	}
}

// TestHTTP2Malformed: a response that breaks HTTP ends its stream only.
func TestHTTP2Malformed(t *testing.T) {
	w := newHTTP2World(t, agent.PoolConfig{})
	d, other := w.get("/"), w.get("/other")
	c := w.conn(0)
	// HEADERS on stream 1 with the field "a: b", and no :status.
	c.Write([]byte("\x00\x00\x05\x01\x04\x00\x00\x00\x01\x00\x01a\x01b"))
	w.r.Pump()
	err := deferredtest.FailureResultOf(t, d)
	if !errors.Is(err, wire.ProtocolError) || !errors.As(err, new(*wire.StreamError)) || !errors.As(err, new(*response.FailedError)) {
		t.Errorf("got %v", err)
	}
	if s := c.request(0); s.reset == nil || s.reset.Code != wire.ProtocolError {
		t.Errorf("the server was told %v", s.reset)
	}
	c.do(func() { greet(c.request(1)) })
	w.wantBody(other, "hello")
}

// TestHTTP2TooMuch: content beyond what the head allows is not a body that was cut short, and is no success of a HEAD.
func TestHTTP2TooMuch(t *testing.T) {
	for _, method := range []string{"GET", "HEAD"} {
		w := newHTTP2World(t, agent.PoolConfig{})
		d := w.send(newRequest(method, "http://a.example/"))
		c := w.conn(0)
		c.do(func() { c.request(0).respond(200, false, "Content-Length", "4") })
		content := deferredtest.SuccessResultOf(t, d).Content()
		c.Write([]byte("\x00\x00\x05\x00\x00\x00\x00\x00\x01hello"))
		w.r.Pump()
		err := deferredtest.FailureResultOf(t, content)
		if !errors.Is(err, wire.ErrContentLength) || errors.Is(err, wire.ErrPartialBody) || !errors.As(err, new(*response.FailedError)) {
			t.Errorf("%s: got %v", method, err)
		}
	}
}

// TestHTTP2Limit: the requests beyond the server's limit wait, or get a further connection, one at
// a time.
func TestHTTP2Limit(t *testing.T) {
	for _, test := range []struct {
		name        string
		config      agent.PoolConfig
		connections int
	}{
		{"one connection", agent.PoolConfig{MaxConnectionsPerHost: 1}, 1},
		{"two connections", agent.PoolConfig{MaxConnectionsPerHost: 2}, 2},
		{"no bound", agent.PoolConfig{}, 4},
		{"a strict limit", agent.PoolConfig{HTTP2: &http.HTTP2Config{StrictMaxConcurrentRequests: true}}, 1},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := newHTTP2World(t, test.config)
			w.config.MaxStreams = 2
			first := w.get("/first") // brings the settings
			w.conn(0).do(func() { greet(w.conn(0).request(0)) })
			w.wantBody(first, "hello")
			var all []*deferred.Deferred[*response.Response]
			for i := range 8 {
				all = append(all, w.agent.Request(newRequest("GET", fmt.Sprintf("http://a.example/%d", i))))
			}
			w.r.Pump()
			if len(w.conns) != test.connections {
				t.Errorf("%d connections, want %d", len(w.conns), test.connections)
			}
			var order []string
			for range 8 {
				for _, c := range w.conns {
					for _, s := range c.served {
						if !s.stream.Closed() {
							order = append(order, s.head.Path)
							c.do(func() { greet(s) })
							break
						}
					}
				}
			}
			for _, d := range all {
				w.wantBody(d, "hello")
			}
			if test.connections == 1 && strings.Join(order, "") != "/0/1/2/3/4/5/6/7" {
				t.Errorf("the order is %v", order)
			}
			if len(w.conns) != test.connections {
				t.Errorf("%d connections in the end, want %d", len(w.conns), test.connections)
			}
		})
	}
}

// TestHTTP2LimitUnknown: many requests may be on their way before the server's settings come, which
// allow fewer. None of them fails, on the first connection and on further ones.
func TestHTTP2LimitUnknown(t *testing.T) {
	for _, most := range []int{0, 1, 3} {
		w := newHTTP2World(t, agent.PoolConfig{MaxConnectionsPerHost: most})
		w.config.MaxStreams = 1
		w.answer = func(s *http2Served) { w.r.CallLater(time.Second, func() { s.c.do(func() { greet(s) }) }) }
		var all []*deferred.Deferred[*response.Response]
		for range 36 {
			all = append(all, w.agent.Request(newRequest("POST", "http://a.example/")))
		}
		w.r.RunFor(time.Minute)
		for _, d := range all {
			w.wantBody(d, "hello")
		}
	}
}

// TestHTTP2LimitChanges: the server may change its limit.
func TestHTTP2LimitChanges(t *testing.T) {
	w := newHTTP2World(t, agent.PoolConfig{MaxConnectionsPerHost: 1})
	a, b := w.get("/a"), w.get("/b")
	c := w.conn(0)
	settings := func(n byte) {
		c.Write([]byte{0, 0, 6, 4, 0, 0, 0, 0, 0, 0, 3, 0, 0, 0, n})
		w.r.Pump()
	}
	settings(0)
	waits := w.get("/waits")
	if len(c.served) != 2 {
		t.Errorf("%d requests", len(c.served))
	}
	c.do(func() { greet(c.request(0)) })
	w.wantBody(a, "hello")
	if len(c.served) != 2 {
		t.Errorf("%d requests with a limit of 0", len(c.served))
	}
	settings(2)
	if len(c.served) != 3 {
		t.Fatalf("%d requests with a limit of 2", len(c.served))
	}
	c.do(func() { greet(c.request(1)); greet(c.request(2)) })
	w.wantBody(b, "hello")
	w.wantBody(waits, "hello")
	settings(0)
	if c.lost == nil {
		t.Error("an unused connection that takes no requests is open")
	}
}

// TestHTTP2Ping: a connection whose server is silent gets a PING, and is closed if no answer comes.
func TestHTTP2Ping(t *testing.T) {
	t.Run("silent", func(t *testing.T) {
		w := newHTTP2World(t, agent.PoolConfig{})
		d, other := w.get("/"), w.get("/other")
		c := w.conn(0)
		c.deaf = true
		w.r.RunFor(30*time.Second - 1)
		deferredtest.NoResult(t, d)
		w.r.RunFor(1)
		for _, d := range []*deferred.Deferred[*response.Response]{d, other} {
			if err := deferredtest.FailureResultOf(t, d); !errors.Is(err, agent.ErrSilent) || !agent.Temporary(err) {
				t.Error(err)
			}
		}
	})
	t.Run("slow", func(t *testing.T) {
		w := newHTTP2World(t, agent.PoolConfig{})
		d := w.get("/")
		w.r.RunFor(time.Hour)
		c := w.conn(0)
		c.do(func() { greet(c.request(0)) })
		w.wantBody(d, "hello")
	})
	t.Run("unused", func(t *testing.T) {
		w := newHTTP2World(t, agent.PoolConfig{})
		w.answer = greet
		w.wantBody(w.get("/"), "hello")
		w.r.RunFor(time.Minute)
		c := w.conn(0)
		c.deaf = true
		d := w.get("/")
		w.r.RunFor(15*time.Second - 1)
		if len(w.conns) != 1 {
			t.Error("the request was sent again too early")
		}
		w.r.RunFor(1)
		w.wantBody(d, "hello")
		if len(w.conns) != 2 || c.lost == nil {
			t.Errorf("%d connections; the first one: %v", len(w.conns), c.lost)
		}
	})
	t.Run("never", func(t *testing.T) {
		w := newHTTP2World(t, agent.PoolConfig{HTTP2: &http.HTTP2Config{SendPingTimeout: -1}})
		d := w.get("/")
		c := w.conn(0)
		if n := len(w.r.DelayedCalls()); n != 0 {
			t.Errorf("%d delayed calls", n)
		}
		c.deaf = true
		w.r.RunFor(time.Hour)
		c.do(func() { greet(c.request(0)) })
		w.wantBody(d, "hello")
	})
	t.Run("other times", func(t *testing.T) {
		w := newHTTP2World(t, agent.PoolConfig{HTTP2: &http.HTTP2Config{SendPingTimeout: time.Second, PingTimeout: time.Minute}})
		d := w.get("/")
		w.conn(0).deaf = true
		w.r.RunFor(time.Minute)
		deferredtest.NoResult(t, d)
		w.r.RunFor(time.Second)
		if err := deferredtest.FailureResultOf(t, d); !errors.Is(err, agent.ErrSilent) {
			t.Error(err)
		}
	})
}

// TestHTTP2Pool has what the Pool does with connections that carry many requests.
func TestHTTP2Pool(t *testing.T) {
	t.Run("CloseCachedConnections", func(t *testing.T) {
		w := newHTTP2World(t, agent.PoolConfig{})
		d := w.get("/")
		deferredtest.SuccessResultOf(t, w.pool.CloseCachedConnections()) // it is used
		c := w.conn(0)
		c.do(func() { greet(c.request(0)) })
		w.wantBody(d, "hello")
		gone := w.pool.CloseCachedConnections()
		w.r.Pump()
		deferredtest.SuccessResultOf(t, gone)
		if c.lost != reactor.ErrConnectionDone || c.gone == nil || c.gone.Code != wire.NoError {
			t.Errorf("lost: %v, GOAWAY: %v", c.lost, c.gone)
		}
	})
	t.Run("CachedConnectionTimeout", func(t *testing.T) {
		w := newHTTP2World(t, agent.PoolConfig{CachedConnectionTimeout: time.Minute})
		w.answer = greet
		w.wantBody(w.get("/"), "hello")
		w.r.RunFor(time.Minute - 1)
		w.wantStreams(0)
		w.r.RunFor(1)
		w.wantStreams()
	})
	t.Run("DisablePersistent", func(t *testing.T) {
		w := newHTTP2World(t, agent.PoolConfig{DisablePersistent: true})
		a, b := w.get("/a"), w.get("/b")
		if len(w.conns) != 2 {
			t.Fatalf("%d connections", len(w.conns))
		}
		for i, d := range []*deferred.Deferred[*response.Response]{a, b} {
			c := w.conn(i)
			c.do(func() { greet(c.request(0)) })
			w.wantBody(d, "hello")
		}
		w.wantStreams()
	})
	t.Run("Connection: close", func(t *testing.T) {
		w := newHTTP2World(t, agent.PoolConfig{})
		a := w.get("/a")
		b := w.send(newRequest("GET", "http://a.example/b", "Connection", "close"))
		next := w.get("/next")
		c := w.conn(0)
		if len(c.served) != 2 || len(w.conns) != 2 {
			t.Fatalf("%d requests, %d connections", len(c.served), len(w.conns))
		}
		c.do(func() { greet(c.request(1)) })
		w.wantBody(b, "hello")
		c.do(func() { greet(c.request(0)) })
		w.wantBody(a, "hello")
		w.conn(1).do(func() { greet(w.conn(1).request(0)) })
		w.wantBody(next, "hello")
		w.wantStreams(0)
		if c.lost == nil {
			t.Error("the connection is open")
		}
	})
	t.Run("MaxPersistentPerHost", func(t *testing.T) {
		w := newHTTP2World(t, agent.PoolConfig{MaxPersistentPerHost: -1})
		w.answer = greet
		w.wantBody(w.get("/"), "hello")
		w.wantStreams()
	})
	t.Run("no numbers are left", func(t *testing.T) {
		w := newHTTP2World(t, agent.PoolConfig{})
		w.answer = greet
		w.wantBody(w.get("/"), "hello")
		w.pool.UseUpStreams()
		last := w.get("/last")
		if resp := deferredtest.SuccessResultOf(t, last); resp.Stream != 1<<31-1 {
			t.Errorf("the last stream is %d", resp.Stream)
		}
		w.wantBody(last, "hello")
		w.wantBody(w.get("/next"), "hello")
		w.wantStreams(0)
		if len(w.conns) != 2 {
			t.Errorf("%d connections", len(w.conns))
		}
	})
	t.Run("closed while unused", func(t *testing.T) {
		w := newHTTP2World(t, agent.PoolConfig{})
		w.answer = greet
		w.wantBody(w.get("/"), "hello")
		w.conn(0).close()
		w.wantBody(w.get("/"), "hello")
		w.wantStreams(0)
	})
}

// TestHTTP2FirstRequests: the requests that come while the first connection is being made wait for
// it.
func TestHTTP2FirstRequests(t *testing.T) {
	begin := func(t *testing.T, n int) (*http2World, []*deferred.Deferred[*response.Response]) {
		w := newHTTP2World(t, agent.PoolConfig{})
		w.answer = greet
		w.r.HoldConnects()
		var all []*deferred.Deferred[*response.Response]
		for range n {
			all = append(all, w.get("/"))
		}
		return w, all
	}
	t.Run("it succeeds", func(t *testing.T) {
		w, all := begin(t, 5)
		if held := w.r.HeldConnects(); len(held) != 1 {
			t.Errorf("%d attempts", len(held))
		} else {
			held[0].Release()
		}
		for _, d := range all {
			w.wantBody(d, "hello")
		}
		w.wantStreams(0)
	})
	t.Run("it fails", func(t *testing.T) {
		w, all := begin(t, 5)
		for _, a := range w.r.HeldConnects() {
			a.Fail(reactor.ErrConnectionRefused)
		}
		w.r.Pump()
		for _, d := range all {
			err := deferredtest.FailureResultOf(t, d)
			var named *agent.RequestError
			if !errors.As(err, &named) || !named.NotSent || !errors.Is(err, reactor.ErrConnectionRefused) {
				t.Errorf("got %v", err)
			}
		}
		if held := w.r.HeldConnects(); len(held) != 0 {
			t.Errorf("%d attempts are left", len(held))
		}
	})
	t.Run("the first is cancelled", func(t *testing.T) {
		w, all := begin(t, 3)
		all[0].Cancel()
		if err := deferredtest.FailureResultOf(t, all[0]); !errors.Is(err, deferred.ErrCancelled) {
			t.Error(err)
		}
		w.r.ReleaseConnects()
		for _, d := range all[1:] {
			w.wantBody(d, "hello")
		}
		if len(w.conns) != 1 {
			t.Errorf("%d connections", len(w.conns))
		}
	})
	t.Run("all are cancelled", func(t *testing.T) {
		w, all := begin(t, 3)
		for _, d := range all {
			d.Cancel()
			deferredtest.FailureResultOf(t, d)
		}
		w.r.ReleaseConnects()
		w.r.Pump()
		w.wantStreams()
	})
}

// TestHTTP2Errors: what is wrong with a request comes before any connection is made.
func TestHTTP2Errors(t *testing.T) {
	for _, test := range []struct {
		name   string
		change func(r *request.Request)
		is     error
	}{
		{"no method", func(r *request.Request) { r.Method = "" }, wire.ErrMethod},
		{"a header of two lines", func(r *request.Request) { r.Header.Set("A", "b\r\nC: d") }, wire.ErrHeaderValue},
		{"a path with a space", func(r *request.Request) { r.URL.Opaque = "/a b" }, wire.ErrTarget},
		{"a length that makes no sense", func(r *request.Request) { r.Body = &producer{length: -2} }, wire.ErrContentLength},
		{"a pseudo-header", func(r *request.Request) { r.Header[":path"] = []string{"/"} }, wire.ErrHeaderName},
	} {
		for _, used := range []bool{false, true} {
			t.Run(fmt.Sprint(test.name, used), func(t *testing.T) {
				w := newHTTP2World(t, agent.PoolConfig{})
				w.answer = greet
				if used {
					w.wantBody(w.get("/"), "hello")
				}
				req := newRequest("GET", "http://a.example/")
				test.change(req)
				err := deferredtest.FailureResultOf(t, w.send(req))
				var named *agent.RequestError
				if !errors.Is(err, test.is) || !errors.As(err, &named) || !named.NotSent {
					t.Errorf("got %v", err)
				}
				if used {
					w.wantBody(w.get("/"), "hello")
					w.wantStreams(0)
				} else if len(w.conns) != 0 {
					t.Errorf("%d connections", len(w.conns))
				}
			})
		}
	}
}

// TestHTTP2ToHTTP1: a server that speaks HTTP/1.1 only is named.
func TestHTTP2ToHTTP1(t *testing.T) {
	for _, text := range []string{"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n", "HTTP/1.1 505 HTTP Version Not Supported\r\n\r\n"} {
		w := newWorld(t, agent.PoolConfig{})
		w.agent = agent.New(w.r, agent.Config{Pool: w.pool, Protocols: priorKnowledge()})
		d := w.get("http://a.example/")
		w.Conn(0).Send(text)
		err := deferredtest.FailureResultOf(t, d)
		if !strings.Contains(err.Error(), "the server speaks HTTP/1.1 only: agent.Config.Protocols must have HTTP1") || !errors.As(err, new(*wire.ConnectionError)) || agent.Temporary(err) {
			t.Errorf("got %v", err)
		}
	}
}

// TestHTTP2Dump shows the heads as text.
func TestHTTP2Dump(t *testing.T) {
	var out strings.Builder
	w := newHTTP2World(t, agent.PoolConfig{})
	w.use(agent.Config{Dump: &agent.DumpConfig{To: &out}})
	req := newRequest("PUT", "http://a.example/a?token=1", "Authorization", "secret")
	req.Body = request.Bytes("text")
	d, other := w.send(req), w.get("/b")
	c := w.conn(0)
	c.do(func() {
		s := c.request(0)
		s.respond(200, false, "Content-Type", "text/plain")
		s.write("hello", false)
		c.machine.WriteTrailer(&s.stream, http.Header{"X-Sum": {"1"}})
		c.machine.Reset(&c.request(1).stream, wire.InternalError)
	})
	w.wantBody(d, "hello")
	deferredtest.FailureResultOf(t, other)
	c.do(func() { c.machine.GoAway(wire.NoError, "bye") })
	const want = `[1] connected to 192.0.2.1:80
[1.1] > PUT /a?token=xxxxx HTTP/2
[1.1] > Host: a.example
[1.1] > Content-Length: 4
[1.1] > Authorization: xxxxx
[1.1] >
[1.3] > GET /b HTTP/2
[1.3] > Host: a.example
[1.3] >
[1.1] > (4 bytes)
[1.1] < HTTP/2 200
[1.1] < Content-Type: text/plain
[1.1] <
[1.1] < (5 bytes)
[1.1] < X-Sum: 1
[1.1] <
[1.3] < RST_STREAM INTERNAL_ERROR
[1] < GOAWAY NO_ERROR "bye"
[1] closed: connection was closed cleanly
`
	if got := out.String(); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// TestHTTP2Bodies: however a request ends, its body is started or stopped, once.
func TestHTTP2Bodies(t *testing.T) {
	cancel := func(_ *http2World, d *deferred.Deferred[*response.Response]) { d.Cancel() }
	expect := func(r *request.Request) { r.ExpectContinue = time.Second }
	do := func(f func(c *http2Conn, s *http2Served)) func(*http2World, *deferred.Deferred[*response.Response]) {
		return func(w *http2World, _ *deferred.Deferred[*response.Response]) {
			c := w.conn(0)
			c.do(func() { f(c, c.request(0)) })
		}
	}
	for _, test := range []struct {
		name   string
		before func(w *http2World)
		change func(r *request.Request)
		then   func(w *http2World, d *deferred.Deferred[*response.Response])
		starts int
	}{
		{"answered", nil, nil, do(func(_ *http2Conn, s *http2Served) { greet(s) }), 1},
		{"a bad header", nil, func(r *request.Request) { r.Header.Set("A", "\r\n") }, nil, 0},
		{"connection refused", nil, func(r *request.Request) { r.URL.Host = "a.example:81" }, nil, 0},
		{"cancelled while it connects", func(w *http2World) { w.r.HoldConnects() }, nil, cancel, 0},
		{"cancelled while another connects", func(w *http2World) {
			w.r.HoldConnects()
			first := w.get("/first")
			w.t.Cleanup(func() { first.Cancel(); deferredtest.FailureResultOf(w.t, first); w.r.Pump() })
		}, nil, cancel, 0},
		{"cancelled in its queue", func(w *http2World) {
			w.config.MaxStreams = 1
			w.pool = agent.NewPool(w.r, agent.PoolConfig{MaxConnectionsPerHost: 1})
			w.use(agent.Config{})
			first := w.get("/first")
			w.t.Cleanup(func() { first.Cancel(); deferredtest.FailureResultOf(w.t, first); w.r.Pump() })
		}, nil, cancel, 0},
		{"cancelled before the 100", nil, expect, cancel, 0},
		{"cancelled after its body", nil, nil, cancel, 1},
		{"an answer instead of the 100", nil, expect, do(func(_ *http2Conn, s *http2Served) { greet(s) }), 0},
		{"417", nil, expect, do(func(_ *http2Conn, s *http2Served) { s.respond(417, true) }), 1},
		{"reset before the 100", nil, expect, do(func(c *http2Conn, s *http2Served) { c.machine.Reset(&s.stream, wire.InternalError) }), 0},
		{"refused before the 100", nil, expect, do(func(c *http2Conn, s *http2Served) { c.machine.Reset(&s.stream, wire.RefusedStream) }), 0},
		{"lost before the 100", nil, expect, func(w *http2World, _ *deferred.Deferred[*response.Response]) { w.conn(0).close() }, 0},
		{"no 100", nil, expect, func(w *http2World, _ *deferred.Deferred[*response.Response]) { w.r.RunFor(time.Second) }, 1},
		{"100", nil, expect, do(func(c *http2Conn, s *http2Served) { c.machine.Inform(&s.stream, 100, nil) }), 1},
		{"GOAWAY before the 100", nil, expect, func(w *http2World, _ *deferred.Deferred[*response.Response]) {
			c := w.conn(0)
			c.do(func() { c.machine.GoAway(wire.NoError, "") })
		}, 0},
		{"not HTTP/2", nil, expect, func(w *http2World, _ *deferred.Deferred[*response.Response]) {
			w.conn(0).Write([]byte("\x00\x00\x04\x08\x00\x00\x00\x00\x00\x00\x00\x00\x00"))
			w.r.Pump()
		}, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := newHTTP2World(t, agent.PoolConfig{})
			if test.before != nil {
				test.before(w)
			}
			body := newCounted(0)
			req := newRequest("POST", "http://a.example/")
			req.Body = body
			if test.change != nil {
				test.change(req)
			}
			d := w.send(req)
			d.AddBoth(func(*response.Response, error) (*response.Response, error) { return nil, nil })
			if test.then != nil {
				test.then(w, d)
			}
			w.r.Pump()
			if body.started != test.starts {
				t.Errorf("the body was started %d times", body.started)
			}
			d.Cancel()
			w.r.Pump()
			for _, c := range w.conns {
				if c.lost == nil {
					c.close()
				}
			}
			if body.started+body.stopped != 1 {
				t.Errorf("the body was started %d times and stopped %d times", body.started, body.stopped)
			}
		})
	}
}
