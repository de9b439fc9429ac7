package gallery

import (
	"math/rand/v2"
	"net"
	"time"

	"github.com/seed-7c003b53/gotreq/reactor"
	"github.com/seed-7c003b53/gotreq/reactor/endpoints"
	"github.com/seed-7c003b53/gotreq/reactor/protocols"
)

// A hub restarts, and does not come back before somebody switches half of the meters off. Each meter
// connects again after a second. They were switched on one after the other, but they have lost the hub at
// the same moment, and so come back at the same moment.

// connectFaulty keeps a meter connected to the hub. It connects again after a second.
func connectFaulty(r reactor.Reactor) *endpoints.ClientService[*meter] {
	return connect(r, func(int, error, *rand.Rand) time.Duration { return time.Second })
}

// connectMended connects again at a random time of the next minute.
func connectMended(r reactor.Reactor) *endpoints.ClientService[*meter] {
	return connect(r, func(_ int, _ error, random *rand.Rand) time.Duration {
		return time.Duration(random.Int64N(int64(time.Minute)))
	})
}

// connect keeps a meter connected, and waits as policy says before it connects again.
func connect(r reactor.Reactor, policy endpoints.RetryPolicy) *endpoints.ClientService[*meter] {
	hub := endpoints.NewHostname(r, "hub", "1234", endpoints.HostnameConfig{})
	s := endpoints.NewClientService(r, hub, newMeter, endpoints.ClientServiceConfig[*meter]{RetryPolicy: policy})
	s.StartService()
	return s
}

// A meter sends what it measures, on demand.
type meter struct{ protocols.LineReceiver }

func newMeter(net.Addr) *meter {
	m := &meter{}
	m.LineReceived = func([]byte) { m.SendLine("20.1 degrees") }
	return m
}
