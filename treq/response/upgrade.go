package response

import "github.com/seed-7c003b53/gotreq/reactor"

// An Upgrade is a connection that was HTTP and is something else from now on
// (RFC 9110, section 7.8): a WebSocket perhaps. Whoever gets the response must
// take it with SwitchProtocol, or Abort it.
type Upgrade struct {
	transport reactor.Transport
	rest      []byte
	waiting   *upgradeWaiting // until it is taken
}

// NewUpgrade returns the Upgrade of t, on which rest has come already. It is for
// those who write an agent, which is not told of the connection any more.
func NewUpgrade(t reactor.Transport, rest []byte) *Upgrade {
	u := &Upgrade{transport: t, rest: append([]byte(nil), rest...), waiting: &upgradeWaiting{}}
	u.waiting.Protocol = t.SwitchProtocol(u.waiting)
	t.PauseProducing()
	return u
}

// upgradeWaiting is the protocol of a connection that nobody has taken yet. The
// one that it was made for is told when it is lost, so as to count it.
type upgradeWaiting struct {
	reactor.Protocol
	early []byte
	lost  error
	to    reactor.Protocol
}

func (w *upgradeWaiting) DataReceived(data []byte) {
	if w.to != nil {
		w.to.DataReceived(data)
		return
	}
	w.early = append(w.early, data...)
}

func (w *upgradeWaiting) ConnectionLost(reason error) {
	w.lost = reason
	if w.to != nil {
		w.to.ConnectionLost(reason)
	}
	w.Protocol.ConnectionLost(reason)
}

// SwitchProtocol makes p the protocol of the connection: its ConnectionMade is
// called, then DataReceived with what has come. It panics if it is called a second
// time. It belongs to the reactor's goroutine.
func (u *Upgrade) SwitchProtocol(p reactor.Protocol) {
	w := u.waiting
	if w.to != nil {
		panic("response: the connection of an Upgrade was taken already")
	}
	w.to = p
	p.ConnectionMade(u.transport)
	if early := append(u.rest, w.early...); len(early) != 0 {
		p.DataReceived(early)
	}
	u.rest, w.early = nil, nil
	if w.lost != nil {
		p.ConnectionLost(w.lost)
		return
	}
	u.transport.ResumeProducing()
}

// Abort closes the connection, for who does not want it.
func (u *Upgrade) Abort() { u.transport.AbortConnection() }
