package protocols

import "github.com/seed-7c003b53/gotreq/reactor"

// A LineReceiver is a [reactor.Protocol] that receives lines, and raw data between them. The
// zero value is ready to use. A program embeds it, and sets the functions that it wants
// called. It is Twisted's LineReceiver.
//
// Every slice that a function gets is valid until the function returns.
type LineReceiver struct {
	// Transport is the connection. ConnectionMade sets it.
	Transport reactor.Transport
	// LineReceived is called with each line, without its delimiter.
	LineReceived func(line []byte)
	// RawDataReceived is called with what comes in raw mode, split anywhere.
	RawDataReceived func(data []byte)
	// LineLengthExceeded is called for a line that is longer than MaxLength. data begins with
	// the line, or with as much of it as has come; all that has come after it follows. None of
	// that is delivered, unless the function passes a part of it to SetLineMode or SetRawMode.
	// nil: the connection is closed, and Err says why.
	LineLengthExceeded func(data []byte)
	// Delimiter ends each line. "" means "\r\n".
	Delimiter string
	// MaxLength is the largest length of a line, without its delimiter. 0 means 16384.
	MaxLength int

	in      inbox
	lines   lineSplitter
	raw     bool
	tooLong bool // what split has found is not a line
	err     error
}

var _ reactor.Protocol = (*LineReceiver)(nil)

// ConnectionMade sets Transport. A program that has its own ConnectionMade calls this one
// first.
func (r *LineReceiver) ConnectionMade(t reactor.Transport) {
	r.Transport, r.in, r.lines, r.err = t, inbox{}, lineSplitter{}, nil
}

// DataReceived calls LineReceived and RawDataReceived with what is complete. After
// Transport.LoseConnection and AbortConnection it calls nothing more.
func (r *LineReceiver) DataReceived(data []byte) { r.in.received(r, data) }

// ConnectionLost forgets what was not delivered, such as a last line without a delimiter;
// [LineReceiver.ClearLineBuffer] can fetch that before. A program that has its own
// ConnectionLost calls this one last.
func (r *LineReceiver) ConnectionLost(error) { r.in.close() }

// Err returns why the receiver has closed the connection: a [*TooLongError], or nil if it has
// not.
func (r *LineReceiver) Err() error { return r.err }

// SetRawMode switches to raw mode: RawDataReceived gets what follows.
func (r *LineReceiver) SetRawMode() { r.raw = true }

// SetLineMode switches to line mode: LineReceived gets extra, and what follows. extra is normally
// the end of what RawDataReceived got, and is then not copied. What has come and is not delivered,
// because of a pause, goes before extra.
func (r *LineReceiver) SetLineMode(extra []byte) {
	r.raw = false
	if len(extra) != 0 {
		r.DataReceived(extra)
	}
}

// ClearLineBuffer returns what has come and is not delivered, and forgets it. The slice is the
// caller's.
func (r *LineReceiver) ClearLineBuffer() []byte {
	r.lines.restart()
	return r.in.clear()
}

// SendLine sends a line, and Delimiter after it. It does not look for a Delimiter within line,
// which for the peer ends the line.
func (r *LineReceiver) SendLine(line string) { sendLine(r.Transport, line, r.Delimiter) }

// PauseProducing pauses the receiver and Transport: nothing is delivered until
// ResumeProducing, not even the lines that have come in the same piece.
func (r *LineReceiver) PauseProducing() { r.in.pause(r) }

// ResumeProducing undoes PauseProducing. It first delivers what has come.
func (r *LineReceiver) ResumeProducing() { r.in.resume(r) }

// StopProducing ends the deliveries, and calls StopProducing of Transport, which closes the
// connection.
func (r *LineReceiver) StopProducing() { r.in.stop(r) }

func (r *LineReceiver) connection() reactor.Transport { return r.Transport }

func (r *LineReceiver) split(rest []byte) (size int) {
	if r.raw {
		r.lines.restart()
		return len(rest)
	}
	size, r.tooLong = r.lines.split(rest, r.Delimiter, r.MaxLength)
	if r.tooLong {
		return len(rest)
	}
	return size
}

func (r *LineReceiver) deliver(found []byte) {
	switch {
	case r.raw:
		call(r.RawDataReceived, "RawDataReceived", r.in.all(found))
	case !r.tooLong:
		call(r.LineReceived, "LineReceived", found[:len(found)-len(delimiterOf(r.Delimiter))])
	case r.LineLengthExceeded != nil:
		r.LineLengthExceeded(r.in.all(found))
	default:
		r.err = lineTooLong(found, r.MaxLength)
		giveUp(&r.in, r.Transport)
	}
}
