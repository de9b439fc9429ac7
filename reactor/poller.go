package reactor

import (
	"errors"
	"net"
	"time"
)

// A Poller provides a [Loop] with time, sockets and sleep. One is on epoll, a portable one
// on package net, and one in memory.
//
// All methods but Wake are called on the loop's goroutine.
type Poller interface {
	// Now returns the time.
	Now() time.Time
	// Dial starts to connect. Dial, or a later Wait, calls done with the socket or with
	// the error. After cancel, done is not called. network is "tcp" or "unix".
	Dial(network, address, local string, done func(Socket, error)) (cancel func())
	// Listen starts to listen. Wait calls accept with each connection, or with the
	// accept error. After an error, Wait does not call accept until the Listener's
	// Resume, because the usual cause, a lack of descriptors, lasts for some time.
	Listen(network, address string, accept func(Socket, error)) (Listener, error)
	// Wait calls the handlers of all sockets that are ready, and nothing else of the loop. If none is ready, it
	// sleeps until one is, until Wake, or until timeout has passed. A negative
	// timeout never passes.
	Wait(timeout time.Duration) error
	// Wake ends a Wait. Any goroutine may call it.
	Wake()
	// Drain waits, for a short time, until all data of closed sockets is on its way.
	Drain()
	// Close frees the poller's resources. Its sockets are already closed. Wake may be
	// called after Close.
	Close() error
}

// A Listener is a socket that a [Poller] listens on.
type Listener interface {
	Addr() net.Addr
	// AcceptWaiting calls accept now with the connections that the system has queued. A poller
	// that cannot ask the system without waiting does nothing.
	AcceptWaiting()
	// Pause keeps accept from being called until Resume. New connections wait in the
	// system's queue.
	Pause()
	// Resume resumes accepting after Pause, or after accept was called with an error. It
	// does not call accept itself.
	Resume()
	// Close closes the socket. When it returns, the address is free, and what the poller
	// has begun for the listener, such as a goroutine, has ended. It may be closed while it
	// is paused. accept may still get a connection that was accepted before.
	Close() error
}

// A Socket is a connection that never blocks.
type Socket interface {
	// Start sets the handler. The Loop calls it once. Start itself does not call h.
	// Notification is edge-triggered: Ready is called when the socket becomes ready,
	// and again only after a Read or Write failed with [ErrWouldBlock] or did less than
	// asked.
	Start(h Handler)
	// Read reads the available data. It fails with ErrWouldBlock if there is none, and
	// with io.EOF at the end. After a reset, or another failure of the connection, it fails
	// with that, once the data that came before is read, even if a Write reported it.
	Read(p []byte) (int, error)
	// Write sends as much as it can without blocking. It fails with ErrWouldBlock if
	// it can send nothing. After any other error, Read still reads what has come.
	Write(p []byte) (int, error)
	// CloseWrite ends the sending direction.
	CloseWrite() error
	// PeerClosed reports whether the end of what the peer sends, or an error, has arrived,
	// even if Ready was not called for it yet. It may not see an end that comes after data
	// which was not read yet.
	PeerClosed() bool
	// Close closes the socket, with a reset if abort is true. The handler is not called
	// afterwards.
	Close(abort bool)
	LocalAddr() net.Addr
	RemoteAddr() net.Addr
	SetNoDelay(on bool) error
	SetKeepAlive(on bool) error
}

// A Handler is called by a [Poller]'s Wait when its socket is ready.
type Handler interface {
	Ready(r Readiness)
}

// Readiness is a set of operations that a socket is ready for.
type Readiness uint8

const (
	// Readable: Read has data, an end of file or an error.
	Readable Readiness = 1 << iota
	// Writable: Write can take data.
	Writable
	// HungUp, with Readable: the end has already arrived, so io.EOF or an error follows
	// a short Read.
	HungUp
)

// ErrWouldBlock is the error of a [Socket] operation that would block.
var ErrWouldBlock = errors.New("reactor: the socket is not ready")
