package response

import (
	"github.com/seed-7c003b53/gotreq/internal/handover"
	"github.com/seed-7c003b53/gotreq/reactor"
)

// An Upgrade is a connection that was HTTP and now speaks another protocol, such as
// WebSocket (RFC 9110, section 7.8). The receiver of the response must call
// SwitchProtocol or Abort.
type Upgrade struct {
	transport reactor.Transport
	pending   *pendingProtocol
}

// NewUpgrade returns the Upgrade of t. early holds the bytes of the new protocol received
// with the response. NewUpgrade is for code that implements an agent: only ConnectionLost
// of t's former protocol is called after it.
func NewUpgrade(t reactor.Transport, early []byte) *Upgrade {
	u := &Upgrade{t, &pendingProtocol{early: append([]byte(nil), early...)}}
	u.pending.Protocol = t.SwitchProtocol(u.pending)
	t.PauseProducing()
	return u
}

// A pendingProtocol is the protocol of a connection before SwitchProtocol. The embedded
// former protocol learns of the loss of the connection, so that it can count connections.
type pendingProtocol struct {
	reactor.Protocol
	early []byte           // the bytes received before SwitchProtocol
	lost  error            // why the connection was lost; nil while connected
	next  reactor.Protocol // set by SwitchProtocol
}

func (p *pendingProtocol) ConnectionMade(t reactor.Transport) {
	p.next.ConnectionMade(&upgradedTransport{t, p})
}

// outside returns the protocol for the transport.
func (p *pendingProtocol) outside() reactor.Protocol {
	if half, ok := p.next.(reactor.HalfCloseableProtocol); ok {
		return &halfCloseable{p, half}
	}
	return p
}

func (p *pendingProtocol) DataReceived(data []byte) {
	if p.next != nil {
		p.next.DataReceived(data)
		return
	}
	p.early = append(p.early, data...)
}

func (p *pendingProtocol) ConnectionLost(reason error) {
	p.lost = reason
	if p.next != nil {
		p.next.ConnectionLost(reason)
	}
	p.Protocol.ConnectionLost(reason)
}

// A halfCloseable is a pendingProtocol whose next protocol goes on in one direction when the
// other has ended.
type halfCloseable struct {
	*pendingProtocol
	half reactor.HalfCloseableProtocol
}

func (p *halfCloseable) ReadConnectionLost()  { p.half.ReadConnectionLost() }
func (p *halfCloseable) WriteConnectionLost() { p.half.WriteConnectionLost() }

// An upgradedTransport is the transport of the protocol that took the connection. If that
// protocol is replaced, by TLS for example, the pendingProtocol stays, and learns of the loss.
type upgradedTransport struct {
	reactor.Transport
	pending *pendingProtocol
}

// SwitchProtocol replaces the protocol; see [reactor.Transport].
func (t *upgradedTransport) SwitchProtocol(p reactor.Protocol) (old reactor.Protocol) {
	old, t.pending.next = t.pending.next, p
	t.Transport.SwitchProtocol(t.pending.outside())
	return old
}

// SwitchProtocol makes p the protocol of the connection. It calls ConnectionMade, and
// then DataReceived with the bytes received until now; if p pauses its transport in
// ConnectionMade, they wait for ResumeProducing. It panics on a second call. A panic of p
// closes the connection.
func (u *Upgrade) SwitchProtocol(p reactor.Protocol) {
	w := u.pending
	if w.next != nil {
		panic("response: the connection of an Upgrade was taken already")
	}
	early, lost, panicked := w.early, w.lost, true
	w.early, w.next = nil, p
	defer func() {
		if panicked {
			u.transport.AbortConnection()
		}
	}()
	handover.To(u.transport, w.outside(), early, false, nil)
	if lost != nil {
		p.ConnectionLost(lost)
	}
	panicked = false
}

// Abort closes the connection.
func (u *Upgrade) Abort() { u.transport.AbortConnection() }
