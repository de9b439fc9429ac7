package request

import "errors"

// This file says which bodies can be sent again. A request is sent again after a redirect
// with 307 or 308, after a challenge, and after the loss of a connection that was kept open
// too long.

// ErrNotRepeatable is the error of sending a body again that can be sent only once.
var ErrNotRepeatable = errors.New("request: the body can be sent only once")

// ErrChanged is the error of sending a body again whose source has another length than
// at first.
var ErrChanged = errors.New("request: the source of the body has changed since it was sent first")

// A RepeatableProducer is a [BodyProducer] that may be sent again from its beginning.
// [FileBodyProducer] is one, and so is the form of package multipart.
//
// Whoever may want to send the body again, such as an agent, calls Hold before it starts
// the producer, Rewind before it starts the producer once more, and Release when the body
// will not be sent again:
//
//	if request.Hold(body) {
//		defer request.Release(body)
//	}
//	body.StartProducing(to) // ends, or is stopped
//	err := request.Rewind(body)
//	body.StartProducing(to)
//
// A producer that nobody holds releases its source at its end, and when it is stopped. A
// held one does so when the last holder calls Release. So Hold does not free its caller from
// the duty to start or to stop the producer.
//
// A type that wraps a BodyProducer, and embeds the interface, can be sent only once. If it
// embeds a producer that is repeatable, it is repeatable itself: Rewind rewinds the
// embedded producer, and then the StartProducing of the type is called again.
type RepeatableProducer interface {
	BodyProducer
	// Hold makes the producer keep its source until Release. It reports whether the
	// body can be sent again; if it cannot, Hold does nothing.
	Hold() bool
	// Rewind makes a held producer ready for another StartProducing, which writes the
	// same bytes from the beginning. If the producer is still writing, Rewind stops
	// it. The error is ErrChanged if the source has another length than at first, or
	// says why the source cannot be rewound; the producer then stays stopped.
	Rewind() error
	// Release undoes one Hold.
	Release()
}

// Repeatable reports whether body can be sent again from its beginning. A nil body is
// repeatable, and so are Bytes, and a [RepeatableProducer] whose source can seek.
func Repeatable(body BodyProducer) bool {
	ok := Hold(body)
	if ok {
		Release(body)
	}
	return ok
}

// Hold calls the Hold of a [RepeatableProducer], and reports whether body can be sent
// again.
func Hold(body BodyProducer) bool {
	switch body := body.(type) {
	case nil, Bytes:
		return true
	case RepeatableProducer:
		return body.Hold()
	}
	return false
}

// Rewind makes body, for which Hold returned true, ready to be started again.
func Rewind(body BodyProducer) error {
	switch body := body.(type) {
	case nil, Bytes:
		return nil
	case RepeatableProducer:
		return body.Rewind()
	}
	return ErrNotRepeatable
}

// Release undoes one Hold that returned true.
func Release(body BodyProducer) {
	if body, ok := body.(RepeatableProducer); ok {
		body.Release()
	}
}
