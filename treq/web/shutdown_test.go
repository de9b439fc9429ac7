package web_test

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/deferred/deferredtest"
	"github.com/seed-7c003b53/gotreq/internal/testkit/testcert"
	"github.com/seed-7c003b53/gotreq/reactor"
	"github.com/seed-7c003b53/gotreq/reactor/memory"
	"github.com/seed-7c003b53/gotreq/reactor/task"
	"github.com/seed-7c003b53/gotreq/treq/web"
)

// paused serves "/later", which waits for finish, and hello.
type paused struct {
	*server
	waiting []*web.Request
	logged  []string
}

func servePaused(t *testing.T) *paused {
	s := &paused{}
	s.server = serveFunc(t, func(req *web.Request) {
		switch req.Path {
		case "/later":
			req.NotDoneYet()
			s.waiting = append(s.waiting, req)
		case "/begun":
			req.NotDoneYet()
			req.WriteString("begun")
			s.waiting = append(s.waiting, req)
		case "/large":
			req.Write(make([]byte, 1_000_000))
		default:
			hello(req)
		}
	})
	s.site.AccessLog = func(req *web.Request) {
		s.logged = append(s.logged, strings.Fields(string(web.CombinedLog(req)))[6]+" "+strings.Fields(string(web.CombinedLog(req)))[8])
	}
	return s
}

func (s *paused) finish() {
	for _, req := range s.waiting {
		req.WriteString("finished")
		req.Finish()
	}
	s.waiting = nil
	s.Pump()
}

func getPath(path string) string { return "GET " + path + " HTTP/1.1\r\nHost: x\r\n\r\n" }

// TestShutdown checks what happens to each kind of connection.
func TestShutdown(t *testing.T) {
	s := servePaused(t)
	fresh := s.connect()
	s.Advance(5 * time.Second) // it is not new
	idle := s.connect().send(get)
	later := s.connect().send(getPath("/later") + getPath("/pipelined"))
	begun := s.connect().send(getPath("/begun"))
	head := s.connect().send(get[:10])
	content := s.connect().send("POST /hello HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\na")
	idle.take()

	d := s.site.Shutdown()
	s.Pump()
	for name, p := range map[string]*peer{"fresh": fresh, "idle": idle} {
		if !p.ended || len(p.got) != 0 {
			t.Errorf("%s: ended %v with %q", name, p.ended, p.got)
		}
	}
	for name, p := range map[string]*peer{"later": later, "begun": begun, "head": head, "content": content} {
		if p.ended {
			t.Errorf("%s: ended at once", name)
		}
	}
	refused := &peer{}
	var err error
	s.ConnectTCP(siteAddress, reactor.FactoryFunc(func(net.Addr) reactor.Protocol { return refused }), reactor.ConnectConfig{}).
		AddErrback(func(e error) (reactor.Protocol, error) { err = e; return nil, nil })
	s.Pump()
	if !errors.Is(err, reactor.ErrConnectionRefused) {
		t.Errorf("a new connection: %v", err)
	}

	head.send(get[10:])
	content.send("bc")
	for name, p := range map[string]*peer{"head": head, "content": content} {
		got := p.take()
		if !p.ended || body(got) != "hello" || header(got, "Connection") != "close" {
			t.Errorf("%s: ended %v with %q", name, p.ended, got)
		}
	}
	deferredtest.NoResult(t, d)
	s.finish()
	got := later.take()
	if !later.ended || string(entity(t, []byte(got))) != "finished" || header(got, "Connection") != "close" || strings.Count(got, "HTTP/1.1") != 1 {
		t.Errorf("later: ended %v with %q", later.ended, got)
	}
	got = begun.take()
	if !begun.ended || string(entity(t, []byte(got))) != "begunfinished" {
		t.Errorf("begun: ended %v with %q", begun.ended, got)
	}
	deferredtest.SuccessResultOf(t, d)
	deferredtest.SuccessResultOf(t, s.site.Shutdown())
	want(t, len(s.DelayedCalls()), 0)
	want(t, fmt.Sprint(s.logged), "[/ 200 / 200 /hello 200 /later 200 /begun 200]")
}

// TestShutdownAnswersReceivedRequests checks that a request which has come, but which has to
// wait for a later turn, is answered.
func TestShutdownAnswersReceivedRequests(t *testing.T) {
	s := serve(t, &web.Site{Root: web.RenderFunc(hello), TurnRequests: 1, MaxConnections: 1})
	p := s.connect()
	p.Write([]byte(strings.Repeat(get, 20)))
	for len(p.got) == 0 {
		s.turn()
	}
	d := s.site.Shutdown()
	s.Pump()
	answers := strings.SplitAfter(p.take(), "hello")
	last := answers[len(answers)-2]
	if n := len(answers) - 1; n > 10 || !p.ended || header(last, "Connection") != "close" {
		t.Errorf("%d answers, the last %q", n, last)
	}
	deferredtest.SuccessResultOf(t, d)
}

// TestShutdownCutsShort checks that responses are cut off after ShutdownTimeout, and that
// their requests, the log and the Deferred tell so.
func TestShutdownCutsShort(t *testing.T) {
	logs(t)
	for _, test := range []struct {
		limit time.Duration
		after time.Duration
	}{{0, 10 * time.Second}, {3 * time.Second, 3 * time.Second}} {
		s := servePaused(t)
		s.site.ShutdownTimeout = test.limit
		later := s.connect().send(getPath("/later"))
		begun := s.connect().send(getPath("/begun"))
		large := s.connect()
		large.PauseProducing()
		large.send(getPath("/large"))
		var reasons []error
		for _, req := range s.waiting {
			req.NotifyFinish().AddErrback(func(err error) (deferred.None, error) {
				reasons = append(reasons, err)
				return deferred.None{}, nil
			})
		}
		d := s.site.Shutdown()
		s.Advance(test.after - time.Millisecond)
		deferredtest.NoResult(t, d)
		want(t, later.ended || begun.ended, false)
		requests := s.waiting
		s.Advance(time.Millisecond)
		deferredtest.SuccessResultOf(t, d)
		if !errors.Is(later.lost, reactor.ErrConnectionReset) || !errors.Is(begun.lost, reactor.ErrConnectionReset) {
			t.Errorf("%v; %v", later.lost, begun.lost)
		}
		want(t, fmt.Sprint(s.logged), "[/later 503 /begun 503 /large 503]")
		for _, err := range append(reasons, requests[0].Err(), requests[1].Err()) {
			if !errors.Is(err, web.ErrShutdown) {
				t.Error(err)
			}
		}
		want(t, len(reasons), 2)
		want(t, len(s.DelayedCalls()), 0)
	}
}

// TestShutdownWithoutLimit checks that a negative ShutdownTimeout waits for all responses.
func TestShutdownWithoutLimit(t *testing.T) {
	s := servePaused(t)
	s.site.ShutdownTimeout = -1
	p := s.connect().send(getPath("/later"))
	d := s.site.Shutdown()
	s.Advance(time.Hour)
	deferredtest.NoResult(t, d)
	s.finish()
	want(t, string(entity(t, p.got)), "finished")
	deferredtest.SuccessResultOf(t, d)
}

// TestShutdownOfSlowReaders checks that a client gets the rest of a large response while
// the site shuts down.
func TestShutdownOfSlowReaders(t *testing.T) {
	for name, root := range largeWrites(random(1_000_000)) {
		s := serveRoot(t, root)
		p := s.connect()
		p.PauseProducing()
		p.send(get)
		d := s.site.Shutdown()
		s.Advance(5 * time.Second)
		deferredtest.NoResult(t, d)
		p.ResumeProducing()
		s.Pump()
		if n := len(entity(t, p.got)); n != 1_000_000 || !p.ended {
			t.Errorf("%s: %d bytes, ended %v", name, n, p.ended)
		}
		deferredtest.SuccessResultOf(t, d)
	}
}

// TestShutdownLeavesHijackedConnections checks that a hijacked connection is not waited
// for, nor closed.
func TestShutdownLeavesHijackedConnections(t *testing.T) {
	s := serveHandler(t, func(w http.ResponseWriter, r *http.Request) {
		conn, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
		}
		io.Copy(conn, conn)
	})
	p := s.connect().send(get)
	deferredtest.SuccessResultOf(t, s.site.Shutdown())
	s.Advance(time.Minute)
	want(t, p.send("echo").take(), "echo")
	want(t, p.ended, false)
}

// TestListenAfterShutdown checks that a site can listen again, and that its ports stop also
// under TLS.
func TestListenAfterShutdown(t *testing.T) {
	certificate, _ := testcert.New("an.example")
	s := serveFunc(t, hello)
	secure := reactor.TLSServer(s, reactor.TLSConfig{Config: &tls.Config{Certificates: []tls.Certificate{certificate}}}, s.site)
	for range 3 {
		if _, err := s.ListenTCP("192.0.2.1:443", secure); err != nil {
			t.Fatal(err)
		}
		want(t, body(s.get("/")), "hello")
		d := s.site.Shutdown()
		s.Pump()
		deferredtest.SuccessResultOf(t, d)
		if _, err := s.ListenTCP(siteAddress, s.site); err != nil {
			t.Fatal(err)
		}
	}
}

// TestListenDuringShutdown checks that a port that begins to listen while the site shuts
// down stops at once, and that the shutdown ends even so.
func TestListenDuringShutdown(t *testing.T) {
	certificate, _ := testcert.New("an.example")
	for name, factory := range map[string]func(*server) reactor.Factory{
		"the site":  func(s *server) reactor.Factory { return s.site },
		"a wrapper": func(s *server) reactor.Factory { return wrapper{s.site} },
		"TLS": func(s *server) reactor.Factory {
			return reactor.TLSServer(s, reactor.TLSConfig{Config: &tls.Config{Certificates: []tls.Certificate{certificate}}}, s.site)
		},
	} {
		logged := logs(t)
		s := servePaused(t)
		p := s.connect().send(getPath("/later"))
		d := s.site.Shutdown()
		for range 2 {
			if _, err := s.ListenTCP(siteAddress, factory(s.server)); err != nil {
				t.Fatal(name, err)
			}
		}
		want(t, strings.Count(logged(), "a port stops at once"), 2)
		want(t, s.tryConnect().Transport, nil)
		again := s.site.Shutdown()
		deferredtest.NoResult(t, d)
		s.finish()
		want(t, string(entity(t, p.got)), "finished")
		deferredtest.SuccessResultOf(t, d)
		deferredtest.SuccessResultOf(t, again)

		if _, err := s.ListenTCP(siteAddress, s.site); err != nil {
			t.Fatal(name, err)
		}
		want(t, body(s.get("/")), "hello")
		d = s.site.Shutdown()
		s.Pump()
		deferredtest.SuccessResultOf(t, d)
	}
}

// A wrapper is a factory around a site that passes on DoStart and DoStop.
type wrapper struct{ *web.Site }

func (w wrapper) BuildProtocol(peer net.Addr) reactor.Protocol { return w.Site.BuildProtocol(peer) }

// TestListenAgainWrapped checks that the factories around a site that tell it of their ports
// can listen again after a shutdown, and that the connections of others are refused.
func TestListenAgainWrapped(t *testing.T) {
	site := &web.Site{Root: web.RenderFunc(hello)}
	s := &server{t, memory.New(), site}
	for range 2 {
		if _, err := s.ListenTCP(siteAddress, wrapper{site}); err != nil {
			t.Fatal(err)
		}
		want(t, body(s.get("/")), "hello")
		d := site.Shutdown()
		s.Pump()
		deferredtest.SuccessResultOf(t, d)
	}
	port, err := s.ListenTCP(siteAddress, reactor.FactoryFunc(site.BuildProtocol))
	if err != nil {
		t.Fatal(err)
	}
	want(t, s.tryConnect().lost != nil, true)
	site.DoStart(s, port)
	want(t, body(s.get("/")), "hello")
	d := site.Shutdown()
	s.Pump()
	deferredtest.SuccessResultOf(t, d)
	want(t, s.tryConnect().Transport, nil)
}

// TestStopShutsDown checks that a reactor that is stopped waits for the responses of its
// sites, also of a site that does not know its port.
func TestStopShutsDown(t *testing.T) {
	for name, wrap := range map[string]func(*web.Site) reactor.Factory{
		"a site":            func(s *web.Site) reactor.Factory { return s },
		"a wrapped site":    func(s *web.Site) reactor.Factory { return reactor.FactoryFunc(s.BuildProtocol) },
		"a site as it ends": func(s *web.Site) reactor.Factory { return s },
	} {
		t.Run(name, func(t *testing.T) {
			logs(t)
			r := memory.New()
			var logged []int
			site := &web.Site{AccessLog: func(req *web.Request) { logged = append(logged, loggedStatus(req)) }}
			p := &peer{}
			var stoppedAt time.Time
			site.Root = web.RenderFunc(func(req *web.Request) {
				req.NotDoneYet()
				if name != "a site as it ends" {
					r.CallLater(3*time.Second, func() {
						req.WriteString("done")
						req.Finish()
					})
				}
				r.CallLater(time.Second, func() {
					stoppedAt = r.Now()
					r.Stop()
				})
			})
			status := task.ReactOn(r, func(reactor.Reactor) *deferred.Deferred[deferred.None] {
				if _, err := r.ListenTCP(siteAddress, wrap(site)); err != nil {
					t.Fatal(err)
				}
				r.ConnectTCP(siteAddress, reactor.FactoryFunc(func(net.Addr) reactor.Protocol { return p }), reactor.ConnectConfig{}).
					AddCallback(func(proto reactor.Protocol) (reactor.Protocol, error) {
						p.Write([]byte(get))
						return proto, nil
					})
				return deferred.New[deferred.None]()
			}, io.Discard)
			want(t, status, 0)
			took := r.Now().Sub(stoppedAt)
			if name == "a site as it ends" {
				want(t, took, 10*time.Second)
				want(t, fmt.Sprint(logged), "[503]")
				return
			}
			want(t, took, 2*time.Second)
			want(t, string(entity(t, p.got)), "done")
			want(t, fmt.Sprint(logged), "[200]")
		})
	}
}

func loggedStatus(req *web.Request) (code int) {
	fmt.Sscan(strings.Fields(string(web.CombinedLog(req)))[8], &code)
	return code
}
