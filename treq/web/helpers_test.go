package web_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/seed-7c003b53/gotreq/internal/testkit/logtest"
	"github.com/seed-7c003b53/gotreq/reactor"
	"github.com/seed-7c003b53/gotreq/reactor/memory"
	"github.com/seed-7c003b53/gotreq/treq/web"
)

const siteAddress = "192.0.2.1:80"

// A server is a site in memory.
type server struct {
	t testing.TB
	*memory.Reactor
	site *web.Site
}

// serve makes site listen in memory.
func serve(t testing.TB, site *web.Site) *server {
	t.Helper()
	r := memory.New()
	if _, err := r.ListenTCP(siteAddress, site); err != nil {
		t.Fatal(err)
	}
	return &server{t, r, site}
}

// serveRoot serves a site with the given root.
func serveRoot(t testing.TB, root web.Resource) *server {
	t.Helper()
	return serve(t, &web.Site{Root: root})
}

// serveFunc serves a site whose only resource is f.
func serveFunc(t testing.TB, f func(*web.Request)) *server {
	t.Helper()
	return serveRoot(t, web.RenderFunc(f))
}

// serveHandler serves a site whose handler is f.
func serveHandler(t testing.TB, f http.HandlerFunc) *server {
	t.Helper()
	return serve(t, &web.Site{Handler: f})
}

// A peer is a client that sends and receives bytes.
type peer struct {
	reactor.Transport
	server   *server
	got      []byte
	ended    bool  // the server has ended its side
	lost     error // why the connection ended
	halfOpen bool
}

func (p *peer) ConnectionMade(t reactor.Transport) { p.Transport = t }
func (p *peer) DataReceived(data []byte)           { p.got = append(p.got, data...) }
func (p *peer) ConnectionLost(reason error)        { p.lost, p.ended = reason, true }
func (p *peer) WriteConnectionLost()               {}
func (p *peer) ReadConnectionLost() {
	p.ended = true
	if !p.halfOpen {
		p.LoseConnection()
	}
}

// connect returns a new client of the server.
func (s *server) connect() *peer {
	s.t.Helper()
	p := &peer{}
	s.join(p, p)
	return p
}

// join connects protocol, whose peer is p, to the server.
func (s *server) join(protocol reactor.Protocol, p *peer) {
	s.t.Helper()
	p.server = s
	s.ConnectTCP(siteAddress, reactor.FactoryFunc(func(net.Addr) reactor.Protocol { return protocol }), reactor.ConnectConfig{})
	for range 10 { // Pump would not end while a client is busy
		s.turn()
	}
	if p.Transport == nil {
		s.t.Fatal("no connection")
	}
}

// tryConnect returns a new client, which the server may have refused.
func (s *server) tryConnect() *peer {
	p := &peer{server: s}
	s.ConnectTCP(siteAddress, reactor.FactoryFunc(func(net.Addr) reactor.Protocol { return p }), reactor.ConnectConfig{})
	s.Pump()
	return p
}

// turn runs one turn of the loop.
func (s *server) turn() {
	if err := s.Iterate(0); err != nil {
		s.t.Fatal(err)
	}
}

// send sends text, and runs the reactor until it is idle.
func (p *peer) send(text string) *peer {
	p.Write([]byte(text))
	p.server.Pump()
	return p
}

// take returns the bytes received since the last take, without the Date header.
func (p *peer) take() string {
	got := strings.ReplaceAll(string(p.got), "Date: Thu, 01 Jan 1970 00:00:00 GMT\r\n", "")
	p.got = nil
	return got
}

// ask sends text over a new connection and returns the answer.
func (s *server) ask(text string) string {
	s.t.Helper()
	return s.connect().send(text).take()
}

// get returns the response to GET path over a new connection.
func (s *server) get(path string, headers ...string) string {
	s.t.Helper()
	return s.ask("GET " + path + " HTTP/1.1\r\nHost: an.example\r\n" + lines(headers) + "\r\n")
}

func lines(headers []string) string {
	var b strings.Builder
	for _, h := range headers {
		b.WriteString(h + "\r\n")
	}
	return b.String()
}

// head returns the first line of a response.
func head(response string) string {
	line, _, _ := strings.Cut(response, "\r\n")
	return line
}

func body(response string) string {
	_, body, _ := strings.Cut(response, "\r\n\r\n")
	return body
}

// header returns the value of a header of a response, or "".
func header(response, name string) string {
	top, _, _ := strings.Cut(response, "\r\n\r\n")
	for _, line := range strings.Split(top, "\r\n")[1:] {
		if n, value, _ := strings.Cut(line, ": "); strings.EqualFold(n, name) {
			return value
		}
	}
	return ""
}

// want fails the test if got is not wanted.
func want[T comparable](t testing.TB, got, wanted T) {
	t.Helper()
	if got != wanted {
		t.Errorf("got  %q\nwant %q", fmt.Sprint(got), fmt.Sprint(wanted))
	}
}

// logs captures the log until the end of the test. The returned function returns the log.
func logs(t testing.TB) func() string { return logtest.Capture(t).String }

func itoa(n int) string { return strconv.Itoa(n) }

func newReader(r io.Reader) *bufio.Reader { return bufio.NewReader(r) }
