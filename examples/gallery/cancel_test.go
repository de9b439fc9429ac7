package gallery

import (
	"testing"
	"time"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/reactor/memory"
	"github.com/seed-7c003b53/gotreq/treq/client"
	"github.com/seed-7c003b53/gotreq/treq/web"
)

var cancelExhibit = exhibit{
	file: "cancel.go", fault: "a cancel swallowed",
	network: memory.Conditions{MayFail: []memory.Link{{A: "broker", B: "exchange"}}},
	faulty:  oneShare((*broker).buyFaulty), mended: oneShare((*broker).buyMended),
}

// oneShare buys a share. The customer has it, unless the order was cancelled.
func oneShare(buy func(b *broker) *deferred.Deferred[int]) program {
	return func(t testing.TB, r *memory.Reactor) {
		serve(t, r.Machine("exchange", "192.0.2.1"), &web.Site{Root: web.NewData([]byte("42"), "text/plain")})
		b := &broker{client: client.New(r.Machine("broker", "192.0.2.2"), client.Config{Defaults: careful}), last: 41}
		order := &order{Deferred: buy(b)}
		r.MayCancel(order, "the order")
		_, err := result(t, r, order.Deferred, 10*time.Minute)
		if order.cancelled == (b.bought == 1) || order.cancelled == (err == nil) {
			t.Errorf("cancelled: %t, bought: %d, error: %v", order.cancelled, b.bought, err)
		}
	}
}

// An order knows whether it was cancelled in time.
type order struct {
	*deferred.Deferred[int]
	cancelled bool
}

func (o *order) Cancel() {
	o.cancelled = !o.Called()
	o.Deferred.Cancel()
}
