package protocols_test

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/seed-7c003b53/gotreq/reactor"
	"github.com/seed-7c003b53/gotreq/reactor/memory"
	"github.com/seed-7c003b53/gotreq/reactor/protocols"
)

// A stack is all wrappings around one factory, in some order, with TLS among them.
type stack struct {
	names []string
	outer reactor.Factory
	total *protocols.LimitTotalConnectionsFactory
	peer  *protocols.LimitConnectionsByPeer
	log   strings.Builder
}

func newStack(clock reactor.Clock, random *rand.Rand, f reactor.Factory) *stack {
	s := &stack{}
	layers := []wrapping{
		{"wrap", func(f reactor.Factory) reactor.Factory { return &protocols.WrappingFactory{Factory: f} }},
		{"total", func(f reactor.Factory) reactor.Factory {
			s.total = &protocols.LimitTotalConnectionsFactory{Factory: f, Limit: 4}
			return s.total
		}},
		{"peer", func(f reactor.Factory) reactor.Factory {
			s.peer = &protocols.LimitConnectionsByPeer{Factory: f, Limit: 3}
			return s.peer
		}},
		{"throttle", func(f reactor.Factory) reactor.Factory {
			return &protocols.ThrottlingFactory{Factory: f, MaxConnections: 5, ReadLimit: 200_000, WriteLimit: 200_000}
		}},
		{"log", func(f reactor.Factory) reactor.Factory {
			return &protocols.TrafficLoggingFactory{Factory: f, Output: &s.log, MaxLength: 16}
		}},
		{"timeout", func(f reactor.Factory) reactor.Factory { return &protocols.TimeoutFactory{Factory: f} }},
		{"TLS", func(f reactor.Factory) reactor.Factory { return serverTLS(clock, f) }},
	}
	random.Shuffle(len(layers), func(i, j int) { layers[i], layers[j] = layers[j], layers[i] })
	s.outer = f
	for _, l := range layers {
		s.names = append([]string{l.name}, s.names...)
		s.outer = l.wrap(s.outer)
	}
	return s
}

// TestComposition: the factories and TLS work around each other in any order: echo, half close,
// limits, counts; no timer is left.
func TestComposition(t *testing.T) {
	for seed := range uint64(12) {
		random := rand.New(rand.NewPCG(seed, 1))
		r := memory.New()
		s := newStack(r, random, reactor.FactoryFunc(func(net.Addr) reactor.Protocol {
			p := &halfParty{}
			p.data = func(p *party, data []byte) { p.transport.Write(data) }
			return p
		}))
		port := serve(t, r, s.outer)
		var clients []*halfParty
		for range 4 {
			c := &halfParty{}
			c.made = func(p *party) {
				p.transport.Write([]byte(strings.Repeat("x", 100_000)))
				p.transport.LoseWriteConnection()
			}
			clients = append(clients, c)
			r.ConnectTCP(serverAddress, clientTLS(r, builds(c)), reactor.ConnectConfig{})
		}
		r.RunFor(time.Minute)
		if clients[3].transport != nil {
			t.Errorf("%v: the fourth client of a peer is connected", s.names)
		}
		for i, c := range clients[:3] {
			if c.received.Len() != 100_000 || c.reason != reactor.ErrConnectionDone {
				t.Errorf("%v: client %d received %d bytes, lost for %v", s.names, i, c.received.Len(), c.reason)
			}
		}
		if n, m := s.total.Connections(), s.peer.Connections(tcpPeer("127.0.0.1")); n != 0 || m != 0 {
			t.Errorf("%v: %d and %d connections in the end", s.names, n, m)
		}
		if n := len(r.DelayedCalls()); n != 0 {
			t.Errorf("%v: %d delayed calls are left", s.names, n)
		}
		if !strings.Contains(s.log.String(), ": lost: ") {
			t.Errorf("%v: the log is %.100q", s.names, s.log.String())
		}
		port.StopListening()
	}
}

// TestCompositionOverTCP: the same with net's client, over a real port and loop.
func TestCompositionOverTCP(t *testing.T) {
	r := reactor.New()
	s := newStack(r, rand.New(rand.NewPCG(2, 3)), reactor.FactoryFunc(func(net.Addr) reactor.Protocol {
		p := &halfParty{}
		p.data = func(p *party, data []byte) { p.transport.Write(data) }
		return p
	}))
	port, err := r.ListenTCP("127.0.0.1:0", s.outer)
	if err != nil {
		t.Fatal(err)
	}
	results := make(chan error, 3)
	for range cap(results) {
		go func() { results <- echoOverTLS(port.Addr().String()) }()
	}
	go func() {
		errs := make([]error, 0, cap(results))
		for range cap(results) {
			errs = append(errs, <-results)
		}
		r.CallFromThread(func() { r.Stop() })
		results <- errors.Join(errs...)
	}()
	if err := r.Run(); err != nil {
		t.Fatal(err)
	}
	if err := <-results; err != nil {
		t.Errorf("%v: %v", s.names, err)
	}
	if n, m := s.total.Connections(), s.peer.Connections(tcpPeer("127.0.0.1")); n != 0 || m != 0 {
		t.Errorf("%v: %d and %d connections in the end", s.names, n, m)
	}
	r.Close()
}

func echoOverTLS(address string) error {
	c, err := tls.Dial("tcp", address, &tls.Config{RootCAs: policyRoots, ServerName: "127.0.0.1"})
	if err != nil {
		return err
	}
	defer c.Close()
	if _, err := io.WriteString(c, strings.Repeat("x", 40_000)); err != nil {
		return err
	}
	if err := c.CloseWrite(); err != nil {
		return err
	}
	if data, err := io.ReadAll(c); err != nil || len(data) != 40_000 {
		return fmt.Errorf("received %d bytes, %v", len(data), err)
	}
	return nil
}

// TestWrapperAllocations: a wrapper takes memory once for each connection, and none for a piece.
func TestWrapperAllocations(t *testing.T) {
	data := make([]byte, 100)
	pieces := [][]byte{data, data}
	for _, w := range wrappings {
		t.Run(w.name, func(t *testing.T) {
			p := &party{}
			f := w.wrap(reactor.FactoryFunc(func(net.Addr) reactor.Protocol { return p }))
			if log, ok := f.(*protocols.TrafficLoggingFactory); ok {
				log.Output = io.Discard
			}
			peer := tcpPeer("127.0.0.1")
			outside := f.BuildProtocol(peer)
			below := &discarding{}
			below.On = memory.New()
			outside.ConnectionMade(below)
			p.received.Grow(1 << 20)
			if n := testing.AllocsPerRun(100, func() {
				outside.DataReceived(data)
				p.transport.Write(data)
				p.transport.WriteSequence(pieces...)
			}); n != 0 {
				t.Errorf("%v allocations for a piece", n)
			}
			if n := testing.AllocsPerRun(100, func() { f.BuildProtocol(peer).ConnectionLost(nil) }); n != 1 && w.name != "TrafficLoggingFactory" {
				t.Errorf("%v allocations for a connection, want 1", n)
			}
		})
	}
}

// A discarding is a transport that keeps nothing.
type discarding struct{ memory.StringTransport }

func (*discarding) Write([]byte)            {}
func (*discarding) WriteSequence(...[]byte) {}
