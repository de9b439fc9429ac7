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
