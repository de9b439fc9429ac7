package web

import (
	"bytes"
	"net/http"

	"github.com/seed-7c003b53/gotreq/internal/http1"
	"github.com/seed-7c003b53/gotreq/internal/pieces"
	"github.com/seed-7c003b53/gotreq/reactor"
	"github.com/seed-7c003b53/gotreq/treq/wire"
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
// remaining content, up to maxDropped bytes. A response says "Connection: close" if more
// will remain. If that is not known yet, a whole response is withheld until it is, for
// maxWithheld at most; one that is sent in parts says it to be safe. While a request is
// answered, the bytes after it wait in the field in.
type channel struct {
	connection
	reader http1.RequestReader

	req       *Request // the request being received or answered
	version   http1.Version
	puller    reactor.PullProducer // produces req's response, if not nil
	waiting   pieces.Queue         // of a response that the transport has not taken
	lastPiece int64                // when a piece of waiting was passed on, in Unix nanoseconds
	unwritten *Request             // the finished request whose response the transport has not taken
	withheld  *withheld            // the response to req that is not sent yet; usually nil

	receiving  bool // the content of req has not ended
	held       bool // req has paused its content
	expecting  bool // the client waits for a 100 before it sends the content
	chunked    bool // the response's body is sent in chunks
	untilClose bool // the response's body ends with the connection
	answered   bool // the response to req is complete
	keepAlive  bool // another request may follow req
	wasLast    bool // the client sends no request after req
	unread     bool // the client may be sending bytes that nobody will read
	begun      bool // part of a head has arrived
	undecided  bool // the first bytes will show which version the client speaks
}

// ConnectionMade waits for the first request. Another version of HTTP replaces the channel.
func (c *channel) ConnectionMade(t reactor.Transport) {
	state := t.TLS()
	if state != nil && state.NegotiatedProtocol == "h2" {
		speakHTTP2(c.site, t, state)
		return
	}
	c.open(t, c, state)
	c.undecided = state == nil && c.site.protocols().UnencryptedHTTP2()
	t.RegisterProducer(c)
	c.reader.SetLimits(c.site.limits())
	c.reader.Remember(&c.site.sections)
	c.reader.Start()
	c.await(awaitHead)
}

// DataReceived reads data, once it is known that the client speaks HTTP/1.1.
func (c *channel) DataReceived(data []byte) {
	if c.undecided && !c.closing {
		c.decide(data)
		return
	}
	c.connection.DataReceived(data)
}

// http2Preface is what a client that speaks HTTP/2 sends first (RFC 9113, section 3.4).
var http2Preface = []byte("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")

// decide finds out by its first bytes which version of HTTP the client speaks.
func (c *channel) decide(data []byte) {
	if len(c.in) != 0 {
		data = append(c.in, data...)
	}
	switch {
	case bytes.HasPrefix(data, http2Preface):
		c.replace().DataReceived(data)
	case bytes.HasPrefix(http2Preface, data):
		c.setWaits(false)
		c.begun = true
		c.in = bytes.Clone(data)
	default:
		c.undecided, c.begun = false, false
		c.in = nil
		c.connection.DataReceived(data)
	}
}

// replace makes the connection speak HTTP/2.
func (c *channel) replace() *h2Connection {
	c.forget()
	c.transport.UnregisterProducer()
	next := speakHTTP2(c.site, c.transport, nil)
	c.site.closed(&c.connection)
	return next
}

// stepped implements speaker.
func (c *channel) stepped() {
	if c.readEnded && c.req != nil && !c.receiving {
		c.req.peerGone(reactor.ErrConnectionDone)
	}
}

// step implements speaker.
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

// rest implements speaker.
func (c *channel) rest() {
	if c.watch.awaiting.fromClient() {
		c.await(awaitNothing)
	}
}

// needMore waits for the remaining bytes of an event. some says that a part of it has
// arrived.
func (c *channel) needMore(some bool) {
	switch {
	case c.readEnded:
		c.cut()
	case c.receiving:
		c.awaitContent()
	case !some && !c.begun && c.req == nil:
		c.setWaits(true)
		if c.watch.awaiting == awaitNothing { // after a rest
			c.await(awaitRequest)
		}
	case some && !c.begun:
		c.begun = true
		if c.watch.awaiting != awaitHead {
			c.await(awaitHead)
		}
	}
}

// headReceived starts a request.
func (c *channel) headReceived(head *http1.RequestHead) {
	if !c.site.protocols().HTTP1() {
		c.unread = true
		c.refuse(http.StatusHTTPVersionNotSupported, "this server does not speak HTTP/1.1, only HTTP/2")
		return
	}
	c.requests++
	c.begun = false
	c.await(awaitNothing)
	c.keepAlive = head.KeepAlive && c.requests != c.site.MaxRequests && !c.site.house.shutting
	c.wasLast = !head.KeepAlive
	c.watch.credit, c.watch.received = c.limit(awaitContent), 0
	c.version, c.expecting = head.Version, head.Expect100
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
	c.req = newRequest(&c.connection, c, &requestHead{
		method: head.Method, target: head.Target, version: version,
		header: head.Header, length: head.Length, last: !c.keepAlive,
	})
	c.req.begin()
}

// contentReceived passes content to the request, or drops it.
func (c *channel) contentReceived(data []byte) {
	c.watch.received += int64(len(data))
	if !c.answered {
		defer c.req.caught()
		c.req.contentReceived(data)
		return
	}
	switch c.dropped += int64(len(data)); {
	case c.dropped <= maxDropped:
	case c.withheld != nil:
		c.keepAlive = false
		c.release()
	default:
		c.linger()
	}
}

// contentEnd ends the content of the request.
func (c *channel) contentEnd() {
	c.receiving = false
	c.await(awaitNothing)
	switch {
	case c.withheld != nil:
		c.release()
		return
	case c.answered:
		c.next()
		return
	}
	defer c.req.caught()
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
	if p := c.site.protocols(); c.req == nil && c.tls == nil && !p.HTTP1() && p.UnencryptedHTTP2() {
		c.replace().fail(wire.ProtocolError, errPreface)
		return
	}
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
		defer c.req.caught()
		c.req.contentLost(err)
	case c.withheld != nil:
		c.keepAlive = false
		c.release()
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
	c.undecided = false
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

// close implements speaker.
func (c *channel) close() { c.lose() }

// shutDown implements speaker.
func (c *channel) shutDown() {
	if c.keepAlive = false; c.waits {
		c.close()
	}
}

// overdue implements speaker.
func (c *channel) overdue(e awaited) {
	switch {
	case e == awaitHead && c.begun:
		c.refuse(http.StatusRequestTimeout, "the head of the request took too long")
	case e == awaitHead, e == awaitRequest:
		c.close()
	case e == awaitAnswer:
		c.keepAlive = false
		c.release()
	case e == awaitContent:
		c.keepAlive, c.unread = false, true
		c.contentLost(errContentTimeout)
	default:
		c.closeLate(e)
	}
}

// ConnectionLost ends the current request.
func (c *channel) ConnectionLost(reason error) {
	if c.cause != nil {
		reason = c.cause
	}
	defer c.site.closed(&c.connection)
	taken := c.closing && c.waiting.Size() == 0 && reason == reactor.ErrConnectionDone
	c.forget()
	c.waiting.Clear()
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
