package client_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/internal/testkit/rawserver"
	"github.com/seed-7c003b53/gotreq/reactor/memory"
	"github.com/seed-7c003b53/gotreq/treq/agent"
	"github.com/seed-7c003b53/gotreq/treq/auth"
	"github.com/seed-7c003b53/gotreq/treq/client"
	"github.com/seed-7c003b53/gotreq/treq/response"
)

// This file tests one promise: whatever a server does, each Deferred fires after a
// timeout, a cancel or the end of the connection, and nothing is left of the request.

// stalls are the bytes that a server sends before it becomes silent.
var stalls = map[string]string{
	"nothing":                  "",
	"half a status line":       "HTTP/1.1 2",
	"half the headers":         "HTTP/1.1 200 OK\r\nContent-Le",
	"no body":                  "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n",
	"half a body":              "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf",
	"half a chunk":             "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nhalf",
	"no last chunk":            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n",
	"half the trailers":        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nA: b\r\n",
	"a body without an end":    "HTTP/1.1 200 OK\r\n\r\nsome",
	"half a coded body":        "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 99\r\n\r\n\x1f\x8b\x08\x00",
	"an interim response":      "HTTP/1.1 103 Early Hints\r\n\r\n",
	"a redirect, half a body":  "HTTP/1.1 302 Found\r\nLocation: /\r\nContent-Length: 9\r\n\r\nhalf",
	"a redirect, no end":       "HTTP/1.1 302 Found\r\nLocation: /\r\n\r\nsome",
	"a redirect elsewhere":     "HTTP/1.1 302 Found\r\nLocation: http://b.example/\r\nContent-Length: 9\r\n\r\nhalf",
	"a challenge, half a body": "HTTP/1.1 401 No\r\nWWW-Authenticate: Digest realm=r, nonce=n\r\nContent-Length: 9\r\n\r\nhalf",
	"a challenge, no end":      "HTTP/1.1 401 No\r\nWWW-Authenticate: Digest realm=r, nonce=n\r\n\r\nsome",
	"the body is refused":      "HTTP/1.1 417 Expectation Failed\r\nContent-Length: 9\r\n\r\nhalf",
	"an upgrade not asked for": "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n",
	"more than a response":     "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nfour and more",
	"not HTTP":                 "SSH-2.0-OpenSSH_9.2\r\n",
}

// fetch makes a request that uses many features. It fires with the body of the response.
func fetch(c *client.HTTPClient, options ...client.Option) *deferred.Deferred[[]byte] {
	d := c.Post("http://a.example/", append(options,
		client.Data("some data"), client.Auth(auth.NewDigest("u", "p")), client.BrowserLikeRedirects(true))...)
	return deferred.Then(d, (*response.Response).Content)
}

func TestNothingHangs(t *testing.T) {
	for name, says := range stalls {
		for how, end := range map[string]struct {
			options client.All
			do      func(d *deferred.Deferred[[]byte], s *rawserver.Server, r *memory.Reactor)
			want    func(error) bool // nil: any error or none
		}{
			"total timeout": {client.All{client.TotalTimeout(time.Minute)},
				func(d *deferred.Deferred[[]byte], s *rawserver.Server, r *memory.Reactor) { r.RunFor(time.Minute) },
				func(err error) bool { return errors.As(err, new(*deferred.TimeoutError)) }},
			"timeouts of both stages": {client.All{client.Timeout(time.Minute), client.ReadTimeout(time.Minute)},
				func(d *deferred.Deferred[[]byte], s *rawserver.Server, r *memory.Reactor) { r.RunFor(2 * time.Minute) },
				func(err error) bool { return errors.As(err, new(*deferred.TimeoutError)) }},
			"cancelled": {nil,
				func(d *deferred.Deferred[[]byte], s *rawserver.Server, r *memory.Reactor) { d.Cancel() },
				func(err error) bool { return errors.Is(err, deferred.ErrCancelled) }},
			"closed": {nil, func(d *deferred.Deferred[[]byte], s *rawserver.Server, r *memory.Reactor) {
				for i := 0; i < len(s.Conns); i++ { // a close may lead to another connection
					s.Conn(i).Close()
				}
			}, nil},
			"reset": {nil, func(d *deferred.Deferred[[]byte], s *rawserver.Server, r *memory.Reactor) {
				for i := 0; i < len(s.Conns); i++ {
					s.Conn(i).Abort()
				}
			}, nil},
		} {
			t.Run(name+", "+how, func(t *testing.T) {
				c, s, r := newClient(t)
				s.Respond(says)
				d := fetch(c, end.options)
				r.Pump()
				early := d.Called()
				end.do(d, s, r)
				r.RunFor(time.Second) // the bodies of redirects are read for up to 250 ms
				var err error
				fired := false
				d.AddBoth(func(_ []byte, e error) ([]byte, error) {
					fired, err = true, e
					return nil, nil
				})
				if !fired {
					t.Fatal("the request hangs")
				}
				if errors.Is(err, agent.ErrInfiniteRedirection) {
					return // the server redirected too often
				}
				if !early && end.want != nil && !end.want(err) {
					t.Errorf("failed with %v", err)
				}
			})
		}
	}
}

// TestNothingHangsWhileItDrips checks that a server that sends a few bytes at a time
// cannot make a request longer than its total timeout.
func TestNothingHangsWhileItDrips(t *testing.T) {
	for name, drip := range map[string]struct{ first, then string }{
		"empty lines": {"", "\r\n"},
		"headers":     {"HTTP/1.1 200 OK\r\n", "A: b\r\n"},
		"interim":     {"", "HTTP/1.1 102 Processing\r\n\r\n"},
		"body":        {"HTTP/1.1 200 OK\r\n\r\n", "x"},
		"chunks":      {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", "1\r\nx\r\n"},
		"redirects":   {"HTTP/1.1 302 Found\r\nLocation: /\r\nTransfer-Encoding: chunked\r\n\r\n", "1\r\nx\r\n"},
		"challenges":  {"HTTP/1.1 401 No\r\nWWW-Authenticate: Digest realm=r, nonce=n\r\nTransfer-Encoding: chunked\r\n\r\n", "1\r\nx\r\n"},
	} {
		t.Run(name, func(t *testing.T) {
			c, s, r := newClient(t)
			s.Respond(drip.first)
			d := fetch(c, client.TotalTimeout(10*time.Second))
			for range 110 {
				r.RunFor(100 * time.Millisecond)
				for _, conn := range s.Conns {
					if conn.Lost == nil {
						conn.Send(drip.then)
					}
				}
			}
			if !d.Called() {
				t.Fatal("the request hangs")
			}
			d.AddErrback(func(error) ([]byte, error) { return nil, nil })
			r.RunFor(time.Second)
		})
	}
}

// FuzzServer checks that a request ends and leaves nothing behind, whatever a server
// sends before it closes the connection.
func FuzzServer(f *testing.F) {
	for _, says := range stalls {
		f.Add(says, 1)
		f.Add(says, 1000)
	}
	f.Add("HTTP/1.1 200 OK\r\nContent-Length: 0\r\nSet-Cookie: a=b; Domain=example\r\nContent-Encoding: br, gzip\r\n\r\n", 3)
	f.Fuzz(func(t *testing.T, says string, piece int) {
		if piece < 1 || len(says) > 10_000 {
			return
		}
		r := memory.New()
		pool := agent.NewPool(r, agent.PoolConfig{})
		s := rawserver.Listen(t, r, "80", "443")
		c := client.New(r, client.Config{Agent: agent.New(r, agent.Config{Pool: pool})})
		s.Accept = func(conn *rawserver.Conn) {
			conn.Data = func([]byte) {
				conn.Data = nil
				for rest := says; rest != "" && conn.Lost == nil; rest = rest[min(piece, len(rest)):] {
					conn.Write([]byte(rest[:min(piece, len(rest))]))
				}
				conn.LoseConnection()
			}
		}
		d := fetch(c)
		r.RunFor(time.Hour)
		if !d.Called() {
			t.Fatalf("the request hangs:\n%s", strings.Join(strings.Split(fmt.Sprintf("%q", says), `\n`), "\\n\n"))
		}
		d.AddErrback(func(error) ([]byte, error) { return nil, nil })
		pool.CloseCachedConnections()
		r.Pump()
		if n, calls := s.Open(), len(r.DelayedCalls()); n != 0 || calls != 0 {
			t.Fatalf("%d connections and %d delayed calls are left of %q", n, calls, says)
		}
	})
}
