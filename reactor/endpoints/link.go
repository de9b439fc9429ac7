package endpoints

import (
	"net"

	"github.com/seed-7c003b53/gotreq/reactor"
)

// This file lets a ClientService know when a connection is lost: it puts itself
// between the transport and the user's protocol, in both directions, so that it
// is still there when the protocol is switched, to TLS for example.

// A linkFactory builds the protocols of a service's connections.
type linkFactory struct {
	factory reactor.Factory
	service *ClientService
}

func (f linkFactory) BuildProtocol(peer net.Addr) reactor.Protocol {
	p := f.factory.BuildProtocol(peer)
	if p == nil {
		return nil
	}
	l := &link{service: f.service, built: p}
	return l.shell(p)
}

// A link is a connection of a service's.
type link struct {
	service   *ClientService
	built     reactor.Protocol // by the user's factory
	protocol  reactor.Protocol // that has the connection: built, unless it was switched
	transport reactor.Transport
	lost      error // why the connection was, once it was
}

// shell makes p the protocol that has the connection, and returns what the
// transport is to have in its place.
func (l *link) shell(p reactor.Protocol) reactor.Protocol {
	l.protocol = p
	s := shell{p, l}
	if half, ok := p.(reactor.HalfCloseableProtocol); ok {
		return halfCloseableShell{s, half}
	}
	return s
}

// switchProtocol is the SwitchProtocol of the transports that protocols get.
func (l *link) switchProtocol(p reactor.Protocol) (old reactor.Protocol) {
	old = l.protocol
	l.transport.SwitchProtocol(l.shell(p))
	return old
}

// A shell is a protocol that tells the service when the connection is lost.
type shell struct {
	reactor.Protocol
	link *link
}

func (s shell) ConnectionMade(t reactor.Transport) {
	s.link.transport = t
	if secure, ok := t.(reactor.TLSTransport); ok {
		s.Protocol.ConnectionMade(linkTLSTransport{secure, s.link})
		return
	}
	s.Protocol.ConnectionMade(linkTransport{t, s.link})
}

func (s shell) ConnectionLost(reason error) {
	s.link.lost = reason
	defer s.link.service.connectionLost(s.link) // though the protocol may panic
	s.Protocol.ConnectionLost(reason)
}

// self is how the service finds the link of a protocol that comes back to it.
func (s shell) self() *link { return s.link }

// A halfCloseableShell is the shell of a protocol that is half-closeable.
type halfCloseableShell struct {
	shell
	half reactor.HalfCloseableProtocol
}

func (s halfCloseableShell) ReadConnectionLost()  { s.half.ReadConnectionLost() }
func (s halfCloseableShell) WriteConnectionLost() { s.half.WriteConnectionLost() }

// A linkTransport is the transport that a protocol gets.
type linkTransport struct {
	reactor.Transport
	link *link
}

func (t linkTransport) SwitchProtocol(p reactor.Protocol) reactor.Protocol {
	return t.link.switchProtocol(p)
}

// A linkTLSTransport is the same where the connection speaks TLS.
type linkTLSTransport struct {
	reactor.TLSTransport
	link *link
}

func (t linkTLSTransport) SwitchProtocol(p reactor.Protocol) reactor.Protocol {
	return t.link.switchProtocol(p)
}
