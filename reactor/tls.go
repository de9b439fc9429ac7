package reactor

import (
	"cmp"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"sync"
	"time"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/internal/coro"
)

// This file holds TLS over any Transport, by crypto/tls.
//
// The handshake is code that blocks: it runs as a coroutine, which waits when
// there is nothing to read. After it none is needed. To read, crypto/tls takes a
// net.Conn whose Read fails for now in its stride, and picks up where it was at
// the next call; to write never blocks, because the transport below takes all it
// is given. So a connection that waits has neither a goroutine nor a stack.

// ErrHandshake is the error of a TLS handshake that failed; what it failed for is
// wrapped with it.
var ErrHandshake = errors.New("TLS handshake failed")

// ErrTruncated says that a TLS connection was closed below TLS, without the
// closing alert: what came may not be all that was sent (RFC 8446, section 6.1).
// It is an [ErrConnectionLost] to errors.Is.
var ErrTruncated error = &lossError{"TLS connection ended without a closing alert"}

// DefaultHandshakeTimeout is how long a TLS handshake may take.
const DefaultHandshakeTimeout = 30 * time.Second

// A TLSConfig configures TLS on a connection.
type TLSConfig struct {
	// Config is crypto/tls's own configuration; nil means an empty one. A client
	// needs ServerName or InsecureSkipVerify, a server a certificate. If Time is
	// nil, certificates are checked at the time of the reactor.
	Config *tls.Config
	// HandshakeTimeout bounds the handshake. 0 means [DefaultHandshakeTimeout].
	HandshakeTimeout time.Duration
}

// A TLSFactory is a [Factory] of TLS connections, over the connections that it is
// used for. It is Twisted's TLSMemoryBIOFactory.
type TLSFactory struct {
	clock   Clock
	config  *tls.Config
	limit   time.Duration // of the handshake
	factory Factory
	side    func(net.Conn, *tls.Config) *tls.Conn
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
// level Debug.
func TLSServer(r Clock, config TLSConfig, factory Factory) *TLSFactory {
	return newTLSFactory(r, config, factory, tls.Server)
}

func newTLSFactory(r Clock, config TLSConfig, factory Factory, side func(net.Conn, *tls.Config) *tls.Conn) *TLSFactory {
	if r == nil || factory == nil {
		panic("reactor: TLS without a clock or a factory")
	}
	f := &TLSFactory{clock: r, factory: factory, side: side, config: config.Config}
	if f.config == nil {
		f.config = &tls.Config{}
	}
	if f.config.Time == nil {
		f.config = f.config.Clone()
		f.config.Time = r.Now
	}
	f.limit = cmp.Or(config.HandshakeTimeout, DefaultHandshakeTimeout)
	return f
}

// BuildProtocol returns the protocol of a connection with peer; see [Factory].
func (f *TLSFactory) BuildProtocol(peer net.Addr) Protocol { return f.connection(peer) }

func (f *TLSFactory) connection(peer net.Addr) *tlsConnection {
	return f.newConnection(func() Protocol { return f.factory.BuildProtocol(peer) })
}

func (f *TLSFactory) newConnection(build func() Protocol) *tlsConnection {
	t := &tlsConnection{factory: f, build: build}
	t.conn = f.side(&tlsConn{t}, f.config)
	return t
}

// Connect makes a connection with connect, the Connect method of an endpoint for
// example, and fires with the protocol above TLS when the handshake is complete. If
// the handshake fails, it fails with [ErrHandshake] and the reason. Cancelling the
// Deferred aborts the connection.
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
var errNoTLS = errors.New("reactor: a connection was made, but not with the TLS factory given for it")

// StartTLS turns the connection of t and p into a TLS connection, as STARTTLS in
// mail does. p must use the Transport that StartTLS returns in place of t. What p
// received and wrote before is not encrypted. side is [TLSClient] or [TLSServer]. If
// p is a [HandshakeListener], it learns when the handshake is complete. It is the
// startTLS of Twisted's ITLSTransport.
func StartTLS(r Clock, t Transport, p Protocol, config TLSConfig, side func(Clock, TLSConfig, Factory) *TLSFactory) Transport {
	f := side(r, config, FactoryFunc(func(net.Addr) Protocol { return p }))
	s := f.newConnection(nil)
	s.protocol = p
	t.SwitchProtocol(s)
	s.ConnectionMade(t)
	return s
}

// A HandshakeListener is a protocol that is told when the handshake that [StartTLS]
// begins is complete. It is Twisted's IHandshakeListener.
type HandshakeListener interface {
	HandshakeCompleted()
}

// A tlsConnection speaks TLS on the connection below it, and is the transport of
// the protocol above it.
type tlsConnection struct {
	factory  *TLSFactory
	build    func() Protocol // makes the protocol above
	below    Transport
	protocol Protocol // above; nil before the handshake
	conn     *tls.Conn

	handshake *coro.Task // while it is under way
	shaken    error      // how it ended
	timeout   DelayedCall
	waiters   []*deferred.Deferred[Protocol]
	early     []byte // what was written before it was done

	in     []byte      // what came from below and crypto/tls has not taken
	inErr  error       // why no more will come from below
	rest   DelayedCall // delivers what came before a pause; nil if not arranged
	push   PushProducer
	pull   PullProducer
	failed error // why the connection is being closed, if not in order
	flags  tlsFlags
}

type tlsFlags uint8

const (
	tlsReading   tlsFlags = 1 << iota // in deliver
	tlsPaused                         // the protocol wants no more for now
	tlsMore                           // something that came before the pause is not delivered yet
	tlsReadEnded                      // the peer has said that it will send no more
	tlsClosing                        // LoseConnection was called
	tlsEndWrite                       // LoseWriteConnection was called
	tlsEnded                          // the closing alert was sent
	tlsLost                           // ConnectionLost was called
)

// whenHandshaken fires with the protocol above, when the handshake is done; it
// fails, with [ErrHandshake] and the reason, if that fails. Cancelling it aborts
// the connection.
func (t *tlsConnection) whenHandshaken() *deferred.Deferred[Protocol] {
	switch {
	case t.flags&tlsLost != 0 || t.failed != nil:
		return deferred.Fail[Protocol](fmt.Errorf("%w: %w", ErrHandshake, cmp.Or(t.failed, t.inErr)))
	case t.handshake == nil && t.protocol != nil:
		return deferred.Succeed(t.protocol)
	}
	d := deferred.NewCancellable(func(*deferred.Deferred[Protocol]) { t.below.AbortConnection() })
	t.waiters = append(t.waiters, d)
	return d
}

// The handshake.

// ConnectionMade begins the handshake.
func (t *tlsConnection) ConnectionMade(below Transport) {
	t.below = below
	t.timeout = t.factory.clock.CallLater(t.factory.limit, func() {
		t.failed = fmt.Errorf("it took longer than %v", t.factory.limit)
		t.below.AbortConnection()
	})
	t.shaken = errHandshakePanic
	t.handshake = coro.New(func(*coro.Task) { t.shaken = t.conn.Handshake() })
	t.shake()
}

// errHandshakePanic is the error of a handshake that had none of its own: a
// function in the config has panicked.
var errHandshakePanic = errors.New("a panic, which was logged")

// shake lets the handshake go on.
func (t *tlsConnection) shake() {
	if t.handshake.Resume() {
		return
	}
	t.handshake = nil
	t.timeout.Cancel()
	if t.shaken != nil {
		t.fail(t.shaken)
		return
	}
	t.handshaken()
}

// handshaken goes on where the handshake has ended well.
func (t *tlsConnection) handshaken() {
	early := t.early
	t.early = nil
	t.Write(early)
	switch {
	case t.push != nil:
		t.below.RegisterProducer(t.push)
		t.push.ResumeProducing()
	case t.pull != nil:
		t.below.RegisterPullProducer(t.pull)
	default:
		t.finish()
	}
	if t.protocol == nil {
		if t.protocol = t.build(); t.protocol == nil {
			t.fail(ErrNoProtocol)
			return
		}
		t.protocol.ConnectionMade(t)
	} else if p, ok := t.protocol.(HandshakeListener); ok {
		p.HandshakeCompleted()
	}
	waiters := t.waiters
	t.waiters = nil
	for _, d := range waiters {
		d.Callback(t.protocol)
	}
	t.deliver()
}

// fail closes the connection because of err. The alert that crypto/tls has
// written about it still goes out.
func (t *tlsConnection) fail(err error) {
	if t.failed == nil {
		t.failed = err
	}
	t.dropProducer()
	t.below.LoseConnection()
}

// Receiving.

// DataReceived decrypts what came, and delivers it.
func (t *tlsConnection) DataReceived(data []byte) {
	if len(t.in) != 0 {
		t.in = append(t.in, data...)
	} else {
		t.in = data
	}
	if t.handshake != nil {
		t.shake()
	} else {
		t.deliver()
	}
	if len(t.in) != 0 { // it is the loop's
		t.in = append([]byte(nil), t.in...)
	}
}

// plaintexts are buffers for what was decrypted. A record has at most 16 KiB.
var plaintexts = sync.Pool{New: func() any { return new([16 << 10]byte) }}

// deliver delivers what can be decrypted.
func (t *tlsConnection) deliver() {
	if t.flags&tlsReading != 0 || t.handshake != nil || t.protocol == nil {
		return
	}
	t.flags |= tlsReading
	buffer := plaintexts.Get().(*[16 << 10]byte)
	defer func() {
		t.flags &^= tlsReading
		plaintexts.Put(buffer)
	}()
	t.flags |= tlsMore
	for t.flags&(tlsPaused|tlsReadEnded|tlsClosing|tlsLost) == 0 && t.failed == nil {
		n, err := t.conn.Read(buffer[:])
		if n > 0 {
			t.protocol.DataReceived(buffer[:n])
		}
		switch {
		case err == nil:
		case errors.Is(err, noData{}):
			t.flags &^= tlsMore
			return
		case err == io.EOF:
			t.readEnd()
		default:
			t.fail(err)
		}
	}
}

// readEnd acts on the peer's closing alert.
func (t *tlsConnection) readEnd() {
	t.flags |= tlsReadEnded
	p, ok := t.protocol.(HalfCloseableProtocol)
	if !ok {
		t.dropProducer()
		t.LoseConnection()
		return
	}
	p.ReadConnectionLost()
	if t.flags&tlsEnded != 0 {
		t.LoseConnection()
	}
}

// ConnectionLost ends the handshake, if it is under way, and tells the protocol.
func (t *tlsConnection) ConnectionLost(reason error) {
	if reason == ErrConnectionDone && t.flags&(tlsReadEnded|tlsClosing) == 0 {
		reason = ErrTruncated
	}
	t.inErr = reason
	if t.handshake != nil {
		t.shake()
	}
	if t.rest != nil {
		t.rest.Cancel()
	}
	if t.failed != nil {
		reason = t.failed
	}
	t.flags |= tlsLost
	t.push, t.pull = nil, nil // the transport below has stopped it
	for _, d := range t.waiters {
		d.Errback(fmt.Errorf("%w: %w", ErrHandshake, reason))
	}
	if t.protocol == nil {
		slog.Debug("reactor: TLS handshake failed", "peer", t.below.Peer(), "error", reason)
		return
	}
	if reason != ErrConnectionDone {
		reason = lost(reason)
	}
	t.protocol.ConnectionLost(reason)
}

// PauseProducing stops DataReceived; see [Transport].
func (t *tlsConnection) PauseProducing() {
	t.flags |= tlsPaused
	t.below.PauseProducing()
}

// ResumeProducing lets DataReceived go on; see [Transport].
func (t *tlsConnection) ResumeProducing() {
	if t.flags&tlsPaused == 0 {
		return
	}
	t.flags &^= tlsPaused
	switch {
	case t.flags&(tlsMore|tlsReading) != tlsMore:
		t.below.ResumeProducing()
	case t.rest == nil: // not from within a call that the protocol makes
		t.rest = t.factory.clock.CallLater(0, t.deliverRest)
	}
}

// deliverRest delivers what came before a pause. Until that is done the transport
// below stays paused, so that it does not come to its end too early.
func (t *tlsConnection) deliverRest() {
	t.rest = nil
	t.guard(t.deliver)
	if t.flags&tlsPaused == 0 {
		t.below.ResumeProducing()
	}
}

// guard makes a call that the transport below does not make, or is not to know of;
// if it panics, the connection is lost.
func (t *tlsConnection) guard(f func()) {
	defer func() {
		if v := recover(); v != nil {
			t.failed = logPanic("a protocol", v)
			t.below.AbortConnection()
		}
	}()
	f()
}

// StopProducing is LoseConnection; see [Transport].
func (t *tlsConnection) StopProducing() { t.LoseConnection() }

// Sending.

// Write encrypts and sends data; see [Consumer].
func (t *tlsConnection) Write(data []byte) {
	switch {
	case len(data) == 0 || !t.mayWrite():
	case t.handshake != nil:
		t.early = append(t.early, data...)
	default:
		if _, err := t.conn.Write(data); err != nil {
			t.fail(err)
		}
	}
}

// mayWrite reports whether anything is still to be written. After
// LoseConnection and LoseWriteConnection only a producer may, until it is done.
func (t *tlsConnection) mayWrite() bool {
	return t.flags&(tlsEnded|tlsLost) == 0 && t.failed == nil &&
		(t.flags&(tlsClosing|tlsEndWrite) == 0 || t.push != nil || t.pull != nil)
}

// WriteSequence writes several pieces as one, in as few records as they fit in;
// see [Transport].
func (t *tlsConnection) WriteSequence(pieces ...[]byte) {
	buffer := plaintexts.Get().(*[16 << 10]byte)
	defer plaintexts.Put(buffer)
	joined := buffer[:0]
	for _, p := range pieces {
		if len(joined)+len(p) > len(buffer) {
			t.Write(joined)
			joined = buffer[:0]
		}
		if len(p) > len(buffer) {
			t.Write(p)
		} else {
			joined = append(joined, p...)
		}
	}
	t.Write(joined)
}

// RegisterProducer makes p the source of what is written; see [Consumer]. The
// transport below pauses it. During the handshake nothing is to be written.
func (t *tlsConnection) RegisterProducer(p PushProducer) error {
	switch {
	case t.push != nil || t.pull != nil:
		return ErrProducerRegistered
	case t.flags&tlsLost != 0 || t.failed != nil:
		t.guard(p.StopProducing)
		return nil
	}
	t.push = p
	if t.handshake != nil {
		p.PauseProducing()
		return nil
	}
	return t.below.RegisterProducer(p)
}

// RegisterPullProducer makes p the source of what is written; see [Consumer].
func (t *tlsConnection) RegisterPullProducer(p PullProducer) error {
	switch {
	case t.push != nil || t.pull != nil:
		return ErrProducerRegistered
	case t.flags&tlsLost != 0 || t.failed != nil:
		t.guard(p.StopProducing)
		return nil
	}
	t.pull = p
	if t.handshake != nil {
		return nil
	}
	return t.below.RegisterPullProducer(p)
}

// UnregisterProducer says that the producer is done; see [Consumer].
func (t *tlsConnection) UnregisterProducer() {
	t.push, t.pull = nil, nil
	if t.handshake == nil {
		t.below.UnregisterProducer()
		t.finish()
	}
}

// dropProducer stops the producer: the transport below, which is to be closed, is
// not to wait for it.
func (t *tlsConnection) dropProducer() {
	push, pull := t.push, t.pull
	t.push, t.pull = nil, nil
	t.below.UnregisterProducer()
	switch {
	case push != nil:
		t.guard(push.StopProducing)
	case pull != nil:
		t.guard(pull.StopProducing)
	}
}

// Ending.

// LoseConnection closes the connection in order, with a closing alert; see
// [Transport]. Before the handshake is done, and with nothing to send, it aborts.
func (t *tlsConnection) LoseConnection() {
	t.flags |= tlsClosing
	if t.handshake != nil && len(t.early) == 0 && t.push == nil && t.pull == nil {
		t.below.AbortConnection()
		return
	}
	t.finish()
}

// LoseWriteConnection ends the sending direction, with a closing alert; see
// [Transport].
func (t *tlsConnection) LoseWriteConnection() {
	t.flags |= tlsEndWrite
	t.finish()
}

// finish does what LoseConnection and LoseWriteConnection asked for, if it can
// be done by now.
func (t *tlsConnection) finish() {
	if t.handshake != nil || t.push != nil || t.pull != nil || t.flags&tlsLost != 0 {
		return
	}
	if t.flags&(tlsClosing|tlsEndWrite) != 0 && t.flags&tlsEnded == 0 {
		t.flags |= tlsEnded
		t.conn.CloseWrite()
		if p, ok := t.protocol.(HalfCloseableProtocol); ok && t.flags&tlsClosing == 0 {
			p.WriteConnectionLost()
		}
		if t.flags&tlsReadEnded != 0 {
			t.flags |= tlsClosing
		}
	}
	if t.flags&tlsClosing != 0 {
		t.below.LoseConnection()
	}
}

// AbortConnection closes the connection at once; see [Transport].
func (t *tlsConnection) AbortConnection() { t.below.AbortConnection() }

// TLS returns what was negotiated; see [Transport].
func (t *tlsConnection) TLS() *tls.ConnectionState {
	state := t.conn.ConnectionState()
	return &state
}

// Reactor returns the reactor of the transport below; see [Transport].
func (t *tlsConnection) Reactor() Reactor { return t.below.Reactor() }

// SwitchProtocol replaces the protocol above; see [Transport].
func (t *tlsConnection) SwitchProtocol(p Protocol) (old Protocol) {
	old, t.protocol = t.protocol, p
	return old
}

// Host returns this side's address; see [Transport].
func (t *tlsConnection) Host() net.Addr { return t.below.Host() }

// Peer returns the other side's address; see [Transport].
func (t *tlsConnection) Peer() net.Addr { return t.below.Peer() }

// SetNoDelay sets TCP_NODELAY; see [Transport].
func (t *tlsConnection) SetNoDelay(on bool) error { return t.below.SetNoDelay(on) }

// SetKeepAlive sets SO_KEEPALIVE; see [Transport].
func (t *tlsConnection) SetKeepAlive(on bool) error { return t.below.SetKeepAlive(on) }

// A tlsConn is the net.Conn that crypto/tls sees of the transport below.
type tlsConn struct{ t *tlsConnection }

// Read gives what came. If there is nothing, the handshake waits; without one
// it fails, for now.
func (c *tlsConn) Read(p []byte) (int, error) {
	t := c.t
	for len(t.in) == 0 {
		switch {
		case t.inErr != nil:
			return 0, t.inErr
		case t.handshake == nil:
			return 0, noData{}
		case !t.handshake.Wait():
			return 0, net.ErrClosed
		}
	}
	n := copy(p, t.in)
	t.in = t.in[n:]
	return n, nil
}

func (c *tlsConn) Write(p []byte) (int, error) {
	c.t.below.Write(p)
	return len(p), nil
}

func (c *tlsConn) Close() error                     { return nil }
func (c *tlsConn) LocalAddr() net.Addr              { return c.t.below.Host() }
func (c *tlsConn) RemoteAddr() net.Addr             { return c.t.below.Peer() }
func (c *tlsConn) SetDeadline(time.Time) error      { return nil }
func (c *tlsConn) SetReadDeadline(time.Time) error  { return nil }
func (c *tlsConn) SetWriteDeadline(time.Time) error { return nil }

// noData is the error of a Read that will have something to give later. To
// crypto/tls it is one of a deadline: the connection stays as it is.
type noData struct{}

func (noData) Error() string   { return "no data yet" }
func (noData) Timeout() bool   { return true }
func (noData) Temporary() bool { return true }
