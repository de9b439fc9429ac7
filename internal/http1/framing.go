package http1

// This file parses the headers about the body and the connection: Content-Length, Transfer-Encoding and
// Connection (RFC 9112, sections 6 and 9). It must not read bodies.

import (
	"iter"
	"math"
	"math/bits"
	"net/http"
	"strings"

	"github.com/seed-7c003b53/gotreq/treq/wire"
)

// A special is a set of the headers that the reader of any message looks for.
type special uint8

const (
	contentLengthHeader special = 1 << iota
	transferEncodingHeader
	connectionHeader
	expectHeader
)

// specialNames are the names of the special headers, in their order.
var specialNames = [...]string{"Content-Length", "Transfer-Encoding", "Connection", "Expect"}

// special returns the values of the one header in s. Few messages have more than one of them, and a remembered section
// knows which it lacks.
func (m *machine) special(h http.Header, s special) []string {
	if m.absent&s != 0 {
		return nil
	}
	return h[specialNames[bits.TrailingZeros8(uint8(s))]]
}

// bodyHeaders returns the length of the body, or -1 if neither Content-Length nor Transfer-Encoding gives
// one, and whether the body is chunked.
func (m *machine) bodyHeaders(h http.Header) (length int64, chunked bool, err error) {
	lengths, codings := m.special(h, contentLengthHeader), m.special(h, transferEncodingHeader)
	switch {
	case len(lengths) == 0 && len(codings) == 0:
		return -1, false, nil
	case len(codings) == 0:
		length, err = contentLength(lengths)
		return length, false, err
	case len(lengths) == 0 && len(codings) == 1 && equalFold(codings[0], "chunked"):
		return -1, true, nil
	case m.lenient:
		return m.oddCodings(h)
	case len(lengths) > 0:
		// The sender may have meant either. A reader that guesses can be tricked into taking a part
		// of one message for another message.
		return 0, false, errorf(wire.ErrLengthAndCoding, "%s and %s",
			quote(strings.Join(lengths, ", ")), quote(strings.Join(codings, ", ")))
	}
	return 0, false, codingError(codings)
}

// oddCodings is bodyHeaders for a response with a Transfer-Encoding that is not just chunked, or that comes with
// a Content-Length. Chunked counts more than the length, which is then removed from h, so that nobody who passes h
// on repeats it (RFC 9112, section 6.3). The coding identity of RFC 2616 means nothing. Since other readers may
// find another end of the body, nothing after it can be trusted.
func (m *machine) oddCodings(h http.Header) (length int64, chunked bool, err error) {
	lengths, codings := h["Content-Length"], h["Transfer-Encoding"]
	m.dubious = true
	none := true
	for coding := range elements(codings) {
		switch {
		case coding == "":
		case equalFold(coding, "identity"):
			none = false
		case equalFold(coding, "chunked") && !chunked:
			none, chunked = false, true
		default:
			return 0, false, codingError(codings)
		}
	}
	switch {
	case none:
		return 0, false, codingError(codings)
	case chunked:
		delete(h, "Content-Length")
	case len(lengths) > 0:
		length, err = contentLength(lengths)
		return length, false, err
	}
	return -1, chunked, nil
}

// codingError returns the error for transfer codings that are not supported. Our client never asks for another
// than chunked (it sends no TE header), and a server may refuse them.
func codingError(codings []string) error {
	return errorf(wire.ErrTransferCoding, "%s: only chunked is supported, once", quote(strings.Join(codings, ", ")))
}

// contentLength returns the number that all values agree on. Each value may be a list.
func contentLength(values []string) (int64, error) {
	length := int64(-1)
	for element := range elements(values) {
		n, ok := parseDecimal(element)
		switch {
		case !ok:
			return 0, errorf(wire.ErrContentLength, "%s", quote(strings.Join(values, ", ")))
		case length >= 0 && n != length:
			return 0, errorf(wire.ErrContentLengthsDiffer, "%s", quote(strings.Join(values, ", ")))
		}
		length = n
	}
	return length, nil
}

// parseDecimal parses 1*DIGIT and nothing else: no sign, no space, no underscore.
func parseDecimal[T string | []byte](s T) (n int64, ok bool) {
	for i := range len(s) {
		if !isDigit(s[i]) {
			return 0, false
		}
		d := int64(s[i] - '0')
		if n > (math.MaxInt64-d)/10 {
			return 0, false
		}
		n = n*10 + d
	}
	return n, len(s) > 0
}

// keepsAlive reports whether the connection may be used again (RFC 9112, section 9.3).
func (m *machine) keepsAlive(v Version, h http.Header) bool {
	values := m.special(h, connectionHeader)
	if HasToken(values, "close") {
		return false
	}
	return v != http10 || HasToken(values, "keep-alive")
}

// HasToken reports whether the comma-separated lists in values, such as those of a Connection header, have
// the token, in any case (RFC 9110, section 5.6.1).
func HasToken(values []string, token string) bool {
	for element := range elements(values) {
		if equalFold(element, token) {
			return true
		}
	}
	return false
}

// elements yields the elements of the comma-separated lists in values, without the whitespace around them. Empty
// elements are among them.
func elements(values []string) iter.Seq[string] {
	return func(yield func(string) bool) {
		for _, value := range values {
			for more := true; more; {
				var element string
				element, value, more = strings.Cut(value, ",")
				if !yield(trim(element)) {
					return
				}
			}
		}
	}
}
