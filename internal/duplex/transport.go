package duplex

import (
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"time"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/internal/producer"
	"github.com/seed-7c003b53/gotreq/reactor"
	"github.com/seed-7c003b53/gotreq/treq/wire"
)

// A Carrier is one end of a stream. It calls Received, ReceivedEnd, Sendable and Lost of its Transport, and never from
// within one of the methods below.
type Carrier interface {
	// Room returns the number of bytes that Send may send now.
	Room() int
	// Send sends p, at most Room bytes. end ends this side of the stream; an empty p needs no room for that. Send does not
	// keep p.
	Send(p []byte, end bool)
	// Wait has the carrier call Sendable, once, when there is room.
	Wait()
	// Consumed lets the peer send n more bytes.
	Consumed(n int)
	// Reset ends the stream with RST_STREAM. If the stream has ended, Reset does nothing.
	Reset(code wire.Code)
	// Connection returns the connection that the stream is a part of.
	Connection() reactor.Transport
}

// A Transport is a stream as a [reactor.Transport]. It belongs to the loop's goroutine.
type Transport struct {
	carrier  Carrier
	protocol reactor.Protocol

	out      []byte // out[sent:] waits for room
	sent     int
	producer producer.Slot

	in      []byte // received and not yet delivered
	dropped int    // the number of bytes received after the end

	due     reactor.DelayedCall               // the next flush; nil if none is due
	linger  reactor.DelayedCall               // the end of lingering; nil unless lingering
	stopped *deferred.Deferred[deferred.None] // fails when the reactor stops; nil unless the loss waits for the end of a pause
	failed  error                             // a panic of the protocol, for which flush resets the stream; or nil
	gone    error                             // why the carrier lost the stream; nil before
	flags   flags
}

var _ reactor.Transport = (*Transport)(nil)

type flags uint16

const (
	readPaused     flags = 1 << iota // PauseProducing was called
	peerEnded                        // the peer has ended its side
	readEnded                        // the protocol knows that
	waiting                          // Wait was called, and Sendable was not
	producerPaused                   // the push producer is paused
	endingWrite                      // LoseWriteConnection was called
	writeEnded                       // this side has ended
	disconnecting                    // LoseConnection was called
	aborting                         // AbortConnection was called
	cut                              // the stream was lost before everything was sent
	disconnected                     // ConnectionLost was called, or is being called
)

const (
	// highWater is the amount of unsent data at which a producer is paused, as for a connection of a loop.
	highWater = 64 << 10
	// keepOut is the size of the largest buffer that is kept when everything is sent.
	keepOut = 4 << 10
	// lingerTime and maxDropped bound how long, and for how many bytes, a stream waits for the peer's end after its own.
	// A reset at once could overtake the last bytes in a proxy.
	lingerTime = 5 * time.Second
	maxDropped = 256 << 10
)

// New returns the Transport over c. Its protocol drops everything until SwitchProtocol.
func New(c Carrier) *Transport { return &Transport{carrier: c, protocol: nobody{}} }

// nobody is the protocol of a Transport before the first SwitchProtocol.
type nobody struct{}

func (nobody) ConnectionMade(reactor.Transport) {}
func (nobody) DataReceived([]byte)              {}
func (nobody) ConnectionLost(error)             {}

// check panics if the caller is not on the loop's goroutine: the connection below checks that, and PeerClosed has no
// effect.
func (t *Transport) check() { t.carrier.Connection().PeerClosed() }

// guard calls f, a method of the protocol or the producer. A panic of f loses the stream, and no other.
func (t *Transport) guard(f func()) {
	defer func() {
		if v := recover(); v != nil {
			t.panicked(v)
		}
	}()
	f()
}

// panicked loses the stream because of a panic with v.
func (t *Transport) panicked(v any) {
	err := deferred.NewPanicError(v)
	slog.Error("duplex: panic in a protocol", "panic", fmt.Sprint(err.Value), "at", err.Place(), "stack", err.Trace())
	if t.failed == nil {
		t.failed = lost(err)
	}
	t.touch()
}

// touch has flush called in the next turn.
func (t *Transport) touch() {
	if t.due == nil && t.flags&disconnected == 0 {
		t.due = t.Reactor().CallLater(0, t.flush)
	}
}

// flush calls the protocol and the producer for what has changed, and ends the stream or its sending direction once
// everything is sent.
func (t *Transport) flush() {
	t.due = nil
	switch {
	case t.flags&aborting != 0:
		t.close(wire.Cancel, reactor.ErrConnectionAborted)
	case t.failed != nil:
		t.close(wire.InternalError, t.failed)
	case t.gone != nil && t.flags&disconnecting != 0:
		t.end(t.reason())
	default:
		t.deliver()
		t.proceed()
	}
}

// Receiving.

// Received takes data from the peer.
func (t *Transport) Received(data []byte) {
	switch {
	case !t.mayDeliver():
		t.drop(len(data))
	case t.flags&readPaused != 0 || len(t.in) != 0:
		t.in = append(t.in, data...)
	default:
		t.pass(data)
	}
}

// mayDeliver reports whether the protocol still wants data, now or after a pause.
func (t *Transport) mayDeliver() bool {
	return t.flags&(disconnecting|aborting|disconnected) == 0 && t.failed == nil
}

// pass calls DataReceived, as guard does but without a closure. The peer may then send as much again.
func (t *Transport) pass(data []byte) {
	defer func() {
		if v := recover(); v != nil {
			t.panicked(v)
		}
	}()
	t.protocol.DataReceived(data)
	if t.gone == nil {
		t.carrier.Consumed(len(data))
	}
}

// drop drops n bytes that nobody wants.
func (t *Transport) drop(n int) {
	t.carrier.Consumed(n)
	if t.dropped += n; t.linger != nil && t.dropped > maxDropped {
		t.endLinger()
		t.carrier.Reset(wire.NoError)
	}
}

// ReceivedEnd says that the peer has ended its side.
func (t *Transport) ReceivedEnd() {
	t.flags |= peerEnded
	if t.linger != nil {
		t.endLinger()
		return
	}
	t.deliver()
}

// Lost says that the stream has ended early, or that its connection is lost. The reason is a *wire.StreamError, a
// *wire.ConnectionError or the reason of the connection's ConnectionLost.
func (t *Transport) Lost(reason error) {
	t.gone = lost(reason)
	if t.linger != nil {
		t.endLinger()
	}
	if t.flags&disconnected != 0 {
		return
	}
	if len(t.out) != 0 || t.producer.Taken() {
		t.flags |= cut
	}
	t.out, t.sent = nil, 0
	t.stopProducer()
	switch {
	case t.flags&aborting != 0:
		t.end(reactor.ErrConnectionAborted)
	case t.failed != nil:
		t.end(t.failed)
	case t.flags&disconnecting != 0:
		t.end(t.reason())
	case errors.Is(reason, reactor.ErrStopped): // for which no pause counts
		t.end(t.gone)
	default:
		t.deliver()
		t.untilStopped()
	}
}

// untilStopped ends t with the reactor, if the loss has to wait for the end of a pause. No carrier does it any more.
func (t *Transport) untilStopped() {
	if t.flags&disconnected != 0 {
		return
	}
	t.stopped = reactor.UntilStopped(t.Reactor(), deferred.New[deferred.None]())
	t.stopped.AddErrback(func(err error) (deferred.None, error) {
		t.end(lost(err))
		return deferred.None{}, nil
	})
}

// deliver passes on what was received, in order: the data, the peer's end, the loss of the stream.
func (t *Transport) deliver() {
	if len(t.in) != 0 && t.flags&readPaused == 0 && t.mayDeliver() {
		data := t.in
		t.in = nil
		t.pass(data)
	}
	if t.flags&(peerEnded|readEnded) == peerEnded && t.mayRead() {
		t.readEnd()
	}
	if t.gone != nil && t.flags&disconnected == 0 && (t.mayRead() || t.flags&disconnecting != 0) {
		t.end(t.reason())
	}
}

// mayRead reports whether the protocol may learn of the peer's end, which comes after all data.
func (t *Transport) mayRead() bool {
	return len(t.in) == 0 && t.flags&readPaused == 0 && t.mayDeliver()
}

// readEnd handles the peer's end. As over TLS, a protocol that is not half-closeable ends too, once everything is sent.
func (t *Transport) readEnd() {
	t.flags |= readEnded
	p, ok := t.protocol.(reactor.HalfCloseableProtocol)
	if !ok {
		t.stopProducer()
		t.LoseConnection()
		return
	}
	t.guard(p.ReadConnectionLost)
	if t.flags&(writeEnded|disconnected|aborting) == writeEnded && t.failed == nil {
		t.end(reactor.ErrConnectionDone)
	}
}

// PauseProducing stops DataReceived; see [reactor.Transport].
func (t *Transport) PauseProducing() {
	t.check()
	t.flags |= readPaused
}

// ResumeProducing undoes PauseProducing; see [reactor.Transport].
func (t *Transport) ResumeProducing() {
	t.check()
	t.flags &^= readPaused
	if len(t.in) != 0 || t.flags&(peerEnded|readEnded) == peerEnded || t.gone != nil {
		t.touch()
	}
}

// StopProducing is LoseConnection; see [reactor.Transport].
func (t *Transport) StopProducing() { t.LoseConnection() }

// Sending.

// Write sends data; see [reactor.Consumer].
func (t *Transport) Write(data []byte) {
	t.check()
	if len(data) != 0 && t.mayWrite() {
		t.write(data)
		if t.producer.Pull != nil {
			t.touch()
		}
	}
	t.pauseProducerIfFull()
}

// mayWrite reports whether Write takes data. After LoseConnection and LoseWriteConnection it does only while a producer is
// registered.
func (t *Transport) mayWrite() bool {
	return t.flags&(writeEnded|aborting|disconnected) == 0 && t.failed == nil && t.gone == nil &&
		(t.flags&(disconnecting|endingWrite) == 0 || t.producer.Taken())
}

func (t *Transport) write(data []byte) {
	if len(t.out) == 0 {
		if n := min(t.carrier.Room(), len(data)); n > 0 {
			t.carrier.Send(data[:n], false)
			data = data[n:]
		}
		if len(data) == 0 {
			return
		}
		t.wait()
	}
	t.out = append(t.out, data...)
}

// wait waits for room.
func (t *Transport) wait() {
	if t.flags&waiting == 0 {
		t.flags |= waiting
		t.carrier.Wait()
	}
}

// WriteSequence writes several pieces as one; see [reactor.Transport].
func (t *Transport) WriteSequence(pieces ...[]byte) {
	t.check()
	size := 0
	for _, p := range pieces {
		size += len(p)
	}
	if size >= highWater || len(t.out) != 0 {
		for _, p := range pieces {
			t.Write(p)
		}
		return
	}
	joined := make([]byte, 0, size)
	for _, p := range pieces {
		joined = append(joined, p...)
	}
	t.Write(joined)
}

// Sendable says that there is room for n bytes. Room may say that there is none, since it lets other streams go first.
func (t *Transport) Sendable(n int) {
	t.flags &^= waiting
	if len(t.out) == 0 {
		return
	}
	if n <= 0 {
		t.wait()
		return
	}
	n = min(n, len(t.out)-t.sent)
	t.carrier.Send(t.out[t.sent:t.sent+n], false)
	switch t.sent += n; {
	case t.sent == len(t.out):
		t.out, t.sent = t.out[:0], 0
		if cap(t.out) > keepOut {
			t.out = nil
		}
		t.touch()
		return
	case t.sent > len(t.out)/2:
		t.out = t.out[:copy(t.out, t.out[t.sent:])]
		t.sent = 0
	}
	t.wait()
}

// proceed asks the producer for more if everything is sent. Without a producer, it ends what LoseConnection or
// LoseWriteConnection has asked for.
func (t *Transport) proceed() {
	if len(t.out) != 0 || t.gone != nil || t.flags&(aborting|disconnected) != 0 || t.failed != nil {
		return
	}
	switch {
	case t.producer.Pull != nil:
		t.guard(t.producer.Pull.ResumeProducing) // its Write leads here again
	case t.producer.Push != nil:
		if t.flags&producerPaused != 0 {
			t.flags &^= producerPaused
			t.guard(t.producer.Push.ResumeProducing)
		}
	case t.flags&disconnecting != 0:
		t.finish()
	case t.flags&(endingWrite|writeEnded) == endingWrite:
		t.endWrite()
	}
}

// endWrite ends the sending direction.
func (t *Transport) endWrite() {
	t.flags |= writeEnded
	t.carrier.Send(nil, true)
	if p, ok := t.protocol.(reactor.HalfCloseableProtocol); ok {
		t.guard(p.WriteConnectionLost)
	}
	if t.flags&(readEnded|disconnected|aborting) == readEnded && t.failed == nil {
		t.end(reactor.ErrConnectionDone)
	}
}

// Producers.

// RegisterProducer makes p the source of the written data; see [reactor.Consumer].
func (t *Transport) RegisterProducer(p reactor.PushProducer) error {
	t.check()
	ok, err := t.mayRegister(p, producer.CheckPush(p))
	if ok {
		t.producer.Push = p
		t.pauseProducerIfFull()
	}
	return err
}

// RegisterPullProducer makes p the source of the written data; see [reactor.Consumer].
func (t *Transport) RegisterPullProducer(p reactor.PullProducer) error {
	t.check()
	ok, err := t.mayRegister(p, producer.CheckPull(p))
	if ok {
		t.producer.Pull = p
		t.touch()
	}
	return err
}

// mayRegister reports whether p can be registered, unless misuse is why it cannot. It stops p if the stream is lost.
func (t *Transport) mayRegister(p reactor.PullProducer, misuse error) (ok bool, err error) {
	if misuse != nil {
		return false, misuse
	}
	if t.producer.Taken() {
		return false, reactor.ErrProducerRegistered
	}
	if t.flags&disconnected != 0 || t.gone != nil {
		t.guard(p.StopProducing)
		return false, nil
	}
	return true, nil
}

// UnregisterProducer ends the registration of the producer; see [reactor.Consumer].
func (t *Transport) UnregisterProducer() {
	t.check()
	t.producer.Clear()
	t.flags &^= producerPaused
	t.touch()
}

// pauseProducerIfFull pauses the push producer if too much data is unsent, or if nothing more is sent, because a producer
// may write until it is paused.
func (t *Transport) pauseProducerIfFull() {
	if t.producer.Push == nil || t.flags&producerPaused != 0 {
		return
	}
	if len(t.out)-t.sent >= highWater || t.failed != nil || t.gone != nil || t.flags&aborting != 0 {
		t.flags |= producerPaused
		t.guard(t.producer.Push.PauseProducing)
	}
}

// stopProducer stops the producer, if there is one.
func (t *Transport) stopProducer() {
	if p := t.producer.Clear(); p != nil {
		t.guard(p.StopProducing)
	}
}

// Ending.

// LoseConnection ends the stream in order; see [reactor.Transport].
func (t *Transport) LoseConnection() {
	t.check()
	t.flags |= disconnecting
	t.touch()
}

// LoseWriteConnection ends the sending direction in order; see [reactor.Transport].
func (t *Transport) LoseWriteConnection() {
	t.check()
	t.flags |= endingWrite
	t.touch()
}

// AbortConnection resets the stream; see [reactor.Transport].
func (t *Transport) AbortConnection() {
	t.check()
	t.flags |= aborting
	t.touch()
}

// Disconnecting reports whether the stream is ending or has ended for the protocol; see [reactor.Transport].
func (t *Transport) Disconnecting() bool {
	t.check()
	return !t.mayDeliver()
}

// finish ends the stream in order. The protocol has its end now; if the peer has not ended its side, the stream lingers.
func (t *Transport) finish() {
	if t.flags&writeEnded == 0 {
		t.flags |= writeEnded
		t.carrier.Send(nil, true)
	}
	if t.flags&peerEnded == 0 {
		if n := len(t.in); n != 0 { // it was paused
			t.in = nil
			t.drop(n)
		}
		t.linger = t.Reactor().CallLater(lingerTime, func() {
			t.linger = nil
			t.carrier.Reset(wire.NoError)
		})
	}
	t.end(reactor.ErrConnectionDone)
}

func (t *Transport) endLinger() {
	t.linger.Cancel()
	t.linger = nil
}

// close resets the stream because of reason.
func (t *Transport) close(code wire.Code, reason error) {
	if t.gone == nil {
		t.carrier.Reset(code)
	}
	t.end(reason)
}

// end calls ConnectionLost.
func (t *Transport) end(reason error) {
	if t.flags&disconnected != 0 {
		return
	}
	t.flags |= disconnected
	if t.due != nil {
		t.due.Cancel()
		t.due = nil
	}
	if t.stopped != nil && !t.stopped.Called() {
		t.stopped.Callback(deferred.None{})
	}
	t.in, t.out, t.sent = nil, nil, 0
	t.stopProducer()
	t.guard(func() { t.protocol.ConnectionLost(reason) })
}

// SwitchProtocol replaces the protocol; see [reactor.Transport].
func (t *Transport) SwitchProtocol(p reactor.Protocol) (old reactor.Protocol) {
	t.check()
	old, t.protocol = t.protocol, p
	return old
}

// Host returns this side's address of the connection; see [reactor.Transport].
func (t *Transport) Host() net.Addr { return t.carrier.Connection().Host() }

// Peer returns the other side's address of the connection; see [reactor.Transport].
func (t *Transport) Peer() net.Addr { return t.carrier.Connection().Peer() }

// PeerClosed reports whether the peer is known to have ended its side of the stream, or the connection; see
// [reactor.Transport].
func (t *Transport) PeerClosed() bool { return t.ended() || t.carrier.Connection().PeerClosed() }

// CheckPeerClosed is PeerClosed that also asks the system; see [reactor.Transport].
func (t *Transport) CheckPeerClosed() bool {
	return t.ended() || t.carrier.Connection().CheckPeerClosed()
}

func (t *Transport) ended() bool { return t.flags&(peerEnded|disconnected) != 0 || t.gone != nil }

// Reactor returns the reactor of the connection; see [reactor.Transport]. Any goroutine may call it.
func (t *Transport) Reactor() reactor.Reactor { return t.carrier.Connection().Reactor() }

// TLS returns the state of TLS on the connection; see [reactor.Transport].
func (t *Transport) TLS() *tls.ConnectionState { return t.carrier.Connection().TLS() }

// SetNoDelay does nothing: the socket belongs to all streams of the connection.
func (t *Transport) SetNoDelay(bool) error { return nil }

// SetKeepAlive does nothing: the socket belongs to all streams of the connection.
func (t *Transport) SetKeepAlive(bool) error { return nil }
