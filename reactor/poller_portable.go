package reactor

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"time"

	"github.com/sourcegraph/conc"
)

// portablePoller is the Poller on package net, whose calls block: each socket
// has a goroutine that reads and, while there is something to send, one that
// writes. They touch nothing of the loop's but the queue of what has happened.
type portablePoller struct {
	goroutines conc.WaitGroup
	unsent     sync.WaitGroup // closed sockets that have something to send
	woken      chan struct{}
	timer      *time.Timer

	mu    sync.Mutex
	queue []happening // for Wait to tell
	spare []happening // what queue is swapped with
	open  map[io.Closer]struct{}
	limit time.Time // until when closed sockets may write, while Drain waits for that; else zero
}

// A happening is that a socket is ready, or whatever else a function tells.
type happening struct {
	socket    *portableSocket
	readiness Readiness
	tell      func()
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

// post has the next Wait call f. Any goroutine may call it.
func (p *portablePoller) post(f func()) { p.happened(happening{tell: f}) }

func (p *portablePoller) happened(h happening) {
	p.mu.Lock()
	p.queue = append(p.queue, h)
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
	p.tellAll()
	return nil
}

func (p *portablePoller) tellAll() {
	p.mu.Lock()
	happened := p.queue
	p.queue = p.spare
	p.spare = nil
	p.mu.Unlock()
	for i, h := range happened {
		happened[i] = happening{}
		if h.tell != nil {
			h.tell()
		} else if !h.socket.ended {
			h.socket.handler.Ready(h.readiness)
		}
	}
	p.spare = happened[:0]
}

// drainTime is how long Drain waits: as a rule the system takes what there is at
// once, and it is a peer that reads nothing which keeps it from that.
const drainTime = time.Second

// Drain waits for the goroutines that write for sockets that are closed already.
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

// Close closes what is still open and waits for all goroutines to end.
func (p *portablePoller) Close() error {
	p.mu.Lock()
	for c := range p.open {
		c.Close()
	}
	p.mu.Unlock()
	p.goroutines.Wait()
	p.tellAll() // of connections that came too late, so that they are closed
	return nil
}

// opened and closed keep the account of what Close has to close.
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
	l := &portableListener{Listener: opened, poller: p, resume: make(chan struct{}, 1)}
	p.opened(l.Listener)
	p.goroutines.Go(func() { l.acceptAll(accept) })
	return l, nil
}

type portableListener struct {
	net.Listener
	poller *portablePoller
	resume chan struct{} // closed by Close
}

func (l *portableListener) acceptAll(accept func(Socket, error)) {
	for {
		conn, err := l.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			l.poller.post(func() { accept(nil, opReason(err)) })
			<-l.resume
			continue
		}
		l.poller.post(func() { accept(l.poller.adopt(conn), nil) })
	}
}

func (l *portableListener) Resume() {
	select {
	case l.resume <- struct{}{}:
	default:
	}
}

func (l *portableListener) Close() error {
	l.poller.closed(l.Listener)
	close(l.resume)
	return l.Listener.Close()
}

// portableSocket is a connection whose blocking calls other goroutines make.
type portableSocket struct {
	poller  *portablePoller
	conn    net.Conn
	handler Handler
	ended   bool // Close was called; only the loop's goroutine looks at it

	mu sync.Mutex
	// What the reading goroutine read and the loop has not taken.
	in      []byte
	readErr error
	taken   *sync.Cond // in is empty, or the socket is closed
	// What the loop gave and the writing goroutine, which there is while there is
	// something to send, has not taken.
	out      []byte
	spare    []byte // what out is swapped with
	writeErr error
	writing  bool
	asked    asked  // the writing goroutine: whether there was a reset
	waiting  bool   // Write gave ErrWouldBlock or took less than all
	finish   func() // what is to be done once all that Write took has been sent
	closed   bool
}

// asked says how far the reader has come in finding out whether an end of file is
// one. The system tells of a reset once: if the writing goroutine is told, the
// reading one sees an end, and may be the first to say so.
type asked uint8

const (
	notAsked asked = iota
	asking         // the writing goroutine's Write has been interrupted
	answered
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

func (s *portableSocket) Start(h Handler) {
	s.handler = h
	s.poller.goroutines.Go(s.readAll)
}

// tell has the loop call the handler.
func (s *portableSocket) tell(r Readiness) {
	s.poller.happened(happening{socket: s, readiness: r})
}

func (s *portableSocket) readAll() {
	buffer := make([]byte, portableReadSize)
	for {
		n, err := s.conn.Read(buffer)
		s.mu.Lock()
		s.in, s.readErr = buffer[:n], err
		s.mu.Unlock()
		s.tell(Readable)
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
		case s.readErr == io.EOF && s.writeErr != nil:
			return 0, opReason(s.writeErr) // a reset
		case s.readErr == io.EOF && s.writing && s.asked != answered:
			if s.asked == notAsked {
				s.asked = asking
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
		if s.readErr != nil { // and no goroutine is left that would tell
			s.tell(Readable)
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
		if s.asked == asking {
			s.answer()
			if errors.Is(err, os.ErrDeadlineExceeded) {
				s.out = append(batch[n:], s.out...)
				continue
			}
		}
		s.spare, s.writeErr = batch, err
		if s.waiting || err != nil {
			s.waiting = false
			s.tell(Writable)
		}
	}
	s.writing = false
	if s.finish != nil {
		s.finish()
	}
}

// answer tells the reader that writeErr is all there is to know.
func (s *portableSocket) answer() {
	s.asked = answered
	s.poller.undoInterrupt(s)
	s.tell(Readable)
}

// undoInterrupt lets the Writes of s take as long as they may: as long as it takes,
// unless s is one that a Drain waits for.
func (p *portablePoller) undoInterrupt(s *portableSocket) {
	p.mu.Lock()
	defer p.mu.Unlock()
	var limit time.Time
	if s.closed {
		limit = p.limit
	}
	s.conn.SetWriteDeadline(limit)
}

// atEnd calls f once all that Write took has been sent.
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
	s.conn.SetReadDeadline(time.Now()) // the reading goroutine is to end
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
