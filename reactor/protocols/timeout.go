package protocols

import (
	"time"

	"github.com/seed-7c003b53/gotreq/reactor"
)

// A TimeoutMixin is a timeout that a protocol starts, and starts anew when it receives something
// meaningful. A program embeds it, and sets TimeoutConnection. It is Twisted's TimeoutMixin.
//
//	func (p *session) ConnectionMade(t reactor.Transport) {
//		p.LineReceiver.ConnectionMade(t)
//		p.TimeoutConnection = t.LoseConnection
//		p.SetTimeout(t.Reactor(), time.Minute)
//	}
//
//	func (p *session) lineReceived(line []byte) { p.ResetTimeout() }
//
//	func (p *session) ConnectionLost(reason error) {
//		p.CancelTimeout()
//		p.LineReceiver.ConnectionLost(reason)
//	}
//
// A timeout that ends every idle connection of a factory is a [TimeoutFactory].
type TimeoutMixin struct {
	// TimeoutConnection is called when the timeout is over, on the clock's goroutine. It is
	// normally LoseConnection or AbortConnection of the transport; Twisted's default is the
	// first. It may call SetTimeout.
	TimeoutConnection func()

	period time.Duration
	call   reactor.DelayedCall // nil without a timeout
}

// SetTimeout replaces the timeout by one of period from now, by clock, which is normally
// Transport.Reactor(). 0 or less means none, as CancelTimeout does. SetTimeout returns the period
// before, 0 for none. It panics if TimeoutConnection is nil.
func (m *TimeoutMixin) SetTimeout(clock reactor.Clock, period time.Duration) (previous time.Duration) {
	previous = m.period
	m.CancelTimeout()
	if period <= 0 {
		return previous
	}
	if m.TimeoutConnection == nil {
		panic("protocols: SetTimeout of a TimeoutMixin without a TimeoutConnection: set it first")
	}
	m.period = period
	m.call = clock.CallLater(period, m.timedOut)
	return previous
}

// ResetTimeout starts the period anew. It does nothing without a timeout, and after one that is
// over. It allocates nothing, and costs what Reset of a DelayedCall costs.
func (m *TimeoutMixin) ResetTimeout() {
	if m.call != nil {
		m.call.Reset(m.period)
	}
}

// CancelTimeout removes the timeout. Nothing is left of it. CancelTimeout does nothing if there is
// none. The protocol's ConnectionLost calls it.
func (m *TimeoutMixin) CancelTimeout() {
	if m.call != nil {
		m.call.Cancel()
	}
	m.call, m.period = nil, 0
}

func (m *TimeoutMixin) timedOut() {
	m.call = nil
	m.TimeoutConnection()
}
