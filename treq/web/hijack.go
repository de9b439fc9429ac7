package web

import (
	"bytes"
	"io"
	"net"
	"time"

	"github.com/seed-7c003b53/gotreq/reactor"
)

// This file has the connection that a handler took from the server.

// A hijackedConn is the protocol of a hijacked connection, and the net.Conn of the
// handler.
type hijackedConn struct {
	inv *invocation
	socket
	inErr   error // the error after in; nil before the end
	lost    error // why the connection was lost
	closed  bool
	reading *deadline
	writing *deadline
}

func newHijackedConn(inv *invocation, s socket) *hijackedConn {
	h := &hijackedConn{inv: inv, socket: s}
	h.in = bytes.Clone(s.in)
	if s.readEnded {
		h.inErr = io.EOF
	}
	h.transport.SwitchProtocol(h)
	h.transport.RegisterProducer(h)
	h.balance()
	return h
}

// balance pauses the transport while too much waits to be read.
func (h *hijackedConn) balance() {
	switch full := len(h.in) >= maxUnread; {
	case full == h.paused:
	case full:
		h.paused = true
		h.transport.PauseProducing()
	default:
		h.paused = false
		h.transport.ResumeProducing()
	}
}

// The protocol.

func (h *hijackedConn) ConnectionMade(reactor.Transport) {}

func (h *hijackedConn) DataReceived(data []byte) {
	if h.closed {
		return
	}
	h.in = append(h.in, data...)
	h.inv.wake()
	h.balance()
}

func (h *hijackedConn) ReadConnectionLost() {
	h.inErr = io.EOF
	if h.closed {
		h.transport.LoseConnection()
		return
	}
	h.inv.wake()
}

func (h *hijackedConn) WriteConnectionLost() {}

func (h *hijackedConn) ConnectionLost(reason error) {
	h.lost = reason
	if h.inErr == nil {
		h.inErr = reason
	}
	h.inv.context.end()
	h.inv.wake()
}

func (h *hijackedConn) PauseProducing() { h.blocked = true }

func (h *hijackedConn) ResumeProducing() {
	h.blocked = false
	h.inv.wake()
}

// StopProducing makes writes fail. What the client has sent can still be read.
func (h *hijackedConn) StopProducing() {
	if h.lost == nil {
		h.lost = reactor.ErrConnectionLost
	}
	h.inv.wake()
}

func (h *hijackedConn) close() {
	if h.closed {
		return
	}
	h.closed = true
	h.in = nil
	h.reading.clear()
	h.writing.clear()
	h.transport.UnregisterProducer()
	h.transport.LoseConnection()
}

// The net.Conn.

func (h *hijackedConn) Read(p []byte) (n int, err error) {
	if !h.inv.until(func() bool {
		switch {
		case h.closed:
			err = net.ErrClosed
		case h.reading.passed(h.inv.req.conn):
			err = errDeadline
		case len(h.in) != 0:
			n = copy(p, h.in)
			if h.in = h.in[n:]; len(h.in) == 0 {
				h.in = nil
			}
			h.balance()
		case h.inErr != nil:
			err = h.inErr
		default:
			return len(p) == 0
		}
		return true
	}) {
		return 0, net.ErrClosed
	}
	return n, err
}

func (h *hijackedConn) Write(p []byte) (n int, err error) {
	if !h.inv.until(func() bool {
		switch {
		case h.closed:
			err = net.ErrClosed
		case h.lost != nil:
			err = h.lost
		case h.writing.passed(h.inv.req.conn):
			err = errDeadline
		default:
			for n < len(p) && !h.blocked { // in pieces: a client that does not read costs one
				piece := p[n:min(len(p), n+maxPiece)]
				h.transport.Write(piece)
				n += len(piece)
			}
			return n == len(p) && !h.blocked
		}
		return true
	}) {
		return 0, net.ErrClosed
	}
	return n, err
}

func (h *hijackedConn) Close() error {
	h.inv.do(h.close)
	return nil
}

func (h *hijackedConn) LocalAddr() net.Addr  { return h.transport.Host() }
func (h *hijackedConn) RemoteAddr() net.Addr { return h.transport.Peer() }

func (h *hijackedConn) SetDeadline(t time.Time) error {
	h.SetReadDeadline(t)
	return h.SetWriteDeadline(t)
}

func (h *hijackedConn) SetReadDeadline(t time.Time) error { return h.inv.setDeadline(&h.reading, t) }

func (h *hijackedConn) SetWriteDeadline(t time.Time) error { return h.inv.setDeadline(&h.writing, t) }
