package response

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/htmlindex"
	"golang.org/x/text/encoding/ianaindex"
	"golang.org/x/text/encoding/unicode"
	"golang.org/x/text/encoding/unicode/utf32"
)

// This file finds the charset of a response, and decodes text.

// The reasons of a CharsetError.
var (
	// ErrUnknownCharset says that the charset is unknown.
	ErrUnknownCharset = errors.New("unknown charset")
	// ErrUndecodable says that the bytes are not text in the charset. As in Python's
	// decode, they are not replaced by anything. [Response.Content] still returns
	// them.
	ErrUndecodable = errors.New("not text in that charset")
)

// A CharsetError says why a body cannot be decoded as text. errors.Is finds
// [ErrUnknownCharset] or [ErrUndecodable].
type CharsetError struct {
	Charset string // the name that the response or the caller gave
	Offset  int    // the index of the first undecodable byte, within a character
	Err     error
}

func (e *CharsetError) Error() string {
	if e.Err == ErrUnknownCharset {
		return fmt.Sprintf("decoding the response: %v %q", e.Err, e.Charset)
	}
	return fmt.Sprintf("decoding the response as %s: byte %d: %v", e.Charset, e.Offset, e.Err)
}

// Unwrap returns the reason.
func (e *CharsetError) Unwrap() error { return e.Err }

// contentType returns the media type of h, in lower case, and its charset as written.
// Either may be empty. Of several headers the last one counts, as in treq and in
// browsers. Unlike mime.ParseMediaType, it skips invalid parameters.
func contentType(h http.Header) (mediaType, charset string) {
	values := h["Content-Type"]
	if len(values) == 0 {
		return "", ""
	}
	mediaType, rest, _ := strings.Cut(values[len(values)-1], ";")
	for rest != "" && charset == "" {
		var name, value string
		name, value, rest = cutParameter(rest)
		if strings.EqualFold(name, "charset") {
			charset = charsetName(value)
		}
	}
	return strings.ToLower(strings.TrimSpace(mediaType)), charset
}

// cutParameter cuts the first parameter off s (RFC 9110, section 5.6.6).
func cutParameter(s string) (name, value, rest string) {
	end := strings.IndexAny(s, "=;")
	if end < 0 || s[end] == ';' {
		_, rest, _ = strings.Cut(s, ";")
		return "", "", rest
	}
	name, s = strings.TrimSpace(s[:end]), s[end+1:]
	if quoted := strings.TrimLeft(s, " \t"); strings.HasPrefix(quoted, `"`) {
		value, s = cutQuoted(quoted[1:])
		_, rest, _ = strings.Cut(s, ";")
		return name, value, rest
	}
	value, rest, _ = strings.Cut(s, ";")
	return name, strings.TrimSpace(value), rest
}

// cutQuoted cuts a quoted string off s. s begins after the opening quote.
func cutQuoted(s string) (value, rest string) {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == '"':
			return b.String(), s[i+1:]
		case s[i] == '\\' && i+1 < len(s):
			i++
		}
		b.WriteByte(s[i])
	}
	return b.String(), ""
}

// charsetName returns the name in the value of a charset parameter, without quotes around
// it. It returns "" if the value cannot be a name (RFC 2978, section 2.3).
func charsetName(value string) string {
	value = strings.Trim(value, `'"`)
	for _, c := range []byte(value) {
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9':
		case strings.IndexByte("!#$%&+-^_`~.:()", c) >= 0:
		default:
			return ""
		}
	}
	return value
}

func decode(data []byte, charset string) (string, error) {
	name := strings.ReplaceAll(strings.ToLower(charset), "_", "-")
	switch name {
	case "utf-8", "utf8":
		return decodeUTF8(data, charset)
	case "us-ascii", "ascii", "ansi-x3.4-1968", "iso646-us":
		if i := bytes.IndexFunc(data, func(r rune) bool { return r >= utf8.RuneSelf }); i >= 0 {
			return "", &CharsetError{charset, i, ErrUndecodable}
		}
		return string(data), nil
	case "iso-8859-1", "iso8859-1", "latin1", "latin-1", "l1", "iso-8859-1:1987", "cp819", "ibm819":
		return decodeLatin1(data), nil
	}
	e, isUnicode := lookUp(charset, name, data)
	if e == nil {
		return "", &CharsetError{charset, 0, ErrUnknownCharset}
	}
	text, err := e.NewDecoder().Bytes(data)
	if err != nil {
		return "", &CharsetError{charset, 0, err}
	}
	if bytes.ContainsRune(text, utf8.RuneError) {
		if i := firstUndecodable(e, data); i >= 0 {
			return "", &CharsetError{charset, i, ErrUndecodable}
		}
	}
	if isUnicode {
		text = bytes.TrimPrefix(text, []byte(byteOrderMark))
	}
	return string(text), nil
}

// byteOrderMark may precede a Unicode text, and is not a part of it.
const byteOrderMark = "\ufeff"

func decodeUTF8(data []byte, charset string) (string, error) {
	if !utf8.Valid(data) {
		i := 0
		for {
			r, n := utf8.DecodeRune(data[i:])
			if r == utf8.RuneError && n == 1 {
				return "", &CharsetError{charset, i, ErrUndecodable}
			}
			i += n
		}
	}
	return string(bytes.TrimPrefix(data, []byte(byteOrderMark))), nil
}

// decodeLatin1 decodes strict ISO-8859-1: the bytes 80 to 9F become control characters,
// as in Python. Browsers decode them as windows-1252.
func decodeLatin1(data []byte) string {
	high := 0
	for _, c := range data {
		if c >= utf8.RuneSelf {
			high++
		}
	}
	if high == 0 {
		return string(data)
	}
	var b strings.Builder
	b.Grow(len(data) + high)
	for _, c := range data {
		b.WriteRune(rune(c))
	}
	return b.String()
}

// lookUp returns the encoding of a charset, or nil. written is the charset's name as
// written, and name is normalized as in Python. If the name does not fix the byte order,
// the mark in data does; without a mark it is little-endian, as in Python on most
// machines.
func lookUp(written, name string, data []byte) (e encoding.Encoding, isUnicode bool) {
	switch name {
	case "utf-16":
		if bytes.HasPrefix(data, []byte("\xfe\xff")) {
			return utf16BE, true
		}
		return utf16LE, true
	case "utf-16le":
		return utf16LE, true
	case "utf-16be":
		return utf16BE, true
	case "utf-32":
		if bytes.HasPrefix(data, []byte("\x00\x00\xfe\xff")) {
			return utf32BE, true
		}
		return utf32LE, true
	case "utf-32le":
		return utf32LE, true
	case "utf-32be":
		return utf32BE, true
	}
	for _, n := range []string{written, name} {
		if e, err := htmlindex.Get(n); err == nil {
			if e == encoding.Replacement {
				return nil, false // browsers do not decode it either
			}
			return e, false
		}
		if e, err := ianaindex.IANA.Encoding(n); err == nil && e != nil {
			return e, false
		}
	}
	return nil, false
}

var (
	utf16LE = unicode.UTF16(unicode.LittleEndian, unicode.IgnoreBOM)
	utf16BE = unicode.UTF16(unicode.BigEndian, unicode.IgnoreBOM)
	utf32LE = utf32.UTF32(utf32.LittleEndian, utf32.IgnoreBOM)
	utf32BE = utf32.UTF32(utf32.BigEndian, utf32.IgnoreBOM)
)

// firstUndecodable returns the offset of the first undecodable bytes in data, or -1 if
// data is text that contains U+FFFD. It decodes character by character and is slow: it is
// for errors.
func firstUndecodable(e encoding.Encoding, data []byte) int {
	decoder, encoder := e.NewDecoder(), e.NewEncoder()
	var dst [utf8.UTFMax]byte
	for at := 0; at < len(data); {
		nDst, nSrc, _ := decoder.Transform(dst[:], data[at:], true)
		if nSrc == 0 {
			return at
		}
		text := dst[:nDst]
		if bytes.ContainsRune(text, utf8.RuneError) {
			if back, err := encoder.Bytes(text); err != nil || !bytes.HasSuffix(data[at:at+nSrc], back) {
				return at
			}
		}
		at += nSrc
	}
	return -1
}
