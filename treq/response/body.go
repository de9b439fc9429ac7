package response

import (
	"github.com/seed-7c003b53/gotreq/reactor"
	"github.com/seed-7c003b53/gotreq/reactor/task"
)

// This file has the Body, which carries bytes from the agent's transport to a reader.

// A BodyProtocol reads the body of a response; see [Response.DeliverBody]. It is the
// IProtocol of Twisted's IResponse.deliverBody. If a method panics, the connection is
// closed; over HTTP/2 only the stream of the request.
type BodyProtocol interface {
	// ConnectionMade is called once, first.
	ConnectionMade(t BodyTransport)
	// DataReceived is called with the next bytes, split anywhere. data is valid until
	// DataReceived returns.
	DataReceived(data []byte)
	// ConnectionLost is called once, last. reason is [ErrDone],
	// [ErrPotentialDataLoss], or the error that cut the body short, normally a
	// [*FailedError].
	ConnectionLost(reason error)
}

// A BodyTransport controls the delivery of a body. It is Twisted's
// TransportProxyProducer. After the end of the body its first three methods have no
// effect.
type BodyTransport interface {
	// PauseProducing stops the calls of DataReceived at once. The connection is not
	// read either.
	PauseProducing()
	// ResumeProducing undoes PauseProducing.
	ResumeProducing()
	// StopProducing gives up the remaining body: DataReceived is not called again,
	// the connection is closed, and ConnectionLost is called.
	StopProducing()
	// Cooperator returns the Cooperator for the tasks that read the body. It is on
	// the reactor of the connection, also after the end of the body, and not nil.
	Cooperator() *task.Cooperator
}

// maxUnread is the number of bytes that a Body without a reader holds before it pauses
// the connection. The connection of a small response thus becomes free for other requests
// although nobody has read the response.
const maxUnread = 64 << 10

// maxPiece bounds the held bytes that a reader gets at a time, so that the reader can
// pause in between. A connection rarely delivers more at once.
const maxPiece = 256 << 10

// A Body carries the bytes of one response from an agent, which calls Write and End, to
// the reader that Deliver connects. While the reader is missing or paused, the Body holds
// the bytes that arrive. They are few, since the agent's transport is paused then.
//
// A Body is for code that implements an agent.
type Body struct {
	transport BodyTransport // the agent's transport
	reader    BodyProtocol  // nil before Deliver
	held      []byte        // bytes not delivered yet
	ended     error         // the reason of the end; nil before the end
	paused    bool          // the reader has paused the body
	stopped   bool          // the reader has stopped the body
	calling   bool          // a call of the reader is running: new bytes are held
	told      bool          // the reader's ConnectionLost was called

	connection reactor.Transport // set by SetConnection; or nil

	received int64                              // the number of bytes that the agent has written
	atEnd    func(reason error, received int64) // set by OnEnd; or nil
}

// NewBody returns a Body with t as its transport.
func NewBody(t BodyTransport) *Body {
	b := new(Body)
	b.Init(t)
	return b
}

// Init initializes the zero Body as NewBody does, for a Body that is a part of another
// struct.
func (b *Body) Init(t BodyTransport) { b.transport = t }

// SetConnection says which connection brings the body, for [Response.DeliverTo].
func (b *Body) SetConnection(t reactor.Transport) { b.connection = t }

// Taken reports whether the body has or had a reader.
func (b *Body) Taken() bool { return b.reader != nil }

// Ended reports whether End was called.
func (b *Body) Ended() bool { return b.ended != nil }

// Progress returns the number of bytes that Write has got, and whether the reader has paused the
// body.
func (b *Body) Progress() (received int64, paused bool) { return b.received, b.paused }

// Write delivers the next bytes. It is for the agent, which may reuse data afterwards.
func (b *Body) Write(data []byte) {
	b.received += int64(len(data))
	switch {
	case b.stopped:
	case b.reader != nil && !b.paused && !b.calling:
		b.calling = true
		defer b.called()
		b.reader.DataReceived(data)
	default:
		b.held = append(b.held, data...)
		if b.reader == nil && len(b.held) > maxUnread {
			b.transport.PauseProducing()
		}
	}
}

// called runs after a call of the reader, which may have panicked.
func (b *Body) called() {
	b.calling = false
	if len(b.held) != 0 || b.ended != nil { // they came during the call
		b.flush()
	}
}

// End ends the body and passes reason to the reader. It is for the agent.
func (b *Body) End(reason error) {
	if b.ended == nil {
		b.ended = reason
		if b.atEnd != nil {
			b.atEnd(reason, b.received)
		}
		b.flush()
	}
}

// flush delivers the held bytes and then the end, unless the reader pauses.
func (b *Body) flush() {
	if b.reader == nil || b.calling {
		return
	}
	b.calling = true
	defer func() { b.calling = false }()
	for len(b.held) != 0 && !b.paused {
		data := b.held[:min(len(b.held), maxPiece)]
		if b.held = b.held[len(data):]; len(b.held) == 0 {
			b.held = nil
		}
		b.reader.DataReceived(data)
	}
	if b.ended != nil && len(b.held) == 0 && !b.told {
		b.told = true
		reader := b.reader
		b.reader = gone{} // what it has in memory need not live as long as the response
		reader.ConnectionLost(b.ended)
	}
}

// gone is the reader of a body when its last call has been made.
type gone struct{}

func (gone) ConnectionMade(BodyTransport) {}
func (gone) DataReceived([]byte)          {}
func (gone) ConnectionLost(error)         {}

// Deliver connects the body to its reader. If the body already has a reader, Deliver
// fails with [ErrBodyTaken] and does not call the new reader.
func (b *Body) Deliver(reader BodyProtocol) error { return b.deliver(reader, nil) }

// deliver connects the body to reader, or to what w puts before it if w is not nil.
func (b *Body) deliver(reader BodyProtocol, w *wrapping) error {
	if b.reader != nil {
		return ErrBodyTaken
	}
	if w != nil {
		reader = w.wrap(reader)
	}
	b.reader = reader
	b.guard(func() {
		b.connect()
		b.resume()
	})
	return nil
}

func (b *Body) connect() {
	b.calling = true
	defer func() { b.calling = false }()
	b.reader.ConnectionMade(b)
}

// guard calls f, which calls the reader. A panic of the reader reaches the caller of Deliver or
// ResumeProducing, and not the agent, so guard closes the connection. It does nothing if the agent
// is on the stack.
func (b *Body) guard(f func()) {
	if b.calling {
		f()
		return
	}
	returned := false
	defer func() {
		if !returned {
			b.StopProducing()
			b.flush()
		}
	}()
	f()
	returned = true
}

// PauseProducing pauses the body; see [BodyTransport].
func (b *Body) PauseProducing() {
	b.paused = true
	if b.ended == nil {
		b.transport.PauseProducing()
	}
}

// ResumeProducing resumes the body; see [BodyTransport].
func (b *Body) ResumeProducing() {
	b.paused = false
	b.guard(b.resume)
}

// Cooperator returns the Cooperator of the agent's transport.
func (b *Body) Cooperator() *task.Cooperator { return b.transport.Cooperator() }

// resume delivers the held bytes, and then resumes the transport, which may call Write
// before it returns.
func (b *Body) resume() {
	b.flush()
	if b.ended == nil && !b.paused && !b.stopped {
		b.transport.ResumeProducing()
	}
}

// StopProducing gives up the remaining body; see [BodyTransport].
func (b *Body) StopProducing() {
	if b.stopped {
		return
	}
	b.stopped = true
	if b.ended == nil {
		b.held = nil
		b.transport.StopProducing()
	} else if len(b.held) != 0 {
		// The whole body has arrived, but the reader will not get all of it.
		b.held, b.ended = nil, &FailedError{Reasons: []error{reactor.ErrConnectionAborted}}
		b.flush()
	}
}
