package web_test

import (
	"crypto/tls"
	"fmt"
	"net"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/seed-7c003b53/gotreq/deferred/deferredtest"
	"github.com/seed-7c003b53/gotreq/internal/testkit/testcert"
	"github.com/seed-7c003b53/gotreq/reactor"
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

// A secureServer is a server that also listens with TLS.
type secureServer struct {
	*server
	client func(p reactor.Protocol, protocols ...string) reactor.Factory // of TLS with an ALPN of protocols
}

const secureAddress = "192.0.2.1:443"

func serveTLS(t *testing.T, config *tls.Config) *secureServer {
	certificate, roots := testcert.New("an.example")
	config.Certificates = []tls.Certificate{certificate}
	s := serveFunc(t, hello)
	if _, err := s.ListenTCP(secureAddress, reactor.TLSServer(s, reactor.TLSConfig{Config: config}, s.site)); err != nil {
		t.Fatal(err)
	}
	return &secureServer{s, func(p reactor.Protocol, protocols ...string) reactor.Factory {
		return reactor.TLSClient(s, reactor.TLSConfig{Config: &tls.Config{RootCAs: roots, ServerName: "an.example", NextProtos: protocols}},
			reactor.FactoryFunc(func(net.Addr) reactor.Protocol { return p }))
	}}
}

// connectRaw returns a client that has not begun the handshake.
func (s *secureServer) connectRaw() *peer {
	p := &peer{server: s.server}
	s.ConnectTCP(secureAddress, reactor.FactoryFunc(func(net.Addr) reactor.Protocol { return p }), reactor.ConnectConfig{})
	s.Pump()
	return p
}

// connectTLS returns a client that has made the handshake, unless the server refused it.
func (s *secureServer) connectTLS() *peer {
	p := &peer{server: s.server}
	s.ConnectTCP(secureAddress, s.client(p), reactor.ConnectConfig{})
	s.Pump()
	return p
}

func ended(all []*peer) (n int) {
	for _, p := range all {
		if p.ended {
			n++
		}
	}
	return n
}

// TestMaxConnectionsOfHandshakes checks that connections count from the beginning of their
// TLS handshakes until its end, that an unfinished one makes room for a new connection when
// none is idle, and that a busy one does not.
func TestMaxConnectionsOfHandshakes(t *testing.T) {
	logs(t)
	s := serveTLS(t, &tls.Config{})
	s.site.MaxConnections = 3
	busy := s.connectTLS().send(get[:5])
	idle := s.connectTLS()
	var silent []*peer
	for i := range 10 {
		silent = append(silent, s.connectRaw())
		want(t, ended(silent), max(0, i+1-2))
		want(t, fmt.Sprint(busy.ended, idle.ended), fmt.Sprint(false, i > 0))
	}
	for i := range 2 { // another client is served even so
		p := s.connectTLS().send(get)
		want(t, body(p.take()), "hello")
		p.send(get[:5])
		want(t, ended(silent), 9+i)
	}
	want(t, s.connectRaw().ended, true) // all are busy
	busy.send(get[5:])
	want(t, body(busy.take()), "hello")
}

// TestHandshakesEnd checks that the connection of a handshake that has ended is not counted
// any more, in whatever way it has ended.
func TestHandshakesEnd(t *testing.T) {
	logs(t)
	const hello = "\x16\x03\x01\x00\xff"
	for _, test := range []struct {
		name string
		end  func(s *secureServer, p *peer)
	}{
		{"the client aborts it", func(s *secureServer, p *peer) { p.AbortConnection() }},
		{"the client ends it", func(s *secureServer, p *peer) { p.LoseConnection() }},
		{"the client ends it in the middle", func(s *secureServer, p *peer) { p.send(hello).LoseConnection() }},
		{"it is not TLS", func(s *secureServer, p *peer) { p.send(get) }},
		{"it takes too long", func(s *secureServer, p *peer) { p.send(hello); s.Advance(30 * time.Second) }},
		{"it makes room", func(s *secureServer, p *peer) { s.connectRaw().AbortConnection() }},
		{"the site shuts down", func(s *secureServer, p *peer) {
			d := s.site.Shutdown()
			s.Advance(5 * time.Second)
			deferredtest.SuccessResultOf(t, d)
			if _, err := s.ListenTCP(siteAddress, s.site); err != nil {
				t.Error(err)
			}
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := serveTLS(t, &tls.Config{})
			s.site.MaxConnections = 1
			for range 2 {
				p := s.connectRaw()
				if test.name == "the site shuts down" && p.Transport == nil { // the secure port has stopped
					return
				}
				want(t, p.ended, false)
				test.end(s, p)
				s.Pump()
				want(t, p.ended, true)
				p = s.connect() // takes the only place
				p.send(get[:5])
				want(t, s.tryConnect().ended, true)
				want(t, body(p.send(get[5:]).take()), "hello")
				p.LoseConnection()
				s.Pump()
			}
			want(t, len(s.DelayedCalls()), 0)
		})
	}
	for name, config := range map[string]*tls.Config{
		"panic":  {GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) { panic("x") }},
		"error":  {GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) { return nil, net.ErrClosed }},
		"Goexit": {GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) { runtime.Goexit(); return nil, nil }},
	} {
		t.Run(name, func(t *testing.T) {
			s := serveTLS(t, config)
			s.site.MaxConnections = 1
			for range 3 {
				s.connectTLS()
			}
			p := s.connect()
			p.send(get[:5])
			want(t, s.tryConnect().ended, true)
			want(t, body(p.send(get[5:]).take()), "hello")
		})
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
