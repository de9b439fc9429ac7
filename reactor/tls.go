package reactor

import (
	"cmp"
	"crypto/tls"
	"errors"
	"net"
	"os"
	"strings"
	"time"

	"github.com/seed-7c003b53/gotreq/deferred"
)

// ErrHandshake is the error of a TLS handshake that failed. It is wrapped together with
// the reason.
var ErrHandshake = errors.New("TLS handshake failed")

// ErrTruncated: the connection below TLS was closed without TLS's closing alert, so the
// received data may be incomplete (RFC 8446, section 6.1). errors.Is matches it with
// [ErrConnectionLost].
var ErrTruncated error = &lossError{"TLS connection ended without a closing alert"}

const defaultHandshakeTimeout = 30 * time.Second

// A handshakeTimeout is the reason of [ErrHandshake] when the HandshakeTimeout is over.
type handshakeTimeout time.Duration

func (t handshakeTimeout) Error() string {
	return "it took longer than " + time.Duration(t).String()
}

// Timeout returns true, as errors of package net do.
func (t handshakeTimeout) Timeout() bool { return true }

// Is reports whether target is os.ErrDeadlineExceeded.
func (t handshakeTimeout) Is(target error) bool { return target == os.ErrDeadlineExceeded }

// A TLSConfig configures TLS on a connection.
type TLSConfig struct {
	// Config is crypto/tls's own configuration; nil means an empty one. A client
	// needs ServerName or InsecureSkipVerify, a server a certificate. The zone of an
	// IPv6 address in ServerName is not part of the certificate's name. If Time is nil,
	// certificates are checked at the time of the reactor. If NextProtos is nil, the
	// protocols of a [NegotiatingFactory] are offered.
	Config *tls.Config
	// HandshakeTimeout bounds the handshake. 0 means 30 seconds, a negative value no bound.
	// The error of a handshake that takes longer is [ErrHandshake], and
	// os.ErrDeadlineExceeded.
	HandshakeTimeout time.Duration
}

// A TLSFactory is a [Factory] whose protocols speak TLS. Another factory builds the
// protocols above TLS. It is Twisted's TLSMemoryBIOFactory.
type TLSFactory struct {
	clock   Clock
	config  *tls.Config
	limit   time.Duration // of the handshake
	factory Factory
	counter HandshakeFactory // factory, if it counts the handshakes of clients; else nil
	asked   bool             // config has the protocols of a NegotiatingFactory
	side    func(net.Conn, *tls.Config) *tls.Conn
}

// A HandshakeFactory learns of the handshakes of [TLSServer], which come before its
// connections, so that it can bound their number.
type HandshakeFactory interface {
	Factory
	// HandshakeBegins is called when a client has connected. below is the transport
	// below TLS. The returned function is called once, when the handshake has ended in
	// one way or another; BuildProtocol is called after it if the handshake was
	// successful. HandshakeBegins returns nil to refuse the connection.
	HandshakeBegins(below Transport) (ended func())
}

// TLSClient returns a factory of TLS connections to a server, for ConnectTCP and
// similar methods of r. When the handshake is complete, factory builds the protocol
// above TLS. If the handshake fails, no protocol is built.
//
// The Deferred of ConnectTCP fires before the handshake; see [TLSFactory.Connect].
func TLSClient(r Clock, config TLSConfig, factory Factory) *TLSFactory {
	return newTLSFactory(r, config, factory, tls.Client)
}

// TLSServer returns a factory of TLS connections from clients, for ListenTCP and
// similar methods of r; see [TLSClient]. Failed handshakes are logged by log/slog at
// level Debug. A [HandshakeFactory] learns of the handshakes.
func TLSServer(r Clock, config TLSConfig, factory Factory) *TLSFactory {
	f := newTLSFactory(r, config, factory, tls.Server)
	f.counter, _ = factory.(HandshakeFactory)
	return f
}

func newTLSFactory(r Clock, config TLSConfig, factory Factory, side func(net.Conn, *tls.Config) *tls.Conn) *TLSFactory {
	if r == nil || factory == nil {
		panic("reactor: TLS without a clock or a factory")
	}
	f := &TLSFactory{clock: r, factory: factory, side: side, config: config.Config}
	if f.config == nil {
		f.config = &tls.Config{}
	}
	// A certificate cannot name the zone of an IPv6 address, which has a meaning on one
	// machine only.
	name, _, zone := strings.Cut(f.config.ServerName, "%")
	if f.config.Time == nil || zone {
		f.config = f.config.Clone()
		f.config.ServerName = name
		if f.config.Time == nil {
			f.config.Time = r.Now
		}
	}
	f.limit = cmp.Or(config.HandshakeTimeout, defaultHandshakeTimeout)
	return f
}

// negotiate puts the protocols of the factory into the config, if that has none. It is called
// before the first connection: until then, a program may change the factory.
func (f *TLSFactory) negotiate() {
	if f.asked {
		return
	}
	f.asked = true
	if above, ok := f.factory.(NegotiatingFactory); ok && f.config.NextProtos == nil {
		if protocols := above.AcceptableProtocols(); len(protocols) != 0 {
			f.config = f.config.Clone()
			f.config.NextProtos = protocols
		}
	}
}

// BuildProtocol returns the protocol of a connection with peer; see [Factory].
func (f *TLSFactory) BuildProtocol(peer net.Addr) Protocol { return f.connection(peer) }

// DoStart is called when p has begun to listen; see [ListeningFactory].
func (f *TLSFactory) DoStart(r Reactor, p Port) {
	if above, ok := f.factory.(ListeningFactory); ok {
		above.DoStart(r, p)
	}
}

// DoStop is called when p has stopped; see [ListeningFactory].
func (f *TLSFactory) DoStop(p Port) {
	if above, ok := f.factory.(ListeningFactory); ok {
		above.DoStop(p)
	}
}

func (f *TLSFactory) connection(peer net.Addr) *tlsConnection {
	return f.newConnection(func() Protocol { return f.factory.BuildProtocol(peer) })
}

func (f *TLSFactory) newConnection(build func() Protocol) *tlsConnection {
	f.negotiate()
	t := &tlsConnection{factory: f, build: build}
	t.conn = f.side(&tlsConn{t}, f.config)
	return t
}

// Connect makes a connection with connect, for example the Connect method of an
// endpoint. The Deferred fires with the protocol above TLS when the handshake is
// complete. If the handshake fails, it fails with [ErrHandshake] and the reason.
// Cancelling the Deferred aborts the connection.
func (f *TLSFactory) Connect(connect func(Factory) *deferred.Deferred[Protocol]) *deferred.Deferred[Protocol] {
	var t *tlsConnection
	below := connect(FactoryFunc(func(peer net.Addr) Protocol {
		t = f.connection(peer)
		return t
	}))
	return deferred.Then(below, func(Protocol) *deferred.Deferred[Protocol] {
		if t == nil {
			return deferred.Fail[Protocol](errNoTLS)
		}
		return t.whenHandshaken()
	})
}

// errNoTLS is the error of a connect function that ignores its factory.
var errNoTLS = errors.New("reactor: the connect function did not use the TLS factory")

// StartTLS turns the connection of t and p into a TLS connection, as STARTTLS in mail
// does. p must use the Transport that StartTLS returns in place of t. Earlier data of p
// is not encrypted. side is [TLSClient] or [TLSServer]. If p is a [HandshakeListener],
// it learns when the handshake is complete. It is the startTLS of Twisted's
// ITLSTransport.
func StartTLS(r Clock, t Transport, p Protocol, config TLSConfig, side func(Clock, TLSConfig, Factory) *TLSFactory) Transport {
	f := side(r, config, FactoryFunc(func(net.Addr) Protocol { return p }))
	s := f.newConnection(nil)
	s.protocol = p
	t.SwitchProtocol(s)
	s.ConnectionMade(t)
	return s
}

// A HandshakeListener is a protocol with a method that is called when the handshake of
// [StartTLS] is complete. It is Twisted's IHandshakeListener.
type HandshakeListener interface {
	HandshakeCompleted()
}
