// Package secret decides what is secret in a request and in its response, and hides it in
// the texts that people read: errors, logs, commands and dumps.
//
// It goes by names. A header, a parameter of a URL, a field of a form and a member of a JSON
// object are secret if they have the name of a password, a token, a key, a signature or a
// session. The password of a URL is secret, and the value of a cookie.
//
// It cannot know a secret that has no such name, for example one in the path of a URL.
package secret

import (
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"unicode"
)

// Mask stands for a secret. It is what [url.URL.Redacted] writes for a password.
const Mask = "xxxxx"

// Names are names that are secret in addition to the well-known ones. Only the letters and
// digits of a name matter, and not their case.
type Names []string

// Known has only the well-known names.
var Known Names

// Has reports whether a header, parameter, field or member of that name is secret.
func (n Names) Has(name string) bool {
	name = plain(name)
	return exactly[name] ||
		slices.ContainsFunc(endings, func(end string) bool { return strings.HasSuffix(name, end) }) ||
		slices.ContainsFunc(n, func(more string) bool { return plain(more) == name })
}

// endings are the ends of secret names, as plain returns them: X-Auth-Token, client_secret.
var endings = []string{
	"authorization", "cookie", "cookie2",
	"token", "secret", "password", "passwd", "passphrase", "pwd", "jwt",
	"passwords", "passcode", "userpass", "secrets", "tokenhint", "devicecode", "oauthverifier",
	"apikey", "accesskey", "secretkey", "privatekey", "subscriptionkey", "authkey", "accesskeyid",
	"apikeys", "appkey", "sessionkey", "encryptionkey", "signingkey", "masterkey", "sharedkey", "functionskey", "customerkey",
	"signature", "signature256", "signaturesha256", "hmac", "credential", "credentials", "assertion", "sessionid", "codeverifier",
}

// exactly has the secret names that are too short to be an ending.
var exactly = map[string]bool{
	"auth": true, "xauth": true, "dpop": true, "otp": true, "pass": true, "pw": true, "samlresponse": true,
	"session": true, "xsession": true, "sessid": true, "phpsessid": true, "sid": true, "sig": true,
	"bearer": true, "csrf": true, "xcsrf": true, "xsrf": true, "xxsrf": true,
}

// hasPair reports whether the parameter is secret. key, code, ticket and sign are names of API
// keys, of OAuth's codes and the like, but of much else too: they are secret if the value is as
// long as a secret.
func (n Names) hasPair(name, value string) bool {
	if decoded, err := url.QueryUnescape(name); err == nil {
		name = decoded
	}
	switch name = plain(name); name {
	case "key", "code", "ticket", "sign":
		return len(value) >= secretLength || n.Has(name)
	}
	return n.Has(name)
}

// secretLength is the length from which a text may be a key that was made at random.
const secretLength = 16

// plain returns the letters and digits of name, in lower case.
func plain(name string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case 'A' <= r && r <= 'Z':
			return r + 'a' - 'A'
		case unicode.IsLetter(r), unicode.IsDigit(r):
			return r
		}
		return -1
	}, name)
}

// Header returns the value of a header as a text may show it. It keeps the scheme of an
// Authorization, and the names of cookies.
func (n Names) Header(name, value string) string {
	switch plain := plain(name); {
	case plain == "cookie":
		return maskCookies(value)
	case plain == "setcookie":
		pair, attributes, more := strings.Cut(value, ";")
		if pair = maskCookies(pair); more {
			pair += ";" + attributes
		}
		return pair
	case strings.HasSuffix(plain, "authorization"):
		scheme, _, _ := strings.Cut(value, " ")
		if len(scheme) < len(value) && slices.ContainsFunc(schemes, func(s string) bool { return strings.EqualFold(s, scheme) }) {
			return scheme + " " + Mask
		}
		return Mask
	case n.Has(name):
		return Mask
	case plain == "location", plain == "contentlocation", plain == "referer":
		return n.RawURL(value)
	}
	return n.Text(value)
}

// schemes are the schemes of Authorization that are worth to be shown.
var schemes = []string{"Basic", "Bearer", "Digest", "DPoP", "Negotiate", "NTLM", "Token", "AWS4-HMAC-SHA256"}

// maskCookies hides the values in a Cookie header.
func maskCookies(value string) string {
	pairs := strings.Split(value, ";")
	for i, pair := range pairs {
		if name, _, ok := strings.Cut(pair, "="); ok {
			pairs[i] = name + "=" + Mask
		} else if strings.TrimSpace(pair) != "" {
			pairs[i] = Mask
		}
	}
	return strings.Join(pairs, ";")
}

// Head hides the secrets in lines of a head: its start line, and its headers.
func (n Names) Head(lines string) string {
	var b strings.Builder
	for line := range strings.Lines(lines) {
		name, value, ok := strings.Cut(line, ":")
		if !ok || strings.ContainsAny(strings.TrimSpace(name), " \t/?") {
			b.WriteString(n.Text(line))
			continue
		}
		text := strings.TrimLeft(value, " \t")
		blank := value[:len(value)-len(text)]
		text = strings.TrimRight(text, "\r\n")
		end := value[len(blank)+len(text):]
		b.WriteString(name + ":" + blank)
		if text != "" {
			b.WriteString(n.Header(strings.TrimSpace(name), text))
		}
		b.WriteString(end)
	}
	return b.String()
}

// Headers returns a copy of h whose values are those of [Names.Header].
func (n Names) Headers(h http.Header) http.Header {
	c := h.Clone()
	for name, values := range c {
		for i := range values {
			values[i] = n.Header(name, values[i])
		}
	}
	return c
}

// URL returns u, which may be nil, without its secrets: the password, a user name that may be
// a token, and secret parameters of the path, the query and the fragment.
func (n Names) URL(u *url.URL) string {
	if u == nil {
		return ""
	}
	c := *u // its query is the only part that may have a "#"
	c.RawQuery = n.pairs(c.RawQuery, true, "&")
	if at := strings.LastIndexByte(c.Opaque, '@'); at >= 0 {
		c.Opaque = Mask + c.Opaque[at:]
	}
	return n.pairs(maskUsers(c.String()), false, "&#")
}

// RawURL is URL for a text that is meant to be a URL, even if it is none.
func (n Names) RawURL(rawURL string) string {
	if u, err := url.Parse(rawURL); err == nil && u.Opaque == "" {
		if shown := n.URL(u); shown != u.String() {
			return shown
		}
		return rawURL // as it was written
	}
	if at := strings.LastIndexByte(rawURL, '@'); at >= 0 {
		start := strings.Index(rawURL[:at], "//") + len("//")
		if start == 1 { // there is no "//"
			start = strings.IndexByte(rawURL[:at], ':') + len(":")
		}
		rawURL = rawURL[:start] + Mask + rawURL[at:]
	}
	return n.pairs(rawURL, false, "&#")
}

// Text hides the secrets of the URLs in text.
func (n Names) Text(text string) string {
	return n.pairs(maskUsers(text), false, ends+"&#")
}

// ends are the characters that end a URL in a text.
const ends = " \t\r\n\"'<>`"

// maskUsers hides the passwords in the URLs of text.
func maskUsers(text string) string {
	var b strings.Builder
	for {
		start := strings.Index(text, "//")
		if start < 0 {
			break
		}
		start += len("//")
		b.WriteString(text[:start])
		text = text[start:]
		end := strings.IndexAny(text, ends+"/?#")
		if end < 0 {
			end = len(text)
		}
		at := strings.LastIndexByte(text[:end], '@')
		if at < 0 {
			if at = passwordEnd(text, end); at < 0 {
				continue
			}
		}
		name, _, hasPassword := strings.Cut(text[:at], ":")
		if len(name) >= secretLength {
			name = Mask
		}
		b.WriteString(name)
		if hasPassword {
			b.WriteString(":" + Mask)
		}
		text = text[at:]
	}
	b.WriteString(text)
	return b.String()
}

// passwordEnd returns the "@" after a password in text that has a "/", a "?" or a "#", the
// first of them at end; or -1. What follows the ":" is not a port then.
func passwordEnd(text string, end int) int {
	_, port, ok := strings.Cut(text[:end], ":")
	if !ok || text[0] == '[' || strings.Trim(port, "0123456789") == "" {
		return -1
	}
	if stop := strings.IndexAny(text, ends); stop >= 0 {
		text = text[:stop]
	}
	return strings.LastIndexByte(text, '@')
}

// Body hides the secret fields of a body that is a form or JSON, by its Content-Type or, if
// that is missing or plain text, by its look. Of any other text it hides the secrets of the
// URLs. The body may be cut short.
func (n Names) Body(body, contentType string) string {
	mediaType, _, _ := strings.Cut(contentType, ";")
	switch mediaType = strings.ToLower(strings.TrimSpace(mediaType)); {
	case mediaType == "application/x-www-form-urlencoded":
		return n.Form(body)
	case strings.Contains(mediaType, "json"):
		return n.JSON(body)
	case strings.HasPrefix(mediaType, "multipart/"):
		return n.multipart(body)
	case mediaType != "" && mediaType != "text/plain":
	case body[skipSpace(body, 0):] != "" && strings.IndexByte("{[", body[skipSpace(body, 0)]) >= 0:
		return n.JSON(body)
	case strings.Contains(body, "=") && !strings.ContainsAny(strings.TrimSpace(body), ends):
		return n.pairs(n.Text(body), true, "&")
	}
	return n.Text(body)
}

// multipart hides the secret fields of a form, multipart/form-data: what follows the head of
// such a part, as far as the next delimiter.
func (n Names) multipart(body string) string {
	var b strings.Builder
	for {
		head, rest, ok := strings.Cut(body, "\r\n\r\n")
		b.WriteString(n.Text(head))
		if !ok {
			return b.String()
		}
		b.WriteString("\r\n\r\n")
		value, after, more := strings.Cut(rest, "\r\n--")
		_, name, _ := strings.Cut(head, "name=")
		name, _, _ = strings.Cut(strings.TrimPrefix(name, `"`), `"`)
		if name, _, _ = strings.Cut(name, ";"); value != "" && n.hasPair(name, value) {
			value = Mask
		}
		b.WriteString(n.Text(value))
		if !more {
			return b.String()
		}
		body = "\r\n--" + after
	}
}

// Form hides the secret fields of a form, application/x-www-form-urlencoded. It may be cut
// short.
func (n Names) Form(body string) string { return n.pairs(body, true, "&") }

// pairs hides the values of secret parameters, name=value, in text. A parameter stands after
// one of "?&;#"; atStart says that another stands at the beginning. Its value ends before one
// of stops.
func (n Names) pairs(text string, atStart bool, stops string) string {
	var b strings.Builder
	done, name := 0, -1
	if atStart {
		name = 0
	}
	for i := 0; i < len(text); i++ {
		switch text[i] {
		case '?', '&', ';', '#':
			name = i + 1
		case '=':
			if name < 0 {
				continue
			}
			end, stops := len(text), stops
			if name > 0 && text[name-1] == ';' && !strings.Contains(text[:name], "?") {
				stops += "?/" // a parameter of a path
			}
			if stop := strings.IndexAny(text[i+1:], stops); stop >= 0 {
				end = i + 1 + stop
			}
			if value := text[i+1 : end]; value == "" {
			} else if n.hasPair(text[name:i], value) {
				b.WriteString(text[done:i+1] + Mask)
				done, i = end, end-1
			} else if shown := n.escaped(value); shown != value {
				b.WriteString(text[done:i+1] + shown)
				done, i = end, end-1
			}
			name = -1
		}
	}
	if done == 0 {
		return text
	}
	b.WriteString(text[done:])
	return b.String()
}

// escaped returns the value of a parameter without the secrets of an escaped URL in it.
func (n Names) escaped(value string) string {
	if !strings.Contains(value, "%") {
		return value
	}
	decoded, err := url.QueryUnescape(value)
	if err != nil {
		return value
	}
	if shown := n.Text(decoded); shown != decoded {
		return url.QueryEscape(shown)
	}
	return value
}

// JSON hides the strings and numbers in secret members of objects, at any depth, and the secrets
// of URLs and of JSON in other strings. The text may be cut short.
func (n Names) JSON(text string) string {
	var b strings.Builder
	done := 0
	depth := 0 // of the arrays and objects that are the value of a secret member
	for i := 0; i < len(text); {
		start := i
		switch c := text[i]; {
		case c == '"':
			i = stringEnd(text, i)
		case strings.IndexByte("{[", c) >= 0 && depth > 0:
			i, depth = i+1, depth+1
			continue
		case strings.IndexByte("}]", c) >= 0 && depth > 0:
			i, depth = i+1, depth-1
			continue
		case depth > 0 && strings.IndexByte(jsonEnds, c) < 0:
			i = scalarEnd(text, i)
			b.WriteString(text[done:start] + Mask)
			done = i
			continue
		default:
			i++
			continue
		}
		value := skipSpace(text, i)
		if value == len(text) || text[value] != ':' { // it is no name
			if shown := n.jsonString(text[start:i], depth > 0); shown != text[start:i] {
				b.WriteString(text[done:start] + shown)
				done = i
			}
			continue
		}
		if value = skipSpace(text, value+1); value == len(text) || depth > 0 || !n.Has(unquoted(text[start:i])) {
			i = value
			continue
		}
		switch text[value] {
		case '{', '[':
			i, depth = value+1, 1
			continue
		case '"':
			i = stringEnd(text, value)
			b.WriteString(text[done:value] + `"` + Mask + `"`)
		default:
			i = scalarEnd(text, value)
			b.WriteString(text[done:value] + Mask)
		}
		done = i
	}
	b.WriteString(text[done:])
	return b.String()
}

// jsonEnds are the characters that end a number in JSON.
const jsonEnds = ",:}] \t\r\n"

// scalarEnd returns the end of the number, or the word, that begins at start.
func scalarEnd(text string, start int) int {
	if end := strings.IndexAny(text[start:], jsonEnds); end >= 0 {
		return start + end
	}
	return len(text)
}

// jsonString returns a string of JSON without its secrets, or without all of it if it is secret.
func (n Names) jsonString(quoted string, secret bool) string {
	if secret {
		return `"` + Mask + `"`
	}
	if !strings.ContainsAny(quoted, "/?&;#{") {
		return quoted
	}
	s := unquoted(quoted)
	shown := n.Body(s, "")
	if shown == s {
		return quoted
	}
	text, err := json.Marshal(shown)
	if err != nil {
		return `"` + Mask + `"`
	}
	return string(text)
}

// stringEnd returns the end of the JSON string that begins at start, which may be cut short.
func stringEnd(text string, start int) int {
	for i := start + 1; i < len(text); i++ {
		switch text[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
	return len(text)
}

func skipSpace(text string, i int) int {
	for i < len(text) && strings.IndexByte(" \t\r\n", text[i]) >= 0 {
		i++
	}
	return i
}

// unquoted returns the text of a JSON string.
func unquoted(quoted string) string {
	var s string
	if json.Unmarshal([]byte(quoted), &s) != nil {
		return strings.Trim(quoted, `"`)
	}
	return s
}
