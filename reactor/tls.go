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

// A TLSTransport is the [Transport] of a connection that speaks TLS. It is
// Twisted's ITLSTransport.
type TLSTransport interface {
	Transport
	// ConnectionState tells what was negotiated: the protocol, by ALPN, the
	// peer's certificates and so on.
	ConnectionState() tls.ConnectionState
}

// ErrHandshake is the error of a TLS handshake that failed; what it failed for is
// wrapped with it.
var ErrHandshake = errors.New("TLS handshake failed")

// ErrTruncated says that a TLS connection was closed below TLS, without the
// closing alert: what came may not be all that was sent (RFC 8446, section 6.1).
// It is an [ErrConnectionLost] to errors.Is.
var ErrTruncated error = &lossError{"TLS connection ended without a closing alert"}

// DefaultHandshakeTimeout is how long a TLS handshake may take.
const DefaultHandshakeTimeout = 30 * time.Second

// TLSClient returns a factory of TLS connections to a server, for ConnectTCP and
// its like. config needs ServerName, unless it sets InsecureSkipVerify; if it has
// no Time, r's is used. factory builds the protocol, and ConnectionMade gets a
// [TLSTransport], once the handshake is done; if it fails, no protocol is built.
//
// The Deferred of ConnectTCP fires before the handshake; endpoints.WrapTLS waits
// for it. It is Twisted's TLSMemoryBIOFactory.
func TLSClient(r Clock, config *tls.Config, factory Factory) *TLSFactory {
	return newTLSFactory(r, config, factory, tls.Client)
}

// TLSServer returns a factory of TLS connections from clients, for ListenTCP and
// its like; see [TLSClient]. config needs a certificate. A handshake that fails is
// logged by log/slog at level Debug.
func TLSServer(r Clock, config *tls.Config, factory Factory) *TLSFactory {
	return newTLSFactory(r, config, factory, tls.Server)
}

// A TLSFactory makes connections that speak TLS out of connections that do not.
type TLSFactory struct {
	// HandshakeTimeout bounds the handshake; 0 means [DefaultHandshakeTimeout].
	HandshakeTimeout time.Duration

	clock   Clock
	config  *tls.Config
	factory Factory
	side    func(net.Conn, *tls.Config) *tls.Conn
}

func newTLSFactory(r Clock, config *tls.Config, factory Factory, side func(net.Conn, *tls.Config) *tls.Conn) *TLSFactory {
	if r == nil || config == nil || factory == nil {
		panic("reactor: TLS without a clock, a config or a factory")
	}
	return &TLSFactory{clock: r, config: clocked(r, config), factory: factory, side: side}
}

// clocked returns config with r's time.
func clocked(r Clock, config *tls.Config) *tls.Config {
	if config.Time != nil {
		return config
	}
	config = config.Clone()
	config.Time = r.Now
	return config
}

// BuildProtocol returns the protocol of a connection with peer, a
// [*TLSProtocol].
func (f *TLSFactory) BuildProtocol(peer net.Addr) Protocol {
	return f.newProtocol(func() Protocol { return f.factory.BuildProtocol(peer) })
}

func (f *TLSFactory) newProtocol(build func() Protocol) *TLSProtocol {
	t := &TLSProtocol{factory: f, build: build}
	t.conn = f.side(&tlsConn{t}, f.config)
	return t
}

// A TLSProtocol speaks TLS on the connection below it, and is the transport of
// the protocol above it.
type TLSProtocol struct {
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

// StartTLS turns t, which p uses, into TLS, in the middle of a connection, as
// STARTTLS in mail does: from now on, p's DataReceived gets what was encrypted,
// and p is to use the transport that StartTLS returns in place of t. What p has
// received and written so far was not encrypted. side is [TLSClient] or
// [TLSServer]. If p is a [HandshakeListener] it is told when the handshake is
// done. It is the startTLS of Twisted's ITLSTransport.
func StartTLS(r Clock, t Transport, p Protocol, config *tls.Config, side func(Clock, *tls.Config, Factory) *TLSFactory) TLSTransport {
	f := side(r, config, FactoryFunc(func(net.Addr) Protocol { return p }))
	s := f.newProtocol(nil)
	s.protocol = p
	t.SwitchProtocol(s)
	s.ConnectionMade(t)
	return s
}

// A HandshakeListener is a protocol that wants to know when a handshake that
// [StartTLS] began is done. It is Twisted's IHandshakeListener.
type HandshakeListener interface {
	HandshakeCompleted()
}

// WhenHandshaken fires with the protocol above, when the handshake is done; it
// fails, with [ErrHandshake] and the reason, if that fails. Cancelling it aborts
// the connection.
func (t *TLSProtocol) WhenHandshaken() *deferred.Deferred[Protocol] {
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
func (t *TLSProtocol) ConnectionMade(below Transport) {
	t.below = below
	limit := t.factory.HandshakeTimeout
	if limit == 0 {
		limit = DefaultHandshakeTimeout
	}
	t.timeout = t.factory.clock.CallLater(limit, func() {
		t.failed = fmt.Errorf("it took longer than %v", limit)
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
func (t *TLSProtocol) shake() {
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
func (t *TLSProtocol) handshaken() {
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
func (t *TLSProtocol) fail(err error) {
	if t.failed == nil {
		t.failed = err
	}
	t.below.LoseConnection()
}

// Receiving.

// DataReceived decrypts what came, and delivers it.
func (t *TLSProtocol) DataReceived(data []byte) {
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
func (t *TLSProtocol) deliver() {
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
func (t *TLSProtocol) readEnd() {
	t.flags |= tlsReadEnded
	p, ok := t.protocol.(HalfCloseableProtocol)
	if !ok {
		t.LoseConnection()
		return
	}
	p.ReadConnectionLost()
	if t.flags&tlsEnded != 0 {
		t.LoseConnection()
	}
}

// ConnectionLost ends the handshake, if it is under way, and tells the protocol.
func (t *TLSProtocol) ConnectionLost(reason error) {
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
	t.stopProducer()
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
func (t *TLSProtocol) PauseProducing() {
	t.flags |= tlsPaused
	t.below.PauseProducing()
}

// ResumeProducing lets DataReceived go on; see [Transport].
func (t *TLSProtocol) ResumeProducing() {
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
func (t *TLSProtocol) deliverRest() {
	t.rest = nil
	defer func() {
		if v := recover(); v != nil {
			t.failed = logPanic("a protocol", v)
			t.below.AbortConnection()
		}
	}()
	t.deliver()
	if t.flags&tlsPaused == 0 {
		t.below.ResumeProducing()
	}
}

// StopProducing is LoseConnection; see [Transport].
func (t *TLSProtocol) StopProducing() { t.LoseConnection() }

// Sending.

// Write encrypts and sends data; see [Consumer].
func (t *TLSProtocol) Write(data []byte) {
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
func (t *TLSProtocol) mayWrite() bool {
	return t.flags&(tlsEnded|tlsLost) == 0 && t.failed == nil &&
		(t.flags&(tlsClosing|tlsEndWrite) == 0 || t.push != nil || t.pull != nil)
}

// WriteSequence writes several pieces as one, in as few records as they fit in;
// see [Transport].
func (t *TLSProtocol) WriteSequence(pieces ...[]byte) {
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
func (t *TLSProtocol) RegisterProducer(p PushProducer) error {
	switch {
	case t.push != nil || t.pull != nil:
		return ErrProducerRegistered
	case t.flags&tlsLost != 0:
		return t.below.RegisterProducer(p) // which stops it
	}
	t.push = p
	if t.handshake != nil {
		p.PauseProducing()
		return nil
	}
	return t.below.RegisterProducer(p)
}

// RegisterPullProducer makes p the source of what is written; see [Consumer].
func (t *TLSProtocol) RegisterPullProducer(p PullProducer) error {
	switch {
	case t.push != nil || t.pull != nil:
		return ErrProducerRegistered
	case t.flags&tlsLost != 0:
		return t.below.RegisterPullProducer(p) // which stops it
	}
	t.pull = p
	if t.handshake != nil {
		return nil
	}
	return t.below.RegisterPullProducer(p)
}

// UnregisterProducer says that the producer is done; see [Consumer].
func (t *TLSProtocol) UnregisterProducer() {
	t.push, t.pull = nil, nil
	if t.handshake == nil {
		t.below.UnregisterProducer()
		t.finish()
	}
}

// stopProducer forgets the producer. If the transport below, which is lost, does
// not know of it, because the handshake was never done, it gets it stopped.
func (t *TLSProtocol) stopProducer() {
	push, pull := t.push, t.pull
	t.push, t.pull = nil, nil
	switch {
	case t.shaken == nil:
	case push != nil:
		t.below.RegisterProducer(push)
	case pull != nil:
		t.below.RegisterPullProducer(pull)
	}
}

// Ending.

// LoseConnection closes the connection in order, with a closing alert; see
// [Transport]. Before the handshake is done, and with nothing to send, it aborts.
func (t *TLSProtocol) LoseConnection() {
	t.flags |= tlsClosing
	if t.handshake != nil && len(t.early) == 0 && t.push == nil && t.pull == nil {
		t.below.AbortConnection()
		return
	}
	t.finish()
}

// LoseWriteConnection ends the sending direction, with a closing alert; see
// [Transport].
func (t *TLSProtocol) LoseWriteConnection() {
	t.flags |= tlsEndWrite
	t.finish()
}

// finish does what LoseConnection and LoseWriteConnection asked for, if it can
// be done by now.
func (t *TLSProtocol) finish() {
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
func (t *TLSProtocol) AbortConnection() { t.below.AbortConnection() }

// ConnectionState tells what was negotiated; see [TLSTransport].
func (t *TLSProtocol) ConnectionState() tls.ConnectionState { return t.conn.ConnectionState() }

// SwitchProtocol replaces the protocol above; see [Transport].
func (t *TLSProtocol) SwitchProtocol(p Protocol) (old Protocol) {
	old, t.protocol = t.protocol, p
	return old
}

// Host returns this side's address; see [Transport].
func (t *TLSProtocol) Host() net.Addr { return t.below.Host() }

// Peer returns the other side's address; see [Transport].
func (t *TLSProtocol) Peer() net.Addr { return t.below.Peer() }

// SetNoDelay sets TCP_NODELAY; see [Transport].
func (t *TLSProtocol) SetNoDelay(on bool) error { return t.below.SetNoDelay(on) }

// SetKeepAlive sets SO_KEEPALIVE; see [Transport].
func (t *TLSProtocol) SetKeepAlive(on bool) error { return t.below.SetKeepAlive(on) }

// A tlsConn is the net.Conn that crypto/tls sees of the transport below.
type tlsConn struct{ t *TLSProtocol }

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
