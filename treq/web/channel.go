package web

import (
	"time"

	"github.com/seed-7c003b53/gotreq/internal/http1"
	"github.com/seed-7c003b53/gotreq/internal/list"
	"github.com/seed-7c003b53/gotreq/reactor"
)

// This file has the receiving side of a connection that speaks HTTP/1.1: it turns bytes
// into requests, one after another, and ends the connection.

// A channel is the server's end of a connection that speaks HTTP/1.1. It is the carrier
// of the connection's requests, one at a time, and the producer of the transport's
// output. It is Twisted's HTTPChannel. Its states follow from req and receiving:
//
//	           ┌────────────── answered, another may follow ───────────────┐
//	           ▼                                                           │
//	waiting: no req ──a head──▶ receiving its content ──the end──▶ answering
//	           │                       │                               │
//	           └───── timed out, not HTTP, or answered for the last time ──┘
//	                                   ▼
//	                     closing ──ConnectionLost──▶ lost
//
// A request may be answered before its content has ended. The channel then drops the
// remaining content, up to maxDropped bytes. While a request is answered, the bytes after
// it wait in the field in.
type channel struct {
	connection
	transport reactor.Transport
	reader    http1.RequestReader
	in        []byte // bytes received but not read
	requests  int    // the number of heads received
	work      int    // what is left of the share of this turn; see turns
	restsAt   int    // the value of work at which the channel rests
	dropped   int64  // the number of dropped bytes of content

	req       *Request // the request being received or answered
	version   http1.Version
	announced int64                // the length of req's content
	puller    reactor.PullProducer // produces req's response, if not nil
	unsent    pieces               // of a response that the transport has not taken
	lastPiece time.Time            // the time when a piece of unsent was passed on
	unwritten *Request             // the finished request whose response the transport has not taken

	borrowed  bool // in belongs to the transport
	consuming bool // consume is running
	resting   bool // consume waits for a later turn
	spent     bool // the next turn brings a new share
	waits     bool // the channel only waits for a request; set by setWaits
	gone      bool // the connection is no longer the site's
	receiving bool // the content of req has not ended
	held      bool // req has paused its content
	expecting bool // the client waits for a 100 before it sends the content
	chunked   bool // the response's body is sent in chunks
	answered  bool // the response to req is complete
	keepAlive bool // another request may follow req
	wasLast   bool // the client sends no request after req
	blocked   bool // the transport has paused its producer
	paused    bool // the transport is paused
	stopped   bool // the transport can send no more
	readEnded bool // the client has ended its side
	closing   bool // received bytes are dropped
	unread    bool // the client may be sending bytes that nobody will read
	begun     bool // part of a head has arrived

	awaiting awaited // the event expected before deadline
	deadline time.Time
	timer    reactor.DelayedCall // fires at deadline or before

	lingersUntil time.Time // the end of lingering

	credit   time.Duration // how long the client may still keep content waiting; see await
	received int64         // bytes of content that credit does not count yet

	cause error              // why the site aborts the connection
	place list.Node[channel] // in a list of the site
}

const (
	// maxQueued is the size of in at which the transport is paused.
	maxQueued = 64 << 10
	// maxDropped bounds the unwanted content that is read to keep the connection.
	maxDropped = 256 << 10
)

// ConnectionMade waits for the first request.
func (c *channel) ConnectionMade(t reactor.Transport) {
	c.transport = t
	c.connection = newConnection(c.site, t)
	t.RegisterProducer(c)
	c.reader.SetLimits(c.site.Limits)
	c.reader.Start()
	c.work = c.site.turnWork()
	c.site.opened(c)
	c.await(awaitHead)
}

// DataReceived reads data.
func (c *channel) DataReceived(data []byte) {
	if c.closing {
		c.drop(len(data))
		return
	}
	c.setWaits(false)
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

// balance pauses the transport while too much waits to be read.
func (c *channel) balance() {
	switch queued := len(c.in) >= maxQueued; {
	case c.closing, queued == c.paused:
	case queued:
		c.paused = true
		c.transport.PauseProducing()
		c.endIfStopped()
	default:
		c.paused = false
		c.transport.ResumeProducing()
	}
}

// endIfStopped closes a paused connection that can send no more: a paused transport does
// not report the loss, and no response would get through.
func (c *channel) endIfStopped() {
	if c.stopped && c.paused {
		c.transport.LoseConnection()
	}
}

// consume reads the events in in that may be read now.
func (c *channel) consume() {
	if c.consuming {
		return
	}
	c.consuming = true
	for !c.resting && c.step() {
	}
	c.consuming = false
	if c.readEnded && c.req != nil && !c.receiving {
		c.req.peerGone(reactor.ErrConnectionDone)
	}
	if !c.borrowed {
		c.balance()
	}
}

// step reads one event of in, and reports whether another may follow.
func (c *channel) step() bool {
	switch {
	case c.closing, c.receiving && c.held:
		return false
	case c.req != nil && !c.receiving, c.req == nil && c.blocked:
		return false // the next request waits
	case c.mustRest():
		return false
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
		c.worked(requestWork + n/1024)
		c.headReceived(c.reader.Head())
	case http1.Data:
		c.worked(eventWork)
		c.contentReceived(c.reader.Data())
	case http1.End:
		c.contentEnd()
	}
	return true
}

// needMore waits for the remaining bytes of an event. some says that a part of it has
// arrived.
func (c *channel) needMore(some bool) {
	switch {
	case c.readEnded:
		c.cut()
	case c.receiving:
		c.await(awaitContent)
	case !some && !c.begun && c.req == nil:
		c.setWaits(true)
		if c.awaiting == awaitNothing { // after a rest
			c.await(awaitRequest)
		}
	case some && !c.begun:
		c.begun = true
		if c.awaiting != awaitHead {
			c.await(awaitHead)
		}
	}
}

// headReceived starts a request.
func (c *channel) headReceived(head *http1.RequestHead) {
	c.requests++
	c.begun = false
	c.await(awaitNothing)
	c.keepAlive = head.KeepAlive && c.requests != c.site.MaxRequests && !c.site.house.shutting
	c.wasLast = !head.KeepAlive
	c.credit, c.received = c.limit(awaitContent), 0
	c.version, c.announced, c.expecting = head.Version, head.Length, head.Expect100
	c.receiving, c.held, c.answered, c.chunked = true, true, false, false
	c.dropped = 0
	if head.Length == 0 {
		c.reader.Next(nil) // reads the End event, so that the answer need not wait for content
		c.receiving = false
	}
	version := "HTTP/1.1"
	if head.Version.Minor == 0 {
		version = "HTTP/1.0"
	}
	c.req = newRequest(&c.connection, c, requestHead{
		method: head.Method, target: head.Target, version: version,
		header: head.Header, length: head.Length, last: !c.keepAlive,
	})
	c.req.begin()
}

// contentReceived passes content to the request, or drops it.
func (c *channel) contentReceived(data []byte) {
	c.received += int64(len(data))
	if !c.answered {
		c.req.contentReceived(data)
		return
	}
	if c.dropped += int64(len(data)); c.dropped > maxDropped {
		c.linger()
	}
}

// contentEnd ends the content of the request.
func (c *channel) contentEnd() {
	c.receiving = false
	c.await(awaitNothing)
	if c.answered {
		c.next()
		return
	}
	c.req.contentEnd(c.reader.Trailer())
}

// next waits for the next request, or closes the connection after its last one.
func (c *channel) next() {
	c.req = nil
	switch {
	case c.keepAlive:
	case c.unread, !c.wasLast, len(c.in) != 0, c.paused:
		c.linger() // the client may have sent another request
		return
	default:
		c.close()
		return
	}
	c.await(awaitRequest)
	c.reader.Start()
	c.consume()
}

// notHTTP ends the request being received, or refuses its head, because of invalid HTTP.
func (c *channel) notHTTP(err error) {
	c.keepAlive, c.unread = false, true
	if c.req == nil {
		c.refuse(statusOf(err), err.Error())
		return
	}
	c.in, c.borrowed = nil, false
	c.contentLost(err)
}

// contentLost ends the content of the request early. If the request is answered, it ends
// the connection too.
func (c *channel) contentLost(err error) {
	c.receiving = false
	switch {
	case !c.answered:
		c.req.contentLost(err)
	case c.unread:
		c.linger()
	default:
		c.close()
	}
}

// Ending.

// ReadConnectionLost is called when the client has ended its side. The client may have
// closed the connection or may still wait for responses; the channel cannot tell. It
// answers the requests received. consume tells each of them that the client is gone, as
// net/http does.
func (c *channel) ReadConnectionLost() {
	c.readEnded = true
	if c.closing {
		c.transport.LoseConnection()
		return
	}
	c.consume()
}

// WriteConnectionLost is called when everything is sent that linger left. The channel waits
// for the client's end.
func (c *channel) WriteConnectionLost() {
	if c.closing {
		c.written()
		c.await(awaitClose)
	}
}

// cut ends a request after the client has ended its side too early.
func (c *channel) cut() {
	c.keepAlive = false
	if c.req == nil {
		c.close()
		return
	}
	_, err := c.reader.Finish()
	c.contentLost(err)
}

// close closes the connection when all written bytes are sent.
func (c *channel) close() {
	c.stop()
	c.await(awaitWritten)
	c.transport.LoseConnection()
}

// linger closes the connection to a client that may still be sending. Closing it at once
// would reset it, and the client might lose the response (RFC 9112, section 9.6). So the
// channel ends only its own side first. timeUp and drop do the rest.
func (c *channel) linger() {
	if c.readEnded {
		c.close()
		return
	}
	c.stop()
	if c.full() {
		c.await(awaitWritten)
	} else {
		c.await(awaitClose)
	}
	c.lingersUntil = c.clock.Now().Add(maxLinger)
	c.transport.LoseWriteConnection()
	c.transport.ResumeProducing()
}

// drop drops n bytes that were received after the last response.
func (c *channel) drop(n int) {
	switch c.dropped += int64(n); {
	case c.dropped > 16*maxDropped:
		c.transport.AbortConnection()
	case c.awaiting == awaitClose && c.clock.Now().Before(c.lingersUntil):
		c.await(awaitClose)
	}
}

// stop ends all work of the channel except closing the connection.
func (c *channel) stop() {
	c.closing = true
	c.setWaits(false)
	c.in, c.borrowed = nil, false
	if c.unsent.size == 0 {
		c.transport.UnregisterProducer()
	}
}

// ConnectionLost ends the current request.
func (c *channel) ConnectionLost(reason error) {
	if c.cause != nil {
		reason = c.cause
	}
	defer c.site.closed(c)
	taken := c.closing && c.unsent.size == 0 && reason == reactor.ErrConnectionDone
	c.forget()
	if taken {
		c.written()
	}
	if last := c.unwritten; last != nil {
		c.unwritten = nil
		last.connectionLost(reason)
	}
	if req := c.req; req != nil {
		c.req = nil
		req.connectionLost(reason)
	}
}

// forget stops the timer and all other activity of the channel.
func (c *channel) forget() {
	c.closing = true
	c.in, c.borrowed = nil, false
	c.unsent = pieces{}
	c.awaiting = awaitNothing
	if c.timer != nil {
		c.timer.Cancel()
		c.timer = nil
	}
}
