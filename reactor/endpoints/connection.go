package endpoints

import (
	"net"

	"github.com/seed-7c003b53/gotreq/reactor"
)

// This file tells a ClientService when its connection is lost. It wraps the user's
// protocol and the protocol's transport. The wrappers stay in place when the protocol
// is switched, for example to TLS.

// A connectionFactory builds the protocols of one attempt to connect.
type connectionFactory[P reactor.Protocol] struct {
	service    *ClientService[P]
	connection *connection[P] // the last connection; nil before the first
}

func (f *connectionFactory[P]) BuildProtocol(peer net.Addr) reactor.Protocol {
	p := f.service.build(peer)
	if isNil(p) {
		return nil
	}
	f.connection = &connection[P]{service: f.service, built: p}
	return f.connection.wrap(p)
}

// A connection is one connection of a service.
type connection[P reactor.Protocol] struct {
	service   *ClientService[P]
	built     P                // built by the user's function
	protocol  reactor.Protocol // the current protocol: built, unless it was switched
	transport reactor.Transport
	prepared  bool  // the service was connected with this connection
	lost      error // why the connection was lost; nil while it is open
}

// wrap makes p the current protocol, and returns the protocol for the transport.
func (c *connection[P]) wrap(p reactor.Protocol) reactor.Protocol {
	c.protocol = p
	w := wrappedProtocol[P]{p, c}
	if half, ok := p.(reactor.HalfCloseableProtocol); ok {
		return halfCloseableWrappedProtocol[P]{w, half}
	}
	return w
}

// A wrappedProtocol tells the service when the connection is lost.
type wrappedProtocol[P reactor.Protocol] struct {
	reactor.Protocol
	connection *connection[P]
}

func (p wrappedProtocol[P]) ConnectionMade(t reactor.Transport) {
	p.connection.transport = t
	p.Protocol.ConnectionMade(wrappedTransport[P]{t, p.connection})
}

func (p wrappedProtocol[P]) ConnectionLost(reason error) {
	p.connection.lost = reason
	defer p.connection.service.connectionLost(p.connection) // even if the protocol panics
	p.Protocol.ConnectionLost(reason)
}

// A halfCloseableWrappedProtocol is a wrappedProtocol that is half-closeable.
type halfCloseableWrappedProtocol[P reactor.Protocol] struct {
	wrappedProtocol[P]
	half reactor.HalfCloseableProtocol
}

func (p halfCloseableWrappedProtocol[P]) ReadConnectionLost()  { p.half.ReadConnectionLost() }
func (p halfCloseableWrappedProtocol[P]) WriteConnectionLost() { p.half.WriteConnectionLost() }

// A wrappedTransport is the transport that the user's protocol gets. SwitchProtocol
// wraps the new protocol.
type wrappedTransport[P reactor.Protocol] struct {
	reactor.Transport
	connection *connection[P]
}

func (t wrappedTransport[P]) SwitchProtocol(p reactor.Protocol) (old reactor.Protocol) {
	old = t.connection.protocol
	t.Transport.SwitchProtocol(t.connection.wrap(p))
	return old
}
