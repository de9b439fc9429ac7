package web

import (
	"bytes"
	"log/slog"
	"maps"
	"net/http"
	"strings"
	"time"

	"github.com/seed-7c003b53/gotreq/internal/http1"
	"github.com/seed-7c003b53/gotreq/reactor"
)

// This file has the channel as a carrier: it writes responses in the format of HTTP/1.1,
// and decides whether the connection can be used again.

// writeHead implements carrier.
func (c *channel) writeHead(h responseHead, body []byte, last bool) error {
	head := http1.ResponseHead{Version: c.version, Code: h.code, Phrase: h.phrase, Header: h.header, Length: h.length}
	head.Chunked = h.length < 0 && !h.bodiless && c.version.Minor != 0
	c.chunked, c.untilClose = head.Chunked, h.length < 0 && !h.bodiless && !head.Chunked
	closes, unknown := c.closesAfter(h)
	if closes || unknown && !last {
		c.keepAlive = false
	}
	c.expecting = false
	if unknown && c.keepAlive {
		return c.withhold(head, body)
	}
	return c.sendHead(&head, body)
}

// sendHead sends a head with the beginning of its body.
func (c *channel) sendHead(head *http1.ResponseHead, body []byte) error {
	head.KeepAlive = c.keepAlive
	out, err := appendHead(c.site.scratch[:0], head)
	if err != nil {
		return err
	}
	const small = 8 << 10 // copying so few bytes costs less than another write
	copied := len(body) <= small
	switch {
	case copied && c.chunked:
		out = http1.AppendChunk(out, body)
	case copied:
		out = append(out, body...)
	case c.chunked:
		out = http1.AppendChunkHead(out, len(body))
	}
	c.transport.Write(out)
	c.site.scratch = out
	if !copied {
		c.send(body)
		if c.chunked {
			c.send([]byte(http1.CRLF))
		}
	}
	return nil
}

// closesAfter reports whether the connection cannot be used again after h. unknown says that it depends on the content that
// is still to come: the channel does not know how much that is.
func (c *channel) closesAfter(h responseHead) (closes, unknown bool) {
	switch {
	case c.untilClose:
		return true, false // the end of the connection is the end of the body
	case h.code == http.StatusSwitchingProtocols, http1.HasToken(h.header["Connection"], "close"):
		return true, false
	case c.readEnded && len(c.in) == 0:
		return true, false
	case !c.receiving || c.req.duplex && !c.expecting:
		return false, false
	case c.expecting: // the client will not send the content
		return true, false
	}
	left := c.reader.Left(c.in)
	return left > maxDropped, left < 0
}

// A withheld is a whole response that waits for the end of the request's content, or for too much of it.
type withheld struct {
	head    http1.ResponseHead
	body    []byte
	trailer http.Header
	short   bool
}

// withhold keeps a response back until release. finish follows at once. On an error it keeps nothing.
func (c *channel) withhold(head http1.ResponseHead, body []byte) error {
	head.Header = maps.Clone(head.Header)
	head.KeepAlive = true
	if _, err := appendHead(nil, &head); err != nil {
		return err
	}
	if len(body) <= maxPiece {
		body = bytes.Clone(body)
	}
	c.withheld = &withheld{head: head, body: body}
	return nil
}

// release sends the response that was withheld.
func (c *channel) release() {
	defer c.req.caught()
	w := c.withheld
	c.withheld = nil
	c.sendHead(&w.head, w.body) // withhold has checked the head
	c.finish(w.trailer, w.short)
}

// awaitContent starts the time for more content.
func (c *channel) awaitContent() {
	switch {
	case c.withheld == nil:
		c.await(awaitContent)
	case c.watch.awaiting != awaitAnswer:
		c.await(awaitAnswer)
	}
}

func (c *channel) write(p []byte) {
	var room [20]byte
	switch {
	case !c.chunked:
		c.send(p)
	case len(p) <= maxPiece && c.waiting.Size() == 0:
		c.transport.WriteSequence(http1.AppendChunkHead(room[:0], len(p)), p, []byte(http1.CRLF))
	default:
		c.send(http1.AppendChunkHead(room[:0], len(p)))
		c.send(p)
		c.send([]byte(http1.CRLF))
	}
}

// send passes p to the transport, or keeps it if it is large or if other bytes wait.
func (c *channel) send(p []byte) {
	switch {
	case len(p) > maxPiece:
		waited := c.waiting.Size() != 0
		c.waiting.Keep(p)
		if !waited {
			c.sendLater()
		}
	case c.waiting.Size() != 0:
		c.waiting.Copy(p)
	default:
		c.transport.Write(p)
	}
}

// sendLater makes the transport ask for the unsent bytes. It registers anew for the
// producer of a response too: a transport that has just asked and got nothing would not
// ask again.
func (c *channel) sendLater() {
	c.transport.UnregisterProducer()
	c.transport.RegisterPullProducer(pulled{c})
	c.lastPiece = c.clock.Now().UnixNano()
	c.PauseProducing()
}

// sendPiece passes a piece of the unsent bytes to the transport.
func (c *channel) sendPiece() {
	c.transport.Write(c.waiting.Take(pieceSize(c.clock.Now().UnixNano(), &c.lastPiece)))
}

// pieceSize returns the size of the piece that is passed on now, when the last one was at last,
// in Unix nanoseconds. It sets last to now. A client that takes long gets less, since
// WriteTimeout counts from the last piece.
func pieceSize(now int64, last *int64) int {
	const slow, small = time.Second, maxPiece / 4
	n := maxPiece
	if time.Duration(now-*last) > slow {
		n = small
	}
	*last = now
	return n
}

// allSent is called when the transport has taken all unsent bytes.
func (c *channel) allSent() {
	c.transport.UnregisterProducer()
	if c.closing { // the transport closes now
		return
	}
	c.transport.RegisterProducer(c)
	c.ResumeProducing()
}

// inform implements carrier. HTTP/1.0 has no interim responses.
func (c *channel) inform(code int, header http.Header) {
	if c.version.Minor == 0 {
		return
	}
	if code == http.StatusContinue {
		c.expecting = false
	}
	out, err := appendHead(nil, &http1.ResponseHead{Code: code, Header: header, Length: -1, KeepAlive: true})
	if err != nil {
		slog.Error("web: an interim response cannot be sent", "code", code, "error", err)
		return
	}
	c.transport.Write(out)
}

// finish implements carrier. It reads the remaining content, and then the next request.
func (c *channel) finish(trailer http.Header, short bool) {
	c.answered = true
	if w := c.withheld; w != nil {
		w.trailer, w.short = trailer, short
		c.held = false
		c.consume()
		return
	}
	if c.chunked {
		out, err := http1.AppendLastChunk(c.site.scratch[:0], trailer)
		if err != nil {
			slog.Error("web: trailers that cannot be sent are left out", "uri", c.req.shownURI(), "error", err)
			out, _ = http1.AppendLastChunk(c.site.scratch[:0], nil)
		}
		c.send(out)
		c.site.scratch = out
	} else if len(trailer) != 0 {
		slog.Error("web: trailers are left out: over HTTP/1.1 only a body without a Content-Length has trailers, over HTTP/1.0 none", "uri", c.req.shownURI())
	}
	if c.full() {
		c.unwritten = c.req
	} else {
		c.req.written()
	}
	if short {
		c.keepAlive = false // shows the client that the body is not complete
	}
	switch {
	case c.closing:
	case !c.receiving:
		c.next()
	case !c.keepAlive:
		c.linger()
	default:
		c.held = false
		c.consume()
	}
}

// abort implements carrier. It closes the connection after the bytes that the transport has: they may have been flushed. The
// client sees by the Content-Length, or by the missing last chunk, that the body is not complete. A body that ends with the
// connection shows it only by a reset, which may lose bytes.
func (c *channel) abort() {
	c.waiting.Clear()
	req := c.req
	if !req.headSent || c.untilClose {
		c.stop()
		c.transport.AbortConnection()
		return
	}
	c.cause = reactor.ErrConnectionAborted
	c.linger()
	c.reactor.CallLater(0, func() {
		if c.req == req {
			c.req = nil
			defer req.caught()
			req.connectionLost(c.cause)
		}
	})
}

// refuse answers an invalid request, and closes the connection.
func (c *channel) refuse(code int, text string) {
	text += "\n"
	head := http1.ResponseHead{Code: code, Length: int64(len(text)), Header: http.Header{
		"Content-Type":           {"text/plain; charset=utf-8"},
		"X-Content-Type-Options": {"nosniff"},
		"Date":                   c.site.dateHeader(c.clock.Now()),
	}}
	if out, err := appendHead(nil, &head); err == nil {
		c.transport.Write(append(out, text...))
	}
	c.linger()
}

// appendHead appends a head to b. It leaves out invalid parts of the head, such as a line
// end in a value.
func appendHead(b []byte, head *http1.ResponseHead) ([]byte, error) {
	out, err := http1.AppendResponseHead(b, head)
	if err == nil {
		return out, nil
	}
	slog.Error("web: parts of a response's head may not be sent and are left out", "error", err)
	head.Header, head.Phrase = cleaned(head.Header), ""
	return http1.AppendResponseHead(b, head)
}

// cleaned returns header without what is invalid in it.
func cleaned(header http.Header) http.Header {
	clean := make(http.Header, len(header))
	for name, values := range header {
		if _, err := http1.AppendLastChunk(nil, http.Header{name: nil}); err != nil {
			continue
		}
		for _, value := range values {
			clean[name] = append(clean[name], strings.Map(func(c rune) rune {
				if c < ' ' && c != '\t' || c == 0x7f {
					return ' '
				}
				return c
			}, value))
		}
	}
	return clean
}

// The flow of content and response.

func (c *channel) resumeContent() {
	if c.expecting {
		c.expecting = false
		c.transport.Write([]byte("HTTP/1.1 100 Continue\r\n\r\n"))
	}
	c.held = false
	c.consume()
}

func (c *channel) pauseContent() {
	c.held = true
	if c.watch.awaiting == awaitContent {
		c.await(awaitNothing)
	}
}

func (c *channel) full() bool { return c.blocked || c.unsent() }

// unsent implements speaker.
func (c *channel) unsent() bool { return c.waiting.Size() != 0 }

// PauseProducing is called when the transport accepts no more bytes.
func (c *channel) PauseProducing() {
	c.blocked = true
	c.await(awaitWritten)
	if c.req != nil {
		c.req.pauseWriting()
	}
}

// ResumeProducing is called when the transport accepts more bytes. It also lets the next
// request begin.
func (c *channel) ResumeProducing() {
	c.blocked = false
	c.watch.awaiting = awaitNothing
	switch {
	case c.req == nil:
		c.await(awaitRequest)
	case c.receiving && !c.held:
		c.awaitContent()
	}
	c.written()
	c.resumeWriting()
	c.consume()
}

func (c *channel) resumeWriting() {
	if c.req != nil {
		defer c.req.caught()
		c.req.resumeWriting()
	}
}

// written ends the response that the transport has taken.
func (c *channel) written() {
	if r := c.unwritten; r != nil {
		c.unwritten = nil
		defer r.caught()
		r.written()
	}
}

// pull implements carrier. The transport pulls instead of pausing the channel.
func (c *channel) pull(p reactor.PullProducer) {
	c.puller = p
	if c.waiting.Size() != 0 { // the transport pulls already
		c.PauseProducing()
		return
	}
	c.transport.UnregisterProducer()
	if p == nil {
		c.await(awaitNothing)
		c.transport.RegisterProducer(c)
		return
	}
	c.blocked = false
	c.await(awaitWritten)
	c.transport.RegisterPullProducer(pulled{c})
}

// pulled is the pull producer that a channel registers with the transport: for unsent
// bytes, and for the producer of a response.
type pulled struct{ c *channel }

func (p pulled) ResumeProducing() {
	c := p.c
	c.await(awaitWritten)
	switch {
	case c.waiting.Size() != 0:
		c.sendPiece()
	case c.puller != nil:
		c.blocked = false
		defer c.req.caught()
		c.puller.ResumeProducing()
	default:
		c.allSent()
	}
}

// StopProducing is the channel's.
func (p pulled) StopProducing() { p.c.StopProducing() }

// hijack implements carrier.
func (c *channel) hijack() (socket, bool) {
	s := socket{transport: c.transport, in: c.in, readEnded: c.readEnded, paused: c.paused, blocked: c.blocked}
	c.req = nil
	for c.waiting.Size() != 0 {
		c.transport.Write(c.waiting.Take(maxPiece))
	}
	c.forget()
	c.transport.UnregisterProducer()
	c.site.closed(&c.connection)
	return s, true
}
