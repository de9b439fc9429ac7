package endpoints

import (
	"net"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/reactor"
)

// ConnectProtocol connects p to endpoint, without a factory, and fires with p. p
// is for one connection: to call this twice with the same is wrong. It is
// Twisted's connectProtocol.
func ConnectProtocol[P reactor.Protocol](endpoint ClientEndpoint, p P) *deferred.Deferred[P] {
	connecting := endpoint.Connect(reactor.FactoryFunc(func(net.Addr) reactor.Protocol { return p }))
	return deferred.Map(connecting, func(reactor.Protocol) (P, error) { return p, nil })
}
