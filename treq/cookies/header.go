package cookies

import (
	"net/http"
	"strconv"
	"strings"
)

// This file holds what stands in the headers: Set-Cookie as RFC 6265, section
// 5.2, has clients read it, and Cookie. net/http's own functions keep to the
// stricter grammar for servers, and so lose cookies that the web is full of: JSON
// as a value, say, or UTF-8.

// ParseSetCookie reads the value of one Set-Cookie header. Attributes that it
// cannot make sense of it leaves out, as it must; they are in Unparsed. A line
// that holds no cookie fails with [ErrInvalid].
func ParseSetCookie(line string) (*http.Cookie, error) {
	pair, attributes, more := strings.Cut(line, ";")
	name, value, ok := strings.Cut(pair, "=")
	if !ok {
		return nil, invalid("%.100q has no equals sign", pair)
	}
	if hasControl(strings.ReplaceAll(line, "\t", " ")) { // a tab may be at the ends of things
		return nil, invalid("%.100q has a control character", line)
	}
	c := &http.Cookie{Name: trim(name), Value: trim(value), Raw: line}
	if err := checkPair(c.Name, c.Value); err != nil {
		return nil, err
	}
	c.Value, c.Quoted = unquoted(c.Value)
	for more {
		var attribute string
		attribute, attributes, more = strings.Cut(attributes, ";")
		if attribute = trim(attribute); attribute != "" && !setAttribute(c, attribute) {
			c.Unparsed = append(c.Unparsed, attribute)
		}
	}
	return c, nil
}

// maxAttribute is how long the value of an attribute may be; a longer one is left
// out, as browsers do.
const maxAttribute = 1024

// setAttribute adds what attribute says to c. Of several of a name, the last
// one that can be understood counts.
func setAttribute(c *http.Cookie, attribute string) bool {
	name, value, _ := strings.Cut(attribute, "=")
	value = trim(value)
	if len(value) > maxAttribute {
		return false
	}
	switch strings.ToLower(trim(name)) {
	case "expires":
		t, ok := parseDate(value)
		if !ok {
			return false
		}
		c.Expires, c.RawExpires = t, value
	case "max-age":
		seconds, ok := parseMaxAge(value)
		if !ok {
			return false
		}
		c.MaxAge = seconds
	case "domain":
		if value == "" {
			return false
		}
		c.Domain = value
	case "path":
		c.Path = ""
		if strings.HasPrefix(value, "/") {
			c.Path = value
		}
	case "secure":
		c.Secure = true
	case "httponly":
		c.HttpOnly = true
	case "partitioned":
		c.Partitioned = true
	case "samesite":
		switch strings.ToLower(value) {
		case "lax":
			c.SameSite = http.SameSiteLaxMode
		case "strict":
			c.SameSite = http.SameSiteStrictMode
		case "none":
			c.SameSite = http.SameSiteNoneMode
		default:
			c.SameSite = http.SameSiteDefaultMode
		}
	default:
		return false
	}
	return true
}

// parseMaxAge gives MaxAge as http.Cookie has it: -1 is now, 0 would be unset.
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

// trim removes the white space that the grammar allows.
func trim(s string) string { return strings.Trim(s, " \t") }

// FromResponse returns the cookies that the header of a response sets. What is
// no cookie it leaves out.
func FromResponse(header http.Header) []*http.Cookie {
	var all []*http.Cookie
	for _, line := range header["Set-Cookie"] {
		if c, err := ParseSetCookie(line); err == nil {
			all = append(all, c)
		}
	}
	return all
}

// Header returns the value of the Cookie header that sends the names and values
// of all. It fails with [ErrInvalid] if one of them would not arrive as one.
func Header(all []*http.Cookie) (string, error) {
	var b strings.Builder
	for i, c := range all {
		value := c.Value
		if c.Quoted {
			value = `"` + value + `"`
		}
		if err := checkPair(c.Name, value); err != nil {
			return "", err
		}
		if i > 0 {
			b.WriteString("; ")
		}
		b.WriteString(c.Name)
		b.WriteByte('=')
		b.WriteString(value)
	}
	return b.String(), nil
}
