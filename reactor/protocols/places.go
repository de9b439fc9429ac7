package protocols

import (
	"net"

	"github.com/seed-7c003b53/gotreq/internal/list"
	"github.com/seed-7c003b53/gotreq/reactor"
)

// This file counts the connections of a factory, and passes the calls of the optional
// interfaces of factories on.

// places are the places of a factory that are taken: by a connection, from BuildProtocol to
// ConnectionLost, or by a TLS handshake.
type places struct {
	wrappers   list.List[ProtocolWrapper]
	handshakes list.List[handshake]
	freed      func(peerKey)   // called when a place is free again; may be nil
	reactor    reactor.Reactor // of the ports; nil before there are any
}

// A handshake of TLS has a place until it ends.
type handshake struct {
	at     list.Node[handshake]
	places *places
	peer   peerKey
	ended  func() // of the factory above
}

func (p *places) taken() int { return p.wrappers.Len() + p.handshakes.Len() }

// build takes a place, and returns the wrapped protocol of factory. It takes no place if
// factory builds none.
func (p *places) build(factory reactor.Factory, w Wrapper, peer net.Addr, key peerKey) reactor.Protocol {
	b := w.wrapper()
	if b.self != nil {
		panic("protocols: Wrap returned the same wrapper twice: it needs a new one for each connection")
	}
	b.self, b.places, b.peer = w, p, key
	p.wrappers.Push(&b.at, b)
	defer func() {
		if b.inner == nil {
			b.leave()
		}
	}()
	if b.inner = factory.BuildProtocol(peer); b.inner == nil {
		return nil
	}
	return b.outside()
}

// leave gives the place of w back. A second call does nothing.
func (w *ProtocolWrapper) leave() {
	if w.at.Remove() && w.places.freed != nil {
		w.places.freed(w.peer)
	}
}

// begin takes a place for a TLS handshake, and returns the function that gives it back. It
// returns nil, and takes no place, if factory refuses the connection.
func (p *places) begin(factory reactor.Factory, below reactor.Transport, key peerKey) (ended func()) {
	h := &handshake{places: p, peer: key}
	p.handshakes.Push(&h.at, h)
	defer func() {
		if h.ended == nil {
			h.leave()
		}
	}()
	if h.ended = begin(factory, below); h.ended == nil {
		return nil
	}
	return h.end
}

func (h *handshake) end() {
	h.leave()
	h.ended()
}

func (h *handshake) leave() {
	if h.at.Remove() && h.places.freed != nil {
		h.places.freed(h.peer)
	}
}

// start is called when port listens on r. It calls DoStart of factory.
func (p *places) start(factory reactor.Factory, r reactor.Reactor, port reactor.Port) {
	p.forgetStopped(r)
	if f, ok := factory.(reactor.ListeningFactory); ok {
		f.DoStart(r, port)
	}
}

// forgetStopped forgets the connections of the reactor before r, if that has stopped, and
// reports whether it has. A reactor that was stopped by Crash does not call ConnectionLost.
func (p *places) forgetStopped(r reactor.Reactor) bool {
	before := p.reactor
	p.reactor = r
	if before == nil || before == r || before.Running() {
		return false
	}
	for w := p.wrappers.First(); w != nil; w = p.wrappers.First() {
		w.leave()
	}
	for h := p.handshakes.First(); h != nil; h = p.handshakes.First() {
		h.leave()
	}
	return true
}

// stop calls DoStop of factory.
func stop(factory reactor.Factory, port reactor.Port) {
	if f, ok := factory.(reactor.ListeningFactory); ok {
		f.DoStop(port)
	}
}

// acceptable returns the AcceptableProtocols of factory.
func acceptable(factory reactor.Factory) []string {
	if f, ok := factory.(reactor.NegotiatingFactory); ok {
		return f.AcceptableProtocols()
	}
	return nil
}

// begin calls HandshakeBegins of factory. A factory that does not count handshakes allows all.
func begin(factory reactor.Factory, below reactor.Transport) (ended func()) {
	if f, ok := factory.(reactor.HandshakeFactory); ok {
		return f.HandshakeBegins(below)
	}
	return func() {}
}
