package memory_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/seed-7c003b53/gotreq/reactor"
	"github.com/seed-7c003b53/gotreq/reactor/memory"
)

// This file measures what the loop and the network in memory cost for one item when there
// are many. The cost should be about the same for any number of them, but for a timer's,
// which is logarithmic:
//
//	go test -run '^$' -bench Growth -benchtime 20000x ./reactor/memory

// hostAt returns the address of host i.
func hostAt(i int) netip.Addr {
	return netip.AddrFrom4([4]byte{172, byte(i >> 16), byte(i >> 8), byte(i)})
}

// growths are the things of which a reactor may have many. Each makes n of them, and
// returns what is measured.
var growths = []struct {
	name string
	make func(r *memory.Reactor, n int) (step func())
}{
	{"timer-set-and-cancelled", func(r *memory.Reactor, n int) func() {
		random := rand.New(rand.NewPCG(1, 0))
		calls := make([]reactor.DelayedCall, n)
		set := func(i int) { calls[i] = r.CallLater(time.Duration(random.Int64N(int64(time.Hour))), func() {}) }
		for i := range calls {
			set(i)
		}
		return func() {
			i := random.IntN(n)
			calls[i].Cancel()
			set(i)
		}
	}},
	{"timer-due", func(r *memory.Reactor, n int) func() {
		var again func()
		again = func() { r.CallLater(time.Duration(n)*time.Millisecond, again) }
		for i := range n {
			r.CallLater(time.Duration(i)*time.Millisecond, again)
		}
		return func() { r.RunFor(time.Millisecond) }
	}},
	{"call-from-thread", func(r *memory.Reactor, n int) func() {
		calls := 0
		return func() {
			r.CallFromThread(func() {})
			if calls++; calls == n {
				calls = 0
				r.Pump()
			}
		}
	}},
	{"connection-opened-and-closed", func(r *memory.Reactor, n int) func() {
		clients := connectAll(r, n)
		i := 0
		return func() {
			clients[i].LoseConnection()
			clients[i] = connectTo(r)
			r.Pump()
			r.TCPClients = nil
			i = (i + 1) % n
		}
	}},
	{"message-between-two-of-many", func(r *memory.Reactor, n int) func() {
		clients := connectAll(r, n)
		i := 0
		return func() {
			clients[i].Write([]byte("x"))
			r.Pump()
			i = (i + 7919) % n
		}
	}},
	{"message-held-and-released", func(r *memory.Reactor, n int) func() {
		clients := connectAll(r, 100)
		i := 0
		r.Hold("", "")
		return func() {
			clients[i%100].Write([]byte("x"))
			if i++; i%100 == 0 {
				r.Pump()
			}
			if i == n {
				r.Release("", "")
				r.Pump()
				r.Hold("", "")
				i = 0
			}
		}
	}},
	{"message-while-many-others-are-held", func(r *memory.Reactor, n int) func() {
		client := connectTo(r)
		r.Pump()
		for i := range n {
			r.Hold("10.0.0.9", hostAt(i).String())
		}
		for i := range n {
			r.ConnectTCP(netip.AddrPortFrom(hostAt(i), 80).String(), just(&drain{}), reactor.ConnectConfig{LocalAddress: "10.0.0.9:1", Timeout: -1}).
				AddErrback(func(error) (reactor.Protocol, error) { return nil, nil })
		}
		r.Pump()
		i := 0
		return func() {
			client.Write([]byte("x"))
			r.Release("10.0.0.9", hostAt(i).String())
			r.Hold("10.0.0.9", hostAt(i).String())
			r.Pump()
			i = (i + 1) % n
		}
	}},
	{"message-with-many-latencies", func(r *memory.Reactor, n int) func() {
		client := connectTo(r)
		r.Pump()
		for i := range n {
			r.Latency("10.0.0.1", hostAt(i).String(), time.Second)
		}
		return func() {
			client.Write([]byte("x"))
			r.Pump()
		}
	}},
	{"turn-while-many-watch-one-context", func(r *memory.Reactor, n int) func() {
		ctx, cancel := context.WithCancel(context.Background())
		_ = cancel // the context may end, but does not
		stops := make([]func(), n)
		for i := range stops {
			stops[i] = r.WatchContext(ctx, func() {})
		}
		i := 0
		return func() {
			r.Iterate(0)
			stops[i]()
			stops[i] = r.WatchContext(ctx, func() {})
			i = (i + 1) % n
		}
	}},
	{"port-opened-and-closed", func(r *memory.Reactor, n int) func() {
		listen := func(i int) reactor.Port {
			p, err := r.ListenTCP(netip.AddrPortFrom(hostAt(i), 80).String(), just(&drain{}))
			if err != nil {
				panic(err)
			}
			r.TCPServers = nil
			return p
		}
		ports := make([]reactor.Port, n)
		for i := range ports {
			ports[i] = listen(i)
		}
		i := 0
		return func() {
			ports[i].StopListening()
			ports[i] = listen(i)
			i = (i + 1) % n
		}
	}},
	{"attempt-held-and-cancelled", func(r *memory.Reactor, n int) func() {
		r.HoldConnects()
		connect := func() (cancel func()) {
			d := r.ConnectTCP(address, just(&drain{}), reactor.ConnectConfig{Timeout: -1})
			d.AddErrback(func(error) (reactor.Protocol, error) { return nil, nil })
			r.TCPClients = nil
			return func() { d.Cancel() }
		}
		cancels := make([]func(), n)
		for i := range cancels {
			cancels[i] = connect()
		}
		i := 0
		return func() {
			cancels[i]()
			cancels[i] = connect()
			i = (i + 1) % n
		}
	}},
}

// A drain drops what it receives, and counts it.
type drain struct {
	reactor.Transport
	received *int
}

func (d *drain) ConnectionMade(t reactor.Transport) { d.Transport = t }
func (d *drain) ConnectionLost(error)               {}
func (d *drain) DataReceived(data []byte)           { *d.received += len(data) }

// connectTo connects to a server that drops what it receives.
func connectTo(r *memory.Reactor) *drain {
	client := &drain{}
	r.ConnectTCP(address, just(client), reactor.ConnectConfig{Timeout: -1})
	return client
}

// connectAll makes n connections to one server.
func connectAll(r *memory.Reactor, n int) []*drain {
	clients := make([]*drain, n)
	for i := range clients {
		clients[i] = connectTo(r)
	}
	r.Pump()
	r.TCPClients = nil
	return clients
}

// newGrowth returns a reactor with a server that counts the bytes it receives.
func newGrowth() (r *memory.Reactor, received *int) {
	r, received = memory.New(), new(int)
	r.ListenTCP(address, reactor.FactoryFunc(func(net.Addr) reactor.Protocol { return &drain{received: received} }))
	return r, received
}

func BenchmarkGrowth(b *testing.B) {
	for _, of := range growths {
		for _, n := range []int{1e3, 1e4, 1e5, 1e6} {
			b.Run(of.name+"/"+strconv.Itoa(n), func(b *testing.B) {
				r, _ := newGrowth()
				step := of.make(r, n)
				b.ReportAllocs()
				b.ResetTimer()
				for range b.N {
					step()
				}
			})
		}
	}
}

// TestGrowths: what is measured does what it should.
func TestGrowths(t *testing.T) {
	for _, of := range growths {
		t.Run(of.name, func(t *testing.T) {
			r, received := newGrowth()
			step := of.make(r, 50)
			for range 100 {
				step()
			}
			r.Release("", "")
			r.Pump()
			if want := map[bool]int{true: 100}[strings.HasPrefix(of.name, "message")]; *received != want {
				t.Errorf("received %d messages, want %d", *received, want)
			}
		})
	}
}

// Overlapping holds: each message arrives when no hold applies to it any more, in the order
// in which they were sent.
func TestOverlappingHolds(t *testing.T) {
	type hold [2]string
	all, client, other, back := hold{"", ""}, hold{"10.0.0.1", ""}, hold{"10.0.0.9", ""}, hold{"192.0.2.1", "10.0.0.1"}
	for _, test := range []struct {
		holds, releases []hold
		got             []string // after each release
	}{
		{[]hold{all}, []hold{all}, []string{"abc"}},
		{[]hold{client, all}, []hold{client, all}, []string{"", "abc"}},
		{[]hold{client, all}, []hold{all, client}, []string{"", "abc"}},
		{[]hold{all, client, back}, []hold{client, back, all}, []string{"", "", "abc"}},
		{[]hold{all, client, back}, []hold{all, client, back}, []string{"", "", "abc"}},
		{[]hold{back, back}, []hold{{"10.0.0.1", "192.0.2.1"}}, []string{"abc"}},
		{[]hold{other}, []hold{other}, []string{"abc"}},
	} {
		t.Run(fmt.Sprint(test.holds, test.releases), func(t *testing.T) {
			r := memory.New()
			var got string
			r.ListenTCP("192.0.2.1:80", just(&peer{data: func(_ *peer, data []byte) { got += string(data) }}))
			p := &drain{}
			r.ConnectTCP("192.0.2.1:80", just(p), reactor.ConnectConfig{})
			r.Pump()
			for i, h := range test.holds { // each message is held by what holds at its time
				r.Hold(h[0], h[1])
				p.Write([]byte{"abc"[i]})
				r.Pump()
			}
			p.Write([]byte("abc"[len(test.holds):]))
			r.Pump()
			for i, h := range test.releases {
				r.Release(h[0], h[1])
				r.Pump()
				if got != test.got[i] {
					t.Errorf("after %d releases: got %q, want %q", i+1, got, test.got[i])
				}
			}
		})
	}
}

// Ports that listen on every ephemeral port leave none to choose.
func TestNoPortIsFree(t *testing.T) {
	r := memory.New()
	var last reactor.Port
	for {
		p, err := r.ListenTCP("127.0.0.1:0", just(&drain{}))
		if err != nil {
			break
		}
		last = p
	}
	if n := len(r.TCPServers); n != 1<<16-49152+1 {
		t.Errorf("%d calls of ListenTCP, want %d", n, 1<<16-49152+1)
	}
	connect := func() error {
		var failed error
		r.ConnectTCP(last.Addr().String(), just(&drain{}), reactor.ConnectConfig{}).AddErrback(func(err error) (reactor.Protocol, error) {
			failed = err
			return nil, nil
		})
		r.Pump()
		return failed
	}
	if err := connect(); err == nil {
		t.Error("connected without a free port")
	}
	r.ListenTCP("192.0.2.1:80", just(&drain{}))
	last.StopListening()
	if _, err := r.ListenTCP("127.0.0.1:0", just(&drain{})); err != nil {
		t.Error(err)
	}
}
