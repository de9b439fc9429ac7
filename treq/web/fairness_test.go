package web_test

import (
	"bytes"
	"fmt"
	"math"
	"net/http"
	"strings"
	"testing"

	"github.com/seed-7c003b53/gotreq/reactor/memory"
	"github.com/seed-7c003b53/gotreq/treq/web"
)

// A diligent client sends a request for /other when it has the response to the last one.
type diligent struct {
	peer
	answered int
}

const otherGet = "GET /other HTTP/1.1\r\nHost: x\r\n\r\n"

func (d *diligent) DataReceived(data []byte) {
	d.answered += bytes.Count(data, []byte("HTTP/1.1 200"))
	d.Write([]byte(otherGet))
}

// TestFairness checks that a client with a request at a time is answered while others keep
// the server busy: it gets at least a fixed number of answers in a fixed number of turns,
// and the busy clients get only a few events in each turn.
func TestFairness(t *testing.T) {
	const chunked = "POST /busy HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
	file := files(t, map[string]string{"busy": "some text"})
	body := strings.Repeat("x", 100)
	var events int // the work for busy clients
	resource := web.RenderFunc(func(req *web.Request) {
		if req.Path == "/busy" {
			events++
		}
		req.WriteString("hello")
	})
	handler := func(f http.HandlerFunc) web.Resource { return &web.HandlerResource{Handler: f} }
	for _, test := range []struct {
		name    string
		root    web.Resource
		sent    string // by a busy client, again and again
		perTurn int    // the largest number of events in a turn
	}{
		{"pipelined requests", resource, "GET /busy HTTP/1.1\r\nHost: x\r\n\r\n", 4},
		{"pipelined posts", resource, "POST /busy HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc", 4},
		{"pipelined requests for a handler", handler(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/busy" {
				events++
			}
		}), "GET /busy HTTP/1.1\r\nHost: x\r\n\r\n", 4},
		{"small chunks", handler(func(w http.ResponseWriter, r *http.Request) {
			for buffer := make([]byte, 1); r.URL.Path == "/busy"; {
				if _, err := r.Body.Read(buffer); err != nil {
					break
				}
				events++
			}
		}), chunked + strings.Repeat("1\r\nx\r\n", 20_000) + "0\r\n\r\n", 32},
		{"large heads", resource, "GET /busy HTTP/1.1\r\nHost: x\r\n" + strings.Repeat("A: "+body+"\r\n", 100) + "\r\n", 8},
		{"a pipelined file", &web.File{Path: file}, "HEAD /busy/busy HTTP/1.1\r\nHost: x\r\n\r\n", 4},
	} {
		for _, clients := range []int{1, 5} {
			t.Run(fmt.Sprint(test.name, " ", clients), func(t *testing.T) {
				events = 0
				s := serveRoot(t, test.root)
				if _, ok := test.root.(*web.File); ok {
					root := &web.Node{}
					root.PutChild("busy", test.root)
					root.PutChild("other", web.RenderFunc(hello))
					s.site.Root = root
					s.site.AccessLog = func(req *web.Request) {
						if req.Method == "HEAD" {
							events++
						}
					}
				}
				d := &diligent{}
				s.join(d, &d.peer)
				var busy []*hog
				for range clients {
					g := &hog{text: strings.Repeat(test.sent, 1+50_000/len(test.sent))}
					s.join(g, &g.peer)
					g.RegisterPullProducer(g) // the transport calls g's ResumeProducing
					busy = append(busy, g)
				}
				for range 50 {
					s.turn()
				}
				d.Write([]byte(otherGet))
				d.answered = 0
				most := 0
				for range 400 {
					before := events
					s.turn()
					most = max(most, events-before)
				}
				if d.answered < 100 {
					t.Errorf("the other client has %d answers after 400 turns", d.answered)
				}
				if most > test.perTurn {
					t.Errorf("%d events of busy clients in one turn", most)
				}
				for _, g := range busy {
					if g.received == 0 && test.name != "small chunks" {
						t.Error("a busy client has no answers")
					}
				}
			})
		}
	}
}

// A hog client sends text as fast as it can.
type hog struct {
	peer
	text     string
	received int
}

func (g *hog) DataReceived(data []byte) { g.received += len(data) }
func (g *hog) ResumeProducing()         { g.Write([]byte(g.text)) }
func (g *hog) StopProducing()           {}

// TestHandlerThatNeverWaits checks that a handler rests after 256 KiB, however fast the
// client takes them.
func TestHandlerThatNeverWaits(t *testing.T) {
	for _, size := range []int{100, 10_000, 60_000} {
		r := memory.New()
		transport := &memory.StringTransport{On: r}
		written := 0
		site := &web.Site{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			for written < 3_000_000 {
				w.Write(make([]byte, size))
				written += size
			}
		})}
		channel := site.BuildProtocol(nil)
		channel.ConnectionMade(transport)
		channel.DataReceived([]byte("GET / HTTP/1.0\r\n\r\n"))
		turns := 0
		for before := 0; written < 3_000_000; before = written {
			if written-before > 256<<10+2*size+2048 || turns > 20 {
				t.Fatalf("writes of %d: %d bytes in one turn, after %d turns", size, written-before, turns)
			}
			r.Iterate(0)
			turns++
		}
		r.Pump()
		want(t, len(body(transport.Value())), written)
	}
}

// A pipeliner client keeps a hundred requests waiting.
type pipeliner struct{ hog }

func (g *pipeliner) DataReceived(data []byte) {
	n := bytes.Count(data, []byte("HTTP/1.1 200"))
	g.received += n
	g.Write([]byte(strings.Repeat(get, n)))
}

// TestDiligentClient checks that a client with a request at a time is answered as often
// beside many pipelining clients as beside one, which all are answered too.
func TestDiligentClient(t *testing.T) {
	answers := func(pipeliners, turnRequests int) int {
		s := serveRoot(t, web.RenderFunc(func(req *web.Request) {}))
		s.site.TurnRequests = turnRequests
		var busy []*pipeliner
		for range pipeliners {
			g := &pipeliner{}
			s.join(g, &g.peer)
			g.Write([]byte(strings.Repeat(get, 100)))
			busy = append(busy, g)
		}
		d := &diligent{}
		s.join(d, &d.peer)
		d.Write([]byte(otherGet))
		for range 50 {
			s.turn()
		}
		d.answered = 0
		for range 1000 {
			s.turn()
		}
		for _, g := range busy {
			if g.received < 10 {
				t.Errorf("a pipelining client of %d has %d answers", pipeliners, g.received)
			}
		}
		return d.answered
	}
	for _, turnRequests := range []int{0, 1, 2, 3, 8, 20} {
		one := answers(1, turnRequests)
		for _, n := range []int{0, 10, 100} {
			if got := answers(n, turnRequests); got < one-1 || got < 490 {
				t.Errorf("TurnRequests %d: %d answers beside %d pipelining clients, %d beside one", turnRequests, got, n, one)
			}
		}
	}
}

// TestTurnRequests checks how many pipelined requests are answered in a turn, also if each
// arrives in a DataReceived of its own, as records of TLS do.
func TestTurnRequests(t *testing.T) {
	for _, test := range []struct{ turnRequests, first, later int }{
		{0, 8, 4}, {1, 1, 1}, {2, 2, 2}, {3, 3, 3}, {8, 8, 4}, {20, 20, 4}, {-1, 200, 0}, {math.MaxInt, 200, 0},
	} {
		for _, apart := range []bool{false, true} {
			r := memory.New()
			answered := 0
			site := &web.Site{TurnRequests: test.turnRequests, Root: web.RenderFunc(func(req *web.Request) { answered++ })}
			channel := site.BuildProtocol(nil)
			channel.ConnectionMade(&memory.StringTransport{On: r})
			if apart {
				for range 200 {
					channel.DataReceived([]byte(get))
				}
			} else {
				channel.DataReceived([]byte(strings.Repeat(get, 200)))
			}
			want(t, answered, test.first)
			for turn := 1; answered < 200; turn++ {
				before := answered
				r.Iterate(0)
				if got := answered - before; got > test.later || turn > 200 {
					t.Fatalf("TurnRequests %d: %d answers in turn %d", test.turnRequests, got, turn)
				}
			}
			r.Pump()
			want(t, answered, 200)
		}
	}
}
