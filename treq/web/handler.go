package web

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/internal/coro"
	"github.com/seed-7c003b53/gotreq/internal/http1"
	"github.com/seed-7c003b53/gotreq/reactor"
	"github.com/seed-7c003b53/gotreq/treq/wire"
)

// This file holds the way from a request to an http.Handler: the request as
// net/http has it, the ResponseWriter, and the one place where either waits.

// A HandlerResource is a leaf whose requests an [http.Handler] answers. It does
// for net/http what Twisted's WSGIResource does for WSGI.
type HandlerResource struct {
	Leaf
	handler   http.Handler
	inThreads bool
}

// NewHandlerResource returns a resource whose requests handler answers, as
// net/http's server would have it do.
//
// The handler runs on the loop's goroutine, as a coroutine: where it reads the
// request's body, writes more than the connection takes, or calls [Await], other
// requests go on. But what it waits for in any other way, in time.Sleep, for a
// channel or a lock, the whole loop waits for. It must not use the request or the
// ResponseWriter in a goroutine that it starts. For handlers that do such things
// there is [NewThreadHandlerResource].
//
// What the handler sees is what it is used to: the path of its URL is whole (see
// [http.StripPrefix]), the body streams, the context ends when the client has
// gone or the handler has returned. The ResponseWriter is an [http.Flusher], an
// [http.Hijacker] and an [io.StringWriter], and takes what an
// [http.ResponseController] asks for. A connection that was hijacked can be used
// until the handler returns, and is then closed. A panic is a 500, or, if
// something was sent, ends the connection; [http.ErrAbortHandler] always does the
// latter, and is not logged.
func NewHandlerResource(handler http.Handler) *HandlerResource {
	if handler == nil {
		panic("web: a nil http.Handler")
	}
	return &HandlerResource{handler: handler}
}

// NewThreadHandlerResource is [NewHandlerResource] for handlers that block, or
// that start goroutines: each request has its handler called in the reactor's
// thread pool, ten at a time. What such a handler does is not on the loop's
// goroutine, and the order of things is not the same every time. A reactor in
// memory has no threads: there, it is the same as NewHandlerResource.
func NewThreadHandlerResource(handler http.Handler) *HandlerResource {
	h := NewHandlerResource(handler)
	h.inThreads = true
	return h
}

// StreamsContent returns true; see [StreamingResource].
func (h *HandlerResource) StreamsContent() bool { return true }

// Render has the handler answer req; see [Renderer].
func (h *HandlerResource) Render(req *Request) {
	if req.URI == "*" {
		req.star()
		return
	}
	x := &exchange{req: req, handler: h.handler}
	hr, err := x.request()
	if err != nil {
		req.refuse(http.StatusBadRequest, err.Error())
		return
	}
	req.NotDoneYet()
	req.rendering = false // x keeps what is not to be sent yet
	x.header = req.ResponseHeader
	x.buf = req.Site.buffer()
	x.body.x = x
	req.handling = x
	if h.inThreads {
		x.runInThread(hr)
	} else {
		x.run(hr)
	}
}

// An exchange is one request that a handler answers. It is the ResponseWriter.
type exchange struct {
	req     *Request
	handler http.Handler
	body    requestBody
	cancel  context.CancelFunc

	task    *coro.Task // that the handler runs in, unless it is a thread
	waiting bool       // task waits
	threads reactor.Threads
	ended   <-chan struct{} // closed when the loop has ended, and no thread need wait for it
	waits   []threadWait    // of threads

	header      http.Header // as the handler changes it
	wroteHeader bool
	status      int
	length      int64 // that Content-Length gave, or -1
	written     int64
	buf         []byte // what is not to be sent yet
	hijacked    *hijackedConn
	reading     deadline
	writing     deadline
	panicked    *handlerPanic
}

// A handlerPanic is what a handler panicked with.
type handlerPanic struct {
	value any
	err   error
	stack []byte
}

// request makes the request that the handler sees.
func (x *exchange) request() (*http.Request, error) {
	r := x.req
	target := r.URI
	if r.Method == http.MethodConnect {
		target = "http://" + target
	}
	u, err := url.ParseRequestURI(target)
	if err != nil {
		return nil, fmt.Errorf("the target of the request: %w", err)
	}
	if r.Method == http.MethodConnect {
		u.Scheme = ""
	}
	host := r.host
	if u.Host != "" {
		host = u.Host
	}
	r.host = host
	ctx, cancel := context.WithCancel(context.Background())
	x.cancel = cancel
	c := r.channel
	hr := contextless.WithContext(&handlerContext{ctx, x})
	hr.Method = r.Method
	hr.URL = u
	hr.RequestURI = r.URI
	hr.Proto = r.Version
	hr.ProtoMajor = 1
	hr.ProtoMinor = int(r.version.Minor)
	hr.Header = r.Header
	hr.Host = host
	hr.ContentLength = r.announced
	hr.Body = http.NoBody
	hr.Close = !c.keepAlive
	hr.RemoteAddr = c.peer
	hr.TLS = c.tls
	if c.receiving {
		hr.Body = &x.body
	}
	delete(hr.Header, "Host")
	if _, chunked := hr.Header["Transfer-Encoding"]; chunked {
		hr.TransferEncoding = []string{"chunked"}
		delete(hr.Header, "Transfer-Encoding")
		x.body.announceTrailers(hr)
	}
	return hr, nil
}

// contextless is what a request is copied from to have a context: the copy, which
// nothing but WithContext gives one to, is the request.
var contextless http.Request

// handlerContext is the context of a handler's request.
type handlerContext struct {
	context.Context
	x *exchange
}

// exchangeKey is what the exchange is found by.
type exchangeKey struct{}

func (c *handlerContext) Value(key any) any {
	switch key {
	case exchangeKey{}:
		return c.x
	case http.LocalAddrContextKey:
		return c.x.req.GetHost()
	}
	return c.Context.Value(key)
}

// FromContext returns the [Request] that a handler's request is made of, given
// its context; nil if there is none. The response is the ResponseWriter's to
// write.
func FromContext(ctx context.Context) *Request {
	if x, ok := ctx.Value(exchangeKey{}).(*exchange); ok {
		return x.req
	}
	return nil
}

// Await waits for d in a handler, whose request has the context ctx, and returns
// its result; other requests go on meanwhile. If the client goes, or the
// connection is lost, d is cancelled. The handler has to be one that runs on the
// loop's goroutine; Await panics if it is not, or if there is none.
func Await[T any](ctx context.Context, d *deferred.Deferred[T]) (value T, err error) {
	x, ok := ctx.Value(exchangeKey{}).(*exchange)
	if !ok || x.task == nil {
		panic("web: Await outside a handler on the loop's goroutine")
	}
	fired := false
	deferred.MapBoth(d, func(v T, e error) (deferred.None, error) {
		value, err, fired = v, e, true
		x.wake()
		return deferred.None{}, nil
	})
	x.until(func() bool { return fired || ctx.Err() != nil })
	if !fired {
		d.Cancel()
		if !fired {
			err = ErrConnectionLost
		}
	}
	return value, err
}

// Running and waiting.

// run calls the handler as a coroutine.
func (x *exchange) run(hr *http.Request) {
	x.task = coro.New(func(*coro.Task) { x.call(hr) })
	x.resume()
}

// runInThread calls the handler in a thread.
func (x *exchange) runInThread(hr *http.Request) {
	x.threads = x.req.channel.reactor
	if x.threads == nil {
		panic("web: a handler that is to run in a thread, on a transport whose reactor is not known")
	}
	x.ended = x.threads.Ended()
	x.threads.CallInThread(func() {
		if x.threads.OnLoop() { // in memory there are no threads
			x.run(hr)
			return
		}
		x.call(hr)
		x.threads.CallFromThread(x.done)
	})
}

// call calls the handler.
func (x *exchange) call(hr *http.Request) {
	p := protect(func() { x.handler.ServeHTTP(x, hr) })
	if p != nil {
		x.panicked = &handlerPanic{p.Value, p.AsError(), p.Stack}
	}
}

func (x *exchange) resume() {
	if !x.task.Resume() {
		x.done()
	}
}

// until waits until f returns true. f is called on the loop's goroutine, at once
// and then whenever something has happened to the request or the connection. It
// returns false if that will never be, because the loop has ended; f may then not
// have been called.
func (x *exchange) until(f func() bool) bool {
	if x.task == nil {
		done := make(chan struct{})
		x.threads.CallFromThread(func() {
			if f() {
				close(done)
			} else {
				x.waits = append(x.waits, threadWait{f, done})
			}
		})
		select {
		case <-done:
			return true
		case <-x.ended:
			return false
		}
	}
	for !f() {
		x.waiting = true
		if !x.task.Wait() {
			return false
		}
	}
	return true
}

// A threadWait is what a thread waits for.
type threadWait struct {
	f    func() bool
	done chan struct{}
}

// wake has those who wait look again.
func (x *exchange) wake() {
	if x.waiting {
		x.waiting = false
		x.resume()
	}
	if len(x.waits) != 0 {
		waits := x.waits
		x.waits = nil
		for _, w := range waits {
			if w.f() {
				close(w.done)
			} else {
				x.waits = append(x.waits, w)
			}
		}
	}
}

// over reports whether the connection is of no more use.
func (x *exchange) over() bool { return x.req.lost != nil || x.req.channel.closing }

// done ends the response when the handler has returned.
func (x *exchange) done() {
	r := x.req
	x.body.closed = true
	x.cancel()
	x.reading.clear()
	x.writing.clear()
	defer r.Site.release(x.buf)
	switch {
	case x.hijacked != nil:
		x.hijacked.end()
		x.logPanic()
	case r.lost != nil || r.channel.closing:
		x.logPanic()
		if r.lost != nil {
			r.log()
		}
	case x.panicked == nil:
		if !x.wroteHeader {
			x.writeHeader(http.StatusOK)
		}
		r.buffered, r.late = x.buf, x.header
		r.Finish()
	case x.logPanic() || r.headSent:
		r.abort()
	default:
		r.fail()
	}
}

// logPanic logs the panic, if there was one, and reports whether it was the one
// that asks for the connection to be aborted, which is not logged.
func (x *exchange) logPanic() (abort bool) {
	p := x.panicked
	if p == nil {
		return false
	}
	if p.value == http.ErrAbortHandler {
		return true
	}
	slog.Error("web: panic in a handler", "method", x.req.Method, "uri", x.req.URI, "panic", fmt.Sprint(p.value), "stack", string(p.stack))
	return false
}

// What happens to the request meanwhile.

// peerGone ends the context.
func (x *exchange) peerGone() {
	x.cancel()
	x.wake()
}

// The ResponseWriter.

// Header returns the headers that are to be sent; see [http.ResponseWriter].
func (x *exchange) Header() http.Header { return x.header }

// WriteHeader sets the status code, or sends an informational response; see
// [http.ResponseWriter].
func (x *exchange) WriteHeader(code int) {
	if code < 100 || code > 999 {
		panic("web: WriteHeader(" + strconv.Itoa(code) + ")")
	}
	switch {
	case x.hijacked != nil:
		slog.Error("web: WriteHeader on a hijacked connection", "uri", x.req.URI)
	case x.wroteHeader:
		slog.Error("web: WriteHeader a second time", "uri", x.req.URI, "code", code)
	case code < 200 && code != http.StatusSwitchingProtocols:
		x.inform(code)
	default:
		x.writeHeader(code)
		// What the handler changes from here on is not sent.
		x.req.ResponseHeader = x.header.Clone()
	}
}

func (x *exchange) writeHeader(code int) {
	x.wroteHeader = true
	x.status = code
	x.length = -1
	if n, ok := givenLength(x.header); ok {
		x.length = n
	}
	x.req.code = code
}

// inform sends an informational response (RFC 9110, section 15.2).
func (x *exchange) inform(code int) {
	header := x.header.Clone()
	x.until(func() bool {
		r := x.req
		if x.over() || r.version.Minor == 0 {
			return true
		}
		if code == http.StatusContinue {
			r.expectsContinue = false
		}
		out, err := appendHead(nil, &http1.ResponseHead{Code: code, Header: header, Length: -1, KeepAlive: true})
		if err == nil {
			r.channel.transport.Write(out)
		}
		return true
	})
}

// Write writes a part of the body; see [http.ResponseWriter]. It waits while the
// connection takes no more.
func (x *exchange) Write(p []byte) (int, error) {
	if err := x.mayWrite(len(p)); err != nil {
		return 0, err
	}
	written := 0
	for len(p) > cap(x.buf)-len(x.buf) {
		part := p
		if len(x.buf) != 0 {
			n := copy(x.buf[len(x.buf):cap(x.buf)], p)
			x.buf = x.buf[:len(x.buf)+n]
			part = p[:n]
			if err := x.flush(); err != nil {
				return written, err
			}
		} else if err := x.send(p); err != nil {
			return written, err
		}
		written += len(part)
		p = p[len(part):]
	}
	x.buf = append(x.buf, p...)
	return written + len(p), nil
}

// WriteString is Write for a string; see [io.StringWriter].
func (x *exchange) WriteString(s string) (int, error) {
	if len(s) > cap(x.buf)-len(x.buf) {
		return x.Write([]byte(s))
	}
	if err := x.mayWrite(len(s)); err != nil {
		return 0, err
	}
	x.buf = append(x.buf, s...)
	return len(s), nil
}

// mayWrite says whether n more bytes of body may be written.
func (x *exchange) mayWrite(n int) error {
	if x.hijacked != nil {
		return http.ErrHijacked
	}
	if !x.wroteHeader {
		x.writeHeader(http.StatusOK)
	}
	if n == 0 {
		return nil
	}
	if !bodyAllowed(x.status) {
		return http.ErrBodyNotAllowed
	}
	if x.written += int64(n); x.length >= 0 && x.written > x.length {
		return http.ErrContentLength
	}
	return nil
}

// flush sends what is kept.
func (x *exchange) flush() error {
	err := x.send(x.buf)
	x.buf = x.buf[:0]
	return err
}

// send sends p, and the head before it, and waits until the connection takes
// more.
func (x *exchange) send(p []byte) (err error) {
	sent := false
	if !x.until(func() bool {
		r := x.req
		switch {
		case x.over():
			err = ErrConnectionLost
			return true
		case !sent:
			sent = true
			r.Write(p)
		}
		if r.channel.blocked && x.writing.passed(r.channel.clock) {
			err = errDeadline
			return true
		}
		return !r.channel.blocked
	}) {
		return ErrConnectionLost
	}
	return err
}

// Flush sends what was written so far; see [http.Flusher].
func (x *exchange) Flush() { x.FlushError() }

// FlushError is Flush for an [http.ResponseController].
func (x *exchange) FlushError() error {
	if x.hijacked != nil {
		return http.ErrHijacked
	}
	if !x.wroteHeader {
		x.WriteHeader(http.StatusOK)
	}
	return x.flush()
}

// EnableFullDuplex does nothing, as nothing keeps a handler from reading after it
// has begun to write; it is for an [http.ResponseController].
func (x *exchange) EnableFullDuplex() error { return nil }

// SetReadDeadline bounds by the reactor's clock when the body may be read; it is
// for an [http.ResponseController].
func (x *exchange) SetReadDeadline(t time.Time) error {
	return x.setDeadline(&x.reading, t)
}

// SetWriteDeadline bounds by the reactor's clock when the response may be
// written; it is for an [http.ResponseController].
func (x *exchange) SetWriteDeadline(t time.Time) error {
	return x.setDeadline(&x.writing, t)
}

func (x *exchange) setDeadline(d *deadline, t time.Time) error {
	x.until(func() bool {
		d.set(x, t)
		return true
	})
	return nil
}

// errDeadline is the error of what took until after a deadline.
var errDeadline error = &net.OpError{Op: "wait", Net: "tcp", Err: errTimeout{}}

type errTimeout struct{}

func (errTimeout) Error() string   { return "i/o timeout" }
func (errTimeout) Timeout() bool   { return true }
func (errTimeout) Temporary() bool { return true }

// A deadline is a time after which waiting ends.
type deadline struct {
	at   time.Time
	call reactor.DelayedCall
}

func (d *deadline) passed(clock reactor.Clock) bool {
	return !d.at.IsZero() && clock != nil && !clock.Now().Before(d.at)
}

func (d *deadline) clear() {
	if d.call != nil {
		d.call.Cancel()
	}
	*d = deadline{}
}

func (d *deadline) set(x *exchange, t time.Time) {
	d.clear()
	d.at = t
	if clock := x.req.channel.clock; clock != nil && !t.IsZero() {
		d.call = clock.CallLater(t.Sub(clock.Now()), x.wake)
	}
}

// The body.

// maxUnread is how much of a body may wait for the handler to read it.
const maxUnread = 64 << 10

// A requestBody is the body of a request, as the handler reads it.
type requestBody struct {
	x      *exchange
	asked  bool   // the handler has begun to read
	in     []byte // came and was not read yet
	lent   bool   // in is the transport's
	end    error  // what follows in, if that is known
	closed bool
	hr     *http.Request // if it may have trailers
}

// announceTrailers does for the handler what net/http does: the trailers that are
// to come are in the request's Trailer already, without values.
func (b *requestBody) announceTrailers(hr *http.Request) {
	b.hr = hr
	names := hr.Header["Trailer"]
	if len(names) == 0 {
		return
	}
	delete(hr.Header, "Trailer")
	hr.Trailer = make(http.Header)
	for _, list := range names {
		for name := range strings.SplitSeq(list, ",") {
			hr.Trailer[http.CanonicalHeaderKey(strings.TrimSpace(name))] = nil
		}
	}
}

// Read waits for a part of the body, unless there is one. It tells a client that
// waits to be told to send it.
func (b *requestBody) Read(p []byte) (n int, err error) {
	if !b.x.until(func() bool {
		switch {
		case b.closed:
			err = http.ErrBodyReadAfterClose
			return true
		case !b.asked:
			b.asked = true
			b.x.req.DeliverContent(b)
		}
		if len(b.in) == 0 && b.end == nil {
			b.x.req.ResumeContent()
		}
		switch {
		case len(b.in) != 0:
			n = copy(p, b.in)
			b.in = b.in[n:]
		case b.end != nil:
			err = b.end
			b.setTrailers()
		case len(p) == 0:
		case b.x.reading.passed(b.x.req.channel.clock):
			err = errDeadline
		default:
			return false
		}
		return true
	}) {
		return 0, io.ErrUnexpectedEOF
	}
	return n, err
}

// setTrailers gives the handler's request its trailers.
func (b *requestBody) setTrailers() {
	trailer := b.x.req.Trailer
	if b.hr == nil || len(trailer) == 0 {
		return
	}
	if b.hr.Trailer == nil {
		b.hr.Trailer = make(http.Header, len(trailer))
	}
	maps.Copy(b.hr.Trailer, trailer)
}

// Close drops what was not read.
func (b *requestBody) Close() error {
	b.x.until(func() bool {
		b.closed = true
		return true
	})
	return nil
}

// ContentReceived gives the handler what came; see [ContentReceiver].
func (b *requestBody) ContentReceived(data []byte) {
	switch {
	case b.closed:
		return
	case len(b.in) != 0:
		b.in = append(b.in, data...)
	default:
		b.in, b.lent = data, true
		b.x.wake()
		if b.lent {
			b.lent = false
			b.in = append([]byte(nil), b.in...)
		}
	}
	if len(b.in) >= maxUnread {
		b.x.req.PauseContent()
	}
}

// ContentEnded ends the body; see [ContentReceiver].
func (b *requestBody) ContentEnded(err error) {
	switch {
	case err == nil:
		b.end = io.EOF
	case errors.Is(err, wire.ErrPartialBody) || b.x.req.lost != nil:
		b.end = io.ErrUnexpectedEOF
	default:
		b.end = err
	}
	b.x.wake()
}

// Hijack takes the connection from the server; see [http.Hijacker] and
// [NewHandlerResource]. What was written of a response is sent before.
func (x *exchange) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	if x.hijacked != nil {
		return nil, nil, http.ErrHijacked
	}
	var conn *hijackedConn
	var err error
	if !x.until(func() bool {
		switch {
		case x.over():
			err = ErrConnectionLost
		default:
			if x.wroteHeader { // a 101, it may be hoped
				x.req.Write(x.buf)
				x.buf = x.buf[:0]
			}
			conn = newHijackedConn(x)
		}
		return true
	}) {
		return nil, nil, ErrConnectionLost
	}
	if err != nil {
		return nil, nil, err
	}
	x.hijacked = conn
	return conn, bufio.NewReadWriter(bufio.NewReader(conn), bufio.NewWriter(conn)), nil
}
