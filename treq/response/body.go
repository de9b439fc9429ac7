package response

// This file holds the way of a body's bytes from the connection they come on to
// whoever reads them.

// A BodyProtocol takes the body of a response, as [Response.DeliverBody] gives
// it. It is the IProtocol of Twisted's IResponse.deliverBody.
type BodyProtocol interface {
	// ConnectionMade is called once, first.
	ConnectionMade(t BodyTransport)
	// DataReceived is called with the bytes, split as they happened to come.
	// They are valid until it returns.
	DataReceived(data []byte)
	// ConnectionLost is called once, last. reason is ErrDone, or
	// ErrPotentialDataLoss, or says why the body is not complete.
	ConnectionLost(reason error)
}

// A BodyTransport controls the delivery of a body. It is Twisted's
// TransportProxyProducer. Once the body has ended its methods do nothing.
type BodyTransport interface {
	// PauseProducing stops DataReceived, and by that the reading of the socket.
	PauseProducing()
	// ResumeProducing lets it go on.
	ResumeProducing()
	// StopProducing says that no more is wanted: the connection is closed.
	StopProducing()
}

// A Body carries the bytes of one response from an agent, which calls Write and
// End, to the BodyProtocol that Deliver connects. What comes before Deliver is
// kept; it is little, since the transport is paused until then.
type Body struct {
	transport BodyTransport // nil once the body has ended
	to        BodyProtocol  // nil before Deliver
	early     []byte        // what came before Deliver
	ended     error         // why the body ended; nil before
	paused    bool          // the reader wants no more for now
	stopped   bool          // the reader wants no more
	delivered bool          // ConnectionLost was called

	wrap func(to BodyProtocol) BodyProtocol // set by WrapBody
}

// NewBody returns a Body whose bytes t controls.
func NewBody(t BodyTransport) *Body { return &Body{transport: t} }

// Wanted reports whether the body has a reader, or has ended: until then its
// transport is to be paused.
func (b *Body) Wanted() bool { return b.to != nil || b.ended != nil }

// Write gives the reader the next bytes. An agent calls it.
func (b *Body) Write(data []byte) {
	switch {
	case b.stopped:
	case b.to == nil:
		b.early = append(b.early, data...)
	default:
		b.to.DataReceived(data)
	}
}

// End says that the body has ended, and why. An agent calls it, once.
func (b *Body) End(reason error) {
	if b.ended != nil {
		return
	}
	b.ended = reason
	b.transport = nil
	if b.to != nil {
		b.deliverEnd()
	}
}

func (b *Body) deliverEnd() {
	if !b.delivered {
		b.delivered = true
		b.to.ConnectionLost(b.ended)
	}
}

// Deliver connects the body to its reader. It fails with ErrBodyTaken if there
// is one already.
func (b *Body) Deliver(to BodyProtocol) error {
	if b.to != nil {
		return ErrBodyTaken
	}
	if b.wrap != nil {
		to = b.wrap(to)
	}
	b.to = to
	to.ConnectionMade(b)
	if early := b.early; len(early) != 0 {
		b.early = nil
		b.Write(early)
	}
	if b.ended != nil {
		b.deliverEnd()
	} else if !b.stopped && !b.paused {
		b.transport.ResumeProducing()
	}
	return nil
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
	if b.transport != nil {
		b.transport.ResumeProducing()
	}
}

// StopProducing ends them; see [BodyTransport].
func (b *Body) StopProducing() {
	b.stopped = true
	b.early = nil
	if b.transport != nil {
		b.transport.StopProducing()
	}
}
