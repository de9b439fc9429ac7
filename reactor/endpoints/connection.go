package endpoints

import (
	"net"

	"github.com/seed-7c003b53/gotreq/reactor"
)

// This file tells a ClientService when its connection is lost. It wraps the user's
// protocol and the protocol's transport. The wrappers stay in place when the protocol
// is switched, for example to TLS.

// A connectionFactory builds the protocols of one attempt to connect.
type connectionFactory struct {
	factory    reactor.Factory
	service    *ClientService
	connection *connection // the last connection; nil before the first
}

func (f *connectionFactory) BuildProtocol(peer net.Addr) reactor.Protocol {
	p := f.factory.BuildProtocol(peer)
	if p == nil {
		return nil
	}
	f.connection = &connection{service: f.service, built: p}
	return f.connection.wrap(p)
}

// AcceptableProtocols returns those of the user's factory; see [reactor.NegotiatingFactory].
func (f *connectionFactory) AcceptableProtocols() []string {
	if above, ok := f.factory.(reactor.NegotiatingFactory); ok {
		return above.AcceptableProtocols()
	}
	return nil
}

// A connection is one connection of a service.
type connection struct {
	service   *ClientService
	built     reactor.Protocol // built by the user's factory
	protocol  reactor.Protocol // the current protocol: built, unless it was switched
	transport reactor.Transport
	lost      error // why the connection was lost; nil while it is open
}

// wrap makes p the current protocol, and returns the protocol for the transport.
func (c *connection) wrap(p reactor.Protocol) reactor.Protocol {
	c.protocol = p
	w := wrappedProtocol{p, c}
	if half, ok := p.(reactor.HalfCloseableProtocol); ok {
		return halfCloseableWrappedProtocol{w, half}
	}
	return w
}

// A wrappedProtocol tells the service when the connection is lost.
type wrappedProtocol struct {
	reactor.Protocol
	connection *connection
}

func (p wrappedProtocol) ConnectionMade(t reactor.Transport) {
	p.connection.transport = t
	p.Protocol.ConnectionMade(wrappedTransport{t, p.connection})
}

func (p wrappedProtocol) ConnectionLost(reason error) {
	p.connection.lost = reason
	defer p.connection.service.connectionLost(p.connection) // even if the protocol panics
	p.Protocol.ConnectionLost(reason)
}

// A halfCloseableWrappedProtocol is a wrappedProtocol that is half-closeable.
type halfCloseableWrappedProtocol struct {
	wrappedProtocol
	half reactor.HalfCloseableProtocol
}

func (p halfCloseableWrappedProtocol) ReadConnectionLost()  { p.half.ReadConnectionLost() }
func (p halfCloseableWrappedProtocol) WriteConnectionLost() { p.half.WriteConnectionLost() }

// A wrappedTransport is the transport that the user's protocol gets. SwitchProtocol
// wraps the new protocol.
type wrappedTransport struct {
	reactor.Transport
	connection *connection
}

func (t wrappedTransport) SwitchProtocol(p reactor.Protocol) (old reactor.Protocol) {
	old = t.connection.protocol
	t.Transport.SwitchProtocol(t.connection.wrap(p))
	return old
}
