package agent

import (
	"errors"
	"time"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/internal/http1"
	"github.com/seed-7c003b53/gotreq/reactor"
	"github.com/seed-7c003b53/gotreq/treq/response"
)

// A connection is the client's end of one HTTP/1.1 connection, Twisted's
// HTTP11ClientProtocol. It is in one of these states:
//
//	quiescent ──send──▶ busy ──the response has ended──▶ quiescent, in the pool
//	    │                 │
//	    └───────┬─────────┴── not HTTP, cancelled, cut short, not to be kept
//	            ▼
//	          broken ──ConnectionLost──▶ gone
//
// It is busy from the sending of a request to the end of the response: x is
// the exchange then, else nil. Once broken it takes no more bytes and no more
// requests; the transport calls ConnectionLost at the end of the turn.
//
// Whatever calls back into a user's code, a Deferred's handlers or a body's
// reader, comes last in its method: the user may cancel, send another request
// over this very connection, or panic.
type connection struct {
	pool      *Pool
	host      *host
	transport reactor.Transport
	reader    http1.ResponseReader
	x         *exchange
	sent      int       // requests so far
	heard     bool      // of the answer to the last one, at least a byte
	broken    error     // why it cannot be used any more; nil while it can
	put       uint64    // the pool's count when it was put there
	idleSince time.Time // and when that was

	gone *deferred.Deferred[deferred.None] // who waits for the end of c; or nil
}

func (c *connection) ConnectionMade(t reactor.Transport) { c.transport = t }

// send sends x, whose head is given, over c, which is quiescent.
func (c *connection) send(x *exchange, head []byte) {
	if c.broken != nil { // lost between being made and being given to x
		x.fail(&response.NeverReceivedError{Reasons: []error{c.broken}})
		return
	}
	c.x = x
	c.sent++
	c.heard = false
	x.connection = c
	c.reader.Start(x.request.Method)
	c.transport.Write(head)
	switch {
	case x.request.Body == nil:
	case x.request.ExpectContinue > 0:
		x.awaitContinue()
	default:
		x.sendBody()
	}
}

var (
	errUnsolicited = errors.New("the server sent something that no request had asked for")
	errUpgraded    = errors.New("the connection speaks another protocol now")
)

// upgrade hands the transport over, to who gets the response of x. rest is what
// the server has sent in its new protocol.
func (c *connection) upgrade(x *exchange, rest []byte) {
	if x.request.Method != "CONNECT" && !http1.HasToken(x.request.Header["Connection"], "upgrade") {
		c.breakOff(ErrNotUpgraded)
		return
	}
	c.x = nil
	c.broken = errUpgraded
	if x.upload != nil {
		x.upload.stop()
	}
	x.headReceived(c.reader.Head(), response.NewUpgrade(c.transport, rest))
	x.body.End(response.ErrDone)
}

func (c *connection) DataReceived(data []byte) {
	for c.broken == nil {
		x := c.x
		if x == nil {
			if len(data) != 0 {
				c.pool.drop(c)
				c.breakOff(errUnsolicited)
			}
			return
		}
		c.heard = c.heard || len(data) != 0
		n, event, err := c.reader.Next(data)
		if err != nil {
			c.breakOff(err)
			return
		}
		data = data[n:]
		switch event {
		case http1.NeedMore:
			x.letGo()
			return
		case http1.Informational:
			x.informed(c.reader.Head())
		case http1.Head:
			x.headReceived(c.reader.Head(), nil)
		case http1.Data:
			x.body.Write(c.reader.Data())
		case http1.End:
			c.end(x, len(data))
		case http1.Upgraded:
			c.upgrade(x, data)
		}
	}
}

// end ends x, whose response is complete. rest is how many bytes came after it:
// they cost the connection, not the response.
func (c *connection) end(x *exchange, rest int) {
	c.x, x.fresh = nil, nil
	if x.keepAlive && rest == 0 && x.upload == nil {
		c.transport.ResumeProducing() // the body may have had it paused
		c.pool.put(c)
	} else {
		c.leave(x)
	}
	x.body.End(response.ErrDone)
}

// leave closes c after x has ended: in order, unless the server has answered
// without waiting for all of the request. It may never take the rest.
func (c *connection) leave(x *exchange) {
	c.broken = reactor.ErrConnectionDone
	if x.upload != nil {
		x.upload.stop()
		c.transport.AbortConnection()
		return
	}
	c.transport.LoseConnection()
}

// breakOff closes c at once because of err, and has the exchange that is under
// way end with it.
func (c *connection) breakOff(err error) {
	if c.broken != nil {
		return
	}
	c.broken = err
	c.transport.AbortConnection()
	if c.x != nil && c.x.upload != nil {
		c.x.upload.stop()
	}
}

// abort closes c because nobody wants what it would bring.
func (c *connection) abort() { c.breakOff(reactor.ErrConnectionAborted) }

// ConnectionLost ends the exchange that is under way, if there is one.
func (c *connection) ConnectionLost(reason error) {
	x, broken := c.x, c.broken
	c.x = nil
	if c.broken == nil {
		c.broken = reason
	}
	c.pool.drop(c)
	if x != nil {
		c.lost(x, reason, broken)
	}
	c.pool.closed(c.host)
	if c.gone != nil {
		c.gone.Callback(deferred.None{})
	}
}

// lost ends x, which was under way when c was lost for reason, or broken before
// that for another.
func (c *connection) lost(x *exchange, reason, broken error) {
	if x.upload != nil {
		x.upload.stop()
	}
	_, cut := c.reader.Finish()
	reasons := []error{reason}
	switch {
	case broken != nil:
		reasons[0] = broken
	case cut != nil:
		reasons = append(reasons, cut)
	}
	switch {
	case x.answered && broken == nil && cut == nil && errors.Is(reason, reactor.ErrConnectionDone):
		x.body.End(response.ErrPotentialDataLoss)
	case x.answered:
		x.body.End(&response.FailedError{Reasons: reasons, Response: x.answer()})
	case x.over(): // cancelled, or the request's body failed
	case c.heard:
		x.fail(&response.FailedError{Reasons: reasons})
	case c.sent > 1 && c.pool.retry && x.repeatable():
		// The server closed the connection as the request was on its way.
		x.agent.again(x)
	default:
		x.fail(&response.NeverReceivedError{Reasons: reasons})
	}
}
