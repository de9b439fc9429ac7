package web_test

import (
	"bytes"
	"fmt"
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
