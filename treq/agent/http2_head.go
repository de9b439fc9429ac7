package agent

import (
	"iter"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/seed-7c003b53/gotreq/internal/http1"
	"github.com/seed-7c003b53/gotreq/internal/http2"
	"github.com/seed-7c003b53/gotreq/treq/request"
	"github.com/seed-7c003b53/gotreq/treq/wire"
)

// This file makes the heads of HTTP/2 requests, and shows heads of HTTP/2 to hooks and dumps.

// requestHead returns the head of x's request, which is valid until the next call with the same
// agent, or the error of a body without a sensible length.
func requestHead(x *exchange) (*http2.RequestHead, error) {
	req, head := x.request, &x.agent.head
	if err := x.checkTrailer(); err != nil {
		return nil, err
	}
	*head = http2.RequestHead{
		Method:         req.Method,
		Scheme:         x.group.server.Scheme,
		Authority:      x.group.header,
		Path:           req.URL.RequestURI(),
		Header:         x.header(),
		AcceptEncoding: req.AcceptEncoding,
		UserAgent:      req.UserAgent,
	}
	if req.Body != nil {
		head.Length = req.Body.Length()
		head.Expect100 = x.expects()
		if head.Length < request.UnknownLength {
			return nil, &wire.Error{Kind: wire.ErrContentLength, Detail: strconv.FormatInt(head.Length, 10)}
		}
	}
	x.connectHead(head)
	return head, nil
}

// fieldsOfHTTP2 yields the fields of head, as they are on the wire.
func fieldsOfHTTP2(head *http2.RequestHead) iter.Seq2[string, string] {
	return func(yield func(name, value string) bool) {
		h := *head // a hook may send another request
		authority := h.Authority
		if hosts := h.Header["Host"]; len(hosts) != 0 {
			authority = hosts[0]
		}
		first := [][2]string{{":method", h.Method}, {":scheme", h.Scheme}, {":authority", authority}, {":path", h.Path}}
		switch {
		case h.Protocol != "":
			first = append(first, [2]string{":protocol", h.Protocol})
		case h.Method == http.MethodConnect:
			first = [][2]string{first[0], {":authority", h.Authority}}
		}
		if h.Length > 0 || h.Length == 0 && http1.ExpectsBody(h.Method) {
			first = append(first, [2]string{"content-length", strconv.FormatInt(h.Length, 10)})
		}
		if h.Expect100 && !http1.HasToken(h.Header["Expect"], "100-continue") {
			first = append(first, [2]string{"expect", "100-continue"})
		}
		for _, field := range first {
			if !yield(field[0], field[1]) {
				return
			}
		}
		for _, name := range sortedKeys(h.Header) {
			if !http2.IsField(name) {
				continue
			}
			lower := strings.ToLower(name)
			for _, value := range h.Header[name] {
				separator := "\n"      // which no value has
				if lower == "cookie" { // its pairs are fields of their own (RFC 9113, section 8.2.3)
					separator = "; "
				}
				for part := range strings.SplitSeq(value, separator) {
					if !yield(lower, part) {
						return
					}
				}
			}
		}
		if h.AcceptEncoding != "" && !yield("accept-encoding", h.AcceptEncoding) {
			return
		}
		if _, own := h.Header["User-Agent"]; !own && h.UserAgent != "" {
			yield("user-agent", h.UserAgent)
		}
	}
}

func sortedKeys(h http.Header) []string {
	names := make([]string, 0, len(h))
	for name := range h {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// The methods below show heads of HTTP/2 as those of HTTP/1.1 look.

// stream begins to show a stream of c.
func (c *dumpedConnection) stream(id uint32) *dumpedConnection {
	if c == nil {
		return nil
	}
	s := c.show(c.name + "." + strconv.FormatUint(uint64(id), 10))
	s.begin()
	return s
}

func (c *dumpedConnection) request(head *http2.RequestHead) {
	if c == nil {
		return
	}
	fields := ""
	pseudo := make(map[string]string)
	for name, value := range fieldsOfHTTP2(head) {
		if name[0] == ':' {
			pseudo[name] = value
		} else {
			fields += http.CanonicalHeaderKey(name) + ": " + value + "\r\n"
		}
	}
	c.sent.add([]byte(pseudo[":method"] + " " + pseudo[":path"] + " HTTP/2\r\nHost: " + pseudo[":authority"] + "\r\n" + fields + "\r\n"))
}

func (c *dumpedConnection) response(head *http2.ResponseHead) {
	if c != nil {
		c.read([]byte("HTTP/2 " + strconv.Itoa(head.Code) + "\r\n" + shownFields(head.Header) + "\r\n"))
	}
}

// trailers shows the trailers of a response.
func (c *dumpedConnection) trailers(trailer http.Header) {
	if c == nil {
		return
	}
	c.received.flush()
	c.received.head, c.received.started = true, true
	c.read([]byte(shownFields(trailer) + "\r\n"))
}

func shownFields(header http.Header) string {
	var b strings.Builder
	for _, name := range sortedKeys(header) {
		for _, value := range header[name] {
			b.WriteString(name + ": " + value + "\r\n")
		}
	}
	return b.String()
}

// reset shows that a stream was reset: by this side, if mark is '>'.
func (c *dumpedConnection) reset(mark byte, code wire.Code) {
	if c != nil {
		c.end()
		c.print(string(mark) + " RST_STREAM " + code.String())
	}
}

// goneAway shows that the server takes no more requests on the connection.
func (c *dumpedConnection) goneAway(why *wire.ConnectionError) {
	if c != nil {
		c.print(visible("< GOAWAY " + why.Code.String() + " " + why.Detail))
	}
}
