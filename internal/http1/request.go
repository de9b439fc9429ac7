package http1

// This file holds the server's side: the request line, the target's forms, Host, and which requests
// have a body. Headers and bodies are read by what both sides share.

import (
	"bytes"
	"net/http"
	"strings"

	"github.com/seed-7c003b53/gotreq/treq/wire"
)

// A RequestHead is a request without its body. As given by a [RequestReader], what it refers to is
// the caller's to keep and to change; the struct itself is the reader's, and is used again.
type RequestHead struct {
	// Method is the method, case and all: methods are case-sensitive (RFC 9110, 9.1).
	Method string
	// Target is the request target as on the wire, in one of the four forms of RFC 9112, 3.2: a
	// path with an optional query, an absolute URI, host:port (for CONNECT alone), or "*" (for
	// OPTIONS alone).
	Target  string
	Version Version
	// Host is what [AppendRequestHead] writes if Header has no Host, so that one need not be put there.
	// Readers leave it empty.
	Host string
	// Header has all headers under their canonical names, values in the order received, and is
	// never nil. Bytes above 127 are as received.
	Header http.Header
	// AcceptEncoding is what [AppendRequestHead] writes as Accept-Encoding, behind what Header has
	// of that, unless it is empty. Readers leave it so.
	AcceptEncoding string
	// Length is the number of body bytes to come, 0 if there is no body, -1 if it is not known.
	Length int64
	// Chunked: the body comes in chunks (RFC 9112, 7.1). Length is -1.
	Chunked bool
	// KeepAlive: the connection may be used again once the response has ended (RFC 9112, 9.3).
	KeepAlive bool
	// Expect100: the client waits for a 100 before it sends the body (RFC 9110, 10.1.1).
	Expect100 bool
}

// A RequestReader reads the requests on one connection, one after another. The zero value is idle;
// Start has it expect a request.
//
// It is strict where being lenient has let requests be smuggled past a proxy that read them in another
// way: lines end in CRLF, headers are not folded, one space parts the words of the request line, and
// Content-Length and Transfer-Encoding exclude each other. [wire.Kind.Status] has the code to answer with.
type RequestReader struct {
	machine
	head RequestHead
}

// Start makes the reader expect the next request.
func (r *RequestReader) Start() {
	r.start()
	r.head = RequestHead{}
}

// Head is the head that came with the last Head event. The pointer is the same each time: copy what is
// to outlive the next Start.
func (r *RequestReader) Head() *RequestHead { return &r.head }

// Data is the part of the body that came with the last Data: a part of the slice given to Next.
func (r *RequestReader) Data() []byte { return r.data }

// Trailer is the trailer section of a chunked body, after End; nil if there was none.
func (r *RequestReader) Trailer() http.Header { return r.trailer }

// Next uses the first n bytes of in and says what they make. It is to be called again with the rest,
// even if that is empty, until it gives NeedMore (then n is len(in)), End (then what is left is the
// next request's), or an error, which is always an [*wire.Error].
func (r *RequestReader) Next(in []byte) (n int, ev Event, err error) {
	for {
		switch r.state {
		case idle:
			return n, End, nil
		case failed:
			return 0, NeedMore, r.err

		case startLine:
			line, used, tooLong := r.takeLine(in[n:], r.limits.StartLineBytes)
			if line == nil {
				if len(r.buf) >= sniffLen {
					err = looksLikeRequest(r.buf)
				}
				if err == nil && tooLong {
					err = errorf(wire.ErrStartLineTooLong, "more than %d bytes: %s", r.limits.StartLineBytes, quote(r.buf))
				}
				if err != nil {
					return r.fail(err)
				}
				return len(in), NeedMore, nil
			}
			text, ok := r.trimLineEnd(line)
			switch {
			case !ok:
				err = looksLikeRequest(text)
				if err == nil {
					err = errorf(wire.ErrLineEnd, "LF without CR after %s", quote(text))
				}
			case len(text) == 0:
				err = r.skipEmptyLine()
			default:
				err = r.parseRequestLine(text)
				r.state = fields
			}
			if err != nil {
				return r.fail(err)
			}
			r.forget()
			n += used

		case fields:
			limit := r.limits.HeaderBytes
			section, used, tooLong := r.takeSection(in[n:], limit)
			switch {
			case tooLong:
				return r.fail(errorf(wire.ErrHeadersTooLarge, "more than %d bytes", limit))
			case section == nil:
				return len(in), NeedMore, nil
			}
			if r.head.Header, err = parseFields(section, r.lines, r.limits.HeaderCount, false); err == nil {
				err = r.headDone()
			}
			if err != nil {
				return r.fail(err)
			}
			r.forget()
			return n + used, Head, nil

		default:
			used, ev, err := r.nextBody(in[n:])
			return n + used, ev, err
		}
	}
}

// Finish says what it means that the connection has ended. End: it ended between requests. Otherwise
// an [*wire.Error]: wire.ErrPartialHead or wire.ErrPartialBody by where the request was cut.
func (r *RequestReader) Finish() (Event, error) {
	switch r.state {
	case idle:
		return End, nil
	case failed:
		return NeedMore, r.err
	case inBody:
		return r.finishBody()
	}
	var err error
	switch {
	case r.state == fields:
		err = errorf(wire.ErrPartialHead, "in the headers of %s %s", quote(r.head.Method), quote(r.head.Target))
	case len(r.buf) == 0:
		r.state = idle
		return End, nil
	default:
		if err = looksLikeRequest(r.buf); err == nil {
			err = errorf(wire.ErrPartialHead, "after %s", quote(r.buf))
		}
	}
	r.fail(err)
	return NeedMore, err
}

// looksLikeRequest tells a request from what another protocol sends, a TLS handshake above all. It
// sees no more than sniffLen bytes, as looksLikeStatus does.
func looksLikeRequest(text []byte) error {
	text = bytes.TrimRight(text[:min(len(text), sniffLen)], "\r")
	if len(text) > 0 && classes[text[0]]&tokenChar == 0 {
		return errorf(wire.ErrRequestLine, "not HTTP: %s", quote(text))
	}
	return nil
}

// parseRequestLine reads method SP request-target SP HTTP-version (RFC 9112, 3).
func (r *RequestReader) parseRequestLine(text []byte) error {
	if err := looksLikeRequest(text); err != nil {
		return err
	}
	// RFC 9112, 3 would let any run of whitespace part the words; whoever else reads the line may not.
	if bytes.Count(text, []byte(" ")) != 2 {
		return errorf(wire.ErrRequestLine, "not three words with one space between: %s", quote(text))
	}
	method, rest, _ := bytes.Cut(text, []byte(" "))
	target, version, _ := bytes.Cut(rest, []byte(" "))
	v, err := parseVersion(version)
	if err != nil {
		return errorf(wire.ErrVersion, "in %s", quote(text))
	}
	r.head = RequestHead{Method: methodName(method), Target: string(target), Version: v}
	if err := checkMethod(r.head.Method); err != nil {
		return err
	}
	return checkTarget(r.head.Method, r.head.Target)
}

// methodName is the method as a string; one that is known costs no allocation.
func methodName(b []byte) string {
	for _, known := range [...]string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "CONNECT", "TRACE"} {
		if string(b) == known {
			return known
		}
	}
	return string(b)
}

// headDone checks what only a request's head has and decides what follows it (RFC 9112, 3.2 and 6.3).
func (r *RequestReader) headDone() error {
	h := &r.head
	if h.Header == nil {
		h.Header = http.Header{}
	}
	if err := checkHost(h.Header["Host"], h.Version != http10); err != nil {
		return err
	}
	var err error
	if h.Length, h.Chunked, err = bodyHeaders(h.Header); err != nil {
		return err
	}
	if h.Chunked && h.Version == http10 {
		return errorf(wire.ErrTransferCoding, "in an HTTP/1.0 request")
	}
	if h.Length < 0 && !h.Chunked {
		h.Length = 0
	}
	h.KeepAlive = keepsAlive(h.Version, h.Header)
	h.Expect100 = h.Version != http10 && HasToken(h.Header["Expect"], "100-continue")
	r.beginBody(h.Length, h.Chunked)
	return nil
}

// checkMethod says whether a method is a token.
func checkMethod(method string) error {
	if method == "" || notIn(method, tokenChar) >= 0 {
		return errorf(wire.ErrMethod, "%s", quote(method))
	}
	return nil
}

// checkTarget says whether a target has a form that goes with the method (RFC 9112, 3.2).
func checkTarget(method, target string) error {
	if target == "" {
		return errorf(wire.ErrTarget, "empty")
	}
	if i := notIn(target, targetChar); i >= 0 {
		return errorf(wire.ErrTarget, "byte %s in %s", quote(target[i:i+1]), quote(target))
	}
	ok := false
	switch {
	case method == "CONNECT":
		host, port, found := cutLast(target, ':')
		_, number := parseDecimal(port)
		ok = found && host != "" && number && notIn(host, hostChar) < 0
	case target == "*":
		ok = method == "OPTIONS"
	case target[0] == '/':
		ok = true
	default:
		scheme, rest, found := strings.Cut(target, "://")
		ok = found && isScheme(scheme) && rest != "" && rest[0] != '/' && rest[0] != '?'
	}
	if !ok {
		return errorf(wire.ErrTarget, "%s for %s", quote(target), quote(method))
	}
	return nil
}

// cutLast is strings.Cut at the last sep.
func cutLast(s string, sep byte) (before, after string, found bool) {
	if i := strings.LastIndexByte(s, sep); i >= 0 {
		return s[:i], s[i+1:], true
	}
	return s, "", false
}

// isScheme is RFC 3986, 3.1.
func isScheme(s string) bool {
	for i := range len(s) {
		c := s[i]
		letter := 'a' <= c|0x20 && c|0x20 <= 'z'
		if !letter && (i == 0 || !isDigit(c) && c != '+' && c != '-' && c != '.') {
			return false
		}
	}
	return s != ""
}

// checkHost says whether there is the one Host that a request has to have, or at most one if it is
// not required. It may be empty: the target of the request then has no authority (RFC 9110, 7.2).
func checkHost(values []string, required bool) error {
	switch {
	case len(values) > 1:
		return errorf(wire.ErrHost, "%d of them: %s", len(values), quote(strings.Join(values, ", ")))
	case len(values) == 0 && required:
		return errorf(wire.ErrHost, "missing")
	case len(values) == 1 && notIn(values[0], hostChar) >= 0:
		return errorf(wire.ErrHost, "%s", quote(values[0]))
	}
	return nil
}
