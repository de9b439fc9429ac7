package protocols

import (
	"cmp"
	"net"
	"os"
	"time"

	"github.com/seed-7c003b53/gotreq/reactor"
)

// A TimeoutFactory ends connections on which nothing is received or written for some time. It is
// Twisted's TimeoutFactory; see [WrappingFactory].
//
// The transport of a protocol is a [*TimeoutProtocol], by which the protocol can change its own
// timeout; see [As].
type TimeoutFactory struct {
	// Factory builds the protocols.
	Factory reactor.Factory
	// Period is the time without activity after which a connection ends. 0 means 30
	// minutes; with a negative value, connections have no timeout of their own. It is Twisted's
	// timeoutPeriod.
	Period time.Duration
	// TimeoutConnection is called when a connection was idle for that time; t is its
	// *TimeoutProtocol, which has no timeout any more. nil means that the connection is
	// closed in order, as LoseConnection does, and aborted if the peer does not take
	// the rest within another Period. ConnectionLost then gets an [*IdleError]. It is
	// Twisted's timeoutFunc.
	TimeoutConnection func(t *TimeoutProtocol)
	// Clock measures the time. nil means the reactor of the connection.
	Clock reactor.Clock

	places places
}

const defaultIdleTimeout = 30 * time.Minute

// An IdleError is the reason of ConnectionLost when a [TimeoutFactory] has ended the connection.
type IdleError struct {
	Period time.Duration // nothing was received or written for this time
	Reason error         // how the connection ended: reactor.ErrConnectionDone, if in order
}

func (e *IdleError) Error() string {
	return "the connection was idle for " + e.Period.String() + ": " + e.Reason.Error()
}

// Unwrap returns the Reason.
func (e *IdleError) Unwrap() error { return e.Reason }

// Timeout returns true, as errors of package net do.
func (e *IdleError) Timeout() bool { return true }

// Is reports whether target is os.ErrDeadlineExceeded.
func (e *IdleError) Is(target error) bool { return target == os.ErrDeadlineExceeded }

// A TimeoutProtocol is the wrapper of a [TimeoutFactory]. It is Twisted's TimeoutProtocol.
type TimeoutProtocol struct {
	ProtocolWrapper
	factory *TimeoutFactory
	period  time.Duration
	timer   reactor.DelayedCall // nil without a timeout
	ended   time.Duration       // the period after which the connection was ended; 0 while it was not
}

// BuildProtocol returns a protocol of Factory with a timeout; see [reactor.Factory].
func (f *TimeoutFactory) BuildProtocol(peer net.Addr) reactor.Protocol {
	p := &TimeoutProtocol{factory: f, period: cmp.Or(f.Period, defaultIdleTimeout)}
	return f.places.build(f.Factory, p, peer, peerKey{})
}

// ConnectionMade starts the timeout and connects the wrapped protocol.
func (p *TimeoutProtocol) ConnectionMade(t reactor.Transport) {
	p.SetTimeout(p.period)
	p.ProtocolWrapper.ConnectionMade(t)
}

// SetTimeout replaces the timeout of the connection: period counts from now, and again from
// each activity. 0 or less means no timeout.
func (p *TimeoutProtocol) SetTimeout(period time.Duration) {
	p.CancelTimeout()
	if period <= 0 || p.Transport == nil || p.ended != 0 {
		return
	}
	p.period = period
	p.startTimer(p.timedOut)
}

func (p *TimeoutProtocol) startTimer(f func()) {
	clock := p.factory.Clock
	if clock == nil {
		clock = p.Reactor()
	}
	p.timer = clock.CallLater(p.period, f)
}

// ResetTimeout starts the time anew, as activity does. It does nothing without a timeout.
func (p *TimeoutProtocol) ResetTimeout() {
	if p.timer != nil && p.ended == 0 {
		p.timer.Reset(p.period)
	}
}

// CancelTimeout removes the timeout. It does nothing if there is none.
func (p *TimeoutProtocol) CancelTimeout() {
	if p.timer != nil && p.ended == 0 {
		p.timer.Cancel()
		p.timer = nil
	}
}

// timedOut ends the connection.
func (p *TimeoutProtocol) timedOut() {
	p.timer = nil
	if f := p.factory.TimeoutConnection; f != nil {
		p.guard(func() { f(p) })
		return
	}
	p.startTimer(func() {
		p.timer = nil
		p.AbortConnection()
	})
	p.ended = p.period
	p.LoseConnection()
}

// DataReceived resets the timeout and passes data on.
func (p *TimeoutProtocol) DataReceived(data []byte) {
	p.ResetTimeout()
	p.ProtocolWrapper.DataReceived(data)
}

// Write resets the timeout and sends data.
func (p *TimeoutProtocol) Write(data []byte) {
	p.ResetTimeout()
	p.ProtocolWrapper.Write(data)
}

// WriteSequence resets the timeout and sends several pieces as one.
func (p *TimeoutProtocol) WriteSequence(pieces ...[]byte) {
	p.ResetTimeout()
	p.ProtocolWrapper.WriteSequence(pieces...)
}

// ConnectionLost cancels the timeout and passes the loss on.
func (p *TimeoutProtocol) ConnectionLost(reason error) {
	if p.timer != nil {
		p.timer.Cancel()
		p.timer = nil
	}
	if p.ended != 0 {
		reason = &IdleError{p.ended, reason}
	}
	p.ended = -1 // SetTimeout does nothing from now on
	p.ProtocolWrapper.ConnectionLost(reason)
}

// DoStart calls DoStart of Factory; see [reactor.ListeningFactory].
func (f *TimeoutFactory) DoStart(r reactor.Reactor, p reactor.Port) { f.places.start(f.Factory, r, p) }

// DoStop calls DoStop of Factory; see [reactor.ListeningFactory].
func (f *TimeoutFactory) DoStop(p reactor.Port) { stop(f.Factory, p) }

// AcceptableProtocols returns those of Factory; see [reactor.NegotiatingFactory].
func (f *TimeoutFactory) AcceptableProtocols() []string { return acceptable(f.Factory) }

// HandshakeBegins calls that of Factory; see [reactor.HandshakeFactory].
func (f *TimeoutFactory) HandshakeBegins(below reactor.Transport) (ended func()) {
	return begin(f.Factory, below)
}
