package agent_test

import (
	"bytes"
	"errors"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"time"

	xhttp2 "golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/deferred/deferredtest"
	"github.com/seed-7c003b53/gotreq/internal/testkit/bodytest"
	"github.com/seed-7c003b53/gotreq/internal/testkit/garbage"
	"github.com/seed-7c003b53/gotreq/treq/agent"
	"github.com/seed-7c003b53/gotreq/treq/request"
	"github.com/seed-7c003b53/gotreq/treq/response"
	"github.com/seed-7c003b53/gotreq/treq/wire"
)

// This file has servers that attack a client over HTTP/2. What one frame may cost is tested in internal/http2; here it is
// what the requests end with, how many connections are made, and that nothing is left.

// A hostile server writes any frames.
type hostile struct {
	c      *http2Conn
	buf    bytes.Buffer
	framer *xhttp2.Framer
	block  bytes.Buffer
	enc    *hpack.Encoder
}

// hostile takes c from its machine. The settings have been sent.
func newHostile(c *http2Conn, settings ...xhttp2.Setting) *hostile {
	h := &hostile{c: c}
	c.off = true
	h.framer = xhttp2.NewFramer(&h.buf, nil)
	h.framer.AllowIllegalWrites = true
	h.enc = hpack.NewEncoder(&h.block)
	h.framer.WriteSettings(settings...)
	h.framer.WriteSettingsAck()
	return h
}

func (h *hostile) headers(id uint32, end bool, fields ...string) *hostile {
	h.block.Reset()
	for i := 0; i < len(fields); i += 2 {
		h.enc.WriteField(hpack.HeaderField{Name: fields[i], Value: fields[i+1]})
	}
	block := bytes.Clone(h.block.Bytes())
	n := min(len(block), 16384)
	h.framer.WriteHeaders(xhttp2.HeadersFrameParam{StreamID: id, EndStream: end, EndHeaders: n == len(block), BlockFragment: block[:n]})
	for block = block[n:]; len(block) > 0; block = block[n:] {
		n = min(len(block), 16384)
		h.framer.WriteContinuation(id, n == len(block), block[:n])
	}
	return h
}

func (h *hostile) data(id uint32, end bool, data string) *hostile {
	h.framer.WriteData(id, end, []byte(data))
	return h
}

func (h *hostile) flush() {
	h.c.Write(h.buf.Bytes())
	h.buf.Reset()
}

// outcome waits for a request and its body.
func (w *http2World) outcome(d *deferred.Deferred[*response.Response]) (body []byte, err error) {
	w.t.Helper()
	done := false
	deferred.Then(d, func(resp *response.Response) *deferred.Deferred[[]byte] { return resp.Content() }).AddBoth(func(b []byte, e error) ([]byte, error) {
		body, err, done = b, e, true
		return nil, nil
	})
	w.r.Pump()
	for range 100 {
		if done {
			break
		}
		w.r.Advance(10 * time.Second)
	}
	if !done {
		w.t.Fatal("the request has not ended")
	}
	return body, err
}

// TestHTTP2HostileServers checks what a request ends with.
func TestHTTP2HostileServers(t *testing.T) {
	ok := func(h *hostile) *hostile { return h.headers(1, false, ":status", "200") }
	for _, c := range []struct {
		name string
		do   func(h *hostile)
		want error // nil: the request succeeds
	}{
		{"good", func(h *hostile) { ok(h).data(1, true, "hello") }, nil},
		{"RST_STREAM after the end", func(h *hostile) { ok(h).data(1, true, "hello").framer.WriteRSTStream(1, 0) }, nil},
		{"interim responses", func(h *hostile) {
			for range 1000 {
				h.headers(1, false, ":status", "103", "link", "</a>")
			}
		}, wire.ErrTooManyInformational},
		{"endless trailers", func(h *hostile) {
			ok(h).framer.WriteHeaders(xhttp2.HeadersFrameParam{StreamID: 1, EndStream: true})
			for range 1000 {
				h.framer.WriteContinuation(1, false, bytes.Repeat([]byte{0, 1, 'a', 1, 'b'}, 3000))
			}
		}, wire.ErrHeadersTooLarge},
		{"large trailers", func(h *hostile) {
			ok(h).headers(1, true, "a", strings.Repeat("b", 16300), "c", strings.Repeat("%", 5000))
		}, wire.ErrTrailersTooLarge},
		{"large head", func(h *hostile) { h.headers(1, true, ":status", "200", "a", strings.Repeat("%", 130<<10)) }, wire.ErrHeadersTooLarge},
		{"many headers", func(h *hostile) {
			fields := []string{":status", "200"}
			for range 1000 {
				fields = append(fields, "a", "")
			}
			h.headers(1, true, fields...)
		}, wire.ErrTooManyHeaders},
		{"more than Content-Length", func(h *hostile) { h.headers(1, false, ":status", "200", "content-length", "2").data(1, true, "abc") }, wire.ErrContentLength},
		{"less than Content-Length", func(h *hostile) { h.headers(1, false, ":status", "200", "content-length", "5").data(1, true, "abc") }, wire.ErrPartialBody},
		{"push", func(h *hostile) {
			h.framer.WritePushPromise(xhttp2.PushPromiseParam{StreamID: 1, PromiseID: 2, EndHeaders: true})
		}, wire.ErrFrame},
		{"response to no request", func(h *hostile) { h.headers(99, true, ":status", "200") }, wire.ErrStreamState},
		{"response on an even stream", func(h *hostile) { h.headers(2, true, ":status", "200") }, wire.ErrStreamState},
		{"data before the head", func(h *hostile) { h.data(1, true, "a") }, wire.ErrStreamState},
		{"status 101", func(h *hostile) { h.headers(1, false, ":status", "101") }, wire.ErrStatusLine},
		{"no status", func(h *hostile) { h.headers(1, true, "a", "b") }, wire.ErrPseudoHeader},
		{"line break in a header", func(h *hostile) { h.headers(1, true, ":status", "200", "a", "b\r\nc: d") }, wire.ErrHeaderValue},
		{"Transfer-Encoding", func(h *hostile) { h.headers(1, true, ":status", "200", "transfer-encoding", "chunked") }, wire.ErrConnectionHeader},
		{"RST_STREAM", func(h *hostile) { h.framer.WriteRSTStream(1, xhttp2.ErrCodeInternal) }, wire.InternalError},
		{"RST_STREAM in the body", func(h *hostile) { ok(h).data(1, false, "abc").framer.WriteRSTStream(1, xhttp2.ErrCodeCancel) }, wire.Cancel},
		{"GOAWAY with an error", func(h *hostile) {
			h.framer.WriteGoAway(1, xhttp2.ErrCodeInternal, []byte("why"))
			h.flush()
			h.c.LoseConnection()
		}, wire.InternalError},
		{"PING flood", func(h *hostile) {
			for range 10_000 {
				h.framer.WritePing(false, [8]byte{})
			}
		}, wire.ErrFlood},
		{"SETTINGS flood", func(h *hostile) {
			for i := range 1000 {
				h.framer.WriteSettings(xhttp2.Setting{ID: xhttp2.SettingMaxConcurrentStreams, Val: uint32(i)}, xhttp2.Setting{ID: xhttp2.SettingInitialWindowSize, Val: uint32(i)})
			}
		}, wire.ErrFlood},
		{"empty DATA", func(h *hostile) {
			for ok(h); h.buf.Len() < 100_000; {
				h.data(1, false, "")
			}
		}, wire.ErrFlood},
		{"window overflow", func(h *hostile) { h.framer.WriteWindowUpdate(0, 1<<31-1) }, wire.ErrFlowControl},
		{"bad field block", func(h *hostile) {
			h.framer.WriteHeaders(xhttp2.HeadersFrameParam{StreamID: 1, EndHeaders: true, BlockFragment: []byte{0x80}})
		}, wire.ErrHeaderBlock},
		{"huge frame", func(h *hostile) { h.buf.Write([]byte{0xff, 0xff, 0xff, 0, 0, 0, 0, 0, 1}) }, wire.ErrFrameSize},
		{"silence", func(h *hostile) { h.buf.Reset() }, errAny},
		{"silence after the settings", func(h *hostile) {}, errAny},
		{"an endless head", func(h *hostile) { ok(h).framer.WriteHeaders(xhttp2.HeadersFrameParam{StreamID: 1}) }, errAny},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newHTTP2World(t, agent.PoolConfig{})
			w.accept = func(conn *http2Conn) {
				h := newHostile(conn)
				conn.Reactor().CallLater(0, func() { c.do(h); h.flush() })
			}
			body, err := w.outcome(w.get("/"))
			switch {
			case c.want == nil && (err != nil || string(body) != "hello"):
				t.Errorf("got %q, %v", body, err)
			case c.want == errAny && err == nil, c.want != nil && c.want != errAny && !errors.Is(err, c.want):
				t.Errorf("got %v, want %v", err, c.want)
			}
			if len(w.conns) > 2 {
				t.Errorf("%d connections were made", len(w.conns))
			}
		})
	}
}

// errAny stands for any error.
var errAny = errors.New("any error")

// TestHTTP2ServersThatRefuse checks that a request that every connection refuses ends soon, however it is refused.
func TestHTTP2ServersThatRefuse(t *testing.T) {
	for name, refuse := range map[string]func(h *hostile){
		"REFUSED_STREAM":           nil, // of every stream
		"GOAWAY before the stream": func(h *hostile) { h.framer.WriteGoAway(0, 0, nil) },
		"GOAWAY with an error":     func(h *hostile) { h.framer.WriteGoAway(0, xhttp2.ErrCodeEnhanceYourCalm, []byte("calm down")) },
		"two GOAWAYs":              func(h *hostile) { h.framer.WriteGoAway(1<<31-1, 0, nil); h.framer.WriteGoAway(0, 0, nil) },
		"GOAWAY and the end":       func(h *hostile) { h.framer.WriteGoAway(0, 0, nil); h.flush(); h.c.LoseConnection() },
	} {
		t.Run(name, func(t *testing.T) {
			w := newHTTP2World(t, agent.PoolConfig{})
			streams := 0
			w.answer = func(s *http2Served) {
				streams++
				s.c.machine.Reset(&s.stream, wire.RefusedStream)
			}
			if refuse != nil {
				w.accept = func(conn *http2Conn) {
					h := newHostile(conn)
					h.flush()
					conn.Reactor().CallLater(0, func() {
						refuse(h)
						h.flush()
					})
				}
			}
			req := newRequest("POST", "http://a.example/")
			req.Body = request.Bytes("hello")
			_, err := w.outcome(w.send(req))
			var failed *agent.RequestError
			if !errors.As(err, &failed) || !failed.NotSent {
				t.Errorf("got %v", err)
			}
			if len(w.conns) > 10 || streams > 10 {
				t.Errorf("%d connections and %d streams were made", len(w.conns), streams)
			}
			t.Logf("%d connections, %d streams, %v", len(w.conns), streams, err)
		})
	}
}

// TestHTTP2NoStreams checks that servers that allow no streams do not make the agent open connections for ever, and that a
// request that waits for one can be cancelled.
func TestHTTP2NoStreams(t *testing.T) {
	w := newHTTP2World(t, agent.PoolConfig{})
	w.accept = func(conn *http2Conn) {
		newHostile(conn, xhttp2.Setting{ID: xhttp2.SettingMaxConcurrentStreams, Val: 0}).flush()
	}
	d := w.get("/")
	for range 60 {
		w.r.Advance(10 * time.Second)
	}
	if len(w.conns) > 20 {
		t.Errorf("%d connections were made in 10 minutes", len(w.conns))
	}
	t.Logf("%d connections", len(w.conns))
	d.Cancel()
	w.r.Pump()
	deferredtest.FailureResultOf(t, d)
}

// TestHTTP2WindowNeverOpened checks that an upload for which the server opens no window waits without keeping more of it,
// and can be cancelled.
func TestHTTP2WindowNeverOpened(t *testing.T) {
	w := newHTTP2World(t, agent.PoolConfig{})
	w.accept = func(conn *http2Conn) {
		h := newHostile(conn, xhttp2.Setting{ID: xhttp2.SettingInitialWindowSize, Val: 0})
		h.flush()
		conn.Reactor().CallLater(time.Second, func() {
			for range 300 {
				h.framer.WriteWindowUpdate(1, 1)
			}
			h.flush()
		})
	}
	req := newRequest("POST", "http://a.example/")
	req.Body = request.Bytes(bytes.Repeat([]byte("a"), 1<<20))
	d := w.send(req)
	w.r.Advance(10 * time.Second)
	if n := len(w.conn(0).raw); n > 65535+10_000 {
		t.Errorf("the client sent %d bytes", n)
	}
	d.Cancel()
	w.r.Pump()
	if err := deferredtest.FailureResultOf(t, d); !errors.Is(err, deferred.ErrCancelled) {
		t.Errorf("got %v", err)
	}
}

// TestHTTP2BodiesThatNobodyReads checks that a server cannot fill the memory with bodies that are not read.
func TestHTTP2BodiesThatNobodyReads(t *testing.T) {
	w := newHTTP2World(t, agent.PoolConfig{})
	var h *hostile
	w.accept = func(conn *http2Conn) { h = newHostile(conn); h.flush() }
	var all []*deferred.Deferred[*response.Response]
	for range 100 {
		all = append(all, w.get("/"))
	}
	garbage.Collect()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for i := range 100 {
		h.headers(uint32(2*i+1), false, ":status", "200")
	}
	for range 60 { // 1 MB for each, as if there were no windows
		for i := range 100 {
			h.data(uint32(2*i+1), false, strings.Repeat("a", 16384))
		}
		h.flush()
		w.r.Pump()
	}
	garbage.Collect()
	runtime.ReadMemStats(&after)
	if kept := int(after.HeapAlloc) - int(before.HeapAlloc); kept > 40<<20 {
		t.Errorf("%d bytes are kept", kept)
	}
	w.conn(0).AbortConnection()
	w.r.Pump()
	for _, d := range all {
		d.AddBoth(func(r *response.Response, err error) (*response.Response, error) {
			if err == nil {
				r.Discard()
			}
			return nil, nil
		})
	}
	w.r.Pump()
}

// TestHTTP2AnswersPileUp checks that a server that asks and does not read gets no more answers than fit.
func TestHTTP2AnswersPileUp(t *testing.T) {
	w := newHTTP2World(t, agent.PoolConfig{HTTP2: &http.HTTP2Config{SendPingTimeout: time.Hour}})
	var h *hostile
	w.accept = func(conn *http2Conn) { h = newHostile(conn); h.flush() }
	d, read := w.get("/"), w.get("/read")
	h.headers(3, false, ":status", "200")
	h.flush()
	w.r.Pump()
	var reader bodytest.Reader
	deferredtest.SuccessResultOf(t, read).DeliverBody(&reader)
	conn := w.conn(0)
	conn.PauseProducing()
	conn.raw = nil
	for range 600 { // 400 PINGs a second for 10 minutes
		for range 400 {
			h.framer.WritePing(false, [8]byte{})
		}
		h.flush()
		w.r.Advance(time.Second)
		reader.ResumeProducing() // it makes the connection read no more than before
	}
	conn.ResumeProducing()
	w.r.Pump()
	if n := len(conn.raw); n > 400_000 {
		t.Errorf("%d bytes of answers had piled up", n)
	}
	d.Cancel()
	conn.AbortConnection()
	w.r.Pump()
	deferredtest.FailureResultOf(t, d)
}
