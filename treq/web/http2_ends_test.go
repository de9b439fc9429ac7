package web_test

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	xhttp2 "golang.org/x/net/http2"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/deferred/deferredtest"
	"github.com/seed-7c003b53/gotreq/internal/http2"
	"github.com/seed-7c003b53/gotreq/reactor"
	"github.com/seed-7c003b53/gotreq/treq/web"
	"github.com/seed-7c003b53/gotreq/treq/wire"
)

// This file tests how responses, tunnels and connections of HTTP/2 end when several of them end together.

// TestHTTP2LossFinishesAnother checks that a response that is finished because another one on the same connection was lost
// counts as lost too: it never reached the client.
func TestHTTP2LossFinishesAnother(t *testing.T) {
	for name, test := range map[string]struct {
		lose   func(c *h2client)
		reason error
	}{
		"the connection is reset": {func(c *h2client) { c.transport.AbortConnection() }, reactor.ErrConnectionLost},
		"the client errs":         {func(c *h2client) { c.transport.Write([]byte(strings.Repeat("x", 100))) }, wire.FrameSizeError},
	} {
		t.Run(name, func(t *testing.T) {
			logs(t)
			var all []*web.Request
			var ends []error
			logged := 0
			c := serveH2(t, &web.Site{AccessLog: func(*web.Request) { logged++ }, Root: web.RenderFunc(func(req *web.Request) {
				req.NotDoneYet()
				all = append(all, req)
				req.NotifyFinish().AddBoth(func(n deferred.None, err error) (deferred.None, error) {
					ends = append(ends, err)
					for _, other := range all { // such as those who talk with this client
						if other != req && other.Err() == nil {
							all = nil
							other.WriteString("left")
							other.Finish()
						}
					}
					return n, nil
				})
			})})
			for range 3 {
				c.get("/")
			}
			c.wait()
			requests := all
			test.lose(c)
			c.wait()
			want(t, len(ends), 3)
			for i, req := range requests {
				if !errors.Is(req.Err(), test.reason) || !errors.Is(ends[i], test.reason) {
					t.Errorf("request %d: %v, the Deferreds %v", i, req.Err(), ends)
				}
			}
			want(t, logged, 3)
			c.failed = nil
			c.gone(t)
		})
	}
}

// TestHTTP2ContentAfterTheResponse checks that a client that still sends content after a response that it took slowly has
// the time of ContentTimeout for it, and is not told then that the response is to be dropped.
func TestHTTP2ContentAfterTheResponse(t *testing.T) {
	s := serve(t, &web.Site{ContentTimeout: 3 * time.Minute, Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Write(make([]byte, 5000))
		w.Write(make([]byte, 1000))
	})})
	c := s.dialWith(http2.Config{StreamWindow: 5000, MaxBuffered: 8 << 20})
	c.stalled = true
	a := c.begin("POST", "/", nil, -1, false).wait()
	a.read().wait()
	want(t, len(a.body), 6000)
	want(t, a.ended, true)
	s.Advance(3*time.Minute - time.Second)
	want(t, a.reset == nil, true)
	s.Advance(time.Second)
	want(t, fmt.Sprint(a.reset != nil && a.reset.Code == wire.NoError), "true")
	c.gone(t)
}

// TestHTTP2BreaksAfterTheEnd checks that a client that errs after the last GOAWAY of an orderly end is told how.
func TestHTTP2BreaksAfterTheEnd(t *testing.T) {
	logs(t)
	s := serve(t, &web.Site{MaxRequests: 1, Root: web.RenderFunc(func(req *web.Request) { req.NotDoneYet() })})
	a := s.attack()
	a.get(1, "/").flush()
	_, code, _ := a.told()
	want(t, code, int(xhttp2.ErrCodeNo))
	a.send("\x00")
	s.Advance(20 * time.Second)
	_, code, _ = a.told()
	want(t, code, int(xhttp2.ErrCodeEnhanceYourCalm))
	s.Advance(time.Minute)
	a.AbortConnection()
	s.settled(t)
}

// TestHTTP2CutShortLeavesTunnels checks that the end of a shutdown's time, or of the patience with it, ends the requests of
// a connection and leaves its tunnels alone.
func TestHTTP2CutShortLeavesTunnels(t *testing.T) {
	for name, test := range map[string]struct {
		limit   time.Duration
		cancel  bool
		request bool
		handler bool // the tunnel is a handler's
	}{
		"cancelled":                        {0, true, false, false},
		"cancelled, a handler's":           {0, true, false, true},
		"cancelled, beside a request":      {0, true, true, false},
		"a short time":                     {time.Second / 2, false, false, false},
		"a short time, beside a request":   {time.Second / 2, false, true, true},
		"the usual time, beside a request": {0, false, true, false},
	} {
		t.Run(name, func(t *testing.T) {
			logs(t)
			root := &web.Node{}
			root.PutChild("shout", tunnels(func(req *web.Request) { req.ResponseHeader["Date"] = nil; req.SwitchProtocol(&shouter{}) }))
			root.PutChild("handler", &web.HandlerResource{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				w.WriteHeader(200)
				conn, rw, _ := w.(http.Hijacker).Hijack()
				fmt.Fprint(conn, "hello, ")
				for {
					line := make([]byte, 100)
					n, err := rw.Read(line)
					if err != nil {
						return
					}
					fmt.Fprint(conn, strings.ToUpper(string(line[:n])))
				}
			})})
			var err error
			root.PutChild("wait", web.RenderFunc(func(req *web.Request) {
				req.NotDoneYet()
				req.NotifyFinish().AddErrback(func(e error) (deferred.None, error) { err = e; return deferred.None{}, nil })
			}))
			c := serveH2(t, &web.Site{ShutdownTimeout: test.limit, Root: root})
			path := "/shout"
			if test.handler {
				path = "/handler"
			}
			tunnel := c.extended("chat", path).wait()
			var request *answer
			if test.request {
				request = c.get("/wait").wait()
			}
			d := c.server.site.Shutdown()
			fired := 0
			d.AddBoth(func(n deferred.None, _ error) (deferred.None, error) { fired++; return n, nil })
			if test.cancel {
				d.Cancel()
			} else {
				c.server.Advance(10 * time.Second)
			}
			c.wait()
			want(t, fired, 1)
			if test.request && (!errors.Is(err, web.ErrShutdown) || request.reset == nil) {
				t.Errorf("the request ends with %v, %v", err, request)
			}
			tunnel.send("still here", false).wait()
			want(t, string(tunnel.body), "hello, STILL HERE")
			tunnel.send("", true).wait()
			want(t, c.ended, true)
			c.gone(t)
		})
	}
}

// TestHTTP2CutShortFinishesAnother checks that a shutdown ends all connections, though the loss of a request makes the
// program finish one of another connection, which then has only a tunnel left.
func TestHTTP2CutShortFinishesAnother(t *testing.T) {
	logs(t)
	var all []*web.Request
	root := &web.Node{}
	root.PutChild("tunnel", tunnels(func(req *web.Request) { req.SwitchProtocol(&shouter{}) }))
	root.PutChild("wait", web.RenderFunc(func(req *web.Request) {
		req.NotDoneYet()
		all = append(all, req)
		if len(all) == 1 {
			req.NotifyFinish().AddErrback(func(error) (deferred.None, error) { all[1].Finish(); return deferred.None{}, nil })
		}
	}))
	s := serve(t, &web.Site{Root: root})
	clients := []*h2client{s.dial(), s.dial(), s.dial()}
	for i, c := range clients {
		c.get("/wait").wait()
		if i != 2 {
			c.extended("chat", "/tunnel").wait()
		}
	}
	d := s.site.Shutdown()
	s.Advance(2 * time.Second)
	s.Advance(8 * time.Second)
	deferredtest.SuccessResultOf(t, d)
	want(t, fmt.Sprint(all[0].Err(), all[1].Err(), all[2].Err()), fmt.Sprint(web.ErrShutdown, nil, web.ErrShutdown))
	want(t, fmt.Sprint(clients[0].ended, clients[1].ended, clients[2].ended), "false false true")
	for _, c := range clients {
		c.transport.AbortConnection()
	}
	s.settled(t)
}
