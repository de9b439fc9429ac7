package reactor

import (
	"crypto/tls"
	"io"
	"net"
	"time"

	"github.com/seed-7c003b53/gotreq/internal/list"
	"github.com/seed-7c003b53/gotreq/internal/producer"
)

// This file holds the Transport of every loop, over a Socket of the poller.
//
// A Transport's method never calls the protocol, since the protocol may be the caller.
// flush calls it instead, at the end of the turn.

// A connection is the Transport over one Socket.
type connection struct {
	at       list.Node[connection]
	loop     *Loop
	socket   Socket
	protocol Protocol

	out  []byte // out[sent:] is still to be sent
	sent int

	producer *producer.Slot // nil while none is registered
	failed   error          // why flush will close the connection
	broken   *broken        // non-nil after sending failed

	flags connFlags
}

// A broken is the state of a connection whose sending failed. The connection sends nothing
// more, but reads what the peer has sent: often it is an answer that explains the failure.
type broken struct {
	err    error       // of the socket
	linger DelayedCall // ends the connection; nil unless the peer has sent nothing more
}

type connFlags uint16

const (
	readable       connFlags = 1 << iota // the socket may have something to read
	readPaused                           // PauseProducing was called
	readEnded                            // an end of file was read
	hungUp                               // the socket reported HungUp
	inAgain                              // in loop.again
	writeBlocked                         // the send buffer is full; a Writable event follows
	producerPaused                       // the push producer is paused
	inDirty                              // in loop.dirty
	endingWrite                          // LoseWriteConnection was called
	writeEnded                           // the sending direction has ended
	disconnecting                        // LoseConnection was called
	aborting                             // AbortConnection was called
	disconnected                         // ConnectionLost was called, or is being called
)

const (
	// highWater is the amount of unsent data at which a producer is paused.
	highWater = 64 << 10
	// largeWrite is the size of a write that is sent at once: copying the data would cost more than the system call
	// that it saves.
	largeWrite = 32 << 10
	// keepOut is the size of the largest buffer that is reused.
	keepOut = 256 << 10
	// mostFree and maxFree bound the number and the total size of the buffers that are kept
	// for reuse: enough for a thousand connections to send something small in one turn.
	mostFree = 1 << 10
	maxFree  = 1 << 20
	// smallOut is the size of a new buffer. It grows to what the messages of the program need
	// when it is first used.
	smallOut = 128
	// lingerTime is the time that a connection whose sending failed waits for more to
	// read. A peer's socket that is closed needs none of it; one that was shut down for
	// reading may still send an answer.
	lingerTime = 5 * time.Second
)

// check panics if the caller is not on the loop's goroutine. The methods of Transport
// call it.
func (c *connection) check() { c.loop.check("the methods of a Transport") }

// start makes an open socket the connection of p. It fails if p's ConnectionMade
// panics. The connection is then closed at the end of the turn.
func (l *Loop) start(s Socket, p Protocol) (*connection, error) {
	c := &connection{loop: l, socket: s, protocol: p}
	l.open.Push(&c.at, c)
	if l.watch != nil {
		l.watch.trace.opened(c)
	}
	l.stats.Connections++
	err := c.guard(p, "ConnectionMade", func() { p.ConnectionMade(c) })
	s.Start(c)
	return c, err
}

// guard calls f, the method of, a protocol or a producer, with the name method. A panic of f loses
// the connection.
func (c *connection) guard(of any, method string, f func()) (err error) {
	if c.loop.watch != nil {
		return c.guardWatched(of, method, f)
	}
	return c.guardAlone(f)
}

// guardAlone is guard when nobody watches.
func (c *connection) guardAlone(f func()) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = logPanic("a protocol", v)
			c.fail(err)
		}
	}()
	f()
	return nil
}

// fail closes the connection because of err, at the end of the turn.
func (c *connection) fail(err error) {
	if c.failed == nil {
		c.failed = err
	}
	c.touch()
}

// Receiving.

// Ready reads, and schedules a flush when the socket can send again; see [Handler].
func (c *connection) Ready(r Readiness) {
	c.loop.awake()
	if c.flags&disconnected != 0 {
		return
	}
	if r&HungUp != 0 {
		c.flags |= hungUp
	}
	if r&Writable != 0 && c.flags&writeBlocked != 0 {
		c.flags &^= writeBlocked
		c.touch()
	}
	if r&Readable != 0 {
		c.flags |= readable
		c.read()
	}
}

// mayRead reports whether there is something to read and the protocol wants it.
func (c *connection) mayRead() bool {
	return c.flags&(readable|readPaused|readEnded|disconnecting|aborting|disconnected) == readable && c.failed == nil
}

// read reads and calls DataReceived. If there may be more to read, the next turn reads again, so that one busy
// connection does not starve the others.
func (c *connection) read() {
	for range readsInTurn {
		if !c.mayRead() || !c.readOnce() {
			return
		}
	}
	c.readLater()
}

// readOnce reads a buffer, and reports whether it was filled.
func (c *connection) readOnce() (filled bool) {
	buffer := c.loop.readBuffer
	n, err := c.socket.Read(buffer)
	c.loop.stats.BytesRead += uint64(max(0, n))
	filled = n == len(buffer)
	if !filled && err == nil && c.flags&hungUp == 0 && c.broken == nil || err == ErrWouldBlock {
		c.flags &^= readable
	}
	if filled && n < maxReadSize {
		c.loop.readBuffer = make([]byte, 2*n)
	}
	if n > 0 {
		if c.loop.watch != nil {
			c.deliverWatched(buffer[:n])
		} else {
			c.deliver(buffer[:n])
		}
	}
	switch {
	case c.flags&disconnected != 0:
	case err == ErrWouldBlock:
		c.linger()
	case err == io.EOF:
		c.readEnd()
	case err != nil:
		c.close(err)
	case !filled:
		c.readLater()
	}
	return filled
}

// deliver calls DataReceived, as guard does but without a closure.
func (c *connection) deliver(data []byte) {
	defer func() {
		if v := recover(); v != nil {
			c.fail(logPanic("DataReceived", v))
		}
	}()
	c.protocol.DataReceived(data)
}

// readEnd handles the peer's end of file.
func (c *connection) readEnd() {
	c.flags |= readEnded
	p, ok := c.protocol.(HalfCloseableProtocol)
	if !ok {
		if c.broken != nil {
			c.close(c.broken.err)
			return
		}
		c.send() // the peer may have ended one direction only, and wait for an answer
		c.end(ErrConnectionDone, false)
		return
	}
	c.guard(p, "ReadConnectionLost", p.ReadConnectionLost)
	if c.flags&writeEnded != 0 || c.broken != nil {
		c.close(ErrConnectionDone)
	}
}

// readLater queues c for a read in the next turn, if there may be more to read.
func (c *connection) readLater() {
	if c.mayRead() && c.flags&inAgain == 0 {
		c.flags |= inAgain
		c.loop.again = append(c.loop.again, c)
	}
}

// readAgain reads from the connections that readLater queued.
func (l *Loop) readAgain() {
	n := len(l.again)
	for i := range n {
		c := l.again[i]
		c.flags &^= inAgain
		c.read()
	}
	l.again = dropFirst(l.again, n)
}

// PauseProducing stops DataReceived; see [Transport].
func (c *connection) PauseProducing() {
	c.check()
	c.flags |= readPaused
}

// ResumeProducing undoes PauseProducing; see [Transport].
func (c *connection) ResumeProducing() {
	c.check()
	c.flags &^= readPaused
	c.readLater()
}

// StopProducing is LoseConnection; see [Transport].
func (c *connection) StopProducing() { c.LoseConnection() }

// Sending.

// Write sends data; see [Consumer].
func (c *connection) Write(data []byte) {
	c.check()
	if len(data) != 0 && c.mayWrite() {
		c.write(data)
		c.touch()
	}
	c.pauseProducerIfFull()
}

func (c *connection) write(data []byte) {
	if len(data) >= largeWrite {
		data = data[c.sendNow(data):]
		if len(data) == 0 || c.broken != nil {
			return
		}
	}
	if c.out == nil {
		c.out = c.loop.buffer()
	}
	c.out = append(c.out, data...)
	if len(c.out)-c.sent >= highWater {
		c.send()
	}
}

// mayWrite reports whether Write takes data. After LoseConnection and
// LoseWriteConnection it does only while a producer is registered.
func (c *connection) mayWrite() bool {
	return c.flags&(writeEnded|aborting|disconnected) == 0 && c.failed == nil && c.broken == nil &&
		(c.flags&(disconnecting|endingWrite) == 0 || c.producer != nil)
}

// WriteSequence writes several pieces as one; see [Transport].
func (c *connection) WriteSequence(pieces ...[]byte) {
	c.check()
	for _, p := range pieces {
		c.Write(p)
	}
}

// A pairWriter is a [Socket] that sends two pieces in one system call. A large piece often
// follows a small one, which is its head.
type pairWriter interface {
	// WritePair is Write of p and then q.
	WritePair(p, q []byte) (int, error)
}

// sendNow sends the buffered data, then data, which it does not copy. It returns the
// number of bytes of data that the socket took.
func (c *connection) sendNow(data []byte) int {
	if pair, ok := c.socket.(pairWriter); ok && c.maySend() {
		buffered := len(c.out) - c.sent
		n, err := pair.WritePair(c.out[c.sent:], data)
		c.wrote(n, err, buffered+len(data))
		c.take(min(n, buffered))
		return max(0, n-buffered)
	}
	c.send()
	if len(c.out) != 0 || c.flags&writeBlocked != 0 || c.broken != nil {
		return 0
	}
	return c.writeSocket(data)
}

// send sends as much of the buffered data as the socket takes.
func (c *connection) send() {
	if c.maySend() {
		c.take(c.writeSocket(c.out[c.sent:]))
	}
}

// maySend reports whether there is buffered data to be sent now.
func (c *connection) maySend() bool {
	return len(c.out) != 0 && c.flags&writeBlocked == 0 && c.failed == nil
}

// take removes n bytes that were sent from the buffered data.
func (c *connection) take(n int) {
	c.sent += n
	switch {
	case c.sent == len(c.out), c.broken != nil:
		c.dropOut()
	case c.sent > len(c.out)/2:
		c.out = c.out[:copy(c.out, c.out[c.sent:])]
		c.sent = 0
	}
}

func (c *connection) writeSocket(data []byte) int {
	n, err := c.socket.Write(data)
	return c.wrote(n, err, len(data))
}

// wrote handles the result of a write of size bytes.
func (c *connection) wrote(n int, err error, size int) int {
	c.loop.stats.BytesWritten += uint64(max(0, n))
	if err == ErrWouldBlock || err == nil && n < size {
		c.flags |= writeBlocked
	} else if err != nil {
		c.breakOff(err)
	}
	return n
}

// breakOff ends sending because of err, an error of the socket. flush does the rest: the
// protocol may be the caller.
func (c *connection) breakOff(err error) {
	c.broken = &broken{err: err}
	c.touch()
}

// readRest stops the producer of a broken connection, and reads what the peer has sent. The
// end of that ends the connection. If reading is paused, the end has to wait.
func (c *connection) readRest() {
	c.stopProducer()
	if c.flags&(disconnecting|readEnded) != 0 {
		c.close(c.broken.err)
		return
	}
	c.flags |= readable // no event may follow
	c.readLater()
}

// linger waits for more to read on a broken connection, for lingerTime.
func (c *connection) linger() {
	switch b := c.broken; {
	case b == nil:
	case b.linger != nil:
		b.linger.Reset(lingerTime)
	default:
		b.linger = c.loop.CallLater(lingerTime, func() {
			b.linger = nil
			if c.flags&readPaused != 0 {
				c.flags |= readable // ResumeProducing looks again
				return
			}
			c.close(b.err)
		})
	}
}

// touch queues c for flush at the end of the turn.
func (c *connection) touch() {
	if c.flags&(inDirty|disconnected) == 0 {
		c.flags |= inDirty
		c.loop.dirty = append(c.loop.dirty, c)
	}
}

// flush flushes the queued connections. A connection that is queued meanwhile, by a
// protocol or a producer, is flushed in the next turn, which follows at once.
func (l *Loop) flush() {
	n := len(l.dirty)
	for i := range n {
		c := l.dirty[i]
		c.flags &^= inDirty
		c.flush()
	}
	l.dirty = dropFirst(l.dirty, n)
}

// flush sends the buffered data, calls the producer for more, and closes the connection
// or its sending direction once everything is sent.
func (c *connection) flush() {
	if c.flags&disconnected != 0 {
		return
	}
	if c.flags&aborting != 0 {
		c.close(ErrConnectionAborted)
		return
	}
	c.send()
	switch {
	case c.failed != nil:
		c.close(c.failed)
		return
	case c.broken != nil:
		c.readRest()
		return
	case len(c.out) != 0:
		return
	}
	switch {
	case c.producer == nil:
		c.flushed()
	case c.producer.Pull != nil:
		if c.flags&writeBlocked == 0 {
			c.guard(c.producer.Pull, "ResumeProducing", c.producer.Pull.ResumeProducing) // its Write queues c again
		}
	case c.producer.Push != nil:
		if c.flags&producerPaused != 0 && c.flags&writeBlocked == 0 {
			c.flags &^= producerPaused
			c.guard(c.producer.Push, "ResumeProducing", c.producer.Push.ResumeProducing)
		}
	}
}

// flushed closes the connection or its sending direction, if that is to happen now that
// everything is sent.
func (c *connection) flushed() {
	switch {
	case c.flags&disconnecting != 0:
		c.close(ErrConnectionDone)
	case c.flags&(endingWrite|writeEnded) == endingWrite:
		c.endWrite()
	}
}

// endWrite ends the sending direction.
func (c *connection) endWrite() {
	c.flags |= writeEnded
	if err := c.socket.CloseWrite(); err != nil {
		c.breakOff(err)
		return
	}
	if p, ok := c.protocol.(HalfCloseableProtocol); ok {
		c.guard(p, "WriteConnectionLost", p.WriteConnectionLost)
	}
	if c.flags&readEnded != 0 && c.flags&disconnected == 0 {
		c.close(ErrConnectionDone)
	}
}

// Producers.

// RegisterProducer makes p the source of the written data; see [Consumer].
func (c *connection) RegisterProducer(p PushProducer) error {
	c.check()
	ok, err := c.mayRegister(p, producer.CheckPush(p))
	if ok {
		c.producer = &producer.Slot{Push: p}
		c.pauseProducerIfFull()
	}
	return err
}

// RegisterPullProducer makes p the source of the written data; see [Consumer].
func (c *connection) RegisterPullProducer(p PullProducer) error {
	c.check()
	ok, err := c.mayRegister(p, producer.CheckPull(p))
	if ok {
		c.producer = &producer.Slot{Pull: p}
		c.touch()
	}
	return err
}

// mayRegister reports whether p can be registered, unless misuse is why it cannot. It stops p if the connection is
// already lost, or its sending failed.
func (c *connection) mayRegister(p PullProducer, misuse error) (ok bool, err error) {
	if misuse != nil {
		return false, misuse
	}
	if c.producer != nil {
		return false, ErrProducerRegistered
	}
	if c.flags&disconnected != 0 || c.broken != nil {
		c.guard(p, "StopProducing", p.StopProducing)
		return false, nil
	}
	return true, nil
}

// UnregisterProducer ends the registration of the producer; see [Consumer].
func (c *connection) UnregisterProducer() {
	c.check()
	c.producer = nil
	c.flags &^= producerPaused
	c.touch()
}

// pauseProducerIfFull pauses the push producer if too much data is unsent, or if the
// connection sends nothing more, because a producer may write until it is paused.
func (c *connection) pauseProducerIfFull() {
	if c.producer == nil || c.producer.Push == nil || c.flags&producerPaused != 0 {
		return
	}
	if len(c.out)-c.sent >= highWater || c.failed != nil || c.broken != nil || c.flags&aborting != 0 {
		c.flags |= producerPaused
		c.guard(c.producer.Push, "PauseProducing", c.producer.Push.PauseProducing)
	}
}

// stopProducer stops the producer, if there is one.
func (c *connection) stopProducer() {
	if slot := c.producer; slot != nil {
		c.producer = nil
		p := slot.Clear()
		c.guard(p, "StopProducing", p.StopProducing)
	}
}

// Ending.

// LoseConnection closes the connection in order; see [Transport].
func (c *connection) LoseConnection() {
	c.check()
	c.flags |= disconnecting
	c.touch()
}

// LoseWriteConnection ends the sending direction in order; see [Transport].
func (c *connection) LoseWriteConnection() {
	c.check()
	c.flags |= endingWrite
	c.touch()
}

// AbortConnection closes the connection; see [Transport].
func (c *connection) AbortConnection() {
	c.check()
	c.flags |= aborting
	c.touch()
}

// Disconnecting reports whether the connection is ending or has ended; see [Transport].
func (c *connection) Disconnecting() bool {
	c.check()
	return c.flags&(disconnecting|aborting|disconnected) != 0 || c.failed != nil
}

// stop closes the connection when the loop shuts down. It sends as much as it can
// without waiting. If data is left unsent, it resets the connection, so that the peer
// notices.
func (c *connection) stop() {
	c.send()
	sent := len(c.out) == 0 && c.producer == nil
	switch {
	case c.failed != nil:
		c.close(c.failed)
	case c.flags&aborting != 0:
		c.close(ErrConnectionAborted)
	case c.broken != nil:
		c.close(c.broken.err)
	case c.flags&disconnecting != 0 && sent:
		c.close(ErrConnectionDone)
	default:
		c.end(ErrStopped, !sent)
	}
}

// close closes the connection now, with a reset unless reason is ErrConnectionDone. If
// sending failed earlier, that is the reason, unless the program itself ends the
// connection.
func (c *connection) close(reason error) {
	if c.broken != nil && c.failed == nil && c.flags&aborting == 0 {
		reason = &sendError{lost(c.broken.err), c.flags&readEnded != 0}
	}
	c.end(reason, reason != ErrConnectionDone)
}

// end closes the connection now, stops the producer and calls ConnectionLost.
func (c *connection) end(reason error, reset bool) {
	if c.flags&disconnected != 0 {
		return
	}
	c.flags |= disconnected
	c.at.Remove()
	if c.loop.watch != nil {
		c.loop.watch.trace.closed(c)
	}
	c.socket.Close(reset)
	c.dropOut()
	if c.broken != nil && c.broken.linger != nil {
		c.broken.linger.Cancel()
	}
	c.stopProducer()
	c.guard(c.protocol, "ConnectionLost", func() { c.protocol.ConnectionLost(lost(reason)) })
}

// SwitchProtocol replaces the protocol; see [Transport].
func (c *connection) SwitchProtocol(p Protocol) (old Protocol) {
	c.check()
	old, c.protocol = c.protocol, p
	return old
}

// Host returns this side's address; see [Transport].
func (c *connection) Host() net.Addr {
	c.check()
	return c.socket.LocalAddr()
}

// Peer returns the other side's address; see [Transport].
func (c *connection) Peer() net.Addr {
	c.check()
	return c.socket.RemoteAddr()
}

// PeerClosed reports whether the peer is known to have closed; see [Transport].
func (c *connection) PeerClosed() bool {
	c.check()
	return c.flags&(hungUp|readEnded|disconnected) != 0 || c.broken != nil
}

// CheckPeerClosed is PeerClosed that also asks the socket; see [Transport].
func (c *connection) CheckPeerClosed() bool { return c.PeerClosed() || c.socket.PeerClosed() }

// Reactor returns the connection's loop, or the part of it that owns the socket; see [Transport].
// Any goroutine may call it.
func (c *connection) Reactor() Reactor { return c.loop.ownerOf(c.socket) }

// TLS returns nil: the connection itself is not encrypted; see [Transport].
func (c *connection) TLS() *tls.ConnectionState {
	c.check()
	return nil
}

// SetNoDelay sets TCP_NODELAY; see [Transport].
func (c *connection) SetNoDelay(on bool) error {
	c.check()
	if c.flags&disconnected != 0 {
		return net.ErrClosed
	}
	return c.socket.SetNoDelay(on)
}

// SetKeepAlive sets SO_KEEPALIVE; see [Transport].
func (c *connection) SetKeepAlive(on bool) error {
	c.check()
	if c.flags&disconnected != 0 {
		return net.ErrClosed
	}
	return c.socket.SetKeepAlive(on)
}

// Send buffers belong to the loop. A connection with nothing to send holds none.

// buffer returns an empty send buffer.
func (l *Loop) buffer() []byte {
	if last := len(l.free) - 1; last >= 0 {
		b := l.free[last]
		l.free = l.free[:last]
		l.freeBytes -= cap(b)
		return b
	}
	return make([]byte, 0, smallOut)
}

// dropOut returns c's buffer to the loop.
func (c *connection) dropOut() {
	if l := c.loop; c.out != nil && cap(c.out) <= keepOut && len(l.free) < mostFree && l.freeBytes+cap(c.out) <= maxFree {
		l.free = append(l.free, c.out[:0])
		l.freeBytes += cap(c.out)
	}
	c.out, c.sent = nil, 0
}

// dropFirst removes the first n elements of s, in place.
func dropFirst[T any](s []T, n int) []T {
	left := copy(s, s[n:])
	clear(s[left:])
	return s[:left]
}
