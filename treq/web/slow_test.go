package web_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/reactor"
	"github.com/seed-7c003b53/gotreq/reactor/memory"
	"github.com/seed-7c003b53/gotreq/treq/web"
)

// This file tests responses that are larger than what a client takes at once.

// largeWrites are the ways to write a body at once.
func largeWrites(body []byte) map[string]web.Resource {
	text := string(body)
	handler := func(f http.HandlerFunc) web.Resource { return &web.HandlerResource{Handler: f} }
	return map[string]web.Resource{
		"Data":        web.RenderFunc((&web.Data{Content: body}).RenderGET),
		"Write":       web.RenderFunc(func(req *web.Request) { req.Write(body) }),
		"WriteString": web.RenderFunc(func(req *web.Request) { req.WriteString(text) }),
		"Write after the head": web.RenderFunc(func(req *web.Request) {
			req.NotDoneYet()
			req.Clock().CallLater(0, func() {
				req.Write(body[:10])
				req.Write(body[10 : len(body)-10])
				req.Write(body[len(body)-10:])
				req.Finish()
			})
		}),
		"many writes": web.RenderFunc(func(req *web.Request) {
			req.Write(body[:100])
			req.Write(body[100:300_000])
			req.Write(body[300_000:300_100])
			req.Write(body[300_100 : len(body)-1])
			req.Write(body[len(body)-1:])
		}),
		"a pull producer": web.RenderFunc(func(req *web.Request) {
			req.RegisterPullProducer(&halves{req: req, left: body})
		}),
		"a handler's Write":       handler(func(w http.ResponseWriter, r *http.Request) { w.Write(body) }),
		"a handler's WriteString": handler(func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, text) }),
		"a handler's Write with a length": handler(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Length", itoa(len(body)))
			w.Write(body[:10])
			w.Write(body[10:])
		}),
	}
}

// halves is a producer that writes half of its bytes at a time.
type halves struct {
	req  *web.Request
	left []byte
}

func (h *halves) ResumeProducing() {
	n := (len(h.left) + 1) / 2
	h.req.Write(h.left[:n])
	if h.left = h.left[n:]; len(h.left) == 0 {
		h.req.UnregisterProducer()
		h.req.Finish()
	}
}
func (h *halves) StopProducing() {}

// random returns n bytes without a pattern.
func random(n int) []byte {
	b := make([]byte, n)
	for i, x := 0, uint32(1); i < n; i++ {
		x = x*1664525 + 1013904223
		b[i] = byte(x >> 24)
	}
	return b
}

// entity returns the body of a response, without its chunks.
func entity(t *testing.T, response []byte) []byte {
	t.Helper()
	resp, err := http.ReadResponse(newReader(bytes.NewReader(response)), nil)
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Error(err)
	}
	return b
}

// TestSlowReader checks that a client that takes a large response slowly but steadily gets
// all of it, and then the response to its next request; and that a client that stops is
// cut off after WriteTimeout.
func TestSlowReader(t *testing.T) {
	content := random(1_000_000)
	for name, root := range largeWrites(content) {
		for _, last := range []bool{false, true} {
			t.Run(fmt.Sprint(name, " ", last), func(t *testing.T) {
				s := serveRoot(t, root)
				var logged []string
				s.site.AccessLog = func(req *web.Request) { logged = append(logged, fmt.Sprint(req.ResponseCode(), " ", req.Sent())) }
				p := s.connect()
				p.PauseProducing()
				if last {
					p.send("GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
				} else {
					p.send(get + "HEAD /next HTTP/1.1\r\nHost: x\r\n\r\n")
				}
				for range 60 {
					p.ResumeProducing()
					s.turn() // the client reads what has arrived
					p.PauseProducing()
					s.Pump()
					s.Advance(50 * time.Second)
				}
				p.ResumeProducing()
				s.Pump()
				if got := entity(t, p.got); !bytes.Equal(got, content) {
					t.Errorf("%d bytes of %d, or others; %v", len(got), len(content), p.lost)
				}
				want(t, bytes.Count(p.got, []byte("HTTP/1.1 200 OK")), map[bool]int{false: 2, true: 1}[last])
				want(t, logged[0], "200 1000000")
				want(t, len(logged), map[bool]int{false: 2, true: 1}[last])
			})
		}
		t.Run(name+" stops", func(t *testing.T) {
			s := serveRoot(t, root)
			p := s.connect()
			p.PauseProducing()
			p.send(get)
			s.Advance(50 * time.Second)
			p.ResumeProducing()
			s.turn()
			p.PauseProducing()
			s.Pump()
			s.Advance(59 * time.Second)
			lost := p.lost
			s.Advance(time.Second)
			p.ResumeProducing()
			s.Pump()
			if lost != nil || !errors.Is(p.lost, reactor.ErrConnectionReset) || len(p.got) > 300_000 {
				t.Errorf("%v, then %v after %d bytes", lost, p.lost, len(p.got))
			}
		})
	}
}

// A pieceTransport records the sizes of the writes.
type pieceTransport struct {
	memory.StringTransport
	sizes []int
}

func (t *pieceTransport) Write(p []byte) {
	t.sizes = append(t.sizes, len(p))
	t.StringTransport.Write(p)
}

func (t *pieceTransport) WriteSequence(pieces ...[]byte) {
	for _, p := range pieces {
		t.Write(p)
	}
}

// TestLargeWritesAreHandedOnInPieces checks that the transport gets a large write in
// pieces, each when it asks for it.
func TestLargeWritesAreHandedOnInPieces(t *testing.T) {
	content := random(1_000_000)
	for name, root := range largeWrites(content) {
		r := memory.New()
		transport := &pieceTransport{StringTransport: memory.StringTransport{On: r}}
		channel := (&web.Site{Root: root}).BuildProtocol(nil)
		channel.ConnectionMade(transport)
		channel.DataReceived([]byte(get))
		r.Pump()
		asked := 0
		for {
			p, streaming := transport.Producer()
			if streaming {
				break
			}
			before := len(transport.Value())
			p.ResumeProducing()
			if n := len(transport.Value()) - before; n > 64<<10+100 {
				t.Errorf("%s: %d bytes at once", name, n)
			}
			asked++
			r.Pump()
		}
		for _, n := range transport.sizes {
			if n > 64<<10 {
				t.Errorf("%s: a write of %d bytes", name, n)
			}
		}
		if asked < 15 {
			t.Errorf("%s: the transport asked %d times", name, asked)
		}
		if got := entity(t, []byte(transport.Value())); !bytes.Equal(got, content) {
			t.Errorf("%s: %d bytes, or others", name, len(got))
		}
	}
}

// TestWriteDoesNotKeepItsArgument checks that a resource may change a slice after Write has
// returned, and that each response has the bytes of its time.
func TestWriteDoesNotKeepItsArgument(t *testing.T) {
	for _, size := range []int{10, 1000, 64 << 10, 64<<10 + 1, 300_000} {
		shared := make([]byte, size)
		turn := byte('a')
		s := serveFunc(t, func(req *web.Request) {
			for range 2 {
				for i := range shared {
					shared[i] = turn
				}
				req.Write(shared)
				turn++
			}
			req.NotDoneYet()
			req.Clock().CallLater(0, func() {
				req.Write(shared)
				clear(shared)
				req.Finish()
			})
		})
		p := s.connect().send(get + get)
		resp := newReader(bytes.NewReader(p.got))
		for i := range 2 {
			r, err := http.ReadResponse(resp, nil)
			if err != nil {
				t.Fatal(err)
			}
			got, err := io.ReadAll(r.Body)
			wanted := strings.Repeat(string('a'+rune(2*i)), size) + strings.Repeat(string('b'+rune(2*i)), 2*size)
			if err != nil || string(got) != wanted {
				t.Errorf("%d: response %d is wrong: %v", size, i, err)
			}
		}
	}
}

// TestFinishedWhenTaken checks that NotifyFinish fires, and the response is logged, when the
// client has taken the response, and that both know of a client that did not.
func TestFinishedWhenTaken(t *testing.T) {
	for name, root := range largeWrites(random(1_000_000)) {
		for _, taken := range []bool{true, false} {
			finished, logged := []error{}, 0
			s := serveRoot(t, &noting{inner: root, note: func(err error) { finished = append(finished, err) }})
			s.site.AccessLog = func(req *web.Request) { logged++ }
			p := s.connect()
			p.PauseProducing()
			p.send(get)
			if len(finished) != 0 || logged != 0 {
				t.Errorf("%s: finished before the client has taken it", name)
			}
			if taken {
				p.ResumeProducing()
			} else {
				p.AbortConnection()
			}
			s.Pump()
			if len(finished) != 1 || (finished[0] == nil) != taken || logged != 1 {
				t.Errorf("%s: taken %v: %v, logged %d times", name, taken, finished, logged)
			}
			want(t, len(s.DelayedCalls()) != 0, taken)
		}
	}
}

// noting is a resource that notes the end of its responses.
type noting struct {
	web.Leaf
	inner web.Resource
	note  func(error)
}

func (n *noting) Render(req *web.Request) {
	req.NotifyFinish().AddBoth(func(none deferred.None, err error) (deferred.None, error) {
		n.note(err)
		return none, nil
	})
	switch inner := n.inner.(type) {
	case web.Renderer:
		inner.Render(req)
	case web.GETRenderer:
		inner.RenderGET(req)
	}
}

// TestMemoryOfStalledReaders checks how much memory the server needs for 60 clients that
// ask for 8 MB each and read nothing.
func TestMemoryOfStalledReaders(t *testing.T) {
	const clients, most = 60, 20 << 20
	body := random(8 << 20)
	for name, root := range largeWrites(body) {
		t.Run(name, func(t *testing.T) {
			before := heap()
			var loop reactor.Reactor
			address := listen(t, func(r reactor.Reactor) reactor.Factory {
				loop = r
				return &web.Site{Root: root}
			})
			var conns []net.Conn
			for range clients {
				conn, err := net.Dial("tcp", address)
				if err != nil {
					t.Fatal(err)
				}
				defer conn.Close()
				io.WriteString(conn, get)
				conns = append(conns, conn)
			}
			for _, conn := range conns { // the response has begun
				conn.Read(make([]byte, 1))
			}
			for range 300 { // turns of the loop
				done := make(chan bool)
				loop.CallFromThread(func() { close(done) })
				<-done
			}
			if used := heap() - before; used > most {
				t.Errorf("%d MB are used", used>>20)
			}
			runtime.KeepAlive(body)
		})
	}
}

// heap returns the number of bytes in use.
func heap() int {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int(m.HeapAlloc)
}
