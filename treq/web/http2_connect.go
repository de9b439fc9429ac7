package web

import (
	"encoding/base64"
	"encoding/binary"
	"log/slog"
	"maps"
	"net/http"

	"github.com/seed-7c003b53/gotreq/internal/duplex"
	"github.com/seed-7c003b53/gotreq/internal/http1"
	"github.com/seed-7c003b53/gotreq/internal/http2"
	"github.com/seed-7c003b53/gotreq/reactor"
	"github.com/seed-7c003b53/gotreq/treq/wire"
)

// This file has CONNECT over HTTP/2 (RFC 9113, section 8.5), and extended CONNECT (RFC 8441). What a program takes over by
// Hijack or SwitchProtocol is then the stream, as a Transport of package duplex.

const webSocket = "websocket"

// requestHead returns the head of a request that came as h. An extended CONNECT for a WebSocket gets the form of HTTP/1.1 (RFC
// 6455, section 4.1), so that programs and libraries need not know the version. Another one has its protocol in the header
// ":protocol", as in net/http.
func (c *h2Connection) requestHead(h *http2.RequestHead) requestHead {
	head := requestHead{method: h.Method, target: h.Path, version: "HTTP/2.0", header: h.Header, length: h.Length}
	switch h.Protocol {
	case "":
	case webSocket:
		head.method, head.length = http.MethodGet, 0
		h.Header["Connection"] = []string{"Upgrade"}
		h.Header["Upgrade"] = []string{webSocket}
		h.Header["Sec-Websocket-Key"] = []string{c.webSocketKey()}
	default:
		h.Header[":protocol"] = []string{h.Protocol}
	}
	return head
}

// webSocketKey returns the key that a client would have made. The answer to it is not sent.
func (c *h2Connection) webSocketKey() string {
	var key [16]byte
	binary.LittleEndian.PutUint64(key[:], c.reactor.Rand().Uint64())
	binary.LittleEndian.PutUint64(key[8:], c.reactor.Rand().Uint64())
	return base64.StdEncoding.EncodeToString(key[:])
}

// A tunnel is the part of a stream that CONNECT has opened.
type tunnel struct {
	protocol  string            // of an extended CONNECT; "" for the others
	transport *duplex.Transport // of the program that has taken the stream over; nil before
	answered  bool              // the head of the response was sent
	ended     bool              // the stream has ended
}

// taken reports whether a program has taken the stream over.
func (t *tunnel) taken() bool { return t != nil && t.transport != nil }

func (t *tunnel) isWebSocket() bool { return t != nil && t.protocol == webSocket }

// tunnelHead makes h the head of a response to CONNECT on the wire.
//
// A 101 agrees to a WebSocket over HTTP/1.1; over HTTP/2 that is a 2xx (RFC 8441, section 5). Another 2xx would be taken for
// an agreement too: the program does not know that it was asked for a WebSocket, and the answer becomes a 501 (RFC 8441,
// section 4, by way of RFC 9220, section 3).
func (s *h2Stream) tunnelHead(h *responseHead) {
	t := s.tunnel
	t.answered = true
	switch {
	case t.protocol == webSocket && h.code == http.StatusSwitchingProtocols:
		h.code, h.length = http.StatusOK, -1
		h.header = maps.Clone(h.header)
		delete(h.header, "Sec-Websocket-Accept")
		delete(h.header, "Content-Length")
	case t.protocol == webSocket && h.code/100 == 2:
		h.code = http.StatusNotImplemented
	}
}

// hijack implements carrier: a stream that CONNECT has opened can be taken over.
func (s *h2Stream) hijack() (socket, bool) {
	if s.tunnel == nil || s.over {
		return socket{}, false
	}
	t := duplex.New((*h2Tunnel)(s))
	s.tunnel.transport = t
	s.watch.end()
	s.finished, s.over, s.puller = true, true, nil
	s.conn.tunnels++
	s.consumed()
	t.PauseProducing()
	if len(s.in) != 0 {
		t.Received(s.in)
	}
	s.in = nil
	if s.ended {
		t.ReceivedEnd()
	}
	for s.body.Size() != 0 {
		t.Write(s.body.Take(maxPiece))
	}
	if s.tunnel.answered {
		return socket{transport: t, paused: true}, true
	}
	raw := &rawTunnel{Transport: t, stream: s}
	raw.reader.SetLimits(s.conn.site.limits())
	raw.reader.Start(s.req.Method)
	return socket{transport: raw, paused: true}, true
}

// An h2Tunnel is a stream as a duplex.Carrier.
type h2Tunnel h2Stream

func (t *h2Tunnel) Room() int { return (*h2Stream)(t).room() }

func (t *h2Tunnel) Send(p []byte, end bool) {
	s := (*h2Stream)(t)
	switch {
	case !s.tunnel.answered: // the program has ended without an answer
		t.Reset(wire.Cancel)
		return
	case len(p) != 0:
		s.send1(p, end)
	default:
		s.conn.machine.WriteData(&s.Stream, nil, end)
	}
	s.conn.flush()
	t.settle()
}

func (t *h2Tunnel) Wait() {
	t.conn.machine.Wait(&t.Stream)
	t.conn.sendLater()
}

func (t *h2Tunnel) Consumed(n int) {
	t.conn.machine.Consumed(&t.Stream, n)
	t.conn.flush()
}

func (t *h2Tunnel) Reset(code wire.Code) {
	t.conn.machine.Reset(&t.Stream, code)
	t.conn.flush()
	t.settle()
}

func (t *h2Tunnel) Connection() reactor.Transport { return t.conn.transport }

// settle is called when the stream may have ended.
func (t *h2Tunnel) settle() {
	if t.Closed() {
		(*h2Stream)(t).tunnelEnded()
		t.conn.settle()
	}
}

// tunnelEnded counts the tunnels that are left.
func (s *h2Stream) tunnelEnded() {
	if !s.tunnel.ended {
		s.tunnel.ended = true
		s.conn.tunnels--
	}
}

// A rawTunnel is the Transport of a program that has taken a stream over without an answer. Such a program writes the answer
// itself, in the format of HTTP/1.1, as gorilla's WebSockets do. The rawTunnel reads it and sends it in the format of HTTP/2.
type rawTunnel struct {
	*duplex.Transport
	stream *h2Stream
	reader http1.ResponseReader
	state  rawState
}

type rawState uint8

const (
	rawHead  rawState = iota // the head of the answer has not been written
	rawBody                  // the answer is an error, whose body follows
	rawOpen                  // the tunnel is open
	rawEnded                 // what is written is dropped
)

func (r *rawTunnel) Write(p []byte) {
	for r.state < rawOpen {
		n, event, err := r.reader.Next(p)
		p = p[n:]
		switch {
		case err != nil:
			slog.Error("web: a program that has taken over a CONNECT wrote no response", "uri", r.stream.req.shownURI(), "error", err)
			r.state = rawEnded
			r.AbortConnection()
		case event == http1.NeedMore:
			return
		case event == http1.Informational:
			r.stream.inform(r.reader.Head().Code, r.reader.Head().Header)
		case event == http1.Head, event == http1.Upgraded:
			r.answer(event)
		case event == http1.Data:
			r.Transport.Write(r.reader.Data())
		case event == http1.End:
			r.state = rawEnded
			r.Transport.UnregisterProducer() // the end need not wait for the program
			r.Transport.LoseWriteConnection()
		}
	}
	if r.state == rawOpen {
		r.Transport.Write(p)
	}
}

// answer sends the head of the answer.
func (r *rawTunnel) answer(event http1.Event) {
	head := r.reader.Head()
	h := responseHead{code: head.Code, phrase: head.Phrase, header: head.Header, length: head.Length}
	r.state = rawBody
	if event == http1.Upgraded {
		r.state, h.length = rawOpen, -1
	}
	if err := r.stream.writeHead(h, nil, false); err != nil {
		slog.Error("web: a response cannot be sent", "uri", r.stream.req.shownURI(), "error", err)
		r.state = rawEnded
		r.AbortConnection()
	}
}

func (r *rawTunnel) WriteSequence(pieces ...[]byte) {
	for _, p := range pieces {
		r.Write(p)
	}
}

// LoseConnection and LoseWriteConnection also end a body that has no other end.

func (r *rawTunnel) LoseConnection() {
	if r.state == rawHead {
		r.AbortConnection()
		return
	}
	r.Transport.LoseConnection()
}

func (r *rawTunnel) StopProducing() { r.LoseConnection() }

var _ reactor.Transport = (*rawTunnel)(nil)
