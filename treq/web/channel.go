package web

import (
	"crypto/tls"
	"errors"
	"io"
	"net/http"
	"time"

	"github.com/seed-7c003b53/gotreq/internal/http1"
	"github.com/seed-7c003b53/gotreq/reactor"
	"github.com/seed-7c003b53/gotreq/treq/wire"
	"github.com/sourcegraph/conc/panics"
)

// This file holds the server's end of one connection: which request is being
// received or answered, what waits until that is done, and when it takes too
// long. What a request is made of and how it is answered is elsewhere.

// A channel is the server's end of one connection, Twisted's HTTPChannel. It is
// the producer of what is sent on it. Its states, by what req and receiving are:
//
//	           ┌───────────────── answered, more may come ─────────────────┐
//	           ▼                                                           │
//	waiting: no req ──a head──▶ receiving its content ──the end──▶ answering
//	           │                       │                               │
//	           └───── timed out, not HTTP, answered for the last time ─┘
//	                                   ▼
//	                     closing ──ConnectionLost──▶ gone
//
// A request may be answered before its end has come: then what is left of its
// content is dropped, if that is not too much. While a request is answered, what
// comes after it waits in in.
type channel struct {
	site      *Site
	transport reactor.Transport
	clock     reactor.Clock   // nil if nobody tells the time: then nothing times out
	reactor   reactor.Reactor // nil if it is not known
	tls       *tls.ConnectionState
	peer      string

	reader    http1.RequestReader
	in        []byte   // what came and was not read yet
	req       *Request // the one that is received or answered
	requests  int      // so far
	dropped   int64    // bytes of content that nobody wants
	keepAlive bool     // after req, there may be another

	borrowed  bool // in is the transport's
	consuming bool // in consume
	receiving bool // the content of req is still to come
	blocked   bool // the transport takes no more
	paused    bool // the transport has been told to bring no more
	readEnded bool // the client has sent all it will
	closing   bool // what comes is of no interest any more
	unread    bool // the client may be sending what will not be read
	lost      bool

	begun    bool    // of a head, something has come
	awaiting awaited // what has to happen by deadline
	deadline time.Time
	timer    reactor.DelayedCall // at deadline or before
}

// awaited is what a channel gives a bounded time.
type awaited uint8

const (
	awaitNothing awaited = iota
	awaitHead            // the rest of a head, or the first one
	awaitRequest         // a further request
	awaitContent         // more content
	awaitWritten         // the client's taking of what was sent
	awaitClose           // the client's closing of the connection
)

const (
	// maxQueued is how much may wait in in before the transport is paused.
	maxQueued = 64 << 10
	// maxDropped is how much content that nobody wants is taken, to save the
	// connection.
	maxDropped = 256 << 10
	// lingering is how long a connection is kept after the last response for the
	// client to take it, before it learns that what it is sending is of no use.
	lingering = 5 * time.Second
)

// ConnectionMade begins to wait for a request.
func (c *channel) ConnectionMade(t reactor.Transport) {
	c.transport = t
	c.peer = t.Peer().String()
	if t, ok := t.(reactor.ReactorTransport); ok {
		if c.reactor = t.Reactor(); c.reactor != nil {
			c.clock = c.reactor
		}
	}
	if c.site.Clock != nil {
		c.clock = c.site.Clock
	}
	if t, ok := t.(reactor.TLSTransport); ok {
		state := t.ConnectionState()
		c.tls = &state
	}
	t.RegisterProducer(c)
	c.reader.SetLimits(c.site.Limits)
	c.reader.Start()
	c.await(awaitHead, c.site.HeaderTimeout, defaultHeaderTimeout)
}

// DataReceived reads what came.
func (c *channel) DataReceived(data []byte) {
	if c.closing {
		c.discard(len(data))
		return
	}
	if len(c.in) == 0 {
		c.in, c.borrowed = data, true
	} else {
		c.in = append(c.in, data...)
	}
	c.consume()
	if c.borrowed {
		c.borrowed = false
		c.in = append([]byte(nil), c.in...)
	}
	c.balance()
}

// balance pauses the transport if too much waits to be read, and resumes it if
// not any more.
func (c *channel) balance() {
	switch queued := len(c.in) >= maxQueued; {
	case queued == c.paused:
	case queued:
		c.paused = true
		c.transport.PauseProducing()
	default:
		c.paused = false
		c.transport.ResumeProducing()
	}
}

// consume reads what there is, as far as that may be done now.
func (c *channel) consume() {
	if c.consuming {
		return
	}
	c.consuming = true
	for c.step() {
	}
	c.consuming = false
	if !c.borrowed {
		c.balance()
	}
}

// step takes one event of what there is to read, and reports whether there may be
// another.
func (c *channel) step() bool {
	switch {
	case c.closing, c.lost:
		return false
	case c.receiving && c.req.contentPaused:
		return false
	case c.req != nil && !c.receiving, c.req == nil && c.blocked:
		return false // what comes next has to wait
	}
	n, event, err := c.reader.Next(c.in)
	if err != nil {
		c.notHTTP(err)
		return false
	}
	c.in = c.in[n:]
	switch event {
	case http1.NeedMore:
		c.in = nil
		c.borrowed = false
		c.needMore(n != 0)
		return false
	case http1.Head:
		c.headReceived(c.reader.Head())
	case http1.Data:
		c.contentReceived(c.reader.Data())
	case http1.End:
		c.contentEnd()
	}
	return true
}

// needMore waits for what makes the next event. came says that a part of it has
// come.
func (c *channel) needMore(came bool) {
	switch {
	case c.readEnded:
		c.cut()
	case c.receiving:
		c.await(awaitContent, c.site.ContentTimeout, defaultTimeout)
	case came && !c.begun:
		c.begun = true
		if c.awaiting != awaitHead {
			c.await(awaitHead, c.site.HeaderTimeout, defaultHeaderTimeout)
		}
	}
}

// headReceived begins to answer a request, or to receive its content.
func (c *channel) headReceived(head *http1.RequestHead) {
	c.requests++
	c.begun = false
	c.await(awaitNothing, 0, 0)
	c.keepAlive = head.KeepAlive && c.requests != c.site.MaxRequests
	c.receiving = true
	c.dropped = 0
	c.req = newRequest(c, head)
	if head.Length == 0 {
		c.reader.Next(nil) // the end is there: what answers the request is to know
		c.receiving = false
	}
	c.req.begin()
}

// contentReceived passes a part of the content on.
func (c *channel) contentReceived(data []byte) {
	if !c.req.finished {
		c.req.contentReceived(data)
		return
	}
	if c.dropped += int64(len(data)); c.dropped > maxDropped {
		c.linger()
	}
}

// contentEnd goes on where all of a request has come.
func (c *channel) contentEnd() {
	c.receiving = false
	c.await(awaitNothing, 0, 0)
	if c.req.finished {
		c.next()
		return
	}
	c.req.contentEnd(c.reader.Trailer())
}

// responseDone goes on where a response has been written.
func (c *channel) responseDone() {
	switch {
	case c.lost || c.closing:
	case !c.receiving:
		c.next()
	case !c.keepAlive:
		c.linger()
	default:
		c.req.contentPaused = false
		c.await(awaitContent, c.site.ContentTimeout, defaultTimeout)
		c.consume() // what is left of the content
	}
}

// next waits for the next request, or closes the connection if there is to be
// none.
func (c *channel) next() {
	c.req = nil
	switch {
	case c.unread:
		c.linger()
		return
	case !c.keepAlive:
		c.close()
		return
	}
	c.await(awaitRequest, c.site.IdleTimeout, defaultTimeout)
	c.reader.Start()
	c.consume()
}

// notHTTP ends what is being received, because it is not HTTP.
func (c *channel) notHTTP(err error) {
	c.keepAlive, c.unread = false, true
	if c.req == nil {
		code := http.StatusBadRequest
		var e *wire.Error
		if errors.As(err, &e) {
			code = e.Kind.Status()
		}
		c.refuse(code, err.Error())
		return
	}
	c.receiving = false
	c.in, c.borrowed = nil, false
	if c.req.finished {
		c.linger()
		return
	}
	c.req.contentLost(err)
}

// refuse answers what did not become a request, and closes the connection.
func (c *channel) refuse(code int, text string) {
	text += "\n"
	head := http1.ResponseHead{Code: code, Length: int64(len(text)), Header: http.Header{
		"Content-Type":           {"text/plain; charset=utf-8"},
		"X-Content-Type-Options": {"nosniff"},
	}}
	if c.clock != nil {
		head.Header["Date"] = c.site.dateHeader(c.clock.Now())
	}
	if out, err := appendHead(nil, &head); err == nil {
		c.transport.Write(append(out, text...))
	}
	c.linger()
}

// Ending.

// ReadConnectionLost is called when the client has sent all it will. It may have
// closed the connection, or it may be waiting for its answers: that cannot be
// told. So what it asked for is answered, but whoever wanted to know is told that
// it is gone, as net/http does.
func (c *channel) ReadConnectionLost() {
	c.readEnded = true
	if c.closing {
		c.transport.LoseConnection()
		return
	}
	c.consume()
	if c.req != nil && !c.receiving {
		c.req.peerGone(reactor.ErrConnectionDone)
	}
}

// WriteConnectionLost does nothing: the channel waits for the client's end.
func (c *channel) WriteConnectionLost() {}

// cut ends what the client did not send whole.
func (c *channel) cut() {
	c.keepAlive = false
	if c.req == nil {
		c.close()
		return
	}
	_, err := c.reader.Finish()
	c.receiving = false
	if c.req.finished {
		c.close()
		return
	}
	if err == nil {
		err = io.ErrUnexpectedEOF
	}
	c.req.contentLost(err)
}

// close closes the connection once all that was written has been sent.
func (c *channel) close() {
	c.stop()
	c.await(awaitWritten, c.site.WriteTimeout, defaultTimeout)
	c.transport.LoseConnection()
}

// linger is close for a client that may still be sending: to close the
// connection at once would be a reset, at which the client may throw away the
// response (RFC 9112, section 9.6). So it is half closed first.
func (c *channel) linger() {
	if c.readEnded || c.clock == nil {
		c.close()
		return
	}
	c.stop()
	c.await(awaitClose, 0, lingering)
	c.transport.LoseWriteConnection()
	c.transport.ResumeProducing()
}

// stop ends all that is not closing.
func (c *channel) stop() {
	c.closing = true
	c.in, c.borrowed = nil, false
	c.transport.UnregisterProducer()
}

// discard takes what comes after the last response.
func (c *channel) discard(n int) {
	if c.dropped += int64(n); c.dropped > 16*maxDropped {
		c.transport.AbortConnection()
	}
}

// abort closes the connection at once.
func (c *channel) abort() {
	c.stop()
	c.transport.AbortConnection()
}

// ConnectionLost ends the request that is under way, if there is one.
func (c *channel) ConnectionLost(reason error) {
	c.lost, c.closing = true, true
	c.in, c.borrowed = nil, false
	c.awaiting = awaitNothing
	if c.timer != nil {
		c.timer.Cancel()
		c.timer = nil
	}
	if req := c.req; req != nil {
		c.req = nil
		req.connectionLost(reason)
	}
}

// Timeouts.

// await has timeUp called unless what is awaited, or await, comes within limit. A
// limit of 0 stands for standard, and a negative one for ever.
//
// The timer is moved as seldom as can be: it goes off early and is set again.
func (c *channel) await(what awaited, limit, standard time.Duration) {
	if limit == 0 {
		limit = standard
	}
	if c.clock == nil || limit <= 0 {
		what = awaitNothing
	}
	if c.blocked && !c.closing && what != awaitWritten {
		return // first of all the client has to take what was sent
	}
	c.awaiting = what
	if what == awaitNothing {
		return
	}
	c.deadline = c.clock.Now().Add(limit)
	switch {
	case c.timer == nil:
		c.timer = c.clock.CallLater(limit, c.timeUp)
	case c.timer.Time().After(c.deadline):
		c.timer.Reset(limit)
	}
}

func (c *channel) timeUp() {
	c.timer = nil
	if c.awaiting == awaitNothing {
		return
	}
	if early := c.deadline.Sub(c.clock.Now()); early > 0 {
		c.timer = c.clock.CallLater(early, c.timeUp)
		return
	}
	what := c.awaiting
	c.awaiting = awaitNothing
	switch what {
	case awaitHead:
		if c.begun {
			c.refuse(http.StatusRequestTimeout, "the head of the request took too long")
		} else {
			c.close()
		}
	case awaitRequest:
		c.close()
	case awaitContent:
		c.keepAlive, c.unread = false, true
		c.receiving = false
		if c.req.finished {
			c.linger()
		} else {
			c.req.contentLost(errContentTimeout)
		}
	default:
		c.transport.AbortConnection()
	}
}

// errContentTimeout is the error of content that does not come.
var errContentTimeout = errors.New("the content of the request took too long")

// The channel as the producer of what the transport sends.

// PauseProducing pauses what writes the response.
func (c *channel) PauseProducing() {
	c.blocked = true
	c.await(awaitWritten, c.site.WriteTimeout, defaultTimeout)
	if c.req != nil {
		c.req.pauseProducer()
	}
}

// ResumeProducing resumes it, or goes on with the next request.
func (c *channel) ResumeProducing() {
	c.blocked = false
	c.awaiting = awaitNothing
	switch {
	case c.req == nil:
		c.await(awaitRequest, c.site.IdleTimeout, defaultTimeout)
	case c.receiving && !c.req.contentPaused:
		c.await(awaitContent, c.site.ContentTimeout, defaultTimeout)
	}
	if c.req != nil {
		c.req.resumeProducer()
	}
	c.consume()
}

// StopProducing does nothing: ConnectionLost follows.
func (c *channel) StopProducing() {}

// protect calls f, which is the user's, and returns its panic if there was one.
func protect(f func()) *panics.Recovered { return panics.Try(f) }
