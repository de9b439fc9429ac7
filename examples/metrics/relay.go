package main

import (
	"slices"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/reactor"
	"github.com/seed-7c003b53/gotreq/reactor/endpoints"
)

// A relay passes each datapoint of its receiver on to all its clients. While the queue of one is
// full, or there is none, the receiver is paused: nothing is lost, and who sends has to wait.
type relay struct {
	reactor  reactor.Reactor
	receiver *receiver
	clients  []*client
}

func newRelay(r reactor.Reactor, from *receiver) *relay {
	l := &relay{reactor: r, receiver: from}
	from.received = func(p datapoint) {
		for _, c := range l.clients {
			c.send(p)
		}
	}
	l.update()
	return l
}

// add starts a client, unless there is one of that name.
func (l *relay) add(to endpoints.ClientEndpoint, config clientConfig) {
	if l.find(config.name) < 0 {
		config.changed = l.update
		c := newClient(l.reactor, to, config)
		l.clients = append(l.clients, c)
		c.start()
		l.update()
	}
}

// remove stops a client. The Deferred fires with the number of datapoints that were not sent.
func (l *relay) remove(name string) *deferred.Deferred[int] {
	i := l.find(name)
	if i < 0 {
		return deferred.Succeed(0)
	}
	c := l.clients[i]
	l.clients = slices.Delete(l.clients, i, i+1)
	l.update()
	return c.stop()
}

// stop stops all clients.
func (l *relay) stop() *deferred.Deferred[[]int] {
	var stopped []*deferred.Deferred[int]
	for len(l.clients) > 0 {
		stopped = append(stopped, l.remove(l.clients[0].config.name))
	}
	return deferred.GatherResults(stopped)
}

func (l *relay) find(name string) int {
	return slices.IndexFunc(l.clients, func(c *client) bool { return c.config.name == name })
}

func (l *relay) update() {
	if len(l.clients) == 0 || slices.ContainsFunc(l.clients, func(c *client) bool { return c.full }) {
		l.receiver.pause()
	} else {
		l.receiver.resume()
	}
}
