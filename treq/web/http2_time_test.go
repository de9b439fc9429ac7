package web_test

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/internal/http2"
	"github.com/seed-7c003b53/gotreq/treq/web"
	"github.com/seed-7c003b53/gotreq/treq/wire"
)

// This file tests the time limits of connections and streams of HTTP/2.

// TestHTTP2IdleTimeout checks that a connection without a request ends, in order and in time, though the
// client sends PINGs, and that one with a request does not.
func TestHTTP2IdleTimeout(t *testing.T) {
	s := servePaused(t)
	fresh, idle, busy := s.dial(), s.dial(), s.dial()
	idle.get("/").wait()
	busy.get("/later").wait()
	for range 59 {
		s.Advance(time.Second)
		fresh.machine.Ping([8]byte{})
		fresh.wait()
	}
	want(t, fmt.Sprint(fresh.ended, idle.ended, busy.ended), "false false false")
	s.Advance(time.Second)
	want(t, fmt.Sprint(fresh.ended, idle.ended, busy.ended), "true true false")
	if fresh.goneAway == nil || fresh.goneAway.Code != wire.NoError || idle.goneAway == nil {
		t.Error("no GOAWAY")
	}
	s.Advance(time.Hour)
	want(t, busy.ended, false)
	s.finish()
	s.Advance(59 * time.Second)
	want(t, busy.ended, false)
	s.Advance(time.Second)
	want(t, busy.ended, true)
	s.settled(t)
}

// TestHTTP2HeaderTimeout checks that a head which comes in pieces, too slowly, ends the connection, and
// that an upload in the middle of a frame does not.
func TestHTTP2HeaderTimeout(t *testing.T) {
	var head, data []byte
	capture := func(c *h2client) []byte { return bytes.Clone(c.machine.Output()) }
	for _, test := range []struct {
		name string
		send func(c *h2client) []byte
		ends bool
	}{
		{"a part of HEADERS", func(c *h2client) []byte { c.get("/"); head = capture(c); return head[:12] }, true},
		{"a part of a frame's head", func(c *h2client) []byte { c.get("/"); head = capture(c); return head[:5] }, true},
		{"HEADERS without their end", func(c *h2client) []byte {
			c.get("/")
			head = capture(c)
			head[4] &^= 4
			return head
		}, true},
		{"a part of DATA", func(c *h2client) []byte {
			c.begin("POST", "/", nil, -1, false).send("content", false)
			data = capture(c)
			return data[:len(data)-3]
		}, false},
	} {
		c := serveH2(t, &web.Site{Root: web.RenderFunc(hello)})
		c.wait()
		c.get("/").wait()
		c.server.Advance(10 * time.Second)
		c.transport.Write(test.send(c))
		c.server.Pump()
		c.server.Advance(19 * time.Second)
		want(t, c.ended, false)
		c.server.Advance(time.Second)
		if c.ended != test.ends || test.ends && (c.goneAway == nil || c.goneAway.Code != wire.EnhanceYourCalm) {
			t.Errorf("%s: ended %v, %v", test.name, c.ended, c.goneAway)
		}
		c.gone(t)
	}
}

// TestHTTP2ContentTimeout checks that content that stops, or comes too slowly, is answered with a 408,
// and that this ends the request only; and that slow content is no reason while the handler does not
// read.
func TestHTTP2ContentTimeout(t *testing.T) {
	logs(t)
	for _, test := range []struct {
		name string
		path string
		rate int // bytes in 10 seconds
		secs int // until the end
		want string
	}{
		{"nothing", "/", 0, 60, "408"},
		{"too slowly", "/", 100, 70, "408"},
		{"slowly", "/", 6000, 300, "200"},
		{"nothing, to a handler", "/handler", 0, 60, "200 the content of the request took too long"},
		{"to a handler that does not read", "/waiting", 0, 300, "0"},
	} {
		root := &web.Node{}
		root.PutChild("", web.RenderFunc(hello))
		root.PutChild("handler", &web.HandlerResource{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			_, err := io.ReadAll(r.Body)
			fmt.Fprint(w, err)
		})})
		root.PutChild("waiting", &web.HandlerResource{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			web.Await(r.Context(), deferred.New[deferred.None]())
		})})
		c := serveH2(t, &web.Site{Root: root})
		a := c.begin("POST", test.path, nil, -1, false).wait()
		for range test.secs / 10 {
			if a.code == 0 && a.reset == nil {
				a.send(strings.Repeat("x", test.rate), false).wait()
			}
			c.server.Advance(10 * time.Second)
		}
		if test.want == "200" {
			a.send("", true).wait()
		}
		if got := strings.TrimSpace(fmt.Sprint(a.code, " ", string(a.body))); !strings.HasPrefix(got, test.want) {
			t.Errorf("%s: %s, want %s", test.name, got, test.want)
		}
		want(t, c.get("/").wait().code, 200)
		if test.want != "0" && c.machine.Streams() != 0 {
			t.Errorf("%s: the stream is open", test.name)
		}
		c.gone(t)
	}
}

// TestHTTP2WriteTimeout checks that a client that does not open a stream's window loses that response
// only, also if it opens it by a few bytes at a time; and that one that opens it slowly, but
// steadily, gets it all, also if it has several.
func TestHTTP2WriteTimeout(t *testing.T) {
	content := random(200_000)
	for name, root := range largeWrites(content) {
		if name == "many writes" {
			continue
		}
		for _, read := range []int{0, 10, 20_000} {
			s := serve(t, &web.Site{Root: root})
			var errs []error
			s.site.AccessLog = func(req *web.Request) { errs = append(errs, req.Err()) }
			c := s.dialWith(http2.Config{StreamWindow: 20_000, MaxStreamWindow: 20_000, MaxBuffered: 8 << 20})
			c.stalled = true
			a, b := c.get("/"), c.get("/")
			c.wait()
			for range 12 {
				for _, x := range []*answer{a, b} {
					n := min(read, x.unread)
					c.machine.Consumed(&x.Stream, n)
					x.unread -= n
				}
				c.wait()
				s.Advance(50 * time.Second)
			}
			if read == 20_000 {
				want(t, bytes.Equal(a.body, content) && bytes.Equal(b.body, content), true)
				want(t, fmt.Sprint(errs), "[<nil> <nil>]")
			} else {
				if a.reset == nil || a.reset.Code != wire.Cancel || len(a.body) > 21_000 {
					t.Errorf("%s, %d: %s", name, read, a)
				}
				want(t, fmt.Sprint(errs), "[the client took too long to receive the response the client took too long to receive the response]")
			}
			want(t, c.machine.Streams(), 0)
			c.gone(t)
		}
	}
}

// TestHTTP2DeafClient checks that a client that takes nothing from the connection is cut off after
// WriteTimeout, and that a slow one, with many responses, is not.
func TestHTTP2DeafClient(t *testing.T) {
	content := random(100_000)
	for _, deaf := range []bool{true, false} {
		s := serveRoot(t, web.RenderFunc((&web.Data{Content: content}).RenderGET))
		done := 0
		s.site.AccessLog = func(req *web.Request) {
			if req.Err() == nil {
				done++
			}
		}
		c := s.dialWith(http2.Config{StreamWindow: 1 << 20, MaxBuffered: 8 << 20})
		for range 10 {
			c.get("/")
		}
		c.flush()
		c.transport.PauseProducing()
		s.Pump()
		for range 200 {
			s.Advance(20 * time.Second)
			if !deaf {
				c.transport.ResumeProducing()
				for range 4 {
					s.turn()
				}
				c.transport.PauseProducing()
				s.Pump()
			}
		}
		c.transport.ResumeProducing()
		s.Pump()
		complete := 0
		for _, a := range c.answers {
			if bytes.Equal(a.body, content) {
				complete++
			}
		}
		if deaf != (complete < 10) || !deaf && done != 10 {
			t.Errorf("deaf %v: %d of 10 responses are complete, %d logged", deaf, complete, done)
		}
		c.transport.AbortConnection()
		s.settled(t)
	}
}

// TestHTTP2Pings checks that a silent client with an open request is asked whether it is there, if
// the program wants that.
func TestHTTP2Pings(t *testing.T) {
	for _, answers := range []bool{true, false} {
		var reason error
		c := serveH2(t, &web.Site{Root: web.RenderFunc(func(req *web.Request) {
			req.NotDoneYet()
			req.NotifyFinish().AddErrback(func(err error) (deferred.None, error) {
				reason = err
				return deferred.None{}, nil
			})
		}), HTTP2: &http.HTTP2Config{SendPingTimeout: 10 * time.Second, PingTimeout: 5 * time.Second}})
		c.wait()
		want(t, len(c.server.DelayedCalls()), 1) // IdleTimeout
		a := c.get("/").wait()
		if !answers {
			c.transport.PauseProducing()
		}
		c.server.Advance(10 * time.Second)
		c.server.Advance(4 * time.Second)
		want(t, reason, error(nil))
		c.server.Advance(time.Second)
		if answers == (reason != nil) {
			t.Errorf("answers %v: %v", answers, reason)
		}
		if answers {
			c.server.Advance(time.Minute)
			want(t, reason, error(nil))
			a.cancel().wait()
		}
		c.gone(t)
	}
}
