package http1

// This file holds how a header section becomes an http.Header, for both sides and for trailers. It
// is given the section whole, and does not know what the headers mean.

import (
	"net/http"
	"strings"

	"github.com/seed-7c003b53/gotreq/treq/wire"
)

// parseFields reads a header section of count lines, given with the empty line that ends it (RFC 9112,
// 5). It gives nil for a section that is nothing else.
//
// A lenient reader takes a lone LF for a line end and a fold for a space, as RFC 9112, 2.2 and 5.2
// have a client do; a strict one refuses both, as they let a server do.
//
// It makes four allocations for up to eight headers, two of which are the map: one string holds all
// names and values, and one slice all the values.
func parseFields(section []byte, count, maxCount int, lenient bool) (http.Header, error) {
	if count > maxCount {
		return nil, errorf(wire.ErrTooManyHeaders, "%d lines, %d are allowed", count, maxCount)
	}
	s := string(section)
	var h http.Header
	var values []string
	if count > 0 {
		h = make(http.Header, count)
		values = make([]string, 0, count)
	}
	for s[0] != '\n' && s[0] != '\r' {
		if s[0] == ' ' || s[0] == '\t' {
			return nil, errorf(wire.ErrFold, "%s before the first header", quote(firstLine(s)))
		}
		name, rest, err := cutName(s)
		if err != nil {
			return nil, err
		}
		value, rest, err := cutValue(rest, lenient)
		if err != nil {
			return nil, inHeader(err, name)
		}
		if rest[0] == ' ' || rest[0] == '\t' {
			if !lenient {
				return nil, errorf(wire.ErrFold, "%s goes on after the header %s", quote(firstLine(rest)), quote(name))
			}
			if value, rest, err = unfold(value, rest); err != nil {
				return nil, inHeader(err, name)
			}
		}
		s = rest
		if earlier, ok := h[name]; ok {
			h[name] = append(earlier, value)
			continue
		}
		// The capacity ends with the value, so that appending to one header's values leaves the
		// next one's alone.
		values = append(values, value)
		h[name] = values[len(values)-1 : len(values) : len(values)]
	}
	// What is left should be the empty line.
	if _, _, err := cutValue(s, lenient); err != nil {
		return nil, err
	}
	return h, nil
}

// cutName takes a header's name, in canonical form, and the colon off s.
func cutName(s string) (name, rest string, err error) {
	// A name is canonical if letters are capitals at its beginning and after a hyphen, and nowhere
	// else; most that arrive are, and are used as they are.
	var found uint8
	misplaced := uint8(lowerChar)
	i := 0
	for ; classes[s[i]]&tokenChar != 0; i++ {
		found |= classes[s[i]] & misplaced
		misplaced = upperChar
		if s[i] == '-' {
			misplaced = lowerChar
		}
	}
	switch {
	case s[i] == ':' && i > 0:
		if found != 0 {
			return canonicalName(s[:i]), s[i+1:], nil
		}
		return s[:i], s[i+1:], nil
	case s[i] == ':':
		return "", "", errorf(wire.ErrHeaderName, "empty in %s", quote(firstLine(s)))
	case s[i] == '\n' || s[i] == '\r':
		return "", "", errorf(wire.ErrHeaderName, "no colon in %s", quote(firstLine(s)))
	case s[i] == ' ' || s[i] == '\t':
		return "", "", errorf(wire.ErrHeaderName, "whitespace before the colon in %s", quote(firstLine(s)))
	}
	return "", "", errorf(wire.ErrHeaderName, "byte %q in %s", s[i:i+1], quote(firstLine(s)))
}

// cutValue takes a header's value, without the whitespace around it, and the line end off s.
func cutValue(s string, lenient bool) (value, rest string, err error) {
	i := fieldLength(s)
	switch {
	case s[i] == '\r' && s[i+1] == '\n':
		return trim(s[:i]), s[i+2:], nil
	case s[i] == '\n' && lenient:
		return trim(s[:i]), s[i+1:], nil
	case s[i] == '\n':
		return "", "", errorf(wire.ErrLineEnd, "LF without CR after %s", quote(s[:i]))
	case s[i] == '\r':
		return "", "", errorf(wire.ErrLineEnd, "CR without LF after %s", quote(s[:i]))
	}
	return "", "", errorf(wire.ErrHeaderValue, "byte %q after %s", s[i:i+1], quote(s[:i]))
}

// unfold takes the lines that go on with a value off s and puts a space in place of each fold.
func unfold(value, s string) (whole, rest string, err error) {
	parts := []string{value}
	for s[0] == ' ' || s[0] == '\t' {
		if value, s, err = cutValue(s, true); err != nil {
			return "", "", err
		}
		parts = append(parts, value)
	}
	return trim(strings.Join(parts, " ")), s, nil
}

// inHeader says in which header an error was.
func inHeader(err error, name string) error {
	e := err.(*wire.Error)
	e.Detail += ", in the header " + quote(name)
	return e
}

func firstLine(s string) string {
	return strings.TrimRight(s[:strings.IndexByte(s, '\n')], "\r")
}

// canonicalName is name as http.Header has it for a key: capitals at the beginning and after each
// hyphen. It allocates only if the name is not a common one.
func canonicalName(name string) string {
	var room [64]byte
	b := append(room[:0], name...)
	begins := true
	for i, c := range b {
		switch {
		case begins && 'a' <= c && c <= 'z':
			b[i] = c - ('a' - 'A')
		case !begins && 'A' <= c && c <= 'Z':
			b[i] = c + ('a' - 'A')
		}
		begins = c == '-'
	}
	if common, ok := commonNames[string(b)]; ok {
		return common
	}
	return string(b)
}

// commonNames has header names that are often sent in another case than the canonical one.
var commonNames = func() map[string]string {
	names := strings.Fields(`
		Accept Accept-Charset Accept-Encoding Accept-Language Accept-Ranges
		Access-Control-Allow-Credentials Access-Control-Allow-Headers Access-Control-Allow-Methods
		Access-Control-Allow-Origin Access-Control-Expose-Headers Access-Control-Max-Age
		Age Allow Alt-Svc Authorization Cache-Control Connection Content-Disposition
		Content-Encoding Content-Language Content-Length Content-Location Content-Range
		Content-Security-Policy Content-Type Cookie Cross-Origin-Opener-Policy
		Cross-Origin-Resource-Policy Date Etag Expect Expires From Host If-Match
		If-Modified-Since If-None-Match If-Range If-Unmodified-Since Keep-Alive Last-Modified
		Link Location Max-Forwards Nel Origin P3p Permissions-Policy Pragma Proxy-Authenticate
		Proxy-Authorization Range Referer Referrer-Policy Report-To Retry-After
		Sec-Fetch-Dest Sec-Fetch-Mode Sec-Fetch-Site Sec-Websocket-Accept Sec-Websocket-Key
		Server Server-Timing Set-Cookie Strict-Transport-Security Te Timing-Allow-Origin Trailer
		Transfer-Encoding Upgrade User-Agent Vary Via Warning Www-Authenticate X-Amz-Request-Id
		X-Cache X-Content-Type-Options X-Forwarded-For X-Forwarded-Host X-Forwarded-Proto
		X-Frame-Options X-Powered-By X-Request-Id X-Served-By X-Xss-Protection`)
	m := make(map[string]string, len(names))
	for _, name := range names {
		m[name] = name
	}
	return m
}()
