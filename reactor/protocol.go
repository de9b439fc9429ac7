package reactor

import (
	"crypto/tls"
	"net"
)

// A Protocol handles one connection. If one of its methods panics, the connection is
// lost, with the panic as the reason. It is Twisted's IProtocol.
type Protocol interface {
	// ConnectionMade is called once, first. It is makeConnection and connectionMade
	// in one.
	ConnectionMade(t Transport)
	// DataReceived is called with the received bytes, split arbitrarily. data is valid
	// until DataReceived returns.
	DataReceived(data []byte)
	// ConnectionLost is called once, last. reason is [ErrConnectionDone] if both
	// directions ended in order, else the error.
	//
	// A failure to send does not hide what has come: the protocol first receives what the
	// peer sent, to its end, while later writes are dropped. The reason is then the
	// failure. If the peer had ended its side in order, errors.Is matches the reason with
	// io.EOF, and nothing that the peer sent is missing.
	ConnectionLost(reason error)
}

// A HalfCloseableProtocol continues in one direction when the other has ended. For any other
// Protocol, the peer's end of file ends the connection. It is Twisted's
// IHalfCloseableProtocol.
type HalfCloseableProtocol interface {
	Protocol
	// ReadConnectionLost is called at the peer's end of file.
	ReadConnectionLost()
	// WriteConnectionLost is called after LoseWriteConnection, when everything written
	// is sent.
	WriteConnectionLost()
}

// A Factory builds a protocol for each connection. It is Twisted's IProtocolFactory.
type Factory interface {
	// BuildProtocol returns the protocol for a connection with peer, or nil to refuse
	// the connection.
	BuildProtocol(peer net.Addr) Protocol
}

// A ListeningFactory learns of the ports that listen for it. Its DoStart and DoStop are those
// of Twisted's IProtocolFactory.
type ListeningFactory interface {
	Factory
	// DoStart is called when p has begun to listen on r.
	DoStart(r Reactor, p Port)
	// DoStop is called when p has stopped.
	DoStop(p Port)
}

// A NegotiatingFactory knows the protocols that its connections can speak, for TLS's ALPN (RFC
// 7301). It is Twisted's IProtocolNegotiationFactory.
type NegotiatingFactory interface {
	Factory
	// AcceptableProtocols returns the names of the protocols, such as "h2" and
	// "http/1.1", the preferred one first; nil for no negotiation. [TLSServer] and
	// [TLSClient] ask before their first connection, and only if NextProtos of their
	// tls.Config is nil. [Transport].TLS has what was negotiated.
	AcceptableProtocols() []string
}

// FactoryFunc makes a function a Factory.
type FactoryFunc func(peer net.Addr) Protocol

// BuildProtocol calls f.
func (f FactoryFunc) BuildProtocol(peer net.Addr) Protocol { return f(peer) }

// A Transport is a protocol's connection. It consumes the bytes to send, and produces the
// received bytes, so that both can be paused. After the connection is lost, its methods
// do nothing. It is Twisted's ITransport, IConsumer and IPushProducer.
type Transport interface {
	Consumer
	// PushProducer pauses and resumes DataReceived, down to the socket. StopProducing
	// is LoseConnection.
	//
	// What the peer does arrives in order, so during a pause the peer's end of file and
	// the loss of the connection wait too: ConnectionLost follows ResumeProducing.
	// PeerClosed, and StopProducing of a registered producer, may tell earlier.
	// LoseConnection, AbortConnection and the end of the reactor end the connection during
	// a pause too.
	PushProducer

	// WriteSequence writes several pieces as one.
	WriteSequence(pieces ...[]byte)
	// LoseConnection closes the connection when everything written is sent and the
	// registered producer, if any, is done. Later writes are dropped unless a producer is
	// registered.
	LoseConnection()
	// LoseWriteConnection ends the sending direction in the same way. The peer reads an
	// end of file. Receiving continues.
	LoseWriteConnection()
	// AbortConnection closes the connection at once and drops unsent data. The reason
	// of ConnectionLost is [ErrConnectionAborted].
	AbortConnection()
	// Disconnecting reports whether the connection is ending or has ended: LoseConnection,
	// StopProducing or AbortConnection was called, a method of the protocol panicked, or
	// the connection is lost. It is true within ConnectionLost. From then on DataReceived
	// is not called. LoseWriteConnection alone does not make it true, since receiving
	// continues. It is cheap enough to be asked for each message of a protocol.
	Disconnecting() bool
	// SwitchProtocol replaces the connection's protocol, returns the old one and calls
	// neither. It is for connections that change their protocol, after HTTP's Upgrade or
	// STARTTLS.
	SwitchProtocol(p Protocol) (old Protocol)
	// Host returns the local address and Peer the remote one, also after the connection
	// is lost.
	Host() net.Addr
	Peer() net.Addr
	// PeerClosed reports whether the peer is known to have closed the connection or its
	// side of it. DataReceived may still be called with data that was sent before. An
	// answer to what is written now is unlikely: a pool of connections does not keep such
	// a one. false may mean that the news is still on its way.
	PeerClosed() bool
	// CheckPeerClosed is PeerClosed that also asks the system, by a system call, for news
	// that the loop has not got yet. It is for a caller that cannot undo a Write in vain.
	// Windows has no such call: there it knows what the loop's goroutines have read.
	CheckPeerClosed() bool
	// Reactor returns the reactor that calls the protocol.
	Reactor() Reactor
	// TLS returns the state of TLS on the connection: the negotiated protocol, the
	// peer's certificates and so on. It returns nil for a connection without TLS.
	TLS() *tls.ConnectionState
	// SetNoDelay sets TCP_NODELAY, which is on by default. SetKeepAlive sets
	// SO_KEEPALIVE. Both do nothing for connections that are not TCP.
	SetNoDelay(on bool) error
	SetKeepAlive(on bool) error
}

// A Consumer takes bytes, and controls the producer of these bytes. It is Twisted's
// IConsumer.
type Consumer interface {
	// Write takes data to send. It does not keep data.
	Write(data []byte)
	// RegisterProducer makes p the source of the written data. p is paused while too much
	// data is unsent. It is stopped when sending fails or the connection is lost, or at
	// once if that has happened. A second producer fails with [ErrProducerRegistered], and
	// a protocol that inherits its producer's methods from an embedded Transport with an
	// [*InheritedProducerError].
	RegisterProducer(p PushProducer) error
	// RegisterPullProducer makes p the source of the written data. Its ResumeProducing
	// is called whenever more data can be taken, and should write something.
	RegisterPullProducer(p PullProducer) error
	// UnregisterProducer ends the registration. The producer calls it when it is done.
	UnregisterProducer()
}

// A PullProducer writes when its consumer asks for data. It is Twisted's IPullProducer.
type PullProducer interface {
	// ResumeProducing asks for more data.
	ResumeProducing()
	// StopProducing ends the production for good.
	StopProducing()
}

// A PushProducer writes to its consumer on its own, unless it is paused. It is Twisted's
// IPushProducer.
type PushProducer interface {
	// PauseProducing asks to write nothing until ResumeProducing.
	PauseProducing()
	// ResumeProducing undoes PauseProducing.
	ResumeProducing()
	// StopProducing ends the production for good.
	StopProducing()
}
