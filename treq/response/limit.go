package response

import (
	"fmt"
	"net/http"
)

// A TooLargeError says that a body is larger than its reader allows. It is the reason in a
// [*FailedError].
type TooLargeError struct {
	MaxSize int64 // the largest size allowed
	Length  int64 // the size that the server announced, or UnknownLength
}

func (e *TooLargeError) Error() string {
	if e.Length == UnknownLength {
		return fmt.Sprintf("the body has more than %d bytes (MaxSize)", e.MaxSize)
	}
	return fmt.Sprintf("the body has %d bytes, more than %d (MaxSize)", e.Length, e.MaxSize)
}

// LimitBody makes the body of r end with a [*FailedError] for a [*TooLargeError] after
// maxSize bytes, if there are more, and closes the connection. If the head announces more,
// the body ends before its first byte, and the connection is closed at once.
//
// It counts the bytes that the reader gets from what WrapBody has put between the
// connection and the reader so far. It must be called before the body has a reader, and
// before Buffer.
func (r *Response) LimitBody(maxSize int64) {
	l := &limiter{response: r, left: maxSize, err: TooLargeError{maxSize, UnknownLength}}
	r.WrapBody(func(reader BodyProtocol) BodyProtocol {
		l.to = reader
		return l
	})
	if r.Length > maxSize && r.hasBody() {
		l.refused, l.err.Length = true, r.Length
		r.body.StopProducing()
	}
}

// hasBody reports whether r may have a body (RFC 9112, section 6.3).
func (r *Response) hasBody() bool {
	if r.Request != nil && r.Request.Method == http.MethodHead {
		return false
	}
	return r.Code != http.StatusNoContent && r.Code != http.StatusNotModified
}

// A limiter passes a limited number of bytes on to a reader.
type limiter struct {
	response *Response
	to       BodyProtocol
	from     BodyTransport
	left     int64         // the bytes that the reader may still get
	err      TooLargeError // the reason if there are more
	refused  bool          // no byte is passed on
	over     bool          // the reader knows that the body has ended
}

func (l *limiter) ConnectionMade(t BodyTransport) {
	l.from = t
	l.to.ConnectionMade(t)
}

func (l *limiter) DataReceived(data []byte) {
	if l.over || l.refused {
		return
	}
	allowed := min(l.left, int64(len(data)))
	l.left -= allowed
	if allowed != 0 {
		l.to.DataReceived(data[:allowed])
	}
	if int64(len(data)) > allowed && !l.over {
		l.end(&FailedError{Reasons: []error{&l.err}, Response: l.response})
		l.from.StopProducing()
	}
}

func (l *limiter) ConnectionLost(reason error) {
	if l.refused {
		reason = &FailedError{Reasons: []error{&l.err}, Response: l.response}
	}
	l.end(reason)
}

func (l *limiter) end(reason error) {
	if !l.over {
		l.over = true
		l.to.ConnectionLost(reason)
	}
}
