package protocols

import (
	"crypto/tls"
	"fmt"
	"iter"
	"log/slog"
	"net"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/internal/handover"
	"github.com/seed-7c003b53/gotreq/internal/list"
	"github.com/seed-7c003b53/gotreq/reactor"
)

// This file has what stands between a transport and a protocol.

// A ProtocolWrapper stands between a transport and the protocol of its connection: it is the
// protocol of the transport below it, and the transport of the protocol that it wraps. It
// passes every call on. It is Twisted's ProtocolWrapper.
//
// A program that wants to see or change some of the calls embeds a ProtocolWrapper in a struct
// of its own, whose methods call those of the ProtocolWrapper:
//
//	type counter struct {
//		protocols.ProtocolWrapper
//		written int
//	}
//
//	func (c *counter) Write(data []byte) {
//		c.written += len(data)
//		c.ProtocolWrapper.Write(data)
//	}
//
//	factory := &protocols.WrappingFactory{Factory: site, Wrap: func(net.Addr) protocols.Wrapper { return &counter{} }}
//
// The wrapped protocol gets the program's struct as its transport. If that protocol is replaced
// by SwitchProtocol, the wrapper stays and wraps the new one. The transport below sees a
// [reactor.HalfCloseableProtocol] while the wrapped protocol is one.
//
// Write and WriteSequence are independent of each other: override both or neither.
type ProtocolWrapper struct {
	// Transport is the transport below. It is nil before ConnectionMade.
	Transport reactor.Transport

	self   Wrapper          // the struct that embeds the ProtocolWrapper
	inner  reactor.Protocol // the wrapped protocol
	places *places          // of the factory
	peer   peerKey          // the peer, for a limit per peer
	at     list.Node[ProtocolWrapper]
	failed error // why the wrapper ended the connection; nil if it did not
}

// A Wrapper is a struct that embeds a [ProtocolWrapper].
type Wrapper interface {
	reactor.HalfCloseableProtocol
	reactor.Transport
	// Wrapped returns the wrapped protocol.
	Wrapped() reactor.Protocol

	wrapper() *ProtocolWrapper
}

var _ Wrapper = (*ProtocolWrapper)(nil)

func (w *ProtocolWrapper) wrapper() *ProtocolWrapper { return w }

// Wrapped returns the wrapped protocol. After SwitchProtocol, that is the new one.
func (w *ProtocolWrapper) Wrapped() reactor.Protocol { return w.inner }

// As finds a layer of a connection by its type T.
//
// If layer is a protocol that a factory of this package has built, As searches its wrapper,
// then the wrapped protocol, and so on to the innermost one. A program finds its own protocol
// in this way after ConnectTCP. If layer is the transport that a wrapped protocol got, As searches
// that transport, then the one below it, and so on to the outermost one. A protocol
// finds its [TimeoutProtocol] in this way. The search ends where TLS begins.
func As[T any](layer any) (found T, ok bool) {
	for layer != nil {
		outside, isProtocol := layer.(interface{ inside() *ProtocolWrapper })
		if isProtocol {
			layer = outside.inside().self
		}
		if found, ok = layer.(T); ok {
			return found, true
		}
		if early, ok := layer.(*handover.Transport); ok {
			layer = early.Transport
			continue
		}
		wrapper, isWrapper := layer.(Wrapper)
		switch {
		case !isWrapper:
			return found, false
		case isProtocol:
			layer = wrapper.Wrapped()
		default:
			layer = wrapper.wrapper().Transport
		}
	}
	return found, false
}

// An outside is a wrapper as the transport below sees it. It holds one pointer, so that no
// memory is allocated for it.
type outside struct{ w *ProtocolWrapper }

// A halfCloseableOutside is the outside of a wrapper whose protocol is half-closeable.
type halfCloseableOutside struct{ outside }

var (
	_ reactor.HandshakeListener     = outside{}
	_ reactor.HalfCloseableProtocol = halfCloseableOutside{}
)

// outside returns the protocol for the transport below.
func (w *ProtocolWrapper) outside() reactor.Protocol {
	if _, half := w.inner.(reactor.HalfCloseableProtocol); half {
		return halfCloseableOutside{outside{w}}
	}
	return outside{w}
}

func (o outside) inside() *ProtocolWrapper { return o.w }

// Wrapped returns the wrapped protocol. The loop names callbacks by it, for WarnSlow.
func (o outside) Wrapped() reactor.Protocol { return o.w.inner }

// ConnectionMade calls that of the wrapper.
func (o outside) ConnectionMade(t reactor.Transport) {
	o.w.Transport = t
	o.w.self.ConnectionMade(t)
}

// DataReceived calls that of the wrapper.
func (o outside) DataReceived(data []byte) { o.w.self.DataReceived(data) }

// ConnectionLost gives the place in the factory back, and calls that of the wrapper.
func (o outside) ConnectionLost(reason error) {
	if o.w.failed != nil {
		reason = o.w.failed
	}
	o.w.leave()
	o.w.self.ConnectionLost(reason)
}

// NeverConnected gives the place in the factory back: the reactor calls it if the protocol gets no
// connection, since BuildProtocol has cancelled the attempt to connect.
func (o outside) NeverConnected() {
	o.w.leave()
	if p, ok := o.w.inner.(interface{ NeverConnected() }); ok {
		p.NeverConnected()
	}
}

// HandshakeCompleted calls that of the wrapped protocol; see [reactor.HandshakeListener].
func (o outside) HandshakeCompleted() {
	if p, ok := o.w.inner.(reactor.HandshakeListener); ok {
		p.HandshakeCompleted()
	}
}

// ReadConnectionLost calls that of the wrapper.
func (o halfCloseableOutside) ReadConnectionLost() { o.w.self.ReadConnectionLost() }

// WriteConnectionLost calls that of the wrapper.
func (o halfCloseableOutside) WriteConnectionLost() { o.w.self.WriteConnectionLost() }

// ConnectionMade connects the wrapped protocol to the wrapper.
func (w *ProtocolWrapper) ConnectionMade(t reactor.Transport) { w.inner.ConnectionMade(w.self) }

// DataReceived passes received bytes on to the wrapped protocol.
func (w *ProtocolWrapper) DataReceived(data []byte) { w.inner.DataReceived(data) }

// ConnectionLost passes the loss on to the wrapped protocol. The factory no longer counts the
// connection when it is called.
func (w *ProtocolWrapper) ConnectionLost(reason error) { w.inner.ConnectionLost(reason) }

// ReadConnectionLost passes the peer's end of file on. It is called only if the wrapped protocol
// is a [reactor.HalfCloseableProtocol].
func (w *ProtocolWrapper) ReadConnectionLost() {
	if half, ok := w.inner.(reactor.HalfCloseableProtocol); ok {
		half.ReadConnectionLost()
	}
}

// WriteConnectionLost passes the end of sending on; see ReadConnectionLost.
func (w *ProtocolWrapper) WriteConnectionLost() {
	if half, ok := w.inner.(reactor.HalfCloseableProtocol); ok {
		half.WriteConnectionLost()
	}
}

// Write sends data; see [reactor.Consumer].
func (w *ProtocolWrapper) Write(data []byte) { w.Transport.Write(data) }

// WriteSequence sends several pieces as one; see [reactor.Transport].
func (w *ProtocolWrapper) WriteSequence(pieces ...[]byte) { w.Transport.WriteSequence(pieces...) }

// RegisterProducer makes p the source of the written data; see [reactor.Consumer].
func (w *ProtocolWrapper) RegisterProducer(p reactor.PushProducer) error {
	return w.Transport.RegisterProducer(p)
}

// RegisterPullProducer makes p the source of the written data; see [reactor.Consumer].
func (w *ProtocolWrapper) RegisterPullProducer(p reactor.PullProducer) error {
	return w.Transport.RegisterPullProducer(p)
}

// UnregisterProducer ends the registration of the producer; see [reactor.Consumer].
func (w *ProtocolWrapper) UnregisterProducer() { w.Transport.UnregisterProducer() }

// PauseProducing stops DataReceived; see [reactor.Transport].
func (w *ProtocolWrapper) PauseProducing() { w.Transport.PauseProducing() }

// ResumeProducing undoes PauseProducing; see [reactor.Transport].
func (w *ProtocolWrapper) ResumeProducing() { w.Transport.ResumeProducing() }

// StopProducing calls LoseConnection of the wrapper; see [reactor.Transport].
func (w *ProtocolWrapper) StopProducing() { w.self.LoseConnection() }

// LoseConnection closes the connection in order; see [reactor.Transport].
func (w *ProtocolWrapper) LoseConnection() { w.Transport.LoseConnection() }

// LoseWriteConnection ends the sending direction in order; see [reactor.Transport].
func (w *ProtocolWrapper) LoseWriteConnection() { w.Transport.LoseWriteConnection() }

// AbortConnection closes the connection at once; see [reactor.Transport].
func (w *ProtocolWrapper) AbortConnection() { w.Transport.AbortConnection() }

// Disconnecting reports whether the connection ends or has ended; see [reactor.Transport].
func (w *ProtocolWrapper) Disconnecting() bool { return w.Transport.Disconnecting() }

// SwitchProtocol replaces the wrapped protocol, and returns the old one; see
// [reactor.Transport].
func (w *ProtocolWrapper) SwitchProtocol(p reactor.Protocol) (old reactor.Protocol) {
	old = w.inner
	_, wasHalf := old.(reactor.HalfCloseableProtocol)
	_, isHalf := p.(reactor.HalfCloseableProtocol)
	w.inner = p
	if wasHalf != isHalf {
		w.Transport.SwitchProtocol(w.outside())
	}
	return old
}

// Host returns the local address; see [reactor.Transport].
func (w *ProtocolWrapper) Host() net.Addr { return w.Transport.Host() }

// Peer returns the remote address; see [reactor.Transport].
func (w *ProtocolWrapper) Peer() net.Addr { return w.Transport.Peer() }

// PeerClosed reports whether the peer is known to have closed; see [reactor.Transport].
func (w *ProtocolWrapper) PeerClosed() bool { return w.Transport.PeerClosed() }

// CheckPeerClosed is PeerClosed that also asks the system; see [reactor.Transport].
func (w *ProtocolWrapper) CheckPeerClosed() bool { return w.Transport.CheckPeerClosed() }

// Reactor returns the reactor of the connection; see [reactor.Transport].
func (w *ProtocolWrapper) Reactor() reactor.Reactor { return w.Transport.Reactor() }

// TLS returns the state of TLS on the connection; see [reactor.Transport].
func (w *ProtocolWrapper) TLS() *tls.ConnectionState { return w.Transport.TLS() }

// SetNoDelay sets TCP_NODELAY; see [reactor.Transport].
func (w *ProtocolWrapper) SetNoDelay(on bool) error { return w.Transport.SetNoDelay(on) }

// SetKeepAlive sets SO_KEEPALIVE; see [reactor.Transport].
func (w *ProtocolWrapper) SetKeepAlive(on bool) error { return w.Transport.SetKeepAlive(on) }

// guard calls f, a function of the program, where the panic guard of the connection is not on
// the stack. A panic of f aborts the connection.
func (w *ProtocolWrapper) guard(f func()) {
	defer func() {
		if v := recover(); v != nil {
			err := deferred.NewPanicError(v)
			slog.Error("protocols: panic in a program's function", "panic", fmt.Sprint(err.Value), "at", err.Place(), "stack", err.Trace())
			w.failed = fmt.Errorf("%w: %w", reactor.ErrConnectionLost, err)
			w.Transport.AbortConnection()
		}
	}()
	f()
}

// A WrappingFactory wraps the protocols of another factory. It is Twisted's WrappingFactory.
//
// The optional interfaces of the other factory go on working: [reactor.ListeningFactory],
// [reactor.NegotiatingFactory] and [reactor.HandshakeFactory]. This is so with every factory
// of this package, and they can wrap each other and a [reactor.TLSFactory], in any order. Like
// a Site, such a factory belongs to the goroutine of one reactor.
type WrappingFactory struct {
	// Factory builds the protocols that are wrapped.
	Factory reactor.Factory
	// Wrap returns the wrapper for a connection with peer, a new struct that embeds a
	// ProtocolWrapper, or nil to refuse the connection. If Wrap is nil, the wrapper is a
	// *ProtocolWrapper.
	Wrap func(peer net.Addr) Wrapper

	places places
}

// BuildProtocol returns a wrapped protocol; see [As] and [reactor.Factory].
func (f *WrappingFactory) BuildProtocol(peer net.Addr) reactor.Protocol {
	if f.Wrap == nil {
		return f.places.build(f.Factory, &ProtocolWrapper{}, peer, peerKey{})
	}
	w := f.Wrap(peer)
	if w == nil {
		return nil
	}
	return f.places.build(f.Factory, w, peer, peerKey{})
}

// Wrappers returns the wrappers of the open connections, the oldest one first. The loop over
// them may end connections. It is the protocols of Twisted's WrappingFactory.
func (f *WrappingFactory) Wrappers() iter.Seq[Wrapper] {
	return func(yield func(Wrapper) bool) {
		for w := range f.places.wrappers.All() {
			if w.Transport != nil && !yield(w.self) {
				return
			}
		}
	}
}

// DoStart calls DoStart of Factory; see [reactor.ListeningFactory].
func (f *WrappingFactory) DoStart(r reactor.Reactor, p reactor.Port) { f.places.start(f.Factory, r, p) }

// DoStop calls DoStop of Factory; see [reactor.ListeningFactory].
func (f *WrappingFactory) DoStop(p reactor.Port) { stop(f.Factory, p) }

// AcceptableProtocols returns those of Factory; see [reactor.NegotiatingFactory].
func (f *WrappingFactory) AcceptableProtocols() []string { return acceptable(f.Factory) }

// HandshakeBegins calls that of Factory; see [reactor.HandshakeFactory].
func (f *WrappingFactory) HandshakeBegins(below reactor.Transport) (ended func()) {
	return begin(f.Factory, below)
}
