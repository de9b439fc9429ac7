package web

import (
	"errors"
	"log/slog"
	"net/http"

	"github.com/seed-7c003b53/gotreq/internal/http1"
	"github.com/seed-7c003b53/gotreq/internal/http2"
	"github.com/seed-7c003b53/gotreq/internal/pieces"
	"github.com/seed-7c003b53/gotreq/reactor"
	"github.com/seed-7c003b53/gotreq/treq/wire"
)

// This file has a stream of HTTP/2 as a carrier: one request and its response.

// An h2Stream is the carrier of one request that came over HTTP/2, with the request itself. It is
// Twisted's H2Stream.
type h2Stream struct {
	http2.Stream
	conn  *h2Connection
	req   Request
	watch watch

	tunnel *tunnel // non-nil for a CONNECT

	// The content.
	announced int64       // the length of the content; -1 if unknown
	in        []byte      // content received, but not wanted yet
	trailer   http.Header // after in
	delivered int         // bytes that were delivered, but may not be replaced by others yet
	dropped   int64       // bytes of content that were dropped

	// The response.
	body   pieces.Queue // of the response, what may not be sent yet
	after  http.Header  // the trailers of the response
	puller reactor.PullProducer
	turn   int   // how much may be sent now, while the machine has named the stream
	taken  int64 // bytes that were sent since watch awaits awaitWritten
	mark   int64 // the connection's passed when that began

	receiving  bool // the content has not ended, or its end was not delivered
	ended      bool // the content has ended
	held       bool // the request has paused its content
	delivering bool // content is being delivered
	expecting  bool // the client waits for a 100 before it sends the content
	waits      bool // the machine will name the stream when it may send
	finished   bool // the response is complete
	short      bool // its body is not
	over       bool // the end of the response is sent, or it is lost
}

// slowWrite is the number of bytes that a client has to take within WriteTimeout.
const slowWrite = maxPiece / 4

// streamOf returns the carrier of a stream of the machine.
func streamOf(s *http2.Stream) *h2Stream { return s.Owner.(*h2Stream) }

// newH2Stream accepts the request with the given head.
func newH2Stream(c *h2Connection, head *http2.RequestHead) *h2Stream {
	s := &h2Stream{
		conn: c, announced: head.Length, receiving: head.Length != 0, held: true, expecting: head.Expect100,
		watch: watch{credit: c.limit(awaitContent)},
	}
	s.Owner = s
	c.machine.Accept(&s.Stream)
	if head.Method == http.MethodConnect {
		s.tunnel = &tunnel{protocol: head.Protocol}
	}
	h := c.requestHead(head)
	s.req.init(&c.connection, s, &h)
	return s
}

// begin begins the request, or refuses it because of err.
func (s *h2Stream) begin(err error) {
	defer s.caught()
	if err != nil {
		s.req.refuseFor(err)
	} else {
		s.req.begin()
	}
}

// caught is deferred by the methods that call functions of the program. The transport would lose
// the connection after a panic, with all its streams. So the panic ends only this request.
func (s *h2Stream) caught() {
	if v := recover(); v != nil {
		s.delivering, s.turn = false, 0
		s.req.recovered(v)
	}
}

// Content.

// contentReceived is called for each piece of content.
func (s *h2Stream) contentReceived(data []byte) {
	defer s.caught()
	switch {
	case s.tunnel.taken():
		s.tunnel.transport.Received(data)
	case s.finished || !s.receiving:
		s.drop(len(data))
	case s.held || s.delivering:
		s.in = append(s.in, data...)
	default:
		s.deliver(data)
		s.deliverMore()
	}
}

// deliver passes content to the request. The client may send as much again, unless the request
// wants no more at present.
func (s *h2Stream) deliver(data []byte) {
	s.watch.received += int64(len(data))
	s.expecting = false
	s.delivered += len(data)
	s.delivering = true
	s.req.contentReceived(data)
	s.delivering = false
}

// deliverMore delivers what waits, as long as the request wants it.
func (s *h2Stream) deliverMore() {
	for !s.held && !s.delivering && s.receiving && !s.finished {
		if len(s.in) != 0 {
			data := s.in
			s.in = nil
			s.deliver(data)
			continue
		}
		if s.ended {
			s.receiving = false
			s.awaitNext()
			s.req.contentEnd(s.trailer)
			return
		}
		s.consumed()
		s.awaitContent()
		return
	}
}

// consumed lets the client send as much as was delivered.
func (s *h2Stream) consumed() {
	if s.delivered != 0 {
		s.conn.machine.Consumed(&s.Stream, s.delivered)
		s.delivered = 0
	}
}

// contentEnded is called when the client has ended its side.
func (s *h2Stream) contentEnded(trailer http.Header) {
	defer s.caught()
	s.ended, s.trailer = true, trailer
	if s.tunnel.taken() {
		s.tunnel.transport.ReceivedEnd()
		(*h2Tunnel)(s).settle()
		return
	}
	if s.over {
		s.watch.end()
		return
	}
	s.detachIfClosed()
	if s.watch.awaiting == awaitContent {
		s.awaitNext()
	}
	s.deliverMore()
}

// drop drops n bytes of content that nobody wants. A client that sends too many of them is told
// to stop.
func (s *h2Stream) drop(n int) {
	s.expecting = false
	if s.dropped += int64(n); s.dropped > maxDropped && s.over {
		s.reset(wire.NoError)
		return
	}
	s.conn.machine.Consumed(&s.Stream, n)
}

// clientEnded is called when the client has ended its side of the whole connection.
func (s *h2Stream) clientEnded() {
	defer s.caught()
	if s.tunnel.taken() {
		s.reset(wire.Cancel)
		s.lost(reactor.ErrConnectionDone)
		return
	}
	if !s.ended && s.receiving {
		s.cut(&wire.Error{Kind: wire.ErrPartialBody, Detail: "before the end of the stream"})
	}
	if !s.over {
		s.req.peerGone(reactor.ErrConnectionDone)
	} else if !s.Closed() {
		s.reset(wire.NoError)
	}
}

// cut ends the content early.
func (s *h2Stream) cut(err error) {
	s.receiving = false
	s.in = nil
	s.req.contentLost(err)
}

// resumeContent implements carrier.
func (s *h2Stream) resumeContent() {
	if s.tunnel.isWebSocket() {
		return // the request seems to have no content
	}
	if s.expecting && !s.req.headSent {
		s.expecting = false
		s.conn.machine.Inform(&s.Stream, http.StatusContinue, nil)
	}
	s.held = false
	s.deliverMore()
	s.conn.flush()
}

// pauseContent implements carrier. It stops only this stream.
func (s *h2Stream) pauseContent() {
	s.held = true
	if s.watch.awaiting == awaitContent {
		s.awaitNext()
	}
}

// The response.

// writeHead implements carrier.
func (s *h2Stream) writeHead(h responseHead, body []byte, last bool) error {
	c := s.conn
	if s.tunnel != nil {
		s.tunnelHead(&h)
	} else if !h.refused && http1.HasToken(h.header["Connection"], "close") {
		c.shutDown() // as net/http
	}
	// The head ends the response to a HEAD for the client, though its resource may go on.
	whole := s.req.Method == http.MethodHead || last && !h.trailers && (h.bodiless || h.length == int64(len(body)))
	head := http2.ResponseHead{Code: h.code, Header: h.header, Length: h.length}
	err := c.machine.Respond(&s.Stream, &head, whole && len(body) == 0)
	if err != nil {
		slog.Error("web: parts of a response's head may not be sent and are left out", "error", err)
		head.Header = cleaned(h.header)
		if err = c.machine.Respond(&s.Stream, &head, whole && len(body) == 0); err != nil {
			return err
		}
	}
	switch room := s.room(); {
	case len(body) == 0:
	case whole && len(body) <= room:
		c.machine.WriteData(&s.Stream, body, true)
		c.pass(len(body))
	default:
		s.queue(body)
	}
	if !last {
		s.detachIfClosed()
		c.flush()
	}
	return nil
}

// detachIfClosed keeps the request of a stream that has ended on both sides, and that the machine therefore does not know
// any more, while its response goes on: that of a HEAD, of which only the head is sent. The client cannot reset it. So if
// too many go on, the oldest one is told that nobody waits for it.
func (s *h2Stream) detachIfClosed() {
	c := s.conn
	if !s.Closed() || s.over {
		return
	}
	c.detached = append(c.detached, s)
	if len(c.detached) > c.mostRunning/2 {
		oldest := c.detached[0]
		c.removeDetached(oldest)
		c.reactor.CallLater(0, func() {
			if !oldest.over {
				oldest.lost(errHeadSent)
			}
		})
	}
}

// errHeadSent is the error of a response to a HEAD that goes on too long.
var errHeadSent = errors.New("web: the client has received the response to its HEAD, and too many others still go on")

// write implements carrier.
func (s *h2Stream) write(p []byte) {
	s.queue(p)
	s.conn.flush()
}

// room returns how many bytes may be passed to the transport now.
func (s *h2Stream) room() int {
	c := s.conn
	n := min(c.machine.Room(&s.Stream), c.budget)
	if s.turn > 0 {
		n = min(n, s.turn)
	}
	return max(0, n)
}

// queue sends p, or keeps what may not be sent yet.
func (s *h2Stream) queue(p []byte) {
	waited := s.body.Size() != 0
	if !waited && len(p) <= maxPiece {
		n := min(len(p), s.room())
		if n > 0 {
			s.send1(p[:n], false)
			p = p[n:]
		}
		if len(p) == 0 {
			s.waitForPuller()
			return
		}
	}
	if len(p) > maxPiece {
		s.body.Keep(p)
	} else {
		s.body.Copy(p)
	}
	if s.turn == 0 { // else send is running, and does it
		s.wait()
	}
	if !waited {
		s.req.pauseWriting()
	}
}

// send1 passes p to the transport.
func (s *h2Stream) send1(p []byte, end bool) {
	s.conn.machine.WriteData(&s.Stream, p, end)
	s.turn = max(0, s.turn-len(p))
	s.taken += int64(len(p))
	s.conn.pass(len(p))
}

// wait makes the machine name the stream when it may send.
func (s *h2Stream) wait() {
	if !s.waits {
		s.waits = true
		s.conn.machine.Wait(&s.Stream)
	}
	s.conn.sendLater()
	if s.watch.awaiting != awaitWritten || s.taken >= slowWrite {
		s.taken, s.mark = 0, s.conn.passed
		s.watch.await(&s.conn.connection, s, awaitWritten)
	}
}

// waitForPuller waits for the next time to ask the producer.
func (s *h2Stream) waitForPuller() {
	if s.puller != nil && s.turn == 0 && !s.finished {
		s.wait()
	}
}

// send is called when the machine has named the stream: n bytes may be sent.
func (s *h2Stream) send(n int) {
	defer s.caught()
	s.waits = false
	if s.tunnel.taken() {
		s.tunnel.transport.Sendable(n)
		return
	}
	s.turn = n
	if s.body.Size() == 0 && s.puller != nil {
		s.puller.ResumeProducing()
	}
	for s.turn > 0 && s.body.Size() != 0 {
		most := s.room()
		if most == 0 {
			break // the producer has written to other streams
		}
		p := s.body.Take(most)
		s.send1(p, s.body.Size() == 0 && s.finished && !s.short && s.after == nil)
	}
	wrote := s.turn < n
	s.turn = 0
	switch {
	case s.over:
	case s.body.Size() != 0:
		s.wait()
	case s.finished:
		s.end()
	case s.puller != nil:
		if wrote { // else it has nothing, and writes when it has
			s.wait()
		} else {
			s.awaitNext()
		}
	default:
		s.awaitNext()
		s.req.resumeWriting()
	}
}

// inform implements carrier.
func (s *h2Stream) inform(code int, header http.Header) {
	if code == http.StatusContinue {
		s.expecting = false
	}
	if err := s.conn.machine.Inform(&s.Stream, code, header); err != nil {
		slog.Error("web: an interim response cannot be sent", "code", code, "error", err)
		return
	}
	s.conn.flush()
}

// finish implements carrier.
func (s *h2Stream) finish(trailer http.Header, short bool) {
	s.finished, s.after, s.short = true, trailer, short
	if s.body.Size() == 0 && s.turn == 0 {
		s.end()
	}
	s.conn.flush()
	s.conn.settle()
}

// end sends the end of the response. What is left of the content is dropped.
func (s *h2Stream) end() {
	c := s.conn
	s.over = true
	c.removeDetached(s)
	c.unwritten = append(c.unwritten, s)
	switch {
	case s.SentEnd():
	case s.short: // shows the client that the body is not complete
		s.reset(wire.InternalError)
	default:
		if err := c.machine.WriteTrailer(&s.Stream, s.after); err != nil {
			slog.Error("web: trailers that cannot be sent are left out", "uri", s.req.shownURI(), "error", err)
			c.machine.WriteTrailer(&s.Stream, nil)
		}
	}
	switch {
	case s.Closed():
		s.watch.end()
	case s.tunnel != nil && !s.ended, !s.receiving && !s.ended && s.announced != 0, s.expecting, s.announced > maxDropped, c.readEnded:
		s.reset(wire.NoError) // the client will not send the content, or it is too long to be dropped
	default:
		n := s.delivered + len(s.in)
		s.in, s.delivered = nil, 0
		s.drop(n)
		s.watch.await(&c.connection, s, awaitNothing) // the response is sent
		s.awaitContent()
	}
}

// written is called when the transport has taken the whole response.
func (s *h2Stream) written() {
	defer s.caught()
	s.req.written()
}

// full implements carrier.
func (s *h2Stream) full() bool { return s.body.Size() != 0 }

// pull implements carrier.
func (s *h2Stream) pull(p reactor.PullProducer) {
	s.puller = p
	s.waitForPuller()
	if p == nil && s.body.Size() == 0 {
		s.conn.machine.Unwait(&s.Stream)
		s.waits = false
		s.awaitNext()
	}
}

// abort implements carrier. It ends this stream only.
func (s *h2Stream) abort() {
	s.reset(wire.InternalError)
	s.conn.flush()
	s.conn.reactor.CallLater(0, func() { s.lost(reactor.ErrConnectionAborted) })
	s.conn.settle()
}

// reset ends the stream.
func (s *h2Stream) reset(code wire.Code) {
	s.conn.machine.Reset(&s.Stream, code)
	s.forget()
}

// lost ends the request because the stream, or the connection, was lost.
func (s *h2Stream) lost(reason error) {
	defer s.caught()
	if s.tunnel.taken() {
		s.tunnelEnded()
		s.tunnel.transport.Lost(reason)
		return
	}
	s.forget()
	s.req.connectionLost(reason)
}

// forget stops all activity of the stream.
func (s *h2Stream) forget() {
	s.over = true
	s.conn.removeDetached(s)
	s.body.Clear()
	s.in, s.puller = nil, nil
	s.watch.end()
}

// Time.

// awaitContent starts the time for more content.
func (s *h2Stream) awaitContent() {
	if s.watch.awaiting != awaitWritten && !s.ended && !s.Closed() {
		s.watch.await(&s.conn.connection, s, awaitContent)
	}
}

// awaitNext is called when the awaited event has come.
func (s *h2Stream) awaitNext() {
	if s.watch.awaiting == awaitNothing {
		return
	}
	wasWritten := s.watch.awaiting == awaitWritten
	s.watch.await(&s.conn.connection, s, awaitNothing)
	if wasWritten && !s.held && s.receiving {
		s.awaitContent()
	}
}

// overdue is called when the awaited event has not come in time.
func (s *h2Stream) overdue(e awaited) {
	defer s.caught()
	c := s.conn
	switch {
	case e == awaitContent && (c.resting || len(c.in) != 0): // it may have come
		s.awaitContent()
	case e == awaitContent && s.over:
		s.reset(wire.NoError)
		c.flush()
		c.settle()
	case e == awaitContent:
		s.cut(errContentTimeout)
		c.flush()
	case c.blocked, c.machine.Window(&s.Stream) > 0 && c.passed-s.mark >= slowWrite:
		// The time of the connection counts, or the other streams were sent.
		s.taken = slowWrite
		s.wait()
	default:
		s.reset(wire.Cancel)
		c.flush()
		s.lost(errWriteTimeout)
		c.settle()
	}
}
