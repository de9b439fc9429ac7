package web

import (
	"errors"
	"log/slog"
	"maps"
	"net/http"
	"strconv"
	"strings"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/internal/http1"
	"github.com/seed-7c003b53/gotreq/reactor"
)

// This file holds how a response is put together and written: what its head says
// of its length, when it is sent, and how it ends.

// response is the part of a Request that is its response.
type response struct {
	code   int
	phrase string
	late   http.Header // where the trailers are, if not in ResponseHeader

	later     bool   // NotDoneYet
	rendering bool   // the resource is being rendered: what it writes is kept
	buffered  []byte // what it wrote
	length    int64  // of the body, as the head says; -1 if it does not
	sent      int64  // bytes of the body
	headSent  bool
	chunked   bool
	finished  bool

	lost          error // why the connection was lost
	gone          error // why the client is believed to be gone; not nil if lost is not
	notifications []*deferred.Deferred[deferred.None]

	push reactor.PushProducer
	pull reactor.PullProducer // at most one of the two is set
}

func (w *response) start() {
	w.code = http.StatusOK
	w.length = -1
	w.rendering = true
}

// ErrConnectionLost is the error of writing a response when the connection has
// been lost.
var ErrConnectionLost = errors.New("web: the connection was lost")

// NotDoneYet keeps the response from being finished when the method that renders
// it returns: Finish is to be called later. What was written so far is sent then,
// and what is written later, at once. It is what returning NOT_DONE_YET is in
// Twisted.
func (r *Request) NotDoneYet() { r.later = true }

// SetResponseCode sets the status code. The phrase is the usual one. It panics if
// the code is not a final one, 200 to 999, or if the head has been sent.
func (r *Request) SetResponseCode(code int) { r.SetResponseCodeAndPhrase(code, "") }

// SetResponseCodeAndPhrase sets the status code, and the phrase after it; see
// [Request.SetResponseCode].
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

// Sent returns how many bytes of the response's body have been written.
func (r *Request) Sent() int64 { return r.sent }

// SetHeader sets a header of the response.
func (r *Request) SetHeader(name, value string) { r.ResponseHeader.Set(name, value) }

// AddCookie adds a cookie to the response. One that is not valid is left out,
// which is logged.
func (r *Request) AddCookie(cookie *http.Cookie) {
	if err := cookie.Valid(); err != nil {
		slog.Error("web: a cookie that cannot be sent is left out", "error", err)
		return
	}
	r.ResponseHeader.Add("Set-Cookie", cookie.String())
}

// Redirect makes the response a 302 to url. A body can be written still.
func (r *Request) Redirect(url string) {
	r.SetResponseCode(http.StatusFound)
	r.SetHeader("Location", url)
}

// Write adds p to the body of the response. The first call sends the head, unless
// the resource is being rendered: what it writes is kept until it returns, and
// sent with its length if it is all.
//
// What the connection cannot take is kept, however much it is: what makes a large
// body should be a producer; see [Request.RegisterProducer].
//
// It fails with [ErrConnectionLost], and with [http.ErrContentLength] if the body
// becomes longer than the Content-Length that was set. It panics after Finish.
func (r *Request) Write(p []byte) (int, error) {
	if r.finished {
		panic("web: Write after Finish")
	}
	switch {
	case r.lost != nil:
		return 0, ErrConnectionLost
	case r.rendering:
		r.buffered = append(r.buffered, p...)
		return len(p), nil
	case len(p) == 0 && r.headSent:
		return 0, nil
	case !r.headSent:
		r.sendHead(p, false)
		return len(p), nil
	}
	return r.writeBody(p)
}

// WriteString is Write for a string.
func (r *Request) WriteString(s string) (int, error) {
	if r.rendering && !r.finished && r.lost == nil {
		r.buffered = append(r.buffered, s...)
		return len(s), nil
	}
	return r.Write([]byte(s))
}

// writeBody sends p, whose head was sent before.
func (r *Request) writeBody(p []byte) (int, error) {
	t := r.channel.transport
	switch {
	case !r.hasBody():
		return len(p), nil
	case r.length >= 0 && r.sent+int64(len(p)) > r.length:
		return 0, http.ErrContentLength
	}
	r.sent += int64(len(p))
	if r.chunked {
		var room [20]byte
		t.WriteSequence(http1.AppendChunkHead(room[:0], len(p)), p, []byte(http1.CRLF))
	} else {
		t.Write(p)
	}
	return len(p), nil
}

// hasBody reports whether the response has a body that is sent (RFC 9110,
// section 6.4.1).
func (r *Request) hasBody() bool { return r.Method != http.MethodHead && bodyAllowed(r.code) }

func bodyAllowed(code int) bool {
	return code >= 200 && code != http.StatusNoContent && code != http.StatusNotModified
}

// sendHead sends the head with the beginning of the body. final says that it is
// all of the body.
func (r *Request) sendHead(body []byte, final bool) {
	c := r.channel
	header := r.ResponseHeader
	head := http1.ResponseHead{Version: r.version, Code: r.code, Phrase: r.phrase, Header: header, Length: -1}
	given, isGiven := givenLength(header)
	trailers := len(header["Trailer"]) != 0 || hasPrefixed(header)
	switch {
	case isGiven:
		head.Length = given
		r.length = given
	case final && !trailers && (len(body) != 0 || r.hasBody()) && r.code != http.StatusNotModified:
		head.Length = int64(len(body))
	case !r.hasBody():
	case r.version.Minor == 0:
		c.keepAlive = false
	default:
		head.Chunked = true
	}
	if hasToken(header["Connection"], "close") || r.code == http.StatusSwitchingProtocols || c.readEnded && len(c.in) == 0 ||
		c.receiving && (r.expectsContinue || final && r.announced > maxDropped) {
		c.keepAlive = false
	}
	head.KeepAlive = c.keepAlive
	r.setDefaults(body)
	if trailers {
		head.Header = withoutTrailers(header)
	}
	out, err := appendHead(c.site.scratch[:0], &head)
	if err != nil {
		slog.Error("web: a response that cannot be sent", "uri", r.URI, "error", err)
		r.headSent = true
		r.abort()
		return
	}
	r.headSent = true
	r.chunked = head.Chunked && r.hasBody()
	if !r.hasBody() {
		body = nil
	}
	if r.length >= 0 && int64(len(body)) > r.length {
		slog.Error("web: a body that is longer than its Content-Length", "uri", r.URI)
		body = body[:r.length]
	}
	const small = 8 << 10 // to copy it costs less than to send it by itself
	switch {
	case len(body) == 0:
		c.transport.Write(out)
	case len(body) <= small:
		r.sent += int64(len(body))
		if r.chunked {
			out = http1.AppendChunk(out, body)
		} else {
			out = append(out, body...)
		}
		c.transport.Write(out)
	default:
		c.transport.Write(out)
		r.writeBody(body)
	}
	c.site.scratch = out
}

// setDefaults sets the headers that a response has if it is not said otherwise.
func (r *Request) setDefaults(body []byte) {
	h := r.ResponseHeader
	if _, set := h["Date"]; !set && r.channel.clock != nil {
		h["Date"] = r.Site.dateHeader(r.channel.clock.Now())
	}
	switch {
	case r.code == http.StatusNotModified:
		delete(h, "Content-Type")
	case len(body) != 0 && bodyAllowed(r.code) && h.Get("Content-Encoding") == "":
		if _, set := h["Content-Type"]; !set {
			h["Content-Type"] = []string{http.DetectContentType(body)}
		}
	}
}

// givenLength returns what Content-Length in h says. What it cannot say is taken
// out.
func givenLength(h http.Header) (int64, bool) {
	values, ok := h["Content-Length"]
	if !ok {
		return 0, false
	}
	if len(values) == 1 {
		if n, err := strconv.ParseUint(values[0], 10, 63); err == nil {
			return int64(n), true
		}
	}
	if len(values) != 0 {
		slog.Error("web: a Content-Length that is none is left out", "value", strings.Join(values, ", "))
	}
	delete(h, "Content-Length")
	return 0, false
}

// Trailers.

func hasPrefixed(h http.Header) bool {
	for name := range h {
		if strings.HasPrefix(name, http.TrailerPrefix) {
			return true
		}
	}
	return false
}

// withoutTrailers returns those of h that come before the body.
func withoutTrailers(h http.Header) http.Header {
	h = maps.Clone(h)
	announced := h["Trailer"]
	maps.DeleteFunc(h, func(name string, _ []string) bool {
		return strings.HasPrefix(name, http.TrailerPrefix) || hasToken(announced, name)
	})
	return h
}

// trailers returns the headers that come after the body.
func (r *Request) trailers() http.Header {
	from := r.ResponseHeader
	if r.late != nil {
		from = r.late
	}
	var trailers http.Header
	for name, values := range from {
		if strings.HasPrefix(name, http.TrailerPrefix) || hasToken(r.ResponseHeader["Trailer"], name) {
			if trailers == nil {
				trailers = make(http.Header)
			}
			trailers[http.CanonicalHeaderKey(strings.TrimPrefix(name, http.TrailerPrefix))] = values
		}
	}
	return trailers
}

// Ending.

// rendered goes on where the resource has been rendered.
func (r *Request) rendered() {
	r.rendering = false
	switch {
	case r.finished || r.lost != nil:
	case !r.later && r.push == nil && r.pull == nil:
		r.Finish()
	default:
		r.flush()
	}
}

// flush sends what was kept.
func (r *Request) flush() {
	if len(r.buffered) == 0 {
		return
	}
	kept := r.buffered
	r.buffered = nil
	r.Write(kept)
}

// Finish says that the response is complete. It is for a response that is not
// done when its resource has been rendered; see [Request.NotDoneYet]. If the
// connection was lost it does nothing. It panics the second time.
func (r *Request) Finish() {
	if r.finished {
		panic("web: Finish a second time")
	}
	if r.lost != nil {
		return
	}
	if r.push != nil || r.pull != nil {
		slog.Error("web: Finish with a producer that was not unregistered", "uri", r.URI)
		r.UnregisterProducer()
	}
	c := r.channel
	r.rendering = false
	switch body := r.buffered; {
	case !r.headSent:
		r.sendHead(body, true)
	case len(body) != 0:
		r.writeBody(body)
	}
	if c.closing { // because of what was wrong with the head
		return
	}
	r.buffered, r.content, r.Content = nil, nil, nil
	if r.chunked {
		last, err := http1.AppendLastChunk(c.site.scratch[:0], r.trailers())
		if err != nil {
			slog.Error("web: trailers that cannot be sent are left out", "uri", r.URI, "error", err)
			last, _ = http1.AppendLastChunk(c.site.scratch[:0], nil)
		}
		c.transport.Write(last)
		c.site.scratch = last
	}
	if r.hasBody() && r.sent < r.length {
		slog.Error("web: a body that is shorter than its Content-Length", "uri", r.URI, "sent", r.sent, "length", r.length)
		c.keepAlive = false // the client is to see that it is cut
	}
	r.finished = true
	r.log()
	r.notify(nil)
	c.responseDone()
}

// Fail ends the response because of err, which is logged: with a 500 if nothing
// has been sent, else by breaking the connection off. It is Twisted's
// processingFailed. If the connection was lost, or the response is finished, it
// does nothing.
func (r *Request) Fail(err error) {
	if r.finished || r.lost != nil {
		return
	}
	slog.Error("web: a request failed", "method", r.Method, "uri", r.URI, "error", err)
	r.fail()
}

func (r *Request) fail() {
	switch {
	case r.finished || r.lost != nil:
	case r.headSent:
		r.abort()
	default:
		r.reset()
		r.code = http.StatusInternalServerError
		r.ResponseHeader["Content-Type"] = []string{"text/plain; charset=utf-8"}
		r.ResponseHeader["X-Content-Type-Options"] = []string{"nosniff"}
		r.buffered = append(r.buffered, "Internal Server Error\n"...)
		r.Finish()
	}
}

// reset undoes what was done for a response of which nothing was sent.
func (r *Request) reset() {
	clear(r.ResponseHeader)
	r.buffered = r.buffered[:0]
	r.code, r.phrase = http.StatusOK, ""
	r.UnregisterProducer()
}

// abort ends the response by closing the connection at once.
func (r *Request) abort() {
	r.buffered = nil
	r.channel.abort()
}

// FinishWhen finishes the response when d fires, or fails it, as [Request.Fail]
// does, if d fails. If the connection is lost before, d is cancelled. It calls
// NotDoneYet, and so is the last line of a resource that waits for something:
//
//	func (s *Stock) RenderGET(req *web.Request) {
//		web.FinishWhen(req, s.lookUp().AddCallback(func(price string) (string, error) {
//			req.WriteString(price)
//			return price, nil
//		}))
//	}
func FinishWhen[T any](r *Request, d *deferred.Deferred[T]) {
	r.NotDoneYet()
	over := false
	deferred.MapBoth(d, func(_ T, err error) (deferred.None, error) {
		over = true
		switch {
		case r.finished || r.lost != nil:
		case err != nil:
			r.Fail(err)
		default:
			r.Finish()
		}
		return deferred.None{}, nil
	})
	if over {
		return
	}
	r.NotifyFinish().AddErrback(func(error) (deferred.None, error) {
		if !over {
			d.Cancel()
		}
		return deferred.None{}, nil
	})
}

// Producers.

// RegisterProducer makes p the source of the body: p is paused while the
// connection takes no more, and stopped when it is lost. It fails with
// [reactor.ErrProducerRegistered] if there is one. Before Finish it is to be
// unregistered. A response that has a producer is not done yet; see
// [Request.NotDoneYet].
func (r *Request) RegisterProducer(p reactor.PushProducer) error {
	switch {
	case r.push != nil || r.pull != nil:
		return reactor.ErrProducerRegistered
	case r.lost != nil:
		p.StopProducing()
		return nil
	}
	r.push = p
	if r.channel.blocked {
		p.PauseProducing()
	}
	return nil
}

// RegisterPullProducer makes p the source of the body: its ResumeProducing is
// called whenever the connection takes more; see [Request.RegisterProducer].
func (r *Request) RegisterPullProducer(p reactor.PullProducer) error {
	switch {
	case r.push != nil || r.pull != nil:
		return reactor.ErrProducerRegistered
	case r.lost != nil:
		p.StopProducing()
		return nil
	}
	r.pull = p
	c := r.channel
	c.transport.UnregisterProducer()
	c.blocked = false
	c.await(awaitWritten, c.site.WriteTimeout, defaultTimeout)
	return c.transport.RegisterPullProducer(pulled{r})
}

// pulled is a request's pull producer, as the transport sees it.
type pulled struct{ r *Request }

func (p pulled) ResumeProducing() {
	if c := p.r.channel; p.r.pull != nil {
		c.await(awaitWritten, c.site.WriteTimeout, defaultTimeout)
		p.r.pull.ResumeProducing()
	}
}

func (p pulled) StopProducing() { p.r.stopProducer() }

// UnregisterProducer says that the producer is done.
func (r *Request) UnregisterProducer() {
	r.push = nil
	if r.pull != nil {
		r.pull = nil
		c := r.channel
		if c.closing {
			return
		}
		c.transport.UnregisterProducer()
		c.await(awaitNothing, 0, 0)
		c.transport.RegisterProducer(c)
	}
}

func (r *Request) pauseProducer() {
	if r.push != nil {
		r.push.PauseProducing()
	}
}

func (r *Request) resumeProducer() {
	switch {
	case r.push != nil:
		r.push.ResumeProducing()
	case r.handling != nil:
		r.handling.wake()
	}
}

// stopProducer stops the producer, if there is one, because the connection was
// lost.
func (r *Request) stopProducer() {
	push, pull := r.push, r.pull
	r.push, r.pull = nil, nil
	switch {
	case push != nil:
		push.StopProducing()
	case pull != nil:
		pull.StopProducing()
	}
}
