package gallery

import (
	"net/http"
	"time"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/reactor"
	"github.com/seed-7c003b53/gotreq/reactor/task"
	"github.com/seed-7c003b53/gotreq/treq/web"
)

// A kitchen takes orders at once, and cooks them one after the other. It closes every night, and now and
// then a guest has an order that was accepted and that nobody has cooked.

// A kitchen is the handler of its site.
type kitchen struct {
	clock   reactor.Clock
	site    *web.Site
	port    reactor.Port
	orders  *deferred.DeferredQueue[string] // "" ends the cooking
	cooking *deferred.Deferred[deferred.None]
	cooked  []string
}

// closeFaulty closes the kitchen.
func (k *kitchen) closeFaulty() *deferred.Deferred[deferred.None] {
	stopped := k.port.StopListening()
	k.cooking.Cancel()
	return stopped
}

// closeMended closes the kitchen when the last guests have an answer, and what was ordered is cooked.
func (k *kitchen) closeMended() *deferred.Deferred[deferred.None] {
	return k.site.Shutdown().ThenBoth(func(deferred.None, error) *deferred.Deferred[deferred.None] {
		k.orders.Put("")
		return k.cooking
	})
}

// open opens a kitchen.
func open(r reactor.Reactor, address string) (k *kitchen, err error) {
	k = &kitchen{clock: r, orders: deferred.NewDeferredQueue[string](deferred.QueueConfig{})}
	k.site = &web.Site{Handler: k}
	k.cooking = deferred.Go(k.cook).AddErrback(ended)
	k.port, err = r.ListenTCP(address, k.site)
	return k, err
}

func (k *kitchen) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	if order, ok := content(w, req); ok {
		k.orders.Put(order)
		w.WriteHeader(http.StatusAccepted)
	}
}

// cook takes two seconds for each order.
func (k *kitchen) cook(co *deferred.Co) (none deferred.None, err error) {
	for {
		order, err := deferred.Await(co, k.orders.Get())
		if err != nil || order == "" {
			return none, err
		}
		if _, err := deferred.Await(co, task.Sleep(k.clock, 2*time.Second)); err != nil {
			return none, err
		}
		k.cooked = append(k.cooked, order)
	}
}
