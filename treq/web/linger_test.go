package web_test

import (
	"bytes"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/seed-7c003b53/gotreq/deferred/deferredtest"
	"github.com/seed-7c003b53/gotreq/internal/testkit/testcert"
	"github.com/seed-7c003b53/gotreq/reactor"
	"github.com/seed-7c003b53/gotreq/reactor/memory"
	"github.com/seed-7c003b53/gotreq/treq/web"
)

// This file tests the end of a connection whose client is slow to read the last response.

// lastResponses are the ways to send a body in parts, the last on its connection.
func lastResponses(t *testing.T, content []byte) map[string]*web.Site {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "file"), content, 0o600); err != nil {
		t.Fatal(err)
	}
	inParts := func(w io.Writer) {
		for rest := content; len(rest) != 0; {
			n := min(len(rest), 10_000)
			w.Write(rest[:n])
			rest = rest[n:]
		}
	}
	return map[string]*web.Site{
		"MaxRequests": {MaxRequests: 1, Root: &web.File{Path: dir}},
		"Connection: close": {Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Connection", "close")
			w.Header().Set("Content-Length", itoa(len(content)))
			inParts(w)
		})},
		"the end is the connection's": {Root: web.RenderFunc(func(req *web.Request) {
			req.SetHeader("Connection", "close")
			inParts(req)
		})},
	}
}

// TestLingeringForSlowReaders checks that the client gets all of the last response, though
// it reads nothing for longer than the server lingers.
func TestLingeringForSlowReaders(t *testing.T) {
	certificate, roots := testcert.New("an.example")
	for _, size := range []int{10_000, 60_000, 100_000, 200_000} { // the system takes 64 KiB
		content := random(size)
		for name, site := range lastResponses(t, content) {
			for _, secure := range []bool{false, true} {
				t.Run(fmt.Sprint(name, " ", size, " ", secure), func(t *testing.T) {
					r := memory.New()
					s := &server{t, r, site}
					p := &peer{server: s}
					var server reactor.Factory = site
					var client reactor.Factory = reactor.FactoryFunc(func(net.Addr) reactor.Protocol { return p })
					if secure {
						server = reactor.TLSServer(r, reactor.TLSConfig{Config: &tls.Config{Certificates: []tls.Certificate{certificate}}}, server)
						client = reactor.TLSClient(r, reactor.TLSConfig{Config: &tls.Config{RootCAs: roots, ServerName: "an.example"}}, client)
					}
					r.ListenTCP(siteAddress, server)
					r.ConnectTCP(siteAddress, client, reactor.ConnectConfig{})
					r.Pump()
					r.StartTrace()
					p.PauseProducing()
					p.send(getPath("/file"))
					for range 30 {
						s.Advance(10 * time.Second)
						p.ResumeProducing()
						s.turn()
						p.PauseProducing()
						s.Pump()
					}
					p.ResumeProducing()
					s.Pump()
					if got := entity(t, p.got); !bytes.Equal(got, content) || !errors.Is(p.lost, reactor.ErrConnectionDone) {
						t.Errorf("%d bytes of %d, or others; %v", len(got), size, p.lost)
					}
					want(t, strings.Contains(r.Trace().String(), "server reset"), false)
					want(t, len(s.DelayedCalls()), 0)
				})
			}
		}
	}
}

// TestLingeringDuringShutdown checks that the client gets what the system has of the last
// response when ShutdownTimeout ends, and that the shutdown ends then.
func TestLingeringDuringShutdown(t *testing.T) {
	logs(t)
	for _, before := range []time.Duration{0, 4 * time.Second, 8 * time.Second} {
		s := servePaused(t)
		s.site.Root = web.RenderFunc(func(req *web.Request) {
			req.NotDoneYet()
			req.Clock().CallLater(before, func() {
				req.Write(random(60_000))
				req.Finish()
			})
		})
		p := s.connect()
		p.PauseProducing()
		p.send(get)
		s.StartTrace()
		d := s.site.Shutdown()
		for range 10 {
			s.Advance(time.Second)
		}
		deferredtest.SuccessResultOf(t, d)
		p.ResumeProducing()
		s.Pump()
		if got := entity(t, p.got); len(got) != 60_000 || !errors.Is(p.lost, reactor.ErrConnectionDone) {
			t.Errorf("%v: %d bytes; %v", before, len(got), p.lost)
		}
		want(t, strings.Contains(s.Trace().String(), "server reset"), false)
		want(t, len(s.DelayedCalls()), 0)
	}
}

// TestLingeringHasABound checks that a client that takes nothing, or sends for ever, does not
// keep its connection.
func TestLingeringHasABound(t *testing.T) {
	for _, sends := range []bool{false, true} {
		for name, site := range lastResponses(t, random(100_000)) {
			s := serve(t, site)
			p := s.connect()
			p.halfOpen = true
			p.PauseProducing()
			p.send(getPath("/file"))
			for range 120 {
				if sends {
					p.send(strings.Repeat("x", 1000))
				}
				s.Advance(time.Second)
			}
			if len(s.DelayedCalls()) != 0 {
				t.Errorf("%s, sends %v: the connection is open", name, sends)
			}
			deferredtest.SuccessResultOf(t, s.site.Shutdown()) // at once
		}
	}
}
