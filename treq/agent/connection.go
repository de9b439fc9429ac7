package agent

import (
	"errors"
	"io"
	"net/http"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/internal/http1"
	"github.com/seed-7c003b53/gotreq/internal/list"
	"github.com/seed-7c003b53/gotreq/reactor"
	"github.com/seed-7c003b53/gotreq/treq/request"
	"github.com/seed-7c003b53/gotreq/treq/response"
)

// A connection is the client's end of an HTTP/1.1 connection, Twisted's
// HTTP11ClientProtocol. It carries one exchange at a time.
//
//	quiescent ──send──▶ busy ──the response has ended──▶ quiescent, in the pool
//	    │                 │
//	    └───────┬─────────┴── not HTTP, cancelled, cut short, not to be kept
//	            ▼
//	          broken ──ConnectionLost──▶ gone
//
// A busy connection has an exchange, in x. A broken connection accepts no more bytes and
// no more requests; the transport calls ConnectionLost at the end of the turn.
//
// A method calls a user's code (the handlers of a Deferred, the reader of a body) as its
// last action: the user may cancel, send another request over this very connection, or
// panic.
type connection struct {
	pooled
	reader     http1.ResponseReader
	inPlain    list.Node[connection] // its place in the pool
	x          *exchange             // the exchange it carries; nil while quiescent
	heard      bool                  // a byte was received after the last request
	chunked    bool                  // the body of x's request is sent in chunks
	persistent bool                  // another request may follow x's
}

var (
	_ carrier = (*connection)(nil)
	_ sender  = (*connection)(nil)
)

// newConnection returns a connection of g, which belongs to p.
func newConnection(p *Pool, g *group) *connection {
	c := &connection{pooled: pooled{pool: p, group: g, idleSince: notIdle}}
	c.conn = c
	c.reader.SetLimits(&g.limits)
	c.reader.Remember(&p.heads)
	return c
}

// appendHead appends the head of x's request to buf. It returns the error of an invalid request.
func appendHead(buf []byte, x *exchange) ([]byte, error) {
	req := x.request
	if protocolOf(req) != "" {
		return buf, errConnectOverHTTP1
	}
	if err := x.checkTrailer(); err != nil {
		return buf, err
	}
	head := http1.RequestHead{
		Method:         req.Method,
		Target:         target(x),
		Host:           x.group.header,
		Header:         x.header(),
		AcceptEncoding: req.AcceptEncoding,
		UserAgent:      req.UserAgent,
		KeepAlive:      persists(x),
	}
	if req.Body != nil {
		head.Length = req.Body.Length()
		head.Chunked = head.Length == request.UnknownLength || x.trailed()
		head.Expect100 = x.expects()
	}
	if p := x.group.through; p.forwards(x.group.server) {
		p.forward(&head, req)
	}
	return http1.AppendRequestHead(buf, &head)
}

// persists reports whether x's connection may be used again.
func persists(x *exchange) bool {
	return x.agent.pool.persistent && !http1.HasToken(x.request.Header["Connection"], "close")
}

func (c *connection) ConnectionMade(t reactor.Transport) {
	c.transport = t
	c.pool.plain.Push(&c.inPlain, c)
	if a := c.group.agent; a != nil {
		c.dump = a.dump.connected(t)
	}
}

// send sends x over c, which is quiescent.
func (c *connection) send(x *exchange) error {
	if c.broken != nil { // c was lost before the endpoint fired
		x.fail(&response.NeverReceivedError{Reasons: []error{c.broken}})
		return nil
	}
	sentBefore := x.sent
	c.x, x.carrier, x.sent = x, c, true
	x.cutShort, x.continued = false, false
	c.sent++
	c.heard = false
	c.persistent = persists(x)
	c.reader.Start(x.request.Method)
	if x.trace != nil {
		if x.trace.gotConn(&c.pooled, c.unusedFor()); c.broken != nil {
			return nil
		}
	}
	a := x.agent
	head, err := appendHead(a.scratch[:0], x)
	a.scratch = head
	if err != nil {
		c.x, x.carrier, x.sent = nil, nil, sentBefore
		c.sent--
		return err
	}
	c.dump.begin()
	c.dump.write(head)
	c.transport.Write(head)
	if x.trace.wroteHead(head); c.broken != nil {
		return nil
	}
	body := x.request.Body
	if body == nil {
		x.trace.wroteRequest(nil)
		return nil
	}
	c.chunked = body.Length() == request.UnknownLength || x.trailed()
	if c.mayBeDead() && x.idempotent() || x.expects() {
		x.holdBody()
	}
	if x.expects() {
		if x.trace.wait100Continue(); c.broken == nil {
			x.awaitContinue()
		}
	} else {
		x.sendBody()
	}
	return nil
}

// room reports whether c is quiescent.
func (c *connection) room() bool { return c.x == nil && c.broken == nil }

// unused reports whether c is quiescent, or broken.
func (c *connection) unused() bool { return c.x == nil }

// close closes c, which is quiescent.
func (c *connection) close() { c.transport.LoseConnection() }

// mayBeDead reports whether c was unused for a while, so that its loss before an answer is a
// reason to send the request again.
func (c *connection) mayBeDead() bool { return c.sent > 1 && c.pool.retry }

// The methods below are those of a carrier.

func (c *connection) writeBody(data []byte, last bool) {
	if !c.chunked {
		c.dump.write(data)
		c.transport.Write(data)
		return
	}
	if len(data) != 0 { // an empty chunk would be the last one
		a := c.x.agent
		a.scratch = http1.AppendChunkHead(a.scratch[:0], len(data))
		c.dump.write(a.scratch, data, crlf)
		c.transport.WriteSequence(a.scratch, data, crlf)
	}
	if last {
		c.endBody()
	}
}

var crlf = []byte(http1.CRLF)

func (c *connection) endBody() {
	if c.chunked {
		a := c.x.agent
		out, err := http1.AppendLastChunk(a.scratch[:0], c.x.request.Trailer)
		if err != nil {
			c.x.failGeneration(err)
			return
		}
		a.scratch = out
		c.dump.write(a.scratch)
		c.transport.Write(a.scratch)
	}
}

func (c *connection) writable() int { return bytesAtOnce }

func (c *connection) RegisterProducer(p reactor.PushProducer) { c.transport.RegisterProducer(p) }
func (c *connection) RegisterPullProducer(p reactor.PullProducer) {
	c.transport.RegisterPullProducer(p)
}
func (c *connection) UnregisterProducer() { c.transport.UnregisterProducer() }
func (c *connection) PauseProducing()     { c.transport.PauseProducing() }
func (c *connection) ResumeProducing()    { c.transport.ResumeProducing() }

// abort closes c at once because of err.
func (c *connection) abort(err error) {
	if c.broken != nil {
		return
	}
	c.broken = err
	c.transport.AbortConnection()
	if c.x != nil {
		c.x.stopUpload()
		c.x.trace.wroteRequest(err)
	}
}

var (
	errUnsolicited = errors.New("the server sent something that no request had asked for")
	errUpgraded    = errors.New("the connection speaks another protocol now")
)

func (c *connection) DataReceived(data []byte) {
	c.dump.read(data)
	for c.broken == nil {
		x := c.x
		if x == nil {
			if len(data) != 0 {
				c.pool.drop(&c.pooled)
				c.abort(errUnsolicited)
			}
			return
		}
		if !c.heard && len(data) != 0 {
			c.heard = true
			if x.trace.gotFirstResponseByte(); c.broken != nil {
				return
			}
		}
		n, event, err := c.reader.Next(data)
		if err != nil {
			c.abort(explained(err))
			return
		}
		data = data[n:]
		switch event {
		case http1.NeedMore:
			x.letGo()
			return
		case http1.Informational:
			head := c.reader.Head()
			x.informed(head.Code, head.Header)
		case http1.Head:
			c.headReceived(x, len(data))
		case http1.Data:
			x.body.Write(c.reader.Data())
		case http1.End:
			if trailer := c.reader.Trailer(); trailer != nil {
				x.trailersReceived(trailer)
			}
			c.end(x, len(data))
		case http1.Upgraded:
			c.upgrade(x, data)
		}
	}
}

// headReceived gives x the response, of which extra bytes more are received.
func (c *connection) headReceived(x *exchange, extra int) {
	head := c.reader.Head()
	if head.Code == http.StatusExpectationFailed && x.expects() && !x.continued && (x.held || !x.produced) {
		c.repeat(x)
		return
	}
	if x.refuseUpload(); x.over() {
		return // StopProducing cancelled x
	}
	c.expiry = nil
	if values := head.Header["Keep-Alive"]; len(values) != 0 {
		c.persistent = c.keepAlive(values) && c.persistent
	}
	r := x.respond(c.transport, neutral(head), nil)
	if x.over() {
		return // Release cancelled x
	}
	if head.Length == 0 { // r is complete: the program that gets it may use c
		c.end(x, extra)
	}
	x.fire(r)
}

// neutral returns h without what only HTTP/1.1 has.
func neutral(h *http1.ResponseHead) responseHead {
	return responseHead{
		version: h.Version.String(), code: h.Code, phrase: h.Phrase, header: h.Header, length: h.Length, trailers: h.Chunked,
	}
}

// repeat sends x without its Expect over another connection, since the server answers that
// it does not know an Expect (RFC 9110, section 10.1.1). On this connection the server may
// wait for the body, or never read the part of it that is on its way.
func (c *connection) repeat(x *exchange) {
	if x.stopUpload(); x.over() {
		return // StopProducing cancelled x
	}
	if x.trace.wroteRequest(errAnsweredEarly); x.over() {
		return
	}
	x.expectless = true
	c.x, x.carrier = nil, nil
	c.broken = reactor.ErrConnectionDone
	if x.produced {
		c.transport.AbortConnection()
	} else {
		c.transport.LoseConnection()
	}
	x.agent.resend(x)
}

// end ends x, whose response is complete. extra is the number of bytes received after it:
// they close the connection but do no harm to the response.
func (c *connection) end(x *exchange, extra int) {
	c.x, x.fresh = nil, nil
	c.dump.end()
	if c.persistent && c.reader.Head().KeepAlive && extra == 0 && x.upload == nil && !x.cutShort && !c.transport.PeerClosed() {
		c.transport.ResumeProducing() // the reader of the body may have paused it
		x.carrier = nil               // put may send the next request, which x must not touch
		x.trace.putIdleConn()
		c.pool.put(&c.pooled)
	} else {
		c.leave(x)
		x.carrier = nil
	}
	x.body.End(response.ErrDone)
}

// leave closes c after x has ended. It aborts c if the server answered before it had the
// whole request: the server may never read the remaining part.
func (c *connection) leave(x *exchange) {
	c.broken = reactor.ErrConnectionDone
	x.stopUpload()
	x.trace.wroteRequest(errAnsweredEarly)
	if x.cutShort {
		c.transport.AbortConnection()
		return
	}
	c.transport.LoseConnection()
}

// upgrade hands the transport over to the receiver of x's response. early holds the bytes
// that the server has already sent in the new protocol.
func (c *connection) upgrade(x *exchange, early []byte) {
	if !asked(x.request, c.reader.Head().Code) {
		c.abort(ErrNotUpgraded)
		return
	}
	x.refuseUpload()
	x.stopUpload()
	x.trace.wroteRequest(errAnsweredEarly)
	if x.over() {
		return // StopProducing or a hook cancelled x
	}
	c.x, x.carrier = nil, nil
	c.broken = errUpgraded
	c.dump.end()
	r := x.respond(c.transport, neutral(c.reader.Head()), response.NewUpgrade(c.transport, early))
	if x.over() { // Release cancelled x
		c.transport.AbortConnection()
		return
	}
	x.body.End(response.ErrDone)
	x.fire(r)
}

// asked reports whether req asked for what a response with code does to the connection: a
// 2xx to CONNECT makes it a tunnel, a 101 upgrades it.
func asked(req *request.Request, code int) bool {
	if req.Method == http.MethodConnect {
		return code/100 == 2
	}
	return http1.HasToken(req.Header["Connection"], "upgrade")
}

// ConnectionLost ends the exchange that c carries, if there is one.
func (c *connection) ConnectionLost(reason error) {
	x, broken := c.x, c.broken
	c.dump.lost(reason)
	if c.broken == nil {
		c.broken = reason
	}
	c.pool.drop(&c.pooled)
	if x != nil {
		x.stopUpload()
		x.trace.wroteRequest(reason)
		c.x, x.carrier = nil, nil
		c.lost(x, reason, broken)
	}
	c.inPlain.Remove()
	c.pool.closed(c.group)
	if c.gone != nil {
		c.gone.Callback(deferred.None{})
	}
}

// lost ends x, which c carried when its transport was lost for reason. broken is an
// earlier error of c, or nil.
func (c *connection) lost(x *exchange, reason, broken error) {
	_, cut := c.reader.Finish()
	reasons := []error{reason}
	switch {
	case broken != nil:
		reasons[0] = broken
	case explained(cut) != cut:
		reasons[0] = explained(cut)
	case cut != nil:
		if x.cutShort && !x.answered && !errors.Is(reason, reactor.ErrConnectionDone) {
			reasons[0] = &sendError{reason}
		}
		reasons = append(reasons, cut)
	}
	switch {
	case x.answered && broken == nil && cut == nil && inOrder(reason):
		x.body.End(response.ErrPotentialDataLoss)
	case x.answered:
		x.body.End(&response.FailedError{Reasons: reasons, Response: x.answer()})
	case x.over(): // x was cancelled, or its body failed
	case c.heard:
		x.fail(&response.FailedError{Reasons: reasons})
	case c.mayBeDead() && x.idempotent() && (x.held || !x.produced):
		x.agent.resend(x) // the server closed an idle connection while the request was on its way
	default:
		x.fail(&response.NeverReceivedError{Reasons: reasons})
	}
}

// inOrder reports whether the server ended the connection in order, even if our sending
// failed.
func inOrder(reason error) bool {
	return errors.Is(reason, reactor.ErrConnectionDone) || errors.Is(reason, io.EOF)
}
