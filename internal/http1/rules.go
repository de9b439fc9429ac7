package http1

// This file exports the rules that a message obeys in every version of HTTP, for the machine of HTTP/2. It must not
// hold rules of its own.

import (
	"fmt"

	"github.com/seed-7c003b53/gotreq/treq/wire"
)

// CheckMethod returns a [*wire.Error] with ErrMethod for a method that is not a token.
func CheckMethod(method string) error { return checkMethod(method) }

// CheckTarget returns a [*wire.Error] with ErrTarget for a request target that does not have the form for the method
// (RFC 9112, section 3.2). raw allows bytes above 127, as a server does.
func CheckTarget(method, target string, raw bool) error {
	if raw {
		return checkTarget(method, target, targetChar|rawChar)
	}
	return checkTarget(method, target, targetChar)
}

// IsToken reports whether s is a token (RFC 9110, section 5.6.2).
func IsToken(s string) bool { return s != "" && notIn(s, tokenChar) < 0 }

// IsScheme reports whether s is the scheme of a URI (RFC 3986, section 3.1).
func IsScheme(s string) bool {
	return s != "" && classes[s[0]]&(upperChar|lowerChar) != 0 && notIn(s, schemeChar) < 0
}

// BadByte returns the index of the first byte of value that a header's value does not allow (RFC 9110, section 5.5), or
// -1. lenient allows control characters other than NUL, CR and LF.
func BadByte(value string, lenient bool) int {
	i := fieldLength(value)
	switch {
	case i == len(value):
		return -1
	case lenient:
		if more := notIn(value[i:], fieldChar|controlChar); more >= 0 {
			return i + more
		}
		return -1
	}
	return i
}

// ContentLength returns the number that all values of Content-Length agree on, or a [*wire.Error].
func ContentLength(values []string) (int64, error) { return contentLength(values) }

// ExpectsBody reports whether a request with this method usually has a body, so that its length is written even if it
// is 0 (RFC 9110, section 8.6).
func ExpectsBody(method string) bool { return expectsBody(method) }

// EqualFold is strings.EqualFold for ASCII.
func EqualFold(a, b string) bool { return equalFold(a, b) }

// Trim cuts spaces and tabs off both ends of s.
func Trim(s string) string { return trim(s) }

// CanonicalName returns name in the form of http.Header's keys. A common name costs no allocation.
func CanonicalName(name string) string { return canonicalName(name) }

// CommonNames yields the header names that CanonicalName knows.
func CommonNames(yield func(name string) bool) {
	for name := range commonNames {
		if !yield(name) {
			return
		}
	}
}

// Errorf returns a [*wire.Error].
func Errorf(k wire.Kind, format string, args ...any) *wire.Error {
	return &wire.Error{Kind: k, Detail: fmt.Sprintf(format, args...)}
}

// Quote returns a text of a message for an error: without its secrets, in ASCII, escaped, and shortened.
func Quote[T string | []byte](text T) string { return quote(text) }

// QuoteValue is Quote for the value of a header.
func QuoteValue(name, value string) string { return quoteValue(name, value) }
