package agent_test

import (
	"bytes"
	"testing"

	xhttp2 "golang.org/x/net/http2"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/deferred/deferredtest"
	"github.com/seed-7c003b53/gotreq/treq/agent"
	"github.com/seed-7c003b53/gotreq/treq/request"
	"github.com/seed-7c003b53/gotreq/treq/response"
)

// A windowReader reads what a client sends, and keeps the windows of its streams as a server does: a new size of the windows
// holds from the client's acknowledgement on (RFC 9113, section 6.5.3).
type windowReader struct {
	t       *testing.T
	h       *hostile
	in      bytes.Buffer
	framer  *xhttp2.Framer
	window  int   // of a new stream
	unacked []int // sizes that the client has not acknowledged
	windows map[uint32]int
	got     map[uint32]int // the bytes of each stream
}

func newWindowReader(t *testing.T, c *http2Conn) *windowReader {
	w := &windowReader{t: t, h: newHostile(c), window: 65_535, windows: map[uint32]int{}, got: map[uint32]int{}}
	w.framer = xhttp2.NewFramer(nil, &w.in)
	w.framer.SetMaxReadFrameSize(1 << 20)
	w.h.framer.WriteWindowUpdate(0, 1<<30) // of the connection
	w.unacked = []int{w.window}            // the first settings have no other
	w.h.flush()
	return w
}

// resize makes the windows of all streams n.
func (w *windowReader) resize(n int) {
	w.h.framer.WriteSettings(xhttp2.Setting{ID: xhttp2.SettingInitialWindowSize, Val: uint32(n)})
	w.unacked = append(w.unacked, n)
}

// open opens the window of stream 1 by n.
func (w *windowReader) open(n int) {
	w.h.framer.WriteWindowUpdate(1, uint32(n))
	w.windows[1] += n
}

// read reads what has come, and reports DATA beyond a window.
func (w *windowReader) read() {
	w.t.Helper()
	w.in.Write(bytes.TrimPrefix(w.h.c.raw, []byte(xhttp2.ClientPreface)))
	w.h.c.raw = nil
	for w.in.Len() > 0 {
		f, err := w.framer.ReadFrame()
		if err != nil {
			w.t.Fatal(err)
		}
		id := f.Header().StreamID
		switch f := f.(type) {
		case *xhttp2.HeadersFrame:
			w.windows[id] = w.window
		case *xhttp2.DataFrame:
			n := len(f.Data())
			w.got[id] += n
			if w.windows[id] -= n; n > 0 && w.windows[id] < 0 {
				w.t.Errorf("stream %d: DATA of %d bytes leaves the window %d", id, n, w.windows[id])
			}
		case *xhttp2.SettingsFrame:
			if !f.IsAck() {
				continue
			}
			for id := range w.windows {
				w.windows[id] += w.unacked[0] - w.window
			}
			w.window, w.unacked = w.unacked[0], w.unacked[1:]
		}
	}
}

// TestHTTP2WindowsResized: an upload obeys windows whose sizes change under it, from the acknowledgement on, and uses them up.
func TestHTTP2WindowsResized(t *testing.T) {
	const first = 65_535 // what a client may send before it reads
	// A change is what the server sends at once, and how much of the upload has come then.
	type change struct {
		send func(w *windowReader)
		got  int
	}
	resize := func(sizes ...int) func(w *windowReader) {
		return func(w *windowReader) {
			for _, n := range sizes {
				w.resize(n)
			}
		}
	}
	open := func(n int) func(w *windowReader) { return func(w *windowReader) { w.open(n) } }
	for name, changes := range map[string][]change{
		"lowered":            {{resize(255), first}, {open(first - 256), first}, {open(1), first}, {open(10), first + 10}},
		"closed":             {{resize(0), first}, {open(first), first}, {open(1), first + 1}},
		"lowered and raised": {{resize(255), first}, {resize(first), first}, {resize(first + 10), first + 10}},
		"lowered twice":      {{resize(1000), first}, {resize(0), first}, {open(first), first}, {resize(7), first + 7}},
		"lowered while open": {{open(30_000), first + 30_000}, {resize(0), first + 30_000}, {open(first), first + 30_000}, {open(1), first + 30_001}},
		"lowered and opened at once": {{func(w *windowReader) { w.resize(255); w.open(first) }, first + 255},
			{func(w *windowReader) { w.resize(0); w.open(256) }, first + 256}},
		"opened and lowered at once": {{func(w *windowReader) { w.open(20_000); w.resize(0) }, first}, {open(first), first + 20_000}, {open(1), first + 20_001}},
		"raised and lowered at once": {{resize(first+20_000, 0), first}, {open(first + 20_000), first + 20_000}, {resize(9), first + 20_009}},
	} {
		for kind, body := range map[string]func() request.BodyProducer{
			"one piece": func() request.BodyProducer { return request.Bytes(make([]byte, 300_000)) },
			"pieces":    func() request.BodyProducer { return &piecedBody{piece: make([]byte, 1000), left: 300} },
		} {
			t.Run(name+", "+kind, func(t *testing.T) {
				w := newHTTP2World(t, agent.PoolConfig{})
				var r *windowReader
				w.accept = func(c *http2Conn) { r = newWindowReader(t, c) }
				post := func() *deferred.Deferred[*response.Response] {
					req := newRequest("POST", "http://a.example/")
					req.Body = body()
					d := w.send(req)
					r.read()
					return d
				}
				d := post()
				if r.got[1] != first {
					t.Fatalf("%d bytes come at first, want %d", r.got[1], first)
				}
				for i, change := range changes {
					change.send(r)
					r.h.flush()
					w.r.Pump()
					r.read()
					if r.got[1] != change.got {
						t.Errorf("after change %d: %d bytes, want %d", i, r.got[1], change.got)
					}
				}
				next := post()
				if len(r.unacked) != 0 || r.got[3] != r.window {
					t.Errorf("a new stream has %d bytes, and its window is %d; %d SETTINGS are not acknowledged", r.got[3], r.window, len(r.unacked))
				}
				for _, d := range []*deferred.Deferred[*response.Response]{d, next} {
					d.Cancel()
					w.r.Pump()
					deferredtest.FailureResultOf(t, d)
				}
			})
		}
	}
}
