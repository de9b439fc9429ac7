package web_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/seed-7c003b53/gotreq/treq/web"
)

// TestMaxConnections checks that the connection that has been idle for the longest time
// makes room for a new one, and that a new one is closed if none is idle.
func TestMaxConnections(t *testing.T) {
	logged := logs(t)
	s := servePaused(t)
	s.site.MaxConnections = 3
	a, b := s.connect().send(get), s.connect()
	b.send(getPath("/later"))
	c := s.connect()
	a.send(get) // idle for a shorter time than c
	d := s.connect()
	want(t, fmt.Sprint(a.ended, b.ended, c.ended, d.ended), "false false true false")
	d.send(get[:5]) // no longer idle
	e := s.connect()
	want(t, fmt.Sprint(a.ended, b.ended, d.ended, e.ended), "true false false false")
	e.send(getPath("/later"))
	for range 3 {
		f := s.tryConnect()
		want(t, fmt.Sprint(f.lost != nil, b.ended, d.ended, e.ended), "true false false false")
	}
	want(t, strings.Count(logged(), "connections are refused"), 1)
	s.finish()
	f := s.connect()
	want(t, strings.HasSuffix(b.take(), "finished\r\n0\r\n\r\n"), true)
	want(t, fmt.Sprint(b.ended, d.ended, e.ended, f.ended), "true false false false")
	f.send(get)
	want(t, body(f.take()), "hello")

	s = servePaused(t)
	s.site.MaxConnections = -1
	for range 100 {
		s.connect()
	}
}

// TestMaxConnectionsOfSlowReaders checks that clients that do not take their responses
// cannot have more than MaxConnections by being idle, and that idle clients that have not
// read theirs yet, though the system has it, lose nothing.
func TestMaxConnectionsOfSlowReaders(t *testing.T) {
	const most = 10
	for _, size := range []int{100, 60_000} { // the system takes 64 KiB
		s := serveFunc(t, func(req *web.Request) { req.Write(make([]byte, size)) })
		s.site.MaxConnections = most
		var all []*peer
		for range 5 * most {
			p := s.connect()
			p.PauseProducing()
			all = append(all, p.send(get).send(get))
		}
		complete := 0
		for _, p := range all {
			p.ResumeProducing()
			s.Pump()
			if len(p.got) > 2*size {
				complete++
			}
		}
		want(t, complete, map[int]int{100: len(all), 60_000: most}[size])
		open := 0
		for _, p := range all {
			if !p.ended {
				open++
			}
		}
		want(t, open, most)
		for _, p := range all[len(all)-most:] {
			want(t, p.ended, false)
		}
	}
}

// TestMinContentRate checks that content which keeps coming, but too slowly, is refused,
// and that a client is not charged for the time in which nobody reads.
func TestMinContentRate(t *testing.T) {
	for _, test := range []struct {
		name  string
		site  web.Site
		piece int // bytes, each second
		lasts int // seconds; 0 for ever
	}{
		{"a byte a second", web.Site{}, 1, 61},
		{"half the rate", web.Site{}, 250, 119},
		{"the rate", web.Site{}, 500, 0},
		{"another rate", web.Site{MinContentRate: 2}, 1, 119},
		{"without a rate", web.Site{MinContentRate: -1}, 1, 0},
		{"another timeout", web.Site{ContentTimeout: 10 * time.Second}, 1, 11},
		{"without a timeout", web.Site{ContentTimeout: -1}, 1, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			test.site.Root = web.RenderFunc(hello)
			s := serve(t, &test.site)
			p := s.connect().send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n")
			seconds := 0
			for ; !p.ended && seconds < 1000; seconds++ {
				p.send(strings.Repeat("x", test.piece))
				s.Advance(time.Second)
			}
			if seconds == 1000 {
				seconds = 0
			}
			want(t, seconds, test.lasts)
			if test.lasts != 0 {
				want(t, head(p.take()), "HTTP/1.1 408 Request Timeout")
			}
		})
	}
	t.Run("nobody reads", func(t *testing.T) {
		var req *web.Request
		got := &receiver{}
		s := serveRoot(t, &streams{render: func(r *web.Request) {
			req = r
			r.NotDoneYet()
			r.DeliverContent(got)
		}})
		p := s.connect().send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n")
		for range 100 {
			p.send("x")
			req.PauseContent()
			s.Advance(time.Hour)
			req.ResumeContent()
			s.Pump()
		}
		want(t, p.ended, false)
		s.Advance(59 * time.Second)
		want(t, p.ended, false)
		s.Advance(2 * time.Second)
		want(t, got.err != nil, true)
	})
}

// receiver counts content.
type receiver struct {
	n   int
	err error
}

func (r *receiver) ContentReceived(data []byte) { r.n += len(data) }
func (r *receiver) ContentEnded(err error)      { r.err = err }

// streams is a resource that streams.
type streams struct {
	web.Leaf
	render func(*web.Request)
}

func (s *streams) Render(req *web.Request) { s.render(req) }
func (s *streams) StreamsContent() bool    { return true }
