package protocols

import (
	"fmt"
	"strconv"

	"github.com/seed-7c003b53/gotreq/reactor"
)

// A NetstringReceiver is a [reactor.Protocol] that receives netstrings: strings of bytes as in
// "5:hello,". The zero value is ready to use. A program embeds it, and sets StringReceived.
// Bytes that are no netstring close the connection, and Err says why. It is Twisted's
// NetstringReceiver, and follows http://cr.yp.to/proto/netstrings.txt.
type NetstringReceiver struct {
	// Transport is the connection. ConnectionMade sets it.
	Transport reactor.Transport
	// StringReceived is called with each string, without its length and comma. s is valid
	// until StringReceived returns.
	StringReceived func(s []byte)
	// MaxLength is the largest length of a string that is received. 0 means 99999.
	MaxLength int

	in     inbox
	prefix int // the size of the length and the colon of what split has found
	err    error
}

var _ reactor.Protocol = (*NetstringReceiver)(nil)

// ConnectionMade sets Transport. A program that has its own ConnectionMade calls this one
// first.
func (r *NetstringReceiver) ConnectionMade(t reactor.Transport) {
	r.Transport, r.in, r.err = t, inbox{}, nil
}

// DataReceived calls StringReceived with each string that is complete. After
// Transport.LoseConnection and AbortConnection it calls nothing more.
func (r *NetstringReceiver) DataReceived(data []byte) { r.in.received(r, data) }

// ConnectionLost forgets a string that is incomplete. A program that has its own
// ConnectionLost calls this one too.
func (r *NetstringReceiver) ConnectionLost(error) { r.in.close() }

// Err returns why the receiver has closed the connection: a [*TooLongError], a
// [*NetstringError], or nil if it has not.
func (r *NetstringReceiver) Err() error { return r.err }

// ClearBuffer returns what has come and is not delivered, and forgets it: for a program that
// goes on with another protocol. The slice is the caller's.
func (r *NetstringReceiver) ClearBuffer() []byte { return r.in.clear() }

// SendString sends s as a netstring.
func (r *NetstringReceiver) SendString(s []byte) {
	data := strconv.AppendInt(make([]byte, 0, len(s)+20), int64(len(s)), 10)
	data = append(append(append(data, ':'), s...), ',')
	connected(r.Transport).Write(data)
}

// PauseProducing pauses the receiver and Transport: no string is delivered until
// ResumeProducing, not even one that has come.
func (r *NetstringReceiver) PauseProducing() { r.in.pause(r) }

// ResumeProducing undoes PauseProducing. It first delivers what has come.
func (r *NetstringReceiver) ResumeProducing() { r.in.resume(r) }

// StopProducing ends the deliveries, and calls StopProducing of Transport, which closes the
// connection.
func (r *NetstringReceiver) StopProducing() { r.in.stop(r) }

func (r *NetstringReceiver) connection() reactor.Transport { return r.Transport }

func (r *NetstringReceiver) split(rest []byte) (size int) {
	r.prefix, size, r.err = splitNetstring(rest, r.MaxLength)
	if r.err != nil {
		return len(rest)
	}
	return size
}

func (r *NetstringReceiver) deliver(found []byte) {
	if r.err != nil {
		giveUp(&r.in, r.Transport)
		return
	}
	call(r.StringReceived, "StringReceived", found[r.prefix:len(found)-1])
}

// splitNetstring returns the size of the netstring at the beginning of rest, and the size of
// its length and colon: 0 if it is incomplete.
func splitNetstring(rest []byte, maxLength int) (prefix, size int, err error) {
	limit := uint64(limitOf(maxLength, defaultStringLength))
	length := uint64(0)
	for i, c := range rest {
		switch {
		case c == ':' && i != 0:
			if uint64(len(rest)-i-1) <= length { // the comma is missing
				return 0, 0, nil
			}
			if end := i + 1 + int(length); rest[end] == ',' {
				return i + 1, end + 1, nil
			}
			return 0, 0, &NetstringError{fmt.Sprintf("no comma follows its %d bytes", length), excerpt(rest)}
		case c < '0' || c > '9':
			if i == 0 {
				return 0, 0, &NetstringError{"it does not begin with its length", excerpt(rest)}
			}
			return 0, 0, &NetstringError{"no colon follows its length", excerpt(rest)}
		case i == 1 && rest[0] == '0':
			return 0, 0, &NetstringError{"its length begins with 0", excerpt(rest)}
		}
		if digit := uint64(c - '0'); length > limit/10 || 10*length+digit > limit {
			return 0, 0, &TooLongError{What: "netstring", Length: -1, Limit: int(limit), Data: excerpt(rest)}
		} else {
			length = 10*length + digit
		}
	}
	return 0, 0, nil
}
