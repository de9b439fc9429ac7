// Metrics collects datapoints: a client sends lines to a relay, which passes them on to a store, as
// strings of JSON. It is the counterpart of Twisted programs such as Carbon, Graphite's collector: a
// client that connects again and has a bounded queue, receivers of lines and of Int32 strings with
// limits and an idle timeout, and back-pressure from the slowest part to the first.
//
// The program needs no arguments: all three are in it, and speak over TCP.
package main

import (
	"fmt"
	"log/slog"
	"time"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/reactor"
	"github.com/seed-7c003b53/gotreq/reactor/endpoints"
	"github.com/seed-7c003b53/gotreq/reactor/protocols"
	"github.com/seed-7c003b53/gotreq/reactor/task"
)

func main() { task.React(run) }

func run(r reactor.Reactor) *deferred.Deferred[deferred.None] {
	stored := deferred.New[deferred.None]()
	points := 0
	store := &receiver{logger: slog.Default(), received: func(p datapoint) {
		fmt.Println(p)
		if points++; points == 3 {
			stored.Callback(deferred.None{})
		}
	}}
	relayed := &receiver{logger: slog.Default(), idleTimeout: 2 * time.Minute, resolution: 60}
	relay := newRelay(r, relayed)

	toStore, err := listen(r, store.strings())
	if err != nil {
		return deferred.Fail[deferred.None](err)
	}
	toRelay, err := listen(r, &protocols.ThrottlingFactory{Factory: relayed.lines(), MaxConnections: 1000})
	if err != nil {
		return deferred.Fail[deferred.None](err)
	}
	relay.add(toStore, clientConfig{name: "store", link: newStringLink})
	c := newClient(r, toRelay, clientConfig{link: newLineLink})
	c.start()
	for i := range 3 {
		c.send(datapoint{"servers.web1.load", 0.25 * float64(i), int64(1_000_000_000 + 45*i)})
	}
	return deferred.Then(stored, func(none deferred.None) *deferred.Deferred[deferred.None] {
		return deferred.Map(deferred.Gather2(c.stop(), relay.stop()), func(deferred.Pair[int, []int]) (deferred.None, error) { return none, nil })
	})
}

func listen(r reactor.Reactor, factory reactor.Factory) (endpoints.ClientEndpoint, error) {
	port, err := r.ListenTCP("127.0.0.1:0", factory)
	if err != nil {
		return nil, err
	}
	return endpoints.NewTCPClient(r, port.Addr().String(), reactor.ConnectConfig{}), nil
}
