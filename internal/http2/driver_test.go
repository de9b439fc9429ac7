package http2_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	xhttp2 "golang.org/x/net/http2"

	"github.com/seed-7c003b53/gotreq/internal/http2"
	"github.com/seed-7c003b53/gotreq/treq/wire"
)

// This file drives a machine with fixed answers to its events, so that two runs over the same bytes have to agree.

// A carrier is a stream as a driver uses it.
type carrier struct {
	http2.Stream
	plan     int    // what the driver does with the stream
	body     []byte // still to be sent
	end      bool   // the last of body ends the stream
	trailer  http.Header
	sending  bool // body is being sent
	received int  // bytes of the peer's body
	over     bool // an event has ended the stream for the carrier
	complete bool // End has come
}

// A sentFrame is a frame that the machine has read or written.
type sentFrame struct {
	frame
	written bool
}

// A driver drives a machine, and keeps a transcript.
type driver struct {
	t       testing.TB
	m       machine
	server  *http2.Server // one of these is m
	client  *http2.Client
	log     []string
	run     *carrier // the stream of the last Data events, which are logged as one
	runLen  int
	runSum  uint32
	out     []byte
	wire    []sentFrame // what was read and written, in order
	halfIn  []byte      // read, and not yet a frame
	halfOut []byte
	begun   bool // the client's preface has passed
	err     error
	opened  int
	live    map[*http2.Stream]*carrier
	most    int // the most bytes that the machine kept
	often   bool
	count   map[http2.Event]int
}

// smallConfig has limits that a fuzzer reaches.
func smallConfig() http2.Config {
	return http2.Config{
		Limits:     wire.Limits{StartLineBytes: 64, HeaderBytes: 512, HeaderCount: 8, TrailerBytes: 128, Informational: 3},
		MaxStreams: 4, StreamWindow: 2000, MaxStreamWindow: 8000, MaxBuffered: 5000, ConnectProtocol: true,
		Now: func() time.Time { return time.Unix(0, 0) },
	}
}

func newServerDriver(t testing.TB, config http2.Config) *driver {
	d := &driver{t: t, server: &http2.Server{}, live: map[*http2.Stream]*carrier{}, count: map[http2.Event]int{}}
	d.m = d.server
	d.server.Init(config)
	d.take()
	return d
}

// newClientDriver returns the driver of a client that has made six requests.
func newClientDriver(t testing.TB, config http2.Config) *driver {
	d := &driver{t: t, client: &http2.Client{}, live: map[*http2.Stream]*carrier{}, count: map[http2.Event]int{}}
	d.m = d.client
	d.client.Init(config)
	for range 6 {
		d.open()
	}
	d.take()
	return d
}

// open makes a request.
func (d *driver) open() {
	d.opened++
	c := &carrier{plan: d.opened}
	h := &http2.RequestHead{Method: "GET", Scheme: "http", Authority: "an.example", Path: fmt.Sprintf("/%d", d.opened), Header: http.Header{"X-A": {"b"}}, UserAgent: "a"}
	switch c.plan % 6 {
	case 1:
		h.Method, h.Length = "POST", 3000
		c.body, c.end = make([]byte, 3000), true
	case 2:
		h.Method, h.Length = "PUT", -1
		c.body, c.trailer = make([]byte, 100), http.Header{"X-Sum": {"1"}}
	case 3:
		h.Method = "HEAD"
	case 4:
		h.Method, h.Path, h.Scheme, h.Authority = "CONNECT", "", "", "an.example:443"
		c.body = make([]byte, 50)
	}
	end := c.body == nil
	if err := d.client.Open(&c.Stream, h, end); err != nil {
		d.note("open %d: %v", d.opened, err)
		return
	}
	d.live[&c.Stream] = c
	if !end {
		d.begin(c)
	}
}

func (d *driver) note(format string, args ...any) {
	d.log = append(d.log, fmt.Sprintf(format, args...))
}

// take collects Output.
func (d *driver) take() { d.wrote(d.m.Output()) }

// wrote notes what goes to the peer.
func (d *driver) wrote(b []byte) {
	d.out = append(d.out, b...)
	d.halfOut = d.frames(append(d.halfOut, b...), true)
}

// frames notes the frames at the beginning of b, and returns the rest.
func (d *driver) frames(b []byte, written bool) []byte {
	if !d.begun && written == (d.client != nil) {
		if len(b) < len(xhttp2.ClientPreface) {
			return b
		}
		d.begun, b = true, b[len(xhttp2.ClientPreface):]
	}
	all, rest := cut(b)
	for _, f := range all {
		f.payload = bytes.Clone(f.payload)
		d.wire = append(d.wire, sentFrame{f, written})
	}
	return bytes.Clone(rest)
}

// feed gives in to the machine, and reports whether it took all.
func (d *driver) feed(in []byte) bool {
	d.t.Helper()
	in = in[:len(in):len(in)]
	for idle := 0; ; {
		n, ev, err := d.m.Next(in)
		if n < 0 || n > len(in) {
			d.t.Fatalf("Next used %d of %d bytes", n, len(in))
		}
		d.halfIn = d.frames(append(d.halfIn, in[:n]...), false)
		if in = in[n:]; n > 0 {
			idle = 0
		} else if idle++; idle > 100 {
			d.t.Fatalf("100 events without a byte; the last is %v", ev)
		}
		if err != nil {
			d.failed(err)
			return false
		}
		if d.count[ev]++; ev == http2.NeedMore {
			if len(in) > 0 {
				d.t.Fatalf("NeedMore leaves %d bytes", len(in))
			}
			d.take()
			return true
		}
		d.event(ev)
		if d.often {
			d.take()
		}
	}
}

func (d *driver) failed(err error) {
	d.t.Helper()
	d.flushRun()
	var failure *wire.ConnectionError
	if !errors.As(err, &failure) {
		d.t.Errorf("Next returns %T: %v", err, err)
	} else if failure.Remote || failure.Kind == "" {
		d.t.Errorf("Next returns %+v", failure)
	}
	d.take()
	d.err = err
	d.note("error %v", err)
	for range 2 {
		if n, _, again := d.m.Next([]byte("more")); again != err {
			d.t.Errorf("after %v, Next returns %d, %v", err, n, again)
		}
	}
	d.take()
}

// finish ends the input.
func (d *driver) finish() {
	d.t.Helper()
	d.flushRun()
	d.take()
	if d.err != nil {
		return
	}
	err := d.m.Finish()
	var broken *wire.Error
	var failed *wire.ConnectionError
	if err != io.EOF && !errors.As(err, &broken) && !errors.As(err, &failed) {
		d.t.Errorf("Finish returns %T: %v", err, err)
	}
	d.note("finish %v", err)
	d.take()
}

// flushRun logs the data that came in one piece or several, and consumes it.
func (d *driver) flushRun() {
	c := d.run
	if c == nil {
		return
	}
	d.note("data %d: %d bytes, %x", c.ID(), d.runLen, d.runSum)
	n := d.runLen
	d.run, d.runLen, d.runSum = nil, 0, 0
	if c.plan%4 != 3 && !c.Closed() {
		d.consumed(c, n)
	}
	d.send()
}

func (d *driver) consumed(c *carrier, n int) {
	if d.server != nil {
		d.server.Consumed(&c.Stream, n)
	} else {
		d.client.Consumed(&c.Stream, n)
	}
}

func (d *driver) carrier() *carrier {
	d.t.Helper()
	c := d.live[d.m.Stream()]
	if c == nil {
		d.t.Fatalf("an event of a stream that is not open: %+v", d.m.Stream())
	}
	if c.over {
		d.t.Errorf("an event of stream %d after its end", c.ID())
	}
	return c
}

func (d *driver) event(ev http2.Event) {
	d.t.Helper()
	if ev == http2.Data {
		c := d.carrier()
		if d.run != c {
			d.flushRun()
		}
		data := d.m.Data()
		if len(data) == 0 || c.complete {
			d.t.Errorf("%d bytes of data on stream %d, ended: %v", len(data), c.ID(), c.complete)
		}
		d.run = c
		d.runLen += len(data)
		c.received += len(data)
		for _, b := range data {
			d.runSum = d.runSum*31 + uint32(b)
		}
		return
	}
	d.flushRun()
	switch ev {
	case http2.Head:
		if d.server != nil {
			d.request()
		} else {
			d.response(true)
		}
	case http2.Informational:
		d.response(false)
	case http2.End:
		c := d.carrier()
		if c.complete {
			d.t.Errorf("two ends of stream %d", c.ID())
		}
		c.complete = true
		d.note("end %d %s", c.ID(), showHeader(d.shared().Trailer()))
		d.ended(c)
	case http2.Reset:
		c := d.carrier()
		err := d.shared().StreamError()
		d.note("reset %d: %v, %v", c.ID(), err, err.NotProcessed)
		if err.Stream != c.ID() || !c.Closed() || !err.Remote && err.Kind == "" && !err.NotProcessed {
			d.t.Errorf("stream %d, closed %v, was reset by %+v", c.ID(), c.Closed(), err)
		}
		d.over(c)
	case http2.Settings:
		d.note("settings")
	case http2.Room:
		d.note("room")
	case http2.PingAck:
		d.note("ping ack %x", d.shared().Pinged())
	case http2.GoAway:
		d.note("goaway %v", d.shared().GoneAway())
		if d.shared().GoneAway() == nil {
			d.t.Error("GoneAway is nil")
		}
	default:
		d.t.Errorf("the event %d", ev)
	}
	d.send()
}

// A sharedMachine is what both ends have.
type sharedMachine interface {
	machine
	Trailer() http.Header
	StreamError() *wire.StreamError
	Pinged() [8]byte
	GoneAway() *wire.ConnectionError
	WriteData(*http2.Stream, []byte, bool)
	DataHead(*http2.Stream, int, bool) []byte
	MaxFrame() int
	WriteTrailer(*http2.Stream, http.Header) error
	Wait(*http2.Stream)
	Unwait(*http2.Stream)
	Turn() (*http2.Stream, int)
	Reset(*http2.Stream, wire.Code)
	Ping([8]byte)
	GoAway(wire.Code, string)
	Consumed(*http2.Stream, int)
}

func (d *driver) shared() sharedMachine {
	if d.server != nil {
		return d.server
	}
	return d.client
}

func showHeader(h http.Header) string {
	if h == nil {
		return "-"
	}
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(h)) {
		fmt.Fprintf(&b, "%q: %q; ", name, h[name])
	}
	return b.String()
}

// request handles the head of a request. The last digit of its path says how.
func (d *driver) request() {
	h := d.server.Head()
	c := &carrier{}
	if h.Path != "" {
		c.plan = int(h.Path[len(h.Path)-1]) & 15
	}
	d.note("head %s %q %q %q %q %s length %d expect %v err %v", h.Method, h.Scheme, h.Authority, h.Path, h.Protocol, showHeader(h.Header), h.Length, h.Expect100, h.Err)
	if h.Header == nil {
		d.t.Error("Header is nil")
	}
	if c.plan == 9 {
		d.server.Refuse(wire.RefusedStream)
		return
	}
	d.server.Accept(&c.Stream)
	if c.ID()%2 == 0 {
		d.t.Errorf("a request on stream %d", c.ID())
	}
	d.live[&c.Stream] = c
	if h.Expect100 {
		d.server.Inform(&c.Stream, 100, nil)
	}
	if h.Err != nil {
		var e *wire.Error
		if !errors.As(h.Err, &e) {
			d.t.Errorf("Err is %v", h.Err)
		}
		d.respond(c, e.Kind.Status(), 0, true)
		return
	}
	switch c.plan {
	case 0:
		d.respond(c, 200, 5, true)
	case 1, 2:
		d.server.Inform(&c.Stream, 103, http.Header{"Link": {"</a>"}})
	case 3:
		d.respond(c, 200, 3000, false)
		c.trailer = http.Header{"X-Sum": {"1"}}
	case 4:
		d.respond(c, 204, 0, true)
	case 6:
		d.server.Reset(&c.Stream, wire.InternalError)
		d.over(c)
	}
}

// respond answers with a body of n bytes.
func (d *driver) respond(c *carrier, code, n int, end bool) {
	head := &http2.ResponseHead{Code: code, Header: http.Header{"X-A": {"b"}}, Length: int64(n)}
	if !end {
		head.Length = -1
	}
	if err := d.server.Respond(&c.Stream, head, end && n == 0); err != nil {
		d.t.Errorf("Respond: %v", err)
		return
	}
	if !c.SentEnd() {
		c.body, c.end = make([]byte, n), end
		d.begin(c)
	}
	d.close(c)
}

// response notes a response's head.
func (d *driver) response(final bool) {
	c, h := d.carrier(), d.client.Head()
	d.note("head %d final %v: %d %s length %d end %v", c.ID(), final, h.Code, showHeader(h.Header), h.Length, h.End)
	if final != (h.Code >= 200) || h.Header == nil {
		d.t.Errorf("final %v: %+v", final, h)
	}
}

// begin sends a body.
func (d *driver) begin(c *carrier) {
	c.sending = true
	d.shared().Wait(&c.Stream)
}

// send sends what there is room for.
func (d *driver) send() {
	for turns := 0; ; turns++ {
		s, n := d.shared().Turn()
		if s == nil {
			return
		}
		c := d.live[s]
		if c == nil || !c.sending || c.over || n <= 0 && len(c.body) > 0 || turns > 10000 {
			d.t.Fatalf("turn %d is that of stream %d for %d bytes: %+v", turns, s.ID(), n, c)
		}
		n = min(n, len(c.body), d.shared().MaxFrame())
		last := n == len(c.body) && c.end
		if c.plan%2 == 0 && n > 0 {
			d.take()
			head := d.shared().DataHead(s, n, last)
			d.wrote(head)
			d.wrote(c.body[:n])
		} else if n > 0 || last {
			d.shared().WriteData(s, c.body[:n], last)
		}
		if c.body = c.body[n:]; len(c.body) > 0 {
			d.shared().Wait(s)
			continue
		}
		c.sending = false
		if c.trailer != nil {
			if err := d.shared().WriteTrailer(s, c.trailer); err != nil {
				d.t.Errorf("WriteTrailer: %v", err)
			}
		}
		d.close(c)
	}
}

// ended handles the end of the peer's side.
func (d *driver) ended(c *carrier) {
	if d.server != nil && !c.over {
		switch c.plan {
		case 1, 2, 7, 8, 10, 15:
			d.respond(c, 200, 700, true)
		}
	}
	if d.client != nil && d.opened < 12 && d.client.CanOpen() {
		d.open()
	}
	d.close(c)
}

// close forgets a stream that has ended on both sides.
func (d *driver) close(c *carrier) {
	if c.Closed() && !c.over {
		if !c.complete {
			return // End will come
		}
		d.over(c)
	}
}

func (d *driver) over(c *carrier) {
	c.over = true
	delete(d.live, &c.Stream)
}

// measure notes how much the machine keeps.
func (d *driver) measure() { d.most = max(d.most, kept(d.m)) }

// transcript returns the events, and what was sent.
func (d *driver) transcript() string {
	return strings.Join(d.log, "\n") + "\n" + showFrames(d.out)
}

func showFrames(b []byte) string {
	var text strings.Builder
	b = bytes.TrimPrefix(b, []byte("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"))
	all, rest := cut(b)
	for _, f := range all {
		fmt.Fprintf(&text, "%v: %.60x\n", f, f.payload)
	}
	fmt.Fprintf(&text, "and %d bytes\n", len(rest))
	return text.String()
}
