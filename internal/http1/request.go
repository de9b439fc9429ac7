package http1

// This file holds the server's side: the request line, the forms of a target, Host, and which requests have
// a body. It must not read headers or bodies: the machine does.

import (
	"bytes"
	"net/http"
	"strings"

	"github.com/seed-7c003b53/gotreq/treq/wire"
)

// A RequestHead is a request without its body. A [RequestReader] reuses its RequestHead, but makes a new
// Header for each request, which the caller may keep and change.
type RequestHead struct {
	// Method is the method. Methods are case-sensitive (RFC 9110, section 9.1).
	Method string
	// Target is the request target as on the wire, in one of the four forms of RFC 9112, section 3.2:
	// a path with an optional query, an absolute URI, host:port (CONNECT only), or "*" (OPTIONS only).
	Target  string
	Version Version
	// Host is the Host that [AppendRequestHead] writes if Header has none. Readers leave it empty.
	Host string
	// Header has the headers under their canonical names, values in the order received. It is never
	// nil. Bytes above 127 are as received.
	Header http.Header
	// AcceptEncoding is an Accept-Encoding that [AppendRequestHead] writes after those in Header,
	// unless it is empty. Readers leave it empty.
	AcceptEncoding string
	// UserAgent is a User-Agent that [AppendRequestHead] writes if Header has none, not even one
	// without values. Readers leave it empty.
	UserAgent string
	// Length is the number of body bytes to come, 0 if there is no body, -1 if unknown.
	Length int64
	// Chunked: the body comes in chunks (RFC 9112, section 7.1). Length is -1.
	Chunked bool
	// KeepAlive: the connection may be used again after the response (RFC 9112, section 9.3).
	KeepAlive bool
	// Expect100: the client waits for a 100 before it sends the body (RFC 9110, section 10.1.1).
	Expect100 bool
}

// A RequestReader reads the requests on one connection, one after another. The zero value is idle; Start
// makes it expect a request.
//
// It reads strictly, because a request that two servers read differently lets one request hide in another:
// lines end in CRLF, headers do not continue on the next line, one space separates the words of the request
// line, and a request has Content-Length or Transfer-Encoding but not both. [wire.Kind.Status] is the status
// code to answer an error with.
type RequestReader struct {
	machine
	head RequestHead
}

// Start makes the reader expect the next request.
func (r *RequestReader) Start() {
	r.start(false)
	r.head = RequestHead{}
}

// Head returns the head that belongs to the last Head event. The pointer is the same each time: copy what
// must outlive the next Start.
func (r *RequestReader) Head() *RequestHead { return &r.head }

// Next reads the first n bytes of in and reports what they complete. Call it again with the bytes after
// them, even if there are none, until it returns NeedMore (then n is len(in)), End (the bytes after n are
// those of the next request), or an error, which is always a [*wire.Error].
func (r *RequestReader) Next(in []byte) (n int, ev Event, err error) { return r.next(in, r) }

// Left returns how many bytes of the body of the message that is being read follow those that Next has read; -1 if they are
// not known. in has the bytes after those: they may have the end of a chunked body, which is then known.
func (r *RequestReader) Left(in []byte) int64 {
	switch r.state {
	case idle:
		return 0
	case byLength:
		return r.left
	}
	ahead := *r
	ahead.buf = bytes.Clone(r.buf)
	var left int64
	for {
		n, event, err := ahead.Next(in)
		switch {
		case event == End:
			return left
		case err != nil, event == NeedMore:
			return -1
		}
		left += int64(len(ahead.Data()))
		in = in[n:]
	}
}

// Finish reports what the end of the connection means. It returns End if the connection ended between
// requests, and otherwise a [*wire.Error], such as ErrPartialHead or ErrPartialBody.
func (r *RequestReader) Finish() (Event, error) { return r.finish(r) }

// missing implements side: a client may close the connection instead of sending another request.
func (r *RequestReader) missing() error { return nil }

// bodyLength implements side.
func (r *RequestReader) bodyLength() int64 { return r.head.Length }

// describe implements side.
func (r *RequestReader) describe() string { return quote(r.head.Method) + " " + quote(r.head.Target) }

// sniff implements side. It mainly refuses TLS handshakes.
func (r *RequestReader) sniff(text []byte) error {
	if len(text) > 0 && classes[text[0]]&tokenChar == 0 {
		return notHTTP(wire.ErrRequestLine, text)
	}
	return nil
}

// startLine implements side. A line that is remembered is not parsed again.
func (r *RequestReader) startLine(text []byte) error {
	if r.memory == nil || len(text) > rememberedLineBytes {
		return r.parseLine(string(text))
	}
	known := r.memory.line(text)
	if known.text != string(text) {
		line := string(text)
		if err := r.parseLine(line); err != nil {
			return err
		}
		*known = requestLine{line, r.head}
	}
	r.head = known.head
	return nil
}

// parseLine parses method SP request-target SP HTTP-version (RFC 9112, section 3).
func (r *RequestReader) parseLine(text string) error {
	// RFC 9112 lets a server take any whitespace between the words, but another reader of the same line
	// may not.
	if strings.Count(text, " ") != 2 {
		return errorf(wire.ErrRequestLine, "not three words with one space between: %s", quote(text))
	}
	method, rest, _ := strings.Cut(text, " ")
	target, version, _ := strings.Cut(rest, " ")
	v, err := parseVersion(version, text)
	if err != nil {
		return err
	}
	r.head = RequestHead{Method: method, Target: target, Version: v}
	if err := checkMethod(r.head.Method); err != nil {
		return err
	}
	// Raw bytes above 127 are not allowed in a target, but curl sends them, and other servers take them.
	return checkTarget(r.head.Method, r.head.Target, targetChar|rawChar)
}

// headDone implements side. It checks Host and chooses the kind of body (RFC 9112, sections 3.2 and 6.3).
func (r *RequestReader) headDone(fields http.Header) (Event, error) {
	h := &r.head
	h.Header = fields
	err := checkHost(fields["Host"], h.Version != http10)
	if err != nil {
		return 0, err
	}
	if h.Length, h.Chunked, err = r.bodyHeaders(fields); err != nil {
		return 0, err
	}
	if h.Chunked && h.Version == http10 {
		return 0, errorf(wire.ErrTransferCoding, "in an HTTP/1.0 request")
	}
	if h.Length < 0 && !h.Chunked {
		h.Length = 0
	}
	h.KeepAlive = r.keepsAlive(h.Version, fields)
	h.Expect100 = h.Version != http10 && HasToken(r.special(fields, expectHeader), "100-continue")
	r.beginBody(h.Length, h.Chunked)
	return Head, nil
}

// checkMethod refuses a method that is not a token.
func checkMethod(method string) error {
	if method == "" || notIn(method, tokenChar) >= 0 {
		return errorf(wire.ErrMethod, "%s", quote(method))
	}
	return nil
}

// checkTarget refuses a target that does not have the form for the method (RFC 9112, section 3.2), or a byte that
// is in none of the classes allowed.
func checkTarget(method, target string, allowed uint16) error {
	if target == "" {
		return errorf(wire.ErrTarget, "empty")
	}
	if i := notIn(target, allowed); i >= 0 {
		return errorf(wire.ErrTarget, "byte %s in %s", quote(target[i:i+1]), quote(target))
	}
	var ok bool
	switch {
	case method == "CONNECT":
		ok = isAuthority(target)
	case target == "*":
		ok = method == "OPTIONS"
	default:
		ok = target[0] == '/' || isAbsolute(target)
	}
	if !ok {
		return errorf(wire.ErrTarget, "%s for %s", quote(target), quote(method))
	}
	return nil
}

// isAuthority reports whether s is a host, a colon and a port.
func isAuthority(s string) bool {
	_, port, ok := cutPort(s)
	return ok && port != ""
}

// isAbsolute reports whether s has a scheme and an authority (RFC 3986, section 3). A user in the authority is an
// error (RFC 9110, section 4.2.4).
func isAbsolute(s string) bool {
	scheme, rest, found := strings.Cut(s, "://")
	if !found {
		return false
	}
	authority := rest
	if end := strings.IndexAny(rest, "/?"); end >= 0 {
		authority = rest[:end]
	}
	return IsScheme(scheme) && IsHostAndPort(authority)
}

// checkHost refuses more than one Host, a missing one if it is required, and one that is not a host and a
// port. Host may be empty: the target of the request then has no authority (RFC 9110, section 7.2).
func checkHost(values []string, required bool) error {
	switch {
	case len(values) > 1:
		return errorf(wire.ErrHost, "%d of them: %s", len(values), quote(strings.Join(values, ", ")))
	case len(values) == 0 && required:
		return errorf(wire.ErrHost, "missing")
	case len(values) == 1 && values[0] != "" && !IsHostAndPort(values[0]):
		return errorf(wire.ErrHost, "%s", quote(values[0]))
	}
	return nil
}
