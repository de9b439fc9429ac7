package protocols_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"strings"
	"testing"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/deferred/deferredtest"
	"github.com/seed-7c003b53/gotreq/internal/testkit/logtest"
	"github.com/seed-7c003b53/gotreq/reactor"
	"github.com/seed-7c003b53/gotreq/reactor/memory"
	"github.com/seed-7c003b53/gotreq/reactor/protocols"
)

// tcpPeer returns the address of a client.
func tcpPeer(ip string) net.Addr { return &net.TCPAddr{IP: net.ParseIP(ip), Port: 50000} }

// TestLimitTotalCounts: a connection counts from BuildProtocol to ConnectionLost, however often
// that is called.
func TestLimitTotalCounts(t *testing.T) {
	f := &protocols.LimitTotalConnectionsFactory{Factory: builds(&party{}, &party{}, nil)}
	want := func(n int) {
		t.Helper()
		if got := f.Connections(); got != n {
			t.Errorf("%d connections, want %d", got, n)
		}
	}
	want(0)
	a := f.BuildProtocol(nil)
	want(1)
	b := f.BuildProtocol(nil)
	want(2)
	if f.BuildProtocol(nil) != nil {
		t.Error("a protocol, although the factory built none")
	}
	want(2)
	a.ConnectionLost(reactor.ErrConnectionDone)
	want(1)
	a.ConnectionLost(reactor.ErrConnectionDone)
	want(1)
	b.ConnectionLost(reactor.ErrConnectionDone)
	want(0)
}

// TestLimitTotalRefuses: a connection beyond the Limit is closed at once. There is room again
// when another is lost.
func TestLimitTotalRefuses(t *testing.T) {
	r := policyReactor(t)
	built := 0
	f := &protocols.LimitTotalConnectionsFactory{Limit: 2, Factory: reactor.FactoryFunc(func(net.Addr) reactor.Protocol {
		built++
		return echoing()
	})}
	serve(t, r, f)
	a, b, c := client(r), client(r), client(r)
	if a.reason != nil || b.reason != nil || c.reason == nil || built != 2 || f.Connections() != 2 {
		t.Errorf("lost for %v, %v and %v; %d built, %d connections", a.reason, b.reason, c.reason, built, f.Connections())
	}
	a.transport.LoseConnection()
	r.Pump()
	if d := client(r); d.reason != nil || f.Connections() != 2 {
		t.Errorf("lost for %v, %d connections", d.reason, f.Connections())
	}
	f.Limit = 0 // none
	if d := client(r); d.reason != nil || f.Connections() != 3 {
		t.Errorf("without a limit: lost for %v, %d connections", d.reason, f.Connections())
	}
}

// TestLimitTotalOverflow: the OverflowFactory builds the protocols beyond the Limit. They count,
// and it learns of ports as the Factory does.
func TestLimitTotalOverflow(t *testing.T) {
	r := policyReactor(t)
	overflow := &bigFactory{Factory: reactor.FactoryFunc(func(net.Addr) reactor.Protocol {
		return &party{made: func(p *party) {
			p.transport.Write([]byte("too many"))
			p.transport.LoseConnection()
		}}
	})}
	f := &protocols.LimitTotalConnectionsFactory{Factory: builds(echoing(), echoing()), Limit: 1, OverflowFactory: overflow}
	port := serve(t, r, f)
	a := client(r)
	c := &party{}
	join(r, builds(c))
	if c.received.String() != "too many" || c.reason != reactor.ErrConnectionDone || f.Connections() != 1 {
		t.Errorf("received %q, lost for %v; %d connections", c.received.String(), c.reason, f.Connections())
	}
	// Those that stay count as well.
	stay := &party{}
	f.OverflowFactory = builds(stay)
	client(r)
	if f.Connections() != 2 {
		t.Errorf("%d connections, want 2", f.Connections())
	}
	a.transport.LoseConnection()
	r.Pump()
	if f.Connections() != 1 {
		t.Errorf("%d connections, want 1", f.Connections())
	}
	f.OverflowFactory = overflow
	port.StopListening()
	if overflow.starts != 1 || overflow.stops != 1 {
		t.Errorf("DoStart %d, DoStop %d; want 1 and 1", overflow.starts, overflow.stops)
	}
	stay.transport.AbortConnection()
	r.Pump()
}

// TestLimitByPeer: the connections of each address are bounded, five by default.
func TestLimitByPeer(t *testing.T) {
	endless := reactor.FactoryFunc(func(net.Addr) reactor.Protocol { return &party{} })
	for _, test := range []struct {
		name  string
		f     protocols.LimitConnectionsByPeer
		same  []string // count as one peer
		other string   // another peer
		most  int
	}{
		{"default", protocols.LimitConnectionsByPeer{}, []string{"192.0.2.1"}, "192.0.2.2", 5},
		{"limit", protocols.LimitConnectionsByPeer{Limit: 2}, []string{"192.0.2.1"}, "192.0.2.2", 2},
		{"mapped", protocols.LimitConnectionsByPeer{Limit: 3}, []string{"192.0.2.1", "::ffff:192.0.2.1"}, "::ffff:192.0.2.2", 3},
		{"IPv6", protocols.LimitConnectionsByPeer{Limit: 2}, []string{"2001:db8::1"}, "2001:db8::2", 2},
		{"network", protocols.LimitConnectionsByPeer{Limit: 3, IPv6Bits: 64}, []string{"2001:db8::1", "2001:db8::2:0:0:1"}, "2001:db8:0:1::1", 3},
		{"network and IPv4", protocols.LimitConnectionsByPeer{Limit: 2, IPv6Bits: 64}, []string{"192.0.2.1"}, "192.0.2.2", 2},
	} {
		t.Run(test.name, func(t *testing.T) {
			test.f.Factory = endless
			var open []reactor.Protocol
			for i := range test.most + 2 {
				p := test.f.BuildProtocol(tcpPeer(test.same[i%len(test.same)]))
				if (p != nil) != (i < test.most) {
					t.Errorf("connection %d: %v", i, p)
				}
				if p != nil {
					open = append(open, p)
				}
			}
			if test.f.BuildProtocol(tcpPeer(test.other)) == nil {
				t.Error("another peer is refused")
			}
			for i, p := range open {
				if n := test.f.Connections(tcpPeer(test.same[0])); n != test.most-i {
					t.Errorf("%d connections, want %d", n, test.most-i)
				}
				p.ConnectionLost(nil)
			}
			if test.f.Connections(tcpPeer(test.same[0])) != 0 || test.f.Connections(tcpPeer(test.other)) != 1 {
				t.Error("the counts are wrong in the end")
			}
			if n := protocols.Peers(&test.f); n != 1 {
				t.Errorf("%d peers are remembered", n)
			}
		})
	}
}

// An ownAddr is an address of the program's own type.
type ownAddr string

func (a ownAddr) Network() string { return "own" }
func (a ownAddr) String() string  { return string(a) }

// TestLimitByPeerOtherAddresses: an address of another type counts by its text. Peers without an
// IP address have no limit, and nobody has with a negative one.
func TestLimitByPeerOtherAddresses(t *testing.T) {
	f := &protocols.LimitConnectionsByPeer{Limit: 1, Factory: reactor.FactoryFunc(func(net.Addr) reactor.Protocol { return &party{} })}
	f.BuildProtocol(tcpPeer("192.0.2.1"))
	if f.BuildProtocol(ownAddr("192.0.2.1:99")) != nil {
		t.Error("an address of another type is another peer")
	}
	zone := func(name string) net.Addr { return &net.TCPAddr{IP: net.ParseIP("fe80::1"), Zone: name} }
	if f.BuildProtocol(zone("eth0")) == nil || f.BuildProtocol(zone("eth1")) == nil || f.BuildProtocol(zone("eth0")) != nil {
		t.Error("zones are not told apart")
	}
	for _, free := range []net.Addr{nil, ownAddr("somewhere"), &net.UnixAddr{Name: "@", Net: "unix"}} {
		for range 2 {
			if f.BuildProtocol(free) == nil {
				t.Errorf("%v has a limit", free)
			}
		}
		if f.Connections(free) != 0 {
			t.Errorf("%v is counted", free)
		}
	}
	f.Limit = -1
	if f.BuildProtocol(tcpPeer("192.0.2.1")) == nil {
		t.Error("a negative limit is one")
	}
	f.IPv6Bits = 129
	defer func() {
		if v := recover(); v == nil || !strings.Contains(fmt.Sprint(v), "IPv6Bits") {
			t.Errorf("panic %v", v)
		}
	}()
	f.BuildProtocol(tcpPeer("2001:db8::1"))
}

// limited are the factories that bound connections, with a limit of 3, and their counts of
// the clients of the memory reactor.
func limited(f reactor.Factory) map[string]struct {
	f     reactor.Factory
	count func() int
} {
	total := &protocols.LimitTotalConnectionsFactory{Factory: f, Limit: 3}
	byPeer := &protocols.LimitConnectionsByPeer{Factory: f, Limit: 3}
	return map[string]struct {
		f     reactor.Factory
		count func() int
	}{
		"total": {total, total.Connections},
		"peer":  {byPeer, func() int { return byPeer.Connections(tcpPeer("127.0.0.1")) }},
	}
}

// TestLimitsCountHandshakes: above TLS, a connection counts from the beginning of its handshake,
// also if that fails. A refused client costs no handshake.
func TestLimitsCountHandshakes(t *testing.T) {
	servers := 0
	for name, l := range limited(reactor.FactoryFunc(func(net.Addr) reactor.Protocol { servers++; return echoing() })) {
		t.Run(name, func(t *testing.T) {
			servers = 0
			r := policyReactor(t)
			serve(t, r, serverTLS(r, l.f))
			silent := []*party{client(r), client(r)} // speak no TLS
			if n := l.count(); n != 2 {
				t.Errorf("%d connections during the handshakes, want 2", n)
			}
			secure := &party{}
			join(r, clientTLS(r, builds(secure)))
			if secure.transport == nil || l.count() != 3 || servers != 1 {
				t.Fatalf("%d connections, %d servers; want 3 and 1", l.count(), servers)
			}
			refused := client(r)
			if refused.reason == nil || refused.received.Len() != 0 || l.count() != 3 {
				t.Errorf("lost for %v, received %q; %d connections", refused.reason, refused.received.String(), l.count())
			}
			silent[0].transport.AbortConnection()
			silent[1].transport.Write([]byte("GET / HTTP/1.1\r\n\r\n"))
			r.Pump()
			if n := l.count(); n != 1 {
				t.Errorf("%d connections after the handshakes failed, want 1", n)
			}
			secure.transport.LoseConnection()
			r.Pump()
			if n := l.count(); n != 0 {
				t.Errorf("%d connections at the end", n)
			}
		})
	}
}

// TestLimitsAfterACrash: a reactor that is stopped by Crash does not call ConnectionLost. When
// the factory listens on another one, the old connections do not count.
func TestLimitsAfterACrash(t *testing.T) {
	for name, l := range limited(reactor.FactoryFunc(func(net.Addr) reactor.Protocol { return echoing() })) {
		t.Run(name, func(t *testing.T) {
			old := memory.New()
			serve(t, old, l.f)
			c := client(old)
			client(old)
			old.CallLater(0, old.Crash)
			if err := old.Run(); err != nil {
				t.Fatal(err)
			}
			if n := l.count(); n != 2 {
				t.Errorf("%d connections after the crash, want 2: it may run again", n)
			}
			r := policyReactor(t)
			serve(t, r, l.f)
			if n := l.count(); n != 0 {
				t.Errorf("%d connections on the new reactor, want 0", n)
			}
			client(r)
			c.transport.AbortConnection()
			old.Pump() // the old server learns of the loss after all
			if n := l.count(); n != 1 {
				t.Errorf("%d connections, want 1", n)
			}
		})
	}
}

// TestLimitsAfterStop: a reactor that stops calls ConnectionLost, so nothing counts afterwards.
func TestLimitsAfterStop(t *testing.T) {
	for name, l := range limited(reactor.FactoryFunc(func(net.Addr) reactor.Protocol { return echoing() })) {
		t.Run(name, func(t *testing.T) {
			r := policyReactor(t)
			serve(t, r, l.f)
			client(r)
			client(r)
			r.CallWhenRunning(func() { r.Stop() })
			if err := r.Run(); err != nil {
				t.Fatal(err)
			}
			if n := l.count(); n != 0 {
				t.Errorf("%d connections after the end", n)
			}
		})
	}
}

// TestLimitsCountRight: whatever happens to connections, the factories count those that are
// open, and have no more than their limits.
func TestLimitsCountRight(t *testing.T) {
	logtest.Capture(t)
	for seed := range uint64(60) {
		random := rand.New(rand.NewPCG(seed, 0))
		open, most := 0, 0
		var servers []*party
		inner := reactor.FactoryFunc(func(net.Addr) reactor.Protocol {
			switch random.IntN(8) {
			case 0:
				panic("BuildProtocol")
			case 1:
				return nil
			}
			p := &party{lost: func(p *party) {
				open--
				if random.IntN(8) == 0 {
					panic("ConnectionLost")
				}
			}}
			p.made = func(*party) {
				open++
				most = max(most, open)
				switch random.IntN(8) {
				case 0:
					panic("ConnectionMade")
				case 1:
					p.transport.LoseConnection()
				case 2:
					p.transport.AbortConnection()
				}
			}
			p.data = func(*party, []byte) { panic("DataReceived") }
			servers = append(servers, p)
			return p
		})
		for name, l := range limited(inner) {
			open, most, servers = 0, 0, nil
			r := memory.New()
			f := l.f
			if random.IntN(2) == 0 {
				w := wrappings[random.IntN(len(wrappings))]
				f = w.wrap(f)
				name += " in " + w.name
			}
			serve(t, r, f)
			var clients []*party
			for range 60 {
				pick := func(ps []*party) *party { return ps[random.IntN(len(ps))] }
				switch op := random.IntN(9); {
				case op < 4:
					p := &party{}
					r.ConnectTCP(serverAddress, builds(p), reactor.ConnectConfig{}).
						AddErrback(func(error) (reactor.Protocol, error) { return nil, nil })
					clients = append(clients, p)
				case len(clients) == 0 || pick(clients).transport == nil:
				case op == 4:
					pick(clients[len(clients)-1:]).send("x")
				case op == 5:
					pick(clients).lose()
				case op == 6:
					pick(clients).abort()
				case op == 7 && len(servers) != 0:
					pick(servers).lose()
				case op == 8 && len(servers) != 0:
					pick(servers).abort()
				}
				if random.IntN(2) == 0 {
					r.Pump()
					if n := l.count(); n != open || n > 3 {
						t.Fatalf("seed %d, %s: counted %d, but %d are open", seed, name, n, open)
					}
				}
			}
			r.Pump() // all are connected
			for _, c := range clients {
				c.abort()
			}
			r.Pump()
			if n := l.count(); n != 0 || open != 0 || most == 0 || most > 3 {
				t.Fatalf("seed %d, %s: counted %d in the end, %d are open; at most %d were open", seed, name, n, open, most)
			}
			if n := len(r.DelayedCalls()); n != 0 {
				t.Fatalf("seed %d, %s: %d delayed calls are left", seed, name, n)
			}
		}
	}
}

func (p *party) send(data string) {
	if p.transport != nil {
		p.transport.Write([]byte(data))
	}
}

func (p *party) lose() {
	if p.transport != nil {
		p.transport.LoseConnection()
	}
}

func (p *party) abort() {
	if p.transport != nil {
		p.transport.AbortConnection()
	}
}

// TestPanicInBuildProtocol: a panic of the factory takes no place.
func TestPanicInBuildProtocol(t *testing.T) {
	logtest.Capture(t)
	for name, l := range limited(reactor.FactoryFunc(func(net.Addr) reactor.Protocol { panic(errors.New("oops")) })) {
		t.Run(name, func(t *testing.T) {
			r := policyReactor(t)
			serve(t, r, l.f)
			for range 5 {
				if c := client(r); c.reason == nil {
					t.Error("connected")
				}
			}
			if n := l.count(); n != 0 {
				t.Errorf("%d connections", n)
			}
		})
	}
}

// TestCancelledInBuildProtocol: a client whose BuildProtocol cancels its own attempt to connect has no
// place any more, in none of the factories around it.
func TestCancelledInBuildProtocol(t *testing.T) {
	const address = "192.0.2.1:1"
	for _, half := range []bool{false, true} {
		r := memory.New()
		if _, err := r.ListenTCP(address, reactor.FactoryFunc(func(net.Addr) reactor.Protocol { return &memory.Recorder{} })); err != nil {
			t.Fatal(err)
		}
		var attempt *deferred.Deferred[reactor.Protocol]
		cancels := reactor.FactoryFunc(func(net.Addr) reactor.Protocol {
			attempt.Cancel()
			if half {
				return halfRecorder{&memory.Recorder{}}
			}
			return &memory.Recorder{}
		})
		peers := &protocols.LimitConnectionsByPeer{Factory: cancels, Limit: 1}
		total := &protocols.LimitTotalConnectionsFactory{Factory: peers, Limit: 1}
		throttled := &protocols.ThrottlingFactory{Factory: total, MaxConnections: 1}
		for range 3 {
			attempt = r.ConnectTCP(address, throttled, reactor.ConnectConfig{})
			r.Pump()
			deferredtest.FailureIs(t, attempt, deferred.ErrCancelled)
			if n := total.Connections(); n != 0 {
				t.Errorf("%d places are taken", n)
			}
		}
	}
}

// A halfRecorder is a Recorder that is half-closeable.
type halfRecorder struct{ *memory.Recorder }

func (halfRecorder) ReadConnectionLost()  {}
func (halfRecorder) WriteConnectionLost() {}
