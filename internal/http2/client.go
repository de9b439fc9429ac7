package http2

// This file holds the client's side: requests as they are written, responses as they are read.

import (
	"net/http"

	"github.com/seed-7c003b53/gotreq/internal/http1"
	"github.com/seed-7c003b53/gotreq/treq/wire"
)

// A RequestHead is a request without its body.
//
// A Client writes the pseudo-headers first, the names in lower case, and a Cookie in pieces (RFC 9113, section 8.2.3). It
// leaves out Host, Connection, Keep-Alive, Proxy-Connection, Transfer-Encoding, Upgrade, Content-Length, and a TE other than
// trailers.
type RequestHead struct {
	// Method is the method. CONNECT has only an Authority, unless Protocol is set (RFC 9113, section 8.5).
	Method string
	// Scheme is "http" or "https", as a rule.
	Scheme string
	// Authority is the host with its port. At a Client, a Host in Header counts more.
	Authority string
	// Path is the path with the query, or "*" for OPTIONS. A Server has that of a CONNECT as its Authority.
	Path string
	// Protocol is that of an extended CONNECT (RFC 8441).
	Protocol string
	// Header has the headers under their canonical names. At a Server it has Host, the cookies are joined, and it is never
	// nil.
	Header http.Header
	// AcceptEncoding is an Accept-Encoding that a Client writes after those in Header, unless it is empty.
	AcceptEncoding string
	// UserAgent is a User-Agent that a Client writes if Header has none, not even one without values.
	UserAgent string
	// Length is the number of bytes of the body, or -1 if it is unknown. A Client writes 0 only for POST, PUT and PATCH.
	Length int64
	// Expect100: the client waits for a 100 before it sends the body (RFC 9110, section 10.1.1).
	Expect100 bool
	// Err is set at a Server if the head is too large, so that Header is not complete: a [*wire.Error]. The response has
	// the status of its Kind.
	Err error
}

// A ResponseHead is a response without its body.
type ResponseHead struct {
	// Code is the status code, 100 to 999.
	Code int
	// Header has the headers under their canonical names. A Client's is never nil.
	Header http.Header
	// Length is the number of bytes of the body, -1 if it is unknown. At a Client it is 0 if no body follows, whatever the
	// headers say. A Server writes it, if it is not negative, but not for 204.
	Length int64
	// End: the End event follows at once. A Server does not use it.
	End bool
}

// A Client is the client's end of a connection.
type Client struct {
	conn
	response ResponseHead
}

// Init begins a connection. Output has the preface and the settings.
func (c *Client) Init(config Config) {
	c.init(c, config, false)
	c.fields.memory = new(blockMemory)
}

// Head returns the head of the last Head or Informational event. The pointer is the same each time; its Header is new.
func (c *Client) Head() *ResponseHead { return &c.response }

// CanOpen reports whether one more stream may be opened now. It may be asked before the server's settings have come.
func (c *Client) CanOpen() bool {
	return c.err == nil && c.goneAway == nil && !c.goingAway && c.next <= maxStreamID && c.streams.Len() < int(c.peer.maxStreams)
}

// Open opens s with the head h. end: no body follows. On an error, which is a [*wire.Error], nothing was sent.
func (c *Client) Open(s *Stream, h *RequestHead, end bool) error {
	authority, err := checkStart(h)
	if err != nil {
		return err
	}
	w := &c.writer
	if err := w.take(h.Header); err != nil {
		return err
	}
	if err := checkExtras(h); err != nil {
		return err
	}
	if c.peer.maxList > 0 {
		if size := listSize(h, authority); size > c.peer.maxList {
			return http1.Errorf(wire.ErrHeadersTooLarge, "%d bytes, the server takes %d", size, c.peer.maxList)
		}
	}
	if c.next > maxStreamID || c.err != nil {
		panic("http2: no stream may be opened")
	}
	c.add(s, c.next)
	c.next += 2
	switch h.Method {
	case "HEAD":
		s.flags |= toHead
	case "CONNECT":
		s.flags |= toConnect
	}
	if p := h.Header["Priority"]; len(p) > 0 {
		c.prioritize(s, p[len(p)-1])
	}
	w.begin()
	w.method(h.Method)
	if h.Method != "CONNECT" || h.Protocol != "" {
		w.scheme(h.Scheme)
	}
	w.pseudo(":authority", authority, indexed)
	if h.Method != "CONNECT" || h.Protocol != "" {
		w.path(h.Path)
	}
	if h.Protocol != "" {
		w.pseudo(":protocol", h.Protocol, indexed)
	}
	if h.Length > 0 || h.Length == 0 && http1.ExpectsBody(h.Method) {
		w.length(h.Length)
	}
	if h.Expect100 && !http1.HasToken(h.Header["Expect"], "100-continue") {
		w.field("expect", "100-continue", indexed, 0)
	}
	w.fields()
	if h.AcceptEncoding != "" {
		w.field("accept-encoding", h.AcceptEncoding, indexed, 0)
	}
	if h.UserAgent != "" && !w.has("user-agent") {
		w.field("user-agent", h.UserAgent, indexed, 0)
	}
	w.end(s.id, end)
	if end {
		c.sendEnd(s)
	}
	return nil
}

// CheckRequest returns the error that Open would return.
func CheckRequest(h *RequestHead) error {
	if _, err := checkStart(h); err != nil {
		return err
	}
	for key, values := range h.Header {
		if !http1.IsToken(key) || !areWritable(values) {
			return checkHeader(h.Header)
		}
	}
	return checkExtras(h)
}

// checkExtras checks the headers that are not in h.Header.
func checkExtras(h *RequestHead) error {
	if err := checkValueWritten("Accept-Encoding", h.AcceptEncoding); err != nil {
		return err
	}
	return checkValueWritten("User-Agent", h.UserAgent)
}

// checkStart checks all but the headers, and returns the authority to write.
func checkStart(h *RequestHead) (authority string, err error) {
	if err := http1.CheckMethod(h.Method); err != nil {
		return "", err
	}
	target := h.Path
	if h.Method == "CONNECT" && h.Protocol == "" {
		target = h.Authority
	}
	method := h.Method
	if h.Protocol != "" {
		method = "GET"
	}
	if err := http1.CheckTarget(method, target, false); err != nil {
		return "", err
	}
	authority = h.Authority
	if hosts := h.Header["Host"]; len(hosts) > 0 && target != h.Authority {
		if len(hosts) > 1 {
			return "", http1.Errorf(wire.ErrHost, "%d of them", len(hosts))
		}
		authority = hosts[0]
	}
	switch {
	case authority == "":
		return "", http1.Errorf(wire.ErrHost, "missing")
	case !http1.IsHostAndPort(authority):
		return "", http1.Errorf(wire.ErrHost, "%s", http1.Quote(authority))
	case target != h.Authority && target != "*" && target[0] != '/':
		return "", http1.Errorf(wire.ErrTarget, "%s is no path", http1.Quote(target))
	case target != h.Authority && !http1.IsScheme(h.Scheme):
		return "", http1.Errorf(wire.ErrTarget, "the scheme is %s", http1.Quote(h.Scheme))
	case h.Protocol != "" && (h.Method != "CONNECT" || !http1.IsToken(h.Protocol)):
		return "", http1.Errorf(wire.ErrTarget, "the protocol %s with the method %s", http1.Quote(h.Protocol), http1.Quote(h.Method))
	}
	return authority, nil
}

// listSize returns the size of the header list (RFC 9113, section 6.5.2), or a little more.
func listSize(h *RequestHead, authority string) int64 {
	n := 8*32 + len(h.Method) + len(h.Scheme) + len(authority) + len(h.Path) + len(h.Protocol) + len(h.AcceptEncoding) + len(h.UserAgent) + 96
	for key, values := range h.Header {
		for _, value := range values {
			n += len(key) + len(value) + 32
		}
	}
	return int64(n)
}

// settle implements side.
func (c *Client) settle() error { return nil }

// unopened implements side.
func (c *Client) unopened(b headerBlock) (Event, error) {
	if c.idle(b.stream) {
		return 0, c.fail(wire.ProtocolError, wire.ErrStreamState, "5.1", "HEADERS on stream %d, which is idle", b.stream)
	}
	return c.onClosed(b.stream)
}

// message implements side: it handles the head of a response.
func (c *Client) message(s *Stream, end bool) (Event, error) {
	h, err := c.readResponse(s, end)
	if err != nil {
		return c.malformed(s, err)
	}
	c.response, c.stream = h, s
	if h.Code/100 == 1 {
		return Informational, nil
	}
	s.flags |= receivedHead
	if end {
		c.ended = s
	}
	return Head, nil
}

func (c *Client) readResponse(s *Stream, end bool) (h ResponseHead, err error) {
	f, err := c.responseFields()
	if err != nil {
		return h, err
	}
	h.Code, h.Header, h.End = f.code, f.header, end
	if h.Code >= 300 {
		s.flags &^= toConnect
	}
	switch {
	case h.Code == http.StatusSwitchingProtocols:
		return h, http1.Errorf(wire.ErrStatusLine, "101, which HTTP/2 does not have (RFC 9113, section 8.6)")
	case h.Code/100 == 1 && end:
		return h, http1.Errorf(wire.ErrStatusLine, "END_STREAM with the status %d (RFC 9113, section 8.1)", h.Code)
	case h.Code/100 == 1:
		if s.interim++; int(s.interim) > c.config.Limits.Informational {
			return h, http1.Errorf(wire.ErrTooManyInformational, "more than %d", c.config.Limits.Informational)
		}
		return h, nil
	case s.has(toConnect) && h.Code/100 == 2:
		h.Length = -1
	case s.has(toHead), h.Code == http.StatusNoContent, h.Code == http.StatusNotModified:
		s.flags |= noContent
		h.Length = 0
	default:
		if h.Length = f.length; f.badLength != nil {
			return h, f.badLength
		}
		s.left = h.Length
	}
	if end && s.left > 0 {
		return h, http1.Errorf(wire.ErrPartialBody, "%d bytes are missing of what Content-Length says (RFC 9113, section 8.1.1)", h.Length)
	}
	if end {
		h.Length = 0
	}
	return h, nil
}

// responseFields returns what the last header block says.
func (c *Client) responseFields() (f responseFields, err error) {
	known := c.fields.known
	if known != nil && known.says != nil {
		return known.says.again(), nil
	}
	if c.fields.tooLarge != nil {
		return f, c.fields.tooLarge
	}
	var p pseudo
	fields, err := c.fields.pseudo(&p, responsePseudo)
	if err != nil {
		return f, err
	}
	code := p.status
	if len(code) != 3 || code[0] < '1' || code[0] > '9' || code[1] < '0' || code[1] > '9' || code[2] < '0' || code[2] > '9' {
		if p.has == 0 {
			return f, pseudoError(":status is missing")
		}
		return f, http1.Errorf(wire.ErrStatusLine, ":status is %s (RFC 9113, section 8.3.2)", http1.Quote(code))
	}
	f.code = int(code[0]-'0')*100 + int(code[1]-'0')*10 + int(code[2]-'0')
	section, err := c.fields.section(fields, true, "")
	if err != nil {
		return f, err
	}
	f.header = section.header
	if f.length, f.badLength = section.length(); f.badLength == nil && known != nil {
		known.remember(f)
	}
	return f, nil
}
