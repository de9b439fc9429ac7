package memory

import (
	"bytes"
	"io"
	"net"

	"github.com/seed-7c003b53/gotreq/internal/list"
	"github.com/seed-7c003b53/gotreq/reactor"
)

// This file holds connections: two sockets and a pipe for each direction. They behave
// like TCP on Linux, including the error after the last byte.

// bufferSize is the capacity of one direction: bytes written and not yet read, including
// those on their way.
const bufferSize = 64 << 10

// writableFrom is the free space at which a full socket becomes writable again. At one
// byte, there would be a turn of the loop for each byte.
const writableFrom = bufferSize / 2

// A socket is one end of a connection. Only the network's queue calls its handler.
type socket struct {
	net      *network
	at       list.Node[socket] // its place among the open ones
	number   int               // of the attempt
	side     Side
	from, to place
	in, out  *pipe

	handler reactor.Handler
	want    reactor.Readiness // events that the handler waits for
	queued  bool
	endRead bool // Read has returned the end
	broken  bool // the peer reset the connection
	closed  bool
	stopped bool // closed because its machine has stopped
}

// A pipe is one direction of a connection.
type pipe struct {
	writer, reader *socket
	buf            bytes.Buffer
	arrived        int      // number of bytes in buf that the reader may read
	end            error    // the arrived end: io.EOF or a reset; nil before
	flight         []packet // on their way, the oldest first
	ended, reset   bool     // the writer sent an end, a reset
	gate           *gate    // keeps the packets on their way; nil without an IOPump
	wire           *wire    // what Choices make of the pipe; nil without them
}

// A packet is a number of bytes in the pipe's buffer, or an end.
type packet struct {
	bytes int
	end   error
}

// pair makes the sockets of a connection.
func (n *network) pair(from, to place, number int) (client, server *socket) {
	var c struct {
		client, server socket
		up, down       pipe
	}
	client, server = &c.client, &c.server
	c.client = socket{net: n, number: number, side: ClientSide, from: from, to: to, in: &c.down, out: &c.up}
	c.server = socket{net: n, number: number, side: ServerSide, from: to, to: from, in: &c.up, out: &c.down}
	c.up.writer, c.up.reader = client, server
	c.down.writer, c.down.reader = server, client
	if n.chooser != nil {
		n.chooser.connect(client)
	}
	n.open.Push(&client.at, client)
	n.open.Push(&server.at, server)
	return client, server
}

// Readiness.

func (s *socket) Start(h reactor.Handler) {
	s.handler = h
	s.want = reactor.Readable | reactor.Writable
	s.changed()
}

func (s *socket) ready() (r reactor.Readiness) {
	if (s.in.arrived != 0 || s.in.end != nil) && !s.endRead {
		r |= reactor.Readable
	}
	if s.broken || !s.out.ended && bufferSize-s.out.buf.Len() >= writableFrom {
		r |= reactor.Writable
	}
	return r
}

// changed queues s if it is ready for something that its handler waits for.
func (s *socket) changed() {
	if s.handler != nil && !s.queued && !s.closed && s.want&s.ready() != 0 {
		s.queued = true
		s.net.post(s)
	}
}

func (s *socket) deliver() {
	s.queued = false
	r := s.want & s.ready()
	if s.closed || r == 0 {
		return
	}
	s.want &^= r
	s.from.machine.touch()
	if r&reactor.Readable != 0 && s.in.end != nil {
		r |= reactor.HungUp
	}
	s.handler.Ready(r)
}

// Reading and writing.

func (s *socket) Read(p []byte) (int, error) {
	if s.closed {
		return 0, s.closedError()
	}
	n := min(len(p), s.in.arrived)
	switch {
	case n == 0 && len(p) == 0:
		return 0, nil
	case n == 0 && s.in.end != nil:
		s.endRead = true
		if s.in.gate != nil {
			s.in.gate.pump.reads++
		}
		if s.net.tracing {
			s.trace("end", 0, s.in.end.Error())
		}
		return 0, s.in.end
	case n == 0:
		s.want |= reactor.Readable
		return 0, reactor.ErrWouldBlock
	}
	if s.in.gate != nil {
		n = s.in.gate.cut(n)
	} else if s.net.chooser != nil {
		n = s.net.chooser.splitRead(s, n)
	}
	s.in.take(p[:n])
	if s.net.tracing {
		s.trace("read", n, preview(p[:n]))
	}
	if n < len(p) {
		s.want |= reactor.Readable
		s.changed()
	}
	return n, nil
}

func (s *socket) Write(p []byte) (int, error) {
	switch {
	case s.closed:
		return 0, s.closedError()
	case s.broken:
		return 0, reactor.ErrConnectionReset
	case s.out.ended:
		return 0, io.ErrClosedPipe
	}
	if err := s.net.failure(s.from, s.to); err != nil {
		return 0, err
	}
	n := min(len(p), bufferSize-s.out.buf.Len())
	if s.net.chooser != nil {
		n = s.net.chooser.splitWrite(s, n)
	}
	if n < len(p) {
		s.want |= reactor.Writable
	}
	if n == 0 && len(p) != 0 {
		return 0, reactor.ErrWouldBlock
	}
	if s.net.tracing {
		s.trace("write", n, preview(p[:n]))
	}
	s.out.buf.Write(p[:n])
	s.from.machine.touch()
	s.out.send(packet{bytes: n})
	if s.net.chooser != nil {
		s.changed() // after a short write, though there is room
	}
	return n, nil
}

func (s *socket) CloseWrite() error {
	switch {
	case s.closed:
		return s.closedError()
	case s.broken:
		return reactor.ErrConnectionReset
	case s.out.ended:
		return nil
	}
	if err := s.net.failure(s.from, s.to); err != nil {
		return err
	}
	if s.net.tracing {
		s.trace("half close", 0, "")
	}
	s.out.sendEnd(io.EOF)
	return nil
}

// PeerClosed reports whether the end of what the peer sends has arrived; see
// [reactor.Socket].
func (s *socket) PeerClosed() bool { return s.in.end != nil }

// Close ends both directions. If there are unread bytes, it resets the connection, as TCP
// does: the peer must not believe that they were read.
func (s *socket) Close(abort bool) {
	if s.closed {
		return
	}
	s.closed = true
	s.at.Remove()
	kind, end := "close", io.EOF
	if abort || s.in.arrived != 0 {
		kind, end = "reset", reactor.ErrConnectionReset
	}
	if s.net.tracing {
		s.trace(kind, 0, "")
	}
	s.in.buf.Next(s.in.arrived)
	s.in.arrived = 0
	s.out.sendEnd(end)
}

// closedError returns the error of a call after Close.
func (s *socket) closedError() error {
	if s.stopped {
		return reactor.ErrStopped
	}
	return net.ErrClosed
}

// Reactor returns the machine of s, or nil; see [reactor.Part].
func (s *socket) Reactor() reactor.Reactor { return s.from.reactor() }

func (s *socket) LocalAddr() net.Addr     { return s.from.addr() }
func (s *socket) RemoteAddr() net.Addr    { return s.to.addr() }
func (s *socket) SetNoDelay(bool) error   { return nil }
func (s *socket) SetKeepAlive(bool) error { return nil }

// take reads len(to) of the arrived bytes.
func (p *pipe) take(to []byte) {
	p.buf.Read(to)
	p.arrived -= len(to)
	p.writer.changed()
}

// sendEnd sends an end, unless one was sent before. A reset may follow an end of file.
func (p *pipe) sendEnd(end error) {
	if p.reset || p.ended && end == io.EOF {
		return
	}
	p.ended = true
	p.reset = end != io.EOF
	p.send(packet{end: end})
}

// send sends k to the reader. Without faults k arrives at once, else after the packets on
// their way.
func (p *pipe) send(k packet) {
	n := p.reader.net
	if p.gate != nil {
		p.flight = append(p.flight, k)
		p.gate.keep(p)
		return
	}
	if n.chooser != nil {
		n.chooser.send(p, k)
		return
	}
	if len(p.flight) == 0 && !n.faulty() {
		p.arrive(k)
		return
	}
	p.flight = append(p.flight, k)
	n.travel(p.writer.from, p.writer.to, p)
}

// deliver handles the arrival of the oldest packet, unless a fault has taken it.
func (p *pipe) deliver() {
	if len(p.flight) == 0 {
		return
	}
	k := p.flight[0]
	p.flight = p.flight[1:]
	p.arrive(k)
}

func (p *pipe) arrive(k packet) {
	to := p.reader
	switch {
	case k.end == io.EOF:
		p.end = io.EOF
	case k.end != nil:
		to.broken = true
		if p.end == nil {
			p.end = k.end
		}
	case to.closed:
		p.buf.Next(k.bytes)
		to.out.sendEnd(reactor.ErrConnectionReset)
	default:
		p.arrived += k.bytes
	}
	to.changed()
}
