// Package handover gives a connection to another protocol: after HTTP's Upgrade, and in a
// tunnel that a proxy has opened. What has already come for that protocol waits while the
// protocol pauses its transport, as everything else does.
package handover

import (
	"bytes"

	"github.com/seed-7c003b53/gotreq/reactor"
)

// To makes p the protocol of t, and calls its ConnectionMade. It calls made, unless that is nil,
// then passes on what the peer has already sent: early, and if ended is true, the end of file. What
// follows comes from t: To resumes t, which the caller may have paused. It keeps early only if
// it copies it.
//
// To passes a panic of p on to the caller.
func To(t reactor.Transport, p reactor.Protocol, early []byte, ended bool, made func()) {
	t.SwitchProtocol(p)
	if len(early) == 0 && !ended {
		t.ResumeProducing() // now, since p may pause it in ConnectionMade
		p.ConnectionMade(t)
		if made != nil {
			made()
		}
		return
	}
	h := &Transport{Transport: t, protocol: p, early: early, ended: ended}
	p.ConnectionMade(h)
	if made != nil {
		made()
	}
	h.deliver()
	switch {
	case h.paused:
		h.early = bytes.Clone(h.early)
	case !t.Disconnecting():
		t.ResumeProducing()
	}
}

// A Transport is the transport of a protocol for which something has already come. It holds that
// back while the protocol pauses it, and drops it when the protocol ends the connection.
type Transport struct {
	reactor.Transport                              // the connection; paused while something is held back
	protocol          reactor.Protocol             // the current one
	early             []byte                       // what the peer has sent; nil once it is delivered
	ended             bool                         // the peer's end of file follows early
	paused            bool                         // by the protocol
	due               reactor.DelayedCall          // delivers; nil unless ResumeProducing was called
	producer          interface{ StopProducing() } // the registered one; nil without
}

// deliver passes on what is held back, unless the protocol pauses.
func (t *Transport) deliver() {
	returned := false
	defer func() {
		if !returned { // a panic, which the loop reports
			t.AbortConnection()
		}
	}()
	if early := t.early; len(early) != 0 && t.mayDeliver() {
		t.early = nil
		t.protocol.DataReceived(early)
	}
	if t.ended && t.mayDeliver() {
		t.ended = false
		if half, ok := t.protocol.(reactor.HalfCloseableProtocol); ok {
			half.ReadConnectionLost()
		} else {
			t.lose()
		}
	}
	returned = true
}

// lose ends the connection for the peer's end of file, after what was written is sent. As in a transport, it does not wait for
// the registered producer, but stops that.
func (t *Transport) lose() {
	p := t.producer
	if p != nil {
		t.UnregisterProducer()
	}
	t.LoseConnection()
	if p != nil {
		p.StopProducing()
	}
}

// RegisterProducer makes p the source of the written data; see [reactor.Consumer].
func (t *Transport) RegisterProducer(p reactor.PushProducer) error {
	err := t.Transport.RegisterProducer(p)
	if err == nil {
		t.producer = p
	}
	return err
}

// RegisterPullProducer makes p the source of the written data; see [reactor.Consumer].
func (t *Transport) RegisterPullProducer(p reactor.PullProducer) error {
	err := t.Transport.RegisterPullProducer(p)
	if err == nil {
		t.producer = p
	}
	return err
}

// UnregisterProducer ends the registration of the producer; see [reactor.Consumer].
func (t *Transport) UnregisterProducer() {
	t.producer = nil
	t.Transport.UnregisterProducer()
}

func (t *Transport) mayDeliver() bool { return !t.paused && !t.Disconnecting() }

// PauseProducing stops DataReceived; see [reactor.Transport].
func (t *Transport) PauseProducing() {
	t.paused = true
	t.Transport.PauseProducing()
}

// ResumeProducing undoes PauseProducing; see [reactor.Transport].
func (t *Transport) ResumeProducing() {
	t.paused = false
	switch {
	case len(t.early) == 0 && !t.ended:
		t.Transport.ResumeProducing()
	case t.due == nil: // later, since the protocol is calling
		t.due = t.Reactor().CallLater(0, func() {
			t.due = nil
			if t.deliver(); t.mayDeliver() {
				t.Transport.ResumeProducing()
			}
		})
	}
}

// SwitchProtocol replaces the protocol; see [reactor.Transport].
func (t *Transport) SwitchProtocol(p reactor.Protocol) (old reactor.Protocol) {
	t.protocol = p
	return t.Transport.SwitchProtocol(p)
}
