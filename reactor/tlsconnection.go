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
	"github.com/seed-7c003b53/gotreq/internal/producer"
)

// This file speaks TLS over any Transport, by crypto/tls.
//
// crypto/tls blocks during the handshake, which therefore runs as a coroutine. Later, a
// tls.Conn can return from a Read that has no data and resume it in the next call, and
// its Write never blocks, because the transport below takes all data. So an idle
// connection has neither a goroutine nor a coroutine.

// A tlsConnection is the protocol of the transport below it, and the transport of the
// protocol above it.
type tlsConnection struct {
	factory  *TLSFactory
	build    func() Protocol // builds the protocol above TLS
	below    Transport       // the transport below TLS
	protocol Protocol        // the protocol above TLS; nil before the handshake
	conn     *tls.Conn

	handshake    *coro.Task                   // nil before and after the handshake
	handshakeErr error                        // result of the handshake
	uncount      func()                       // tells a HandshakeFactory that the handshake has ended; may be nil
	timeout      DelayedCall                  // nil without a bound
	waiter       *deferred.Deferred[Protocol] // fires after the handshake; may be nil
	early        []byte                       // data written before the handshake was complete

	out        []byte      // written during deliver; nil if nothing is
	in         []byte      // received from below and not yet taken by crypto/tls
	inErr      error       // the transport's reason of ConnectionLost
	resumption DelayedCall // resumes deliver after a pause; nil if not scheduled
	producer   producer.Slot
	failed     error // why the connection is being closed, unless in order
	flags      tlsFlags
}

type tlsFlags uint16

const (
	tlsReading   tlsFlags = 1 << iota // in deliver
	tlsPaused                         // PauseProducing was called
	tlsMore                           // there may be received data that is not delivered
	tlsReadEnded                      // the peer's closing alert was received
	tlsClosing                        // LoseConnection was called
	tlsEndWrite                       // LoseWriteConnection was called
	tlsEnded                          // the closing alert was written
	tlsWriteLost                      // WriteConnectionLost was called
	tlsLost                           // ConnectionLost was called
)

// check panics if the caller is not on the loop's goroutine. The transport below checks
// that in each of its methods, and PeerClosed has no effect.
func (t *tlsConnection) check() { t.below.PeerClosed() }

// whenHandshaken fires with the protocol above when the handshake is complete, or fails
// with ErrHandshake and the reason. Cancelling it aborts the connection. It is called
// at most once.
func (t *tlsConnection) whenHandshaken() *deferred.Deferred[Protocol] {
	switch {
	case t.flags&tlsLost != 0 || t.failed != nil:
		return deferred.Fail[Protocol](fmt.Errorf("%w: %w", ErrHandshake, cmp.Or(t.failed, t.inErr)))
	case t.handshake == nil && t.protocol != nil:
		return deferred.Succeed(t.protocol)
	}
	t.waiter = deferred.NewCancellable(func(*deferred.Deferred[Protocol]) { t.below.AbortConnection() })
	return t.waiter
}

// The handshake.

// ConnectionMade starts the handshake.
func (t *tlsConnection) ConnectionMade(below Transport) {
	t.below = below
	if counter := t.factory.counter; counter != nil {
		if t.uncount = counter.HandshakeBegins(below); t.uncount == nil {
			t.failed = ErrNoProtocol
			below.AbortConnection()
			return
		}
	}
	if t.factory.limit > 0 {
		t.timeout = t.factory.clock.CallLater(t.factory.limit, func() {
			t.failed = handshakeTimeout(t.factory.limit)
			t.below.AbortConnection()
		})
	}
	t.handshakeErr = errHandshakePanic
	t.handshake = coro.New(Coroutines(t.factory.clock), t.runHandshake)
	t.shake()
}

// runHandshake runs the handshake in its coroutine. A panic keeps its place on the way out.
func (t *tlsConnection) runHandshake(*coro.Task) {
	defer func() {
		if v := recover(); v != nil {
			panic(deferred.NewPanicError(v))
		}
	}()
	t.handshakeErr = t.conn.Handshake()
}

// errHandshakePanic is the error of a handshake in which a function of the config
// panicked.
var errHandshakePanic = errors.New("a panic, which was logged")

// shake resumes the handshake.
func (t *tlsConnection) shake() {
	if t.handshake.Resume() {
		return
	}
	if t.handshake.Exited() {
		t.handshakeErr = coro.ErrExited
	}
	t.handshake = nil
	if t.timeout != nil {
		t.timeout.Cancel()
	}
	if t.uncount != nil {
		t.uncount()
	}
	if t.handshakeErr != nil {
		t.fail(t.handshakeErr)
		return
	}
	t.handshaken()
}

// handshaken runs after a successful handshake.
func (t *tlsConnection) handshaken() {
	early := t.early
	t.early = nil
	t.Write(early)
	switch {
	case t.producer.Push != nil:
		t.below.RegisterProducer((*tlsProducer)(t))
		if p := t.producer.Push; p != nil { // unless the connection is broken already
			p.ResumeProducing()
		}
	case t.producer.Pull != nil:
		t.below.RegisterPullProducer((*tlsProducer)(t))
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
	if d := t.waiter; d != nil {
		t.waiter = nil
		d.Callback(t.protocol)
	}
	t.deliver()
}

// fail closes the connection because of err. The alert that crypto/tls wrote is still
// sent.
func (t *tlsConnection) fail(err error) {
	t.flush()
	if t.failed == nil {
		t.failed = err
	}
	t.dropProducer()
	t.below.LoseConnection()
}

// Receiving.

// DataReceived decrypts data and delivers it to the protocol above.
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
	switch {
	case len(t.in) == 0:
	case t.handshake == nil && t.Disconnecting(): // nobody reads it
		t.in = nil
	default: // the array is the loop's
		t.in = append([]byte(nil), t.in...)
	}
}

// plaintexts are buffers for decrypted data, and for data to be encrypted. A record has at most 16 KiB.
var plaintexts = sync.Pool{New: func() any { return new(plaintext) }}

type plaintext [16 << 10]byte

// deliver decrypts the received data and calls DataReceived of the protocol above.
func (t *tlsConnection) deliver() {
	if t.flags&tlsReading != 0 || t.handshake != nil || t.protocol == nil {
		return
	}
	t.flags |= tlsReading
	buffer := plaintexts.Get().(*plaintext)
	defer func() {
		t.flags &^= tlsReading
		t.out = nil // after a panic
		plaintexts.Put(buffer)
	}()
	t.deliverInto(buffer)
	t.flush()
}

func (t *tlsConnection) deliverInto(buffer *plaintext) {
	t.flags |= tlsMore
	for t.flags&(tlsPaused|tlsReadEnded) == 0 && !t.Disconnecting() {
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

// readEnd handles the peer's closing alert.
func (t *tlsConnection) readEnd() {
	t.flags |= tlsReadEnded
	p, ok := t.protocol.(HalfCloseableProtocol)
	if !ok {
		t.dropProducer()
		t.LoseConnection()
		return
	}
	p.ReadConnectionLost()
	t.finish()
}

// ConnectionLost ends an unfinished handshake and calls ConnectionLost of the protocol
// above.
func (t *tlsConnection) ConnectionLost(reason error) {
	if reason == ErrConnectionDone && t.flags&(tlsReadEnded|tlsClosing) == 0 {
		reason = ErrTruncated
	}
	if e := (*sendError)(nil); errors.As(reason, &e) { // only the closing alert is an orderly end
		reason = &sendError{e.err, t.flags&tlsReadEnded != 0}
	}
	t.inErr = reason
	if t.handshake != nil {
		t.shake()
	}
	if t.resumption != nil {
		t.resumption.Cancel()
	}
	if t.failed != nil {
		reason = t.failed
	}
	t.flags |= tlsLost
	t.producer.Clear() // the transport below has stopped it
	if t.waiter != nil {
		t.waiter.Errback(fmt.Errorf("%w: %w", ErrHandshake, reason))
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
	t.check()
	t.flags |= tlsPaused
	t.below.PauseProducing()
}

// ResumeProducing undoes PauseProducing; see [Transport].
func (t *tlsConnection) ResumeProducing() {
	t.check()
	if t.flags&tlsPaused == 0 {
		return
	}
	t.flags &^= tlsPaused
	switch {
	case t.flags&(tlsMore|tlsReading) != tlsMore || t.Disconnecting():
		t.below.ResumeProducing()
	case t.resumption == nil: // later, since the protocol is calling
		t.resumption = t.factory.clock.CallLater(0, t.resumeDelivery)
	}
}

// resumeDelivery delivers the data received before a pause. Until then the transport below
// stays paused, so that its end is not handled before this data.
func (t *tlsConnection) resumeDelivery() {
	t.resumption = nil
	t.guard(t.deliver)
	if t.flags&tlsPaused == 0 {
		t.below.ResumeProducing()
	}
}

// guard calls f outside the lower transport's own panic guard. A panic of f loses the
// connection.
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

// Write encrypts and sends data; see [Consumer]. What is written while received data is
// delivered shares records: a protocol that answers many messages at once would otherwise
// pay for a record with each.
func (t *tlsConnection) Write(data []byte) {
	t.check()
	switch {
	case len(data) == 0 || !t.mayWrite():
	case t.handshake != nil:
		t.early = append(t.early, data...)
	case t.flags&tlsReading != 0 && len(data) < len(plaintext{}):
		if len(t.out)+len(data) > len(plaintext{}) {
			t.flush()
		}
		if t.out == nil {
			t.out = plaintexts.Get().(*plaintext)[:0]
		}
		t.out = append(t.out, data...)
	default:
		t.flush()
		t.encrypt(data)
	}
}

// flush encrypts what was written during deliver.
func (t *tlsConnection) flush() {
	if out := t.out; out != nil {
		t.out = nil
		t.encrypt(out)
		plaintexts.Put((*plaintext)(out[:len(plaintext{})]))
	}
}

func (t *tlsConnection) encrypt(data []byte) {
	if _, err := t.conn.Write(data); err != nil {
		t.fail(err)
	}
}

// mayWrite reports whether Write takes data. After LoseConnection and
// LoseWriteConnection it does only while a producer is registered.
func (t *tlsConnection) mayWrite() bool {
	return t.flags&(tlsEnded|tlsLost) == 0 && t.failed == nil &&
		(t.flags&(tlsClosing|tlsEndWrite) == 0 || t.producer.Taken())
}

// WriteSequence writes several pieces as one, in as few records as possible; see
// [Transport].
func (t *tlsConnection) WriteSequence(pieces ...[]byte) {
	t.check()
	buffer := plaintexts.Get().(*plaintext)
	defer plaintexts.Put(buffer)
	joined := buffer[:0]
	for _, p := range pieces {
		for len(p) != 0 {
			if whole := len(p) - len(p)%len(buffer); whole != 0 && len(joined) == 0 {
				t.Write(p[:whole])
				p = p[whole:]
				continue
			}
			n := min(len(p), len(buffer)-len(joined))
			joined, p = append(joined, p[:n]...), p[n:]
			if len(joined) == len(buffer) {
				t.Write(joined)
				joined = buffer[:0]
			}
		}
	}
	t.Write(joined)
}

// RegisterProducer makes p the source of the written data; see [Consumer]. The transport
// below pauses it. During the handshake p is paused.
func (t *tlsConnection) RegisterProducer(p PushProducer) error {
	t.check()
	ok, err := t.mayRegister(p, producer.CheckPush(p))
	if !ok {
		return err
	}
	t.producer.Push = p
	if t.handshake != nil {
		p.PauseProducing()
		return nil
	}
	return t.below.RegisterProducer((*tlsProducer)(t))
}

// RegisterPullProducer makes p the source of the written data; see [Consumer].
func (t *tlsConnection) RegisterPullProducer(p PullProducer) error {
	t.check()
	ok, err := t.mayRegister(p, producer.CheckPull(p))
	if !ok {
		return err
	}
	t.producer.Pull = p
	if t.handshake != nil {
		return nil
	}
	return t.below.RegisterPullProducer((*tlsProducer)(t))
}

// mayRegister reports whether p can be registered, unless misuse is why it cannot. It stops p if the connection is
// already lost.
func (t *tlsConnection) mayRegister(p PullProducer, misuse error) (ok bool, err error) {
	if misuse != nil {
		return false, misuse
	}
	if t.awaitsSent() { // p comes first
		t.producer.Clear()
		t.below.UnregisterProducer()
	}
	switch {
	case t.producer.Taken():
		return false, ErrProducerRegistered
	case t.flags&tlsLost != 0 || t.failed != nil:
		t.guard(p.StopProducing)
		return false, nil
	}
	return true, nil
}

// A tlsProducer is a tlsConnection as the producer of the transport below. It passes the
// calls on to the producer of the tlsConnection.
type tlsProducer tlsConnection

func (p *tlsProducer) PauseProducing() {
	if p.producer.Push != nil {
		p.producer.Push.PauseProducing()
	}
}

func (p *tlsProducer) ResumeProducing() {
	switch {
	case p.producer.Push != nil:
		p.producer.Push.ResumeProducing()
	case p.producer.Pull != nil:
		p.producer.Pull.ResumeProducing()
	}
}

// StopProducing stops the producer: the transport below can send no more. What has come
// is still received.
func (p *tlsProducer) StopProducing() {
	if stopped := p.producer.Clear(); stopped != nil {
		stopped.StopProducing()
	}
	if p.flags&tlsClosing != 0 {
		p.below.LoseConnection() // it waited for the producer
	}
}

// UnregisterProducer ends the registration of the producer; see [Consumer].
func (t *tlsConnection) UnregisterProducer() {
	t.check()
	t.producer.Clear()
	if t.handshake == nil {
		t.below.UnregisterProducer()
		t.finish()
	}
}

// dropProducer stops the producer, so that the transport below does not wait for it
// before it closes.
func (t *tlsConnection) dropProducer() {
	p := t.producer.Clear()
	t.below.UnregisterProducer()
	if p != nil {
		t.guard(p.StopProducing)
	}
}

// Ending.

// LoseConnection closes the connection in order, with a closing alert; see [Transport].
// Before the end of the handshake it aborts the connection, unless there is something to
// send.
func (t *tlsConnection) LoseConnection() {
	t.check()
	t.flags |= tlsClosing
	if t.handshake != nil && len(t.early) == 0 && !t.producer.Taken() {
		t.below.AbortConnection()
		return
	}
	t.finish()
}

// LoseWriteConnection ends the sending direction, with a closing alert; see
// [Transport].
func (t *tlsConnection) LoseWriteConnection() {
	t.check()
	t.flags |= tlsEndWrite
	t.finish()
}

// finish completes LoseConnection and LoseWriteConnection when the handshake and the
// producer are done.
func (t *tlsConnection) finish() {
	if t.handshake != nil || t.producer.Taken() || t.flags&tlsLost != 0 {
		return
	}
	t.flush()
	if t.flags&(tlsClosing|tlsEndWrite) != 0 && t.flags&tlsEnded == 0 {
		t.flags |= tlsEnded
		t.conn.CloseWrite()
	}
	if _, ok := t.protocol.(HalfCloseableProtocol); ok && t.flags&(tlsClosing|tlsEnded|tlsWriteLost) == tlsEnded {
		t.producer.Pull = (*tlsWriteEnd)(t)
		t.below.RegisterPullProducer((*tlsProducer)(t))
		return
	}
	if t.flags&tlsReadEnded != 0 && t.flags&tlsEnded != 0 {
		t.flags |= tlsClosing
	}
	if t.flags&tlsClosing != 0 {
		t.below.LoseConnection()
	}
}

// A tlsWriteEnd is a tlsConnection as the last producer of its sending direction. The
// transport below asks it for more when everything is sent.
type tlsWriteEnd tlsConnection

func (e *tlsWriteEnd) ResumeProducing() {
	t := (*tlsConnection)(e)
	if t.flags&tlsClosing == 0 {
		t.flags |= tlsWriteLost
		t.protocol.(HalfCloseableProtocol).WriteConnectionLost()
	}
	if t.awaitsSent() {
		t.UnregisterProducer()
	}
}

func (e *tlsWriteEnd) StopProducing() {} // sending has failed, and WriteConnectionLost is not called

// awaitsSent reports whether the producer is a tlsWriteEnd.
func (t *tlsConnection) awaitsSent() bool {
	_, ok := t.producer.Pull.(*tlsWriteEnd)
	return ok
}

// AbortConnection closes the connection at once; see [Transport].
func (t *tlsConnection) AbortConnection() { t.below.AbortConnection() }

// Disconnecting reports whether the connection is ending or has ended; see [Transport].
func (t *tlsConnection) Disconnecting() bool {
	return t.below.Disconnecting() || t.flags&(tlsClosing|tlsLost) != 0 || t.failed != nil
}

// PeerClosed reports whether the peer is known to have closed; see [Transport].
func (t *tlsConnection) PeerClosed() bool {
	return t.below.PeerClosed() || t.flags&tlsReadEnded != 0
}

// CheckPeerClosed is PeerClosed that also asks the system; see [Transport].
func (t *tlsConnection) CheckPeerClosed() bool {
	return t.below.CheckPeerClosed() || t.flags&tlsReadEnded != 0
}

// TLS returns the state of TLS; see [Transport].
func (t *tlsConnection) TLS() *tls.ConnectionState {
	t.check()
	state := t.conn.ConnectionState()
	return &state
}

// Reactor returns the reactor of the transport below; see [Transport].
func (t *tlsConnection) Reactor() Reactor { return t.below.Reactor() }

// SwitchProtocol replaces the protocol above; see [Transport].
func (t *tlsConnection) SwitchProtocol(p Protocol) (old Protocol) {
	t.check()
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

// A tlsConn is the transport below, as a net.Conn for crypto/tls.
type tlsConn struct{ t *tlsConnection }

// Read reads received data. If there is none, it waits during the handshake, and later
// fails with noData.
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

// noData is the error of a Read without data. crypto/tls takes it for an exceeded deadline,
// after which it can continue.
type noData struct{}

func (noData) Error() string   { return "no data yet" }
func (noData) Timeout() bool   { return true }
func (noData) Temporary() bool { return true }
