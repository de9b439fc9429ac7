package response_test

import (
	"testing"

	"github.com/seed-7c003b53/gotreq/reactor"
	"github.com/seed-7c003b53/gotreq/reactor/memory"
	"github.com/seed-7c003b53/gotreq/treq/response"
)

// A switched is a protocol that counts its calls.
type switched struct {
	made int
	got  string
}

func (s *switched) ConnectionMade(reactor.Transport) { s.made++ }
func (s *switched) DataReceived(data []byte)         { s.got += string(data) }
func (s *switched) ConnectionLost(error)             {}

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
	end func(reactor.Transport)
}

func (p *ender) ConnectionMade(t reactor.Transport) { p.end(t) }
