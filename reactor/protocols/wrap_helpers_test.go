package protocols_test

import (
	"crypto/tls"
	"net"
	"strings"
	"testing"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/internal/testkit/testcert"
	"github.com/seed-7c003b53/gotreq/reactor"
	"github.com/seed-7c003b53/gotreq/reactor/memory"
	"github.com/seed-7c003b53/gotreq/reactor/protocols"
)

// A party is a protocol that records its calls. The functions may be nil.
type party struct {
	transport reactor.Transport
	received  strings.Builder
	reason    error // of ConnectionLost; nil while connected
	losses    int
	made      func(p *party)
	data      func(p *party, data []byte)
	lost      func(p *party)
}

func (p *party) ConnectionMade(t reactor.Transport) {
	p.transport = t
	if p.made != nil {
		p.made(p)
	}
}

func (p *party) DataReceived(data []byte) {
	p.received.Write(data)
	if p.data != nil {
		p.data(p, data)
	}
}

func (p *party) ConnectionLost(reason error) {
	p.reason = reason
	p.losses++
	if p.lost != nil {
		p.lost(p)
	}
}

// echoing returns a party that sends back what it receives.
func echoing() *party {
	return &party{data: func(p *party, data []byte) { p.transport.Write(data) }}
}

// A halfParty is a half-closeable party. It answers the peer's end of file with its own.
type halfParty struct {
	party
	readLost, writeLost int
}

func (p *halfParty) ReadConnectionLost() {
	p.readLost++
	p.transport.LoseWriteConnection()
}

func (p *halfParty) WriteConnectionLost() { p.writeLost++ }

// builds returns a factory that builds the given protocols, and then none.
func builds(ps ...reactor.Protocol) reactor.Factory {
	return reactor.FactoryFunc(func(net.Addr) reactor.Protocol {
		if len(ps) == 0 {
			return nil
		}
		p := ps[0]
		ps = ps[1:]
		return p
	})
}

// policyReactor returns a reactor on which no timer may be left when the test ends.
func policyReactor(t testing.TB) *memory.Reactor {
	t.Helper()
	r := memory.New()
	t.Cleanup(func() {
		t.Helper()
		for _, c := range r.DelayedCalls() {
			t.Errorf("a delayed call is left: %v", c)
		}
	})
	return r
}

const serverAddress = "127.0.0.1:7"

// serve listens at serverAddress.
func serve(t testing.TB, r reactor.Reactor, f reactor.Factory) reactor.Port {
	t.Helper()
	port, err := r.ListenTCP(serverAddress, f)
	if err != nil {
		t.Fatal(err)
	}
	return port
}

// join connects the protocol that f builds to the server.
func join(r *memory.Reactor, f reactor.Factory) *deferred.Deferred[reactor.Protocol] {
	d := r.ConnectTCP(serverAddress, f, reactor.ConnectConfig{})
	r.Pump()
	return d
}

// client connects a new party to the server, and pumps.
func client(r *memory.Reactor) *party {
	p := &party{}
	join(r, builds(p)).AddErrback(func(error) (reactor.Protocol, error) { return nil, nil })
	return p
}

var policyCert, policyRoots = testcert.New("127.0.0.1")

func serverTLS(r reactor.Clock, f reactor.Factory) *reactor.TLSFactory {
	return reactor.TLSServer(r, reactor.TLSConfig{Config: &tls.Config{Certificates: []tls.Certificate{policyCert}}}, f)
}

func clientTLS(r reactor.Clock, f reactor.Factory) *reactor.TLSFactory {
	return reactor.TLSClient(r, reactor.TLSConfig{Config: &tls.Config{RootCAs: policyRoots, ServerName: "127.0.0.1"}}, f)
}

// A wrapping makes a factory around another one.
type wrapping struct {
	name string
	wrap func(f reactor.Factory) reactor.Factory
}

// wrappings are all factories of the package, with limits that no test reaches.
var wrappings = []wrapping{
	{"WrappingFactory", func(f reactor.Factory) reactor.Factory { return &protocols.WrappingFactory{Factory: f} }},
	{"LimitTotalConnectionsFactory", func(f reactor.Factory) reactor.Factory {
		return &protocols.LimitTotalConnectionsFactory{Factory: f, Limit: 1000}
	}},
	{"LimitConnectionsByPeer", func(f reactor.Factory) reactor.Factory {
		return &protocols.LimitConnectionsByPeer{Factory: f, Limit: 1000}
	}},
	{"ThrottlingFactory", func(f reactor.Factory) reactor.Factory {
		return &protocols.ThrottlingFactory{Factory: f, MaxConnections: 1000, ReadLimit: 1 << 30, WriteLimit: 1 << 30}
	}},
	{"TrafficLoggingFactory", func(f reactor.Factory) reactor.Factory {
		return &protocols.TrafficLoggingFactory{Factory: f, Output: &strings.Builder{}}
	}},
	{"TimeoutFactory", func(f reactor.Factory) reactor.Factory { return &protocols.TimeoutFactory{Factory: f} }},
}
