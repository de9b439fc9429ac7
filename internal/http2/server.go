package http2

// This file holds the server's side: requests as they are read, responses as they are written.

import (
	"net/http"

	"github.com/seed-7c003b53/gotreq/internal/http1"
	"github.com/seed-7c003b53/gotreq/treq/wire"
)

// A Server is the server's end of a connection.
type Server struct {
	conn
	request RequestHead
	newest  uint32 // the stream of the last Head event, until Accept or Refuse
	empty   bool   // the request of newest has no content

	shuttingDown bool // Shutdown has told the client
}

// Init begins a connection. Output has the settings. Next expects the client's preface first.
func (c *Server) Init(config Config) { c.init(c, config, true) }

// Head returns the head of the last Head event. The End of a request follows as an event, also if it has no content.
func (c *Server) Head() *RequestHead { return &c.request }

// Accept makes s the stream of the request of the last Head event.
func (c *Server) Accept(s *Stream) {
	id := c.newest
	if id == 0 {
		panic("http2: Accept without a Head event")
	}
	c.newest = 0
	c.add(s, id)
	s.flags |= receivedHead
	c.stream = s
	if s.left = c.request.Length; c.request.Method == "CONNECT" {
		s.flags |= toConnect
	}
	if p := c.request.Header["Priority"]; len(p) > 0 {
		c.prioritize(s, p[len(p)-1])
	}
	if priority, ok := c.early.take(id); ok {
		c.prioritize(s, priority)
	}
	if c.empty {
		c.ended = s
	}
}

// Refuse resets the stream of the last Head event instead.
func (c *Server) Refuse(code wire.Code) {
	if id := c.newest; id != 0 {
		c.newest = 0
		c.refuse(id, code, "requests that were refused")
	}
}

// settle implements side: a request that was neither accepted nor refused is refused.
func (c *Server) settle() error {
	c.Refuse(wire.RefusedStream)
	return c.err
}

// Shutdown adds the GOAWAY of the first step, with the highest number: the client opens no more streams, but none that is
// on its way is lost. GoAway follows a round trip later, for example after the answer to a Ping (RFC 9113, section 6.8).
// A second call adds nothing, nor does one after GoAway, whose number must not grow again.
func (c *Server) Shutdown() {
	if c.err == nil && !c.goingAway && !c.shuttingDown {
		c.shuttingDown = true
		c.out = appendGoAway(c.out, maxStreamID, uint32(wire.NoError), "")
	}
}

// unopened implements side: it handles the header block of a new stream.
func (c *Server) unopened(b headerBlock) (Event, error) {
	id := b.stream
	switch {
	case c.ours(id):
		return 0, c.fail(wire.ProtocolError, wire.ErrStreamState, "5.1.1", "HEADERS on stream %d, whose number is that of a server", id)
	case id <= c.lastPeer && c.gaps.has(id):
		return 0, c.fail(wire.ProtocolError, wire.ErrStreamState, "5.1.1", "HEADERS on stream %d after stream %d", id, c.lastPeer)
	case id <= c.lastPeer, c.goingAway:
		return c.onClosed(id)
	}
	if from := (c.lastPeer + 1) | 1; from < id {
		c.gaps.add(from, id)
	}
	c.lastPeer = id
	switch {
	case c.streams.Len() >= c.config.MaxStreams:
		return NeedMore, c.refuse(id, wire.RefusedStream, "streams beyond the limit")
	case b.self:
		return NeedMore, c.refuse(id, wire.ProtocolError, "malformed requests")
	}
	if err := c.readRequest(b.end); err != nil {
		return NeedMore, c.refuse(id, wire.ProtocolError, "malformed requests")
	}
	c.newest, c.empty, c.stream = id, b.end, nil
	return Head, nil
}

// message implements side. The head of a request comes before its stream is accepted.
func (c *Server) message(*Stream, bool) (Event, error) { panic("http2: a stream without a request") }

// readRequest reads the head of a request, strictly: what another server could read differently is refused.
func (c *Server) readRequest(end bool) error {
	c.request = RequestHead{}
	h := &c.request
	var p pseudo
	fields, err := c.fields.pseudo(&p, requestPseudo)
	if err != nil {
		return err
	}
	h.Method, h.Scheme, h.Authority, h.Path, h.Protocol = p.method, p.scheme, p.authority, p.path, p.protocol
	if err := c.checkRequest(&p, h); err != nil {
		return err
	}
	section, err := c.fields.section(fields, false, h.Authority)
	if err != nil {
		return err
	}
	h.Header = section.header
	if h.Length, err = section.length(); err != nil {
		return err
	}
	switch {
	case len(h.Path) > c.config.Limits.StartLineBytes:
		h.Err = http1.Errorf(wire.ErrStartLineTooLong, "a path of %d bytes, %d are allowed", len(h.Path), c.config.Limits.StartLineBytes)
	case c.fields.tooLarge != nil:
		h.Err = c.fields.tooLarge
	}
	if h.Authority == "" {
		hosts := h.Header["Host"]
		switch {
		case len(hosts) == 0 && h.Err == nil:
			return http1.Errorf(wire.ErrHost, "neither :authority nor Host")
		case len(hosts) == 1:
			if !http1.IsHostAndPort(hosts[0]) {
				return http1.Errorf(wire.ErrHost, "%s", http1.Quote(hosts[0]))
			}
			h.Authority = hosts[0]
		}
	}
	switch {
	case h.Method == "CONNECT":
		h.Length = -1
	case end && h.Length > 0:
		return http1.Errorf(wire.ErrPartialBody, "%d bytes are missing of what Content-Length says", h.Length)
	case end:
		h.Length = 0
	}
	h.Expect100 = http1.HasToken(h.Header["Expect"], "100-continue")
	return nil
}

// checkRequest checks the pseudo-headers (RFC 9113, sections 8.3.1 and 8.5; RFC 8441, section 4).
func (c *Server) checkRequest(p *pseudo, h *RequestHead) error {
	const all = hasMethod | hasScheme | hasPath
	connect := p.has&hasMethod != 0 && p.method == "CONNECT"
	switch {
	case p.has&hasProtocol != 0 && (!connect || !c.config.ConnectProtocol || !http1.IsToken(p.protocol)):
		return pseudoError(":protocol is %s with the method %s", http1.Quote(p.protocol), http1.Quote(p.method))
	case connect && p.has&hasProtocol == 0:
		if p.has != hasMethod|hasAuthority {
			return pseudoError("CONNECT has exactly :method and :authority")
		}
		if err := http1.CheckTarget("CONNECT", p.authority, false); err != nil {
			return err
		}
		h.Path = p.authority
		return nil
	case p.has&all != all:
		return pseudoError(":method, :scheme or :path is missing")
	case p.has&hasAuthority != 0 && !http1.IsHostAndPort(p.authority):
		return http1.Errorf(wire.ErrHost, "%s", http1.Quote(p.authority))
	case !http1.IsScheme(p.scheme):
		return pseudoError(":scheme is %s", http1.Quote(p.scheme))
	case p.path == "", p.path[0] != '/' && p.path != "*":
		return http1.Errorf(wire.ErrTarget, "%s", http1.Quote(p.path))
	}
	if err := http1.CheckMethod(p.method); err != nil {
		return err
	}
	if connect {
		return http1.CheckTarget("GET", p.path, true)
	}
	return http1.CheckTarget(p.method, p.path, true)
}

// Inform sends an interim response. On an error, which is a [*wire.Error], nothing was sent.
func (c *Server) Inform(s *Stream, code int, header http.Header) error {
	if code/100 != 1 || code == http.StatusSwitchingProtocols {
		return http1.Errorf(wire.ErrStatusLine, "the code is %d", code)
	}
	return c.respond(s, &ResponseHead{Code: code, Header: header, Length: -1}, false)
}

// Respond sends the head of the final response. end: no body follows. On an error, which is a [*wire.Error], nothing was
// sent.
func (c *Server) Respond(s *Stream, h *ResponseHead, end bool) error {
	if h.Code < 200 || h.Code > 999 {
		return http1.Errorf(wire.ErrStatusLine, "the code is %d", h.Code)
	}
	return c.respond(s, h, end)
}

func (c *Server) respond(s *Stream, h *ResponseHead, end bool) error {
	w := &c.writer
	if err := w.take(h.Header); err != nil || !c.writable(s) {
		return err
	}
	w.begin()
	w.status(h.Code)
	if h.Length >= 0 && h.Code != http.StatusNoContent {
		w.length(h.Length)
	}
	w.fields()
	w.end(s.id, end)
	if h.Code >= 300 {
		s.flags &^= toConnect
	}
	if end {
		c.sendEnd(s)
	}
	return nil
}
