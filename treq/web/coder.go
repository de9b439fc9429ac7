package web

import (
	"fmt"
	"log/slog"
	"net/http"

	"github.com/seed-7c003b53/gotreq/internal/pieces"
	"github.com/seed-7c003b53/gotreq/reactor"
)

// This file codes the body of a response on its way to the carrier.

// maxCoded is the number of bytes of one response that are coded in a turn: a millisecond's
// work or two. What is left waits for the next turn, and for the client.
const maxCoded = 64 << 10

// A coder stands between a request and its carrier, if the body of the response is coded.
type coder struct {
	req      *Request
	encoding *Encoding
	w        EncodingWriter
	out      []byte // coded bytes for the carrier

	length  int64        // the length of the body that the program has announced; -1 without one
	taken   int64        // the bytes written by the program
	waiting pieces.Queue // bytes that are not coded yet
	share   int          // bytes that may be coded in this turn
	unsaid  bool         // the writer may be keeping bytes back
	paused  bool         // the source of the body is paused

	turn    reactor.DelayedCall // the next turn; nil if nothing is left to do in it
	ended   bool                // Finish was called
	trailer http.Header         // for the carrier's finish
}

// startCoder begins to code the body, after the head was sent. length is what the program has
// announced, or -1.
func (r *Request) startCoder(e *Encoder, length int64) {
	c := &coder{req: r, encoding: r.encoding, length: length, share: maxCoded, paused: r.carrier.full()}
	r.coder = c
	c.encoding.open++
	c.try(func() error { c.w = e.Open(c); return nil })
}

// dropCoder ends the coder, if there is one, in the middle of the body.
func (r *Request) dropCoder() {
	if r.coder != nil {
		r.coder.drop()
	}
}

// Write takes bytes from the writer.
func (c *coder) Write(p []byte) (int, error) {
	c.out = append(c.out, p...)
	return len(p), nil
}

// write takes bytes of the body from the program. A p of more than maxPiece is not copied.
func (c *coder) write(p []byte) (int, error) {
	if c.length >= 0 && c.taken+int64(len(p)) > c.length {
		return 0, http.ErrContentLength
	}
	c.taken += int64(len(p))
	n := len(p)
	if c.pulls() {
		c.share = max(c.share, n+int(c.waiting.Size()))
	}
	switch {
	case c.waiting.Size() == 0 && n <= c.share && !c.blocked():
		c.code(p)
		c.send()
	case n > maxPiece:
		c.waiting.Keep(p)
		c.feed()
	default:
		c.waiting.Copy(p)
		c.feed()
	}
	if c.req.coder == c {
		c.pauseIfFull()
		c.later()
	}
	return n, nil
}

// pulls reports whether a pull producer makes the body: it writes a piece when the client
// accepts one.
func (c *coder) pulls() bool { return c.req.producer.Pull != nil }

// A codedPuller is a pull producer whose bytes may be coded: it asks for several small pieces at
// a time, since each one that is sent by itself costs some of the compression.
type codedPuller struct {
	req *Request
	reactor.PullProducer
}

// ResumeProducing asks for about 16 KiB.
func (p *codedPuller) ResumeProducing() {
	r, asked := p.req, int64(0)
	for {
		var before int64
		if r.coder != nil {
			before = r.coder.taken
		}
		p.PullProducer.ResumeProducing()
		if r.over() || r.producer.Pull != reactor.PullProducer(p) || r.coder == nil || r.coder.taken == before {
			return
		}
		if asked += r.coder.taken - before; asked >= 16<<10 {
			return
		}
	}
}

// blocked reports whether the client accepts no more bytes. The carrier calls resume later.
func (c *coder) blocked() bool { return !c.pulls() && c.req.carrier.full() }

// feed codes what waits, as much as the client and this turn allow.
func (c *coder) feed() {
	for c.waiting.Size() != 0 && c.share > 0 && c.req.coder == c && !c.blocked() {
		c.code(c.waiting.Take(min(maxPiece, c.share)))
		c.send()
	}
}

// code passes p to the writer.
func (c *coder) code(p []byte) {
	c.share -= len(p)
	c.unsaid = true
	c.try(func() error { _, err := c.w.Write(p); return err })
}

// try calls f, a function of the program's. If it fails, the response does.
func (c *coder) try(f func() error) {
	if c.req.coder != c {
		return
	}
	var err error
	if p := try(func() { err = f() }); p != nil {
		err = originOf(p)
	}
	if err != nil {
		r := c.req
		slog.Error("web: the encoder of a response failed", "method", r.Method, "uri", r.shownURI(), "error", err)
		c.drop()
		r.finished = false // Finish has not reached the carrier
		r.abort()
	}
}

// send passes the coded bytes to the carrier.
func (c *coder) send() {
	r := c.req
	all := c.out
	c.out = nil // in case the carrier pauses a source that writes even so
	for out := all; len(out) != 0 && !r.aborted && r.lost == nil; {
		piece := out[:min(len(out), maxPiece)]
		out = out[len(piece):]
		r.sent += int64(len(piece))
		r.carrier.write(piece)
	}
	if cap(all) <= 2*maxPiece && c.out == nil {
		c.out = all[:0]
	}
}

// full reports whether bytes of the body wait.
func (c *coder) full() bool { return c.waiting.Size() != 0 }

// later makes the next turn go on with what is left: bytes that wait, or that the writer keeps
// back.
func (c *coder) later() {
	if c.turn == nil && !c.blocked() && (c.unsaid || c.waiting.Size() != 0 || c.share < maxCoded) {
		c.turn = c.req.conn.reactor.CallLater(0, c.nextTurn)
	}
}

func (c *coder) nextTurn() {
	c.turn = nil
	c.share = maxCoded
	c.feed()
	if c.req.coder == c && c.waiting.Size() == 0 && c.unsaid && !c.ended && !c.blocked() {
		c.flush()
	}
	if c.req.coder == c {
		c.resume()
	}
}

// flush sends what the writer keeps back.
func (c *coder) flush() {
	c.unsaid = false
	c.try(func() error { return c.w.Flush() })
	c.send()
}

// flushWritten is flush before an abort: what the program has flushed in this turn would be lost with the coder.
func (c *coder) flushWritten() {
	if c.unsaid && c.waiting.Size() == 0 && !c.blocked() {
		c.flush()
	}
}

// rush sends all that was written, at once, and ends the coder without an end of the body: the
// connection is hijacked.
func (c *coder) rush() {
	for c.waiting.Size() != 0 && c.req.coder == c {
		c.code(c.waiting.Take(maxPiece))
		c.send()
	}
	c.flush()
	c.drop()
}

// resume goes on when the client accepts more bytes.
func (c *coder) resume() {
	c.feed()
	r := c.req
	switch {
	case r.coder != c: // a function of the program's has failed
		return
	case c.ended && c.waiting.Size() == 0:
		c.finish()
		return
	case c.paused && !r.full():
		c.paused = false
		r.resumeSource()
	}
	if r.coder == c {
		c.later()
	}
}

// pauseIfFull pauses the source of the body while bytes wait.
func (c *coder) pauseIfFull() {
	if r := c.req; !c.paused && !c.ended && r.full() {
		c.paused = true
		r.pauseSource()
	}
}

// end is called by Finish, with the trailer. It ends the response when all is coded.
func (c *coder) end(trailer http.Header) {
	c.ended, c.trailer = true, trailer
	if c.waiting.Size() == 0 {
		c.finish()
		return
	}
	if !c.req.contentOver {
		c.req.carrier.pauseContent()
	}
	c.later()
}

// finish ends the coded form and the response.
func (c *coder) finish() {
	r := c.req
	if c.taken < c.length {
		slog.Error("web: a body is shorter than its Content-Length", "uri", r.shownURI(), "sent", c.taken, "length", c.length)
		c.drop()
		r.finished = false
		r.abort() // the last chunk would tell the client that the body is complete
		return
	}
	w := c.w
	c.try(func() error { c.w = nil; return w.Close() })
	if r.coder != c {
		return
	}
	c.send()
	c.drop()
	r.carrier.finish(c.trailer, false)
}

// drop ends the coder, and drops what waits.
func (c *coder) drop() {
	if c.req.coder != c {
		return
	}
	c.req.coder = nil
	c.encoding.open--
	c.waiting.Clear()
	if c.turn != nil {
		c.turn.Cancel()
		c.turn = nil
	}
	if w := c.w; w != nil {
		c.w = nil
		try(func() {
			if err := w.Close(); err != nil {
				panic(fmt.Sprint(err)) // nobody sees what it writes
			}
		})
	}
	c.out = nil
}
