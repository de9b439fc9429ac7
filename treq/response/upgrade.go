package response

import "github.com/seed-7c003b53/gotreq/reactor"

// An Upgrade is a connection that was HTTP and now speaks another protocol (RFC 9110,
// section 7.8), such as WebSocket. The receiver of the response must take it with
// SwitchProtocol, or Abort it.
type Upgrade struct {
	transport reactor.Transport
	pending   *pendingProtocol
}

// NewUpgrade returns the Upgrade of t. early are the bytes of the new protocol that were
// received with the response. NewUpgrade is for code that implements an agent: of t's
// former protocol only ConnectionLost is called any more.
func NewUpgrade(t reactor.Transport, early []byte) *Upgrade {
	u := &Upgrade{t, &pendingProtocol{early: append([]byte(nil), early...)}}
	u.pending.Protocol = t.SwitchProtocol(u.pending)
	t.PauseProducing()
	return u
}

// A pendingProtocol is the protocol of a connection before SwitchProtocol. The embedded
// former protocol learns of the loss of the connection, and so can count connections.
type pendingProtocol struct {
	reactor.Protocol
	early []byte           // received before SwitchProtocol
	lost  error            // the reason of the loss; nil before
	next  reactor.Protocol // set by SwitchProtocol
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

// SwitchProtocol makes p the protocol of the connection. It calls ConnectionMade, and
// then DataReceived with the bytes received so far. It panics if it is called twice.
func (u *Upgrade) SwitchProtocol(p reactor.Protocol) {
	w := u.pending
	if w.next != nil {
		panic("response: the connection of an Upgrade was taken already")
	}
	w.next = p
	p.ConnectionMade(u.transport)
	if early := w.early; len(early) != 0 {
		w.early = nil
		p.DataReceived(early)
	}
	if w.lost != nil {
		p.ConnectionLost(w.lost)
		return
	}
	u.transport.ResumeProducing()
}

// Abort closes the connection.
func (u *Upgrade) Abort() { u.transport.AbortConnection() }
