package response

import (
	"crypto/tls"
	"errors"
	"net"

	"github.com/seed-7c003b53/gotreq/reactor"
)

// DeliverTo connects the body to p, a protocol as for a connection: a protocols.LineReceiver,
// for instance. If the body is not buffered, and has or had a reader, DeliverTo fails with
// [ErrBodyTaken] and does not call p.
//
// p gets a transport that it can pause, resume and stop. LoseConnection and AbortConnection
// give up the remaining body, as StopProducing does. Peer, Host and TLS are those of the
// connection that brings the response, and Reactor is the client's. A body is not written to:
// Write panics.
//
// The reason of p's ConnectionLost is that of [BodyProtocol], and errors.Is matches it as for a
// connection: with [reactor.ErrConnectionDone] if the body is complete, with
// [reactor.ErrConnectionLost] if it was cut short. If p has given up the body, the reason is
// ErrConnectionDone or [reactor.ErrConnectionAborted].
func (r *Response) DeliverTo(p reactor.Protocol) error {
	return r.DeliverBody(&bodyConnection{connection: r.body.connection, protocol: p})
}

// A bodyConnection is a body as a connection: the reader of the body, and the transport of a
// protocol.
type bodyConnection struct {
	body       BodyTransport
	connection reactor.Transport // that brings the body; or nil
	protocol   reactor.Protocol
	given      error // the reason of ConnectionLost if the protocol has given up the body; or nil
	ended      error // the reason of the body's end; nil before the end
	paused     bool  // by the protocol: the end waits too
	lost       bool  // ConnectionLost was called, or is being called
}

var (
	_ BodyProtocol      = (*bodyConnection)(nil)
	_ reactor.Transport = (*bodyConnection)(nil)
)

// As the reader of the body.

func (c *bodyConnection) ConnectionMade(t BodyTransport) {
	c.body = t
	c.protocol.ConnectionMade(c)
}

func (c *bodyConnection) DataReceived(data []byte) {
	if c.given == nil {
		c.protocol.DataReceived(data)
	}
}

func (c *bodyConnection) ConnectionLost(reason error) {
	c.ended = reason
	c.end()
}

// end calls the protocol's ConnectionLost, if the body has ended and the protocol is not paused.
func (c *bodyConnection) end() {
	if c.ended == nil || c.lost || c.paused && c.given == nil {
		return
	}
	c.lost = true
	reason := c.ended
	switch {
	case errors.Is(reason, ErrDone), errors.Is(reason, ErrPotentialDataLoss):
	case c.given != nil:
		reason = c.given
	default:
		reason = &cutError{reason}
	}
	c.protocol.ConnectionLost(reason)
}

// A cutError is the reason of a body that was cut short. To a protocol that is a loss, even if
// the server has closed the connection in order.
type cutError struct{ err error }

func (e *cutError) Error() string { return e.err.Error() }

// Is matches what err matches, but for ErrConnectionDone.
func (e *cutError) Is(target error) bool {
	return target == reactor.ErrConnectionLost || target != reactor.ErrConnectionDone && errors.Is(e.err, target)
}

// As finds what is in err.
func (e *cutError) As(target any) bool { return errors.As(e.err, target) }

// As the transport of the protocol.

func (c *bodyConnection) PauseProducing() {
	c.paused = true
	c.body.PauseProducing()
}

func (c *bodyConnection) ResumeProducing() {
	c.paused = false
	c.body.ResumeProducing()
	c.end()
}

func (c *bodyConnection) StopProducing()   { c.LoseConnection() }
func (c *bodyConnection) LoseConnection()  { c.giveUp(reactor.ErrConnectionDone) }
func (c *bodyConnection) AbortConnection() { c.giveUp(reactor.ErrConnectionAborted) }

func (c *bodyConnection) giveUp(reason error) {
	if !c.Disconnecting() {
		c.given = reason
		c.body.StopProducing()
		c.end()
	}
}

func (c *bodyConnection) Disconnecting() bool   { return c.given != nil || c.lost }
func (c *bodyConnection) PeerClosed() bool      { return c.lost }
func (c *bodyConnection) CheckPeerClosed() bool { return c.lost }

func (c *bodyConnection) SwitchProtocol(p reactor.Protocol) (old reactor.Protocol) {
	old, c.protocol = c.protocol, p
	return old
}

func (c *bodyConnection) Reactor() reactor.Reactor {
	if c.connection != nil {
		return c.connection.Reactor()
	}
	if tasks := c.body.Cooperator(); tasks != nil {
		if r, ok := tasks.Clock().(reactor.Reactor); ok {
			return r
		}
	}
	panic("response: the body of the response has no reactor")
}

func (c *bodyConnection) Host() net.Addr {
	if c.connection == nil {
		return noAddr{}
	}
	return c.connection.Host()
}

func (c *bodyConnection) Peer() net.Addr {
	if c.connection == nil {
		return noAddr{}
	}
	return c.connection.Peer()
}

func (c *bodyConnection) TLS() *tls.ConnectionState {
	if c.connection == nil {
		return nil
	}
	return c.connection.TLS()
}

// noAddr is the address of the ends of a response that came without a connection of the reactor.
type noAddr struct{}

func (noAddr) Network() string { return "none" }
func (noAddr) String() string  { return "unknown" }

// The connection is not the protocol's, so its options stay as they are.

func (c *bodyConnection) SetNoDelay(bool) error   { return nil }
func (c *bodyConnection) SetKeepAlive(bool) error { return nil }

// A body is not written to.

func (c *bodyConnection) Write([]byte)                                    { panic(errNotWritten) }
func (c *bodyConnection) WriteSequence(...[]byte)                         { panic(errNotWritten) }
func (c *bodyConnection) RegisterProducer(reactor.PushProducer) error     { panic(errNotWritten) }
func (c *bodyConnection) RegisterPullProducer(reactor.PullProducer) error { panic(errNotWritten) }
func (c *bodyConnection) UnregisterProducer()                             {}
func (c *bodyConnection) LoseWriteConnection()                            {}

const errNotWritten = "response: a protocol writes to the body of a response, which it can only read: what is sent is the Body of a request"
