package web

import (
	"io"
	"net"
	"time"

	"github.com/seed-7c003b53/gotreq/reactor"
)

// A hijackedConn is a connection that a handler has taken from the server. It is
// the protocol of that connection, and the net.Conn that the handler sees.
type hijackedConn struct {
	x         *exchange
	transport reactor.Transport
	in        []byte
	inErr     error
	lost      error
	blocked   bool
	paused    bool
	closed    bool
	reading   deadline
	writing   deadline
}

func newHijackedConn(x *exchange) *hijackedConn {
	c := x.req.channel
	h := &hijackedConn{x: x, transport: c.transport, blocked: c.blocked, paused: c.paused}
	h.in = append([]byte(nil), c.in...)
	if c.readEnded {
		h.inErr = io.EOF
	}
	x.req.finished = true
	c.hijacked()
	c.transport.SwitchProtocol(h)
	c.transport.RegisterProducer(h)
	if h.paused && len(h.in) < maxUnread {
		h.paused = false
		c.transport.ResumeProducing()
	}
	return h
}

// hijacked leaves the connection to another protocol.
func (c *channel) hijacked() {
	c.closing, c.lost = true, true
	c.in, c.borrowed = nil, false
	c.awaiting = awaitNothing
	if c.timer != nil {
		c.timer.Cancel()
		c.timer = nil
	}
	c.transport.UnregisterProducer()
}

// The protocol.

func (h *hijackedConn) ConnectionMade(reactor.Transport) {}

func (h *hijackedConn) DataReceived(data []byte) {
	if h.closed {
		return
	}
	h.in = append(h.in, data...)
	h.x.wake()
	if len(h.in) >= maxUnread && !h.paused {
		h.paused = true
		h.transport.PauseProducing()
	}
}

func (h *hijackedConn) ReadConnectionLost() {
	h.inErr = io.EOF
	if h.closed {
		h.transport.LoseConnection()
		return
	}
	h.x.wake()
}

func (h *hijackedConn) WriteConnectionLost() {}

func (h *hijackedConn) ConnectionLost(reason error) {
	h.lost = reason
	if h.inErr == nil {
		h.inErr = reason
	}
	h.x.cancel()
	h.x.wake()
}

func (h *hijackedConn) PauseProducing() { h.blocked = true }

func (h *hijackedConn) ResumeProducing() {
	h.blocked = false
	h.x.wake()
}

func (h *hijackedConn) StopProducing() {}

// end closes the connection when the handler has returned.
func (h *hijackedConn) end() {
	h.close()
	r := h.x.req
	r.log()
	r.notify(nil)
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
	if !h.x.until(func() bool {
		switch {
		case h.closed:
			err = net.ErrClosed
		case h.reading.passed(h.x.req.channel.clock):
			err = errDeadline
		case len(h.in) != 0:
			n = copy(p, h.in)
			h.in = h.in[n:]
			if len(h.in) == 0 {
				h.in = nil
			}
			if h.paused && len(h.in) < maxUnread {
				h.paused = false
				h.transport.ResumeProducing()
			}
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
	if !h.x.until(func() bool {
		switch {
		case h.closed:
			err = net.ErrClosed
		case h.lost != nil:
			err = h.lost
		case h.writing.passed(h.x.req.channel.clock):
			err = errDeadline
		case n == 0 && len(p) != 0:
			n = len(p)
			h.transport.Write(p)
			return !h.blocked
		default:
			return !h.blocked
		}
		return true
	}) {
		return 0, net.ErrClosed
	}
	return n, err
}

func (h *hijackedConn) Close() error {
	h.x.until(func() bool {
		h.close()
		return true
	})
	return nil
}

func (h *hijackedConn) LocalAddr() net.Addr  { return h.transport.Host() }
func (h *hijackedConn) RemoteAddr() net.Addr { return h.transport.Peer() }

func (h *hijackedConn) SetDeadline(t time.Time) error {
	h.SetReadDeadline(t)
	return h.SetWriteDeadline(t)
}

func (h *hijackedConn) SetReadDeadline(t time.Time) error { return h.x.setDeadline(&h.reading, t) }

func (h *hijackedConn) SetWriteDeadline(t time.Time) error { return h.x.setDeadline(&h.writing, t) }
