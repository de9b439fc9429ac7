package http1

// This file parses the headers about the body and the connection: Content-Length, Transfer-Encoding and
// Connection (RFC 9112, sections 6 and 9). It must not read bodies.

import (
	"math"
	"net/http"
	"strings"

	"github.com/seed-7c003b53/gotreq/treq/wire"
)

// bodyHeaders returns the length of the body, or -1 if neither Content-Length nor Transfer-Encoding gives
// one, and whether the body is chunked.
func bodyHeaders(h http.Header) (length int64, chunked bool, err error) {
	lengths, codings := h["Content-Length"], h["Transfer-Encoding"]
	switch {
	case len(lengths) == 0 && len(codings) == 0:
		return -1, false, nil
	case len(codings) == 0:
		length, err = contentLength(lengths)
		return length, false, err
	case len(lengths) > 0:
		// The sender may have meant either. A reader that guesses can be tricked into taking a part
		// of one message for another message.
		return 0, false, errorf(wire.ErrLengthAndCoding, "%s and %s",
			quote(strings.Join(lengths, ", ")), quote(strings.Join(codings, ", ")))
	case len(codings) == 1 && equalFold(codings[0], "chunked"):
		return -1, true, nil
	}
	// Our client never asks for another transfer coding (it sends no TE header), and a server may refuse
	// them.
	return 0, false, errorf(wire.ErrTransferCoding, "%s: only chunked is supported, once",
		quote(strings.Join(codings, ", ")))
}

// contentLength returns the number that all values agree on. Each value may be a list.
func contentLength(values []string) (int64, error) {
	length := int64(-1)
	for _, value := range values {
		for more := true; more; {
			var element string
			element, value, more = strings.Cut(value, ",")
			n, ok := parseDecimal(trim(element))
			switch {
			case !ok:
				return 0, errorf(wire.ErrContentLength, "%s", quote(strings.Join(values, ", ")))
			case length >= 0 && n != length:
				return 0, errorf(wire.ErrContentLengthsDiffer, "%s", quote(strings.Join(values, ", ")))
			}
			length = n
		}
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
func keepsAlive(v Version, h http.Header) bool {
	values := h["Connection"]
	if HasToken(values, "close") {
		return false
	}
	return v != http10 || HasToken(values, "keep-alive")
}

// HasToken reports whether the comma-separated lists in values, such as those of a Connection header, have
// the token, in any case (RFC 9110, section 5.6.1).
func HasToken(values []string, token string) bool {
	for _, value := range values {
		for more := true; more; {
			var element string
			element, value, more = strings.Cut(value, ",")
			if equalFold(trim(element), token) {
				return true
			}
		}
	}
	return false
}
