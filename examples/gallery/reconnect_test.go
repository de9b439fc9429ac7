package gallery

import (
	"net"
	"testing"
	"time"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/reactor"
	"github.com/seed-7c003b53/gotreq/reactor/endpoints"
	"github.com/seed-7c003b53/gotreq/reactor/memory"
)

var reconnectExhibit = exhibit{
	file: "reconnect.go", fault: "a reconnect storm",
	network: memory.Conditions{MayFail: []memory.Link{{A: "hub"}}, Faults: memory.Restart},
	faulty:  tenMeters(connectFaulty), mended: tenMeters(connectMended),
}

// tenMeters connects ten meters, one after the other. The hub can take five in a second.
func tenMeters(connect func(r reactor.Reactor) *endpoints.ClientService[*meter]) program {
	return func(t testing.TB, r *memory.Reactor) {
		var came []time.Time
		hub := r.Machine("hub", "192.0.2.1")
		hub.Process(func() (stop func()) {
			port, err := hub.ListenTCP(":1234", reactor.FactoryFunc(func(net.Addr) reactor.Protocol {
				came = append(came, r.Now())
				return newMeter(nil)
			}))
			if err != nil {
				t.Error(err)
				return nil
			}
			return func() { port.StopListening() }
		})
		home := r.Machine("home", "192.0.2.2")
		var meters []*endpoints.ClientService[*meter]
		for range 10 {
			meters = append(meters, connect(home))
			r.RunFor(10 * time.Second)
		}
		r.RunFor(10 * time.Minute)
		for i, at := range came {
			if i >= 5 && at.Sub(came[i-5]) < time.Second {
				t.Errorf("six meters came within a second, at %v", at.Sub(time.Unix(0, 0)))
			}
		}
		var stopped []*deferred.Deferred[deferred.None]
		for _, m := range meters {
			stopped = append(stopped, m.StopService())
		}
		result(t, r, deferred.GatherResults(stopped), time.Minute)
	}
}
