package reactor

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/sourcegraph/conc"
)

// portablePoller is the Poller on package net, whose calls block. Each socket has a
// goroutine that reads and, while there is data to send, one that writes. They communicate
// with the loop through the queue only.
type portablePoller struct {
	goroutines conc.WaitGroup
	unsent     sync.WaitGroup // closed sockets with data to send
	woken      chan struct{}
	timer      *time.Timer

	mu    sync.Mutex
	queue []notification // for Wait to deliver
	spare []notification // an empty slice to swap with queue
	open  map[io.Closer]struct{}
	limit time.Time // write deadline of closed sockets during Drain; else zero
}

// A notification is a call of f, or if f is nil, of the socket's handler.
type notification struct {
	socket *portableSocket
	f      func()
}

func newPortablePoller() *portablePoller {
	timer := time.NewTimer(time.Hour)
	timer.Stop()
	return &portablePoller{
		woken: make(chan struct{}, 1),
		timer: timer,
		open:  make(map[io.Closer]struct{}),
	}
}

func (p *portablePoller) Now() time.Time { return time.Now() }

// post makes the next Wait call f. Any goroutine may call it.
func (p *portablePoller) post(f func()) { p.notify(notification{f: f}) }

func (p *portablePoller) notify(n notification) {
	p.mu.Lock()
	p.queue = append(p.queue, n)
	p.mu.Unlock()
	p.Wake()
}

func (p *portablePoller) Wake() {
	select {
	case p.woken <- struct{}{}:
	default:
	}
}

func (p *portablePoller) Wait(timeout time.Duration) error {
	switch {
	case timeout < 0:
		<-p.woken
	case timeout > 0:
		p.timer.Reset(timeout)
		select {
		case <-p.woken:
			p.timer.Stop()
		case <-p.timer.C:
		}
	}
	p.deliver()
	return nil
}

// deliver delivers the queued notifications.
func (p *portablePoller) deliver() {
	p.mu.Lock()
	queue := p.queue
	p.queue = p.spare
	p.spare = nil
	p.mu.Unlock()
	for i, n := range queue {
		queue[i] = notification{}
		if n.f != nil {
			n.f()
		} else if ready := n.socket.ready.Swap(0); !n.socket.ended {
			n.socket.handler.Ready(Readiness(ready))
		}
	}
	p.spare = queue[:0]
}

// drainTime bounds Drain. The system normally takes all data at once, unless the peer does
// not read.
const drainTime = time.Second

// Drain waits for the goroutines that write for closed sockets.
func (p *portablePoller) Drain() {
	p.mu.Lock()
	p.limit = time.Now().Add(drainTime)
	for c := range p.open {
		if conn, ok := c.(net.Conn); ok {
			conn.SetWriteDeadline(p.limit)
		}
	}
	p.mu.Unlock()
	p.unsent.Wait()
	p.mu.Lock()
	p.limit = time.Time{}
	p.mu.Unlock()
}

// Close closes everything that is open and waits for all goroutines to end.
func (p *portablePoller) Close() error {
	p.mu.Lock()
	for c := range p.open {
		c.Close()
	}
	p.mu.Unlock()
	p.goroutines.Wait()
	p.deliver() // closes the connections that were made too late
	return nil
}

// opened and closed maintain open, the set that Close closes.
func (p *portablePoller) opened(c io.Closer) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.open[c] = struct{}{}
}

func (p *portablePoller) closed(c io.Closer) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.open, c)
}

func (p *portablePoller) Dial(network, addr, local string, done func(Socket, error)) (cancel func()) {
	dialer := net.Dialer{}
	if local != "" {
		a, err := net.ResolveTCPAddr(network, local)
		if err != nil {
			done(nil, err)
			return func() {}
		}
		dialer.LocalAddr = a
	}
	ctx, stop := context.WithCancel(context.Background())
	over := false
	p.goroutines.Go(func() {
		conn, err := dialer.DialContext(ctx, network, addr)
		p.post(func() {
			stop()
			switch {
			case over && conn != nil:
				conn.Close()
			case over:
			case err != nil:
				done(nil, opReason(err))
			default:
				done(p.adopt(conn), nil)
			}
		})
	})
	return func() {
		over = true
		stop()
	}
}

func (p *portablePoller) Listen(network, address string, accept func(Socket, error)) (Listener, error) {
	opened, err := net.Listen(network, address)
	if err != nil {
		return nil, opReason(err)
	}
	l := &portableListener{Listener: opened, poller: p, accept: accept, done: make(chan struct{})}
	l.changed.L = &l.mu
	p.goroutines.Go(l.acceptAll)
	return l, nil
}

// portableListener is a listening socket. Its goroutine accepts, and the loop's hands on what
// was accepted.
type portableListener struct {
	net.Listener
	poller   *portablePoller
	accept   func(Socket, error)
	accepted []net.Conn    // to be handed on by acceptWaiting; used by the loop's goroutine only
	done     chan struct{} // closed when the goroutine ends

	mu      sync.Mutex
	changed sync.Cond // one of the following is false, or closed is true
	paused  bool      // between Pause and Resume
	failed  bool      // between an error and Resume
	closed  bool      // Close was called
}

// acceptAll accepts connections until Close.
func (l *portableListener) acceptAll() {
	defer close(l.done)
	for l.mayAccept() {
		conn, err := l.Accept()
		switch {
		case err == nil:
			l.poller.post(func() {
				l.accepted = append(l.accepted, conn)
				l.handOn()
			})
		case errors.Is(err, net.ErrClosed):
			return
		case errors.Is(err, os.ErrDeadlineExceeded): // by Pause
		default:
			l.mu.Lock()
			l.failed = true
			l.mu.Unlock()
			l.poller.post(func() { l.accept(nil, opReason(err)) })
		}
	}
}

// mayAccept waits while the listener is paused or accepting fails. It returns false after Close.
func (l *portableListener) mayAccept() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	for (l.paused || l.failed) && !l.closed {
		l.changed.Wait()
	}
	return !l.closed
}

// handOn calls accept for the accepted connections. Those that the goroutine had accepted when
// Pause was called wait for Resume.
func (l *portableListener) handOn() {
	for len(l.accepted) != 0 && l.handsOn() {
		conn := l.accepted[0]
		l.accepted[0] = nil
		l.accepted = l.accepted[1:]
		l.accept(l.poller.adopt(conn), nil)
	}
}

func (l *portableListener) handsOn() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return !l.paused || l.closed
}

// AcceptWaiting does nothing: only a goroutine that waits can accept.
func (l *portableListener) AcceptWaiting() {}

// Pause interrupts the goroutine's Accept by a deadline.
func (l *portableListener) Pause() {
	l.mu.Lock()
	l.paused = true
	l.mu.Unlock()
	l.setDeadline(time.Unix(1, 0))
}

func (l *portableListener) Resume() {
	l.setDeadline(time.Time{})
	l.poller.post(l.handOn) // before the goroutine accepts more
	l.mu.Lock()
	l.paused, l.failed = false, false
	l.mu.Unlock()
	l.changed.Signal()
}

func (l *portableListener) setDeadline(t time.Time) {
	l.Listener.(interface{ SetDeadline(time.Time) error }).SetDeadline(t)
}

// Close ends the goroutine. It waits for that, which takes no longer than a call of Accept that
// fails.
func (l *portableListener) Close() error {
	err := l.Listener.Close()
	l.mu.Lock()
	l.closed = true
	l.mu.Unlock()
	l.changed.Signal()
	<-l.done
	l.poller.post(l.handOn) // to be closed
	return err
}

// portableSocket is a connection. Other goroutines make its blocking calls.
type portableSocket struct {
	poller  *portablePoller
	conn    net.Conn
	handler Handler
	ended   bool // Close was called; used by the loop's goroutine only

	// ready is the Readiness of the socket's notification in the queue, or 0 without one.
	// There is one at most, so that a busy socket has one call of its handler a turn.
	ready atomic.Uint32

	mu sync.Mutex

	in      []byte // read and not yet taken by the loop
	readErr error
	peekErr error      // the system reported it to PeerClosed, and not to the reading goroutine
	taken   *sync.Cond // in is empty, or the socket is closed

	out      []byte // written by the loop and not yet taken by the writing goroutine
	spare    []byte // a buffer to swap with out
	writeErr error
	writing  bool       // the writing goroutine is running
	reset    resetCheck // whether the end of file is a reset
	waiting  bool       // Write took less than asked, so a Writable event must follow
	finish   func()     // called when all data is sent
	closed   bool
}

// resetCheck is the progress of telling a reset from an end of file. The system reports a
// reset once. If it reports it to the writing goroutine, the reading goroutine sees an
// end of file, perhaps before the write returns.
type resetCheck uint8

const (
	unchecked resetCheck = iota
	checking             // the writing goroutine's Write was interrupted
	checked
)

const (
	portableReadSize  = 32 << 10
	portableWriteSize = 256 << 10
)

func (p *portablePoller) adopt(conn net.Conn) Socket {
	s := &portableSocket{poller: p, conn: conn}
	s.taken = sync.NewCond(&s.mu)
	p.opened(conn)
	return s
}

// Release implements socketMover.
func (p *portablePoller) Release(s Socket) { p.closed(s.(*portableSocket).conn) }

// Adopt implements socketMover.
func (p *portablePoller) Adopt(released Socket) error {
	s := released.(*portableSocket)
	s.poller = p
	p.opened(s.conn)
	return nil
}

func (s *portableSocket) Start(h Handler) {
	s.handler = h
	s.poller.goroutines.Go(s.readAll)
}

// notify makes the loop call the handler.
func (s *portableSocket) notify(r Readiness) {
	if s.ready.Or(uint32(r)) == 0 {
		s.poller.notify(notification{socket: s})
	}
}

func (s *portableSocket) readAll() {
	buffer := make([]byte, portableReadSize)
	for {
		n, err := s.conn.Read(buffer)
		s.mu.Lock()
		s.in, s.readErr = buffer[:n], err
		s.mu.Unlock()
		s.notify(Readable)
		if err != nil {
			return
		}
		s.mu.Lock()
		for len(s.in) != 0 && !s.closed {
			s.taken.Wait()
		}
		closed := s.closed
		s.mu.Unlock()
		if closed {
			return
		}
	}
}

func (s *portableSocket) Read(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.in) == 0 {
		switch {
		case s.readErr == nil:
			return 0, ErrWouldBlock
		case s.readErr == io.EOF && s.peekErr != nil:
			return 0, s.peekErr
		case s.readErr == io.EOF && s.writeErr != nil && !errors.Is(s.writeErr, syscall.EPIPE):
			return 0, opReason(s.writeErr) // a reset; EPIPE says that the end of file came before
		case s.readErr == io.EOF && s.writing && s.reset != checked:
			if s.reset == unchecked {
				s.reset = checking
				s.conn.SetWriteDeadline(time.Now())
			}
			return 0, ErrWouldBlock
		case s.readErr == io.EOF:
			return 0, io.EOF
		}
		return 0, opReason(s.readErr)
	}
	n := copy(p, s.in)
	s.in = s.in[n:]
	if len(s.in) == 0 {
		s.taken.Signal()
		if s.readErr != nil { // the reading goroutine has ended
			s.notify(Readable)
		}
	}
	return n, nil
}

func (s *portableSocket) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.writeErr != nil {
		return 0, opReason(s.writeErr)
	}
	n := min(len(p), portableWriteSize-len(s.out))
	s.waiting = n < len(p)
	if n == 0 {
		return 0, ErrWouldBlock
	}
	s.out = append(s.out, p[:n]...)
	if !s.writing {
		s.writing = true
		s.poller.goroutines.Go(s.writeOut)
	}
	return n, nil
}

func (s *portableSocket) writeOut() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for len(s.out) != 0 && s.writeErr == nil {
		batch := s.out
		s.out = s.spare[:0]
		s.mu.Unlock()
		n, err := s.conn.Write(batch)
		s.mu.Lock()
		if s.reset == checking {
			s.endResetCheck()
			if errors.Is(err, os.ErrDeadlineExceeded) {
				s.out = append(batch[n:], s.out...)
				continue
			}
		}
		s.spare, s.writeErr = batch, err
		if s.waiting || err != nil {
			s.waiting = false
			s.notify(Writable)
		}
	}
	s.writing = false
	if s.finish != nil {
		s.finish()
	}
}

// endResetCheck makes the loop read again, now that writeErr is known.
func (s *portableSocket) endResetCheck() {
	s.reset = checked
	s.poller.undoInterrupt(s)
	s.notify(Readable)
}

// undoInterrupt removes the write deadline of s, or restores Drain's if s is closed.
func (p *portablePoller) undoInterrupt(s *portableSocket) {
	p.mu.Lock()
	defer p.mu.Unlock()
	var limit time.Time
	if s.closed {
		limit = p.limit
	}
	s.conn.SetWriteDeadline(limit)
}

// atEnd calls f when all data is sent.
func (s *portableSocket) atEnd(f func()) {
	if s.writing {
		s.finish = f
	} else {
		f()
	}
}

func (s *portableSocket) CloseWrite() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.atEnd(func() {
		if c, ok := s.conn.(interface{ CloseWrite() error }); ok {
			c.CloseWrite()
		}
	})
	return nil
}

func (s *portableSocket) PeerClosed() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.readErr != nil || s.peekErr != nil {
		return true
	}
	ended, err := peek(s.conn)
	s.peekErr = err
	return ended
}

func (s *portableSocket) Close(abort bool) {
	s.ended = true
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	s.taken.Signal()
	if c, ok := s.conn.(*net.TCPConn); ok && abort {
		c.SetLinger(0)
	}
	closeConn := func() {
		s.poller.closed(s.conn)
		s.conn.Close()
	}
	if abort {
		closeConn()
		return
	}
	s.conn.SetReadDeadline(time.Now()) // ends the reading goroutine
	s.poller.unsent.Add(1)
	s.atEnd(func() {
		closeConn()
		s.poller.unsent.Done()
	})
}

func (s *portableSocket) LocalAddr() net.Addr  { return s.conn.LocalAddr() }
func (s *portableSocket) RemoteAddr() net.Addr { return s.conn.RemoteAddr() }

func (s *portableSocket) SetNoDelay(on bool) error {
	if c, ok := s.conn.(*net.TCPConn); ok {
		return c.SetNoDelay(on)
	}
	return nil
}

func (s *portableSocket) SetKeepAlive(on bool) error {
	if c, ok := s.conn.(*net.TCPConn); ok {
		return c.SetKeepAlive(on)
	}
	return nil
}
