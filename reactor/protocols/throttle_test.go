package protocols_test

import (
	"fmt"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/seed-7c003b53/gotreq/internal/testkit/logtest"
	"github.com/seed-7c003b53/gotreq/reactor"
	"github.com/seed-7c003b53/gotreq/reactor/memory"
	"github.com/seed-7c003b53/gotreq/reactor/protocols"
)

// A pushSource is a push producer that writes a piece at a time, at the moment when it is
// resumed and in each later turn.
type pushSource struct {
	clock  reactor.Clock
	to     reactor.Transport
	piece  int
	left   int
	call   reactor.DelayedCall
	paused bool
	events []string
}

func (s *pushSource) start() {
	if s.to.RegisterProducer(s) == nil && !s.paused {
		s.produce()
	}
}

func (s *pushSource) produce() {
	s.call = nil
	if s.left <= 0 {
		s.to.UnregisterProducer()
		return
	}
	s.left -= s.piece
	s.to.Write(make([]byte, s.piece))
	if !s.paused {
		s.call = s.clock.CallLater(0, s.produce)
	}
}

func (s *pushSource) PauseProducing() {
	s.events = append(s.events, "pause")
	s.paused = true
	if s.call != nil {
		s.call.Cancel()
		s.call = nil
	}
}

func (s *pushSource) ResumeProducing() {
	s.events = append(s.events, "resume")
	s.paused = false
	s.produce()
}

func (s *pushSource) StopProducing() {
	s.events = append(s.events, "stop")
	s.left, s.paused = 0, true
	if s.call != nil {
		s.call.Cancel()
		s.call = nil
	}
}

// A pullSource is a pull producer.
type pullSource struct {
	to                 reactor.Transport
	piece, left, asked int
	stopped            bool
}

func (s *pullSource) ResumeProducing() {
	s.asked++
	if s.left <= 0 {
		s.to.UnregisterProducer()
		return
	}
	s.left -= s.piece
	s.to.Write(make([]byte, s.piece))
}

func (s *pullSource) StopProducing() { s.stopped = true }

// TestReadLimit: beyond a second's worth, the connection is paused for the time that the limit
// needs, and then resumed.
func TestReadLimit(t *testing.T) {
	r := memory.New()
	p := &party{}
	f := &protocols.ThrottlingFactory{Factory: builds(p), ReadLimit: 10, Clock: r}
	below := &memory.StringTransport{}
	w := f.BuildProtocol(nil)
	w.ConnectionMade(below)
	want := func(s memory.ProducerState) {
		t.Helper()
		if got := below.ProducerState(); got != s {
			t.Errorf("at %v the transport is %v, want %v", r.Now().Format("05.00"), got, s)
		}
	}
	for range 2 { // after a rest, it is as in the beginning
		w.DataReceived([]byte("0123456789"))
		want(memory.Producing)
		w.DataReceived([]byte("abcdefghij"))
		want(memory.Paused)
		r.Advance(time.Second - 1)
		want(memory.Paused)
		r.Advance(1)
		want(memory.Producing)
		r.Advance(time.Hour)
	}
	if got := p.received.String(); got != strings.Repeat("0123456789abcdefghij", 2) {
		t.Errorf("received %q", got)
	}
	// A little too much: at least a tenth of a second.
	w.DataReceived([]byte("0123456789a"))
	r.Advance(100*time.Millisecond - 1)
	want(memory.Paused)
	r.Advance(1)
	want(memory.Producing)
	// What comes during the pause counts.
	w.DataReceived([]byte("0123456789"))
	want(memory.Paused)
	w.DataReceived([]byte("0123456789"))
	r.Advance(1900 * time.Millisecond)
	want(memory.Paused)
	w.ConnectionLost(nil)
	if n := len(r.DelayedCalls()); n != 0 {
		t.Errorf("%d delayed calls are left", n)
	}
}

// TestReadLimitAndPause: a protocol's own pause and the throttle's do not end each other.
func TestReadLimitAndPause(t *testing.T) {
	for _, order := range []string{"pause first", "throttle first"} {
		r := memory.New()
		p := &party{}
		f := &protocols.ThrottlingFactory{Factory: builds(p), ReadLimit: 10, Clock: r}
		below := &memory.StringTransport{}
		w := f.BuildProtocol(nil)
		w.ConnectionMade(below)
		w.DataReceived(make([]byte, 20))
		if order == "pause first" {
			p.transport.PauseProducing()
			r.Advance(time.Second)
			if below.ProducerState() != memory.Paused {
				t.Error("the throttle has resumed what the protocol has paused")
			}
			p.transport.ResumeProducing()
		} else {
			p.transport.PauseProducing()
			p.transport.ResumeProducing()
			if below.ProducerState() != memory.Paused {
				t.Error("the protocol has resumed what the throttle has paused")
			}
			r.Advance(time.Second)
		}
		if below.ProducerState() != memory.Producing {
			t.Errorf("%s: still paused", order)
		}
		// A connection that ends is not paused: it waits for nothing.
		below.LoseConnection()
		w.DataReceived(make([]byte, 20))
		r.Advance(10 * time.Second)
		w.ConnectionLost(nil)
	}
}

// TestThrottledReading: many clients send more than the limit allows. Each has its turn, the
// limit holds over the whole time, all arrives, and nothing is left.
func TestThrottledReading(t *testing.T) {
	const clients, each, limit = 5, 400_000, 100_000
	r := policyReactor(t)
	var servers []*party
	total := 0
	f := &protocols.ThrottlingFactory{ReadLimit: limit, Factory: reactor.FactoryFunc(func(net.Addr) reactor.Protocol {
		p := &party{data: func(_ *party, data []byte) { total += len(data) }}
		servers = append(servers, p)
		return p
	})}
	serve(t, r, f)
	for range clients {
		c := client(r)
		c.transport.Write(make([]byte, each))
		c.transport.LoseConnection()
	}
	const read = 256 << 10 // the loop's largest
	for second := 1; total < clients*each; second++ {
		r.RunFor(time.Second)
		if most := limit*(second+1) + read; total > most {
			t.Fatalf("after %d s, %d bytes, want %d at most", second, total, most)
		}
		if least := min(limit*second, clients*each); total < least-read {
			t.Fatalf("after %d s, %d bytes, want %d at least", second, total, least)
		}
		least, most := servers[0].received.Len(), servers[0].received.Len()
		for _, s := range servers {
			least, most = min(least, s.received.Len()), max(most, s.received.Len())
		}
		if most-least > read && least != each {
			t.Fatalf("after %d s, one has %d bytes, another %d", second, least, most)
		}
	}
	r.RunFor(10 * time.Second)
	for i, s := range servers {
		if s.received.Len() != each || s.losses != 1 {
			t.Errorf("server %d received %d bytes, lost for %v", i, s.received.Len(), s.reason)
		}
	}
}

// TestWriteLimit: producers are paused beyond a second's worth, for the time that the limit
// needs. What is written without a producer counts, and goes out at once.
func TestWriteLimit(t *testing.T) {
	r := memory.New()
	p, other := &party{}, &party{}
	f := &protocols.ThrottlingFactory{Factory: builds(p, other), WriteLimit: 10, Clock: r}
	below := &memory.StringTransport{}
	w := f.BuildProtocol(nil)
	w.ConnectionMade(below)
	f.BuildProtocol(nil).ConnectionMade(&memory.StringTransport{})
	source := &pushSource{clock: r, to: p.transport}
	p.transport.RegisterProducer(source)

	p.transport.Write([]byte("0123456789"))
	if len(source.events) != 0 {
		t.Errorf("events %v at the limit", source.events)
	}
	other.transport.WriteSequence([]byte("abcde"), []byte("fghij")) // without a producer
	if got := below.Value(); got != "0123456789" || fmt.Sprint(source.events) != "[pause]" {
		t.Errorf("sent %q, events %v", got, source.events)
	}
	source.left = 3
	source.piece = 3
	r.Advance(time.Second - 1)
	if len(source.events) != 1 {
		t.Errorf("events %v before the time is over", source.events)
	}
	r.Advance(1)
	if fmt.Sprint(source.events) != "[pause resume pause]" { // its three bytes are too many again
		t.Errorf("events %v", source.events)
	}
	r.Advance(300 * time.Millisecond)
	if fmt.Sprint(source.events) != "[pause resume pause resume]" || source.left != 0 {
		t.Errorf("events %v", source.events)
	}
	w.ConnectionLost(nil)
	if n := len(r.DelayedCalls()); n != 0 {
		t.Errorf("%d delayed calls are left", n)
	}
}

// TestThrottledWriting: producers of both kinds write more than the limit allows, to clients that
// read. Each has its turn, the limit holds, all arrives, and nothing is left.
func TestThrottledWriting(t *testing.T) {
	for _, kind := range []string{"push", "pull"} {
		for _, secure := range []bool{false, true} {
			t.Run(fmt.Sprint(kind, secure), func(t *testing.T) {
				const clients, each, limit, piece = 5, 300_000, 100_000, 10_000
				r := policyReactor(t)
				var servers []*party
				var f reactor.Factory = &protocols.ThrottlingFactory{WriteLimit: limit, Factory: reactor.FactoryFunc(func(net.Addr) reactor.Protocol {
					servers = append(servers, &party{})
					return servers[len(servers)-1]
				})}
				if secure {
					f = serverTLS(r, f)
				}
				serve(t, r, f)
				var all []*party
				for range clients {
					c := &party{}
					cf := reactor.Factory(builds(c))
					if secure {
						cf = clientTLS(r, cf)
					}
					join(r, cf)
					all = append(all, c)
				}
				for _, p := range servers {
					if kind == "push" {
						(&pushSource{clock: r, to: p.transport, piece: piece, left: each}).start()
					} else {
						p.transport.RegisterPullProducer(&pullSource{to: p.transport, piece: piece, left: each})
					}
					p.transport.LoseConnection() // when the producer is done
				}
				sizes := func() (n []int) {
					for _, c := range all {
						n = append(n, c.received.Len())
					}
					return n
				}
				sum := func() (n int) {
					for _, s := range sizes() {
						n += s
					}
					return n
				}
				for second := 1; sum() < clients*each && second < 100; second++ {
					r.RunFor(time.Second)
					if n := sum(); n > limit*(second+1)+clients*piece || n < min(limit*second, clients*each)-clients*piece {
						t.Fatalf("after %d s, %d bytes", second, n)
					}
					if n := sizes(); slices.Max(n)-slices.Min(n) > 3*piece {
						t.Fatalf("after %d s, the clients have %v", second, n)
					}
				}
				r.RunFor(time.Second)
				for i, c := range all {
					if c.received.Len() != each || c.reason != reactor.ErrConnectionDone {
						t.Errorf("client %d received %d bytes, lost for %v", i, c.received.Len(), c.reason)
					}
				}
			})
		}
	}
}

// TestThrottleAndBackPressure: a producer is resumed when both the transport and the throttle
// allow it.
func TestThrottleAndBackPressure(t *testing.T) {
	r := policyReactor(t)
	p := &party{}
	serve(t, r, &protocols.ThrottlingFactory{WriteLimit: 100_000, Factory: builds(p)})
	c := client(r)
	c.transport.PauseProducing()
	const size = 200 * 50_000
	source := &pushSource{clock: r, to: p.transport, piece: 50_000, left: size}
	source.start()
	r.RunFor(1000 * time.Second)
	if !source.paused || source.left < 1<<20 {
		t.Errorf("the producer of a client that does not read: paused %t, %d bytes left", source.paused, source.left)
	}
	if n := len(r.DelayedCalls()); n != 0 {
		t.Errorf("%d delayed calls while nothing is held", n)
	}
	c.transport.ResumeProducing()
	r.RunFor(1000 * time.Second)
	if got := c.received.Len(); got != size || source.left != 0 {
		t.Errorf("received %d bytes, %d left", got, source.left)
	}
	c.transport.LoseConnection()
	r.Pump()
}

// TestThrottledProducerIsStopped: a held producer is stopped when the connection is lost, and
// one that registers later is stopped at once. The timer goes with the last connection.
func TestThrottledProducerIsStopped(t *testing.T) {
	for _, kind := range []string{"push", "pull"} {
		r := policyReactor(t)
		p := &party{}
		serve(t, r, &protocols.ThrottlingFactory{WriteLimit: 10, Factory: builds(p)})
		c := client(r)
		push, pull := &pushSource{clock: r, to: p.transport, piece: 100, left: 1000}, &pullSource{to: p.transport, piece: 100, left: 1000}
		if kind == "push" {
			push.start()
		} else {
			p.transport.RegisterPullProducer(pull)
		}
		if p.transport.RegisterProducer(&pushSource{}) != reactor.ErrProducerRegistered ||
			p.transport.RegisterPullProducer(&pullSource{}) != reactor.ErrProducerRegistered {
			t.Error("a second producer was registered")
		}
		r.Pump()
		if got := c.received.Len(); got != 100 {
			t.Errorf("%s: received %d bytes, want one piece", kind, got)
		}
		c.transport.AbortConnection()
		r.Pump()
		if stopped := kind == "push" && push.events[len(push.events)-1] == "stop" || pull.stopped; !stopped || p.losses != 1 {
			t.Errorf("%s: stopped %t, lost %d times", kind, stopped, p.losses)
		}
		late := &pullSource{}
		if err := p.transport.RegisterPullProducer(late); err != nil || !late.stopped {
			t.Errorf("%s: registered late: %v, stopped %t", kind, err, late.stopped)
		}
	}
}

// TestThrottleHoldsNewConnections: one that comes while the others are held is held as well, and
// an eager client gets no more by connecting again.
func TestThrottleHoldsNewConnections(t *testing.T) {
	r := policyReactor(t)
	total := 0
	serve(t, r, &protocols.ThrottlingFactory{ReadLimit: 1000, Factory: reactor.FactoryFunc(func(net.Addr) reactor.Protocol {
		return &party{data: func(_ *party, data []byte) { total += len(data) }}
	})})
	for range 100 {
		c := client(r)
		c.transport.Write(make([]byte, 500))
		c.transport.LoseConnection()
		r.Pump()
	}
	if total > 1500 {
		t.Errorf("%d bytes at once", total)
	}
	r.RunFor(48 * time.Second)
	if total == 50_000 {
		t.Error("faster than the limit")
	}
	r.RunFor(3 * time.Second)
	if total != 50_000 {
		t.Errorf("%d bytes in the end", total)
	}
}

// TestThrottlePanics: the panic of a producer in the hands of the throttle loses its connection,
// and no other.
func TestThrottlePanics(t *testing.T) {
	logtest.Capture(t)
	r := policyReactor(t)
	bad, good := &party{}, &party{}
	serve(t, r, &protocols.ThrottlingFactory{WriteLimit: 1000, Factory: builds(bad, good)})
	b, g := client(r), client(r)
	source := &pushSource{clock: r, to: good.transport, piece: 100, left: 3000}
	bad.transport.RegisterProducer(&panickingSource{})
	source.start()
	r.RunFor(5 * time.Second)
	if g.received.Len() != 3000 || g.reason != nil {
		t.Errorf("the good one received %d bytes, lost for %v", g.received.Len(), g.reason)
	}
	if b.reason == nil || bad.reason == nil || !strings.Contains(bad.reason.Error(), "oops") {
		t.Errorf("the bad one was lost for %v", bad.reason)
	}
}

type panickingSource struct{ pushSource }

func (*panickingSource) PauseProducing()  { panic("oops") }
func (*panickingSource) ResumeProducing() { panic("oops") }

// TestMaxConnections: the factory refuses connections beyond MaxConnections that no port of its
// own has accepted.
func TestMaxConnections(t *testing.T) {
	f := &protocols.ThrottlingFactory{MaxConnections: 2, Factory: reactor.FactoryFunc(func(net.Addr) reactor.Protocol { return &party{} })}
	a, b := f.BuildProtocol(nil), f.BuildProtocol(nil)
	if a == nil || b == nil || f.BuildProtocol(nil) != nil {
		t.Error("not two connections")
	}
	a.ConnectionLost(nil)
	if f.BuildProtocol(nil) == nil || f.BuildProtocol(nil) != nil {
		t.Error("not two connections after a loss")
	}
}

// TestMaxConnectionsPausesAccepting: at MaxConnections, more clients wait, over TCP and TLS. Each
// is served when there is room.
func TestMaxConnectionsPausesAccepting(t *testing.T) {
	for _, secure := range []bool{false, true} {
		t.Run(fmt.Sprint(secure), func(t *testing.T) {
			r := policyReactor(t)
			open, most := 0, 0
			f := &protocols.ThrottlingFactory{MaxConnections: 2, Factory: reactor.FactoryFunc(func(net.Addr) reactor.Protocol {
				return &party{
					made: func(p *party) { open++; most = max(most, open); p.transport.Write([]byte("welcome")) },
					lost: func(*party) { open-- },
				}
			})}
			listen, dial := reactor.Factory(f), func(f reactor.Factory) reactor.Factory { return f }
			if secure {
				listen, dial = serverTLS(r, f), func(f reactor.Factory) reactor.Factory { return clientTLS(r, f) }
			}
			port := serve(t, r, listen)
			var waiting []*party
			for range 7 {
				p := &party{}
				r.ConnectTCP(serverAddress, dial(builds(p)), reactor.ConnectConfig{})
				waiting = append(waiting, p)
			}
			for served := 0; served < 7; served++ {
				r.Pump()
				i := slices.IndexFunc(waiting, func(p *party) bool { return p.received.String() == "welcome" })
				if i < 0 || open != min(2, len(waiting)) {
					t.Fatalf("%d clients were served; now nobody is welcome, or %d are open", served, open)
				}
				waiting[i].transport.LoseConnection()
				waiting = slices.Delete(waiting, i, i+1)
			}
			r.Pump()
			if most != 2 || open != 0 {
				t.Errorf("at most %d were open, %d in the end", most, open)
			}
			port.StopListening()
		})
	}
}

// TestThrottlePassesPauses: a pause of the protocol reaches the transport, with and without a limit.
func TestThrottlePassesPauses(t *testing.T) {
	for _, readLimit := range []int{0, 10} {
		p := &party{}
		below := &memory.StringTransport{}
		f := &protocols.ThrottlingFactory{Factory: builds(p), ReadLimit: readLimit, Clock: memory.New()}
		f.BuildProtocol(nil).ConnectionMade(below)
		p.transport.PauseProducing()
		paused := below.ProducerState()
		p.transport.ResumeProducing()
		if paused != memory.Paused || below.ProducerState() != memory.Producing {
			t.Errorf("limit %d: the transport was %v, and is %v", readLimit, paused, below.ProducerState())
		}
	}
}

// TestThrottledPullProducer: the end of a hold asks a pull producer as often as the transport has
// asked. Another producer may follow it.
func TestThrottledPullProducer(t *testing.T) {
	r := memory.New()
	p := &party{}
	below := &memory.StringTransport{}
	f := &protocols.ThrottlingFactory{Factory: builds(p), WriteLimit: 10, Clock: r}
	f.BuildProtocol(nil).ConnectionMade(below)
	for range 2 {
		source := &pullSource{to: p.transport, piece: 20, left: 1000}
		if err := p.transport.RegisterPullProducer(source); err != nil {
			t.Fatal(err)
		}
		for hold := 1; hold <= 3; hold++ {
			asker, _ := below.Producer()
			asker.ResumeProducing()
			if hold == 2 {
				asker.ResumeProducing() // while it is held
			}
			before := source.asked
			r.Advance(10 * time.Second)
			if want := map[bool]int{true: 1}[hold == 2]; source.asked-before != want {
				t.Errorf("hold %d ends with %d calls, want %d", hold, source.asked-before, want)
			}
			r.Advance(10 * time.Second)
		}
		p.transport.UnregisterProducer()
	}
}

// TestMaxConnectionsOfPorts: a factory with two ports pauses both, also one that begins to listen
// meanwhile, and one goes on without the other.
func TestMaxConnectionsOfPorts(t *testing.T) {
	r := policyReactor(t)
	open := 0
	f := &protocols.ThrottlingFactory{MaxConnections: 1, Factory: reactor.FactoryFunc(func(net.Addr) reactor.Protocol {
		return &party{made: func(*party) { open++ }, lost: func(*party) { open-- }}
	})}
	first := serve(t, r, f)
	a := client(r)
	if _, err := r.ListenTCP("127.0.0.1:8", f); err != nil {
		t.Fatal(err)
	}
	b := &party{}
	r.ConnectTCP("127.0.0.1:8", builds(b), reactor.ConnectConfig{})
	r.Pump()
	if b.losses != 0 || open != 1 {
		t.Errorf("the second client was lost: %v; %d are open", b.reason, open)
	}
	first.StopListening()
	a.transport.LoseConnection()
	r.Pump()
	if b.losses != 0 || open != 1 {
		t.Errorf("the second client was lost: %v; %d are open when the first has gone", b.reason, open)
	}
	b.transport.LoseConnection()
	r.Pump()
	if open != 0 {
		t.Errorf("%d are open in the end", open)
	}
}

// TestThrottleAfterACrash: held connections of a reactor that is stopped by Crash do not keep the
// factory from working on another one.
func TestThrottleAfterACrash(t *testing.T) {
	f := &protocols.ThrottlingFactory{MaxConnections: 2, ReadLimit: 10, Factory: reactor.FactoryFunc(func(net.Addr) reactor.Protocol { return &party{} })}
	old := memory.New()
	serve(t, old, f)
	client(old)
	client(old).transport.Write(make([]byte, 1000))
	old.Pump()
	old.CallLater(0, old.Crash)
	if err := old.Run(); err != nil {
		t.Fatal(err)
	}
	r := policyReactor(t)
	serve(t, r, f)
	a, b := client(r), client(r)
	a.transport.Write(make([]byte, 100))
	r.RunFor(20 * time.Second)
	if a.reason != nil || b.reason != nil {
		t.Errorf("lost for %v and %v", a.reason, b.reason)
	}
	a.transport.AbortConnection()
	b.transport.AbortConnection()
	r.Pump()
}
