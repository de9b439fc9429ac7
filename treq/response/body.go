package response

import (
	"github.com/seed-7c003b53/gotreq/reactor"
	"github.com/seed-7c003b53/gotreq/reactor/task"
)

// This file holds the way of a body's bytes from the connection they come on to
// whoever reads them.

// A BodyProtocol takes the body of a response, as [Response.DeliverBody] gives
// it. It is the IProtocol of Twisted's IResponse.deliverBody. Its methods are
// called on the reactor's goroutine; one that panics loses the connection.
type BodyProtocol interface {
	// ConnectionMade is called once, first.
	ConnectionMade(t BodyTransport)
	// DataReceived is called with the bytes, split as they happened to come.
	// They are valid until it returns.
	DataReceived(data []byte)
	// ConnectionLost is called once, last. reason is [ErrDone], or
	// [ErrPotentialDataLoss], or says why the body is not complete: mostly a
	// [*FailedError].
	ConnectionLost(reason error)
}

// A BodyTransport controls the delivery of a body. It is Twisted's
// TransportProxyProducer. It belongs to the reactor's goroutine, and once the
// body has ended its methods do nothing.
type BodyTransport interface {
	// PauseProducing stops DataReceived at once, and by that the reading of the
	// socket.
	PauseProducing()
	// ResumeProducing lets it go on.
	ResumeProducing()
	// StopProducing says that no more is wanted: DataReceived is not called
	// again, the connection is closed, and ConnectionLost told so.
	StopProducing()
	// Cooperator returns the Cooperator that runs the tasks which read the body: one
	// on the reactor that the body comes by, after its end too. It is not nil.
	Cooperator() *task.Cooperator
}

// unreadMost is how much of a body that has no reader is kept before the
// connection is paused. So a response that nobody reads, if it is no larger, still
// leaves its connection to others.
const unreadMost = 64 << 10

// maxPiece is how much of what was kept a reader gets at a time, as much as a
// connection mostly brings: so it can pause, and other things be done, in between.
const maxPiece = 256 << 10

// A Body carries the bytes of one response from an agent, which calls Write and
// End, to the BodyProtocol that Deliver connects. It keeps what comes while there
// is no reader, or a paused one; that is little, since the agent's transport is
// paused then.
//
// It is for those who write an agent. It belongs to the reactor's goroutine.
type Body struct {
	transport BodyTransport // the agent's; nil once the body has ended
	to        BodyProtocol  // the reader; nil before Deliver
	held      []byte        // what came and was not given to the reader yet
	ended     error         // why the body ended; nil before
	paused    bool          // the reader wants no more for now
	stopped   bool          // the reader wants no more
	giving    bool          // the reader is being called: what comes now waits
	told      bool          // the reader was told of the end

	cooperator *task.Cooperator // the transport's

	atEnd func() // set by OnEnd
}

// NewBody returns a Body whose bytes t controls.
func NewBody(t BodyTransport) *Body {
	b := new(Body)
	b.Init(t)
	return b
}

// Init makes the zero Body, a part of an agent's own struct perhaps, what NewBody
// returns.
func (b *Body) Init(t BodyTransport) { b.transport, b.cooperator = t, t.Cooperator() }

// Taken reports whether the body has, or had, a reader.
func (b *Body) Taken() bool { return b.to != nil }

// Write gives the reader the next bytes, which it may use until Write returns. An
// agent calls it.
func (b *Body) Write(data []byte) {
	switch {
	case b.stopped:
	case b.to != nil && !b.paused && !b.giving:
		b.giving = true
		defer b.given()
		b.to.DataReceived(data)
	default:
		b.held = append(b.held, data...)
		if b.to == nil && len(b.held) > unreadMost {
			b.transport.PauseProducing()
		}
	}
}

// given ends a call of the reader, which may have panicked.
func (b *Body) given() {
	b.giving = false
	if len(b.held) != 0 || b.ended != nil { // meanwhile
		b.give()
	}
}

// End says that the body has ended, and why. An agent calls it, once.
func (b *Body) End(reason error) {
	if b.ended == nil {
		b.ended, b.transport = reason, nil
		if b.atEnd != nil {
			b.atEnd()
		}
		b.give()
	}
}

// give gives the reader what it is ready for: bytes that are held, then the end.
func (b *Body) give() {
	if b.to == nil || b.giving {
		return
	}
	b.giving = true
	defer func() { b.giving = false }()
	for len(b.held) != 0 && !b.paused {
		data := b.held[:min(len(b.held), maxPiece)]
		if b.held = b.held[len(data):]; len(b.held) == 0 {
			b.held = nil
		}
		b.to.DataReceived(data)
	}
	if b.ended != nil && len(b.held) == 0 && !b.told {
		b.told = true
		b.to.ConnectionLost(b.ended)
	}
}

// Deliver connects the body to its reader. It fails with [ErrBodyTaken] if there
// is one already; to is then not called.
func (b *Body) Deliver(to BodyProtocol) error { return b.deliver(to, nil) }

// deliver is Deliver to what wrap, if it is not nil, makes of to.
func (b *Body) deliver(to BodyProtocol, wrap func(BodyProtocol) BodyProtocol) error {
	if b.to != nil {
		return ErrBodyTaken
	}
	if wrap != nil {
		to = wrap(to)
	}
	b.to = to
	b.connect()
	b.resume()
	return nil
}

func (b *Body) connect() {
	b.giving = true
	defer func() { b.giving = false }()
	b.to.ConnectionMade(b)
}

// PauseProducing stops the bytes; see [BodyTransport].
func (b *Body) PauseProducing() {
	b.paused = true
	if b.transport != nil {
		b.transport.PauseProducing()
	}
}

// ResumeProducing lets them go on; see [BodyTransport].
func (b *Body) ResumeProducing() {
	b.paused = false
	b.resume()
}

// Cooperator returns the Cooperator of the agent's transport.
func (b *Body) Cooperator() *task.Cooperator { return b.cooperator }

// resume has what is held, and then what is still to come, go to the reader.
// The transport comes last: in memory it may bring the rest there and then.
func (b *Body) resume() {
	b.give()
	if b.transport != nil && !b.paused && !b.stopped {
		b.transport.ResumeProducing()
	}
}

// StopProducing ends them; see [BodyTransport].
func (b *Body) StopProducing() {
	if b.stopped {
		return
	}
	b.stopped = true
	if b.transport != nil {
		b.held = nil
		b.transport.StopProducing()
	} else if len(b.held) != 0 {
		// All has come, and not all of it will be given.
		b.held, b.ended = nil, &FailedError{Reasons: []error{reactor.ErrConnectionAborted}}
		b.give()
	}
}
