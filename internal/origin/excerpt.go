package origin

import (
	"strconv"
	"unicode/utf8"
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

// The sizes for Excerpt in the errors of requests.
const (
	ExcerptOfURL   = 500
	ExcerptOfError = 2000
)
