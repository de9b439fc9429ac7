package endpoints

import (
	"net"

	"github.com/seed-7c003b53/gotreq/reactor"
)

// This file lets a ClientService know when a connection is lost: it puts a
// protocol of its own between the transport and the user's.

// A watchingFactory builds watched protocols.
type watchingFactory struct {
	factory reactor.Factory
	service *ClientService
}

func (f watchingFactory) BuildProtocol(peer net.Addr) reactor.Protocol {
	p := f.factory.BuildProtocol(peer)
	if p == nil {
		return nil
	}
	w := &watched{Protocol: p, service: f.service}
	if half, ok := p.(reactor.HalfCloseableProtocol); ok {
		return &watchedHalfCloseable{w, half}
	}
	return w
}

// A watched protocol is the user's, with its transport, and tells the service
// when it is lost.
type watched struct {
	reactor.Protocol
	service   *ClientService
	transport reactor.Transport
	lost      error // why the connection was, once it was
}

func (w *watched) ConnectionMade(t reactor.Transport) {
	w.transport = t
	w.Protocol.ConnectionMade(t)
}

func (w *watched) ConnectionLost(reason error) {
	w.lost = reason
	defer w.service.connectionLost(w) // though the protocol may panic
	w.Protocol.ConnectionLost(reason)
}

// self is how the service knows either kind of watched protocol.
func (w *watched) self() *watched { return w }

// A watchedHalfCloseable protocol is one for a user's that is half-closeable.
type watchedHalfCloseable struct {
	*watched
	half reactor.HalfCloseableProtocol
}

func (w *watchedHalfCloseable) ReadConnectionLost()  { w.half.ReadConnectionLost() }
func (w *watchedHalfCloseable) WriteConnectionLost() { w.half.WriteConnectionLost() }
