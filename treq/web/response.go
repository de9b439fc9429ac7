package web

import (
	"errors"
	"fmt"
	"log/slog"
	"math"
	"net/http"
	"strconv"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/internal/pieces"
	"github.com/seed-7c003b53/gotreq/internal/producer"
)

// This file has the response of a request: its code and headers, its body and its end.
// head.go makes the head.

// response is the part of a Request that is its response.
type response struct {
	code   int
	phrase string
	late   http.Header // the trailers, if they are not in ResponseHeader

	notDoneYet bool // the response stays open after its rendering
	rendering  bool // the resource is being rendered: Write keeps the bytes
	sealed     bool // nothing may be appended to buffered
	headSent   bool
	trailing   bool // the response may have trailers; set with headSent
	finished   bool
	ended      bool // the response was logged, and NotifyFinish has fired
	aborted    bool
	buffered   []byte       // the first bytes that Write keeps
	more       pieces.Queue // the bytes after buffered that Write keeps
	length     int64        // the length of the body in the head; -1 if unknown
	sent       int64        // the number of bytes of the body sent

	encoding *Encoding // for responses of the resource; nil without one
	coder    *coder    // codes the body; nil if it is not coded

	lost     error // why the connection was lost
	gone     error // why the client is believed to be gone; non-nil if lost is
	watchers []*deferred.Deferred[deferred.None]

	producer producer.Slot // the source of the body, if one is registered
}

// ErrConnectionLost is the error of a write to a response whose connection was lost.
var ErrConnectionLost = errors.New("web: the connection was lost")

// over reports whether the response has ended: the carrier is not used after that.
func (r *Request) over() bool { return r.finished || r.aborted || r.lost != nil }

// full reports whether bytes of the response wait for the client, or to be coded.
func (r *Request) full() bool { return r.coder != nil && r.coder.full() || r.carrier.full() }

// NotDoneYet keeps the response open after the method that renders it returns. The bytes
// written until then are sent, and later writes are sent at once. [Request.Finish] ends
// the response.
func (r *Request) NotDoneYet() { r.notDoneYet = true }

// SetResponseCode sets the status code, with its usual phrase. It panics if the code is
// not final (200 to 999), or if the head has been sent.
func (r *Request) SetResponseCode(code int) { r.SetResponseCodeAndPhrase(code, "") }

// SetResponseCodeAndPhrase is [Request.SetResponseCode] with another phrase.
func (r *Request) SetResponseCodeAndPhrase(code int, phrase string) {
	if code < 200 || code > 999 {
		panic("web: SetResponseCode(" + strconv.Itoa(code) + ")")
	}
	if r.headSent {
		panic("web: SetResponseCode after the head of the response was sent")
	}
	r.code, r.phrase = code, phrase
}

// ResponseCode returns the status code.
func (r *Request) ResponseCode() int { return r.code }

// Sent returns the number of bytes of the body that were written.
func (r *Request) Sent() int64 { return r.sent }

// SetHeader sets a header of the response.
func (r *Request) SetHeader(name, value string) { r.ResponseHeader.Set(name, value) }

// AddCookie adds a cookie to the response. An invalid cookie is logged and left out.
func (r *Request) AddCookie(cookie *http.Cookie) {
	if err := cookie.Valid(); err != nil {
		slog.Error("web: a cookie that cannot be sent is left out", "error", err)
		return
	}
	r.ResponseHeader.Add("Set-Cookie", cookie.String())
}

// Redirect makes the response a 302 to url. The response may still have a body.
func (r *Request) Redirect(url string) {
	r.SetResponseCode(http.StatusFound)
	r.SetHeader("Location", url)
}

// The body.

// Write adds p to the body of the response. The first call sends the head. While the
// resource is rendered, Write keeps p; if the response ends with the rendering, the kept
// bytes are sent with their length.
//
// Bytes that the connection does not accept are kept in memory, without a limit.
// Responses that write the same large slice share one copy of it. A producer can make a
// large body piece by piece; see [Request.RegisterProducer].
//
// Write fails with [ErrConnectionLost], or with [http.ErrContentLength] after more bytes
// than the Content-Length. It panics after Finish.
func (r *Request) Write(p []byte) (int, error) {
	if len(p) > maxPiece && !r.over() {
		p = r.Site.copies.of(p)
	}
	return r.writeKept(p)
}

// WriteString is Write for a string.
func (r *Request) WriteString(s string) (int, error) { return r.writeKept(bytesOf(s)) }

// writeKept is Write for bytes that will not be changed if they are more than maxPiece.
func (r *Request) writeKept(p []byte) (int, error) {
	switch {
	case r.finished:
		panic("web: Write after Finish")
	case r.over():
		return 0, ErrConnectionLost
	case r.rendering:
		r.keep(p)
	case !r.headSent:
		r.sendHead(p, -1)
	case len(p) != 0:
		return r.writeBody(p)
	}
	return len(p), nil
}

// keep keeps p until the head is sent.
func (r *Request) keep(p []byte) {
	large := len(p) > maxPiece
	switch {
	case large && len(r.buffered) == 0:
		r.buffered, r.sealed = p, true
	case large:
		r.more.Keep(p)
		r.sealed = true
	case r.sealed:
		r.more.Copy(p)
	default:
		if r.buffered == nil {
			r.buffered = r.Site.buffer()
		}
		r.buffered = append(r.buffered, p...)
	}
}

// sendKept sends the bytes that keep has kept, after the head if it is not sent yet. whole
// says that they are the whole body.
func (r *Request) sendKept(whole bool) {
	first, more := r.buffered, r.more
	r.buffered, r.more, r.sealed = nil, pieces.Queue{}, false
	switch {
	case r.headSent:
		r.writeKept(first)
	case whole:
		r.sendHead(first, int64(len(first))+more.Size())
	default:
		r.sendHead(first, -1)
	}
	r.Site.release(first)
	for more.Size() != 0 {
		r.writeKept(more.Take(math.MaxInt))
	}
}

// writeBody sends p, which is not empty, after the head.
func (r *Request) writeBody(p []byte) (int, error) {
	switch {
	case !r.hasBody():
		r.askAgain()
		return len(p), nil
	case r.coder != nil:
		return r.coder.write(p)
	case r.length >= 0 && r.sent+int64(len(p)) > r.length:
		return 0, http.ErrContentLength
	}
	r.sent += int64(len(p))
	r.carrier.write(p)
	return len(p), nil
}

// The end.

// Finish ends a response that [Request.NotDoneYet] kept open. If the connection was lost,
// it does nothing. It panics on a second call.
func (r *Request) Finish() {
	if r.finished {
		panic("web: Finish a second time")
	}
	if r.over() {
		return
	}
	if r.producer.Taken() {
		slog.Error("web: Finish with a producer that was not unregistered", "uri", r.shownURI())
		r.UnregisterProducer()
	}
	r.rendering = false
	r.sendKept(true)
	if r.aborted { // because of the head
		return
	}
	r.Content = nil
	r.dropContent()
	short := r.hasBody() && r.sent < r.length
	if short {
		slog.Error("web: a body is shorter than its Content-Length", "uri", r.shownURI(), "sent", r.sent, "length", r.length)
	}
	trailer := r.trailers()
	r.finished = true
	if r.coder != nil {
		r.coder.end(trailer)
		return
	}
	r.carrier.finish(trailer, short)
}

// written is called when the client has accepted the whole response.
func (r *Request) written() { r.end(nil) }

// Fail logs err and ends the response: with a 500 if its head has not been sent, else by
// closing the connection, or over HTTP/2 the stream. For [http.ErrAbortHandler] it logs nothing, and closes the
// connection or the stream in any case. If the connection was lost, or the response is finished, it
// does nothing. It is Twisted's processingFailed.
func (r *Request) Fail(err error) {
	if r.over() {
		return
	}
	if err == http.ErrAbortHandler {
		r.abort()
		return
	}
	slog.Error("web: a request failed", "method", r.Method, "uri", r.shownURI(), "error", err)
	r.fail()
}

func (r *Request) fail() {
	r.endWith(http.StatusInternalServerError, "Internal Server Error", "X-Content-Type-Options", "nosniff")
}

// refuse answers a request that is not valid. An HTTP/1.1 connection ends with the answer.
func (r *Request) refuse(code int, text string) {
	r.refused = true
	r.endWith(code, text, "Connection", "close")
}

func (r *Request) tooLarge() {
	r.refuse(http.StatusRequestEntityTooLarge, fmt.Sprintf("the content of the request is more than %d bytes", r.Site.maxContent()))
}

// endWith ends the response with an error code, a line of text and a header, in place of
// the kept bytes. If the head has been sent, it aborts the response.
func (r *Request) endWith(code int, text, name, value string) {
	switch {
	case r.over():
		return
	case r.headSent:
		r.abort()
		return
	}
	r.UnregisterProducer()
	r.resetHeader()
	r.SetResponseCode(code)
	r.SetHeader("Content-Type", "text/plain; charset=utf-8")
	r.SetHeader(name, value)
	r.buffered, r.more, r.sealed = []byte(text+"\n"), pieces.Queue{}, false
	r.Finish()
}

// abort ends the response so that the client sees that it is not complete.
func (r *Request) abort() {
	if r.coder != nil && !r.over() {
		r.coder.flushWritten()
	}
	if !r.over() {
		r.buffered, r.more = nil, pieces.Queue{}
		r.dropCoder()
		r.aborted = true
		r.carrier.abort()
	}
}
