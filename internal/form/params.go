package form

import (
	"iter"
	"strings"
)

// This file reads the parameters of Content-Type and Content-Disposition as they are sent,
// which is not always as RFC 2045 has them: without quotes where they are needed, and with
// quotes and backslashes that are not escaped.

// Type returns the media type of a Content-Type in lower case, and its boundary.
func Type(contentType string) (mediaType, boundary string) {
	end := strings.IndexAny(contentType, ";, \t")
	if end < 0 {
		return strings.ToLower(contentType), ""
	}
	boundary, _ = parameter(contentType[end+1:], "boundary")
	return strings.ToLower(contentType[:end]), boundary
}

// parameter returns the last value of the parameter called name, as Twisted and werkzeug
// do.
func parameter(text, name string) (value string, ok bool) {
	for n, v := range parameters(text) {
		if strings.EqualFold(n, name) {
			value, ok = v, true
		}
	}
	return value, ok
}

// parameters returns the parameters in text, in their order. If the quotes and backslashes
// of a value are not those of RFC 9110, section 5.6.4, it looks for the quote that another
// parameter or the end follows.
func parameters(text string) iter.Seq2[string, string] {
	return func(yield func(name, value string) bool) {
		strict := wellQuoted(text)
		for text != "" {
			var name, value string
			at := strings.IndexAny(text, ";=")
			if at < 0 {
				return
			}
			name, text = trim(text[:at]), text[at:]
			if text[0] == ';' { // not a parameter
				text = text[1:]
				continue
			}
			text = strings.TrimLeft(text[1:], blanks)
			if strings.HasPrefix(text, `"`) {
				end := closingQuote(text, strict)
				value = unquote(text[1:end])
				text = text[min(end+1, len(text)):]
				text = strings.TrimLeft(text, blanks+";")
			} else {
				value, text, _ = strings.Cut(text, ";")
				value = trim(value)
			}
			if !yield(name, value) {
				return
			}
		}
	}
}

const blanks = " \t"

func trim(s string) string { return strings.Trim(s, blanks) }

// wellQuoted reports whether a semicolon or the end follows each quoted string of text.
func wellQuoted(text string) bool {
	for {
		at := strings.Index(text, `="`)
		if at < 0 {
			return true
		}
		text = text[at+1:]
		end := closingQuote(text, true)
		if end == len(text) {
			return false
		}
		text = strings.TrimLeft(text[end+1:], blanks)
		if text != "" && text[0] != ';' {
			return false
		}
	}
}

// closingQuote returns the index of the quote that ends the quoted string at the start of
// text, or len(text). If strict is set, it is the first quote without a backslash before
// it; otherwise the first one that another parameter or the end follows.
func closingQuote(text string, strict bool) int {
	for i := 1; i < len(text); i++ {
		switch {
		case strict && text[i] == '\\':
			i++
		case text[i] == '"' && (strict || parameterFollows(text[i+1:])):
			return i
		}
	}
	return len(text)
}

// parameterFollows reports whether text begins with a semicolon or with a blank and a
// parameter, or is empty.
func parameterFollows(text string) bool {
	rest := strings.TrimLeft(text, blanks)
	if rest == "" || rest[0] == ';' {
		return true
	}
	word := strings.TrimLeft(rest, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ*")
	return len(rest) < len(text) && len(word) < len(rest) && strings.HasPrefix(word, "=")
}

// unquote removes the backslashes that escape a quote or a backslash. Others stand for
// themselves, as in the paths that old browsers send.
func unquote(s string) string {
	if !strings.Contains(s, `\`) {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+1 < len(s) && (s[i+1] == '"' || s[i+1] == '\\') {
			i++
		}
		b.WriteByte(s[i])
	}
	return b.String()
}
