package web_test

import (
	"bytes"
	"context"
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
	"github.com/seed-7c003b53/gotreq/internal/http2"
	"github.com/seed-7c003b53/gotreq/internal/testkit/testcert"
	"github.com/seed-7c003b53/gotreq/reactor"
	"github.com/seed-7c003b53/gotreq/reactor/memory"
	"github.com/seed-7c003b53/gotreq/treq/web"
	"github.com/seed-7c003b53/gotreq/treq/wire"
)

// This file tests what is special to HTTP/2. What does not depend on the version is tested with both
// by versions_test.go.

// versions returns Protocols of the named versions.
func versions(names ...string) *http.Protocols {
	p := &http.Protocols{}
	for _, name := range names {
		switch name {
		case "1":
			p.SetHTTP1(true)
		case "2":
			p.SetHTTP2(true)
		case "c":
			p.SetUnencryptedHTTP2(true)
		}
	}
	return p
}

// TestWhichVersion checks which version is spoken on a connection without TLS, also if its first
// bytes come one by one, and what a client of a version that is not spoken is told.
func TestWhichVersion(t *testing.T) {
	const preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
	const settings = "\x00\x00\x00\x04\x00\x00\x00\x00\x00"
	for _, test := range []struct {
		name      string
		protocols *http.Protocols
		sent      string
		want      string // the beginning of the answer
	}{
		{"the preface", nil, preface + settings, "\x00\x00"},
		{"the preface, alone", versions("c"), preface + settings, "\x00\x00"},
		{"a GET", nil, get, "HTTP/1.1 200 OK"},
		{"a P that is a PUT", nil, "PUT / HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n", "HTTP/1.1 200 OK"},
		{"a PR", nil, "PROPFIND / HTTP/1.1\r\nHost: x\r\n\r\n", "HTTP/1.1 200 OK"},
		{"a PRI", nil, "PRI / HTTP/1.1\r\nHost: x\r\n\r\n", "HTTP/1.1 200 OK"},
		{"nearly the preface", nil, preface[:17] + "X: y\r\n\r\n", "HTTP/1.1 505 "},
		{"the preface, not spoken", versions("1", "2"), preface + settings, "HTTP/1.1 505 "},
		{"HTTP/1.1, not spoken", versions("c"), get, "HTTP/1.1 505 "},
		{"HTTP/1.1, not spoken without TLS", versions("2"), get, "HTTP/1.1 505 "},
		{"nothing that is spoken", versions("2"), preface, "HTTP/1.1 505 "},
		{"Upgrade: h2c", nil, "GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA\r\n\r\n", "HTTP/1.1 200 OK"},
		{"neither", versions("c"), "nonsense\r\n\r\n", "\x00\x00"},
	} {
		for _, step := range []int{1, 7, len(test.sent)} {
			s := serve(t, &web.Site{Protocols: test.protocols, Root: web.RenderFunc(hello)})
			p := s.connect()
			for rest := test.sent; rest != ""; {
				n := min(step, len(rest))
				p.send(rest[:n])
				rest = rest[n:]
			}
			if got := p.take(); !strings.HasPrefix(got, test.want) {
				t.Errorf("%s in steps of %d: %.40q, want %q", test.name, step, got, test.want)
			}
			p.AbortConnection()
			s.settled(t)
		}
	}
}

// TestPartOfThePreface checks the end, and the timeout, of a connection on which only a part of the
// preface came.
func TestPartOfThePreface(t *testing.T) {
	for _, sent := range []string{"P", "PRI * HTTP/2.0\r\n\r\n", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00"} {
		for _, closes := range []bool{true, false} {
			s := serveFunc(t, hello)
			p := s.connect().send(sent)
			if closes {
				p.LoseConnection()
			} else {
				s.Advance(20 * time.Second)
				s.Advance(time.Minute) // it lingers
			}
			s.settled(t)
			if !p.ended {
				t.Errorf("%q, closed %v: the connection is open", sent, closes)
			}
		}
	}
}

// TestNoVersion checks that a Site without any version says so.
func TestNoVersion(t *testing.T) {
	defer func() {
		if got := fmt.Sprint(recover()); !strings.Contains(got, "Protocols") {
			t.Error(got)
		}
	}()
	(&web.Site{Root: web.RenderFunc(hello), Protocols: versions()}).BuildProtocol(nil)
}

// TestALPN checks which version TLS negotiates, and that what was negotiated is spoken.
func TestALPN(t *testing.T) {
	certificate, roots := testcert.New("an.example")
	for _, test := range []struct {
		protocols *http.Protocols
		server    []string
		client    []string
		want      string // the negotiated protocol, and the beginning of the server's bytes
	}{
		{nil, nil, []string{"h2", "http/1.1"}, "h2 \x00\x00"},
		{nil, nil, []string{"http/1.1"}, "http/1.1 HTTP/1.1 200"},
		{nil, nil, nil, " HTTP/1.1 200"},
		{versions("1", "c"), nil, []string{"h2", "http/1.1"}, "http/1.1 HTTP/1.1 200"},
		{versions("2"), nil, []string{"h2", "http/1.1"}, "h2 \x00\x00"},
		{versions("2"), nil, nil, " HTTP/1.1 505"},
		{nil, []string{"http/1.1"}, []string{"h2", "http/1.1"}, "http/1.1 HTTP/1.1 200"},
		{nil, []string{}, []string{"h2", "http/1.1"}, " HTTP/1.1 200"},
		{nil, []string{"h2"}, []string{"h2", "http/1.1"}, "h2 \x00\x00"},
	} {
		s := &server{t, memory.New(), &web.Site{Protocols: test.protocols, Root: web.RenderFunc(hello)}}
		config := &tls.Config{Certificates: []tls.Certificate{certificate}, NextProtos: test.server}
		if _, err := s.ListenTCP(siteAddress, reactor.TLSServer(s, reactor.TLSConfig{Config: config}, s.site)); err != nil {
			t.Fatal(err)
		}
		p := &peer{server: s}
		reactor.TLSClient(s, reactor.TLSConfig{Config: &tls.Config{ServerName: "an.example", RootCAs: roots, NextProtos: test.client}},
			reactor.FactoryFunc(func(net.Addr) reactor.Protocol { return p })).
			Connect(func(f reactor.Factory) *deferred.Deferred[reactor.Protocol] {
				return s.ConnectTCP(siteAddress, f, reactor.ConnectConfig{})
			})
		s.Pump()
		p.send(get)
		if got := p.TLS().NegotiatedProtocol + " " + p.take(); !strings.HasPrefix(got, test.want) {
			t.Errorf("%v and %q, client %q: %.60q, want %q", test.protocols, test.server, test.client, got, test.want)
		}
		p.AbortConnection()
		s.settled(t)
	}
}

// TestInadequateSecurity checks that HTTP/2 is not spoken over TLS that RFC 9113, section 9.2,
// prohibits, unless the program permits it.
func TestInadequateSecurity(t *testing.T) {
	certificate, roots := testcert.New("an.example")
	for _, test := range []struct {
		version uint16
		suite   uint16
		permit  bool
		fails   bool
	}{
		{tls.VersionTLS13, 0, false, false},
		{tls.VersionTLS12, 0, false, false},
		{tls.VersionTLS12, tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, false, false},
		{tls.VersionTLS12, tls.TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA, false, true},
		{tls.VersionTLS12, tls.TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA, true, false},
		{tls.VersionTLS11, 0, false, true},
	} {
		site := &web.Site{Root: web.RenderFunc(hello), HTTP2: &http.HTTP2Config{PermitProhibitedCipherSuites: test.permit}}
		s := &server{t, memory.New(), site}
		config := &tls.Config{Certificates: []tls.Certificate{certificate}, MinVersion: tls.VersionTLS11, MaxVersion: test.version}
		if test.suite != 0 {
			config.CipherSuites = []uint16{test.suite}
		}
		if _, err := s.ListenTCP(siteAddress, reactor.TLSServer(s, reactor.TLSConfig{Config: config}, site)); err != nil {
			t.Fatal(err)
		}
		c := &h2client{server: s}
		c.machine.Init(http2.Config{Now: s.Now})
		client := config.Clone()
		client.ServerName, client.RootCAs, client.NextProtos = "an.example", roots, []string{"h2"}
		reactor.TLSClient(s, reactor.TLSConfig{Config: client}, reactor.FactoryFunc(func(net.Addr) reactor.Protocol { return c })).
			Connect(func(f reactor.Factory) *deferred.Deferred[reactor.Protocol] {
				return s.ConnectTCP(siteAddress, f, reactor.ConnectConfig{})
			})
		s.Pump()
		if c.transport == nil {
			t.Fatalf("%+v: no connection", test)
		}
		failed := c.goneAway != nil && c.goneAway.Code == wire.InadequateSecurity && c.ended
		if failed != test.fails || !failed && c.get("/").wait().code != 200 {
			t.Errorf("%+v: %v", test, c.goneAway)
		}
		c.gone(t)
	}
}

// TestHTTP2LargeBody checks that a body that is larger than all windows comes whole, whatever the
// client's windows are.
func TestHTTP2LargeBody(t *testing.T) {
	content := random(400_000)
	for name, root := range largeWrites(content) {
		if name == "many writes" {
			continue // it writes 300 KB from the middle
		}
		for _, window := range []int{1000, 16_384, 65_535, 1 << 20} {
			c := serve(t, &web.Site{Root: root}).dialWith(http2.Config{StreamWindow: window, MaxBuffered: 1 << 20})
			a, b := c.get("/"), c.get("/")
			c.wait()
			if !a.ended || !bytes.Equal(a.body, content) || !b.ended || !bytes.Equal(b.body, content) {
				t.Errorf("%s, %d: %s; %s", name, window, a, b)
			}
			c.gone(t)
		}
	}
}

// TestHTTP2Responses checks what a client receives.
func TestHTTP2Responses(t *testing.T) {
	logs(t)
	handler := func(f http.HandlerFunc) *web.Site { return &web.Site{Handler: f} }
	resource := func(f func(req *web.Request)) *web.Site { return &web.Site{Root: web.RenderFunc(f)} }
	for _, test := range []struct {
		name   string
		site   *web.Site
		method string
		want   string
	}{
		{"a resource", resource(hello), "GET", `200 Content-Length:5 Content-Type:text/plain; charset=utf-8 "hello"`},
		{"HEAD", resource(hello), "HEAD", `200 Content-Length:5 Content-Type:text/plain; charset=utf-8`},
		{"no body", resource(func(req *web.Request) { req.SetResponseCode(204) }), "GET", `204`},
		{"not modified", resource(func(req *web.Request) { req.SetResponseCode(304); req.SetHeader("Etag", `"x"`) }), "GET", `304 Etag:"x"`},
		{"an empty body", resource(func(req *web.Request) {}), "GET", `200 Content-Length:0`},
		{"headers of a connection", resource(func(req *web.Request) {
			for _, name := range []string{"Keep-Alive", "Proxy-Connection", "Upgrade", "Transfer-Encoding"} {
				req.SetHeader(name, "x")
			}
			req.SetHeader("X-Other", "y")
		}), "GET", `200 Content-Length:0 X-Other:y`},
		{"a header with a line end", resource(func(req *web.Request) { req.SetHeader("X-Evil", "a\r\nB: c") }), "GET", `200 Content-Length:0 X-Evil:a  B: c`},
		{"a header that is not a token", resource(func(req *web.Request) {
			req.ResponseHeader["X Evil\r\n"] = []string{"x"}
			req.SetHeader("X-Good", "y")
		}), "GET", `200 Content-Length:0 X-Good:y`},
		{"many cookies", resource(func(req *web.Request) {
			req.AddCookie(&http.Cookie{Name: "a", Value: "1"})
			req.AddCookie(&http.Cookie{Name: "b", Value: "2"})
		}), "GET", `200 Content-Length:0 Set-Cookie:a=1|b=2`},
		{"trailers", handler(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Trailer", "X-Sum")
			io.WriteString(w, "body")
			w.Header().Set("X-Sum", "9")
			w.Header().Set(http.TrailerPrefix+"X-Late", "yes")
		}), "GET", `200 Content-Type:text/plain; charset=utf-8 Trailer:X-Sum "body" trailer map[X-Late:[yes] X-Sum:[9]]`},
		{"trailers without a body", handler(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Trailer", "X-Sum")
			w.Header().Set("X-Sum", "9")
		}), "GET", `200 Trailer:X-Sum trailer map[X-Sum:[9]]`},
		{"trailers that may not be sent", handler(func(w http.ResponseWriter, r *http.Request) {
			io.WriteString(w, "body")
			w.Header()[http.TrailerPrefix+"X-Late"] = []string{"a\r\nb"}
		}), "GET", `200 Content-Type:text/plain; charset=utf-8 "body"`},
		{"interim responses", handler(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Link", "</a>; rel=preload")
			w.WriteHeader(103)
			w.Header().Del("Link")
			w.WriteHeader(102)
			io.WriteString(w, "body")
		}), "GET", `103 102 200 Content-Length:4 Content-Type:text/plain; charset=utf-8 "body"`},
		{"a 101", handler(func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(101) }), "GET", `0 reset INTERNAL_ERROR`},
		{"a flush", handler(func(w http.ResponseWriter, r *http.Request) {
			io.WriteString(w, "a")
			w.(http.Flusher).Flush()
			io.WriteString(w, "b")
		}), "GET", `200 Content-Type:text/plain; charset=utf-8 "ab"`},
		{"a body that is too short", handler(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Length", "10")
			io.WriteString(w, "short")
		}), "GET", `200 Content-Length:10 Content-Type:text/plain; charset=utf-8 "short" reset INTERNAL_ERROR`},
		{"a panic", handler(func(w http.ResponseWriter, r *http.Request) { panic("oh") }), "GET",
			`500 Content-Length:22 Content-Type:text/plain; charset=utf-8 X-Content-Type-Options:nosniff "Internal Server Error\n"`},
		{"a panic in the middle", handler(func(w http.ResponseWriter, r *http.Request) {
			io.WriteString(w, "begun")
			w.(http.Flusher).Flush()
			panic("oh")
		}), "GET", `200 Content-Type:text/plain; charset=utf-8 "begun" reset INTERNAL_ERROR`},
		{"ErrAbortHandler", handler(func(w http.ResponseWriter, r *http.Request) { panic(http.ErrAbortHandler) }), "GET", `0 reset INTERNAL_ERROR`},
		{"Hijack", handler(func(w http.ResponseWriter, r *http.Request) {
			_, _, err := http.NewResponseController(w).Hijack()
			fmt.Fprint(w, errors.Is(err, http.ErrNotSupported))
		}), "GET", `200 Content-Length:4 Content-Type:text/plain; charset=utf-8 "true"`},
		{"the request", handler(func(w http.ResponseWriter, r *http.Request) {
			_, pushes := w.(http.Pusher)
			fmt.Fprint(w, r.Method, " ", r.RequestURI, " ", r.URL, " ", r.Host, " ", r.Proto, r.ProtoMajor, r.ProtoMinor, " ", r.ContentLength, r.Close, r.Body == http.NoBody, r.Header, pushes)
		}), "GET", `200 Content-Length:71 Content-Type:text/plain; charset=utf-8 "GET /path?q=1 /path?q=1 an.example HTTP/2.02 0 0 false true map[] false"`},
		{"TRACE", resource(hello), "TRACE", `501 Content-Length:181 Content-Type:text/html; charset=utf-8`},
		{"an unknown method", resource(func(req *web.Request) { req.WriteString(req.Method) }), "BREW", `200 Content-Length:4 Content-Type:text/plain; charset=utf-8 "BREW"`},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := serveH2(t, test.site)
			a := c.begin(test.method, "/path?q=1", nil, 0, true).wait()
			if got := a.String(); got != test.want && !strings.HasPrefix(got, test.want+` "<!`) && test.method != "TRACE" {
				t.Errorf("got  %s\nwant %s", got, test.want)
			}
			if b := c.get("/").wait(); b.code == 0 && a.reset == nil {
				t.Error("the connection does not go on")
			}
			c.gone(t)
		})
	}
}

// TestHTTP2OneWrite checks that a small response, with its end, is one write; and that so are the
// responses to requests that come together.
func TestHTTP2OneWrite(t *testing.T) {
	for name, site := range map[string]*web.Site{
		"resource": {Root: web.RenderFunc(hello)},
		"handler":  {Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "hello") })},
	} {
		r := memory.New()
		transport := &pieceTransport{StringTransport: memory.StringTransport{On: r}}
		transport.Protocol = site.BuildProtocol(nil)
		transport.Protocol.ConnectionMade(transport)
		var client http2.Client
		client.Init(http2.Config{Now: r.Now})
		transport.Protocol.DataReceived(client.Output())
		for _, n := range []int{1, 5} {
			transport.sizes = nil
			for range n {
				s := &http2.Stream{}
				if err := client.Open(s, &http2.RequestHead{Method: "GET", Scheme: "http", Authority: "x", Path: "/", Header: http.Header{}}, true); err != nil {
					t.Fatal(err)
				}
			}
			transport.Protocol.DataReceived(client.Output())
			want(t, len(transport.sizes), 1)
		}
		if len(transport.Value()) == 0 {
			t.Error(name)
		}
	}
}

// TestHTTP2Content checks how content reaches a handler, and what happens to content that nobody
// reads.
func TestHTTP2Content(t *testing.T) {
	logs(t)
	large := strings.Repeat("x", 60_000)
	echo := func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		fmt.Fprint(w, len(body), " ", err, " ", r.ContentLength, " ", r.Trailer)
	}
	refuse := func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(413) }
	for _, test := range []struct {
		name    string
		handler http.HandlerFunc
		send    func(c *h2client) *answer
		want    string
	}{
		{"with a length", echo, func(c *h2client) *answer { return c.post("/", large) }, `"60000 <nil> 60000 map[]"`},
		{"without a length", echo, func(c *h2client) *answer {
			return c.begin("POST", "/", nil, -1, false).send("abc", false).send("def", true)
		}, `"6 <nil> -1 map[]"`},
		{"with an empty end", echo, func(c *h2client) *answer {
			return c.begin("POST", "/", nil, -1, false).send("abc", false).wait().send("", true)
		}, `"3 <nil> -1 map[]"`},
		{"none", echo, func(c *h2client) *answer { return c.begin("POST", "/", nil, 0, true) }, `"0 <nil> 0 map[]"`},
		{"a length of 0, and an end", echo, func(c *h2client) *answer {
			return c.begin("POST", "/", nil, 0, false).wait().send("", true)
		}, `"0 <nil> 0 map[]"`},
		{"trailers", echo, func(c *h2client) *answer {
			a := c.begin("POST", "/", headerOf([]string{"Trailer: X-Sum"}), -1, false).send("abc", false)
			c.machine.WriteTrailer(&a.Stream, http.Header{"X-Sum": {"9"}})
			return a
		}, `"3 <nil> -1 map[X-Sum:[9]]"`},
		{"trailers that were not announced", echo, func(c *h2client) *answer {
			a := c.begin("POST", "/", nil, -1, false).send("abc", false)
			c.machine.WriteTrailer(&a.Stream, http.Header{"X-Sum": {"9"}})
			return a
		}, `"3 <nil> -1 map[X-Sum:[9]]"`},
		{"a 100 is sent when the handler reads", echo, func(c *h2client) *answer {
			a := c.begin("POST", "/", headerOf([]string{"Expect: 100-continue"}), 3, false).wait()
			if fmt.Sprint(a.interim) != "[100]" {
				c.server.t.Errorf("%v", a.interim)
			}
			return a.send("abc", true)
		}, `"3 <nil> 3 map[]"`},
		{"no 100 without a reader", refuse, func(c *h2client) *answer {
			return c.begin("POST", "/", headerOf([]string{"Expect: 100-continue"}), 3, false)
		}, `413 Content-Length:0`},
		{"refused, and sent", refuse, func(c *h2client) *answer {
			return c.begin("POST", "/", nil, 3, false).wait().send("abc", true)
		}, `413 Content-Length:0`},
		{"refused, and too much to be dropped", refuse, func(c *h2client) *answer {
			return c.begin("POST", "/", nil, 1<<20, false)
		}, `413 Content-Length:0`},
		{"refused, and nothing sent", refuse, func(c *h2client) *answer {
			a := c.begin("POST", "/", nil, 3, false).wait()
			c.server.Advance(time.Minute)
			return a
		}, `413 Content-Length:0`},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := serveH2(t, &web.Site{Handler: test.handler})
			a := test.send(c).wait()
			if got := a.String(); !strings.Contains(got, test.want) || !a.ended && a.reset.Code != wire.NoError {
				t.Errorf("got  %s\nwant %s", got, test.want)
			}
			want(t, c.post("/", "next").wait().code, map[bool]int{true: 200, false: 413}[strings.HasPrefix(test.want, `"`)])
			want(t, c.machine.Streams(), 0)
			c.gone(t)
		})
	}
}

// TestHTTP2UnreadContent checks that content that nobody reads is dropped up to a bound, and that the
// client is then told by NO_ERROR to stop, after the whole response (RFC 9113, section 8.1).
func TestHTTP2UnreadContent(t *testing.T) {
	c := serveH2(t, &web.Site{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "no") })})
	a := c.begin("POST", "/", nil, -1, false).wait()
	sent := 0
	for a.reset == nil && sent < 1<<20 {
		a.send(strings.Repeat("x", 16_000), false).wait()
		sent += 16_000
	}
	if a.reset == nil || a.reset.Code != wire.NoError || string(a.body) != "no" || sent < 256<<10 || sent > 280<<10 {
		t.Errorf("%s after %d bytes", a, sent)
	}
	want(t, c.get("/").wait().code, 200)
	c.gone(t)
}

// TestHTTP2PausedContent checks that content that is not read stops its own stream, and no other, and
// that the handler gets all of it later.
func TestHTTP2PausedContent(t *testing.T) {
	go1 := deferred.New[deferred.None]()
	c := serveH2(t, &web.Site{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/slow" {
			web.Await(context.WithoutCancel(r.Context()), go1)
		}
		n, err := io.Copy(io.Discard, r.Body)
		fmt.Fprint(w, n, err)
	})})
	slow := c.begin("POST", "/slow", nil, -1, false)
	sent := 0
	for c.machine.Room(&slow.Stream) > 0 && sent < 1<<20 {
		n := min(10_000, c.machine.Room(&slow.Stream))
		slow.send(strings.Repeat("x", n), false).wait()
		sent += n
	}
	if sent > 64<<10 || sent < 60_000 {
		t.Errorf("%d bytes were taken", sent)
	}
	fast := c.begin("POST", "/fast", nil, -1, false)
	for range 30 {
		fast.send(strings.Repeat("x", 10_000), false).wait()
	}
	fast.send("", true).wait()
	want(t, string(fast.body), "300000 <nil>")
	go1.Callback(deferred.None{})
	c.server.Pump()
	slow.send("end", true).wait()
	want(t, string(slow.body), fmt.Sprint(sent+3, " <nil>"))
	c.gone(t)
}

// TestHTTP2Reset checks that a reset by the client ends that request, and nothing else, in each of
// its states.
func TestHTTP2Reset(t *testing.T) {
	logs(t)
	for name, send := range map[string]func(c *h2client) *answer{
		"waiting":          func(c *h2client) *answer { return c.get("/waiting") },
		"reading":          func(c *h2client) *answer { return c.begin("POST", "/reading", nil, -1, false).send("abc", false) },
		"keeping":          func(c *h2client) *answer { return c.begin("POST", "/keeping", nil, -1, false).send("abc", false) },
		"writing":          func(c *h2client) *answer { return c.get("/writing") },
		"writing, blocked": func(c *h2client) *answer { c.stalled = true; return c.get("/large") },
		"pulled":           func(c *h2client) *answer { c.stalled = true; return c.get("/pulled") },
	} {
		t.Run(name, func(t *testing.T) {
			var ended []error
			var logged []string
			stopped := 0
			root := &web.Node{}
			note := func(req *web.Request) {
				req.NotifyFinish().AddErrback(func(err error) (deferred.None, error) {
					ended = append(ended, err)
					return deferred.None{}, nil
				})
			}
			handler := func(f http.HandlerFunc) web.Resource {
				return &web.HandlerResource{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					f(w, r)
					if r.Context().Err() == nil && r.URL.Path != "/reading" {
						t.Error("the context has not ended")
					}
					ended = append(ended, web.FromContext(r.Context()).Err())
				})}
			}
			root.PutChild("waiting", web.RenderFunc(func(req *web.Request) { req.NotDoneYet(); note(req) }))
			root.PutChild("reading", handler(func(w http.ResponseWriter, r *http.Request) {
				if _, err := io.ReadAll(r.Body); !errors.Is(err, io.ErrUnexpectedEOF) {
					t.Error(err)
				}
			}))
			root.PutChild("keeping", web.RenderFunc(hello))
			root.PutChild("writing", web.RenderFunc(func(req *web.Request) { req.NotDoneYet(); req.WriteString("begun"); note(req) }))
			root.PutChild("large", handler(func(w http.ResponseWriter, r *http.Request) {
				for err := error(nil); err == nil; {
					_, err = w.Write(make([]byte, 10_000))
				}
			}))
			root.PutChild("pulled", web.RenderFunc(func(req *web.Request) {
				note(req)
				req.RegisterPullProducer(&stoppable{req: req, stopped: &stopped})
			}))
			root.PutChild("other", web.RenderFunc(hello))
			c := serveH2(t, &web.Site{Root: root, AccessLog: func(req *web.Request) {
				logged = append(logged, fmt.Sprint(req.Path, req.URI, " ", web.LoggedStatus(req)))
				if req.URI != "/other" && !errors.Is(req.Err(), wire.Cancel) {
					t.Error(req.Err())
				}
			}})
			a := send(c).wait()
			a.cancel().wait()
			want(t, c.get("/other").wait().code, 200)
			if name != "keeping" {
				want(t, len(ended), 1)
				var e *wire.StreamError
				if len(ended) != 1 || !errors.As(ended[0], &e) || e.Code != wire.Cancel || !e.Remote {
					t.Errorf("%v", ended)
				}
			}
			want(t, len(logged), 2)
			if name == "pulled" {
				want(t, stopped, 1)
			}
			c.gone(t)
		})
	}
}

// A stoppable producer never ends by itself.
type stoppable struct {
	req     *web.Request
	stopped *int
}

func (p *stoppable) ResumeProducing() { p.req.Write(make([]byte, 20_000)) }
func (p *stoppable) StopProducing()   { *p.stopped++ }

// TestHTTP2ConnectionLost checks that all requests learn of the end of their connection, though one
// of them panics, and that nothing is left.
func TestHTTP2ConnectionLost(t *testing.T) {
	logs(t)
	var ended []string
	site := &web.Site{Root: web.RenderFunc(func(req *web.Request) {
		req.NotDoneYet()
		uri := req.URI
		req.NotifyFinish().AddErrback(func(err error) (deferred.None, error) {
			ended = append(ended, fmt.Sprint(uri, " ", errors.Is(err, reactor.ErrConnectionLost)))
			return deferred.None{}, nil
		})
	}), AccessLog: func(req *web.Request) {
		if req.URI == "/2" {
			panic("oh")
		}
	}}
	c := serveH2(t, site)
	for i := range 4 {
		c.get("/" + itoa(i))
	}
	c.wait()
	c.gone(t)
	want(t, fmt.Sprint(ended), "[/0 true /1 true /2 true /3 true]")
	want(t, len(c.server.DelayedCalls()), 0)
}

// TestHTTP2HalfClosed checks that the requests of a client that ends its side are answered, and that
// they learn of it.
func TestHTTP2HalfClosed(t *testing.T) {
	later := deferred.New[deferred.None]()
	var gone []error
	c := serveH2(t, &web.Site{Root: web.RenderFunc(func(req *web.Request) {
		req.NotifyFinish().AddErrback(func(err error) (deferred.None, error) {
			gone = append(gone, err)
			return deferred.None{}, nil
		})
		req.NotDoneYet()
		later.AddCallback(func(deferred.None) (deferred.None, error) {
			req.WriteString("later")
			req.Finish()
			return deferred.None{}, nil
		})
	})})
	a, cut := c.get("/"), c.begin("POST", "/", nil, -1, false)
	c.wait()
	c.transport.LoseWriteConnection()
	c.server.Pump()
	want(t, fmt.Sprint(gone), fmt.Sprint([]error{reactor.ErrConnectionDone}))
	want(t, c.ended, false)
	later.Callback(deferred.None{})
	c.server.Pump()
	want(t, string(a.body), "later")
	want(t, cut.code, 400)
	want(t, c.lost, error(reactor.ErrConnectionDone))
	c.server.settled(t)
}

// TestHTTP2Close checks what "Connection: close" means: no more requests on the connection, and the
// end of it after the last response.
func TestHTTP2Close(t *testing.T) {
	var later *web.Request
	root := &web.Node{}
	root.PutChild("close", web.RenderFunc(func(req *web.Request) { req.SetHeader("Connection", "close"); hello(req) }))
	root.PutChild("later", web.RenderFunc(func(req *web.Request) { req.NotDoneYet(); later = req }))
	c := serveH2(t, &web.Site{Root: root})
	slow := c.get("/later").wait()
	a := c.get("/close").wait()
	want(t, a.String(), `200 Content-Length:5 Content-Type:text/plain; charset=utf-8 "hello"`)
	if c.goneAway == nil || c.goneAway.Code != wire.NoError || c.machine.CanOpen() || c.ended {
		t.Errorf("%v, ended %v", c.goneAway, c.ended)
	}
	later.Finish()
	c.server.Pump()
	want(t, slow.ended, true)
	want(t, c.ended, true)
	c.server.settled(t)

	// The refusal of one request is no reason to end the others.
	c = serveH2(t, &web.Site{Root: root, MaxContent: 10})
	want(t, c.post("/close", "more than ten bytes").wait().code, 413)
	if c.goneAway != nil {
		t.Error(c.goneAway)
	}
	want(t, c.get("/later").wait().code, 0)
	c.gone(t)
}

// TestHTTP2MaxRequests checks that the last request of a connection is answered, and that the next
// one is known not to have been processed.
func TestHTTP2MaxRequests(t *testing.T) {
	c := serveH2(t, &web.Site{Root: web.RenderFunc(hello), MaxRequests: 2})
	var all []*answer
	for range 3 {
		all = append(all, c.get("/"))
	}
	c.wait()
	if !all[0].ended || !all[1].ended || all[2].reset == nil || !all[2].reset.NotProcessed || !c.ended {
		t.Errorf("%v; ended %v", all, c.ended)
	}
	c.server.settled(t)
}

// TestHTTP2MaxStreams checks the bound of the requests at a time.
func TestHTTP2MaxStreams(t *testing.T) {
	for _, test := range []struct{ given, want int }{{0, 100}, {3, 3}, {-1, 100}} {
		open := 0
		c := serveH2(t, &web.Site{HTTP2: &http.HTTP2Config{MaxConcurrentStreams: test.given}, Root: web.RenderFunc(func(req *web.Request) {
			open++
			req.NotDoneYet()
		})})
		c.wait()
		want(t, c.machine.MaxStreams(), test.want)
		for range test.want + 1 {
			c.get("/")
		}
		c.wait()
		want(t, open, test.want)
		if last := c.answers[test.want]; last.reset == nil || last.reset.Code != wire.RefusedStream || !last.reset.NotProcessed {
			t.Error(last)
		}
		c.gone(t)
	}
}

// TestHTTP2Windows checks the windows that HTTP2Config asks for.
func TestHTTP2Windows(t *testing.T) {
	for _, test := range []struct{ stream, connection, want int }{{0, 0, 65536}, {1000, 0, 1000}, {300_000, 200_000, 200_000}, {-1, -1, 65536}, {8 << 20, 1, 65536}} {
		c := serveH2(t, &web.Site{Root: web.RenderFunc(hello), HTTP2: &http.HTTP2Config{MaxReceiveBufferPerStream: test.stream, MaxReceiveBufferPerConnection: test.connection}})
		c.wait()
		a := c.begin("POST", "/", nil, -1, false)
		want(t, c.machine.Room(&a.Stream), test.want)
		c.gone(t)
	}
}

// TestHTTP2LargeHead checks the answers to heads that are too large, and that the connection goes on.
func TestHTTP2LargeHead(t *testing.T) {
	s := serve(t, &web.Site{Root: web.RenderFunc(hello), Limits: wire.Limits{HeaderBytes: 5000, StartLineBytes: 300}})
	c := &h2client{server: s}
	c.machine.Init(http2.Config{Now: s.Now})
	a := c.get("/", "X-Large: "+strings.Repeat("x", 6000)) // before the settings have come
	b := c.get("/" + strings.Repeat("x", 400))
	s.ConnectTCP(siteAddress, reactor.FactoryFunc(func(net.Addr) reactor.Protocol { return c }), reactor.ConnectConfig{})
	s.Pump()
	want(t, fmt.Sprint(a.code, b.code, c.get("/").wait().code), "431 414 200")
	c.gone(t)
}

// TestHTTP2Shutdown checks the two steps: a request that the client has sent before it hears of the
// end is answered; a later one is not begun.
func TestHTTP2Shutdown(t *testing.T) {
	s := servePaused(t)
	idle, busy, deaf := s.dial(), s.dial(), s.dial()
	idle.get("/").wait()
	a := busy.get("/later").wait()
	deaf.get("/").wait()
	deaf.transport.PauseProducing()
	d := s.site.Shutdown()
	b := busy.get("/later") // on its way when the GOAWAY comes
	busy.flush()
	s.Pump()
	if idle.goneAway == nil || !idle.ended {
		t.Error("the idle connection did not end")
	}
	if busy.goneAway == nil || busy.ended || busy.machine.CanOpen() {
		t.Error("the busy connection has ended, or takes requests")
	}
	want(t, len(s.waiting), 2)
	deferredtest.NoResult(t, d)
	s.finish()
	want(t, string(a.body)+string(b.body), "finishedfinished")
	want(t, busy.ended, true)
	deferredtest.NoResult(t, d) // the deaf client does not answer
	s.Advance(time.Second)
	deaf.transport.ResumeProducing()
	s.Pump()
	want(t, deaf.ended, true)
	deferredtest.SuccessResultOf(t, d)
	s.settled(t)
}

// TestHTTP2ShutdownCutsShort checks that ShutdownTimeout ends what is left.
func TestHTTP2ShutdownCutsShort(t *testing.T) {
	logs(t)
	s := servePaused(t)
	c := s.dial()
	c.get("/later")
	c.get("/begun").wait()
	var reasons []error
	for _, req := range s.waiting {
		req.NotifyFinish().AddErrback(func(err error) (deferred.None, error) {
			reasons = append(reasons, err)
			return deferred.None{}, nil
		})
	}
	d := s.site.Shutdown()
	s.Advance(9 * time.Second)
	deferredtest.NoResult(t, d)
	s.Advance(time.Second)
	deferredtest.SuccessResultOf(t, d)
	want(t, fmt.Sprint(reasons), fmt.Sprint([]error{web.ErrShutdown, web.ErrShutdown}))
	want(t, c.ended, true)
	s.settled(t)
}

// TestHTTP2Eviction checks that a connection without a request makes room for another, and that one
// with a request does not.
func TestHTTP2Eviction(t *testing.T) {
	s := servePaused(t)
	s.site.MaxConnections = 2
	busy, idle := s.dial(), s.dial()
	busy.get("/later").wait()
	idle.get("/").wait()
	third := s.dial()
	want(t, third.get("/").wait().code, 200)
	want(t, idle.ended, true)
	if idle.goneAway == nil {
		t.Error("no GOAWAY")
	}
	want(t, busy.ended, false)
	s.finish()
	want(t, busy.answers[0].code, 200)
	third.transport.AbortConnection()
	busy.gone(t)
}
