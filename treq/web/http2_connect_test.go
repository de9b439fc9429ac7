package web_test

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/internal/http2"
	"github.com/seed-7c003b53/gotreq/reactor"
	"github.com/seed-7c003b53/gotreq/treq/web"
	"github.com/seed-7c003b53/gotreq/treq/wire"
)

// extended begins an extended CONNECT.
func (c *h2client) extended(protocol, path string, headers ...string) *answer {
	c.server.t.Helper()
	a := &answer{client: c}
	a.Owner = a
	head := http2.RequestHead{Method: "CONNECT", Protocol: protocol, Scheme: "http", Authority: "an.example", Path: path, Header: headerOf(headers), Length: -1}
	if err := c.machine.Open(&a.Stream, &head, false); err != nil {
		c.server.t.Fatal(err)
	}
	c.answers = append(c.answers, a)
	return a
}

// webSocket begins an extended CONNECT for a WebSocket, as Chromium does.
func (c *h2client) webSocket(headers ...string) *answer {
	return c.extended("websocket", "/ws?x=1", append(headers, "Sec-Websocket-Version: 13")...)
}

// connect begins a CONNECT.
func (c *h2client) connect(target string) *answer {
	return c.begin("CONNECT", target, nil, -1, false)
}

// TestHTTP2OffersConnect: the settings of a site offer extended CONNECT.
func TestHTTP2OffersConnect(t *testing.T) {
	c := serveH2(t, &web.Site{Root: &web.Node{}})
	if !c.machine.ConnectProtocol() {
		t.Error("it does not")
	}
	c.gone(t)
}

// TestHTTP2WebSocketRequest: an extended CONNECT for a WebSocket has the form of HTTP/1.1.
func TestHTTP2WebSocketRequest(t *testing.T) {
	keys := map[string]bool{}
	site := &web.Site{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n, err := r.Body.Read(make([]byte, 10))
		fmt.Fprint(w, r.Method, " ", r.RequestURI, " ", r.URL, " ", r.Proto, " ", r.Host, " ", r.ContentLength, " ", n, err)
		key := r.Header.Get("Sec-Websocket-Key")
		keys[key] = true
		w.Header().Set("X-Key-Length", itoa(len(key)))
		r.Header.Del("Sec-Websocket-Key")
		fmt.Fprint(w, r.Header) // and nothing that agrees to the WebSocket
	})}
	c := serveH2(t, site)
	for range 2 {
		a := c.webSocket("Origin: http://an.example").wait()
		want(t, a.String(), `501 Content-Length:146 Content-Type:text/plain; charset=utf-8 X-Key-Length:24`+
			` "GET /ws?x=1 /ws?x=1 HTTP/2.0 an.example 0 0 EOF`+
			`map[Connection:[Upgrade] Origin:[http://an.example] Sec-Websocket-Version:[13] Upgrade:[websocket]]" reset NO_ERROR`)
	}
	want(t, len(keys), 2)
	c.gone(t)
}

// TestHTTP2Hijack: all ways in which programs upgrade a request for a WebSocket, and open a tunnel.
func TestHTTP2Hijack(t *testing.T) {
	ws := func(c *h2client) *answer { return c.webSocket() }
	tunnel := func(c *h2client) *answer { return c.connect("target.example:25") }
	other := func(c *h2client) *answer { return c.extended("chat", "/chat?x=1") }
	// serve echoes lines, in upper case.
	serve := func(conn io.ReadWriteCloser, r *bufio.Reader) {
		for {
			line, err := r.ReadString('\n')
			if err != nil {
				fmt.Fprint(conn, err)
				return
			}
			io.WriteString(conn, strings.ToUpper(line))
		}
	}
	raw := func(head string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			conn, rw, err := w.(http.Hijacker).Hijack()
			if err != nil {
				t.Error(err)
				return
			}
			io.WriteString(conn, head)
			serve(conn, rw.Reader)
		}
	}
	written := func(code int) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			w.Header()["Date"] = nil
			w.Header().Set("Connection", "Upgrade")
			w.Header().Set("Upgrade", "websocket")
			w.Header().Set("Sec-WebSocket-Accept", "abc")
			w.Header().Set("Sec-WebSocket-Protocol", "chat")
			w.WriteHeader(code)
			conn, rw, err := w.(http.Hijacker).Hijack()
			if err != nil {
				t.Error(err)
				return
			}
			serve(conn, rw.Reader)
		}
	}
	const raw101 = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: abc\r\nSec-WebSocket-Protocol: chat\r\n\r\n"
	for name, c := range map[string]struct {
		begin   func(c *h2client) *answer
		handler http.HandlerFunc
		want    string
	}{
		"WriteHeader, then Hijack": {ws, written(101), `200 Sec-Websocket-Protocol:chat "ONE\nTWO\nEOF"`},
		"a raw head":               {ws, raw(raw101), `200 Sec-Websocket-Protocol:chat "ONE\nTWO\nEOF"`},
		"a raw head with more":     {ws, raw(raw101 + "hello "), `200 Sec-Websocket-Protocol:chat "hello ONE\nTWO\nEOF"`},
		"a raw head after a 103":   {ws, raw("HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" + raw101), `103 200 Sec-Websocket-Protocol:chat "ONE\nTWO\nEOF"`},
		"CONNECT, WriteHeader":     {tunnel, written(200), `200 Sec-Websocket-Accept:abc Sec-Websocket-Protocol:chat "ONE\nTWO\nEOF"`},
		"CONNECT, raw":             {tunnel, raw("HTTP/1.1 200 Connection Established\r\n\r\n"), `200 "ONE\nTWO\nEOF"`},
		"CONNECT, raw, HTTP/1.0":   {tunnel, raw("HTTP/1.0 200 OK\r\n\r\n"), `200 "ONE\nTWO\nEOF"`},
		"another protocol":         {other, written(200), `200 Sec-Websocket-Accept:abc Sec-Websocket-Protocol:chat "ONE\nTWO\nEOF"`},
		"a raw refusal":            {ws, raw("HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\nConnection: close\r\n\r\nno"), `403 Content-Length:2 "no"`},
		"a raw refusal, chunked":   {ws, raw("HTTP/1.1 403 Forbidden\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nno\r\n0\r\n\r\n"), `403 "no"`},
		"a raw 200":                {ws, raw("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nno"), `501 Content-Length:2 "no"`},
		"a raw head that is none":  {ws, raw("SSH-2.0\r\n"), `0 reset CANCEL`},
		"no head":                  {ws, func(w http.ResponseWriter, r *http.Request) { w.(http.Hijacker).Hijack() }, `0 reset CANCEL`},
		"a part of a head": {ws, func(w http.ResponseWriter, r *http.Request) {
			c, _, _ := w.(http.Hijacker).Hijack()
			io.WriteString(c, "HTTP/1.1 101")
		}, `0 reset CANCEL`},
		"no Hijack, an error": {ws, func(w http.ResponseWriter, r *http.Request) {
			w.Header()["Date"] = nil
			http.Error(w, "no", http.StatusForbidden)
		}, `403 Content-Length:3 Content-Type:text/plain; charset=utf-8 X-Content-Type-Options:nosniff "no\n" reset NO_ERROR`},
		"CONNECT, as in net/http": {tunnel, func(w http.ResponseWriter, r *http.Request) {
			w.Header()["Date"] = nil
			w.WriteHeader(200)
			w.(http.Flusher).Flush()
			serve(nopCloser{w}, bufio.NewReader(r.Body))
		}, `200 "ONE\nTWO\nEOF"`},
		"another protocol, as in net/http": {other, func(w http.ResponseWriter, r *http.Request) {
			w.Header()["Date"] = nil
			w.Header().Set("X", r.Method+r.Header.Get(":protocol")+r.URL.Path+r.RequestURI)
			w.WriteHeader(200)
			w.(http.Flusher).Flush()
			serve(nopCloser{w}, bufio.NewReader(r.Body))
		}, `200 X:CONNECTchat/chat/chat?x=1 "ONE\nTWO\nEOF"`},
	} {
		t.Run(name, func(t *testing.T) {
			log := logs(t)
			client := serveH2(t, &web.Site{Handler: c.handler})
			a := c.begin(client)
			a.send("one\n", false).wait()
			a.send("tw", false).wait()
			a.send("o\n", true).wait()
			got := a.String()
			if !strings.Contains(c.want, "reset") { // the client need not have ended
				got = strings.TrimSuffix(got, " reset NO_ERROR")
			}
			want(t, got, c.want)
			want(t, client.machine.Streams(), 0)
			b := client.get("/late")
			client.flush()
			want(t, b.Closed(), false) // the connection goes on
			client.gone(t)
			if strings.Contains(name, "none") != strings.Contains(log(), "wrote no response") {
				t.Errorf("logged %s", log())
			}
		})
	}
}

type nopCloser struct{ w http.ResponseWriter }

func (c nopCloser) Write(p []byte) (int, error) {
	n, err := c.w.Write(p)
	c.w.(http.Flusher).Flush()
	return n, err
}
func (nopCloser) Read([]byte) (int, error) { return 0, io.EOF }
func (nopCloser) Close() error             { return nil }

// TestHTTP2CannotHijack: a stream that no CONNECT has opened cannot be taken over.
func TestHTTP2CannotHijack(t *testing.T) {
	var err error
	c := serveH2(t, &web.Site{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _, err = w.(http.Hijacker).Hijack()
		fmt.Fprint(w, "as ever")
	})})
	a := c.get("/").wait()
	want(t, string(a.body), "as ever")
	want(t, errors.Is(err, http.ErrNotSupported), true)
	c.gone(t)
	// Nor has HTTP/2 a 101.
	logs(t)
	c = serveH2(t, &web.Site{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(101) })})
	a = c.get("/").wait()
	want(t, a.reset != nil, true)
	c.gone(t)
}

// TestHTTP2SwitchProtocol: a resource takes a stream over.
func TestHTTP2SwitchProtocol(t *testing.T) {
	for name, c := range map[string]struct {
		begin func(c *h2client) *answer
		set   func(req *web.Request)
		want  string
	}{
		"WebSocket":     {func(c *h2client) *answer { return c.webSocket() }, nil, `200 "hello, EARLY LATE"`},
		"CONNECT":       {func(c *h2client) *answer { return c.connect("a.example:1") }, nil, `200 "hello, EARLY LATE"`},
		"CONNECT, 204":  {func(c *h2client) *answer { return c.connect("a.example:1") }, func(r *web.Request) { r.SetResponseCode(204) }, `204 "hello, EARLY LATE"`},
		"chat, headers": {func(c *h2client) *answer { return c.extended("chat", "/") }, func(r *web.Request) { r.SetHeader("X", r.GetHeader(":protocol")) }, `200 X:chat "hello, EARLY LATE"`},
	} {
		t.Run(name, func(t *testing.T) {
			p := &shouter{}
			var err error
			client := serveH2(t, &web.Site{Root: tunnels(func(req *web.Request) {
				req.ResponseHeader["Date"] = nil
				if c.set != nil {
					c.set(req)
				}
				req.NotDoneYet()
				req.Site.Root.(*tunnelResource).later = func() { err = req.SwitchProtocol(p) }
			})})
			a := c.begin(client)
			a.send("early ", false).wait()
			client.server.site.Root.(*tunnelResource).later()
			a.send("late", false).wait()
			want(t, err, nil)
			want(t, a.String(), c.want+" ...")
			a.send("", true).wait()
			want(t, a.String(), c.want)
			want(t, p.lost, reactor.ErrConnectionDone)
			want(t, client.machine.Streams(), 0)
			client.gone(t)
		})
	}
}

// TestHTTP2TunnelEnds: the ways in which a tunnel ends, and what its protocol and the client learn.
func TestHTTP2TunnelEnds(t *testing.T) {
	for name, c := range map[string]struct {
		end  func(c *h2client, a *answer, p *shouter)
		lost error
		want string
	}{
		"the client ends":      {func(c *h2client, a *answer, p *shouter) { a.send("", true) }, reactor.ErrConnectionDone, `200 "hello, "`},
		"the client cancels":   {func(c *h2client, a *answer, p *shouter) { a.cancel() }, wire.Cancel, `200 "hello, " ...`},
		"the client is gone":   {func(c *h2client, a *answer, p *shouter) { c.transport.AbortConnection() }, reactor.ErrConnectionReset, `200 "hello, " ...`},
		"the client leaves":    {func(c *h2client, a *answer, p *shouter) { c.transport.LoseConnection() }, reactor.ErrConnectionLost, `200 "hello, " ...`},
		"the client errs":      {func(c *h2client, a *answer, p *shouter) { c.transport.Write([]byte(strings.Repeat("x", 100))) }, wire.FrameSizeError, `200 "hello, " ...`},
		"the program ends":     {func(c *h2client, a *answer, p *shouter) { p.LoseConnection(); c.wait(); a.send("", true) }, reactor.ErrConnectionDone, `200 "hello, "`},
		"the program ends, 5s": {func(c *h2client, a *answer, p *shouter) { p.LoseConnection(); c.server.RunFor(5 * time.Second) }, reactor.ErrConnectionDone, `200 "hello, " reset NO_ERROR`},
		"the program aborts":   {func(c *h2client, a *answer, p *shouter) { p.AbortConnection() }, reactor.ErrConnectionAborted, `200 "hello, " reset CANCEL`},
		"the program panics":   {func(c *h2client, a *answer, p *shouter) { p.SwitchProtocol(panickyReader{p}); a.send("x", false) }, reactor.ErrConnectionLost, `200 "hello, " reset INTERNAL_ERROR`},
	} {
		t.Run(name, func(t *testing.T) {
			logs(t)
			p := &shouter{}
			client := serveH2(t, &web.Site{Root: tunnels(func(req *web.Request) {
				req.ResponseHeader["Date"] = nil
				req.SwitchProtocol(p)
			})})
			a := client.connect("a.example:1").wait()
			c.end(client, a, p)
			client.wait()
			want(t, a.String(), c.want)
			if !errors.Is(p.lost, c.lost) {
				t.Errorf("lost for %v, want %v", p.lost, c.lost)
			}
			if client.failed = nil; client.lost == nil {
				client.gone(t)
			}
			client.server.settled(t)
		})
	}
}

type panickyReader struct{ *shouter }

func (panickyReader) DataReceived([]byte) { panic("oops") }

// TestHTTP2TunnelBackPressure: a handler that does not read stops the client, and waits for a client that does not read.
func TestHTTP2TunnelBackPressure(t *testing.T) {
	gate := deferred.New[deferred.None]()
	written := 0
	c := serveH2(t, &web.Site{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(200)
		conn, _, _ := w.(http.Hijacker).Hijack()
		web.Await(r.Context(), gate)
		n, _ := io.CopyN(io.Discard, conn, 300_000)
		fmt.Fprintf(conn, "%d bytes", n)
		for range 100 {
			m, _ := conn.Write(bytes.Repeat([]byte("x"), 10_000))
			written += m
		}
	})})
	a := c.connect("a.example:1").wait()
	sent := 0
	send := func() {
		for n := c.machine.Room(&a.Stream); n != 0 && sent < 300_000; n = c.machine.Room(&a.Stream) {
			n = min(n, 300_000-sent)
			a.send(strings.Repeat("x", n), false).wait()
			sent += n
		}
	}
	if send(); sent > 200_000 { // one window is read, one is unread, one is kept
		t.Errorf("the client has sent %d bytes to a handler that does not read", sent)
	}
	c.stalled = true
	gate.Callback(deferred.None{})
	c.wait()
	send()
	if want(t, sent, 300_000); !strings.HasPrefix(string(a.body), "300000 bytes") {
		t.Errorf("got %.20q", a.body)
	}
	if len(a.body) > 65535 || written > 400_000 {
		t.Errorf("%d bytes have come, %d were written to a client that does not read", len(a.body), written)
	}
	c.stalled = false
	a.read().wait()
	want(t, written, 1_000_000)
	want(t, len(a.body), 1_000_012)
	want(t, a.ended, true)
	a.send("", true).wait()
	c.gone(t)
}

// TestHTTP2ShutdownLeavesTunnels: a shutdown waits for requests, and not for tunnels on the same connection.
func TestHTTP2ShutdownLeavesTunnels(t *testing.T) {
	p := &shouter{}
	var held *web.Request
	c := serveH2(t, &web.Site{Root: tunnels(func(req *web.Request) {
		if req.Method == "CONNECT" {
			req.ResponseHeader["Date"] = nil
			req.SwitchProtocol(p)
			return
		}
		held = req
		req.NotDoneYet()
	})})
	tunnel := c.connect("a.example:1").wait()
	request := c.get("/").wait()
	down := false
	c.server.site.Shutdown().AddCallback(func(n deferred.None) (deferred.None, error) {
		down = true
		return n, nil
	})
	c.wait()
	if down || c.goneAway == nil {
		t.Errorf("down %v with a request under way; GOAWAY %v", down, c.goneAway)
	}
	held.Finish()
	c.wait()
	want(t, down, true)
	want(t, request.ended, true)
	tunnel.send("still here", false).wait()
	want(t, string(tunnel.body), "hello, STILL HERE")
	tunnel.send("", true).wait()
	want(t, p.lost, reactor.ErrConnectionDone)
	want(t, c.ended, true) // with its last stream
	c.gone(t)

	// A tunnel alone keeps nobody waiting either.
	c = serveH2(t, c.server.site)
	c.connect("a.example:1").wait()
	down = false
	c.server.site.Shutdown().AddCallback(func(n deferred.None) (deferred.None, error) {
		down = true
		return n, nil
	})
	c.wait()
	want(t, down, true)
	c.gone(t)
}
