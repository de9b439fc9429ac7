package web

import (
	"bufio"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"os"
	"strconv"
	"time"

	"github.com/seed-7c003b53/gotreq/reactor"
)

// This file has the http.ResponseWriter, and the deadlines of an http.ResponseController.

// Header returns the headers to send; see [http.ResponseWriter].
func (inv *invocation) Header() http.Header { return inv.header }

// WriteHeader sets the status code, or sends an interim response; see
// [http.ResponseWriter].
func (inv *invocation) WriteHeader(code int) {
	if code < 100 || code > 999 {
		panic("web: WriteHeader(" + strconv.Itoa(code) + ")")
	}
	switch {
	case inv.hijacked != nil:
		slog.Error("web: WriteHeader on a hijacked connection", "uri", inv.req.shownURI())
	case inv.returned:
		slog.Error("web: WriteHeader after the handler has returned", "uri", inv.req.shownURI())
	case inv.wroteHeader:
		slog.Error("web: WriteHeader a second time", "uri", inv.req.shownURI(), "code", code)
	case code < 200 && code != http.StatusSwitchingProtocols:
		header := inv.header.Clone()
		inv.do(func() {
			if !inv.req.over() {
				inv.req.carrier.inform(code, header)
			}
		})
	default:
		inv.writeHeader(code)
		inv.req.ResponseHeader = inv.header.Clone() // later changes have no effect, except for trailers
		inv.late = inv.header
	}
}

func (inv *invocation) writeHeader(code int) {
	inv.wroteHeader = true
	inv.length = -1
	if n, ok := givenLength(inv.header); ok {
		inv.length = n
	}
	inv.req.code = code
}

// Write writes a part of the body; see [http.ResponseWriter]. It waits while the
// connection accepts no more bytes.
func (inv *invocation) Write(p []byte) (int, error) {
	if err := inv.mayWrite(len(p)); err != nil {
		return 0, err
	}
	written := 0
	for len(p) > cap(inv.buf)-len(inv.buf) {
		n := len(p)
		var err error
		if len(inv.buf) == 0 {
			err = inv.send(p)
		} else {
			n = copy(inv.buf[len(inv.buf):cap(inv.buf)], p)
			inv.buf = inv.buf[:len(inv.buf)+n]
			err = inv.flush()
		}
		if err != nil {
			return written, err
		}
		written += n
		p = p[n:]
	}
	inv.buf = append(inv.buf, p...)
	return written + len(p), nil
}

// WriteString is Write for a string; see [io.StringWriter].
func (inv *invocation) WriteString(s string) (int, error) {
	if len(s) > cap(inv.buf)-len(inv.buf) {
		return inv.Write(bytesOf(s))
	}
	if err := inv.mayWrite(len(s)); err != nil {
		return 0, err
	}
	inv.buf = append(inv.buf, s...)
	return len(s), nil
}

// errReturned is the error of a write to a ResponseWriter that outlives its handler.
var errReturned = errors.New("web: a write to the ResponseWriter of a handler that has returned")

// mayWrite returns an error if n more bytes of the body may not be written.
func (inv *invocation) mayWrite(n int) error {
	switch {
	case inv.hijacked != nil:
		return http.ErrHijacked
	case inv.returned: // buf is another response's now
		return errReturned
	}
	if !inv.wroteHeader {
		inv.writeHeader(http.StatusOK)
	}
	if n == 0 {
		return nil
	}
	if !bodyAllowed(inv.req.code) {
		return http.ErrBodyNotAllowed
	}
	if inv.written += int64(n); inv.length >= 0 && inv.written > inv.length {
		return http.ErrContentLength
	}
	return nil
}

// flush sends buf.
func (inv *invocation) flush() error {
	err := inv.send(inv.buf)
	inv.buf = inv.buf[:0]
	return err
}

// send sends p, after the head, and waits until the connection accepts more bytes.
func (inv *invocation) send(p []byte) (err error) {
	sent, rests := false, false
	if !inv.until(func() bool {
		r := inv.req
		if !sent && !r.over() {
			sent = true
			if len(p) > maxPiece && inv.writing.isSet() {
				p = r.Site.copies.of(p) // send may return before p is sent
			}
			r.writeKept(p)
			if inv.burst += len(p); inv.burst >= maxBurst {
				inv.burst = 0
				rests = true
				r.conn.reactor.CallLater(0, func() { rests = false; inv.wake() })
			}
		}
		switch {
		case r.over():
			err = ErrConnectionLost
		case rests:
			return false
		case !r.full():
		case inv.writing.passed(r.conn):
			err = errDeadline
		default:
			return false
		}
		return true
	}) {
		return ErrConnectionLost
	}
	return err
}

// Flush sends everything that was written; see [http.Flusher].
func (inv *invocation) Flush() { inv.FlushError() }

// FlushError is Flush for an [http.ResponseController].
func (inv *invocation) FlushError() error {
	switch {
	case inv.hijacked != nil:
		return http.ErrHijacked
	case inv.returned:
		return errReturned
	}
	if !inv.wroteHeader {
		inv.WriteHeader(http.StatusOK)
	}
	return inv.flush()
}

// Hijack takes the connection from the server; see [http.Hijacker]. It first sends the
// bytes written to the response. It fails with [http.ErrNotSupported] if the request
// shares its connection with others.
func (inv *invocation) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	if inv.hijacked != nil {
		return nil, nil, http.ErrHijacked
	}
	err := ErrConnectionLost
	inv.do(func() { err = inv.hijack() })
	if err != nil {
		return nil, nil, err
	}
	conn := inv.hijacked
	return conn, bufio.NewReadWriter(bufio.NewReader(conn), bufio.NewWriter(conn)), nil
}

// hijack is Hijack on the loop's goroutine.
func (inv *invocation) hijack() error {
	r := inv.req
	if r.over() {
		return ErrConnectionLost
	}
	if inv.wroteHeader { // with 101, in most cases
		r.Write(inv.buf)
		inv.buf = inv.buf[:0]
	}
	if r.coder != nil {
		r.coder.rush()
	}
	s, ok := r.carrier.hijack()
	if !ok {
		return http.ErrNotSupported
	}
	r.finished = true
	r.contentLost(http.ErrHijacked)
	inv.hijacked = newHijackedConn(inv, s)
	return nil
}

// For an http.ResponseController.

// EnableFullDuplex says that the handler reads all of the request's body, though it may write first. A handler may always
// read after its first write. But without EnableFullDuplex a response that begins before the end of the body may say
// "Connection: close" over HTTP/1.1, since the rest of the body may be too long to be dropped.
func (inv *invocation) EnableFullDuplex() error {
	inv.do(func() { inv.req.duplex = true })
	return nil
}

// SetReadDeadline bounds reads of the body, by the reactor's clock.
func (inv *invocation) SetReadDeadline(t time.Time) error { return inv.setDeadline(&inv.reading, t) }

// SetWriteDeadline bounds writes of the response, by the reactor's clock.
func (inv *invocation) SetWriteDeadline(t time.Time) error { return inv.setDeadline(&inv.writing, t) }

func (inv *invocation) setDeadline(d **deadline, t time.Time) error {
	inv.do(func() {
		if !inv.returned {
			if *d == nil {
				*d = new(deadline)
			}
			(*d).set(inv, t)
		}
	})
	return nil
}

// errDeadline is the error of a read or a write after its deadline.
var errDeadline error = &net.OpError{Op: "wait", Net: "tcp", Err: os.ErrDeadlineExceeded}

// A deadline is a time at which waiting ends. nil is none: few handlers set one.
type deadline struct {
	at   time.Time
	call reactor.DelayedCall
}

func (d *deadline) isSet() bool { return d != nil && !d.at.IsZero() }

func (d *deadline) passed(c *connection) bool {
	return d.isSet() && !c.clock.Now().Before(d.at)
}

func (d *deadline) clear() {
	if d == nil {
		return
	}
	if d.call != nil {
		d.call.Cancel()
	}
	*d = deadline{}
}

func (d *deadline) set(inv *invocation, t time.Time) {
	d.clear()
	d.at = t
	if clock := inv.req.conn.clock; !t.IsZero() {
		d.call = clock.CallLater(t.Sub(clock.Now()), inv.wake)
	}
}
