package endpoints

import (
	"net"
	"reflect"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/reactor"
)

// A ClientEndpoint is a place to connect to. It is Twisted's
// IStreamClientEndpoint.
type ClientEndpoint interface {
	// Connect connects to the endpoint and fires with the protocol that factory
	// built. Cancelling the Deferred ends the attempt.
	Connect(factory reactor.Factory) *deferred.Deferred[reactor.Protocol]
}

// A SecureEndpoint is a [ClientEndpoint] that may be secure. A program that must not send
// in clear, such as an agent with a request for https, speaks TLS on the connections of any
// other endpoint itself.
type SecureEndpoint interface {
	ClientEndpoint
	// Secure reports whether the connections are secure as they are: they speak TLS, as
	// those of [TLS], or nobody else can read them, as those of a socket to a process
	// that speaks TLS.
	Secure() bool
}

// A ServerEndpoint is a place to listen at. It is Twisted's
// IStreamServerEndpoint.
type ServerEndpoint interface {
	// Listen starts to listen and fires with the port. factory builds a protocol
	// for each connection. The endpoints of this package fire at once.
	Listen(factory reactor.Factory) *deferred.Deferred[reactor.Port]
}

// ConnectProtocol connects p to endpoint, without a factory, and fires with p. Each
// connection needs a protocol of its own. If p is nil, the Deferred fails with
// [reactor.ErrNoProtocol]. It is Twisted's connectProtocol.
func ConnectProtocol[P reactor.Protocol](endpoint ClientEndpoint, p P) *deferred.Deferred[P] {
	connecting := endpoint.Connect(reactor.FactoryFunc(func(net.Addr) reactor.Protocol {
		if isNil(p) {
			return nil
		}
		return p
	}))
	return deferred.Map(connecting, func(reactor.Protocol) (P, error) { return p, nil })
}

// isNil reports whether p is nil, or an interface with a nil pointer or the like in it.
func isNil(p reactor.Protocol) bool {
	switch v := reflect.ValueOf(p); v.Kind() {
	case reflect.Invalid:
		return true
	case reflect.Pointer, reflect.Func, reflect.Map, reflect.Slice, reflect.Chan:
		return v.IsNil()
	}
	return false
}

// listening returns a Deferred that has fired with the results of a reactor's Listen
// method.
func listening(p reactor.Port, err error) *deferred.Deferred[reactor.Port] {
	d := deferred.New[reactor.Port]()
	d.Resolve(p, err)
	return d
}
