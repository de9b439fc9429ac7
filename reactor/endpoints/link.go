package endpoints

import (
	"net"

	"github.com/seed-7c003b53/gotreq/reactor"
)

// This file tells a ClientService when its connection is lost. A link stands between
// the transport and the user's protocol, in both directions, so that it stays in
// place when the protocol is switched, for example to TLS.

// A linkFactory builds the protocols of one attempt to connect.
type linkFactory struct {
	factory reactor.Factory
	service *ClientService
	link    *link // of the last connection; nil before the first
}

func (f *linkFactory) BuildProtocol(peer net.Addr) reactor.Protocol {
	p := f.factory.BuildProtocol(peer)
	if p == nil {
		return nil
	}
	f.link = &link{service: f.service, built: p}
	return f.link.wrap(p)
}

// A link is one connection of a service.
type link struct {
	service   *ClientService
	built     reactor.Protocol // built by the user's factory
	protocol  reactor.Protocol // the connection's protocol: built, unless it was switched
	transport reactor.Transport
	lost      error // why the connection was lost; nil while it is open
}

// wrap makes p the connection's protocol, and returns the protocol for the transport.
func (l *link) wrap(p reactor.Protocol) reactor.Protocol {
	l.protocol = p
	s := linkProtocol{p, l}
	if half, ok := p.(reactor.HalfCloseableProtocol); ok {
		return halfCloseableLinkProtocol{s, half}
	}
	return s
}

// A linkProtocol tells the service when the connection is lost.
type linkProtocol struct {
	reactor.Protocol
	link *link
}

func (p linkProtocol) ConnectionMade(t reactor.Transport) {
	p.link.transport = t
	p.Protocol.ConnectionMade(linkTransport{t, p.link})
}

func (p linkProtocol) ConnectionLost(reason error) {
	p.link.lost = reason
	defer p.link.service.connectionLost(p.link) // even if the protocol panics
	p.Protocol.ConnectionLost(reason)
}

// A halfCloseableLinkProtocol is the linkProtocol of a half-closeable protocol.
type halfCloseableLinkProtocol struct {
	linkProtocol
	half reactor.HalfCloseableProtocol
}

func (p halfCloseableLinkProtocol) ReadConnectionLost()  { p.half.ReadConnectionLost() }
func (p halfCloseableLinkProtocol) WriteConnectionLost() { p.half.WriteConnectionLost() }

// A linkTransport is the transport that the user's protocol gets. It keeps the link in
// place when the protocol is switched.
type linkTransport struct {
	reactor.Transport
	link *link
}

func (t linkTransport) SwitchProtocol(p reactor.Protocol) (old reactor.Protocol) {
	old = t.link.protocol
	t.Transport.SwitchProtocol(t.link.wrap(p))
	return old
}
