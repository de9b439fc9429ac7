package memory_test

import (
	"errors"
	"net"
	"testing"

	"github.com/seed-7c003b53/gotreq/reactor"
	"github.com/seed-7c003b53/gotreq/reactor/memory"
)

func TestStringTransportRecordsWrites(t *testing.T) {
	var s memory.StringTransport
	s.Write([]byte("a"))
	s.WriteSequence([]byte("b"), []byte("c"))
	if got := s.Value(); got != "abc" {
		t.Errorf("Value is %q", got)
	}
	s.Clear()
	s.LoseConnection()
	s.Write([]byte("d"))
	if got := s.Value(); got != "d" {
		t.Errorf("Value after Clear and LoseConnection is %q", got)
	}
	s.AbortConnection()
	s.Write([]byte("e"))
	if got := s.Value(); got != "d" {
		t.Errorf("Value after AbortConnection is %q", got)
	}
	s = memory.StringTransport{}
	s.LoseWriteConnection()
	s.Write([]byte("f"))
	if got := s.Value(); got != "" || !s.WriteEnded() || s.Disconnecting() {
		t.Errorf("after LoseWriteConnection: Value %q, WriteEnded %v, Disconnecting %v", got, s.WriteEnded(), s.Disconnecting())
	}
}

func TestStringTransportRecordsItsLoss(t *testing.T) {
	for _, c := range []struct {
		name         string
		lose         func(reactor.Transport)
		disconnected bool
		reason       error
	}{
		{"LoseConnection", reactor.Transport.LoseConnection, false, reactor.ErrConnectionDone},
		{"AbortConnection", reactor.Transport.AbortConnection, true, reactor.ErrConnectionAborted},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := &peer{}
			s := &memory.StringTransport{Protocol: p}
			if s.Disconnecting() || s.Disconnected() {
				t.Error("disconnecting at first")
			}
			c.lose(s)
			c.lose(s)
			if !s.Disconnecting() || s.Disconnected() != c.disconnected {
				t.Errorf("disconnecting %v, disconnected %v", s.Disconnecting(), s.Disconnected())
			}
			p.lostBy(t, "the protocol", c.reason)
		})
	}
}

func TestStringTransportAsAConsumer(t *testing.T) {
	var s memory.StringTransport
	push := &source{}
	if err := s.RegisterProducer(push); err != nil {
		t.Fatal(err)
	}
	if p, streaming := s.Producer(); p != push || !streaming {
		t.Errorf("producer %v, streaming %v", p, streaming)
	}
	for _, err := range []error{s.RegisterProducer(push), s.RegisterPullProducer(push)} {
		if !errors.Is(err, reactor.ErrProducerRegistered) {
			t.Errorf("a second producer: %v", err)
		}
	}
	s.UnregisterProducer()
	if p, streaming := s.Producer(); p != nil || streaming {
		t.Errorf("after UnregisterProducer: producer %v, streaming %v", p, streaming)
	}
	if err := s.RegisterPullProducer(push); err != nil {
		t.Fatal(err)
	}
	if p, streaming := s.Producer(); p != push || streaming {
		t.Errorf("pull producer %v, streaming %v", p, streaming)
	}
}

func TestStringTransportAsAProducer(t *testing.T) {
	var s memory.StringTransport
	expect := func(want memory.ProducerState) {
		t.Helper()
		if got := s.ProducerState(); got != want {
			t.Errorf("the state is %v, want %v", got, want)
		}
	}
	expect(memory.Producing)
	s.PauseProducing()
	expect(memory.Paused)
	s.ResumeProducing()
	expect(memory.Producing)
	s.StopProducing()
	expect(memory.Stopped)
}

func TestStringTransportCatchesMistakes(t *testing.T) {
	stopped := func(s *memory.StringTransport) { s.StopProducing() }
	losing := func(s *memory.StringTransport) { s.LoseConnection() }
	for _, c := range []struct {
		name      string
		before, f func(*memory.StringTransport)
	}{
		{"pause when stopped", stopped, (*memory.StringTransport).PauseProducing},
		{"resume when stopped", stopped, (*memory.StringTransport).ResumeProducing},
		{"pause when disconnecting", losing, (*memory.StringTransport).PauseProducing},
		{"resume when disconnecting", losing, (*memory.StringTransport).ResumeProducing},
		{"no producer", losing, (*memory.StringTransport).UnregisterProducer},
	} {
		t.Run(c.name, func(t *testing.T) {
			defer func() {
				if recover() == nil {
					t.Error("no panic")
				}
			}()
			s := &memory.StringTransport{}
			c.before(s)
			c.f(s)
		})
	}
	s := &memory.StringTransport{Lenient: true}
	s.LoseConnection()
	s.PauseProducing()
	s.ResumeProducing()
}

func TestStringTransportAddresses(t *testing.T) {
	s := &memory.StringTransport{}
	if host, peer := s.Host().String(), s.Peer().String(); host != "10.0.0.1:12345" || peer != "192.168.1.1:54321" {
		t.Errorf("host %s, peer %s", host, peer)
	}
	s.HostAddr, s.PeerAddr = &net.UnixAddr{Name: "a"}, &net.UnixAddr{Name: "b"}
	if s.Host() != s.HostAddr || s.Peer() != s.PeerAddr {
		t.Errorf("host %s, peer %s", s.Host(), s.Peer())
	}
}

func TestStringTransportReactor(t *testing.T) {
	r := memory.New()
	if s := (&memory.StringTransport{On: r}); s.Reactor() != reactor.Reactor(r) {
		t.Errorf("Reactor returned %v, want On", s.Reactor())
	}
	defer func() {
		if v := recover(); v != "memory: the protocol asked a StringTransport for its reactor: set On" {
			t.Errorf("without On, Reactor panicked with %v", v)
		}
	}()
	new(memory.StringTransport).Reactor()
}

// An accidental protocol embeds its transport, and so has a producer's methods.
type accidental struct {
	reactor.Transport
}

func (*accidental) ConnectionMade(reactor.Transport) {}
func (*accidental) DataReceived([]byte)              {}
func (*accidental) ConnectionLost(error)             {}

// TestStringTransportAccidentalProducer: a protocol that inherits its producer's methods is
// refused, as by a real transport.
func TestStringTransportAccidentalProducer(t *testing.T) {
	var transport memory.StringTransport
	p := &accidental{&transport}
	for name, err := range map[string]error{
		"RegisterProducer":     transport.RegisterProducer(p),
		"RegisterPullProducer": transport.RegisterPullProducer(p),
	} {
		if inherited := (*reactor.InheritedProducerError)(nil); !errors.As(err, &inherited) || inherited.Type != "*memory_test.accidental" {
			t.Errorf("%s: %v", name, err)
		}
	}
	if producer, _ := transport.Producer(); producer != nil {
		t.Errorf("%v is registered", producer)
	}
	if err := transport.RegisterProducer(&transport); err != nil {
		t.Errorf("the transport itself: %v", err)
	}
}
