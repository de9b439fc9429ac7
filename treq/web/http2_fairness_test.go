package web_test

import (
	"bytes"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/seed-7c003b53/gotreq/internal/http2"
	"github.com/seed-7c003b53/gotreq/treq/web"
	"github.com/seed-7c003b53/gotreq/treq/wire"
)

// This file tests that no client of HTTP/2 takes more than its share.

// TestHTTP2Fairness checks that a client with one request at a time is answered as often beside
// clients that keep a hundred streams open as beside none.
func TestHTTP2Fairness(t *testing.T) {
	large := make([]byte, 100_000)
	for _, busy := range []string{"/busy", "/large"} {
		answers := func(clients int) (other, served int) {
			root := &web.Node{}
			root.PutChild("busy", web.RenderFunc(func(req *web.Request) { served++ }))
			root.PutChild("large", web.RenderFunc(func(req *web.Request) { served++; req.Write(large) }))
			root.PutChild("other", web.RenderFunc(hello))
			s := serveRoot(t, root)
			for range clients {
				c := s.dialWith(http2.Config{StreamWindow: 1 << 20, MaxBuffered: 16 << 20})
				c.greedy = busy
				for range 100 {
					c.get(busy)
				}
				c.flush()
			}
			d := &diligent{}
			s.join(d, &d.peer)
			d.Write([]byte(otherGet))
			for range 50 {
				s.turn()
			}
			d.answered, served = 0, 0
			most, before := 0, 0
			for range 500 {
				before = served
				s.turn()
				most = max(most, served-before)
			}
			if clients > 0 && (most > 8*clients || served < 100) {
				t.Errorf("%s, %d clients: %d answers, %d in one turn", busy, clients, served, most)
			}
			return d.answered, served
		}
		alone, _ := answers(0)
		for _, n := range []int{1, 5} {
			if got, served := answers(n); got < alone-2 {
				t.Errorf("%s, %d clients: %d answers, %d without them, which had %d", busy, n, got, alone, served)
			}
		}
	}
}

// TestHTTP2StreamsTakeTurns checks that a large body does not hold up the other bodies of its
// connection, that the more urgent one comes first, and that streams that do not take turns are sent
// one after another.
func TestHTTP2StreamsTakeTurns(t *testing.T) {
	content := random(300_000)
	for name, root := range map[string]web.Resource{
		"Data":      web.RenderFunc((&web.Data{Content: content}).RenderGET),
		"a handler": &web.HandlerResource{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { io.Copy(w, bytes.NewReader(content)) })},
		"pulled": web.RenderFunc(func(req *web.Request) {
			req.RegisterPullProducer(&halves{req: req, left: content})
		}),
	} {
		for _, test := range []struct {
			priorities [2]string
			turns      bool // the second has half of its body before the first is complete
			first      int  // which is complete first, if not both at about the same time
		}{
			{[2]string{"", ""}, true, -1},
			{[2]string{"u=3, i", "u=3, i"}, true, -1},
			{[2]string{"u=3", "u=3"}, false, 0},
			{[2]string{"u=5", "u=1"}, false, 1},
		} {
			s := serveRoot(t, root)
			c := s.dialWith(http2.Config{StreamWindow: 1 << 20, MaxBuffered: 8 << 20})
			var all []*answer
			for _, p := range test.priorities {
				var h []string
				if p != "" {
					h = []string{"Priority: " + p}
				}
				all = append(all, c.get("/", h...))
			}
			c.wait()
			last := map[uint32]int{}
			half := map[uint32]int{}
			for i, id := range c.sequence {
				last[id] = i
			}
			seen := map[uint32]int{}
			for i, id := range c.sequence {
				if seen[id]++; seen[id] == 5 {
					half[id] = i
				}
			}
			a, b := all[0].ID(), all[1].ID()
			for _, x := range all {
				want(t, bytes.Equal(x.body, content), true)
			}
			switch {
			case test.turns && (half[b] > last[a] || half[a] > last[b]):
				t.Errorf("%s, %q: %v", name, test.priorities, c.sequence)
			case test.first == 0 && last[a] > last[b], test.first == 1 && half[a] < half[b]:
				t.Errorf("%s, %q: %v", name, test.priorities, c.sequence)
			}
			c.gone(t)
		}
	}
}

// TestHTTP2SmallBesideLarge checks that a small response is complete long before a large one that
// began earlier.
func TestHTTP2SmallBesideLarge(t *testing.T) {
	root := &web.Node{}
	root.PutChild("large", web.RenderFunc(func(req *web.Request) { req.Write(make([]byte, 2_000_000)) }))
	root.PutChild("small", web.RenderFunc(hello))
	s := serveRoot(t, root)
	c := s.dialWith(http2.Config{StreamWindow: 4 << 20, MaxBuffered: 8 << 20})
	large := c.get("/large")
	c.flush()
	for len(large.body) == 0 {
		s.turn()
	}
	small := c.get("/small")
	c.flush()
	for !small.ended {
		s.turn()
	}
	if len(large.body) > 600_000 {
		t.Errorf("the small response came after %d bytes of the large one", len(large.body))
	}
	c.wait()
	want(t, len(large.body), 2_000_000)
	c.gone(t)
}

// TestHTTP2UnreadAnswers checks that a client that asks and asks, and never reads, is not read any
// more before its answers fill the memory.
func TestHTTP2UnreadAnswers(t *testing.T) {
	served := 0
	s := serveFunc(t, func(req *web.Request) {
		served++
		req.SetHeader("X-Large", itoa(served)+strings.Repeat("x", 1000)) // HPACK has no index for it
	})
	c := s.dial()
	c.transport.PauseProducing()
	for range 5000 {
		c.begin("HEAD", "/", nil, 0, true).cancel()
	}
	c.wait()
	if served > 400 {
		t.Errorf("%d requests of 5000 were served", served)
	}
	c.transport.AbortConnection()
	s.settled(t)
}

// TestHTTP2RunningHandlers checks that requests that were reset, and whose handlers still run, count.
func TestHTTP2RunningHandlers(t *testing.T) {
	running := 0
	site := &web.Site{HTTP2: &http.HTTP2Config{MaxConcurrentStreams: 10}, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		running++
		defer func() { running-- }()
		if r.URL.Path == "/slow" {
			awaitInSpiteOf(r)
		}
	})}
	s := serve(t, site)
	c := s.dial()
	most := 0
	for range 100 {
		c.get("/slow").wait().cancel().wait()
		most = max(most, running)
	}
	want(t, most, 20)
	if last := c.get("/").wait(); last.reset == nil || last.reset.Code != wire.RefusedStream {
		t.Error(last)
	}
	c.transport.AbortConnection()
	s.Pump()
	letGo()
	s.settled(t)
	want(t, running, 0)
}

// TestHTTP2Allocations bounds the allocations of a small GET: those over HTTP/1.1, and the target, since only HTTP/1.1
// remembers those of before.
func TestHTTP2Allocations(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates")
	}
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "hello") })
	for name, site := range map[string]*web.Site{
		"resource": {Root: web.RenderFunc(hello)},
		"handler":  {Handler: handler},
	} {
		s := serve(t, site)
		p := s.connect()
		request := []byte("GET /path?q=1 HTTP/1.1\r\nHost: an.example\r\nUser-Agent: bench\r\nAccept: */*\r\n\r\n")
		one := testing.AllocsPerRun(200, func() {
			p.got = p.got[:0]
			p.Write(request)
			s.Pump()
		})
		two := h2Allocations(s)
		t.Logf("%s: %v allocations over HTTP/1.1, %v over HTTP/2", name, one, two)
		if two > one+1 {
			t.Errorf("%s: %v allocations over HTTP/1.1, %v over HTTP/2", name, one, two)
		}
	}
}
