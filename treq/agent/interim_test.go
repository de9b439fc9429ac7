package agent_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/deferred/deferredtest"
	"github.com/seed-7c003b53/gotreq/reactor"
	"github.com/seed-7c003b53/gotreq/reactor/memory"
	"github.com/seed-7c003b53/gotreq/treq/agent"
	"github.com/seed-7c003b53/gotreq/treq/request"
	"github.com/seed-7c003b53/gotreq/treq/response"
)

func TestExpectContinue(t *testing.T) {
	const head = "POST / HTTP/1.1\r\nHost: a.example\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n"
	for _, c := range []struct {
		name  string
		do    func(w *world, c *rawConn)
		body  string // the body that the server gets
		code  int
		close bool // the connection is closed
	}{
		{"wanted", func(w *world, c *rawConn) { c.Send("HTTP/1.1 100 Continue\r\n\r\n") }, "text", 200, false},
		{"no answer", func(w *world, c *rawConn) { w.r.RunFor(time.Second) }, "text", 200, false},
		{"not wanted", func(w *world, c *rawConn) {
			c.Send("HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n")
		}, "", 413, true},
		{"something else first", func(w *world, c *rawConn) {
			c.Send("HTTP/1.1 102 Processing\r\n\r\n")
			w.r.RunFor(time.Second - 1)
		}, "", 0, false},
		{"100 twice", func(w *world, c *rawConn) { c.Send(strings.Repeat("HTTP/1.1 100 Continue\r\n\r\n", 2)) }, "text", 200, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t, agent.PoolConfig{})
			req := newRequest("POST", "http://a.example/")
			req.Body, req.ExpectContinue = request.Bytes("text"), time.Second
			d := w.send(req)
			conn := w.Conn(0)
			if got := conn.Got(); got != head {
				t.Fatalf("got %q, want %q", got, head)
			}
			c.do(w, conn)
			if got := conn.Got(); got != c.body {
				t.Errorf("got the body %q, want %q", got, c.body)
			}
			switch c.code {
			case 0:
				d.AddErrback(func(error) (*response.Response, error) { return nil, nil })
				d.Cancel()
				w.r.Pump()
				return
			case 200:
				conn.Send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
			}
			if resp := deferredtest.SuccessResultOf(t, d); resp.Code != c.code {
				t.Errorf("got %v", resp)
			}
			if closed := conn.Lost != nil; closed != c.close {
				t.Errorf("closed %v, want %v", closed, c.close)
			}
		})
	}
}

func TestInformational(t *testing.T) {
	w := newWorld(t, agent.PoolConfig{})
	req := newRequest("GET", "http://a.example/")
	var got []string
	req.Informational = func(code int, h http.Header) { got = append(got, fmt.Sprint(code, h.Get("Link"))) }
	d := w.send(req)
	w.Conn(0).Send("HTTP/1.1 103 Early Hints\r\nLink: </style.css>\r\n\r\nHTTP/1.1 102 Processing\r\n\r\n" + okHello)
	w.wantBody(deferredtest.SuccessResultOf(t, d), "hello")
	if want := []string{"103</style.css>", "102"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// A halfLine is a protocol that goes on in one direction when the other has ended.
type halfLine struct {
	memory.Recorder
	ended string // the directions that have ended
}

func (l *halfLine) ReadConnectionLost()  { l.ended += "read " }
func (l *halfLine) WriteConnectionLost() { l.ended += "write " }

func TestUpgrade(t *testing.T) {
	ask := func() *request.Request {
		req := newRequest("GET", "http://a.example/")
		req.Header.Set("Connection", "Upgrade")
		req.Header.Set("Upgrade", "line")
		return req
	}
	const yes = "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: line\r\n\r\nfirst "
	t.Run("taken later", func(t *testing.T) {
		w := newWorld(t, agent.PoolConfig{})
		d := w.send(ask())
		c := w.Conn(0)
		c.Got()
		c.Send(yes)
		c.Send("second ")
		resp := deferredtest.SuccessResultOf(t, d)
		if resp.Code != 101 || resp.Upgrade == nil {
			t.Fatalf("got %v", resp)
		}
		var p memory.Recorder
		resp.Upgrade.SwitchProtocol(&p)
		w.r.Pump()
		p.Transport.Write([]byte("hello"))
		c.Send("third")
		if string(p.Data) != "first second third" || c.Got() != "hello" {
			t.Errorf("got %q", p.Data)
		}
		c.Close()
		if p.Lost != reactor.ErrConnectionDone {
			t.Errorf("lost for %v", p.Lost)
		}
	})
	t.Run("taken at once", func(t *testing.T) {
		w := newWorld(t, agent.PoolConfig{})
		var p memory.Recorder
		w.send(ask()).AddCallback(func(r *response.Response) (*response.Response, error) {
			r.Upgrade.SwitchProtocol(&p)
			return r, nil
		})
		c := w.Conn(0)
		c.Send(yes)
		c.Send("second")
		if string(p.Data) != "first second" {
			t.Errorf("got %q", p.Data)
		}
		p.Transport.LoseConnection()
		w.r.Pump()
	})
	for _, when := range []string{"with the response", "later"} {
		t.Run("half closed "+when, func(t *testing.T) {
			w := newWorld(t, agent.PoolConfig{})
			var p halfLine
			w.send(ask()).AddCallback(func(r *response.Response) (*response.Response, error) {
				r.Upgrade.SwitchProtocol(&p)
				return r, nil
			})
			c := w.Conn(0)
			c.Got()
			c.Write([]byte(yes))
			if when == "later" {
				w.r.Pump()
			}
			c.LoseWriteConnection()
			w.r.Pump()
			if string(p.Data) != "first " || p.ended != "read " || p.Lost != nil {
				t.Fatalf("got %q, ended: %s, lost for %v", p.Data, p.ended, p.Lost)
			}
			p.Transport.Write([]byte("an answer"))
			p.Transport.LoseWriteConnection()
			w.r.Pump()
			if got := c.Got(); got != "an answer" || p.ended != "read write " || p.Lost != reactor.ErrConnectionDone {
				t.Errorf("sent %q, ended: %s, lost for %v", got, p.ended, p.Lost)
			}
		})
	}
	t.Run("aborted", func(t *testing.T) {
		w := newWorld(t, agent.PoolConfig{})
		d := w.send(ask())
		w.Conn(0).Send(yes)
		deferredtest.SuccessResultOf(t, d).Upgrade.Abort()
		w.r.Pump()
	})
	t.Run("not asked for", func(t *testing.T) {
		w := newWorld(t, agent.PoolConfig{})
		d := w.get("http://a.example/")
		w.Conn(0).Send(yes)
		if err := deferredtest.FailureResultOf(t, d); !strings.Contains(err.Error(), "not asked for") {
			t.Errorf("got %v", err)
		}
	})
}

func TestMaxConnectionsPerHost(t *testing.T) {
	w := newWorld(t, agent.PoolConfig{MaxConnectionsPerHost: 2})
	var ds []*deferred.Deferred[*response.Response]
	for i := range 5 {
		ds = append(ds, w.get(fmt.Sprintf("http://a.example/%d", i)))
	}
	other := w.get("http://b.example/")
	if len(w.Conns) != 3 {
		t.Fatalf("%d connections", len(w.Conns))
	}
	w.Conn(2).Send(okHello)
	deferredtest.SuccessResultOf(t, other)
	ds[3].AddErrback(func(error) (*response.Response, error) { return nil, nil })
	ds[3].Cancel() // it leaves the queue
	w.Conn(0).Got()
	w.Conn(0).Send(okHello)
	if got := w.Conn(0).Got(); !strings.HasPrefix(got, "GET /2 ") {
		t.Errorf("the free connection was used for %q", got)
	}
	w.Conn(1).Abort() // the last request may connect in place of the lost connection
	deferredtest.FailureResultOf(t, ds[1])
	if got := w.Conn(3).Got(); !strings.HasPrefix(got, "GET /4 ") {
		t.Errorf("the new connection was used for %q", got)
	}
	w.Conn(0).Send(okHello)
	w.Conn(3).Send(okHello)
	for _, i := range []int{0, 2, 4} {
		w.wantBody(deferredtest.SuccessResultOf(t, ds[i]), "hello")
	}
}

// TestMaxConnectionsRefused checks that a waiting request connects after an attempt to
// connect has failed.
func TestMaxConnectionsRefused(t *testing.T) {
	w := newWorld(t, agent.PoolConfig{MaxConnectionsPerHost: 1})
	first := w.agent.Request(newRequest("GET", "http://a.example:9/"))
	second := w.agent.Request(newRequest("GET", "http://a.example:9/"))
	w.r.Pump()
	for _, d := range []*deferred.Deferred[*response.Response]{first, second} {
		if err := deferredtest.FailureResultOf(t, d); !strings.Contains(err.Error(), "refused") {
			t.Errorf("got %v", err)
		}
	}
}
