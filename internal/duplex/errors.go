package duplex

import (
	"errors"
	"io"

	"github.com/seed-7c003b53/gotreq/reactor"
	"github.com/seed-7c003b53/gotreq/treq/wire"
)

// This file has the reasons of ConnectionLost.

// errConnectionEnded: the connection ended in order, but the stream did not.
var errConnectionEnded = errors.New("the HTTP/2 connection ended before the stream")

// A loss is a kind of reactor.ErrConnectionLost with its reason.
type loss struct{ kind, err error }

func (e *loss) Error() string   { return e.kind.Error() + ": " + e.err.Error() }
func (e *loss) Unwrap() []error { return []error{e.kind, e.err} }

// lost returns the reason that ConnectionLost gets for a stream that was lost because of err.
func lost(err error) error {
	var stream *wire.StreamError
	switch {
	case errors.As(err, &stream) && stream.Remote:
		return &loss{reactor.ErrConnectionReset, err}
	case errors.Is(err, reactor.ErrConnectionDone):
		return &loss{reactor.ErrConnectionLost, errConnectionEnded}
	case errors.Is(err, reactor.ErrConnectionLost):
		return err
	}
	return &loss{reactor.ErrConnectionLost, err}
}

// An afterEnd is the loss of a stream whose peer had ended its side in order, so that nothing that the peer sent is
// missing.
type afterEnd struct{ err error }

func (e *afterEnd) Error() string   { return e.err.Error() }
func (e *afterEnd) Unwrap() []error { return []error{e.err, io.EOF} }

// reason returns the reason of ConnectionLost for the loss of the stream.
func (t *Transport) reason() error {
	switch {
	case t.flags&peerEnded == 0:
		return t.gone
	case t.flags&disconnecting != 0 && t.flags&cut == 0:
		return reactor.ErrConnectionDone // both sides had ended, but for our END_STREAM
	}
	return &afterEnd{t.gone}
}
