package web_test

import (
	"bufio"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/seed-7c003b53/gotreq/internal/testkit/background"
	"github.com/seed-7c003b53/gotreq/internal/testkit/outcome"
	"github.com/seed-7c003b53/gotreq/internal/testkit/testcert"
	"github.com/seed-7c003b53/gotreq/reactor"
	"github.com/seed-7c003b53/gotreq/reactor/memory"
	"github.com/seed-7c003b53/gotreq/reactor/protocols"
	"github.com/seed-7c003b53/gotreq/treq/web"
)

// wrapped returns f in all wrapping factories of package protocols.
func wrapped(f reactor.Factory) reactor.Factory {
	f = &protocols.TimeoutFactory{Factory: f}
	f = &protocols.TrafficLoggingFactory{Factory: f, Output: io.Discard}
	f = &protocols.ThrottlingFactory{Factory: f, MaxConnections: 100, ReadLimit: 1 << 30, WriteLimit: 1 << 30}
	f = &protocols.LimitConnectionsByPeer{Factory: f, Limit: 100}
	f = &protocols.LimitTotalConnectionsFactory{Factory: f, Limit: 100}
	return &protocols.WrappingFactory{Factory: f}
}

// serveWrapped makes site listen in memory, in all wrapping factories.
func serveWrapped(t *testing.T, site *web.Site) *server {
	r := memory.New()
	if _, err := r.ListenTCP(siteAddress, wrapped(site)); err != nil {
		t.Fatal(err)
	}
	return &server{t, r, site}
}

// TestWrappedSiteOverTLS: a client of a wrapped site, within and around TLS, gets HTTP/2 by ALPN
// if it wants that, and else HTTP/1.1.
func TestWrappedSiteOverTLS(t *testing.T) {
	cert, roots := testcert.New("127.0.0.1")
	site := &web.Site{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		fmt.Fprintf(w, "%s %d", r.Proto, len(body))
	})}
	var address string
	background.Loop(t, func(l *reactor.Loop) {
		config := reactor.TLSConfig{Config: &tls.Config{Certificates: []tls.Certificate{cert}}}
		port, err := l.ListenTCP("127.0.0.1:0", wrapped(reactor.TLSServer(l, config, wrapped(site))))
		if err != nil {
			t.Fatal(err)
		}
		address = port.Addr().String()
	})
	for want, h2 := range map[string]bool{"HTTP/2.0": true, "HTTP/1.1": false} {
		transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}, ForceAttemptHTTP2: h2}
		client := &http.Client{Transport: transport}
		for range 2 {
			resp, err := client.Post("https://"+address, "text/plain", strings.NewReader(strings.Repeat("x", 300_000)))
			if err != nil {
				t.Fatal(err)
			}
			got, err := io.ReadAll(resp.Body)
			resp.Body.Close()
			if err != nil || string(got) != want+" 300000" {
				t.Errorf("got %q, %v; want %s", got, err, want)
			}
		}
		transport.CloseIdleConnections()
	}
}

// An echoer sends back what it receives.
type echoer struct{ transport reactor.Transport }

func (e *echoer) ConnectionMade(t reactor.Transport) { e.transport = t }
func (e *echoer) DataReceived(data []byte)           { e.transport.Write(data) }
func (e *echoer) ConnectionLost(error)               {}

// TestWrappedSiteHijack: a handler of a wrapped site takes its connection, as for a WebSocket.
func TestWrappedSiteHijack(t *testing.T) {
	s := serveWrapped(t, &web.Site{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		conn, rw, err := w.(http.Hijacker).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		defer conn.Close()
		io.WriteString(conn, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n")
		for lines := bufio.NewScanner(rw); lines.Scan(); {
			io.WriteString(conn, lines.Text()+"!\n")
		}
	})})
	c := s.connect()
	c.halfOpen = true
	c.send("GET / HTTP/1.1\r\nHost: an.example\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\none\n")
	c.send("two\n")
	c.LoseWriteConnection()
	s.Pump()
	if got := c.take(); !strings.HasPrefix(got, "HTTP/1.1 101 ") || !strings.HasSuffix(got, "\r\n\r\none!\ntwo!\n") || !c.ended {
		t.Errorf("got %q, ended %t", got, c.ended)
	}
}

// TestWrappedSiteSwitch: a resource of a wrapped site gives its connection to another protocol.
func TestWrappedSiteSwitch(t *testing.T) {
	s := serveWrapped(t, &web.Site{Root: web.RenderFunc(func(r *web.Request) {
		if err := r.SwitchProtocol(&echoer{}); err != nil {
			t.Error(err)
		}
	})})
	c := s.connect()
	c.send("GET / HTTP/1.1\r\nHost: an.example\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\none ")
	c.send("two")
	if got := c.take(); !strings.HasSuffix(got, "\r\n\r\none two") {
		t.Errorf("got %q", got)
	}
}

// TestWrappedSiteShutdown: a wrapped site shuts down in order: its port stops, an idle connection
// is closed, and the response under way is finished.
func TestWrappedSiteShutdown(t *testing.T) {
	var waiting *web.Request
	site := &web.Site{Root: web.RenderFunc(func(r *web.Request) {
		r.NotDoneYet()
		waiting = r
	})}
	s := serveWrapped(t, site)
	idle, busy := s.connect(), s.connect()
	s.RunFor(10 * time.Second) // not new any more
	busy.send("GET / HTTP/1.1\r\nHost: an.example\r\n\r\n")
	ended := outcome.Of(site.Shutdown())
	s.Pump()
	if !idle.ended || busy.ended || ended.Fired != 0 {
		t.Errorf("idle ended %t, busy ended %t, Shutdown ended %d times", idle.ended, busy.ended, ended.Fired)
	}
	late := outcome.Of(s.ConnectTCP(siteAddress, reactor.FactoryFunc(func(net.Addr) reactor.Protocol { return &peer{} }), reactor.ConnectConfig{}))
	s.Pump()
	if !errors.Is(late.Err, reactor.ErrConnectionRefused) {
		t.Errorf("a late connection: %v, want %v", late.Err, reactor.ErrConnectionRefused)
	}
	waiting.WriteString("done")
	waiting.Finish()
	s.RunFor(5 * time.Second)
	if got := busy.take(); !strings.Contains(got, "\r\ndone\r\n") || !busy.ended || ended.Fired != 1 || ended.Err != nil {
		t.Errorf("got %q, ended %t; Shutdown ended %d times, %v", got, busy.ended, ended.Fired, ended.Err)
	}
}

// TestWrappedSiteWebSocket: a resource of a wrapped site gives a stream of HTTP/2 to another
// protocol, as for a WebSocket, and the connection goes on.
func TestWrappedSiteWebSocket(t *testing.T) {
	p := &shouter{}
	s := serveWrapped(t, &web.Site{Root: tunnels(func(req *web.Request) {
		req.ResponseHeader["Date"] = nil
		if req.GetHeader("Upgrade") == "" {
			req.WriteString("as ever")
			return
		}
		want(t, req.SwitchProtocol(p), nil)
	})})
	c := s.dial()
	a := c.webSocket()
	a.send("early ", false).wait()
	want(t, c.get("/").wait().String(), `200 Content-Length:7 Content-Type:text/plain; charset=utf-8 "as ever"`)
	a.send("late", true).wait()
	want(t, a.String(), `200 "hello, EARLY LATE"`)
	want(t, p.lost, reactor.ErrConnectionDone)
	c.gone(t)
	c.transport.AbortConnection()
	s.Pump()
	want(t, len(s.DelayedCalls()), 0)
}
