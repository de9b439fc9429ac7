package web_test

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/seed-7c003b53/gotreq/reactor/memory"
	"github.com/seed-7c003b53/gotreq/reactor/task"
	"github.com/seed-7c003b53/gotreq/treq/web"
)

// A busyServer is a site whose clock goes on in each turn, as when other clients keep the
// loop busy.
type busyServer struct {
	*memory.Reactor
	site  *web.Site
	clock *task.Clock
}

func serveBusy(site *web.Site) *busyServer {
	s := &busyServer{memory.New(), site, task.NewClock()}
	site.Clock = s.clock
	return s
}

// connect returns a connection that has received data.
func (s *busyServer) connect(data string) *memory.StringTransport {
	t := &memory.StringTransport{On: s.Reactor}
	t.Protocol = s.site.BuildProtocol(nil)
	t.Protocol.ConnectionMade(t)
	t.Protocol.DataReceived([]byte(data))
	return t
}

// turn runs a turn, which takes d.
func (s *busyServer) turn(d time.Duration) {
	s.Iterate(0)
	s.clock.Advance(d)
}

// TestRestingUpload checks that a client that uploads small chunks without a pause is not
// timed out while the server takes long to read them, and is when it stops.
func TestRestingUpload(t *testing.T) {
	for name, site := range map[string]web.Site{
		"ContentTimeout": {MinContentRate: -1},
		"MinContentRate": {MinContentRate: 1000},
		"the defaults":   {},
	} {
		for _, stops := range []bool{false, true} {
			received := 0
			var end error
			site.ContentTimeout = 2 * time.Second
			site.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				for buffer := make([]byte, 100); end == nil; {
					var n int
					n, end = r.Body.Read(buffer)
					received += n
				}
			})
			s := serveBusy(&site)
			c := s.connect("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
			sent := 0
			for range 100 { // 10 s
				for sent-received < 200 {
					c.Protocol.DataReceived([]byte(strings.Repeat("1\r\nx\r\n", 100)))
					sent += 100
				}
				s.turn(100 * time.Millisecond)
				if end != nil {
					t.Fatalf("%s: %v after %d bytes of %d", name, end, received, sent)
				}
			}
			if stops {
				s.Pump()
				s.clock.Advance(4 * time.Second)
				s.Pump()
				if want(t, received, sent); end == nil || end == io.EOF {
					t.Errorf("%s: %v after the client has stopped", name, end)
				}
				continue
			}
			c.Protocol.DataReceived([]byte("0\r\n\r\n"))
			s.Pump()
			want(t, received, sent)
			want(t, end, io.EOF)
			want(t, head(c.Value()), "HTTP/1.1 200 OK")
		}
	}
}

// TestRestingRequests checks that requests that have been received are answered, however
// long the server takes, and that the times for another request then begin.
func TestRestingRequests(t *testing.T) {
	const limit = 200 * time.Millisecond
	for _, test := range []struct {
		name    string
		partial bool // part of another head follows the requests
		site    web.Site
	}{
		{"IdleTimeout", false, web.Site{IdleTimeout: limit}},
		{"HeaderTimeout", true, web.Site{HeaderTimeout: limit}},
		{"both", true, web.Site{HeaderTimeout: limit, IdleTimeout: limit}},
		{"one in a turn", false, web.Site{HeaderTimeout: limit, IdleTimeout: limit, TurnRequests: 1}},
	} {
		site := test.site
		site.Root = web.RenderFunc(func(req *web.Request) { req.WriteString("hello") })
		s := serveBusy(&site)
		var all []*memory.StringTransport
		for range 60 {
			requests := strings.Repeat(get, 20)
			if test.partial {
				requests += "GET / HT"
			}
			all = append(all, s.connect(requests))
		}
		for range 60 * 20 {
			s.turn(50 * time.Millisecond)
		}
		s.Pump()
		for _, c := range all {
			want(t, strings.Count(c.Value(), "hello"), 20)
		}
		s.clock.Advance(limit)
		s.Pump()
		for _, c := range all {
			_, last, _ := strings.Cut(c.Value(), "HTTP/1.1 408")
			if got := last != ""; got != test.partial {
				t.Errorf("%s: a 408 at the end: %t", test.name, got)
			}
			if !c.Disconnecting() && !test.partial {
				t.Errorf("%s: the connection stays open", test.name)
			}
		}
	}
}
