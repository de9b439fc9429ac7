package web_test

import (
	"context"
	"fmt"
	"maps"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/internal/http2"
	"github.com/seed-7c003b53/gotreq/reactor"
	"github.com/seed-7c003b53/gotreq/treq/web"
	"github.com/seed-7c003b53/gotreq/treq/wire"
)

// This file has a client that speaks HTTP/2, for the tests of this package.

// An h2client is a client that sends what a test says, on as many streams as it likes.
type h2client struct {
	machine   http2.Client
	transport reactor.Transport
	server    *server
	answers   []*answer // in the order of their streams
	stalled   bool      // bodies are not consumed, so that windows stay closed
	pings     int       // answers to PINGs
	goneAway  *wire.ConnectionError
	failed    error // the server has broken HTTP/2
	ended     bool
	lost      error    // why the connection ended
	halfOpen  bool     // the end of the server's side is not answered
	received  int      // bytes
	frames    int      // DATA events
	sequence  []uint32 // the streams of the DATA events
	greedy    string   // the path of a request that follows each answer; "": none does
}

// An answer is what came on a stream.
type answer struct {
	http2.Stream
	client  *h2client
	interim []int
	code    int
	header  http.Header
	length  int64
	body    []byte
	trailer http.Header
	unread  int
	ended   bool              // the response is complete
	reset   *wire.StreamError // why it is not
}

func (c *h2client) ConnectionMade(t reactor.Transport) {
	c.transport = t
	c.flush()
}

func (c *h2client) flush() {
	if out := c.machine.Output(); len(out) != 0 && c.transport != nil {
		c.transport.Write(out)
	}
}

func (c *h2client) DataReceived(data []byte) {
	c.received += len(data)
	for {
		n, event, err := c.machine.Next(data)
		data = data[n:]
		if err != nil {
			c.failed = err
			c.flush()
			c.transport.LoseConnection()
			return
		}
		var a *answer
		if s := c.machine.Stream(); s != nil {
			a = s.Owner.(*answer)
		}
		switch event {
		case http2.NeedMore:
			c.flush()
			return
		case http2.Informational:
			a.interim = append(a.interim, c.machine.Head().Code)
			a.header = c.machine.Head().Header
		case http2.Head:
			head := c.machine.Head()
			a.code, a.header, a.length = head.Code, head.Header, head.Length
		case http2.Data:
			c.frames++
			c.sequence = append(c.sequence, a.ID())
			a.body = append(a.body, c.machine.Data()...)
			if c.stalled {
				a.unread += len(c.machine.Data())
			} else {
				c.machine.Consumed(&a.Stream, len(c.machine.Data()))
			}
		case http2.End:
			a.ended, a.trailer = true, c.machine.Trailer()
			if c.greedy != "" {
				a.body = nil
				c.get(c.greedy)
			}
		case http2.Reset:
			a.reset = c.machine.StreamError()
		case http2.PingAck:
			c.pings++
		case http2.GoAway:
			c.goneAway = c.machine.GoneAway()
		}
	}
}

func (c *h2client) ConnectionLost(reason error) { c.lost, c.ended = reason, true }
func (c *h2client) WriteConnectionLost()        {}
func (c *h2client) ReadConnectionLost() {
	c.ended = true
	if !c.halfOpen {
		c.transport.LoseConnection()
	}
}

// dial returns a new client that speaks HTTP/2 with prior knowledge. Streams have a window of 64 KiB
// less a byte, and a stalled client reads nothing.
func (s *server) dial() *h2client {
	return s.dialWith(http2.Config{StreamWindow: 65535, MaxBuffered: 8 << 20})
}

func (s *server) dialWith(config http2.Config) *h2client {
	s.t.Helper()
	c := &h2client{server: s}
	config.Now = s.Now
	c.machine.Init(config)
	s.ConnectTCP(siteAddress, reactor.FactoryFunc(func(net.Addr) reactor.Protocol { return c }), reactor.ConnectConfig{})
	for range 10 {
		s.turn()
	}
	if c.transport == nil {
		s.t.Fatal("no connection")
	}
	return c
}

// begin opens a stream for a request; length is that of the content, -1 if unknown, and end says
// that none follows.
func (c *h2client) begin(method, path string, header http.Header, length int64, end bool) *answer {
	c.server.t.Helper()
	a := &answer{client: c}
	a.Owner = a
	if header == nil {
		header = http.Header{}
	}
	head := http2.RequestHead{Method: method, Scheme: "http", Authority: "an.example", Path: path, Header: header, Length: length,
		Expect100: header.Get("Expect") != ""}
	if method == "CONNECT" {
		head.Authority, head.Path, head.Scheme = path, "", ""
	}
	if err := c.machine.Open(&a.Stream, &head, end); err != nil {
		c.server.t.Fatal(err)
	}
	c.answers = append(c.answers, a)
	return a
}

// get requests path, and does not wait for the answer.
func (c *h2client) get(path string, headers ...string) *answer {
	return c.begin("GET", path, headerOf(headers), 0, true)
}

// post sends content, which has to fit into the windows.
func (c *h2client) post(path, content string, headers ...string) *answer {
	a := c.begin("POST", path, headerOf(headers), int64(len(content)), len(content) == 0)
	if content != "" {
		a.send(content, true)
	}
	return a
}

func headerOf(lines []string) http.Header {
	h := http.Header{}
	for _, line := range lines {
		name, value, _ := strings.Cut(line, ": ")
		h.Add(name, value)
	}
	return h
}

// send sends content.
func (a *answer) send(content string, end bool) *answer {
	a.client.machine.WriteData(&a.Stream, []byte(content), end)
	return a
}

// wait runs the reactor until it is idle.
func (c *h2client) wait() *h2client {
	c.flush()
	c.server.Pump()
	return c
}

// wait runs the reactor until it is idle.
func (a *answer) wait() *answer {
	a.client.wait()
	return a
}

// read consumes what has come of the body, so that the server may send as much more.
func (a *answer) read() *answer {
	a.client.machine.Consumed(&a.Stream, a.unread)
	a.unread = 0
	return a
}

// cancel resets the stream.
func (a *answer) cancel() *answer {
	a.client.machine.Reset(&a.Stream, wire.Cancel)
	return a
}

// String returns the answer in one line, without its Date.
func (a *answer) String() string {
	var b strings.Builder
	for _, code := range a.interim {
		fmt.Fprintf(&b, "%d ", code)
	}
	fmt.Fprint(&b, a.code)
	h := maps.Clone(a.header)
	delete(h, "Date")
	for _, name := range slices.Sorted(maps.Keys(h)) {
		fmt.Fprintf(&b, " %s:%s", name, strings.Join(h[name], "|"))
	}
	if len(a.body) != 0 {
		if len(a.body) > 200 {
			fmt.Fprintf(&b, " %d bytes", len(a.body))
		} else {
			fmt.Fprintf(&b, " %q", a.body)
		}
	}
	if a.trailer != nil {
		fmt.Fprintf(&b, " trailer %v", map[string][]string(a.trailer))
	}
	switch {
	case a.reset != nil:
		fmt.Fprintf(&b, " reset %v", a.reset.Code)
	case !a.ended:
		b.WriteString(" ...")
	}
	return b.String()
}

// settled fails the test if anything of the connections is left: the site has none that is open,
// and no timer waits.
func (s *server) settled(t testing.TB) {
	t.Helper()
	s.Pump()
	if n := len(s.DelayedCalls()); n != 0 {
		t.Errorf("%d delayed calls are left: %v", n, s.DelayedCalls())
	}
}

// gone closes the connection, and checks that nothing is left of it.
func (c *h2client) gone(t testing.TB) {
	t.Helper()
	if c.failed != nil {
		t.Errorf("the server broke HTTP/2: %v", c.failed)
	}
	c.transport.AbortConnection()
	c.server.settled(t)
}

// serveH2 serves site in memory, and returns a client.
func serveH2(t testing.TB, site *web.Site) *h2client {
	t.Helper()
	return serve(t, site).dial()
}

// A quiet client is an h2client that keeps nothing: it is for counting allocations.
type quiet struct{ h2client }

func (c *quiet) ConnectionMade(t reactor.Transport) { c.transport = t; c.flush() }
func (c *quiet) DataReceived(data []byte)           { c.received += len(data) }

// h2Allocations returns the allocations of a small GET over HTTP/2, without those of a client: the
// requests were written before.
func h2Allocations(s *server) float64 {
	const runs = 200
	c := &quiet{h2client{server: s}}
	c.machine.Init(http2.Config{Now: s.Now})
	s.ConnectTCP(siteAddress, reactor.FactoryFunc(func(net.Addr) reactor.Protocol { return c }), reactor.ConnectConfig{})
	s.Pump()
	var requests [][]byte
	for range runs + 20 {
		c.begin("GET", "/path?q=1", http.Header{"User-Agent": {"bench"}, "Accept": {"*/*"}}, 0, true)
		requests = append(requests, slices.Clone(c.machine.Output()))
	}
	next := func() {
		c.transport.Write(requests[0])
		requests = requests[1:]
		s.Pump()
	}
	for range 10 {
		next()
	}
	return testing.AllocsPerRun(runs, next)
}

var held = deferred.New[deferred.None]()

// awaitInSpiteOf waits for letGo, though the client of r is gone.
func awaitInSpiteOf(r *http.Request) {
	d := deferred.New[deferred.None]()
	held.AddCallback(func(deferred.None) (deferred.None, error) {
		d.Callback(deferred.None{})
		return deferred.None{}, nil
	})
	web.Await(context.WithoutCancel(r.Context()), d)
}

func letGo() {
	held.Callback(deferred.None{})
	held = deferred.New[deferred.None]()
}
