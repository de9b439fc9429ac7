package protocols

import (
	"log/slog"
	"net"

	"github.com/seed-7c003b53/gotreq/reactor"
)

// A LimitTotalConnectionsFactory bounds the connections of a factory. Above TLS, a connection
// counts from the beginning of its handshake. It is Twisted's LimitTotalConnectionsFactory; see
// [WrappingFactory].
type LimitTotalConnectionsFactory struct {
	// Factory builds the protocols.
	Factory reactor.Factory
	// Limit is the largest number of connections at a time. 0 or less means no limit.
	Limit int
	// OverflowFactory builds the protocols of the connections beyond Limit, such as one
	// that says so and closes the connection. These connections count as well, and the
	// Limit does not bound them. nil means that such connections are refused: they are
	// closed at once.
	OverflowFactory reactor.Factory

	places places
}

// Connections returns the number of connections, those of OverflowFactory and those in TLS's
// handshake among them. It is Twisted's connectionCount.
func (f *LimitTotalConnectionsFactory) Connections() int { return f.places.taken() }

// next returns the factory for one more connection, or nil.
func (f *LimitTotalConnectionsFactory) next(peer net.Addr) reactor.Factory {
	if f.Limit <= 0 || f.places.taken() < f.Limit {
		return f.Factory
	}
	if f.OverflowFactory == nil {
		slog.Debug("protocols: a connection is refused", "peer", peer, "limit", f.Limit)
	}
	return f.OverflowFactory
}

// BuildProtocol returns a protocol of Factory or OverflowFactory, or nil; see
// [reactor.Factory].
func (f *LimitTotalConnectionsFactory) BuildProtocol(peer net.Addr) reactor.Protocol {
	factory := f.next(peer)
	if factory == nil {
		return nil
	}
	return f.places.build(factory, &ProtocolWrapper{}, peer, peerKey{})
}

// DoStart calls DoStart of Factory and OverflowFactory; see [reactor.ListeningFactory].
func (f *LimitTotalConnectionsFactory) DoStart(r reactor.Reactor, p reactor.Port) {
	f.places.start(f.Factory, r, p)
	if o, ok := f.OverflowFactory.(reactor.ListeningFactory); ok {
		o.DoStart(r, p)
	}
}

// DoStop calls DoStop of Factory and OverflowFactory; see [reactor.ListeningFactory].
func (f *LimitTotalConnectionsFactory) DoStop(p reactor.Port) {
	stop(f.Factory, p)
	stop(f.OverflowFactory, p)
}

// AcceptableProtocols returns those of Factory; see [reactor.NegotiatingFactory].
func (f *LimitTotalConnectionsFactory) AcceptableProtocols() []string { return acceptable(f.Factory) }

// HandshakeBegins counts a connection from the beginning of its TLS handshake; see
// [reactor.HandshakeFactory].
func (f *LimitTotalConnectionsFactory) HandshakeBegins(below reactor.Transport) (ended func()) {
	factory := f.next(below.Peer())
	if factory == nil {
		return nil
	}
	return f.places.begin(factory, below, peerKey{})
}
