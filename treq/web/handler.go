package web

import (
	"context"
	"log/slog"
	"net/http"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/internal/coro"
	"github.com/seed-7c003b53/gotreq/reactor"
	"github.com/sourcegraph/conc/panics"
)

// This file calls an http.Handler, as a coroutine or in a thread, and makes it wait. The
// handler's request is in handler_request.go, its ResponseWriter in handler_response.go.

// A HandlerResource is a leaf whose requests an [http.Handler] answers, as under
// net/http's server. Its counterpart in Twisted is WSGIResource.
//
// The handler runs as a coroutine on the loop's goroutine. While it reads the request's
// body, writes more than the connection accepts, or calls [Await], other requests are
// served. While it blocks in another way, such as time.Sleep, a channel or a lock, the
// whole loop waits. It must not use the request or the ResponseWriter in a goroutine that
// it starts. InThreads is for handlers that do these things.
//
// The request's URL has the whole path (see [http.StripPrefix]), and its body streams.
// The context ends when the client is gone or the handler has returned. The
// ResponseWriter is an [http.Flusher], an [http.Hijacker] and an [io.StringWriter], and
// supports [http.ResponseController]; once the handler has returned, its methods fail. A
// hijacked connection is closed when the handler returns. After a panic the answer is a
// 500, or the connection is aborted if the head has been sent; [http.ErrAbortHandler]
// always aborts it and is not logged. A call of runtime.Goexit, as in the FailNow of a
// test, ends the handler, is logged and aborts the connection. Over HTTP/2, only the
// stream of the request is aborted.
type HandlerResource struct {
	Leaf
	// Handler answers the requests.
	Handler http.Handler
	// InThreads runs each request's handler in the reactor's thread pool, off the
	// loop's goroutine; the order of events then varies. A reactor in memory has no
	// threads, and runs the handlers as coroutines.
	InThreads bool
}

// StreamsContent returns true; see [StreamingResource].
func (h *HandlerResource) StreamsContent() bool { return true }

// Render calls the handler; see [Renderer]. It panics without a handler.
func (h *HandlerResource) Render(req *Request) {
	if h.Handler == nil {
		panic("web: a HandlerResource without a Handler")
	}
	if req.URI == "*" {
		req.answerForServer()
		return
	}
	inv := &invocation{req: req, handler: h.Handler}
	if err := inv.makeRequest(); err != nil {
		req.refuse(http.StatusBadRequest, err.Error())
		return
	}
	req.NotDoneYet()
	req.rendering = false // inv, not req, keeps the bytes that are not sent yet
	inv.header = req.ResponseHeader
	inv.buf = req.Site.buffer()
	inv.body.inv = inv
	req.invocation = inv
	if h.InThreads {
		inv.runInThread()
	} else {
		inv.run()
	}
}

// An invocation is one call of a handler to answer a request. It is the ResponseWriter.
type invocation struct {
	req     *Request
	handler http.Handler
	hr      http.Request // the handler's
	context handlerContext
	body    requestBody

	task     coro.Task       // runs the handler, unless inThread is set
	inThread bool            // the handler runs on another goroutine
	waiting  bool            // task is suspended
	loopDone <-chan struct{} // closed when the loop has ended
	waits    []threadWait    // the waits of a handler in a thread

	header      http.Header // the headers to send, which the handler changes
	late        http.Header // header, once it is no more that of req
	wroteHeader bool
	length      int64 // the Content-Length; -1 without one
	written     int64
	buf         []byte // bytes written but not sent
	burst       int    // bytes written since the last rest; see maxBurst
	hijacked    *hijackedConn
	reading     *deadline // nil without one, like writing
	writing     *deadline
	panicked    *panics.Recovered
	exited      bool          // the handler has called runtime.Goexit
	returned    bool          // done was called
	refused     coro.Refusals // calls of Await that did not wait, because the client was gone
}

// run calls the handler in a coroutine.
func (inv *invocation) run() {
	inv.task.Init(reactor.Coroutines(inv.req.conn.reactor), func(*coro.Task) { inv.call() })
	inv.resume()
}

// runInThread calls the handler in a thread.
func (inv *invocation) runInThread() {
	loop := inv.req.conn.reactor
	inv.inThread, inv.loopDone = true, loop.Ended()
	loop.CallInThread(func() {
		if loop.OnLoop() { // a reactor in memory has no threads
			inv.inThread = false
			inv.run()
			return
		}
		defer loop.CallFromThread(inv.done)
		inv.call()
	})
}

func (inv *invocation) call() {
	inv.exited = true // unless try returns
	inv.panicked = try(func() { inv.handler.ServeHTTP(inv, &inv.hr) })
	inv.exited = false
}

func (inv *invocation) resume() {
	over := false
	inv.req.timed("a handler", func() { over = !inv.task.Resume() })
	if over {
		inv.done()
	}
}

// done ends the response after the handler has returned.
func (inv *invocation) done() {
	r := inv.req
	inv.returned = true
	inv.body.closed = true
	inv.context.end()
	inv.reading.clear()
	inv.writing.clear()
	buf := inv.buf // nothing writes to it any more
	inv.buf = nil
	if inv.panicked != nil {
		r.panicked(inv.panicked, "a handler")
	}
	if inv.exited {
		slog.Error("web: a handler called runtime.Goexit", "method", r.Method, "uri", r.shownURI())
		r.abort()
	}
	switch {
	case inv.hijacked != nil:
		inv.hijacked.close()
		r.end(nil)
	case r.lost != nil:
		r.end(r.lost)
	case !r.over():
		if !inv.wroteHeader {
			inv.writeHeader(http.StatusOK)
		}
		r.buffered, r.late = buf, inv.late
		r.Finish()
		return
	}
	r.Site.release(buf)
}

// Waiting.

// until waits until f returns true. It calls f on the loop's goroutine, at once and then
// after each event of the request or the connection. It returns false if the loop has
// ended; f may then not have been called.
func (inv *invocation) until(f func() bool) bool {
	if inv.inThread {
		return inv.blockUntil(f)
	}
	for !f() {
		inv.waiting = true
		if !inv.task.Wait() {
			return false
		}
	}
	return true
}

// do calls f on the loop's goroutine, unless the loop has ended.
func (inv *invocation) do(f func()) { inv.until(func() bool { f(); return true }) }

// blockUntil is until for a goroutine other than the loop's.
func (inv *invocation) blockUntil(f func() bool) bool {
	done := make(chan struct{})
	inv.req.conn.reactor.CallFromThread(func() {
		if f() {
			close(done)
		} else {
			inv.waits = append(inv.waits, threadWait{f, done})
		}
	})
	select {
	case <-done:
		return true
	case <-inv.loopDone:
		return false
	}
}

// A threadWait is a call of blockUntil that has not returned.
type threadWait struct {
	f    func() bool
	done chan struct{}
}

// wake re-evaluates all waits.
func (inv *invocation) wake() {
	if inv.waiting {
		inv.waiting = false
		inv.resume()
	}
	waits := inv.waits
	inv.waits = nil
	for _, w := range waits {
		if w.f() {
			close(w.done)
		} else {
			inv.waits = append(inv.waits, w)
		}
	}
}

// Await waits for d in a handler and returns its result. ctx is the context of the
// handler's request. Other requests are served meanwhile. Await panics outside a handler
// that runs on the loop's goroutine.
//
// If the client is gone, d is cancelled. From then on, each Await that would have to wait
// cancels its Deferred and returns at once. The handler is expected to return. If it does
// not, it is unwound: after five Awaits that did not wait, the next one panics with
// [http.ErrAbortHandler], which runs the handler's deferred functions. A clean-up that has
// to wait even so passes context.WithoutCancel(ctx) to Await. In a context of its own that
// has ended, Await returns at once too.
func Await[T any](ctx context.Context, d *deferred.Deferred[T]) (value T, err error) {
	inv, ok := ctx.Value(invocationKey{}).(*invocation)
	if !ok || inv.inThread {
		panic("web: Await outside a handler on the loop's goroutine")
	}
	fired := false
	deferred.MapBoth(d, func(v T, e error) (deferred.None, error) {
		value, err, fired = v, e, true
		inv.wake()
		return deferred.None{}, nil
	})
	refused := !fired && ctx.Err() != nil
	inv.until(func() bool { return fired || ctx.Err() != nil })
	if !fired {
		d.Cancel()
		if !fired {
			err = ErrConnectionLost
		}
	}
	if refused && inv.req.gone != nil {
		inv.refused.Next().Do(http.ErrAbortHandler)
	}
	return value, err
}
