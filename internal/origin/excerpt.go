package origin

import (
	"net/url"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/seed-7c003b53/gotreq/internal/secret"
)

// Excerpt returns text for an error or a log: whole, or with its middle left out if it has
// more than most bytes. A server chooses a Location of any length, and it becomes a URL.
func Excerpt(text string, most int) string {
	if len(text) <= most {
		return text
	}
	begin, end := most/2, len(text)-most/2
	for begin > 0 && !utf8.RuneStart(text[begin]) {
		begin--
	}
	for end < len(text) && !utf8.RuneStart(text[end]) {
		end++
	}
	return text[:begin] + "[" + strconv.Itoa(end-begin) + " bytes]" + text[end:]
}

// NamesRequest reports whether text, that of an error, begins with a request: a method, a URL
// and a colon. Whoever adds a request to an error asks it first.
func NamesRequest(text string) bool {
	method, rest, _ := strings.Cut(text, " ")
	isURL := strings.HasPrefix(rest, "http://") || strings.HasPrefix(rest, "https://")
	return isURL && strings.Contains(rest, ": ") && method != "" && strings.Trim(method, methodChars) == ""
}

// methodChars are the characters of a method (RFC 9110, section 5.6.2).
const methodChars = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789!#$%&'*+-.^_`|~"

// Redacted returns u, which may be nil, as the text of an error shows it: without its secrets,
// and with the "//" that package url leaves out if no host follows.
func Redacted(u *url.URL) string {
	text := secret.Known.URL(u)
	if u != nil && u.Scheme != "" && u.Host == "" && u.Opaque == "" && u.Path == "" && u.User == nil {
		return u.Scheme + "://" + strings.TrimPrefix(text, u.Scheme+":")
	}
	return text
}

// The sizes for Excerpt in the errors of requests.
const (
	ExcerptOfURL   = 500
	ExcerptOfError = 2000
)
