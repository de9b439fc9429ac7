package reactor

import (
	"crypto/tls"
	"net"
)

// A Protocol is told what happens on one connection. It is Twisted's IProtocol.
// Its methods are called on the loop's goroutine; one that panics loses its
// connection, with the panic as the reason.
type Protocol interface {
	// ConnectionMade is called once, first. It is Twisted's makeConnection and
	// connectionMade in one.
	ConnectionMade(t Transport)
	// DataReceived is called with the bytes that came, split as they happened
	// to come. data belongs to the loop: it is valid until DataReceived returns.
	DataReceived(data []byte)
	// ConnectionLost is called once, last. reason is [ErrConnectionDone] if the
	// connection ended in order and in both directions, else it tells why not.
	ConnectionLost(reason error)
}

// A HalfCloseableProtocol wants to know that one direction has ended and to go
// on with the other; for any other Protocol the peer's end is the end of the
// connection. It is Twisted's IHalfCloseableProtocol.
type HalfCloseableProtocol interface {
	Protocol
	// ReadConnectionLost is called when the peer has sent all it will send.
	ReadConnectionLost()
	// WriteConnectionLost is called when all that was written has been sent,
	// after LoseWriteConnection.
	WriteConnectionLost()
}

// A Factory makes a protocol for each connection. It is Twisted's
// IProtocolFactory.
type Factory interface {
	// BuildProtocol returns the protocol for a connection with peer, or nil to
	// refuse the connection.
	BuildProtocol(peer net.Addr) Protocol
}

// FactoryFunc makes a function a Factory.
type FactoryFunc func(peer net.Addr) Protocol

// BuildProtocol calls f.
func (f FactoryFunc) BuildProtocol(peer net.Addr) Protocol { return f(peer) }

// A Transport is a protocol's side of its connection. It is Twisted's
// ITransport, IConsumer and IPushProducer: it takes bytes to send, and produces
// the bytes that come, which can be paused.
//
// All methods belong to the loop's goroutine, and do nothing once the
// connection is lost.
type Transport interface {
	Consumer
	// PushProducer pauses and resumes DataReceived, down to the socket.
	// StopProducing is LoseConnection.
	PushProducer

	// WriteSequence writes several pieces as one.
	WriteSequence(pieces ...[]byte)
	// LoseConnection closes the connection once all that was written has been
	// sent and a registered producer is done. What others write from now on is
	// dropped.
	LoseConnection()
	// LoseWriteConnection ends the sending direction in the same way. The peer
	// sees an end of file; receiving goes on.
	LoseWriteConnection()
	// AbortConnection closes the connection at once. What was not sent is
	// dropped, and ConnectionLost gets [ErrConnectionAborted].
	AbortConnection()
	// SwitchProtocol makes p the protocol of the connection from now on, and
	// returns the one that was. Neither is told. It is for connections that begin
	// to speak another protocol, after HTTP's Upgrade or STARTTLS.
	SwitchProtocol(p Protocol) (old Protocol)
	// Host returns this side's address and Peer the other's. Both may be asked
	// for after the connection was lost too.
	Host() net.Addr
	Peer() net.Addr
	// Reactor returns the reactor that calls the protocol: its clock, its
	// randomness, its way to other goroutines.
	Reactor() Reactor
	// TLS returns what was negotiated, if the connection speaks TLS: the protocol
	// by ALPN, the peer's certificates and so on. It returns nil if it does not.
	TLS() *tls.ConnectionState
	// SetNoDelay turns TCP_NODELAY on, as it is at first, or off; SetKeepAlive
	// turns SO_KEEPALIVE on or off. Other kinds of connections ignore both.
	SetNoDelay(on bool) error
	SetKeepAlive(on bool) error
}

// A Consumer takes bytes, and controls the producer that makes them. It is
// Twisted's IConsumer.
type Consumer interface {
	// Write takes data to send. It copies what it cannot send at once.
	Write(data []byte)
	// RegisterProducer makes p the source of what is written: p is paused while
	// more is waiting to be sent than should be, and stopped when the connection
	// is lost. It fails with [ErrProducerRegistered] if there is one already. A
	// producer registered after the connection was lost is stopped at once.
	RegisterProducer(p PushProducer) error
	// RegisterPullProducer makes p the source: its ResumeProducing is called
	// whenever more can be taken, and should write something.
	RegisterPullProducer(p PullProducer) error
	// UnregisterProducer says that the producer is done.
	UnregisterProducer()
}

// A PullProducer writes to its consumer when asked to. It is Twisted's
// IPullProducer.
type PullProducer interface {
	// ResumeProducing asks for more.
	ResumeProducing()
	// StopProducing says that no more is wanted, ever.
	StopProducing()
}

// A PushProducer writes to its consumer whenever it has something, unless it is
// paused. It is Twisted's IPushProducer.
type PushProducer interface {
	// PauseProducing asks to write no more until ResumeProducing.
	PauseProducing()
	// ResumeProducing undoes PauseProducing.
	ResumeProducing()
	// StopProducing says that no more is wanted, ever.
	StopProducing()
}
