package gallery

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/reactor/memory"
	"github.com/seed-7c003b53/gotreq/treq/client"
	"github.com/seed-7c003b53/gotreq/treq/response"
)

var shutdownExhibit = exhibit{
	file: "shutdown.go", fault: "a shutdown that loses the last request",
	network: memory.Conditions{MaxLatency: 5 * time.Second, Whole: true},
	faulty:  threeOrders((*kitchen).closeFaulty), mended: threeOrders((*kitchen).closeMended),
}

// threeOrders gives three orders, five seconds apart, and then closes the kitchen. What was accepted is
// cooked.
func threeOrders(closeKitchen func(k *kitchen) *deferred.Deferred[deferred.None]) program {
	return func(t testing.TB, r *memory.Reactor) {
		k, err := open(r.Machine("kitchen", "192.0.2.1"), ":80")
		if err != nil {
			t.Fatal(err)
		}
		c := client.New(r.Machine("guest", "192.0.2.2"), client.Config{Defaults: careful})
		var accepted []string
		for i := range 3 {
			order := fmt.Sprint("order ", i)
			c.Post("http://kitchen/", client.Body(order)).AddBoth(func(resp *response.Response, err error) (*response.Response, error) {
				if err == nil && resp.Code == 202 {
					accepted = append(accepted, order)
				}
				return nil, nil
			})
			r.RunFor(5 * time.Second)
		}
		if _, err := result(t, r, closeKitchen(k), time.Minute); err != nil {
			t.Error(err)
		}
		r.RunFor(time.Minute)
		for _, order := range accepted {
			if !slices.Contains(k.cooked, order) {
				t.Errorf("%s was accepted; cooked are %q", order, k.cooked)
			}
		}
	}
}
