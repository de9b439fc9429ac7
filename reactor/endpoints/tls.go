package endpoints

import (
	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/reactor"
)

// A TLS endpoint speaks TLS to the server at another endpoint.
type TLS struct {
	clock  reactor.Clock
	config reactor.TLSConfig
	below  ClientEndpoint
}

// WrapTLS returns an endpoint that speaks TLS to the server at e; see
// [reactor.TLSClient]. r is e's reactor. It is Twisted's wrapClientTLS.
func WrapTLS(r reactor.Clock, config reactor.TLSConfig, e ClientEndpoint) *TLS {
	return &TLS{r, config, e}
}

// Connect connects, completes the handshake and fires with the protocol that factory
// built. If the handshake fails, it fails with [reactor.ErrHandshake] and the reason,
// and factory builds no protocol.
func (t *TLS) Connect(factory reactor.Factory) *deferred.Deferred[reactor.Protocol] {
	return reactor.TLSClient(t.clock, t.config, factory).Connect(t.below.Connect)
}

// Secure returns true; see [SecureEndpoint].
func (t *TLS) Secure() bool { return true }

// A TLSServer endpoint listens at another endpoint for clients that speak TLS.
type TLSServer struct {
	clock  reactor.Clock
	config reactor.TLSConfig
	below  ServerEndpoint
}

// WrapTLSServer returns an endpoint that listens at e for clients that speak TLS; see
// [reactor.TLSServer]. r is e's reactor.
func WrapTLSServer(r reactor.Clock, config reactor.TLSConfig, e ServerEndpoint) *TLSServer {
	return &TLSServer{r, config, e}
}

// Listen listens at the endpoint below. When the handshake on a connection is
// complete, factory builds its protocol.
func (t *TLSServer) Listen(factory reactor.Factory) *deferred.Deferred[reactor.Port] {
	return t.below.Listen(reactor.TLSServer(t.clock, t.config, factory))
}
