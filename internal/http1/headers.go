package http1

// This file turns a header or trailer section into an http.Header. It must not know what the headers mean.

import (
	"net/http"
	"strings"

	"github.com/seed-7c003b53/gotreq/treq/wire"
)

// parseFields parses a section that ends with its empty line (RFC 9112, section 5). It returns nil for an
// empty section.
//
// A lenient machine takes an LF alone for a line end and replaces a fold with a space, as RFC 9112, sections
// 2.2 and 5.2, ask of a client. It also takes names that are no tokens, and control characters in values; see
// cutOddName and cutValue. A strict machine refuses all this, as RFC 9112 allows a server to do.
//
// Up to eight headers take three allocations besides the section itself, two of them for the map: names and values
// are parts of the section, and one slice holds all values.
func (m *machine) parseFields(section string) (http.Header, error) {
	if err := m.checkLines(); err != nil {
		return nil, err
	}
	s := section
	var h http.Header
	var values []string
	if m.lines > 0 {
		h = make(http.Header, m.lines)
		values = make([]string, 0, m.lines)
	}
	for s[0] != '\n' && s[0] != '\r' {
		name, value, rest, err := m.cutField(s)
		if err != nil {
			return nil, err
		}
		s = rest
		if earlier, ok := h[name]; ok {
			h[name] = append(earlier, value)
			continue
		}
		// The capacity is 1, so that appending to the values of one header does not overwrite
		// those of the next.
		values = append(values, value)
		h[name] = values[len(values)-1 : len(values) : len(values)]
	}
	// Only the empty line is left, unless a CR begins it and no LF follows.
	if _, _, err := m.cutValue("", s); err != nil {
		return nil, err
	}
	return h, nil
}

// checkLines returns an error if the section has too many lines.
func (m *machine) checkLines() error {
	if int(m.lines) > m.limits.HeaderCount {
		return errorf(wire.ErrTooManyHeaders, "%d lines, %d are allowed", m.lines, m.limits.HeaderCount)
	}
	return nil
}

// cutField cuts the first header off s, with the lines that continue it.
func (m *machine) cutField(s string) (name, value, rest string, err error) {
	if isBlank(s[0]) {
		return "", "", "", errorf(wire.ErrFold, "%s before the first header", quote(firstLine(s)))
	}
	if name, rest, err = m.cutName(s); err != nil {
		return "", "", "", err
	}
	if value, rest, err = m.cutValue(name, rest); err != nil {
		return "", "", "", err
	}
	if isBlank(rest[0]) {
		if !m.lenient {
			return "", "", "", errorf(wire.ErrFold, "%s continues the header %s", quoteValue(name, firstLine(rest)), quote(name))
		}
		value, rest, err = m.unfold(name, value, rest)
	}
	return name, value, rest, err
}

// cutName cuts the name of a header and the colon off s. It returns the name in canonical form.
func (m *machine) cutName(s string) (name, rest string, err error) {
	// A canonical name has capitals at its beginning and after each hyphen, and nowhere else. Most names
	// arrive in this form and are used as they are.
	var found uint16
	misplaced := uint16(lowerChar)
	i := 0
	for ; classes[s[i]]&tokenChar != 0; i++ {
		found |= classes[s[i]] & misplaced
		misplaced = upperChar
		if s[i] == '-' {
			misplaced = lowerChar
		}
	}
	if s[i] == ':' && i > 0 {
		if found != 0 {
			return canonicalName(s[:i]), s[i+1:], nil
		}
		return s[:i], s[i+1:], nil
	}
	if m.lenient {
		return m.cutOddName(s)
	}
	return "", "", nameError(s, i)
}

// cutOddName is cutName for a name that is empty or no token, or has whitespace between it and the colon. It cuts
// off the whitespace, and leaves any other name as it is. curl and browsers read such a header, but whether it is
// one of those that frame the body is a guess.
func (m *machine) cutOddName(s string) (name, rest string, err error) {
	const allowed = fieldChar | controlChar
	i := notIn(s, allowed)
	if colon := strings.IndexByte(s[:i], ':'); colon >= 0 {
		i = colon
	}
	if s[i] != ':' {
		return "", "", nameError(s, i)
	}
	m.dubious = true
	name, rest = trim(s[:i]), s[i+1:]
	if name != "" && notIn(name, tokenChar) < 0 {
		name = canonicalName(name)
	}
	return name, rest, nil
}

// nameError returns the error for a header whose name ends at s[i], which is no colon or an early one.
func nameError(s string, i int) error {
	switch {
	case s[i] == ':':
		return errorf(wire.ErrHeaderName, "empty in %s", quote(firstLine(s)))
	case s[i] == '\n', s[i] == '\r' && s[i+1] == '\n':
		return errorf(wire.ErrHeaderName, "no colon in %s", quote(firstLine(s)))
	case isBlank(s[i]):
		return errorf(wire.ErrHeaderName, "whitespace before the colon in %s", quote(firstLine(s)))
	}
	return errorf(wire.ErrHeaderName, "byte %q in %s", s[i:i+1], quote(firstLine(s)))
}

// cutValue cuts the value of the header called name and its line end off s. It trims the value. A lenient machine
// keeps the control characters that RFC 9110, section 5.5, lets it keep.
func (m *machine) cutValue(name, s string) (value, rest string, err error) {
	i := fieldLength(s)
	for m.lenient && classes[s[i]]&controlChar != 0 {
		i++
		i += fieldLength(s[i:])
	}
	switch {
	case s[i] == '\r' && s[i+1] == '\n':
		return trim(s[:i]), s[i+2:], nil
	case s[i] == '\n' && m.lenient:
		return trim(s[:i]), s[i+1:], nil
	case s[i] == '\n':
		return "", "", errorf(wire.ErrLineEnd, "LF without CR after %s%s", quoteValue(name, s[:i]), inHeader(name))
	case s[i] == '\r':
		return "", "", errorf(wire.ErrLineEnd, "CR without LF after %s%s", quoteValue(name, s[:i]), inHeader(name))
	}
	return "", "", errorf(wire.ErrHeaderValue, "byte %q after %s%s", s[i:i+1], quoteValue(name, s[:i]), inHeader(name))
}

// unfold cuts the lines that continue a value off s and appends them to the value, with a space for each
// fold.
func (m *machine) unfold(name, value, s string) (whole, rest string, err error) {
	parts := []string{value}
	for isBlank(s[0]) {
		if value, s, err = m.cutValue(name, s); err != nil {
			return "", "", err
		}
		parts = append(parts, value)
	}
	return trim(strings.Join(parts, " ")), s, nil
}

// inHeader says in which header an error is. The empty line has no name.
func inHeader(name string) string {
	if name == "" {
		return ""
	}
	return ", in the header " + quote(name)
}

func firstLine(s string) string {
	return strings.TrimRight(s[:strings.IndexByte(s, '\n')], "\r")
}

// canonicalName returns name in the form of http.Header's keys. A common name costs no allocation.
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

// commonNames has the header names that are often not sent in canonical form.
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
