package response_test

import (
	"testing"

	"github.com/seed-7c003b53/gotreq/reactor"
	"github.com/seed-7c003b53/gotreq/reactor/memory"
	"github.com/seed-7c003b53/gotreq/treq/response"
)

// A switched is a protocol that records its calls.
type switched struct {
	made int
	got  string
	lost error
}

func (s *switched) ConnectionMade(reactor.Transport) { s.made++ }
func (s *switched) DataReceived(data []byte)         { s.got += string(data) }
func (s *switched) ConnectionLost(reason error)      { s.lost = reason }

// TestUpgradeIsTakenOnce: the second SwitchProtocol panics, and the first protocol keeps the connection.
func TestUpgradeIsTakenOnce(t *testing.T) {
	u := response.NewUpgrade(&memory.StringTransport{On: memory.New()}, []byte("early"))
	var first, second switched
	u.SwitchProtocol(&first)
	if got := recovered(func() { u.SwitchProtocol(&second) }); got != "response: the connection of an Upgrade was taken already" {
		t.Errorf("it panicked with %v", got)
	}
	if first.made != 1 || first.got != "early" || second.made != 0 || second.got != "" {
		t.Errorf("the first: %+v, the second: %+v", first, second)
	}
}

// TestUpgradeEndedAtOnce: a protocol that ends the connection in ConnectionMade gets none of the
// bytes that came with the response.
func TestUpgradeEndedAtOnce(t *testing.T) {
	for name, end := range map[string]func(reactor.Transport){
		"LoseConnection":  reactor.Transport.LoseConnection,
		"AbortConnection": reactor.Transport.AbortConnection,
	} {
		u := response.NewUpgrade(&memory.StringTransport{On: memory.New(), Lenient: true, Protocol: &switched{}}, []byte("early"))
		p := &ender{end: end}
		u.SwitchProtocol(p)
		if p.got != "" {
			t.Errorf("after %s in ConnectionMade, the protocol received %q", name, p.got)
		}
	}
}

// An ender ends its connection as soon as it is made.
type ender struct {
	switched
	transport reactor.Transport
	end       func(reactor.Transport)
}

func (p *ender) ConnectionMade(t reactor.Transport) {
	p.transport = t
	p.end(t)
}

// TestUpgradePaused: the bytes that came with the response wait while the protocol pauses its transport
// in ConnectionMade.
func TestUpgradePaused(t *testing.T) {
	r := memory.New()
	transport := &memory.StringTransport{On: r, Protocol: &switched{}}
	u := response.NewUpgrade(transport, []byte("early"))
	p := &ender{end: reactor.Transport.PauseProducing}
	u.SwitchProtocol(p)
	r.Pump()
	if p.got != "" || transport.ProducerState() != memory.Paused {
		t.Errorf("the paused protocol received %q, the transport is %v", p.got, transport.ProducerState())
	}
	p.transport.ResumeProducing()
	r.Pump()
	if p.got != "early" || transport.ProducerState() != memory.Producing {
		t.Errorf("the protocol received %q, the transport is %v", p.got, transport.ProducerState())
	}
	// Without such bytes, the pause counts too.
	transport = &memory.StringTransport{On: r, Protocol: &switched{}}
	response.NewUpgrade(transport, nil).SwitchProtocol(p)
	if transport.ProducerState() != memory.Paused {
		t.Errorf("the transport is %v", transport.ProducerState())
	}
}

// TestUpgradeSwitchedAgain: the protocol of an Upgrade can be replaced, by TLS for example. Bytes and
// the loss reach the new one, and the loss also the former protocol, which counts connections.
func TestUpgradeSwitchedAgain(t *testing.T) {
	for _, early := range []string{"", "early"} {
		former := &switched{}
		transport := &memory.StringTransport{On: memory.New(), Protocol: former}
		u := response.NewUpgrade(transport, []byte(early))
		var second switched
		first := &ender{end: func(t reactor.Transport) {
			if old, ok := t.SwitchProtocol(&second).(*ender); !ok {
				panic(old)
			}
		}}
		u.SwitchProtocol(first)
		transport.Protocol.DataReceived([]byte(" and late"))
		transport.Protocol.ConnectionLost(reactor.ErrConnectionDone)
		if first.got != "" || first.lost != nil {
			t.Errorf("the first one got %q, lost %v", first.got, first.lost)
		}
		if second.got != early+" and late" || second.lost != reactor.ErrConnectionDone || former.lost != reactor.ErrConnectionDone {
			t.Errorf("the second one got %q, lost %v; the former one lost %v", second.got, second.lost, former.lost)
		}
	}
}

// TestUpgradePanics: a protocol that panics loses its connection.
func TestUpgradePanics(t *testing.T) {
	for _, in := range []string{"ConnectionMade", "DataReceived"} {
		transport := &memory.StringTransport{On: memory.New(), Protocol: &switched{}}
		u := response.NewUpgrade(transport, []byte("early"))
		if got := recovered(func() { u.SwitchProtocol(panicking(in)) }); got != in || !transport.Disconnecting() {
			t.Errorf("%s panicked with %v; the connection ends: %t", in, got, transport.Disconnecting())
		}
	}
}

// A panicking protocol panics in the named method.
type panicking string

func (p panicking) ConnectionMade(reactor.Transport) { p.in("ConnectionMade") }
func (p panicking) DataReceived([]byte)              { p.in("DataReceived") }
func (p panicking) ConnectionLost(error)             {}

func (p panicking) in(method string) {
	if string(p) == method {
		panic(method)
	}
}
