package protocols_test

import (
	"fmt"
	"net"
	"os"
	"time"

	"github.com/seed-7c003b53/gotreq/reactor"
	"github.com/seed-7c003b53/gotreq/reactor/memory"
	"github.com/seed-7c003b53/gotreq/reactor/protocols"
)

// An answerer answers each piece with a line.
type answerer struct{ transport reactor.Transport }

func (a *answerer) ConnectionMade(t reactor.Transport) { a.transport = t }
func (a *answerer) DataReceived([]byte)                { a.transport.Write([]byte("hello\n")) }
func (a *answerer) ConnectionLost(error)               {}

var answering = reactor.FactoryFunc(func(net.Addr) reactor.Protocol { return &answerer{} })

// A sender sends a line and prints how its connection ends.
type sender struct{ transport reactor.Transport }

func (s *sender) ConnectionMade(t reactor.Transport) {
	s.transport = t
	t.Write([]byte("is anybody there?\n"))
}
func (s *sender) DataReceived([]byte)         {}
func (s *sender) ConnectionLost(reason error) { fmt.Println("the client:", reason) }

// call connects a sender to port 7.
func call(r *memory.Reactor) *sender {
	s := &sender{}
	r.ConnectTCP("127.0.0.1:7", reactor.FactoryFunc(func(net.Addr) reactor.Protocol { return s }), reactor.ConnectConfig{})
	r.Pump()
	return s
}

// A meter is a wrapper that counts the bytes that its connection sends.
type meter struct {
	protocols.ProtocolWrapper
	sent int
}

func (m *meter) Write(data []byte) {
	m.sent += len(data)
	m.ProtocolWrapper.Write(data)
}

// A program's own wrapper sees the calls of every protocol of a factory.
func ExampleWrappingFactory() {
	r := memory.New()
	factory := &protocols.WrappingFactory{
		Factory: answering,
		Wrap:    func(net.Addr) protocols.Wrapper { return &meter{} },
	}
	r.ListenTCP("127.0.0.1:7", factory)
	call(r)
	call(r)
	for w := range factory.Wrappers() {
		fmt.Println(w.(*meter).sent, "bytes sent to", w.Peer())
	}
	// Output:
	// 6 bytes sent to 127.0.0.1:49152
	// 6 bytes sent to 127.0.0.1:49153
}

// A client finds its own protocol within the wrappers.
func ExampleAs() {
	r := memory.New()
	r.ListenTCP("127.0.0.1:7", answering)
	factory := &protocols.TimeoutFactory{Factory: reactor.FactoryFunc(func(net.Addr) reactor.Protocol { return &sender{} })}
	r.ConnectTCP("127.0.0.1:7", factory, reactor.ConnectConfig{}).Tap(func(p reactor.Protocol, err error) {
		mine, ok := protocols.As[*sender](p)
		fmt.Printf("%T %t\n", mine, ok)
	})
	r.Pump()
	// Output:
	// *protocols_test.sender true
}

// Each address has one connection at a time, and all together have ten.
func ExampleLimitConnectionsByPeer() {
	r := memory.New()
	r.ListenTCP("127.0.0.1:7", &protocols.LimitTotalConnectionsFactory{
		Limit:   10,
		Factory: &protocols.LimitConnectionsByPeer{Limit: 1, Factory: answering},
	})
	call(r)
	call(r)
	// Output:
	// the client: connection was reset by the peer
}

// A log shows what passes.
func ExampleTrafficLoggingFactory() {
	r := memory.New()
	r.ListenTCP("127.0.0.1:7", &protocols.TrafficLoggingFactory{Factory: answering, Output: os.Stdout})
	call(r)
	// Output:
	// connection 1: made from 127.0.0.1:7 to 127.0.0.1:49152
	// connection 1: received 18 bytes: "is anybody there?\n"
	// connection 1: sends 6 bytes: "hello\n"
}

// Connections end when nothing has passed for a minute.
func ExampleTimeoutFactory() {
	r := memory.New()
	r.ListenTCP("127.0.0.1:7", &protocols.TimeoutFactory{Factory: answering, Period: time.Minute})
	call(r)
	r.Advance(time.Minute)
	// Output:
	// the client: connection was closed cleanly
}

// All clients together send a kilobyte a second.
func ExampleThrottlingFactory() {
	r := memory.New()
	received := 0
	r.ListenTCP("127.0.0.1:7", &protocols.ThrottlingFactory{
		ReadLimit: 1000,
		Factory: reactor.FactoryFunc(func(net.Addr) reactor.Protocol {
			return &party{data: func(_ *party, data []byte) { received += len(data) }}
		}),
	})
	c := call(r)
	for second := range 3 {
		c.transport.Write(make([]byte, 1000))
		c.transport.Write(make([]byte, 1000))
		r.Pump()
		fmt.Println(second, received)
		r.RunFor(time.Second)
	}
	// Output:
	// 0 2018
	// 1 2018
	// 2 4018
}
