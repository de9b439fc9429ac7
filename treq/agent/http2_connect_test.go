package agent_test

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/deferred/deferredtest"
	"github.com/seed-7c003b53/gotreq/reactor"
	"github.com/seed-7c003b53/gotreq/treq/agent"
	"github.com/seed-7c003b53/gotreq/treq/request"
	"github.com/seed-7c003b53/gotreq/treq/response"
	"github.com/seed-7c003b53/gotreq/treq/wire"
)

// A tunnelled is the protocol of a tunnel. It records its calls.
type tunnelled struct {
	reactor.Transport
	got  bytes.Buffer
	eof  bool
	lost error
}

func (p *tunnelled) ConnectionMade(t reactor.Transport) { p.Transport = t }
func (p *tunnelled) DataReceived(data []byte)           { p.got.Write(data) }
func (p *tunnelled) ReadConnectionLost()                { p.eof = true }
func (p *tunnelled) WriteConnectionLost()               {}
func (p *tunnelled) ConnectionLost(reason error)        { p.lost = reason }

// connectTo returns a request for a tunnel to target by the server at a.example.
func connectTo(target string) *request.Request {
	return &request.Request{Method: "CONNECT", URL: &url.URL{Scheme: "http", Host: "a.example", Opaque: target}, Header: http.Header{}}
}

// opened returns the tunnel that d has opened, and the server's end.
func (w *http2World) opened(d *deferred.Deferred[*response.Response]) (*tunnelled, *http2Served) {
	w.t.Helper()
	s := w.conn(0).request(len(w.conn(0).served) - 1)
	s.c.do(func() { s.respond(200, false) })
	resp := deferredtest.SuccessResultOf(w.t, d)
	if resp.Upgrade == nil {
		w.t.Fatalf("no Upgrade: %+v", resp)
	}
	p := &tunnelled{}
	resp.Upgrade.SwitchProtocol(p)
	return p, s
}

// TestHTTP2Tunnel: CONNECT makes a stream a tunnel, and the connection goes on.
func TestHTTP2Tunnel(t *testing.T) {
	w := newHTTP2World(t, agent.PoolConfig{})
	d := w.send(connectTo("target.example:25"))
	p, s := w.opened(d)
	if h := s.head; h.Method != "CONNECT" || h.Authority != "target.example:25" || h.Scheme != "" || h.Protocol != "" || s.ended {
		t.Errorf("the server got %+v", h)
	}
	p.Write([]byte("EHLO "))
	s.c.do(func() { s.write("220 hello", false) })
	if got := p.got.String(); got != "220 hello" || string(s.body) != "EHLO " {
		t.Errorf("got %q and %q", got, s.body)
	}
	w.answer = greet
	other := w.get("/")
	if resp := deferredtest.SuccessResultOf(t, other); resp.Code != 200 || len(w.conns) != 1 {
		t.Errorf("another request got %d, on %d connections", resp.Code, len(w.conns))
	}
	s.c.do(func() { s.write(" bye", true) })
	if !p.eof || !p.PeerClosed() || p.lost != nil {
		t.Errorf("after the server's end: %v, %v", p.eof, p.lost)
	}
	p.Write([]byte("QUIT"))
	p.LoseConnection()
	w.r.Pump()
	if p.lost != reactor.ErrConnectionDone || string(s.body) != "EHLO QUIT" || !s.ended || p.got.String() != "220 hello bye" {
		t.Errorf("lost for %v; the server got %q", p.lost, s.body)
	}
	if deferredtest.SuccessResultOf(t, d).Version != "HTTP/2.0" {
		t.Error("not over HTTP/2")
	}
}

// TestHTTP2TunnelTarget: the target is the Opaque of the URL, or else the host that the request names, as in net/http.
func TestHTTP2TunnelTarget(t *testing.T) {
	for want, req := range map[string]*request.Request{
		"b.example:1":  connectTo("b.example:1"),
		"c.example:2":  {Method: "CONNECT", URL: &url.URL{Scheme: "http", Host: "a.example"}, Header: http.Header{"Host": {"c.example:2"}}},
		"a.example:80": {Method: "CONNECT", URL: &url.URL{Scheme: "http", Host: "a.example:80"}, Header: http.Header{}},
	} {
		w := newHTTP2World(t, agent.PoolConfig{})
		d := w.send(req)
		if got := w.conn(0).request(0).head.Authority; got != want {
			t.Errorf("got %q, want %q", got, want)
		}
		d.Cancel()
		w.r.Pump()
		deferredtest.FailureResultOf(t, d)
	}
	w := newHTTP2World(t, agent.PoolConfig{})
	if err := deferredtest.FailureResultOf(t, w.send(connectTo("no port"))); !errors.Is(err, wire.ErrTarget) || len(w.conns) != 0 {
		t.Errorf("a target without a port: %v, %d connections", err, len(w.conns))
	}
}

// TestWhatOpensATunnelOverHTTP2: any 2xx, unless it ends at once.
func TestWhatOpensATunnelOverHTTP2(t *testing.T) {
	for code, opens := range map[int]bool{200: true, 204: true, 206: true, 299: true, 300: false, 302: false, 403: false, 502: false} {
		for _, ends := range []bool{false, true} {
			w := newHTTP2World(t, agent.PoolConfig{})
			d := w.send(connectTo("b.example:1"))
			s := w.conn(0).request(0)
			s.c.do(func() { s.respond(code, ends) })
			resp := deferredtest.SuccessResultOf(t, d)
			if resp.Code != code || (resp.Upgrade != nil) != (opens && !ends) {
				t.Errorf("%d, ends %v: %d with Upgrade %v", code, ends, resp.Code, resp.Upgrade)
			}
			if resp.Upgrade != nil {
				resp.Upgrade.Abort()
				w.r.Pump()
				continue
			}
			if !ends {
				s.c.do(func() { s.write("why", true) })
			}
			body := resp.Content()
			w.r.Pump()
			deferredtest.SuccessResultOf(t, body)
			if s.c.machine.Streams() != 0 {
				t.Errorf("%d, ends %v: a stream is left", code, ends)
			}
		}
	}
}

// TestHTTP2TunnelEnds: each way of a tunnel to end, what its protocol learns and what the server learns.
func TestHTTP2TunnelEnds(t *testing.T) {
	for name, c := range map[string]struct {
		end   func(w *http2World, p *tunnelled, s *http2Served)
		lost  []error // errors that the reason is
		reset string  // what the server gets
		gone  bool    // the connection is lost
	}{
		"Abort": {func(w *http2World, p *tunnelled, s *http2Served) { p.AbortConnection() }, []error{reactor.ErrConnectionAborted}, "CANCEL", false},
		"both ends": {func(w *http2World, p *tunnelled, s *http2Served) {
			p.LoseConnection()
			s.c.do(func() { s.write("", true) })
		}, []error{reactor.ErrConnectionDone}, "", false},
		"our end, and time": {func(w *http2World, p *tunnelled, s *http2Served) {
			p.LoseConnection()
			w.r.RunFor(5 * time.Second)
		}, []error{reactor.ErrConnectionDone}, "NO_ERROR", false},
		"CONNECT_ERROR": {func(w *http2World, p *tunnelled, s *http2Served) {
			s.c.do(func() { s.c.machine.Reset(&s.stream, wire.ConnectError) })
		}, []error{reactor.ErrConnectionReset, wire.ConnectError}, "", false},
		"GOAWAY, and later": {func(w *http2World, p *tunnelled, s *http2Served) {
			s.c.do(func() { s.c.machine.GoAway(wire.NoError, "") })
			s.c.do(func() { s.write("still here", false) })
			if p.got.String() != "still here" || p.lost != nil {
				w.t.Errorf("after GOAWAY: %q, %v", p.got.String(), p.lost)
			}
			p.LoseConnection()
			s.c.do(func() { s.write("", true) })
		}, []error{reactor.ErrConnectionDone}, "", true},
		"the connection is lost": {func(w *http2World, p *tunnelled, s *http2Served) { s.c.abort() }, []error{reactor.ErrConnectionReset}, "", true},
		"the connection ends":    {func(w *http2World, p *tunnelled, s *http2Served) { s.c.close() }, []error{reactor.ErrConnectionLost}, "", true},
		"not HTTP/2": {func(w *http2World, p *tunnelled, s *http2Served) {
			s.c.Write([]byte("HTTP/1.1 400 Bad Request\r\n\r\n"))
			w.r.Pump()
		}, []error{reactor.ErrConnectionLost}, "", true},
	} {
		t.Run(name, func(t *testing.T) {
			w := newHTTP2World(t, agent.PoolConfig{})
			p, s := w.opened(w.send(connectTo("b.example:1")))
			c.end(w, p, s)
			w.r.Pump()
			for _, want := range c.lost {
				if !errors.Is(p.lost, want) {
					t.Errorf("lost for %v, want %v", p.lost, want)
				}
			}
			reset := ""
			if s.reset != nil {
				reset = s.reset.Code.String()
			}
			if reset != c.reset {
				t.Errorf("the server got the reset %q, want %q", reset, c.reset)
			}
			if n := s.c.machine.Streams(); n != 0 && !c.gone {
				t.Errorf("%d streams are left", n)
			}
			w.answer = greet
			resp := deferredtest.SuccessResultOf(t, w.get("/"))
			if first := resp.Stream == 1; first != c.gone {
				t.Errorf("the next request has stream %d", resp.Stream)
			}
		})
	}
}

// TestHTTP2ConnectFails: a CONNECT that gets no response.
func TestHTTP2ConnectFails(t *testing.T) {
	w := newHTTP2World(t, agent.PoolConfig{})
	d := w.send(connectTo("b.example:1"))
	s := w.conn(0).request(0)
	s.c.do(func() { s.c.machine.Reset(&s.stream, wire.ConnectError) })
	if err := deferredtest.FailureResultOf(t, d); !errors.Is(err, wire.ConnectError) || !strings.Contains(err.Error(), "CONNECT_ERROR") {
		t.Errorf("after CONNECT_ERROR: %v", err)
	}
	d = w.send(connectTo("b.example:1"))
	s = w.conn(0).request(1)
	s.c.do(func() { s.c.machine.Reset(&s.stream, wire.RefusedStream) })
	w.opened(d) // it was sent again
	d = w.send(connectTo("b.example:1"))
	d.Cancel()
	w.r.Pump()
	if s = w.conn(0).request(3); s.reset == nil || s.reset.Code != wire.Cancel {
		t.Errorf("after a cancel the server got %v", s.reset)
	}
	deferredtest.FailureResultOf(t, d)
	w.conn(0).abort()
}

// TestHTTP2TunnelBackPressure: a slow end of a tunnel stops the other one.
func TestHTTP2TunnelBackPressure(t *testing.T) {
	w := newHTTP2World(t, agent.PoolConfig{})
	p, s := w.opened(w.send(connectTo("b.example:1")))
	s.slow = true
	producer := &pushed{}
	if err := p.RegisterProducer(producer); err != nil {
		t.Fatal(err)
	}
	sent := 0
	for ; !producer.paused && sent < 10<<20; sent += 1 << 10 {
		p.Write(make([]byte, 1<<10))
	}
	w.r.Pump()
	if sent > 256<<10 || sent < 64<<10 {
		t.Errorf("paused after %d bytes", sent)
	}
	s.c.do(func() {
		s.c.machine.Consumed(&s.stream, len(s.body))
		s.slow = false
	})
	if producer.paused || len(s.body) != sent {
		t.Errorf("paused: %v; %d of %d bytes have come", producer.paused, len(s.body), sent)
	}
	p.UnregisterProducer()

	p.PauseProducing()
	room := s.c.machine.Room(&s.stream)
	s.c.do(func() { s.write(strings.Repeat("x", room), false) })
	if n := s.c.machine.Room(&s.stream); n != 0 || p.got.Len() != 0 {
		t.Errorf("a paused tunnel has taken %d bytes, and its window is %d", p.got.Len(), n)
	}
	p.ResumeProducing()
	w.r.Pump()
	if n := s.c.machine.Room(&s.stream); n == 0 || p.got.Len() != room {
		t.Errorf("a resumed tunnel has taken %d of %d bytes, and its window is %d", p.got.Len(), room, n)
	}
	p.AbortConnection()
	w.r.Pump()
}

// A pushed is a push producer.
type pushed struct{ paused, stopped bool }

func (p *pushed) PauseProducing()  { p.paused = true }
func (p *pushed) ResumeProducing() { p.paused = false }
func (p *pushed) StopProducing()   { p.stopped = true }

// extended returns a request for an extended CONNECT.
func extended(protocol string) *request.Request {
	req := newRequest("CONNECT", "http://a.example/chat?x=1")
	req.Header[":protocol"] = []string{protocol}
	req.Header.Set("X-More", "yes")
	return req
}

// TestExtendedConnect: the request waits for the settings, which offer it or not (RFC 8441).
func TestExtendedConnect(t *testing.T) {
	t.Run("offered", func(t *testing.T) {
		w := newHTTP2World(t, agent.PoolConfig{})
		w.config.ConnectProtocol = true
		for range 2 { // on a new connection, and on one whose settings are known
			p, s := w.opened(w.send(extended("chat")))
			if h := s.head; h.Method != "CONNECT" || h.Protocol != "chat" || h.Path != "/chat?x=1" || h.Scheme != "http" || h.Authority != "a.example" || h.Header.Get("X-More") != "yes" {
				t.Errorf("the server got %+v", h)
			}
			p.Write([]byte("hi"))
			p.LoseConnection()
			s.c.do(func() { s.write("", true) })
			if string(s.body) != "hi" || p.lost != reactor.ErrConnectionDone {
				t.Errorf("the server got %q; lost for %v", s.body, p.lost)
			}
		}
	})
	t.Run("each has a connection", func(t *testing.T) {
		w := newHTTP2World(t, agent.PoolConfig{DisablePersistent: true})
		w.config.ConnectProtocol = true
		ds := []*deferred.Deferred[*response.Response]{w.agent.Request(extended("chat")), w.agent.Request(extended("chat"))}
		w.r.Pump()
		for i, d := range ds {
			c := w.conn(i)
			c.do(func() { c.request(0).respond(403, true) })
			if resp := deferredtest.SuccessResultOf(t, d); resp.Code != 403 {
				t.Errorf("got %d", resp.Code)
			}
		}
		w.wantStreams() // both are closed
	})
	t.Run("not offered", func(t *testing.T) {
		w := newHTTP2World(t, agent.PoolConfig{})
		for range 2 {
			err := deferredtest.FailureResultOf(t, w.send(extended("chat")))
			failed := new(agent.RequestError)
			if !errors.Is(err, agent.ErrNoExtendedConnect) || !errors.As(err, &failed) || !failed.NotSent {
				t.Errorf("%v", err)
			}
		}
		if n := len(w.conn(0).served); n != 0 || len(w.conns) != 1 {
			t.Errorf("%d requests on %d connections", n, len(w.conns))
		}
	})
	t.Run("over HTTP/1.1", func(t *testing.T) {
		w := newWorld(t, agent.PoolConfig{})
		if err := deferredtest.FailureResultOf(t, w.send(extended("chat"))); !errors.Is(err, agent.ErrNoExtendedConnect) || !strings.Contains(err.Error(), "HTTP/1.1") {
			t.Errorf("%v", err)
		}
		w.end()
	})
	t.Run("with another method", func(t *testing.T) {
		w := newHTTP2World(t, agent.PoolConfig{})
		req := extended("chat")
		req.Method = "GET"
		if err := deferredtest.FailureResultOf(t, w.send(req)); !errors.Is(err, wire.ErrHeaderName) {
			t.Errorf("%v", err)
		}
	})
	// The server's settings come late.
	for name, c := range map[string]struct {
		then func(w *http2World, d *deferred.Deferred[*response.Response])
		want error // of the request; nil if it is sent
	}{
		"cancelled": {func(w *http2World, d *deferred.Deferred[*response.Response]) { d.Cancel() }, deferred.ErrCancelled},
		"lost":      {func(w *http2World, d *deferred.Deferred[*response.Response]) { w.conn(0).abort() }, reactor.ErrConnectionReset},
		"come":      {func(w *http2World, d *deferred.Deferred[*response.Response]) {}, nil},
	} {
		t.Run("the settings are late, "+name, func(t *testing.T) {
			w := newHTTP2World(t, agent.PoolConfig{})
			w.config.ConnectProtocol = true
			var settings []byte
			w.accept = func(c *http2Conn) {
				settings = bytes.Clone(c.machine.Output())
				c.off = true
			}
			d := w.send(extended("chat"))
			closed := w.pool.CloseCachedConnections() // a connection for which somebody waits is not unused
			if deferredtest.SuccessResultOf(t, closed); len(w.conn(0).served) != 0 || d.Called() {
				t.Fatalf("%d requests before the settings", len(w.conn(0).served))
			}
			c.then(w, d)
			w.r.Pump()
			if c.want != nil {
				err := deferredtest.FailureResultOf(t, d)
				failed := new(agent.RequestError)
				if !errors.Is(err, c.want) || !errors.As(err, &failed) || !failed.NotSent {
					t.Errorf("%v", err)
				}
			}
			if s := w.conn(0); s.lost == nil {
				s.off = false
				s.do(func() {
					s.Write(settings)
					s.DataReceived(s.raw)
				})
			}
			if c.want == nil {
				p, _ := w.opened(d)
				p.AbortConnection()
				w.r.Pump()
			}
		})
	}
}

// TestConnectWithABody: the two directions of a CONNECT with a body are the bodies, as in net/http.
func TestConnectWithABody(t *testing.T) {
	w := newHTTP2World(t, agent.PoolConfig{})
	w.config.ConnectProtocol = true
	req := extended("chat")
	var to request.Consumer
	end := deferred.New[deferred.None]()
	req.Body = &madeBody{start: func(c request.Consumer) *deferred.Deferred[deferred.None] {
		to = c
		return end
	}}
	d := w.send(req)
	s := w.conn(0).request(0)
	s.c.do(func() { s.respond(200, false) })
	resp := deferredtest.SuccessResultOf(t, d)
	if resp.Upgrade != nil {
		t.Fatal("it has an Upgrade")
	}
	body := resp.Content()
	to.Write([]byte("one"))
	s.c.do(func() { s.write("two", false) })
	to.Write([]byte(" more"))
	end.Callback(deferred.None{})
	s.c.do(func() { s.write(" more", true) })
	if got := string(deferredtest.SuccessResultOf(t, body)); got != "two more" || string(s.body) != "one more" || !s.ended {
		t.Errorf("got %q and %q", got, s.body)
	}
}

// A madeBody is a request's body of unknown length.
type madeBody struct {
	start func(request.Consumer) *deferred.Deferred[deferred.None]
}

func (b *madeBody) Length() int64 { return request.UnknownLength }
func (b *madeBody) StartProducing(to request.Consumer) *deferred.Deferred[deferred.None] {
	return b.start(to)
}
func (b *madeBody) PauseProducing()  {}
func (b *madeBody) ResumeProducing() {}
func (b *madeBody) StopProducing()   {}

// webSocketRequest is a request for a WebSocket as libraries make it (RFC 6455, section 1.2).
func webSocketRequest() *request.Request {
	req := newRequest("GET", "http://a.example/chat")
	req.Header = http.Header{
		"Connection": {"Upgrade"}, "Upgrade": {"websocket"}, "Sec-Websocket-Version": {"13"}, "Sec-Websocket-Key": {"dGhlIHNhbXBsZSBub25jZQ=="},
		"Sec-Websocket-Protocol": {"chat"}, "Origin": {"http://a.example"},
	}
	return req
}

// TestWebSocketOverHTTP2: the request is sent as an extended CONNECT, and its response looks like that of HTTP/1.1.
func TestWebSocketOverHTTP2(t *testing.T) {
	w := newHTTP2World(t, agent.PoolConfig{})
	w.config.ConnectProtocol = true
	req := webSocketRequest()
	d := w.send(req)
	s := w.conn(0).request(0)
	h := s.head
	if h.Method != "CONNECT" || h.Protocol != "websocket" || h.Path != "/chat" || h.Authority != "a.example" {
		t.Errorf("the server got %+v", h)
	}
	if got := fmt.Sprint(h.Header); got != "map[Host:[a.example] Origin:[http://a.example] Sec-Websocket-Protocol:[chat] Sec-Websocket-Version:[13]]" {
		t.Errorf("the server got %s", got)
	}
	s.c.do(func() { s.respond(200, false, "Sec-Websocket-Protocol", "chat") })
	resp := deferredtest.SuccessResultOf(t, d)
	if got := fmt.Sprint(resp.Code, " ", resp.Phrase, " ", resp.Version, " ", resp.Header); got !=
		"101 Switching Protocols HTTP/2.0 map[Connection:[Upgrade] Sec-Websocket-Accept:[s3pPLMBiTxaQ9kYGzzhZRbK+xOo=] Sec-Websocket-Protocol:[chat] Upgrade:[websocket]]" {
		t.Errorf("got %s", got)
	}
	p := &tunnelled{}
	resp.Upgrade.SwitchProtocol(p)
	p.Write([]byte("frame"))
	s.c.do(func() { s.write("answer", true) })
	p.LoseConnection()
	w.r.Pump()
	if p.got.String() != "answer" || string(s.body) != "frame" || p.lost != reactor.ErrConnectionDone {
		t.Errorf("got %q and %q, lost for %v", p.got.String(), s.body, p.lost)
	}
	if req.Header.Get("Sec-Websocket-Key") == "" || req.Method != "GET" {
		t.Error("the request was changed")
	}

	// The server refuses.
	d = w.send(webSocketRequest())
	s = w.conn(0).request(1)
	s.c.do(func() { s.respond(403, false); s.write("no", true) })
	resp = deferredtest.SuccessResultOf(t, d)
	body := resp.Content()
	w.r.Pump()
	if got := string(deferredtest.SuccessResultOf(t, body)); resp.Code != 403 || resp.Upgrade != nil || got != "no" {
		t.Errorf("got %d %q", resp.Code, got)
	}
	// It was not processed, and is sent again.
	d = w.send(webSocketRequest())
	s = w.conn(0).request(2)
	s.c.do(func() { s.c.machine.Reset(&s.stream, wire.RefusedStream) })
	if s = w.conn(0).request(3); s.head.Protocol != "websocket" {
		t.Errorf("sent again as %+v", s.head)
	}
	d.Cancel()
	w.r.Pump()
	deferredtest.FailureResultOf(t, d)
	// The server does not offer it.
	w = newHTTP2World(t, agent.PoolConfig{})
	if err := deferredtest.FailureResultOf(t, w.send(webSocketRequest())); !errors.Is(err, agent.ErrNoExtendedConnect) {
		t.Errorf("%v", err)
	}
}
