package agent

import (
	"errors"
	"time"

	"github.com/seed-7c003b53/gotreq/internal/http1"
	"github.com/seed-7c003b53/gotreq/reactor"
	"github.com/seed-7c003b53/gotreq/treq/request"
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
// the exchange then, else nil.
type connection struct {
	pool      *Pool
	key       key
	transport reactor.Transport
	reader    http1.ResponseReader
	x         *exchange
	sent      int       // requests so far
	heard     bool      // of the answer to the last one, at least a byte
	broken    error     // why it cannot be used, other than that it was lost
	put       uint64    // the pool's count when it was put there
	idleSince time.Time // and when that was
}

func (c *connection) ConnectionMade(t reactor.Transport) { c.transport = t }

// send sends x, whose head is given, over c, which is quiescent.
func (c *connection) send(x *exchange, head []byte) {
	c.x = x
	c.sent++
	c.heard = false
	x.connection = c
	c.reader.Start(x.request.Method)
	c.transport.Write(head)
	switch body := x.request.Body.(type) {
	case nil:
	case request.Bytes:
		c.transport.Write(body)
	default:
		x.upload = startUpload(x, body)
	}
}

func (c *connection) DataReceived(data []byte) {
	for c.broken == nil {
		x := c.x
		if x == nil {
			if len(data) != 0 {
				c.breakOff(errors.New("the server sent something that no request had asked for"))
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
			if x.response != nil && !x.body.Wanted() {
				c.transport.PauseProducing()
			}
			return
		case http1.Head:
			x.headReceived(c.reader.Head())
		case http1.Data:
			x.body.Write(c.reader.Data())
		case http1.End:
			c.end(x, len(data))
		case http1.Upgraded:
			c.breakOff(errors.New("the server switched to another protocol, which was not asked for"))
		}
	}
}

// end ends x, whose response is complete. rest is how many bytes came after it.
func (c *connection) end(x *exchange, rest int) {
	c.x = nil
	if x.keepAlive && rest == 0 && x.upload == nil && c.broken == nil {
		c.transport.ResumeProducing()
		c.pool.put(c)
	} else {
		c.leave(x)
	}
	x.body.End(response.ErrDone)
}

// leave closes c in order, after x has ended.
func (c *connection) leave(x *exchange) {
	c.broken = reactor.ErrConnectionDone
	if x.upload != nil {
		x.upload.stop()
	}
	c.transport.LoseConnection()
}

// breakOff closes c because of err.
func (c *connection) breakOff(err error) {
	if c.broken == nil {
		c.broken = err
	}
	c.transport.AbortConnection()
}

// abort closes c because nobody wants what it would bring.
func (c *connection) abort() { c.breakOff(reactor.ErrConnectionAborted) }

// ConnectionLost ends the exchange that is under way, if there is one.
func (c *connection) ConnectionLost(reason error) {
	x := c.x
	c.x = nil
	if x == nil {
		c.pool.drop(c)
		return
	}
	if c.broken != nil {
		reason = c.broken
	}
	if x.upload != nil {
		x.upload.stop()
	}
	_, cut := c.reader.Finish()
	switch {
	case x.response != nil && cut == nil && reason == reactor.ErrConnectionDone:
		x.body.End(response.ErrPotentialDataLoss)
	case x.response != nil:
		x.body.End(&response.FailedError{Reasons: reasons(reason, cut, c.broken), Response: x.response})
	case x.result.Called(): // cancelled
	case !c.heard && c.broken == nil && c.sent > 1 && x.repeatable():
		// The server closed the connection as the request was on its way.
		x.agent.again(x)
	default:
		x.fail(&response.NeverReceivedError{Reasons: reasons(reason, cut, c.broken)})
	}
}

// reasons lists why a response did not come whole: because of reason, and, if
// it was not for something that was found wrong with it, of where that cut it.
func reasons(reason, cut, broken error) []error {
	if broken != nil || cut == nil {
		return []error{reason}
	}
	return []error{reason, cut}
}

// again sends x, which a connection was lost under, over a new one.
func (a *Agent) again(x *exchange) {
	x.connection = nil
	head, err := x.appendHead(nil)
	if err != nil {
		x.fail(err)
		return
	}
	a.connect(x, head)
}
