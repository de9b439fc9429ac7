package endpoints

import (
	"crypto/tls"
	"fmt"
	"time"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/reactor"
)

// A TLS is the endpoint of what speaks TLS at another endpoint. It is what
// Twisted's wrapClientTLS returns.
type TLS struct {
	clock  reactor.Clock
	config *tls.Config
	below  ClientEndpoint
	// HandshakeTimeout bounds the handshake; 0 means
	// [reactor.DefaultHandshakeTimeout].
	HandshakeTimeout time.Duration
}

// WrapTLS returns the endpoint of what speaks TLS at e, as config says: see
// [reactor.TLSClient]. r is e's reactor. It is Twisted's wrapClientTLS.
func WrapTLS(r reactor.Clock, config *tls.Config, e ClientEndpoint) *TLS {
	return &TLS{clock: r, config: config, below: e}
}

// Connect connects, shakes hands, and fires with the protocol that factory built.
// It fails with [reactor.ErrHandshake], and the reason, if the handshake does; then
// no protocol was built.
func (t *TLS) Connect(factory reactor.Factory) *deferred.Deferred[reactor.Protocol] {
	f := reactor.TLSClient(t.clock, t.config, factory)
	f.HandshakeTimeout = t.HandshakeTimeout
	return deferred.Then(t.below.Connect(f), func(p reactor.Protocol) *deferred.Deferred[reactor.Protocol] {
		s, ok := p.(*reactor.TLSProtocol)
		if !ok {
			return deferred.Fail[reactor.Protocol](fmt.Errorf("endpoints: TLS over an endpoint that connected a %T", p))
		}
		return s.WhenHandshaken()
	})
}

// A TLSServer is the endpoint of a server that speaks TLS at another endpoint.
type TLSServer struct {
	clock  reactor.Clock
	config *tls.Config
	below  ServerEndpoint
}

// WrapTLSServer returns the endpoint of a server that speaks TLS at e, as config
// says: see [reactor.TLSServer]. r is e's reactor.
func WrapTLSServer(r reactor.Clock, config *tls.Config, e ServerEndpoint) *TLSServer {
	return &TLSServer{clock: r, config: config, below: e}
}

// Listen listens at e. factory builds the protocol of a connection when the
// handshake on it is done.
func (t *TLSServer) Listen(factory reactor.Factory) *deferred.Deferred[reactor.Port] {
	return t.below.Listen(reactor.TLSServer(t.clock, t.config, factory))
}
