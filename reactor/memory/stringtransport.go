package memory

import (
	"crypto/tls"
	"net"

	"github.com/seed-7c003b53/gotreq/internal/producer"
	"github.com/seed-7c003b53/gotreq/reactor"
)

// A StringTransport is a [reactor.Transport] without a connection, for tests of a
// protocol alone. It records the written data and the calls of its methods. The zero
// value is ready to use. It is Twisted's StringTransport.
//
// Some methods panic where a protocol breaks a rule that a real transport does not
// enforce.
type StringTransport struct {
	// HostAddr and PeerAddr are the results of Host and Peer. nil means
	// 10.0.0.1:12345 and 192.168.1.1:54321.
	HostAddr, PeerAddr net.Addr
	// Protocol is the protocol whose ConnectionLost is called by LoseConnection and
	// AbortConnection. nil: none is called. It is Twisted's
	// StringTransportWithDisconnection.
	Protocol reactor.Protocol
	// On is the result of Reactor. A protocol that asks for its reactor needs it.
	On reactor.Reactor
	// Lenient allows the protocol to pause and resume after LoseConnection.
	Lenient bool

	written       []byte
	producer      reactor.PullProducer
	streaming     bool
	producerState ProducerState
	writeEnded    bool
	disconnecting bool
	disconnected  bool
	lost          bool // ConnectionLost was called
}

var _ reactor.Transport = (*StringTransport)(nil)

// A ProducerState is the state of a [StringTransport] as a producer.
type ProducerState int

const (
	Producing ProducerState = iota // initially, and after ResumeProducing
	Paused                         // after PauseProducing
	Stopped                        // after StopProducing
)

// String returns the state's name.
func (s ProducerState) String() string { return [...]string{"producing", "paused", "stopped"}[s] }

// SwitchProtocol sets Protocol and returns the old value.
func (t *StringTransport) SwitchProtocol(p reactor.Protocol) (old reactor.Protocol) {
	old, t.Protocol = t.Protocol, p
	return old
}

// Value returns the data written since the last Clear.
func (t *StringTransport) Value() string { return string(t.written) }

// Clear discards the written data.
func (t *StringTransport) Clear() { t.written = nil }

// Producer returns the registered producer, or nil. It is a
// [reactor.PushProducer] if streaming is true.
func (t *StringTransport) Producer() (producer reactor.PullProducer, streaming bool) {
	return t.producer, t.streaming
}

// ProducerState returns the state that the protocol last asked for.
func (t *StringTransport) ProducerState() ProducerState { return t.producerState }

// WriteEnded reports whether LoseWriteConnection was called.
func (t *StringTransport) WriteEnded() bool { return t.writeEnded }

// Disconnecting reports whether LoseConnection, StopProducing or AbortConnection was called.
func (t *StringTransport) Disconnecting() bool {
	return t.disconnecting || t.producerState == Stopped
}

// Disconnected reports whether AbortConnection was called.
func (t *StringTransport) Disconnected() bool { return t.disconnected }

// Write adds data to Value, unless the connection is lost or its sending direction ended.
func (t *StringTransport) Write(data []byte) {
	if !t.disconnected && !t.lost && !t.writeEnded {
		t.written = append(t.written, data...)
	}
}

// WriteSequence writes the pieces one after the other.
func (t *StringTransport) WriteSequence(pieces ...[]byte) {
	for _, p := range pieces {
		t.Write(p)
	}
}

// RegisterProducer stores p, and does not call it. A second producer fails with
// [reactor.ErrProducerRegistered].
func (t *StringTransport) RegisterProducer(p reactor.PushProducer) error {
	return t.register(p, true, producer.CheckPush(p))
}

// RegisterPullProducer stores p as RegisterProducer does.
func (t *StringTransport) RegisterPullProducer(p reactor.PullProducer) error {
	return t.register(p, false, producer.CheckPull(p))
}

func (t *StringTransport) register(p reactor.PullProducer, streaming bool, misuse error) error {
	if misuse != nil {
		return misuse
	}
	if t.producer != nil {
		return reactor.ErrProducerRegistered
	}
	t.producer, t.streaming = p, streaming
	return nil
}

// UnregisterProducer removes the producer. It panics if there is none.
func (t *StringTransport) UnregisterProducer() {
	if t.producer == nil {
		panic("memory: UnregisterProducer without a producer")
	}
	t.producer, t.streaming = nil, false
}

// PauseProducing sets the state to Paused. Like ResumeProducing, it panics after
// StopProducing and, unless Lenient is set, after LoseConnection: a protocol that then
// waits for data would wait for ever.
func (t *StringTransport) PauseProducing() {
	t.checkProducing("PauseProducing")
	t.producerState = Paused
}

// ResumeProducing sets the state to Producing. It panics where PauseProducing
// does.
func (t *StringTransport) ResumeProducing() {
	t.checkProducing("ResumeProducing")
	t.producerState = Producing
}

// StopProducing sets the state to Stopped.
func (t *StringTransport) StopProducing() { t.producerState = Stopped }

func (t *StringTransport) checkProducing(method string) {
	if t.disconnecting && !t.Lenient {
		panic("memory: " + method + " after LoseConnection")
	}
	if t.producerState == Stopped {
		panic("memory: " + method + " after StopProducing")
	}
}

// LoseConnection records the call and calls Protocol's ConnectionLost.
func (t *StringTransport) LoseConnection() {
	t.disconnecting = true
	t.lose(reactor.ErrConnectionDone)
}

// LoseWriteConnection records the call. Later writes are dropped.
func (t *StringTransport) LoseWriteConnection() { t.writeEnded = true }

// AbortConnection records the call and calls Protocol's ConnectionLost. Later writes are
// dropped.
func (t *StringTransport) AbortConnection() {
	t.disconnecting, t.disconnected = true, true
	t.lose(reactor.ErrConnectionAborted)
}

func (t *StringTransport) lose(reason error) {
	if t.Protocol != nil && !t.lost {
		t.lost = true
		t.Protocol.ConnectionLost(reason)
	}
}

// Host returns HostAddr, or 10.0.0.1:12345.
func (t *StringTransport) Host() net.Addr {
	if t.HostAddr != nil {
		return t.HostAddr
	}
	return &net.TCPAddr{IP: net.IPv4(10, 0, 0, 1), Port: 12345}
}

// Peer returns PeerAddr, or 192.168.1.1:54321.
func (t *StringTransport) Peer() net.Addr {
	if t.PeerAddr != nil {
		return t.PeerAddr
	}
	return &net.TCPAddr{IP: net.IPv4(192, 168, 1, 1), Port: 54321}
}

// Reactor returns On. It panics if On is nil.
func (t *StringTransport) Reactor() reactor.Reactor {
	if t.On == nil {
		panic("memory: the protocol asked a StringTransport for its reactor: set On")
	}
	return t.On
}

// PeerClosed returns false: a StringTransport has no peer that could close it.
func (t *StringTransport) PeerClosed() bool { return false }

// CheckPeerClosed returns false.
func (t *StringTransport) CheckPeerClosed() bool { return false }

// TLS returns nil.
func (t *StringTransport) TLS() *tls.ConnectionState { return nil }

// SetNoDelay does nothing.
func (t *StringTransport) SetNoDelay(bool) error { return nil }

// SetKeepAlive does nothing.
func (t *StringTransport) SetKeepAlive(bool) error { return nil }
