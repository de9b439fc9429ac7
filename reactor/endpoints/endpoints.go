package endpoints

import (
	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/reactor"
)

// A ClientEndpoint is a place to connect to. It is Twisted's
// IStreamClientEndpoint.
type ClientEndpoint interface {
	// Connect connects there and fires with the protocol that factory built.
	// Cancelling the Deferred gives the attempt up.
	Connect(factory reactor.Factory) *deferred.Deferred[reactor.Protocol]
}

// A ServerEndpoint is a place to listen at. It is Twisted's
// IStreamServerEndpoint.
type ServerEndpoint interface {
	// Listen begins to listen there, with factory building a protocol for each
	// connection, and fires with the port. The endpoints of this package do so
	// at once; others may have something to wait for first.
	Listen(factory reactor.Factory) *deferred.Deferred[reactor.Port]
}

// listening returns a Deferred that has fired with what a reactor's Listen
// methods return.
func listening(p reactor.Port, err error) *deferred.Deferred[reactor.Port] {
	d := deferred.New[reactor.Port]()
	d.Resolve(p, err)
	return d
}
