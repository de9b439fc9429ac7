package protocols

import (
	"math/bits"

	"github.com/seed-7c003b53/gotreq/reactor"
)

// An IntNStringReceiver is a [reactor.Protocol] that receives strings of bytes. Before each
// string comes its length, as an unsigned integer in network byte order. The zero value is
// ready to use. A program embeds an [Int8StringReceiver], [Int16StringReceiver] or
// [Int32StringReceiver], and sets the functions that it wants called. It is Twisted's
// IntNStringReceiver.
type IntNStringReceiver[N uint8 | uint16 | uint32] struct {
	// Transport is the connection. ConnectionMade sets it.
	Transport reactor.Transport
	// StringReceived is called with each string, without its length. s is valid until
	// StringReceived returns.
	StringReceived func(s []byte)
	// LengthLimitExceeded is called for a string that is longer than MaxLength, as soon as its
	// length has come. The string is skipped. nil: the connection is closed, and Err says why.
	LengthLimitExceeded func(length int64)
	// MaxLength is the largest length of a string that is received. 0 means 99999.
	MaxLength int

	in   inbox
	left int64 // bytes of a string still to be skipped
	err  error
}

// The receivers of strings whose length takes one, two and four bytes. They are Twisted's.
type (
	Int8StringReceiver  = IntNStringReceiver[uint8]
	Int16StringReceiver = IntNStringReceiver[uint16]
	Int32StringReceiver = IntNStringReceiver[uint32]
)

var _ reactor.Protocol = (*Int32StringReceiver)(nil)

// defaultStringLength is the MaxLength of receivers of strings that set none.
const defaultStringLength = 99999

// ConnectionMade sets Transport. A program that has its own ConnectionMade calls this one
// first.
func (r *IntNStringReceiver[N]) ConnectionMade(t reactor.Transport) {
	r.Transport, r.in, r.left, r.err = t, inbox{}, 0, nil
}

// DataReceived calls StringReceived with each string that is complete. After
// Transport.LoseConnection and AbortConnection it calls nothing more.
func (r *IntNStringReceiver[N]) DataReceived(data []byte) { r.in.received(r, data) }

// ConnectionLost forgets a string that is incomplete. A program that has its own
// ConnectionLost calls this one too.
func (r *IntNStringReceiver[N]) ConnectionLost(error) { r.in.close() }

// Err returns why the receiver has closed the connection: a [*TooLongError], or nil if it has
// not.
func (r *IntNStringReceiver[N]) Err() error { return r.err }

// ClearBuffer returns what has come and is not delivered, and forgets it: for a program that
// goes on with another protocol. The slice is the caller's. It stands for Twisted's recvd.
func (r *IntNStringReceiver[N]) ClearBuffer() []byte {
	r.left = 0
	return r.in.clear()
}

// SendString sends the length of s, and s. It fails with a [*TooLongError], and sends nothing,
// if the length does not fit.
func (r *IntNStringReceiver[N]) SendString(s []byte) error {
	largest := ^N(0)
	if uint64(len(s)) > uint64(largest) {
		return &TooLongError{What: sending, Length: int64(len(s)), Limit: int(largest), Data: excerpt(s)}
	}
	data := make([]byte, 0, prefixSize[N]()+len(s))
	for i := prefixSize[N]() - 1; i >= 0; i-- {
		data = append(data, byte(uint64(len(s))>>(8*i)))
	}
	connected(r.Transport).Write(append(data, s...))
	return nil
}

// PauseProducing pauses the receiver and Transport: no string is delivered until
// ResumeProducing, not even one that has come.
func (r *IntNStringReceiver[N]) PauseProducing() { r.in.pause(r) }

// ResumeProducing undoes PauseProducing. It first delivers what has come.
func (r *IntNStringReceiver[N]) ResumeProducing() { r.in.resume(r) }

// StopProducing ends the deliveries, and calls StopProducing of Transport, which closes the
// connection.
func (r *IntNStringReceiver[N]) StopProducing() { r.in.stop(r) }

func (r *IntNStringReceiver[N]) connection() reactor.Transport { return r.Transport }

func (r *IntNStringReceiver[N]) split(rest []byte) (size int) {
	if r.left != 0 {
		return int(min(r.left, int64(len(rest))))
	}
	if size, r.err = splitString[N](rest, r.MaxLength); r.err != nil {
		return prefixSize[N]()
	}
	return size
}

func (r *IntNStringReceiver[N]) deliver(found []byte) {
	if r.left != 0 {
		r.left -= int64(len(found))
		return
	}
	switch {
	case r.err == nil:
		call(r.StringReceived, "StringReceived", found[prefixSize[N]():])
	case r.LengthLimitExceeded != nil:
		r.err = nil
		r.left, _ = lengthOf[N](found)
		r.LengthLimitExceeded(r.left)
	default:
		giveUp(&r.in, r.Transport)
	}
}

// splitString returns the size of the string at the beginning of rest, with its length: 0 if
// it is incomplete.
func splitString[N uint8 | uint16 | uint32](rest []byte, maxLength int) (size int, err error) {
	length, ok := lengthOf[N](rest)
	limit := limitOf(maxLength, defaultStringLength)
	size = prefixSize[N]()
	switch {
	case !ok:
		return 0, nil
	case length > int64(limit):
		return 0, &TooLongError{What: "string", Length: length, Limit: limit, Data: excerpt(rest[:size])}
	case length > int64(len(rest)-size):
		return 0, nil
	}
	return size + int(length), nil
}

// prefixSize returns the number of bytes that the length of a string takes.
func prefixSize[N uint8 | uint16 | uint32]() int { return bits.Len64(uint64(^N(0))) / 8 }

// lengthOf returns the length at the beginning of data, if it has come.
func lengthOf[N uint8 | uint16 | uint32](data []byte) (length int64, ok bool) {
	if len(data) < prefixSize[N]() {
		return 0, false
	}
	for _, b := range data[:prefixSize[N]()] {
		length = length<<8 | int64(b)
	}
	return length, true
}
