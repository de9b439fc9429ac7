package agent_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/deferred/deferredtest"
	"github.com/seed-7c003b53/gotreq/internal/http2"
	"github.com/seed-7c003b53/gotreq/reactor"
	"github.com/seed-7c003b53/gotreq/treq/agent"
	"github.com/seed-7c003b53/gotreq/treq/request"
	"github.com/seed-7c003b53/gotreq/treq/response"
)

// A piecedBody writes pieces of one size until it is paused.
type piecedBody struct {
	piece   []byte
	left    int // pieces
	to      request.Consumer
	done    *deferred.Deferred[deferred.None]
	paused  bool
	writing bool
}

func (b *piecedBody) Length() int64 { return request.UnknownLength }

func (b *piecedBody) StartProducing(to request.Consumer) *deferred.Deferred[deferred.None] {
	b.to, b.done = to, deferred.New[deferred.None]()
	b.write()
	return b.done
}

func (b *piecedBody) write() {
	if b.writing {
		return
	}
	b.writing = true
	for !b.paused && b.left > 0 {
		if b.left--; b.left == 0 {
			b.to.Write(b.piece)
			b.done.Callback(deferred.None{})
			break
		}
		b.to.Write(b.piece)
	}
	b.writing = false
}

func (b *piecedBody) PauseProducing()  { b.paused = true }
func (b *piecedBody) ResumeProducing() { b.paused = false; b.write() }
func (b *piecedBody) StopProducing()   { b.left = 0 }

// TestHTTP2UploadPauses: the producer of a body is paused as soon as nothing more can be sent,
// so that no more than a piece waits in memory, and is resumed when there is room.
func TestHTTP2UploadPauses(t *testing.T) {
	const size, pieces, window = 10_000, 30, 65_535
	w := newHTTP2World(t, agent.PoolConfig{})
	w.config = http2.Config{StreamWindow: window}
	body := &piecedBody{piece: bytes.Repeat([]byte{'p'}, size), left: pieces}
	w.answer = func(s *http2Served) { s.slow = true }
	get := w.get("/") // its end shows that the server's settings have come
	w.conn(0).do(func() { greet(w.conn(0).request(0)) })
	deferredtest.SuccessResultOf(t, deferred.Then(get, (*response.Response).Content))

	req := newRequest("POST", "http://a.example/")
	req.Body = body
	d := w.send(req)
	s := w.conn(0).request(1)
	if written := (pieces - body.left) * size; len(s.body) != window || written > window+size {
		t.Errorf("%d bytes were written and %d sent, with a window of %d", written, len(s.body), window)
	}
	for received := 0; !s.ended && received != len(s.body); {
		n := len(s.body) - received
		received = len(s.body)
		s.c.do(func() { s.c.machine.Consumed(&s.stream, n) })
	}
	if len(s.body) != pieces*size || !s.ended {
		t.Errorf("the server received %d bytes of %d", len(s.body), pieces*size)
	}
	s.c.do(func() { greet(s) })
	deferredtest.SuccessResultOf(t, deferred.Then(d, (*response.Response).Content))
}

// readOnce returns a body that can be sent only once.
func readOnce(text string) request.BodyProducer {
	return request.NewFileBodyProducer(io.MultiReader(strings.NewReader(text)), request.FileBodyConfig{})
}

// TestHTTP2OnceOnlyBodies: a body that can be sent only once is not lost if the server allows fewer streams than were opened
// before its settings came. Nothing else waits for them.
func TestHTTP2OnceOnlyBodies(t *testing.T) {
	for _, test := range []struct {
		name     string
		streams  int    // that the server allows
		requests string // o: with a body that can be sent only once, b: with another, g: without one
		early    string // those that are sent before the settings come
	}{
		{"all fit", 100, "ooobg", "obg"},
		{"one fits", 1, "ooobg", "obg"},
		{"two fit", 2, "gbooo", "gb"},
		{"one body", 1, "o", "o"},
		{"a body after another request", 1, "go", "g"},
	} {
		for _, most := range []int{0, 1, 2} {
			t.Run(fmt.Sprint(test.name, most), func(t *testing.T) {
				w := newHTTP2World(t, agent.PoolConfig{MaxConnectionsPerHost: most})
				w.config.MaxStreams = test.streams
				early := ""
				w.accept = func(c *http2Conn) {
					if len(w.conns) == 1 {
						settings := bytes.Clone(c.machine.Output())
						c.off = true
						w.r.CallLater(time.Second, func() {
							c.off = false
							c.Write(settings)
							c.DataReceived(c.raw)
							for _, s := range c.served {
								early += s.head.Path[1:2]
							}
						})
					}
				}
				w.answer = func(s *http2Served) { w.r.CallLater(time.Second, func() { s.c.do(func() { greet(s) }) }) }
				var all []*deferred.Deferred[*response.Response]
				for i, kind := range test.requests {
					req := newRequest("POST", fmt.Sprintf("http://a.example/%c%d", kind, i))
					switch text := fmt.Sprint("body ", i); kind {
					case 'o':
						req.Body = readOnce(text)
					case 'b':
						req.Body = request.Bytes(text)
					}
					all = append(all, w.agent.Request(req))
				}
				w.r.RunFor(time.Minute)
				for _, d := range all {
					w.wantBody(d, "hello")
				}
				bodies := 0
				for _, c := range w.conns {
					for _, s := range c.served {
						if s.reset == nil && s.head.Path[1] != 'g' {
							if bodies++; string(s.body) != "body "+s.head.Path[2:] {
								t.Errorf("%s: got %q", s.head.Path, s.body)
							}
						}
					}
				}
				if want := len(test.requests) - strings.Count(test.requests, "g"); bodies != want {
					t.Errorf("%d bodies, want %d", bodies, want)
				}
				if want := test.early[:min(len(test.early), test.streams)]; early != want {
					t.Errorf("%q were served first, want %q", early, want)
				}
			})
		}
	}
}

// TestHTTP2WaitForSettings: how a request ends that waits for the settings of a connection. It is not sent, and its body is
// stopped.
func TestHTTP2WaitForSettings(t *testing.T) {
	// lead has the connection made; it is nil if the request that waits does that itself.
	get := func(w *http2World) *deferred.Deferred[*response.Response] { return w.get("/first") }
	once := func(w *http2World, body *counted) *request.Request {
		req := newRequest("POST", "http://a.example/")
		req.Body = body
		return req
	}
	connect := func(w *http2World, body *counted) *request.Request {
		body.stopped++ // it has none
		return extended("chat")
	}
	type result = deferred.Deferred[*response.Response]
	for name, wait := range map[string]struct {
		lead func(w *http2World) *result
		make func(w *http2World, body *counted) *request.Request
	}{
		"a body": {get, once},
		"a body that waits for a 100": {get, func(w *http2World, body *counted) *request.Request {
			req := once(w, body)
			req.ExpectContinue = time.Second
			return req
		}},
		"an extended CONNECT":          {nil, connect},
		"an extended CONNECT, another": {get, connect},
	} {
		for end, test := range map[string]struct {
			then func(w *http2World, lead, d *result)
			want error
		}{
			"it is cancelled": {func(w *http2World, lead, d *result) { d.Cancel() }, deferred.ErrCancelled},
			"both are cancelled": {func(w *http2World, lead, d *result) {
				if lead != nil {
					lead.Cancel()
				}
				w.r.RunFor(20 * time.Second)
				d.Cancel()
			}, deferred.ErrCancelled},
			"the connection is lost": {func(w *http2World, lead, d *result) { w.conn(0).abort() }, reactor.ErrConnectionReset},
			"no settings come": {func(w *http2World, lead, d *result) {
				w.r.RunFor(29*time.Second - 1)
				deferredtest.NoResult(t, d)
				w.r.RunFor(1)
			}, agent.ErrSilent},
			"no settings come to one": {func(w *http2World, lead, d *result) {
				if lead != nil {
					lead.Cancel()
				}
				w.r.RunFor(29 * time.Second)
			}, agent.ErrSilent},
		} {
			t.Run(name+", "+end, func(t *testing.T) {
				w := newHTTP2World(t, agent.PoolConfig{})
				w.accept = func(c *http2Conn) { c.machine.Output(); c.off = true }
				var lead *result
				if wait.lead != nil {
					lead = wait.lead(w)
					w.r.RunFor(time.Second) // the silence begins with the first request
				}
				body := newCounted(-1)
				d := w.send(wait.make(w, body))
				if lead == nil {
					w.r.RunFor(time.Second)
				}
				deferredtest.NoResult(t, d)
				test.then(w, lead, d)
				w.r.Pump()
				err := deferredtest.FailureResultOf(t, d)
				if failed := new(agent.RequestError); !errors.Is(err, test.want) || !errors.As(err, &failed) || !failed.NotSent {
					t.Errorf("got %v", err)
				}
				if body.started != 0 || body.stopped != 1 {
					t.Errorf("the body was started %d times, and stopped %d times", body.started, body.stopped)
				}
				if lead != nil && !lead.Called() {
					lead.Cancel()
					w.r.Pump()
				}
				if lead != nil {
					deferredtest.FailureResultOf(t, lead)
				}
			})
		}
	}
}

// TestHTTP2WaitTakesRoom: a request that waits for the settings counts against the limit that an earlier connection has told,
// so that no more than may be sent wait with it.
func TestHTTP2WaitTakesRoom(t *testing.T) {
	w := newHTTP2World(t, agent.PoolConfig{})
	w.config.MaxStreams = 2
	all := []*deferred.Deferred[*response.Response]{w.get("/1"), w.get("/2")} // the first connection is full
	silent := true
	w.accept = func(c *http2Conn) {
		if c.off = silent; silent {
			c.machine.Output()
		}
	}
	for range 5 {
		req := newRequest("POST", "http://a.example/")
		req.Body = readOnce("body")
		all = append(all, w.send(req))
	}
	if len(w.conns) != 4 {
		t.Errorf("%d connections", len(w.conns))
	}
	for _, d := range all {
		d.Cancel()
		w.r.Pump()
		deferredtest.FailureResultOf(t, d)
	}
}
