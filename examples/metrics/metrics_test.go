package main

import (
	"errors"
	"fmt"
	"log/slog"
	"math"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/deferred/deferredtest"
	"github.com/seed-7c003b53/gotreq/reactor"
	"github.com/seed-7c003b53/gotreq/reactor/endpoints"
	"github.com/seed-7c003b53/gotreq/reactor/memory"
	"github.com/seed-7c003b53/gotreq/reactor/protocols"
)

func TestLines(t *testing.T) {
	for _, test := range []struct {
		p    datapoint
		line string
	}{
		{datapoint{"foo.bar", 1, 1000000000}, "foo.bar 1 1000000000"},
		{datapoint{"foo.bar", 1.1, 1000000000}, "foo.bar 1.1 1000000000"},
		{datapoint{"foo.bar", 1.123456789123, 1000000000}, "foo.bar 1.123456789123 1000000000"},
		{datapoint{"foo.bar", 1.498566361088e12, 1000000000}, "foo.bar 1498566361088 1000000000"},
		{datapoint{"жопа", -0.5, now}, "жопа -0.5 -1"},
	} {
		if got := test.p.String(); got != test.line {
			t.Errorf("got %q, want %q", got, test.line)
		}
		if p, err := parseLine(test.line); p != test.p || err != nil {
			t.Errorf("%q: got %v, %v", test.line, p, err)
		}
	}
}

// A store is a receiver of a test, with what it received and logged.
type store struct {
	receiver
	points []string
	log    strings.Builder
}

func newStore() *store {
	s := &store{}
	s.receiver.received = func(p datapoint) { s.points = append(s.points, p.String()) }
	s.logger = slog.New(slog.NewTextHandler(&s.log, &slog.HandlerOptions{ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
		if a.Key == slog.TimeKey || a.Key == "peer" {
			return slog.Attr{}
		}
		return a
	}}))
	return s
}

// A talker is a client that the test plays.
type talker struct{ lost error }

func (c *talker) ConnectionMade(reactor.Transport) {}
func (c *talker) DataReceived([]byte)              {}
func (c *talker) ConnectionLost(reason error)      { c.lost = reason }

// text is data as an Int32 string.
func text(data string) string {
	var transport memory.StringTransport
	s := &protocols.Int32StringReceiver{}
	s.ConnectionMade(&transport)
	s.SendString([]byte(data))
	return transport.Value()
}

// TestReceiver feeds receivers whole and byte by byte.
func TestReceiver(t *testing.T) {
	for _, test := range []struct {
		name    string
		config  receiver
		strings bool
		sends   string
		points  []string
		log     string // or its beginning
		closed  bool
	}{
		{name: "line", sends: "foo.bar 42 1000\n", points: []string{"foo.bar 42 1000"}},
		{name: "lines", sends: "a 1 2\r\n  b   3.5\t4.9 \nc", points: []string{"a 1 2", "b 3.5 4"}},
		{name: "UTF-8", sends: "жопа 42 -1\n", points: []string{"жопа 42 3600"}},
		{name: "invalid lines", sends: "a 1\na b 2\na 1 b\n\na 1 2 3\nb 1 2\n", points: []string{"b 1 2"},
			log: `level=WARN msg=ignored error="metrics: invalid datapoint: line \"a 1\""` + "\n"},
		{name: "a long invalid line", sends: strings.Repeat("ж", 401) + "\n",
			log: `level=WARN msg=ignored error="metrics: invalid datapoint: line \"` + strings.Repeat("ж", 400) + `\""` + "\n"},
		{name: "too long a line", sends: "a 1 2\n" + strings.Repeat("x", 1025) + "\na 1 3\n", points: []string{"a 1 2"}, closed: true,
			log: `level=WARN msg="connection lost" reason="protocols: `},
		{name: "too long a name", sends: strings.Repeat("x", 513) + " 1 2\n", log: `level=WARN msg=ignored `},
		{name: "no number", sends: "a nan 1\na inf 1\na 1 nan\na 1 inf\na 1 1e300\n", log: `level=WARN msg=ignored `},
		{name: "resolution", config: receiver{resolution: 10}, sends: "a 0 1005\n", points: []string{"a 0 1000"}},
		{name: "allowed", config: receiver{allow: []*regexp.Regexp{regexp.MustCompile(`\.is\.allowed\.`), regexp.MustCompile(`^жопа\.驢$`)}},
			sends: "this.is.allowed.a 1 2\nthis.is.not_allowed.a 3 4\nжопа.驢 7 8\n", points: []string{"this.is.allowed.a 1 2", "жопа.驢 7 8"}},
		{name: "denied", config: receiver{deny: []*regexp.Regexp{regexp.MustCompile(`\.invalid\.`)}},
			sends: "some.invalid.a 1 2\na.valid.b 3 4\n", points: []string{"a.valid.b 3 4"}},

		{name: "string", strings: true, sends: text(`[["foo.bar",[1000,1.5]],["bar.中文",[-1,2]]]`), points: []string{"foo.bar 1.5 1000", "bar.中文 2 3600"}},
		{name: "strings", strings: true, sends: text(`[["a",[1,2]]]`) + text(`[]`) + text(`[["b",[3,4]]]`), points: []string{"a 2 1", "b 4 3"}},
		{name: "invalid strings", strings: true, sends: text("") + text("1") + text(`{"a":1}`) + text(`[["a",[1,2]]]`), points: []string{"a 2 1"},
			log: `level=WARN msg=ignored error="unexpected end of JSON input"` + "\n"},
		{name: "invalid datapoints", strings: true,
			sends:  text(`[["foo.bar",1],["foo.bar",["a","b"]],["foo.bar",[1]],["foo.bar",[1,null]],["a",[1,2],3],5,["",[1,2]],["a b",[1,2]],["b",[3,4]]]`),
			points: []string{"b 4 3"}, log: `level=WARN msg=ignored error="metrics: invalid datapoint: JSON \"[\\\"foo.bar\\\",1]\""` + "\n"},
		{name: "too long a string", strings: true, sends: "\x00\x40\x00\x01xxxx", closed: true, log: `level=WARN msg="connection lost" reason="protocols: `},
	} {
		t.Run(test.name, func(t *testing.T) {
			for _, pieceSize := range []int{0, 1} {
				s := newStore()
				s.allow, s.deny, s.resolution, s.idleTimeout = test.config.allow, test.config.deny, test.config.resolution, time.Minute
				factory := s.lines()
				if test.strings {
					factory = s.strings()
				}
				pump := &memory.IOPump{PieceSize: pieceSize}
				c := &talker{}
				pump.Connect(factory.BuildProtocol(nil), c)
				pump.Advance(time.Hour - time.Minute)
				pump.Advance(time.Minute)
				pump = &memory.IOPump{Reactor: pump.Reactor, PieceSize: pieceSize}
				pump.Connect(factory.BuildProtocol(nil), c)
				s.log.Reset()
				pump.ClientIO().Write([]byte(test.sends))
				pump.Flush()
				if !reflect.DeepEqual(s.points, test.points) || !strings.HasPrefix(s.log.String(), test.log) || test.log == "" && s.log.Len() > 0 {
					t.Errorf("received %q, want %q; logged %s, want %s", s.points, test.points, s.log.String(), test.log)
				}
				if closed := len(s.sessions) == 0; closed != test.closed {
					t.Errorf("closed %t, want %t", closed, test.closed)
				}
				pump.ClientIO().LoseConnection()
				pump.Flush()
				if calls := pump.Reactor.DelayedCalls(); len(calls) > 0 || len(s.sessions) > 0 {
					t.Errorf("left: %v, %d sessions", calls, len(s.sessions))
				}
			}
		})
	}
}

// TestIdle: only datapoints keep a connection, and a pause of the receiver.
func TestIdle(t *testing.T) {
	for _, test := range []struct {
		name  string
		sends string // each 59 seconds, twice
		pause bool
		open  bool
	}{
		{"nothing", "", false, false},
		{"datapoints", "a 1 2\n", false, true},
		{"invalid ones", "a\n", false, false},
		{"paused", "a 1 2\n", true, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := newStore()
			s.idleTimeout = time.Minute
			c := &talker{}
			pump := memory.ConnectedServerAndClient(s.lines().BuildProtocol(nil), c)
			if test.pause {
				s.pause()
			}
			for range 2 {
				pump.Advance(59 * time.Second)
				pump.ClientIO().Write([]byte(test.sends))
				pump.Flush()
			}
			if (c.lost == nil) != test.open {
				t.Errorf("lost: %v", c.lost)
			}
			s.resume()
			pump.Advance(time.Minute)
			if c.lost == nil || !strings.Contains(s.log.String(), "level=INFO msg=idle timeout=1m0s\n") {
				t.Errorf("lost: %v, logged %s", c.lost, s.log.String())
			}
		})
	}
}

// TestPause: a pause holds within a piece, for connections that come during it too.
func TestPause(t *testing.T) {
	s := newStore()
	store := s.received
	s.receiver.received = func(p datapoint) {
		store(p)
		s.pause()
	}
	r := memory.New()
	var pumps [2]memory.IOPump
	for i := range pumps {
		pumps[i].Reactor = r
		pumps[i].Connect(s.lines().BuildProtocol(nil), &talker{})
		pumps[i].ClientIO().Write(fmt.Appendf(nil, "%d 1 1\n%[1]d 2 2\n", i))
		pumps[i].Flush()
	}
	for _, want := range []string{"[0 1 1]", "[0 1 1 0 2 2]", "[0 1 1 0 2 2 1 1 1]", "[0 1 1 0 2 2 1 1 1 1 2 2]"} {
		if got := fmt.Sprint(s.points); got != want {
			t.Errorf("received %s, want %s", got, want)
		}
		s.resume()
		r.Pump()
	}
}

// TestMaxConnections: more clients wait until there is room.
func TestMaxConnections(t *testing.T) {
	r := memory.New()
	s := newStore()
	if _, err := r.ListenTCP("127.0.0.1:2003", &protocols.ThrottlingFactory{Factory: s.lines(), MaxConnections: 2}); err != nil {
		t.Fatal(err)
	}
	var clients []*client
	for i := range 3 {
		c := newClient(r, carbon(r), clientConfig{link: newLineLink})
		c.start()
		c.send(datapoint{fmt.Sprint(i), 0, 0})
		clients = append(clients, c)
	}
	r.Pump()
	if want := []string{"0 0 0", "1 0 0"}; !reflect.DeepEqual(s.points, want) {
		t.Errorf("received %q, want %q", s.points, want)
	}
	clients[0].stop()
	r.Pump()
	if want := []string{"0 0 0", "1 0 0", "2 0 0"}; !reflect.DeepEqual(s.points, want) {
		t.Errorf("received %q, want %q", s.points, want)
	}
}

func carbon(r reactor.Reactor) endpoints.ClientEndpoint {
	return endpoints.NewTCPClient(r, "127.0.0.1:2003", reactor.ConnectConfig{})
}

// start returns a client, and its receiver at 127.0.0.1:2003.
func start(t *testing.T, config clientConfig, strings bool) (*memory.Reactor, *store, *client) {
	t.Helper()
	r := memory.New()
	s := newStore()
	factory := s.lines()
	if strings {
		factory = s.strings()
	}
	if _, err := r.ListenTCP("127.0.0.1:2003", factory); err != nil {
		t.Fatal(err)
	}
	return r, s, newClient(r, carbon(r), config)
}

// send sends n datapoints, named from first on.
func send(c *client, first, n int) (err error) {
	for i := range n {
		err = errors.Join(err, c.send(datapoint{fmt.Sprint(first + i), 0, 0}))
	}
	return err
}

// sendLong sends n datapoints of 400 bytes.
func sendLong(c *client, n int) {
	for i := range n {
		c.send(datapoint{fmt.Sprintf("%0400d", i), 0, 0})
	}
}

// TestClient: datapoints wait for the connection, and are sent in batches, by both kinds of links.
func TestClient(t *testing.T) {
	for _, strings := range []bool{false, true} {
		config := clientConfig{link: newLineLink, delay: time.Millisecond, maxBatch: 2}
		if strings {
			config.link = newStringLink
		}
		r, s, c := start(t, config, strings)
		send(c, 0, 5)
		c.start()
		r.Pump()
		if calls := r.DelayedCalls(); len(calls) != 1 || len(s.points) > 0 {
			t.Errorf("%d calls, received %q", len(calls), s.points)
		}
		for _, want := range []int{2, 4, 5, 5} {
			r.Advance(time.Millisecond)
			if len(s.points) != want {
				t.Errorf("received %q, want %d", s.points, want)
			}
		}
		if calls := r.DelayedCalls(); len(calls) > 0 {
			t.Errorf("left: %v", calls)
		}
	}
}

// TestInvalid: what no receiver could read is not sent.
func TestInvalid(t *testing.T) {
	r, s, c := start(t, clientConfig{link: newStringLink}, true)
	c.start()
	for _, p := range []datapoint{{}, {"a b", 1, 1}, {"a\nb", 1, 1}, {"a", math.NaN(), 1}, {"a", math.Inf(1), 1}, {strings.Repeat("a", 513), 1, 1}} {
		if err := c.send(p); !errors.Is(err, errInvalid) {
			t.Errorf("%q: %v", p.name, err)
		}
		if err := c.sendFirst(p); !errors.Is(err, errInvalid) {
			t.Errorf("%q: %v", p.name, err)
		}
	}
	r.Pump()
	if len(s.points) > 0 {
		t.Errorf("received %q", s.points)
	}
}

// TestQueue: the queue is bounded, and tells when it is full and when it has space again.
func TestQueue(t *testing.T) {
	var changes []int
	config := clientConfig{link: newLineLink, maxQueue: 8, maxBatch: 1, delay: time.Second}
	var c *client
	config.changed = func() { changes = append(changes, len(c.queue)) }
	r, s, c := start(t, config, false)
	if err := send(c, 0, 10); err != nil {
		t.Error(err)
	}
	if err := send(c, 10, 1); !errors.Is(err, errFull) || c.dropped != 1 {
		t.Errorf("%v, dropped %d", err, c.dropped)
	}
	if err := c.sendFirst(datapoint{"urgent", 0, 0}); err != nil {
		t.Error(err)
	}
	c.start()
	r.Pump()
	r.RunFor(20 * time.Second)
	if got, want := strings.Join(s.points, " "), "urgent 0 0 0 0 0 1 0 0"; !strings.HasPrefix(got, want) || len(s.points) != 11 {
		t.Errorf("received %q", s.points)
	}
	if want := []int{8, 5}; !reflect.DeepEqual(changes, want) {
		t.Errorf("changed at %d, want %d", changes, want)
	}
}

// TestReconnects: what has not been sent is sent by the next connection.
func TestReconnects(t *testing.T) {
	var events []string
	r, s, c := start(t, clientConfig{
		link: newLineLink,
		up:   func() { events = append(events, "up") },
		down: func(reason error) { events = append(events, reason.Error()) },
	}, false)
	r.HoldConnects()
	c.start()
	r.Pump()
	r.HeldConnects()[0].Fail(reactor.ErrConnectionRefused)
	r.ReleaseConnects()
	send(c, 0, 1)
	r.RunFor(5 * time.Second)
	s.sessions[0].transport.LoseConnection()
	r.Pump()
	send(c, 1, 1)
	r.RunFor(5 * time.Second)
	if got := strings.Join(s.points, ", "); got != "0 0 0, 1 0 0" {
		t.Errorf("received %s", got)
	}
	if len(events) != 4 || !strings.Contains(events[0], "refused") || events[1] != "up" || !strings.Contains(events[2], "closed cleanly") || events[3] != "up" {
		t.Errorf("events %q", events)
	}
}

// TestBackPressure: while the receiver is paused, the queue grows, and not the memory of the connection.
func TestBackPressure(t *testing.T) {
	r, s, c := start(t, clientConfig{link: newStringLink, maxQueue: 1 << 20}, true)
	c.start()
	s.pause()
	sendLong(c, 1500)
	r.RunFor(time.Minute)
	if len(s.points) > 0 || !c.paused || len(c.queue) == 0 {
		t.Errorf("received %d, paused %t, %d in the queue", len(s.points), c.paused, len(c.queue))
	}
	s.resume()
	r.RunFor(time.Minute)
	if len(s.points) != 1500 || c.paused || len(c.queue) > 0 {
		t.Errorf("received %d, paused %t, %d in the queue", len(s.points), c.paused, len(c.queue))
	}
}

// TestStop: a client sends what waits, and says how much it could not.
func TestStop(t *testing.T) {
	for _, test := range []struct {
		name     string
		during   func(r *memory.Reactor, s *store, c *client) // before stop
		after    func(r *memory.Reactor, s *store, c *client) // and after it
		lost     int                                          // -1: cancelled
		received int
	}{
		{name: "not started"},
		{name: "not started, with a queue", during: func(_ *memory.Reactor, _ *store, c *client) { send(c, 0, 3) }, lost: 3},
		{name: "nothing to send", during: func(r *memory.Reactor, _ *store, c *client) { c.start(); r.Pump() }},
		{name: "connecting", during: func(_ *memory.Reactor, _ *store, c *client) { c.start(); send(c, 0, 3) }, received: 3},
		{name: "connected", during: func(r *memory.Reactor, _ *store, c *client) { c.start(); r.Pump(); send(c, 0, 3) }, received: 3},
		{name: "an attempt fails", during: func(r *memory.Reactor, _ *store, c *client) {
			r.HoldConnects()
			c.start()
			send(c, 0, 3)
			r.Pump()
		}, after: func(r *memory.Reactor, _ *store, _ *client) { r.HeldConnects()[0].Fail(reactor.ErrConnectionRefused) }, lost: 3},
		{name: "the connection is lost", during: func(r *memory.Reactor, s *store, c *client) { c.start(); r.Pump(); send(c, 0, 3) },
			after: func(_ *memory.Reactor, _ *store, c *client) { c.link.transport().AbortConnection() }, lost: 3},
		{name: "cancelled while connecting", during: func(r *memory.Reactor, _ *store, c *client) {
			r.HoldConnects()
			c.start()
			send(c, 0, 3)
			r.Pump()
		}, after: func(_ *memory.Reactor, _ *store, c *client) { c.stop().Cancel() }, lost: -1},
		{name: "cancelled while the receiver is paused", during: func(r *memory.Reactor, s *store, c *client) {
			c.start()
			s.pause()
			sendLong(c, 1500)
			r.Pump()
		}, after: func(r *memory.Reactor, _ *store, c *client) { r.RunFor(time.Hour); c.stop().Cancel() }, lost: -1},
	} {
		t.Run(test.name, func(t *testing.T) {
			r, s, c := start(t, clientConfig{link: newStringLink, maxQueue: 1 << 20}, true)
			if test.during != nil {
				test.during(r, s, c)
			}
			d := c.stop()
			if err := c.send(datapoint{"late", 0, 0}); err != errStopped || c.sendFirst(datapoint{"late", 0, 0}) != errStopped {
				t.Error(err)
			}
			if test.after != nil {
				test.after(r, s, c)
			}
			r.RunFor(time.Minute)
			if test.lost < 0 {
				deferredtest.FailureIs(t, d, deferred.ErrCancelled)
			} else if lost := deferredtest.SuccessResultOf(t, d); lost != test.lost || len(s.points) != test.received {
				t.Errorf("lost %d, want %d; received %d, want %d", lost, test.lost, len(s.points), test.received)
			}
			s.resume()
			r.Pump()
			if calls := r.DelayedCalls(); len(calls) > 0 || c.link != nil || len(s.sessions) > 0 || len(r.HeldConnects()) > 0 {
				t.Errorf("left: %v, link %v, %d sessions", calls, c.link, len(s.sessions))
			}
		})
	}
}

// TestRelay: the slowest store slows the first client down, and nothing is lost.
func TestRelay(t *testing.T) {
	const n = 1500
	r, s, _ := start(t, clientConfig{}, true)
	from := newStore()
	l := newRelay(r, &from.receiver)
	if _, err := r.ListenTCP("127.0.0.1:2004", from.lines()); err != nil {
		t.Fatal(err)
	}
	c := newClient(r, endpoints.NewTCPClient(r, "127.0.0.1:2004", reactor.ConnectConfig{}), clientConfig{link: newLineLink, maxQueue: n + 1})
	c.start()
	sendLong(c, n)
	r.RunFor(time.Minute)
	if len(c.queue) == 0 || !from.paused {
		t.Error("without a store, nothing waits")
	}
	s.pause()
	l.add(carbon(r), clientConfig{name: "slow", link: newStringLink, maxQueue: 100})
	l.add(carbon(r), clientConfig{name: "slow", link: newStringLink}) // there is one of that name
	l.add(endpoints.NewTCPClient(r, "127.0.0.1:9", reactor.ConnectConfig{}), clientConfig{name: "down", link: newStringLink, maxQueue: n + 1})
	r.RunFor(time.Minute)
	if slow := l.clients[0]; len(l.clients) != 2 || len(c.queue) == 0 || !from.paused || !slow.full {
		t.Errorf("%d clients; the queues have %d and %d", len(l.clients), len(c.queue), len(slow.queue))
	}
	s.resume()
	r.RunFor(time.Minute)
	if slow := l.clients[0]; len(s.points) != n || len(c.queue) > 0 || from.paused || slow.dropped > 0 {
		t.Errorf("received %d, %d in the queue, %d dropped", len(s.points), len(c.queue), slow.dropped)
	}
	stopped := l.stop()
	r.RunFor(time.Minute)
	if lost := deferredtest.SuccessResultOf(t, stopped); !reflect.DeepEqual(lost, []int{0, n}) {
		t.Errorf("lost %d", lost)
	}
	if got := deferredtest.SuccessResultOf(t, l.remove("slow")); got != 0 {
		t.Errorf("lost %d", got)
	}
}
