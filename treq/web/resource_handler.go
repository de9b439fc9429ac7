package web

import (
	"bytes"
	"context"
	"errors"
	"io"
	"maps"
	"net/http"
	"strings"

	"github.com/seed-7c003b53/gotreq/reactor"
)

// This file has resources as an http.Handler, so that middlewares of net/http can be put
// around them.

// A ResourceHandler is an [http.Handler] whose requests a tree of resources answers: the
// inverse of a [HandlerResource]. With both, any func(http.Handler) http.Handler works around
// resources:
//
//	site := &web.Site{Handler: cors(compress(&web.ResourceHandler{Root: root}))}
//
// The resources see the request as the middleware passes it on: its method, URL, host, header,
// body and context; see [Request.Context]. Their ResponseHeader begins with the headers that
// the middleware has set. What they write goes through the middleware's ResponseWriter, and
// is flushed unless the response ends with it. The access log has one line for the request:
// that of the [Site].
//
// A ResourceHandler answers requests that a Site has received, directly or through
// middlewares, also in a HandlerResource with InThreads, which [http.TimeoutHandler] needs. It
// panics for others. A handler among the resources cannot hijack the connection.
type ResourceHandler struct {
	// Root is the resource at the root of all paths.
	Root Resource
}

// Context returns the context of the http.Request that a [ResourceHandler] has received: with
// the values that middlewares have added. For any other request it is context.Background.
func (r *Request) Context() context.Context {
	if c, ok := r.carrier.(*handlerCarrier); ok {
		return c.hr.Context()
	}
	return context.Background()
}

// resetHeader removes the headers that the resource has set.
func (r *Request) resetHeader() {
	clear(r.ResponseHeader)
	if c, ok := r.carrier.(*handlerCarrier); ok {
		maps.Copy(r.ResponseHeader, c.base)
	}
}

// ServeHTTP answers r; see [http.Handler].
func (h *ResourceHandler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	inv, ok := r.Context().Value(invocationKey{}).(*invocation)
	if !ok {
		panic("web: a ResourceHandler answers only requests that a web.Site has received")
	}
	if h.Root == nil {
		panic("web: a ResourceHandler without a Root")
	}
	c := &handlerCarrier{inv: inv, w: w, hr: r, held: true, contentOver: r.ContentLength == 0 || r.Body == nil}
	inv.do(func() { c.begin(h.Root) })
	defer inv.do(c.forget)
	for {
		batch, read := c.next()
		switch {
		case len(batch) != 0:
			if !c.perform(batch) {
				return
			}
		case read:
			c.read()
		default:
			return
		}
	}
}

// A handlerCarrier takes the response of a request to an http.ResponseWriter, and brings the
// content of an http.Request. Its methods as a carrier run on the loop's goroutine. They
// leave their work to the goroutine, or the coroutine, of ServeHTTP, since that may wait.
type handlerCarrier struct {
	inv *invocation // the call of the outermost handler
	w   http.ResponseWriter
	hr  *http.Request
	req *Request

	base http.Header // the headers that middlewares had set before

	work   []func() error // what ServeHTTP has to do
	queued int            // bytes of the body in work
	puller reactor.PullProducer
	asked  bool // puller was asked and has not written since
	soon   reactor.DelayedCall

	unwatch func() // ends the watch of the context; may be nil

	held        bool // the request wants no content
	contentOver bool
	buffer      []byte
	reading     bool // ServeHTTP waits for content
	unflushed   bool // bytes were written since the last Flush
	finished    bool // work has the end of the response
	ended       bool // the request has ended
}

func (c *handlerCarrier) begin(root Resource) {
	ctx := c.hr.Context()
	if _, ours := ctx.(*handlerContext); !ours || c.inv.inThread { // a middleware may end it
		c.unwatch = c.inv.req.conn.reactor.WatchContext(ctx, c.inv.wake)
	}
	target := c.hr.URL.RequestURI()
	if !strings.HasPrefix(target, "/") { // http.StripPrefix may leave none
		target = "/" + target
	}
	head := requestHead{
		method: c.hr.Method, target: target, version: c.hr.Proto,
		header: c.hr.Header.Clone(), length: c.hr.ContentLength, last: c.hr.Close,
	}
	if c.hr.Host != "" {
		head.header["Host"] = []string{c.hr.Host}
	}
	if c.contentOver {
		head.length = 0
	}
	c.req = newRequest(c.inv.req.conn, c, &head)
	c.req.encoding = nil // the response passes through that of the Site later
	if f := c.inv.req.forwarded; f != nil {
		c.req.forwarded = &forwarded{client: f.client, at: f.at, proto: f.proto} // the host is that of hr
	}
	c.base = c.w.Header().Clone()
	delete(c.base, "Trailer") // the middleware sends its own
	delete(c.base, "Content-Length")
	maps.Copy(c.req.ResponseHeader, c.base)
	c.req.beginAt(root)
}

// next waits for work, and returns it. read says that content is wanted. Both are zero when the
// request has ended.
func (c *handlerCarrier) next() (batch []func() error, read bool) {
	c.inv.until(func() bool {
		c.notice()
		if len(c.work) == 0 && c.puller != nil && !c.asked && !c.ended {
			c.asked = true
			c.puller.ResumeProducing()
		}
		batch, c.work = c.work, nil
		read = !c.held && !c.contentOver && !c.ended
		c.reading = read && len(batch) == 0
		return len(batch) != 0 || read || c.ended
	})
	return batch, read
}

// notice tells the request of the client's end, or of the context's.
func (c *handlerCarrier) notice() {
	outer := c.inv.req
	switch {
	case c.ended:
	case outer.lost != nil:
		c.lose(outer.lost)
	case c.hr.Context().Err() == nil:
	case outer.gone != nil && !c.inv.returned:
		c.req.peerGone(outer.gone)
	default: // a middleware has given up
		c.lose(context.Cause(c.hr.Context()))
	}
}

// lose ends the request early.
func (c *handlerCarrier) lose(reason error) {
	if !c.ended {
		c.ended, c.contentOver = true, true
		c.work = nil
		c.req.connectionLost(reason)
	}
}

// perform does the work. It reports whether more may follow.
func (c *handlerCarrier) perform(batch []func() error) (more bool) {
	for _, f := range batch {
		if err := f(); err != nil {
			c.inv.do(func() { c.lose(err) })
			return false
		}
	}
	if !c.finished {
		c.flush()
	}
	c.inv.do(func() {
		if was := c.full(); c.queued != 0 {
			c.queued = 0
			if was && !c.ended {
				c.req.resumeWriting()
			}
		}
		if c.finished && len(c.work) == 0 && !c.ended {
			c.ended = true
			c.req.written()
		}
	})
	return !c.ended
}

// flush sends what was written.
func (c *handlerCarrier) flush() {
	if c.unflushed {
		c.unflushed = false
		http.NewResponseController(c.w).Flush() // a writer without Flush sends when it likes
	}
}

// read passes a piece of the content to the request.
func (c *handlerCarrier) read() {
	if c.buffer == nil {
		c.buffer = make([]byte, 8<<10)
	}
	n, err := c.hr.Body.Read(c.buffer)
	c.inv.do(func() {
		c.reading = false
		if n != 0 && !c.req.over() {
			c.req.contentReceived(c.buffer[:n])
		}
		switch {
		case err == nil || c.ended:
			return
		case err == io.EOF:
			c.contentOver = true
			c.req.contentEnd(c.hr.Trailer)
		default:
			c.contentOver = true
			c.req.contentLost(err)
		}
	})
}

// forget ends the request if ServeHTTP ends early, by a panic.
func (c *handlerCarrier) forget() {
	if c.soon != nil {
		c.soon.Cancel()
		c.soon = nil
	}
	if c.unwatch != nil {
		c.unwatch()
	}
	c.lose(ErrConnectionLost)
}

// do leaves f to ServeHTTP.
func (c *handlerCarrier) do(f func() error) {
	c.work = append(c.work, f)
	c.poke()
}

// poke makes ServeHTTP look for work, at the end of the turn.
func (c *handlerCarrier) poke() {
	c.asked = false
	if c.soon != nil || c.ended || !c.inv.waiting && len(c.inv.waits) == 0 {
		return // ServeHTTP will look without it
	}
	c.soon = c.inv.req.conn.reactor.CallLater(0, func() {
		c.soon = nil
		if c.reading {
			c.inv.body.interrupted = true
		}
		c.inv.wake()
	})
}

// The carrier.

func (c *handlerCarrier) writeHead(h responseHead, body []byte, last bool) error {
	header := maps.Clone(h.header)
	if c.req.encoding != nil && c.inv.req.encoding != nil && header["Content-Encoding"] == nil {
		header["Content-Encoding"] = []string{"identity"} // an EncodingResource has decided: see optsOut
	}
	c.do(func() error {
		all := c.w.Header()
		for name := range c.base {
			delete(all, name) // header has those that the resource has kept
		}
		header["Trailer"] = append(all["Trailer"], header["Trailer"]...)
		maps.Copy(all, header)
		if len(all["Trailer"]) == 0 {
			delete(all, "Trailer")
			if h.length >= 0 { // the body of a response with trailers has no length
				all["Content-Length"] = []string{itoa(h.length)}
			}
		}
		c.w.WriteHeader(h.code)
		c.unflushed = true
		return nil
	})
	if len(body) != 0 {
		c.write(body)
	}
	return nil
}

func (c *handlerCarrier) write(p []byte) {
	if len(p) <= maxPiece {
		p = bytes.Clone(p)
	}
	was := c.full()
	c.queued += len(p)
	c.do(func() error {
		c.unflushed = true
		_, err := c.w.Write(p)
		return err
	})
	if !was && c.full() {
		c.req.pauseWriting()
	}
}

func (c *handlerCarrier) inform(code int, header http.Header) {
	header = maps.Clone(header)
	c.do(func() error {
		before := maps.Clone(c.w.Header())
		maps.Copy(c.w.Header(), header)
		c.w.WriteHeader(code)
		clear(c.w.Header())
		maps.Copy(c.w.Header(), before)
		return nil
	})
}

func (c *handlerCarrier) finish(trailer http.Header, short bool) {
	c.do(func() error {
		for name, values := range trailer {
			c.w.Header()[http.TrailerPrefix+name] = values
		}
		c.finished = true
		return nil
	})
}

func (c *handlerCarrier) abort() {
	c.do(func() error {
		c.flush()
		panic(http.ErrAbortHandler)
	})
}

func (c *handlerCarrier) full() bool { return c.queued >= maxPiece }

func (c *handlerCarrier) pull(p reactor.PullProducer) {
	c.puller = p
	c.poke()
}

func (c *handlerCarrier) resumeContent() {
	c.held = false
	c.poke()
}

func (c *handlerCarrier) pauseContent() { c.held = true }

func (c *handlerCarrier) hijack() (socket, bool) { return socket{}, false }

// isTooLarge reports whether err is that of [http.MaxBytesReader].
func isTooLarge(err error) bool {
	_, ok := errors.AsType[*http.MaxBytesError](err)
	return ok
}
