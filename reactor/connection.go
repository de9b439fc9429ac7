package reactor

import (
	"crypto/tls"
	"io"
	"net"
)

// This file holds the Transport of every loop: what is to be sent, what may be
// read, and how the one connection ends. Its socket is the poller's.
//
// Nothing here calls the protocol from within a call that the protocol made:
// what a method cannot do at once is done by flush, at the end of the turn.

// A connection is one open connection.
type connection struct {
	in       links[connection]
	loop     *Loop
	socket   Socket
	protocol Protocol

	out  []byte // waiting to be sent, from sent on
	sent int

	push   PushProducer // at most one of these two is set
	pull   PullProducer
	failed error // why sending failed, until flush acts on it

	flags connFlags
}

type connFlags uint16

const (
	readable      connFlags = 1 << iota // the socket may have something to read
	readPaused                          // the protocol wants no more for now
	readEnded                           // the peer has sent all it will
	hungUp                              // the socket said that the end is there to be read
	inAgain                             // in loop.again
	writeBlocked                        // the socket takes no more; it will say when it does
	producerRests                       // the push producer has been paused
	inDirty                             // in loop.dirty
	closeWrite                          // end the sending direction once all is sent
	writeEnded                          // the sending direction has ended
	closing                             // close once all is sent
	aborting                            // close at the end of this turn
	closed                              // ConnectionLost has been, or is being, called
)

const (
	// highWater is how much may wait to be sent before a producer is paused. A
	// write of that size is tried at once: to copy it, so as to send it with
	// others, would cost more than the system call that it saves.
	highWater = 64 << 10
	// keepOut is the largest buffer that is kept for the next that needs one.
	keepOut = 256 << 10
	// maxFree is how much is kept of such buffers in all: enough for two thousand
	// connections to send something small in one turn.
	maxFree = 1 << 20
	// smallOut is the size that a buffer begins with: most requests are smaller.
	smallOut = 512
)

func (c *connection) links() *links[connection] { return &c.in }

// start makes an open socket a connection of p's. It fails if p's ConnectionMade
// panics; the connection will be closed then.
func (l *Loop) start(s Socket, p Protocol) (*connection, error) {
	c := &connection{loop: l, socket: s, protocol: p}
	push(&l.open, c)
	err := c.guard(func() { p.ConnectionMade(c) })
	s.Start(c)
	return c, err
}

// guard calls a method of the protocol or the producer; one that panics loses the
// connection.
func (c *connection) guard(f func()) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = logPanic("a protocol", v)
			c.fail(err)
		}
	}()
	f()
	return nil
}

// fail has the connection closed for err at the end of the turn.
func (c *connection) fail(err error) {
	if c.failed == nil {
		c.failed = err
	}
	c.touch()
}

// Receiving.

// Ready reads and sends what can be, as the poller's [Handler].
func (c *connection) Ready(r Readiness) {
	if c.flags&closed != 0 {
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

// mayRead reports whether the protocol is to get what there is to read.
func (c *connection) mayRead() bool {
	return c.flags&(readable|readPaused|readEnded|closing|aborting|closed) == readable && c.failed == nil
}

// read reads once and gives it to the protocol. If there may be more, it is
// read in the next turn, so that one busy connection does not starve the others.
func (c *connection) read() {
	if !c.mayRead() {
		return
	}
	buffer := c.loop.readBuffer
	n, err := c.socket.Read(buffer)
	if n < len(buffer) && err == nil && c.flags&hungUp == 0 || err == ErrWouldBlock {
		c.flags &^= readable
	}
	if n == len(buffer) && n < maxReadSize {
		c.loop.readBuffer = make([]byte, 2*n)
	}
	if n > 0 {
		c.deliver(buffer[:n])
	}
	switch {
	case c.flags&closed != 0 || err == ErrWouldBlock:
	case err == io.EOF:
		c.readEnd()
	case err != nil:
		c.close(err)
	default:
		c.readLater()
	}
}

// deliver is guard for DataReceived, without a closure.
func (c *connection) deliver(data []byte) {
	defer func() {
		if v := recover(); v != nil {
			c.fail(logPanic("DataReceived", v))
		}
	}()
	c.protocol.DataReceived(data)
}

// readEnd acts on the peer's end of file.
func (c *connection) readEnd() {
	c.flags |= readEnded
	p, ok := c.protocol.(HalfCloseableProtocol)
	if !ok {
		c.send() // an answer to what came just before; the peer may have ended one direction only
		c.close(ErrConnectionDone)
		return
	}
	c.guard(p.ReadConnectionLost)
	if c.flags&writeEnded != 0 && c.flags&closed == 0 {
		c.close(ErrConnectionDone)
	}
}

// readLater has the rest read in the next turn, if there may be one.
func (c *connection) readLater() {
	if c.mayRead() && c.flags&inAgain == 0 {
		c.flags |= inAgain
		c.loop.again = append(c.loop.again, c)
	}
}

// readAgain reads all that have more to read than was read at one go.
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
func (c *connection) PauseProducing() { c.flags |= readPaused }

// ResumeProducing lets DataReceived go on; see [Transport].
func (c *connection) ResumeProducing() {
	c.flags &^= readPaused
	c.readLater()
}

// StopProducing is LoseConnection; see [Transport].
func (c *connection) StopProducing() { c.LoseConnection() }

// Sending.

// Write sends data; see [Consumer].
func (c *connection) Write(data []byte) {
	if len(data) != 0 && c.mayWrite() {
		c.write(data)
		c.touch()
	}
	c.restProducer()
}

func (c *connection) write(data []byte) {
	if len(data) >= highWater {
		data = data[c.sendNow(data):]
		if len(data) == 0 || c.failed != nil {
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

// mayWrite reports whether anything is still to be written. After
// LoseConnection and LoseWriteConnection only a producer may, until it is done.
func (c *connection) mayWrite() bool {
	return c.flags&(writeEnded|aborting|closed) == 0 && c.failed == nil &&
		(c.flags&(closing|closeWrite) == 0 || c.push != nil || c.pull != nil)
}

// WriteSequence writes several pieces as one; see [Transport].
func (c *connection) WriteSequence(pieces ...[]byte) {
	for _, p := range pieces {
		c.Write(p)
	}
}

// sendNow sends data after what waits already, without copying it, as far as
// the socket takes it, and returns how much that is.
func (c *connection) sendNow(data []byte) int {
	c.send()
	if len(c.out) != 0 || c.flags&writeBlocked != 0 || c.failed != nil {
		return 0
	}
	return c.writeSocket(data)
}

// send sends what waits, as far as the socket takes it.
func (c *connection) send() {
	if len(c.out) == 0 || c.flags&writeBlocked != 0 || c.failed != nil {
		return
	}
	c.sent += c.writeSocket(c.out[c.sent:])
	switch {
	case c.sent == len(c.out):
		c.dropOut()
	case c.sent > len(c.out)/2:
		c.out = c.out[:copy(c.out, c.out[c.sent:])]
		c.sent = 0
	}
}

func (c *connection) writeSocket(data []byte) int {
	n, err := c.socket.Write(data)
	if err == ErrWouldBlock || err == nil && n < len(data) {
		c.flags |= writeBlocked
	} else if err != nil {
		c.failed = err
	}
	return n
}

// touch has flush look at c at the end of the turn.
func (c *connection) touch() {
	if c.flags&(inDirty|closed) == 0 {
		c.flags |= inDirty
		c.loop.dirty = append(c.loop.dirty, c)
	}
}

// flush sends what was written in this turn and closes what is to be closed.
// What the protocols and producers write and close meanwhile is left for the
// next turn, which follows at once.
func (l *Loop) flush() {
	n := len(l.dirty)
	for i := range n {
		c := l.dirty[i]
		c.flags &^= inDirty
		c.flush()
	}
	l.dirty = dropFirst(l.dirty, n)
}

func (c *connection) flush() {
	if c.flags&closed != 0 {
		return
	}
	if c.flags&aborting != 0 {
		c.close(ErrConnectionAborted)
		return
	}
	c.send()
	if c.failed != nil {
		c.close(c.failed)
		return
	}
	if len(c.out) != 0 {
		return
	}
	switch {
	case c.pull != nil:
		if c.flags&writeBlocked == 0 {
			c.guard(c.pull.ResumeProducing) // what it writes brings us back here
		}
	case c.push != nil:
		if c.flags&producerRests != 0 && c.flags&writeBlocked == 0 {
			c.flags &^= producerRests
			c.guard(c.push.ResumeProducing)
		}
	case c.flags&closing != 0:
		c.close(ErrConnectionDone)
	case c.flags&(closeWrite|writeEnded) == closeWrite:
		c.endWrite()
	}
}

// endWrite ends the sending direction.
func (c *connection) endWrite() {
	c.flags |= writeEnded
	if err := c.socket.CloseWrite(); err != nil {
		c.close(err)
		return
	}
	if p, ok := c.protocol.(HalfCloseableProtocol); ok {
		c.guard(p.WriteConnectionLost)
	}
	if c.flags&readEnded != 0 && c.flags&closed == 0 {
		c.close(ErrConnectionDone)
	}
}

// Producers.

// RegisterProducer makes p the source of what is written; see [Consumer].
func (c *connection) RegisterProducer(p PushProducer) error {
	if c.push != nil || c.pull != nil {
		return ErrProducerRegistered
	}
	if c.flags&closed != 0 {
		c.guard(p.StopProducing)
		return nil
	}
	c.push = p
	c.restProducer()
	return nil
}

// RegisterPullProducer makes p the source of what is written; see [Consumer].
func (c *connection) RegisterPullProducer(p PullProducer) error {
	if c.push != nil || c.pull != nil {
		return ErrProducerRegistered
	}
	if c.flags&closed != 0 {
		c.guard(p.StopProducing)
		return nil
	}
	c.pull = p
	c.touch()
	return nil
}

// UnregisterProducer says that the producer is done; see [Consumer].
func (c *connection) UnregisterProducer() {
	c.push, c.pull = nil, nil
	c.flags &^= producerRests
	c.touch()
}

// restProducer pauses the push producer if too much waits to be sent, or if nothing
// will be sent any more: it may be one that writes until it is paused.
func (c *connection) restProducer() {
	if c.push == nil || c.flags&producerRests != 0 {
		return
	}
	if len(c.out)-c.sent >= highWater || c.failed != nil || c.flags&aborting != 0 {
		c.flags |= producerRests
		c.guard(c.push.PauseProducing)
	}
}

// Ending.

// LoseConnection closes the connection in order; see [Transport].
func (c *connection) LoseConnection() {
	c.flags |= closing
	c.touch()
}

// LoseWriteConnection ends the sending direction in order; see [Transport].
func (c *connection) LoseWriteConnection() {
	c.flags |= closeWrite
	c.touch()
}

// AbortConnection closes the connection; see [Transport].
func (c *connection) AbortConnection() {
	c.flags |= aborting
	c.touch()
}

// stop closes the connection because the loop shuts down, after sending what can
// be sent without waiting. If that is not all, the peer is to notice: the
// connection is reset.
func (c *connection) stop() {
	c.send()
	sent := len(c.out) == 0 && c.push == nil && c.pull == nil
	switch {
	case c.failed != nil:
		c.close(c.failed)
	case c.flags&aborting != 0:
		c.close(ErrConnectionAborted)
	case c.flags&closing != 0 && sent:
		c.close(ErrConnectionDone)
	default:
		c.end(ErrStopped, !sent)
	}
}

// close closes the connection now: in order, or else by a reset.
func (c *connection) close(reason error) {
	c.end(reason, reason != ErrConnectionDone)
}

// end closes the connection now and tells the producer and the protocol.
func (c *connection) end(reason error, reset bool) {
	if c.flags&closed != 0 {
		return
	}
	c.flags |= closed
	drop(&c.loop.open, c)
	c.socket.Close(reset)
	c.dropOut()
	if p := c.pull; p != nil {
		c.pull = nil
		c.guard(p.StopProducing)
	}
	if p := c.push; p != nil {
		c.push = nil
		c.guard(p.StopProducing)
	}
	c.guard(func() { c.protocol.ConnectionLost(lost(reason)) })
}

// SwitchProtocol replaces the protocol; see [Transport].
func (c *connection) SwitchProtocol(p Protocol) (old Protocol) {
	old, c.protocol = c.protocol, p
	return old
}

// Host returns this side's address; see [Transport].
func (c *connection) Host() net.Addr { return c.socket.LocalAddr() }

// Peer returns the other side's address; see [Transport].
func (c *connection) Peer() net.Addr { return c.socket.RemoteAddr() }

// Reactor returns the connection's loop; see [Transport].
func (c *connection) Reactor() Reactor { return c.loop }

// TLS returns nil: the connection itself is not encrypted; see [Transport].
func (c *connection) TLS() *tls.ConnectionState { return nil }

// SetNoDelay sets TCP_NODELAY; see [Transport].
func (c *connection) SetNoDelay(on bool) error {
	if c.flags&closed != 0 {
		return net.ErrClosed
	}
	return c.socket.SetNoDelay(on)
}

// SetKeepAlive sets SO_KEEPALIVE; see [Transport].
func (c *connection) SetKeepAlive(on bool) error {
	if c.flags&closed != 0 {
		return net.ErrClosed
	}
	return c.socket.SetKeepAlive(on)
}

// Buffers for what waits to be sent belong to the loop: a connection that has
// nothing to send holds none.

// buffer returns an empty one.
func (l *Loop) buffer() []byte {
	if last := len(l.free) - 1; last >= 0 {
		b := l.free[last]
		l.free = l.free[:last]
		l.freeBytes -= cap(b)
		return b
	}
	return make([]byte, 0, smallOut)
}

// dropOut gives c's buffer back.
func (c *connection) dropOut() {
	if l := c.loop; c.out != nil && cap(c.out) <= keepOut && l.freeBytes+cap(c.out) <= maxFree {
		l.free = append(l.free, c.out[:0])
		l.freeBytes += cap(c.out)
	}
	c.out, c.sent = nil, 0
}

// dropFirst removes the first n of s, in place.
func dropFirst[T any](s []T, n int) []T {
	rest := copy(s, s[n:])
	clear(s[rest:])
	return s[:rest]
}
