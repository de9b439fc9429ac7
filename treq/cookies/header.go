package cookies

import (
	"net/http"
	"strconv"
	"strings"
)

// This file reads Set-Cookie by the rules for clients (RFC 6265, section 5.2), and writes
// Cookie. The functions of net/http follow the stricter grammar for servers, and so lose
// values that are common on the web, such as JSON and UTF-8.

// ParseSetCookie reads the value of one Set-Cookie header. An attribute that is unknown or
// has an invalid value goes into Unparsed. The error is [ErrInvalid].
func ParseSetCookie(line string) (*http.Cookie, error) {
	c := new(http.Cookie)
	if err := parse(c, line); err != nil {
		return nil, err
	}
	return c, nil
}

// parse is ParseSetCookie into c, whatever c was before.
func parse(c *http.Cookie, line string) error {
	pair, attributes, more := strings.Cut(line, ";")
	name, value, ok := strings.Cut(pair, "=")
	if !ok {
		return invalid("%.100q has no equals sign", pair)
	}
	if hasControl(strings.ReplaceAll(line, "\t", " ")) { // names and values are trimmed of tabs
		return invalid("%.100q has a control character", line)
	}
	*c = http.Cookie{Name: trim(name), Value: trim(value), Raw: line}
	if err := checkPair(c.Name, c.Value); err != nil {
		return err
	}
	c.Value, c.Quoted = cutQuotes(c.Value)
	for more {
		var attribute string
		attribute, attributes, more = strings.Cut(attributes, ";")
		if attribute = trim(attribute); attribute != "" && !setAttribute(c, attribute) {
			c.Unparsed = append(c.Unparsed, attribute)
		}
	}
	return nil
}

// maxAttribute bounds the bytes of an attribute's value, as in browsers.
const maxAttribute = 1024

// setAttribute applies an attribute to c, and reports whether it is known and valid. If
// an attribute is repeated, the last valid one counts.
func setAttribute(c *http.Cookie, attribute string) bool {
	name, value, _ := strings.Cut(attribute, "=")
	value = trim(value)
	var room [16]byte // longer than the longest name
	set := setters[string(appendLower(room[:0], trim(name)))]
	return set != nil && len(value) <= maxAttribute && set(c, value)
}

// appendLower appends s to b with its ASCII letters in lower case.
func appendLower(b []byte, s string) []byte {
	for i := range len(s) {
		c := s[i]
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		b = append(b, c)
	}
	return b
}

// setters have a function for each attribute. It applies the value to a cookie, and
// reports whether the value is valid.
var setters = map[string]func(c *http.Cookie, value string) bool{
	"expires": func(c *http.Cookie, value string) bool {
		t, ok := parseDate(value)
		if ok {
			c.Expires, c.RawExpires = t, value
		}
		return ok
	},
	"max-age": func(c *http.Cookie, value string) bool {
		seconds, ok := parseMaxAge(value)
		if ok {
			c.MaxAge = seconds
		}
		return ok
	},
	"domain": func(c *http.Cookie, value string) bool {
		if value != "" {
			c.Domain = value
		}
		return value != ""
	},
	"path": func(c *http.Cookie, value string) bool {
		c.Path = "" // the default path
		if strings.HasPrefix(value, "/") {
			c.Path = value
		}
		return true
	},
	"samesite": func(c *http.Cookie, value string) bool {
		c.SameSite = sameSiteModes[strings.ToLower(value)]
		if c.SameSite == 0 {
			c.SameSite = http.SameSiteDefaultMode
		}
		return true
	},
	"secure":      func(c *http.Cookie, _ string) bool { c.Secure = true; return true },
	"httponly":    func(c *http.Cookie, _ string) bool { c.HttpOnly = true; return true },
	"partitioned": func(c *http.Cookie, _ string) bool { c.Partitioned = true; return true },
}

var sameSiteModes = map[string]http.SameSite{
	"default": http.SameSiteDefaultMode,
	"lax":     http.SameSiteLaxMode,
	"strict":  http.SameSiteStrictMode,
	"none":    http.SameSiteNoneMode,
}

// parseMaxAge returns a MaxAge as in [http.Cookie], where -1 means now and 0 means unset.
func parseMaxAge(value string) (seconds int, ok bool) {
	digits, negative := strings.CutPrefix(value, "-")
	if digits == "" || strings.Trim(digits, "0123456789") != "" {
		return 0, false
	}
	n, err := strconv.ParseInt(digits, 10, 32)
	switch {
	case negative || n == 0 && err == nil:
		return -1, true
	case err != nil:
		return 1<<31 - 1, true // 68 years
	}
	return int(n), true
}

func trim(s string) string { return strings.Trim(s, " \t") }

// FromResponse returns the cookies that the header of a response sets. It leaves out
// invalid ones.
func FromResponse(header http.Header) []*http.Cookie {
	lines := header["Set-Cookie"]
	if len(lines) == 0 {
		return nil
	}
	all := make([]*http.Cookie, 0, len(lines))
	for _, line := range lines {
		if c, err := ParseSetCookie(line); err == nil {
			all = append(all, c)
		}
	}
	return all
}

// Header returns the value of the Cookie header that sends all. The error is [ErrInvalid]
// if the server would read other names or values.
func Header(all []*http.Cookie) (string, error) {
	var b strings.Builder
	for _, c := range all {
		if err := checkPair(c.Name, wireValue(c.Value, c.Quoted)); err != nil {
			return "", err
		}
		appendPair(&b, c.Name, c.Value, c.Quoted)
	}
	return b.String(), nil
}

// appendPair appends a name and its value to a Cookie header.
func appendPair(b *strings.Builder, name, value string, quoted bool) {
	if b.Len() != 0 {
		b.WriteString("; ")
	}
	b.WriteString(name)
	b.WriteByte('=')
	if quoted {
		b.WriteByte('"')
	}
	b.WriteString(value)
	if quoted {
		b.WriteByte('"')
	}
}
