package web_test

import (
	"crypto/tls"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/deferred/deferredtest"
	"github.com/seed-7c003b53/gotreq/internal/http2"
	"github.com/seed-7c003b53/gotreq/reactor"
	"github.com/seed-7c003b53/gotreq/treq/web"
)

// This file has the shutdown of a site while its clients are new: they have not sent a request yet.

// A newcomer is a client of one version of HTTP that sends nothing by itself.
type newcomer struct {
	server         *server
	secure, second bool
	h1             *peer
	h2             *h2client
	held           []byte // received over HTTP/2 before the client has begun
	begun          bool
	refused        bool
	eager          bool // sends a request as soon as it is connected
	answer         *answer
}

func (n *newcomer) String() string {
	return fmt.Sprintf("TLS %v, HTTP/2 %v", n.secure, n.second)
}

func (n *newcomer) ConnectionMade(t reactor.Transport) {
	if n.second {
		n.h2.transport = t
	}
	n.h1.ConnectionMade(t)
	if n.eager {
		n.request(0)
	}
}

func (n *newcomer) DataReceived(data []byte) {
	switch {
	case !n.second:
		n.h1.DataReceived(data)
	case n.begun:
		n.h2.DataReceived(data)
	default:
		n.held = append(n.held, data...)
	}
}

func (n *newcomer) ReadConnectionLost()         { n.h1.ReadConnectionLost() }
func (n *newcomer) WriteConnectionLost()        {}
func (n *newcomer) ConnectionLost(reason error) { n.h1.ConnectionLost(reason) }

// first is what the client sends first: the head of its request, or all that comes before the first frame.
func (n *newcomer) first() string {
	if n.second {
		return "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
	}
	return get
}

// request sends a request, but for the first sent bytes.
func (n *newcomer) request(sent int) {
	n.begun = true
	if !n.second {
		n.h1.Write([]byte(get[sent:]))
		return
	}
	if n.h2.machine.CanOpen() {
		n.answer = n.h2.get("/")
	}
	n.h2.transport.Write(n.h2.machine.Output()[sent:])
	n.h2.DataReceived(n.held)
}

// settings sends what comes before the first request.
func (n *newcomer) settings() {
	n.begun = true
	n.h2.flush()
	n.h2.DataReceived(n.held)
}

// done reports whether the request is answered.
func (n *newcomer) done() bool {
	return strings.HasSuffix(string(n.h1.got), "hello") || n.answer != nil && n.answer.ended
}

// answered checks that the request was answered, and was the last one of the connection.
func (n *newcomer) answered(t *testing.T) {
	t.Helper()
	if !n.second {
		got := n.h1.take()
		if body(got) != "hello" || header(got, "Connection") != "close" || !n.h1.ended {
			t.Errorf("ended %v with %q", n.h1.ended, got)
		}
		return
	}
	if n.answer == nil || string(n.answer.body) != "hello" || n.h2.goneAway == nil || !n.h1.ended {
		t.Errorf("ended %v with %v, GOAWAY %v", n.h1.ended, n.answer, n.h2.goneAway)
	}
}

// newcomers calls f with a client of each kind, which is about to connect.
func newcomers(t *testing.T, f func(t *testing.T, s *secureServer, n *newcomer)) {
	for _, secure := range []bool{false, true} {
		for _, second := range []bool{false, true} {
			s := serveTLS(t, &tls.Config{})
			n := &newcomer{server: s.server, secure: secure, second: second, h1: &peer{server: s.server}, h2: &h2client{server: s.server}}
			n.h2.machine.Init(http2.Config{Now: s.Now})
			t.Run(n.String(), func(t *testing.T) { f(t, s, n) })
		}
	}
}

// connect connects n to s.
func (n *newcomer) connect(s *secureServer) {
	var factory reactor.Factory = reactor.FactoryFunc(func(net.Addr) reactor.Protocol { return n })
	address := siteAddress
	switch {
	case n.secure && n.second:
		address, factory = secureAddress, s.client(n, "h2")
	case n.secure:
		address, factory = secureAddress, s.client(n)
	}
	s.ConnectTCP(address, factory, reactor.ConnectConfig{}).AddErrback(func(err error) (reactor.Protocol, error) {
		n.refused = true
		return nil, nil
	})
}

// TestShutdownOfNewConnections checks that a connection that has sent no request has 5 seconds for it, from its
// beginning, or all the time of a shutdown if a part of the request has come.
func TestShutdownOfNewConnections(t *testing.T) {
	const age = time.Second
	for _, state := range []string{"nothing", "half of the first bytes", "settings"} {
		for _, then := range []string{"a request", "silence"} {
			t.Run(state+", then "+then, func(t *testing.T) {
				logs(t)
				newcomers(t, func(t *testing.T, s *secureServer, n *newcomer) {
					n.connect(s)
					s.Pump()
					sent, lasts := 0, 5*time.Second-age
					switch state {
					case "half of the first bytes":
						sent, lasts = len(n.first())/2, 10*time.Second
						n.h1.Write([]byte(n.first()[:sent]))
					case "settings":
						if !n.second {
							t.Skip("HTTP/1.1 has none")
						}
						n.settings()
					}
					s.Pump()
					s.Advance(age)
					d := s.site.Shutdown()
					s.Advance(lasts - time.Millisecond)
					deferredtest.NoResult(t, d)
					want(t, n.h1.ended, false)
					if then == "a request" {
						n.request(sent)
						s.Pump()
						n.answered(t)
					} else {
						s.Advance(time.Millisecond)
					}
					want(t, n.h1.ended, true)
					deferredtest.SuccessResultOf(t, d)
					s.settled(t)
				})
			})
		}
	}
}

// TestShutdownAtEveryTurn checks that no request is lost that is on its way when the site shuts down, at whatever turn of
// the loop that is: it is answered, or the client could not connect.
func TestShutdownAtEveryTurn(t *testing.T) {
	for turns, more := 0, true; more; turns++ {
		more = false
		newcomers(t, func(t *testing.T, s *secureServer, n *newcomer) {
			n.eager = true
			n.connect(s)
			for range turns {
				s.turn()
			}
			more = more || !n.done()
			d := s.site.Shutdown()
			s.Pump()
			if !n.refused && !(n.done() && n.h1.ended) {
				t.Errorf("shutdown after %d turns: ended %v with %q", turns, n.h1.lost, n.h1.got)
			}
			deferredtest.SuccessResultOf(t, d)
			s.settled(t)
		})
	}
}

// TestShutdownWithoutFirstRequests checks how long a shutdown waits for connections that never send a request, what ends it
// early, and that it does not wait for old ones.
func TestShutdownWithoutFirstRequests(t *testing.T) {
	logs(t)
	never := func(*web.Site, *deferred.Deferred[deferred.None]) {}
	for _, test := range []struct {
		name  string
		ages  []time.Duration // of the connections at the shutdown, the oldest first
		then  func(*web.Site, *deferred.Deferred[deferred.None])
		limit time.Duration
		lasts time.Duration
	}{
		{"new", []time.Duration{time.Second}, never, 0, 4 * time.Second},
		{"old", []time.Duration{5 * time.Second}, never, 0, 0},
		{"one old, one new", []time.Duration{time.Minute / 4, 3 * time.Second}, never, 0, 2 * time.Second},
		{"two new", []time.Duration{4 * time.Second, time.Second}, never, 0, 4 * time.Second},
		{"a short ShutdownTimeout", []time.Duration{time.Second}, never, time.Second, time.Second},
		{"no ShutdownTimeout", []time.Duration{time.Second}, never, -1, 4 * time.Second},
		{"cancelled", []time.Duration{time.Second}, func(_ *web.Site, d *deferred.Deferred[deferred.None]) { d.Cancel() }, 0, 0},
		{"the other of two cancelled", []time.Duration{time.Second}, func(s *web.Site, _ *deferred.Deferred[deferred.None]) {
			other := s.Shutdown()
			other.Cancel()
			if err := deferredtest.FailureResultOf(t, other); err != deferred.ErrCancelled {
				t.Error(err)
			}
		}, 0, 0},
		{"a deadline", []time.Duration{time.Second}, func(s *web.Site, d *deferred.Deferred[deferred.None]) {
			d.AddTimeout(2*time.Second, s.Clock, nil)
		}, 0, 2 * time.Second},
	} {
		for _, shaking := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, in the handshake %v", test.name, shaking), func(t *testing.T) {
				s := serveTLS(t, &tls.Config{})
				s.site.ShutdownTimeout, s.site.Clock = test.limit, s
				var all []*peer
				for i, age := range test.ages {
					if shaking {
						all = append(all, s.connectRaw())
					} else {
						all = append(all, s.connect())
					}
					if i+1 < len(test.ages) {
						age -= test.ages[i+1]
					}
					s.Advance(age)
				}
				d := s.site.Shutdown()
				test.then(s.site, d)
				begin, over := s.Now(), false
				d.AddBoth(func(n deferred.None, _ error) (deferred.None, error) { over = true; return n, nil })
				s.Pump()
				if test.lasts != 0 {
					s.Advance(test.lasts - time.Millisecond)
					want(t, over || all[len(all)-1].ended, false)
					s.Advance(time.Millisecond)
				}
				want(t, over, true)
				want(t, s.Now().Sub(begin), test.lasts)
				want(t, ended(all), len(all))
				s.settled(t)
			})
		}
	}
}
