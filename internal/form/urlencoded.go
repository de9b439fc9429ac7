// Package form reads what an HTML form sends: application/x-www-form-urlencoded, which is
// also the syntax of queries, and multipart/form-data. It reads as browsers write and as
// servers read: an odd field is kept, and nothing is dropped without an error.
package form

import (
	"errors"
	"fmt"
	"iter"
	"net/url"
	"strings"
)

// ErrTooMany is the error of a form that has more fields than its reader allows.
var ErrTooMany = errors.New("too many fields")

// tooMany returns an error that matches [ErrTooMany].
func tooMany(most int) error { return fmt.Errorf("%w: more than %d", ErrTooMany, most) }

// Pairs returns the names and values of text in their order. It follows the parser of the
// URL Standard (https://url.spec.whatwg.org/#urlencoded-parsing): only "&" separates
// pairs, an empty pair is skipped, the first "=" ends a name, "+" is a space, and a "%"
// without two hexadecimal digits stands for itself. Unlike that parser, Pairs keeps bytes
// that are not UTF-8.
func Pairs(text string) iter.Seq2[string, string] {
	return func(yield func(name, value string) bool) {
		for text != "" {
			var pair string
			pair, text, _ = strings.Cut(text, "&")
			if pair == "" {
				continue
			}
			name, value, _ := strings.Cut(pair, "=")
			if !yield(unescape(name), unescape(value)) {
				return
			}
		}
	}
}

// Values returns the values of text by their names; see [Pairs]. More than most pairs are
// [ErrTooMany].
func Values(text string, most int) (url.Values, error) {
	values := make(url.Values)
	count := 0
	for name, value := range Pairs(text) {
		if count++; count > most {
			return nil, tooMany(most)
		}
		values[name] = append(values[name], value)
	}
	return values, nil
}

// unescape decodes "+" and the valid escapes of s.
func unescape(s string) string {
	first := strings.IndexAny(s, "+%")
	if first < 0 {
		return s
	}
	b := make([]byte, first, len(s))
	copy(b, s)
	for i := first; i < len(s); i++ {
		c := s[i]
		switch {
		case c == '+':
			c = ' '
		case c == '%' && i+2 < len(s):
			high, ok1 := hex(s[i+1])
			low, ok2 := hex(s[i+2])
			if ok1 && ok2 {
				c = high<<4 | low
				i += 2
			}
		}
		b = append(b, c)
	}
	return string(b)
}

// hex returns the value of a hexadecimal digit.
func hex(c byte) (value byte, ok bool) {
	switch {
	case '0' <= c && c <= '9':
		return c - '0', true
	case 'a' <= c && c <= 'f':
		return c - 'a' + 10, true
	case 'A' <= c && c <= 'F':
		return c - 'A' + 10, true
	}
	return 0, false
}
