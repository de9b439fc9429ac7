package protocols_test

import (
	"crypto/tls"
	"errors"
	"net"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/internal/testkit/logtest"
	"github.com/seed-7c003b53/gotreq/reactor"
	"github.com/seed-7c003b53/gotreq/reactor/memory"
	"github.com/seed-7c003b53/gotreq/reactor/protocols"
)

// A recording is a Transport that records the names of the calls.
type recording struct {
	memory.StringTransport
	calls []string
}

func (r *recording) call(name string) { r.calls = append(r.calls, name) }

func (r *recording) Write([]byte)            { r.call("Write") }
func (r *recording) WriteSequence(...[]byte) { r.call("WriteSequence") }
func (r *recording) RegisterProducer(reactor.PushProducer) error {
	r.call("RegisterProducer")
	return errors.New("RegisterProducer")
}
func (r *recording) RegisterPullProducer(reactor.PullProducer) error {
	r.call("RegisterPullProducer")
	return errors.New("RegisterPullProducer")
}
func (r *recording) UnregisterProducer()  { r.call("UnregisterProducer") }
func (r *recording) PauseProducing()      { r.call("PauseProducing") }
func (r *recording) ResumeProducing()     { r.call("ResumeProducing") }
func (r *recording) LoseConnection()      { r.call("LoseConnection") }
func (r *recording) LoseWriteConnection() { r.call("LoseWriteConnection") }
func (r *recording) AbortConnection()     { r.call("AbortConnection") }
func (r *recording) Disconnecting() bool  { r.call("Disconnecting"); return true }
func (r *recording) SwitchProtocol(reactor.Protocol) reactor.Protocol {
	r.call("SwitchProtocol")
	return nil
}
func (r *recording) Host() net.Addr        { r.call("Host"); return &net.UnixAddr{Name: "host"} }
func (r *recording) Peer() net.Addr        { r.call("Peer"); return &net.UnixAddr{Name: "peer"} }
func (r *recording) PeerClosed() bool      { r.call("PeerClosed"); return true }
func (r *recording) CheckPeerClosed() bool { r.call("CheckPeerClosed"); return true }
func (r *recording) SetNoDelay(bool) error { r.call("SetNoDelay"); return errors.New("SetNoDelay") }
func (r *recording) SetKeepAlive(bool) error {
	r.call("SetKeepAlive")
	return errors.New("SetKeepAlive")
}
func (r *recording) TLS() *tls.ConnectionState {
	r.call("TLS")
	return &tls.ConnectionState{ServerName: "TLS"}
}
func (r *recording) Reactor() reactor.Reactor { r.call("Reactor"); return r.On }

// TestTransportIsPassedOn: every method of Transport reaches the transport below, with its
// result, also a method that Transport may get in the future.
func TestTransportIsPassedOn(t *testing.T) {
	transport := reflect.TypeFor[reactor.Transport]()
	for i := range transport.NumMethod() {
		m := transport.Method(i)
		t.Run(m.Name, func(t *testing.T) {
			below := &recording{}
			below.On = memory.New()
			p := &party{}
			(&protocols.WrappingFactory{Factory: builds(p)}).BuildProtocol(nil).ConnectionMade(below)
			below.calls = nil
			var args []reflect.Value
			for i := range m.Type.NumIn() {
				if m.Type.IsVariadic() && i == m.Type.NumIn()-1 {
					break
				}
				args = append(args, reflect.Zero(m.Type.In(i)))
			}
			wants := []string{m.Name}
			switch m.Name {
			case "StopProducing":
				wants[0] = "LoseConnection"
			case "SwitchProtocol": // party is as half-closeable as the new protocol
				args[0], wants = reflect.ValueOf(&party{}), nil
			}
			results := reflect.ValueOf(p.transport).MethodByName(m.Name).Call(args)
			if !slices.Equal(below.calls, wants) {
				t.Errorf("the transport below got %v, want %v", below.calls, wants)
			}
			for _, r := range results {
				if r.IsZero() {
					t.Errorf("the result %v was not passed on", r)
				}
			}
		})
	}
}

// TestHalfClose: through every wrapper, a half-closeable protocol continues in one direction,
// and the connection of any other ends.
func TestHalfClose(t *testing.T) {
	for _, w := range wrappings {
		t.Run(w.name, func(t *testing.T) {
			r := policyReactor(t)
			half, plain := &halfParty{}, echoing()
			serve(t, r, w.wrap(builds(half, plain)))
			for _, p := range []*party{&half.party, plain} {
				c := &halfParty{}
				join(r, builds(c))
				c.transport.Write([]byte("data"))
				c.transport.LoseWriteConnection()
				r.Pump()
				if p.received.String() != "data" || !errors.Is(p.reason, reactor.ErrConnectionDone) {
					t.Errorf("received %q, lost for %v", p.received.String(), p.reason)
				}
			}
			if half.readLost != 1 || half.writeLost != 1 {
				t.Errorf("ReadConnectionLost was called %d times, WriteConnectionLost %d times; want 1 and 1", half.readLost, half.writeLost)
			}
		})
	}
}

// TestSwitchProtocol: SwitchProtocol changes the wrapped protocol. The wrapper stays, also if one
// of the two is half-closeable and the other is not.
func TestSwitchProtocol(t *testing.T) {
	for _, w := range wrappings {
		for name, pair := range map[string][2]reactor.Protocol{
			"plain to plain": {&party{}, &party{}},
			"plain to half":  {&party{}, &halfParty{}},
			"half to plain":  {&halfParty{}, &party{}},
			"half to half":   {&halfParty{}, &halfParty{}},
		} {
			t.Run(w.name+"/"+name, func(t *testing.T) {
				r := policyReactor(t)
				first, second := partyOf(pair[0]), partyOf(pair[1])
				first.data = func(*party, []byte) {
					if old := first.transport.SwitchProtocol(pair[1]); old != pair[0] {
						t.Errorf("SwitchProtocol returned %v", old)
					}
					pair[1].ConnectionMade(first.transport)
				}
				count := &counter{}
				outer := &protocols.WrappingFactory{Factory: w.wrap(builds(pair[0])), Wrap: func(net.Addr) protocols.Wrapper { return count }}
				serve(t, r, outer)
				c := &halfParty{}
				join(r, builds(c))
				c.transport.Write([]byte("one"))
				r.Pump()
				c.transport.Write([]byte("two"))
				r.Pump()
				second.transport.Write([]byte("three"))
				r.Pump()
				if first.received.String() != "one" || second.received.String() != "two" || c.received.String() != "three" || count.written != 5 {
					t.Errorf("received %q and %q; sent %q, of which the wrapper saw %d bytes",
						first.received.String(), second.received.String(), c.received.String(), count.written)
				}
				c.transport.LoseWriteConnection()
				r.Pump()
				if half, ok := pair[1].(*halfParty); ok && half.readLost != 1 {
					t.Errorf("ReadConnectionLost was called %d times", half.readLost)
				}
				if first.losses != 0 || second.losses != 1 {
					t.Errorf("ConnectionLost was called %d and %d times; want 0 and 1", first.losses, second.losses)
				}
			})
		}
	}
}

func partyOf(p reactor.Protocol) *party {
	if half, ok := p.(*halfParty); ok {
		return &half.party
	}
	return p.(*party)
}

// A counter counts the written bytes.
type counter struct {
	protocols.ProtocolWrapper
	written int
}

func (c *counter) Write(data []byte) {
	c.written += len(data)
	c.ProtocolWrapper.Write(data)
}

// A bigFactory has all optional interfaces of factories.
type bigFactory struct {
	reactor.Factory
	starts, stops, begun, ended int
	refuses                     bool
}

func (f *bigFactory) DoStart(reactor.Reactor, reactor.Port) { f.starts++ }
func (f *bigFactory) DoStop(reactor.Port)                   { f.stops++ }
func (f *bigFactory) AcceptableProtocols() []string         { return []string{"a", "b"} }
func (f *bigFactory) HandshakeBegins(reactor.Transport) func() {
	if f.refuses {
		return nil
	}
	f.begun++
	return func() { f.ended++ }
}

// TestFactoryInterfaces: the optional interfaces of a factory work through every wrapper, and a
// factory that has none works as well.
func TestFactoryInterfaces(t *testing.T) {
	for _, w := range wrappings {
		t.Run(w.name, func(t *testing.T) {
			r := policyReactor(t)
			server := echoing()
			big := &bigFactory{Factory: builds(server)}
			port := serve(t, r, serverTLS(r, w.wrap(big)))
			connect := func(c *party, names ...string) {
				reactor.TLSClient(r, reactor.TLSConfig{Config: &tls.Config{RootCAs: policyRoots, ServerName: "127.0.0.1", NextProtos: names}}, builds(c)).
					Connect(func(f reactor.Factory) *deferred.Deferred[reactor.Protocol] {
						return r.ConnectTCP(serverAddress, f, reactor.ConnectConfig{})
					}).
					AddErrback(func(error) (reactor.Protocol, error) { return nil, nil })
				r.Pump()
			}
			c := &party{}
			connect(c, "b", "c")
			if c.transport == nil {
				t.Fatal("no connection")
			}
			if got := server.transport.TLS().NegotiatedProtocol; got != "b" {
				t.Errorf("negotiated %q, want b", got)
			}
			c.transport.Write([]byte("data"))
			r.Pump()
			if got := c.received.String(); got != "data" {
				t.Errorf("received %q", got)
			}
			c.transport.LoseConnection()
			big.refuses = true
			connect(&party{})
			port.StopListening()
			if big.starts != 1 || big.stops != 1 || big.begun != 1 || big.ended != 1 {
				t.Errorf("DoStart %d, DoStop %d, handshakes begun %d, ended %d; want 1 each", big.starts, big.stops, big.begun, big.ended)
			}

			small := echoing()
			port = serve(t, r, serverTLS(r, w.wrap(builds(small))))
			c = &party{}
			connect(c, "c")
			if c.transport == nil || small.transport.TLS().NegotiatedProtocol != "" {
				t.Error("a factory without optional interfaces does not accept, or negotiates")
			}
			c.transport.LoseConnection()
			port.StopListening()
			r.Pump()
		})
	}
}

// A startListener learns of the end of StartTLS.
type startListener struct {
	party
	completed int
}

func (s *startListener) HandshakeCompleted() { s.completed++ }

// TestStartTLS: TLS can start above a wrapper and below one. The HandshakeListener learns of it.
func TestStartTLS(t *testing.T) {
	for _, w := range wrappings {
		for _, below := range []bool{true, false} {
			t.Run(w.name, func(t *testing.T) {
				r := policyReactor(t)
				server, first := &startListener{}, &party{}
				server.data = func(p *party, data []byte) { p.transport.Write(data) }
				var upper reactor.Protocol = server
				f := reactor.Factory(builds(first))
				if below {
					f = w.wrap(f)
				} else {
					upper = w.wrap(builds(server)).BuildProtocol(nil)
				}
				first.made = func(*party) {
					config := reactor.TLSConfig{Config: &tls.Config{Certificates: []tls.Certificate{policyCert}}}
					upper.ConnectionMade(reactor.StartTLS(r, first.transport, upper, config, reactor.TLSServer))
				}
				serve(t, r, f)
				c := &party{}
				clientTLS(r, builds(c)).Connect(func(f reactor.Factory) *deferred.Deferred[reactor.Protocol] {
					return r.ConnectTCP(serverAddress, f, reactor.ConnectConfig{})
				})
				r.Pump()
				if c.transport == nil || server.completed != 1 {
					t.Fatalf("the client's transport is %v, HandshakeCompleted was called %d times", c.transport, server.completed)
				}
				c.transport.Write([]byte("secret"))
				r.Pump()
				if got := c.received.String(); got != "secret" {
					t.Errorf("received %q", got)
				}
				c.transport.LoseConnection()
				r.Pump()
				if server.reason != reactor.ErrConnectionDone {
					t.Errorf("lost for %v", server.reason)
				}
			})
		}
	}
}

// TestAs: As finds protocols and wrappers by their types, from both sides.
func TestAs(t *testing.T) {
	r := policyReactor(t)
	serve(t, r, builds(echoing()))
	inner, own := &halfParty{}, &counter{}
	f := &protocols.TimeoutFactory{Factory: &protocols.WrappingFactory{Factory: builds(inner), Wrap: func(net.Addr) protocols.Wrapper { return own }}}
	var made reactor.Protocol
	join(r, f).AddCallback(func(p reactor.Protocol) (reactor.Protocol, error) {
		made = p
		return p, nil
	})
	if p, ok := protocols.As[*halfParty](made); !ok || p != inner {
		t.Errorf("the protocol is %v, %t", p, ok)
	}
	if p, ok := protocols.As[*counter](made); !ok || p != own || p.Wrapped() != reactor.Protocol(inner) {
		t.Errorf("the wrapper is %v, %t", p, ok)
	}
	timeout, ok := protocols.As[*protocols.TimeoutProtocol](inner.transport)
	if p, ok2 := protocols.As[*protocols.TimeoutProtocol](made); !ok || !ok2 || p != timeout {
		t.Errorf("the TimeoutProtocol is %v, %t from the inside, and %v, %t from the outside", timeout, ok, p, ok2)
	}
	if p, ok := protocols.As[*counter](inner.transport); !ok || p != own {
		t.Errorf("the wrapper from the inside is %v, %t", p, ok)
	}
	for _, layer := range []any{made, inner.transport, inner, r, nil} {
		if p, ok := protocols.As[*startListener](layer); ok || p != nil {
			t.Errorf("found %v, which is not there, in %T", p, layer)
		}
	}
	inner.transport.AbortConnection()
	r.Pump()
}

// TestWrappers: a WrappingFactory knows the wrappers of its open connections.
func TestWrappers(t *testing.T) {
	r := policyReactor(t)
	f := &protocols.WrappingFactory{Factory: reactor.FactoryFunc(func(net.Addr) reactor.Protocol { return echoing() })}
	serve(t, r, f)
	clients := []*party{client(r), client(r), client(r)}
	f.BuildProtocol(nil) // not connected
	for w := range f.Wrappers() {
		w.Write([]byte("to all"))
	}
	r.Pump()
	clients[1].transport.AbortConnection()
	r.Pump()
	n := 0
	for w := range f.Wrappers() {
		n++
		w.LoseConnection()
	}
	r.Pump()
	for w := range f.Wrappers() {
		t.Errorf("%v is left", w)
	}
	if n != 2 {
		t.Errorf("%d wrappers, want 2", n)
	}
	for i, c := range clients {
		if c.received.String() != "to all" || c.reason == nil {
			t.Errorf("client %d received %q, lost for %v", i, c.received.String(), c.reason)
		}
	}
}

// TestWrapMistakes: a wrapper that is used twice is an error that says so, and a nil wrapper
// refuses the connection before a protocol is built.
func TestWrapMistakes(t *testing.T) {
	built := 0
	inner := reactor.FactoryFunc(func(net.Addr) reactor.Protocol { built++; return &party{} })
	f := &protocols.WrappingFactory{Factory: inner, Wrap: func(net.Addr) protocols.Wrapper { return nil }}
	if p := f.BuildProtocol(nil); p != nil || built != 0 {
		t.Errorf("without a wrapper: %v, %d protocols built", p, built)
	}
	once := &protocols.ProtocolWrapper{}
	f.Wrap = func(net.Addr) protocols.Wrapper { return once }
	f.BuildProtocol(nil)
	defer func() {
		if v := recover(); v == nil || !strings.Contains(v.(string), "same wrapper twice") {
			t.Errorf("panic %v", v)
		}
	}()
	f.BuildProtocol(nil)
}

// TestPanicsInWrappedProtocols: a panic in any method of a wrapped protocol loses its
// connection, for that reason, and no other.
func TestPanicsInWrappedProtocols(t *testing.T) {
	logtest.Capture(t)
	for _, w := range wrappings {
		for _, where := range []string{"ConnectionMade", "DataReceived", "ConnectionLost"} {
			t.Run(w.name+"/"+where, func(t *testing.T) {
				r := policyReactor(t)
				bad, good := &party{}, echoing()
				fail := func(*party) { panic("oops") }
				switch where {
				case "ConnectionMade":
					bad.made = fail
				case "DataReceived":
					bad.data = func(p *party, _ []byte) { fail(p) }
				case "ConnectionLost":
					bad.lost = fail
				}
				serve(t, r, w.wrap(builds(bad, good)))
				a, b := client(r), client(r)
				a.transport.Write([]byte("a"))
				b.transport.Write([]byte("b"))
				r.Pump()
				a.transport.LoseConnection()
				r.Pump()
				if b.received.String() != "b" || bad.losses != 1 {
					t.Errorf("the good one received %q; the bad one was lost %d times", b.received.String(), bad.losses)
				}
				if where != "ConnectionLost" && (bad.reason == nil || !strings.Contains(bad.reason.Error(), "oops")) {
					t.Errorf("lost for %v, want the panic", bad.reason)
				}
				b.transport.AbortConnection()
				r.Pump()
			})
		}
	}
}
