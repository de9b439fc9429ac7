package web_test

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/seed-7c003b53/gotreq/deferred/deferredtest"
	"github.com/seed-7c003b53/gotreq/internal/http2"
	"github.com/seed-7c003b53/gotreq/treq/web"
	"github.com/seed-7c003b53/gotreq/treq/wire"
)

// TestHTTP2PullToTheEnd checks that the last response of a connection arrives as a whole, also if its
// last piece is exactly what its producer may send in a turn.
func TestHTTP2PullToTheEnd(t *testing.T) {
	for _, size := range []int{1, 1000, 16<<10 - 1, 16 << 10, 16<<10 + 1, 64 << 10, 256 << 10, 300_000} {
		for _, length := range []bool{true, false} {
			content := random(min(1_000_000, 5*size))
			c := serveH2(t, &web.Site{MaxRequests: 1, Root: web.RenderFunc(func(req *web.Request) {
				if length {
					req.SetHeader("Content-Length", itoa(len(content)))
				}
				req.RegisterPullProducer(&portions{req, content, size})
			})})
			a := c.get("/").wait()
			if !a.ended || !bytes.Equal(a.body, content) || !c.ended {
				t.Errorf("pieces of %d bytes, length %v: %d bytes of %d, ended %v %v", size, length, len(a.body), len(content), a.ended, c.ended)
			}
			c.server.settled(t)
		}
	}
}

// A generous producer writes to all responses when it is asked for one.
type generous struct{ all *[]*web.Request }

func (g generous) ResumeProducing() {
	for _, req := range *g.all {
		req.Write(make([]byte, 20_000))
	}
}
func (g generous) StopProducing() {}

// TestHTTP2WritesToOthers checks that a producer may write to other responses while it is asked for
// its own: they share the window of the connection.
func TestHTTP2WritesToOthers(t *testing.T) {
	logged := logs(t)
	var all []*web.Request
	s := serve(t, &web.Site{Root: web.RenderFunc(func(req *web.Request) {
		req.NotDoneYet()
		all = append([]*web.Request{req}, all...)
		if req.Path == "/own" {
			req.RegisterPullProducer(generous{&all})
		}
	})})
	c := s.dialWith(http2.Config{StreamWindow: 1 << 20, MaxBuffered: 65535})
	c.stalled = true
	own := c.get("/own")
	c.flush()
	for range 3 {
		c.get("/other")
	}
	c.wait()
	for range 20 {
		for _, a := range c.answers {
			a.read()
		}
		c.wait()
	}
	want(t, logged(), "")
	for _, a := range c.answers {
		if a.code != 200 || len(a.body) < 40_000 || a.reset != nil {
			t.Error(a)
		}
	}
	own.cancel()
	c.gone(t)
}

// TestHTTP2Attacks checks what a client can do to 100 requests at a time, and what a program can do
// to its responses when they are lost.
func TestHTTP2Attacks(t *testing.T) {
	const large = 6000 // more than a window
	for name, attack := range map[string]func(t *testing.T, s *blockedServer, c *h2client) (want string){
		"the windows open": func(t *testing.T, s *blockedServer, c *h2client) string {
			for range 10 {
				for _, a := range c.answers {
					a.read()
				}
				c.wait()
			}
			return "done"
		},
		"the windows stay closed": func(t *testing.T, s *blockedServer, c *h2client) string {
			s.Advance(time.Minute)
			return "reset CANCEL"
		},
		"all are reset": func(t *testing.T, s *blockedServer, c *h2client) string {
			for _, a := range c.answers {
				a.cancel()
			}
			return "lost"
		},
		"the client ends its side": func(t *testing.T, s *blockedServer, c *h2client) string {
			c.halfOpen = true
			c.transport.LoseWriteConnection()
			s.Advance(time.Hour)
			return "lost"
		},
		"the client ends its side and reads on": func(t *testing.T, s *blockedServer, c *h2client) string {
			for _, a := range c.answers {
				a.read()
			}
			c.flush()
			c.transport.LoseWriteConnection()
			s.Advance(time.Hour)
			return "lost"
		},
		"the client goes away": func(t *testing.T, s *blockedServer, c *h2client) string {
			c.machine.GoAway(wire.NoError, "")
			c.wait()
			for range 10 {
				for _, a := range c.answers {
					a.read()
				}
				c.wait()
			}
			want(t, c.ended, true)
			return "done"
		},
		"the client breaks HTTP/2": func(t *testing.T, s *blockedServer, c *h2client) string {
			c.transport.Write([]byte("\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00")) // DATA of stream 0
			return "lost"
		},
		"two shutdowns": func(t *testing.T, s *blockedServer, c *h2client) string {
			first, second := s.site.Shutdown(), s.site.Shutdown()
			s.Advance(9 * time.Second)
			deferredtest.NoResult(t, first)
			s.Advance(10 * time.Second)
			deferredtest.SuccessResultOf(t, first)
			deferredtest.SuccessResultOf(t, second)
			return "lost"
		},
		"the reactor stops": func(t *testing.T, s *blockedServer, c *h2client) string {
			s.Stop()
			s.Advance(time.Minute)
			return "lost"
		},
		"the program fails": func(t *testing.T, s *blockedServer, c *h2client) string {
			for _, req := range s.all {
				req.Fail(errors.New("oops"))
			}
			return "reset INTERNAL_ERROR"
		},
	} {
		for _, handlers := range []bool{false, true} {
			if name == "the program fails" && !handlers {
				continue // the responses are finished
			}
			t.Run(fmt.Sprint(name, " ", handlers), func(t *testing.T) {
				logs(t)
				s := &blockedServer{}
				site := &web.Site{AccessLog: func(*web.Request) { s.ended++ }}
				body := make([]byte, large)
				if handlers {
					site.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
						s.all = append(s.all, web.FromContext(r.Context()))
						for range 3 {
							if _, err := w.Write(body); err != nil {
								s.errs = append(s.errs, err)
							}
						}
					})
				} else {
					site.Root = web.RenderFunc(func(req *web.Request) {
						s.all = append(s.all, req)
						req.NotDoneYet()
						for range 3 {
							req.Write(body)
						}
						s.CallLater(2*time.Hour, func() {
							if req.Err() != nil {
								_, err := req.Write(body)
								s.errs = append(s.errs, err)
							}
						})
						req.Finish()
					})
				}
				s.server = serve(t, site)
				c := s.dialWith(http2.Config{StreamWindow: 4096, MaxStreamWindow: 4096, MaxBuffered: 8 << 20})
				c.stalled = true
				for i := range 100 {
					c.get("/" + itoa(i))
				}
				c.wait()
				want(t, len(s.all), 100)
				end := attack(t, s, c)
				c.wait()
				if !c.ended && end != "lost" {
					for _, a := range c.answers {
						if got := a.String(); end == "done" && (!a.ended || len(a.body) != 3*large) || end != "done" && !strings.HasSuffix(got, end) {
							t.Fatalf("got %s, want %s", got, end)
						}
					}
				}
				want(t, s.ended, 100)
				for _, err := range s.errs {
					want(t, err, web.ErrConnectionLost)
				}
				c.transport.AbortConnection()
				s.Pump()
				s.Advance(3 * time.Hour)
				want(t, len(s.DelayedCalls()), 0)
			})
		}
	}
}

// A blockedServer has 100 responses whose client allows nothing.
type blockedServer struct {
	*server
	all   []*web.Request
	ended int
	errs  []error
}
