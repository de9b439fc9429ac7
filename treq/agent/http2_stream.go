package agent

import (
	"log/slog"
	"net/http"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/internal/duplex"
	"github.com/seed-7c003b53/gotreq/internal/http2"
	"github.com/seed-7c003b53/gotreq/internal/origin"
	"github.com/seed-7c003b53/gotreq/internal/pieces"
	"github.com/seed-7c003b53/gotreq/reactor"
	"github.com/seed-7c003b53/gotreq/treq/response"
	"github.com/seed-7c003b53/gotreq/treq/wire"
)

// An http2Stream carries one exchange over an HTTP/2 connection.
//
//	open ──End, Reset, the connection is lost──▶ ending ──what is held is delivered──▶ over
//	  │                                                                                 ▲
//	  └──abort──▶ given up ──the next turn, or the end of DataReceived───────────────────┘
//
// Both ways, bytes may wait in a stream. The body of the request waits for the windows and for the
// transport; a producer is paused while there is no room for more. The body of the response
// waits while its reader is paused; the server may send no more than a window of it.
type http2Stream struct {
	stream http2.Stream
	c      *http2Connection
	x      *exchange
	dump   *dumpedConnection

	reused     bool // the connection had brought a response before this request
	early      bool // the server's settings had not come, which say how many streams there may be
	sentBefore bool // a carrier had got x before
	heard      bool // something of the response has come

	// Sending.
	out      pieces.Queue         // what waits to be sent
	last     bool                 // nothing follows out
	producer reactor.PushProducer // of the request's body; or nil
	puller   reactor.PullProducer // the same, of a body that is asked for more; or nil
	full     bool                 // producer is paused

	// Receiving.
	held       pieces.Queue       // what waits for the reader of the body
	paused     bool               // the reader has paused the body
	delivering bool               // deliver is running
	complete   *response.Response // a response without a body, which fires with its end; or nil
	ending     error              // the reason of the end of the body, after held; nil before
	given      error              // why the stream was given up; or nil
	over       bool               // x has another carrier, or none

	tunnel *duplex.Transport // what the stream has become after a CONNECT; nil before
}

var _ carrier = (*http2Stream)(nil)

// ended reports whether nothing more may happen to s but its end.
func (s *http2Stream) ended() bool { return s.over || s.given != nil || s.ending != nil }

// Sending. The methods below are those of a carrier.

func (s *http2Stream) writeBody(data []byte, last bool) {
	if s.ended() || s.stream.SentEnd() {
		return
	}
	c := s.c
	c.enter()
	defer c.leave()
	if n := min(s.space(), len(data)); n != 0 || len(data) == 0 && last {
		s.send(data[:n], last && n == len(data))
		data = data[n:]
	}
	if s.last = last; len(data) != 0 {
		s.out.Copy(data)
		c.client.Wait(&s.stream)
	}
	if s.producer != nil && !s.full && !last && s.space() == 0 {
		s.full = true
		c.client.Wait(&s.stream) // turn resumes the producer
		s.producer.PauseProducing()
	}
}

// space returns how many bytes can be sent now.
func (s *http2Stream) space() int {
	if s.out.Size() != 0 || s.c.blocked {
		return 0
	}
	return s.c.client.Room(&s.stream)
}

func (s *http2Stream) writable() int { return min(bytesAtOnce, s.space()) }

func (s *http2Stream) endBody() {
	if s.ended() || s.stream.SentEnd() {
		return
	}
	s.c.enter()
	if s.last = true; s.out.Size() == 0 {
		s.send(nil, true)
	}
	s.c.leave()
}

// largePiece is the size from which on a piece is not copied into the machine's output.
const largePiece = 4 << 10

// send sends p, for which there is room. end says that nothing follows but the trailers.
func (s *http2Stream) send(p []byte, end bool) {
	trailed := end && s.x.trailed()
	s.sendData(p, end && !trailed)
	if trailed {
		if err := s.c.client.WriteTrailer(&s.stream, s.x.request.Trailer); err != nil {
			s.x.failGeneration(err)
			return
		}
		s.dump.write([]byte(shownFields(s.x.request.Trailer)))
	}
}

// sendData sends p, for which there is room. end says that nothing follows.
func (s *http2Stream) sendData(p []byte, end bool) {
	c := s.c
	s.dump.write(p)
	for most := c.client.MaxFrame(); len(p) >= largePiece; {
		n := min(len(p), most)
		c.flush()
		c.transport.WriteSequence(c.client.DataHead(&s.stream, n, end && n == len(p)), p[:n])
		if p = p[n:]; len(p) == 0 {
			return
		}
	}
	if len(p) != 0 || end {
		c.client.WriteData(&s.stream, p, end)
	}
}

// turn sends n bytes of what waits, and asks the producer for more when nothing waits.
func (s *http2Stream) turn(n int) {
	c := s.c
	if s.tunnel != nil {
		s.tunnel.Sendable(n)
		return
	}
	for n > 0 && s.out.Size() != 0 && !c.blocked {
		p := s.out.Take(n)
		n -= len(p)
		s.send(p, s.last && s.out.Size() == 0)
	}
	switch {
	case s.out.Size() != 0:
		c.client.Wait(&s.stream)
	case s.puller != nil:
		if s.puller.ResumeProducing(); s.puller != nil && !s.ended() {
			c.client.Wait(&s.stream)
		}
	case s.full:
		s.full = false
		s.producer.ResumeProducing()
	}
}

func (s *http2Stream) RegisterProducer(p reactor.PushProducer) {
	if s.ended() {
		p.StopProducing()
		return
	}
	s.producer = p
}

func (s *http2Stream) RegisterPullProducer(p reactor.PullProducer) {
	if s.ended() {
		p.StopProducing()
		return
	}
	s.puller = p
	s.c.enter()
	s.c.client.Wait(&s.stream)
	s.c.leave()
}

func (s *http2Stream) UnregisterProducer() { s.producer, s.puller, s.full = nil, nil, false }

// stopSending ends the sending of the request's body.
func (s *http2Stream) stopSending() {
	if s.tunnel != nil {
		return // it learns of the loss of the connection
	}
	s.out.Clear()
	if !s.stream.Closed() {
		s.c.client.Unwait(&s.stream)
	}
	s.x.stopUpload()
}

// Receiving.

// PauseProducing makes the bytes of the response's body wait in s.
func (s *http2Stream) PauseProducing() { s.paused = true }

// ResumeProducing delivers the bytes that wait.
func (s *http2Stream) ResumeProducing() {
	s.paused = false
	s.c.enter()
	s.drain()
	s.c.leave()
	if !s.paused && !s.c.reading && !s.c.muted {
		s.c.transport.ResumeProducing() // last: a transport in memory may deliver more at once
	}
}

// abort gives x up because of err, and resets the stream. Its end comes in another turn of the
// loop, as that of an HTTP/1.1 connection does: the caller may be in the middle of something.
func (s *http2Stream) abort(err error) {
	if s.over || s.given != nil {
		return
	}
	c := s.c
	s.given = err
	s.held.Clear()
	c.enter()
	if !s.stream.Closed() && s.stream.ID() != 0 {
		s.reset(wire.Cancel)
	}
	s.stopSending()
	s.x.trace.wroteRequest(err)
	c.leave()
	c.aborted = append(c.aborted, s)
	if !c.reading && c.later == nil {
		c.later = c.pool.clock.CallLater(0, func() {
			c.later = nil
			c.endAborted()
		})
	}
}

// reset sends RST_STREAM.
func (s *http2Stream) reset(code wire.Code) {
	s.dump.reset('>', code)
	s.c.client.Reset(&s.stream, code)
}

// received notes that something of the response has come.
func (s *http2Stream) received() (ok bool) {
	if !s.heard {
		s.heard = true
		s.x.trace.gotFirstResponseByte()
	}
	return !s.ended()
}

// informed handles an interim response.
func (s *http2Stream) informed(head *http2.ResponseHead) {
	s.dump.response(head)
	if code, header := head.Code, head.Header; s.received() {
		s.x.informed(code, header)
	}
}

// headReceived gives x the response.
func (s *http2Stream) headReceived(head *http2.ResponseHead) {
	x := s.x
	s.dump.response(head)
	h := responseHead{
		version: "HTTP/2.0", code: head.Code, phrase: http.StatusText(head.Code), header: head.Header, length: head.Length,
		trailers: !head.End && !s.stream.NoContent(), stream: s.stream.ID(),
	}
	end := head.End
	if !s.received() {
		return
	}
	if h.code == http.StatusMisdirectedRequest && s.misdirected() {
		return
	}
	if h.code == http.StatusExpectationFailed && x.expects() && !x.continued && (x.held || !x.produced) {
		s.repeat()
		return
	}
	if x.refuseUpload(); s.ended() {
		return // StopProducing cancelled x
	}
	if !end && x.opens(h.code) {
		s.upgrade(h)
		return
	}
	r := x.respond(s.c.transport, h, nil)
	switch {
	case s.ended(): // Release cancelled x
	case end:
		s.complete = r
	default:
		s.c.heads = append(s.c.heads, s)
		x.fire(r)
	}
}

// repeat sends x without its Expect, since the server answers that it does not know an Expect
// (RFC 9110, section 10.1.1).
func (s *http2Stream) repeat() {
	s.x.expectless = true
	s.again()
}

// again sends x again, by another carrier.
func (s *http2Stream) again() {
	x := s.x
	if x.stopUpload(); s.ended() {
		return // StopProducing cancelled x
	}
	if x.trace.wroteRequest(errAnsweredEarly); s.ended() {
		return
	}
	s.reset(wire.Cancel)
	s.release()
	x.agent.resend(x)
	s.c.settle()
}

// release ends what s has to do with x.
func (s *http2Stream) release() {
	s.over = true
	s.out.Clear()
	s.held.Clear()
	s.UnregisterProducer()
	if s.x.carrier == s {
		s.x.carrier = nil
	}
}

// dataReceived takes the next bytes of the response's body.
func (s *http2Stream) dataReceived(data []byte) {
	s.dump.read(data)
	switch {
	case s.tunnel != nil:
		s.tunnel.Received(data)
	case s.ended():
	case s.paused || s.held.Size() != 0 || s.delivering:
		s.held.Copy(data)
	default:
		s.deliver(data)
	}
}

// deliver gives data to the reader of the body. A panic of the reader ends the stream.
func (s *http2Stream) deliver(data []byte) {
	s.delivering = true
	defer func() {
		s.delivering = false
		if v := recover(); v != nil {
			p := deferred.NewPanicError(v)
			s.x.logPanic(p)
			s.abort(p)
		}
	}()
	s.x.body.Write(data)
	s.c.client.Consumed(&s.stream, len(data))
}

// drain delivers the bytes that wait, and then the end.
func (s *http2Stream) drain() {
	for !s.paused && !s.delivering && s.held.Size() != 0 && s.given == nil && !s.over {
		s.deliver(s.held.Take(pieces.Max))
	}
	if s.ending != nil && s.held.Size() == 0 && !s.delivering && s.given == nil && !s.over {
		s.finish(s.ending)
	}
}

// endReceived ends x, whose response is complete.
func (s *http2Stream) endReceived(trailer http.Header) {
	x := s.x
	if s.tunnel != nil {
		s.tunnel.ReceivedEnd()
		s.c.settle()
		return
	}
	if s.ended() {
		return
	}
	if trailer != nil {
		s.dump.trailers(trailer)
		x.trailersReceived(trailer)
	}
	if !s.stream.SentEnd() { // nobody needs the remaining part of the request
		s.stopSending()
		x.trace.wroteRequest(errAnsweredEarly)
		if s.given != nil {
			return // StopProducing or a hook cancelled x
		}
		s.reset(wire.Cancel)
	}
	s.dump.end()
	if s.c.settle(); s.given == nil {
		s.end(response.ErrDone)
	}
}

// end ends x. reason is that of the end of its body, if it has a response.
func (s *http2Stream) end(reason error) {
	if s.over {
		return
	}
	if s.x.answered && s.given == nil {
		s.ending = reason
		s.drain()
		return
	}
	s.finish(reason)
}

// finish ends x for good.
func (s *http2Stream) finish(reason error) {
	x, r := s.x, s.complete
	s.complete, x.fresh = nil, nil
	s.release()
	if !x.answered {
		x.fail(reason)
		return
	}
	s.endBodyOf(x, reason)
	if r != nil {
		x.fire(r)
	}
}

// endBodyOf ends the body of x's response. A panic of its reader is logged: nobody is left whom
// it could concern.
func (s *http2Stream) endBodyOf(x *exchange, reason error) {
	defer func() {
		if v := recover(); v != nil {
			x.logPanic(deferred.NewPanicError(v))
		}
	}()
	x.body.End(reason)
}

// logPanic reports a panic of the reader of x's body.
func (x *exchange) logPanic(p *deferred.PanicError) {
	slog.Error("agent: panic in the reader of a body", "url", origin.Excerpt(origin.Redacted(x.request.URL), origin.ExcerptOfURL), "panic", p.Value, "stack", p.Trace())
}

// maxRefusals is the number of times that an exchange is sent again because a server did not
// process it. A server that is overloaded must not be asked for ever.
const maxRefusals = 5

// lost ends x because of err, which ended its stream.
func (s *http2Stream) lost(err *wire.StreamError) {
	x := s.x
	if s.tunnel != nil {
		s.tunnel.Lost(err)
		return
	}
	if s.ended() {
		return
	}
	if s.stopSending(); s.given != nil {
		return
	}
	x.trace.wroteRequest(err)
	repeatable := x.held || !x.produced
	switch {
	case s.given != nil: // a hook cancelled x
	case x.answered && err.Remote:
		s.cut([]error{err})
	case x.answered:
		s.end(&response.FailedError{Reasons: []error{err}, Response: x.answer()})
	case x.over():
		s.release()
	case err.NotProcessed:
		if x.sent = s.sentBefore; repeatable && x.refusals < maxRefusals {
			if s.early && !s.c.leaving && !x.spared { // there were too many, which it could not know
				x.spared = true
			} else {
				x.refusals++
			}
			s.resend()
			return
		}
		s.end(&response.NeverReceivedError{Reasons: []error{err}})
	case err.Code == wire.HTTP11Required && repeatable && x.agent.overHTTP1(x):
		s.resend()
	case s.heard, !err.Remote: // there was a response, which could not be read
		s.end(&response.FailedError{Reasons: []error{err}})
	default:
		s.end(&response.NeverReceivedError{Reasons: []error{err}})
	}
}

// resend sends x again by another carrier.
func (s *http2Stream) resend() {
	s.release()
	s.x.agent.resend(s.x)
}

// errCutStream is the error of a response that is not complete.
var errCutStream = &wire.Error{Kind: wire.ErrPartialBody, Detail: "the stream was not complete"}

// cut ends x, whose response the server did not complete, for these reasons.
func (s *http2Stream) cut(reasons []error) {
	if s.stream.NoContent() { // its head is all of it, as over HTTP/1.1
		s.end(response.ErrDone)
		return
	}
	s.end(&response.FailedError{Reasons: append(reasons[:len(reasons):len(reasons)], errCutStream), Response: s.x.answer()})
}

// connectionLost ends x because its connection has ended, for these reasons.
func (s *http2Stream) connectionLost(reasons []error) {
	x, c := s.x, s.c
	s.stopSending()
	x.trace.wroteRequest(reasons[0])
	switch {
	case s.given != nil: // StopProducing or a hook cancelled x
	case x.answered:
		s.cut(reasons)
	case x.over():
		s.release()
	case s.heard:
		s.end(&response.FailedError{Reasons: reasons})
	case s.reused && c.pool.retry && x.idempotent() && (x.held || !x.produced):
		s.resend()
	default:
		s.end(&response.NeverReceivedError{Reasons: reasons})
	}
}
