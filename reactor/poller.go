package reactor

import (
	"errors"
	"net"
	"time"
)

// A Poller is what makes one kind of loop different from another: where its
// time, its sockets and its sleep come from. [Loop] is everything else. There is
// one on epoll, a portable one on package net, and one in memory.
//
// All methods but Wake are called on the loop's goroutine.
type Poller interface {
	// Now returns the time.
	Now() time.Time
	// Dial begins to connect. done is called, from within Wait or from within
	// Dial itself, with the connection or with why there is none; after cancel
	// it is not called any more. network is "tcp" or "unix".
	Dial(network, address, local string, done func(Socket, error)) (cancel func())
	// Listen begins to listen. accept is called, from within Wait, with each
	// connection, or with what kept one from being accepted. In that case it is not
	// called again until the Listener's Resume: what is lacking, mostly descriptors,
	// is not there again at once.
	Listen(network, address string, accept func(Socket, error)) (Listener, error)
	// Wait calls the handlers of all sockets that something has happened to. If
	// there are none it sleeps, for at most timeout, or, if timeout is negative,
	// for any time, until there are some or until Wake.
	Wait(timeout time.Duration) error
	// Wake ends a Wait. Any goroutine may call it.
	Wake()
	// Drain waits, but not for long, until all that sockets took before they were
	// closed is on its way.
	Drain()
	// Close frees what the poller itself holds; its sockets are closed before.
	// Wake may still be called after it.
	Close() error
}

// A Listener is a socket that a [Poller] listens on.
type Listener interface {
	Addr() net.Addr
	// Resume goes on accepting after accept was told of an error.
	Resume()
	Close() error
}

// A Socket is a connection that never blocks.
type Socket interface {
	// Start says who is to be told of the socket's readiness. It is called once,
	// and does not itself call h.
	// Readiness is told by its edges: Ready is called when the socket becomes
	// ready, and again only after a Read or Write gave [ErrWouldBlock] or did
	// less than it was asked to.
	Start(h Handler)
	// Read reads what is there. It fails with ErrWouldBlock if nothing is, with
	// io.EOF at the end.
	Read(p []byte) (int, error)
	// Write sends as much as can be sent now. It fails with ErrWouldBlock if
	// that is nothing.
	Write(p []byte) (int, error)
	// CloseWrite ends the sending direction.
	CloseWrite() error
	// Close closes the socket. abort asks for a reset in place of an orderly
	// end. The handler is not called any more.
	Close(abort bool)
	LocalAddr() net.Addr
	RemoteAddr() net.Addr
	SetNoDelay(on bool) error
	SetKeepAlive(on bool) error
}

// A Handler is told by a [Poller], from within its Wait, what a socket is
// ready for.
type Handler interface {
	Ready(r Readiness)
}

// Readiness says what a socket is ready for.
type Readiness uint8

const (
	// Readable says that Read has bytes, an end of file or an error to give.
	Readable Readiness = 1 << iota
	// Writable says that Write can take more.
	Writable
	// HungUp says, beside Readable, that the end of what there is to read is
	// there already: a short Read will be followed by io.EOF or an error.
	HungUp
)

// ErrWouldBlock is the error of a [Socket] that can do nothing now.
var ErrWouldBlock = errors.New("reactor: the socket is not ready")
