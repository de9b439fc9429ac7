package protocols

import (
	"bytes"

	"github.com/seed-7c003b53/gotreq/reactor"
)

// A LineOnlyReceiver is a [LineReceiver] without raw mode. It is Twisted's LineOnlyReceiver.
type LineOnlyReceiver struct {
	// Transport is the connection. ConnectionMade sets it.
	Transport reactor.Transport
	// LineReceived is called with each line, without its delimiter. line is valid until
	// LineReceived returns.
	LineReceived func(line []byte)
	// LineLengthExceeded is called once for a line that is longer than MaxLength, with its
	// first MaxLength bytes. The rest of the line is skipped. nil: the connection is closed,
	// and Err says why.
	LineLengthExceeded func(line []byte)
	// Delimiter ends each line. "" means "\r\n".
	Delimiter string
	// MaxLength is the largest length of a line, without its delimiter. 0 means 16384.
	MaxLength int

	in      inbox
	lines   lineSplitter
	tooLong bool // what split has found is not a line, but its beginning
	skips   bool // the rest of a line is skipped
	err     error
}

var _ reactor.Protocol = (*LineOnlyReceiver)(nil)

// ConnectionMade sets Transport. A program that has its own ConnectionMade calls this one
// first.
func (r *LineOnlyReceiver) ConnectionMade(t reactor.Transport) {
	r.Transport, r.in, r.lines, r.skips, r.err = t, inbox{}, lineSplitter{}, false, nil
}

// DataReceived calls LineReceived with each line that is complete. After
// Transport.LoseConnection and AbortConnection it calls nothing more.
func (r *LineOnlyReceiver) DataReceived(data []byte) { r.in.received(r, data) }

// ConnectionLost forgets a last line without a delimiter; [LineOnlyReceiver.ClearLineBuffer]
// can fetch it before. A program that has its own ConnectionLost calls this one last.
func (r *LineOnlyReceiver) ConnectionLost(error) { r.in.close() }

// Err returns why the receiver has closed the connection: a [*TooLongError], or nil if it has
// not.
func (r *LineOnlyReceiver) Err() error { return r.err }

// ClearLineBuffer returns what has come and is not delivered, and forgets it. The slice is the
// caller's.
func (r *LineOnlyReceiver) ClearLineBuffer() []byte {
	r.lines.restart()
	return r.in.clear()
}

// SendLine sends a line, and Delimiter after it. It does not look for a Delimiter within line,
// which for the peer ends the line.
func (r *LineOnlyReceiver) SendLine(line string) { sendLine(r.Transport, line, r.Delimiter) }

// PauseProducing pauses the receiver and Transport: no line is delivered until
// ResumeProducing, not even one that has come.
func (r *LineOnlyReceiver) PauseProducing() { r.in.pause(r) }

// ResumeProducing undoes PauseProducing. It first delivers what has come.
func (r *LineOnlyReceiver) ResumeProducing() { r.in.resume(r) }

// StopProducing ends the deliveries, and calls StopProducing of Transport, which closes the
// connection.
func (r *LineOnlyReceiver) StopProducing() { r.in.stop(r) }

func (r *LineOnlyReceiver) connection() reactor.Transport { return r.Transport }

func (r *LineOnlyReceiver) split(rest []byte) (size int) {
	if r.skips {
		delimiter := delimiterOf(r.Delimiter)
		if i := bytes.Index(rest, []byte(delimiter)); i >= 0 {
			return i + len(delimiter)
		}
		return max(0, len(rest)-len(delimiter)+1) // a delimiter may have begun
	}
	size, r.tooLong = r.lines.split(rest, r.Delimiter, r.MaxLength)
	if r.tooLong {
		size = limitOf(r.MaxLength, defaultLineLength)
	}
	return size
}

func (r *LineOnlyReceiver) deliver(found []byte) {
	switch {
	case r.skips:
		r.skips = !bytes.HasSuffix(found, []byte(delimiterOf(r.Delimiter)))
	case !r.tooLong:
		call(r.LineReceived, "LineReceived", found[:len(found)-len(delimiterOf(r.Delimiter))])
	case r.LineLengthExceeded != nil:
		r.skips = true
		r.LineLengthExceeded(found)
	default:
		r.err = lineTooLong(found, r.MaxLength)
		giveUp(&r.in, r.Transport)
	}
}
