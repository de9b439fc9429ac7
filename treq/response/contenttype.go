package response

import (
	"net/http"
	"strings"
)

// This file finds the media type and the charset in the headers of a response.

// contentType returns the media type of h, in lower case, and its charset as written.
// Either may be empty. Of several types the last valid one counts, and takes over the
// charset of the same type before it ("extract a MIME type" in WHATWG's Fetch standard). A
// header that a proxy joined of several, with commas, counts as several.
//
// Unlike mime.ParseMediaType, contentType skips invalid parameters. If no type is valid,
// it takes what the last header has.
func contentType(h http.Header) (mediaType, charset string) {
	values := h["Content-Type"]
	if len(values) == 0 {
		return "", ""
	}
	first := "" // the charset of the first header of mediaType in a row
	for _, rest := range values {
		for more := true; more; {
			var value string
			value, rest, more = cutType(rest)
			found, parameters, _ := strings.Cut(value, ";")
			if found = strings.ToLower(trim(found)); !isType(found) || found == "*/*" {
				continue
			}
			charset = charsetOf(parameters)
			switch {
			case found != mediaType:
				mediaType, first = found, charset
			case charset == "":
				charset = first
			}
		}
	}
	if mediaType == "" {
		found, parameters, _ := strings.Cut(values[len(values)-1], ";")
		return strings.ToLower(trim(found)), charsetOf(parameters)
	}
	return mediaType, charset
}

// cutType cuts the first of several joined values off s. A comma counts only before another
// type or before nothing, so that one in a bad parameter does not hide the rest of it.
func cutType(s string) (value, rest string, more bool) {
	quoted := false
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == '"':
			quoted = !quoted
		case quoted && s[i] == '\\':
			i++
		case !quoted && s[i] == ',':
			next := trim(s[i+1:])
			if end := strings.IndexAny(next, ";,"); end >= 0 {
				next = trim(next[:end])
			}
			if next == "" || isType(next) {
				return s[:i], s[i+1:], true
			}
		}
	}
	return s, "", false
}

// isType reports whether s is a type, a slash and a subtype (RFC 9110, section 8.3.1).
func isType(s string) bool {
	kind, subtype, found := strings.Cut(s, "/")
	return found && isToken(kind) && isToken(subtype)
}

// isToken reports whether s is a token (RFC 9110, section 5.6.2).
func isToken(s string) bool {
	for i := range len(s) {
		if !isAlphanumeric(s[i]) && strings.IndexByte("!#$%&'*+-.^_`|~", s[i]) < 0 {
			return false
		}
	}
	return s != ""
}

func isAlphanumeric(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9'
}

// trim cuts off the spaces of ASCII.
func trim(s string) string { return strings.Trim(s, " \t\n\v\f\r") }

// charsetOf returns the first charset among parameters that can be a name, or "".
func charsetOf(parameters string) (charset string) {
	for parameters != "" && charset == "" {
		var name, value string
		name, value, parameters = cutParameter(parameters)
		if strings.EqualFold(name, "charset") {
			charset = charsetName(value)
		}
	}
	return charset
}

// cutParameter cuts the first parameter off s (RFC 9110, section 5.6.6).
func cutParameter(s string) (name, value, rest string) {
	end := strings.IndexAny(s, "=;")
	if end < 0 || s[end] == ';' {
		_, rest, _ = strings.Cut(s, ";")
		return "", "", rest
	}
	name, s = trim(s[:end]), s[end+1:]
	if quoted := trim(s); strings.HasPrefix(quoted, `"`) {
		value, s, _ = cutQuoted(quoted[1:])
		_, rest, _ = strings.Cut(s, ";")
		return name, value, rest
	}
	value, rest, _ = strings.Cut(s, ";")
	return name, trim(value), rest
}

// cutQuoted cuts a quoted string off s, which begins after the opening quote, and reports
// whether another quote closes it.
func cutQuoted(s string) (value, rest string, closed bool) {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == '"':
			return b.String(), s[i+1:], true
		case s[i] == '\\' && i+1 < len(s):
			i++
		}
		b.WriteByte(s[i])
	}
	return b.String(), "", false
}

// charsetName returns the name in the value of a charset parameter, without quotes and
// spaces around it. It returns "" if the value cannot be a name (RFC 2978, section 2.3).
func charsetName(value string) string {
	value = strings.Trim(value, "'\" \t\n\v\f\r")
	for i := range len(value) {
		if !isAlphanumeric(value[i]) && strings.IndexByte("!#$%&+-^_`~.:()", value[i]) < 0 {
			return ""
		}
	}
	return value
}
