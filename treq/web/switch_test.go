package web_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/reactor"
	"github.com/seed-7c003b53/gotreq/reactor/memory"
	"github.com/seed-7c003b53/gotreq/treq/web"
)

// A shouter is a protocol that sends back in upper case what it receives.
type shouter struct {
	reactor.Transport
	made  func(reactor.Transport) // called in ConnectionMade; may be nil
	calls []string
	lost  error
}

func (s *shouter) ConnectionMade(t reactor.Transport) {
	s.Transport = t
	s.calls = append(s.calls, "made")
	t.Write([]byte("hello, "))
	if s.made != nil {
		s.made(t)
	}
}

func (s *shouter) DataReceived(data []byte) {
	s.calls = append(s.calls, string(data))
	s.Write([]byte(strings.ToUpper(string(data))))
}

func (s *shouter) ConnectionLost(reason error) { s.lost = reason }

// TestSwitchProtocol: a resource agrees to another protocol, which gets the connection.
func TestSwitchProtocol(t *testing.T) {
	const upgrade = "GET / HTTP/1.1\r\nHost: x\r\nConnection: keep-alive, Upgrade\r\nUpgrade: shout, whisper\r\n\r\n"
	const connect = "CONNECT an.example:80 HTTP/1.1\r\nHost: an.example:80\r\n\r\n"
	for name, c := range map[string]struct {
		request string
		set     func(req *web.Request)
		head    string
	}{
		"upgrade": {upgrade, nil, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: shout\r\n"},
		"another upgrade": {upgrade, func(req *web.Request) {
			req.SetHeader("Upgrade", "whisper")
			req.SetHeader("X-More", "yes")
			req.SetResponseCode(200)
		}, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: whisper\r\nX-More: yes\r\n"},
		"tunnel":                {connect, nil, "HTTP/1.1 200 OK\r\n"},
		"tunnel with a code":    {connect, func(req *web.Request) { req.SetResponseCodeAndPhrase(202, "Fine") }, "HTTP/1.1 202 Fine\r\n"},
		"tunnel with an error":  {connect, func(req *web.Request) { req.SetResponseCode(404) }, "HTTP/1.1 200 OK\r\n"},
		"tunnel with a length":  {connect, func(req *web.Request) { req.SetHeader("Content-Length", "3") }, "HTTP/1.1 200 OK\r\n"},
		"upgrade when rendered": {upgrade, func(req *web.Request) { req.NotDoneYet() }, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: shout\r\n"},
	} {
		t.Run(name, func(t *testing.T) {
			p := &shouter{}
			var err, finished error
			var logged int
			done := false
			s := serve(t, &web.Site{AccessLog: func(req *web.Request) { logged = req.ResponseCode() }, Root: tunnels(func(req *web.Request) {
				req.ResponseHeader["Date"] = nil
				if c.set != nil {
					c.set(req)
				}
				req.NotifyFinish().AddBoth(func(n deferred.None, e error) (deferred.None, error) {
					done, finished = true, e
					return n, nil
				})
				err = req.SwitchProtocol(p)
			})})
			client := s.connect().send(c.request + "early ")
			client.send("late")
			want(t, client.take(), c.head+"\r\nhello, EARLY LATE")
			want(t, err, nil)
			want(t, done && finished == nil, true)
			want(t, itoa(logged), c.head[9:12])
			want(t, strings.Join(p.calls, "|"), "made|early |late")
			want(t, p.lost, nil)
			client.LoseWriteConnection()
			s.Pump()
			want(t, p.lost, reactor.ErrConnectionDone)
			want(t, client.ended, true)
			want(t, len(s.DelayedCalls()), 0)
		})
	}
}

// tunnels is a leaf that answers GET and CONNECT by f.
func tunnels(f func(*web.Request)) web.Resource { return &tunnelResource{f: f} }

type tunnelResource struct {
	later func()
	web.Leaf
	f func(*web.Request)
}

func (r *tunnelResource) RenderGET(req *web.Request)     { r.f(req) }
func (r *tunnelResource) RenderCONNECT(req *web.Request) { r.f(req) }

// TestSwitchProtocolRefused: what cannot be switched is an error, and the response goes on.
func TestSwitchProtocolRefused(t *testing.T) {
	const noUpgrade = "GET / HTTP/1.1\r\nHost: x\r\nUpgrade: shout\r\n\r\n" // without its Connection
	t.Run("not asked", func(t *testing.T) {
		s := serveRoot(t, tunnels(func(req *web.Request) {
			want(t, req.SwitchProtocol(&shouter{}), web.ErrNoSwitch)
			req.WriteString("as ever")
		}))
		want(t, body(s.ask(noUpgrade)), "as ever")
	})
	t.Run("behind a handler", func(t *testing.T) {
		var err error
		s := serve(t, &web.Site{Handler: &web.ResourceHandler{Root: tunnels(func(req *web.Request) {
			err = req.SwitchProtocol(&shouter{})
			req.WriteString("no")
		})}})
		want(t, body(s.ask("GET / HTTP/1.1\r\nHost: x\r\nConnection: upgrade\r\nUpgrade: shout\r\n\r\n")), "no")
		want(t, errors.Is(err, http.ErrNotSupported), true)
	})
	t.Run("the connection is lost", func(t *testing.T) {
		var held *web.Request
		s := serveRoot(t, tunnels(func(req *web.Request) {
			held = req
			req.NotDoneYet()
		}))
		p := s.connect().send("CONNECT x:1 HTTP/1.1\r\nHost: x\r\n\r\n")
		p.AbortConnection()
		s.Pump()
		want(t, held.SwitchProtocol(&shouter{}), web.ErrConnectionLost)
	})
	t.Run("an invalid header is left out", func(t *testing.T) {
		logs(t)
		p := &shouter{}
		s := serveRoot(t, tunnels(func(req *web.Request) {
			req.ResponseHeader["Date"] = nil
			req.ResponseHeader["Bad name"] = []string{"x"}
			want(t, req.SwitchProtocol(p), nil)
		}))
		want(t, s.ask("CONNECT x:1 HTTP/1.1\r\nHost: x\r\n\r\n"), "HTTP/1.1 200 OK\r\n\r\nhello, ")
	})
	for name, f := range map[string]func(*web.Request){
		"a part was written": func(req *web.Request) {
			req.WriteString("x")
			req.SwitchProtocol(&shouter{})
		},
		"the head was sent": func(req *web.Request) {
			req.NotDoneYet()
			req.WriteString("x")
			req.Site.Clock.CallLater(0, func() {
				defer func() {
					want(t, recover() != nil, true)
					req.Finish()
				}()
				req.SwitchProtocol(&shouter{})
			})
		},
	} {
		t.Run(name, func(t *testing.T) {
			log := logs(t)
			s := serveRoot(t, nil)
			s.site.Clock = s
			s.site.Root = tunnels(f)
			s.ask("GET / HTTP/1.1\r\nHost: x\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n")
			if name == "a part was written" {
				want(t, strings.Contains(log(), "SwitchProtocol after a part of the response was written"), true)
			}
		})
	}
}

// TestSwitchToAPanic: a protocol that panics when it gets the connection loses it.
func TestSwitchToAPanic(t *testing.T) {
	log := logs(t)
	s := serveRoot(t, tunnels(func(req *web.Request) { req.SwitchProtocol(panickyProtocol{}) }))
	p := s.connect().send("CONNECT x:1 HTTP/1.1\r\nHost: x\r\n\r\n")
	want(t, errors.Is(p.lost, reactor.ErrConnectionReset), true)
	want(t, strings.Contains(log(), "panic=oops"), true)
}

type panickyProtocol struct{ shouter }

func (panickyProtocol) ConnectionMade(reactor.Transport) { panic("oops") }
func (panickyProtocol) DataReceived([]byte)              {}
func (panickyProtocol) ConnectionLost(error)             {}

// TestCONNECTRenderer: a resource answers CONNECT if it says so, and Allow lists that.
func TestCONNECTRenderer(t *testing.T) {
	answer := serveRoot(t, tunnels(func(req *web.Request) { req.SetResponseCode(403) })).ask("CONNECT x:1 HTTP/1.1\r\nHost: x\r\n\r\n")
	want(t, head(answer), "HTTP/1.1 403 Forbidden")
	answer = serveRoot(t, tunnels(nil)).ask("PUT / HTTP/1.1\r\nHost: x\r\n\r\n")
	want(t, header(answer, "Allow"), "CONNECT, GET, HEAD")
}

// TestSwitchProtocolEndedAtOnce: a protocol that ends the connection in ConnectionMade gets none
// of the bytes that came with the request.
func TestSwitchProtocolEndedAtOnce(t *testing.T) {
	for name, end := range map[string]func(reactor.Transport){
		"LoseConnection":  reactor.Transport.LoseConnection,
		"AbortConnection": reactor.Transport.AbortConnection,
	} {
		p := &shouter{made: end}
		s := serveRoot(t, tunnels(func(req *web.Request) { want(t, req.SwitchProtocol(p), nil) }))
		s.connect().send("CONNECT an.example:80 HTTP/1.1\r\nHost: an.example:80\r\n\r\nearly")
		if calls := strings.Join(p.calls, "|"); calls != "made" || p.lost == nil {
			t.Errorf("%s in ConnectionMade: %s, lost for %v", name, calls, p.lost)
		}
	}
}

// TestAccidentalProducer: the protocol of another connection that embeds its Transport is not a
// producer of a response; its Transport is.
func TestAccidentalProducer(t *testing.T) {
	backend := &memory.StringTransport{}
	s := serveRoot(t, tunnels(func(req *web.Request) {
		for _, err := range []error{req.RegisterProducer(&shouter{Transport: backend}), req.RegisterPullProducer(&shouter{Transport: backend})} {
			if inherited := (*reactor.InheritedProducerError)(nil); !errors.As(err, &inherited) {
				t.Errorf("registered the protocol: %v", err)
			}
		}
		want(t, req.RegisterProducer(backend), nil)
		req.WriteString("hello")
		req.UnregisterProducer()
		req.Finish()
	}))
	want(t, body(s.ask("GET / HTTP/1.1\r\nHost: x\r\n\r\n")), "hello")
}

// TestSwitchProtocolPaused: what the client has already sent, and its end of file, wait while the protocol pauses its
// transport in ConnectionMade, over HTTP/1.1 and HTTP/2.
func TestSwitchProtocolPaused(t *testing.T) {
	var held *web.Request
	p := &shouter{}
	site := func(now bool) *web.Site {
		p = &shouter{made: func(t reactor.Transport) { t.PauseProducing() }}
		return &web.Site{Root: tunnels(func(req *web.Request) {
			req.ResponseHeader["Date"] = nil
			if held = req; now {
				want(t, req.SwitchProtocol(p), nil)
				return
			}
			req.NotDoneYet()
		})}
	}
	check := func(r *memory.Reactor, before, after string) {
		t.Helper()
		want(t, strings.Join(p.calls, "|"), before)
		p.ResumeProducing()
		want(t, strings.Join(p.calls, "|"), before)
		r.Pump()
		want(t, strings.Join(p.calls, "|"), after)
	}
	for _, request := range []string{
		"GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: shout\r\n\r\n",
		"CONNECT an.example:80 HTTP/1.1\r\nHost: an.example:80\r\n\r\n",
	} {
		s := serve(t, site(true)) // at once
		c := s.connect().send(request + "early ")
		c.send("late")
		want(t, p.lost, nil)
		check(s.Reactor, "made", "made|early |late")
		want(t, strings.HasSuffix(c.take(), "\r\n\r\nhello, EARLY LATE"), true)

		s = serve(t, site(false)) // later, when the channel has paused the connection
		c = s.connect().send(request + strings.Repeat("e", 300_000))
		c.LoseWriteConnection()
		s.Pump()
		want(t, held.SwitchProtocol(p), nil)
		s.Pump()
		want(t, strings.Join(p.calls, "|"), "made")
		want(t, p.lost, nil)
		p.ResumeProducing()
		s.Pump()
		want(t, strings.Join(p.calls, ""), "made"+strings.Repeat("e", 300_000))
		want(t, p.lost, reactor.ErrConnectionDone)
	}
	for _, now := range []bool{true, false} {
		for name, begin := range map[string]func(c *h2client) *answer{
			"WebSocket": func(c *h2client) *answer { return c.webSocket() },
			"CONNECT":   func(c *h2client) *answer { return c.connect("an.example:80") },
		} {
			t.Run(name, func(t *testing.T) {
				c := serveH2(t, site(now))
				a := begin(c)
				a.send("early ", false).wait()
				if !now {
					want(t, held.SwitchProtocol(p), nil)
				}
				a.send("late", true).wait()
				want(t, p.lost, nil)
				want(t, strings.Join(p.calls, "|"), "made")
				p.ResumeProducing()
				c.wait()
				want(t, strings.Join(p.calls, ""), "madeearly late")
				want(t, p.lost, reactor.ErrConnectionDone)
				want(t, a.String(), `200 "hello, EARLY LATE"`)
				c.gone(t)
			})
		}
	}
}
