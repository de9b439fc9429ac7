package response

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/unicode"
	"golang.org/x/text/encoding/unicode/utf32"
)

// This file decodes text.

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
	Charset  string // the name that the response or the caller gave
	Offset   int    // the index of the first undecodable byte, within a character
	Err      error
	Response *Response

	bytes string // those at Offset; if the charset is unknown, the beginning of the body
}

func undecodable(charset string, data []byte, offset int) *CharsetError {
	return &CharsetError{Charset: charset, Offset: offset, Err: ErrUndecodable, bytes: string(data[offset:min(len(data), offset+4)])}
}

func (e *CharsetError) Error() string {
	if e.Err == ErrUnknownCharset {
		text := fmt.Sprintf("%s%v %.100q", e.Response.prefix(), e.Err, e.Charset)
		if e.bytes != "" {
			text += ": " + e.Response.quote(e.bytes)
		}
		return text
	}
	return fmt.Sprintf("%s%v: byte %d, %+q, is not %.100s", e.Response.prefix(), e.Err, e.Offset, e.bytes, e.Charset)
}

// Unwrap returns the reason.
func (e *CharsetError) Unwrap() error { return e.Err }

// decode returns data as text in charset. The error is a *CharsetError.
func decode(data []byte, charset string) (string, error) {
	charset = trim(charset)
	name := charset
	if _, ok := forms[name]; !ok {
		name = normalize(name)
	}
	switch f := marked(forms[name], data); f {
	case ascii:
		if i := bytes.IndexFunc(data, func(r rune) bool { return r >= utf8.RuneSelf }); i >= 0 {
			return "", undecodable(charset, data, i)
		}
		return string(data), nil
	case latin1:
		return decodeLatin1(data), nil
	case utf8Form:
		return decodeUTF8(data, charset)
	case other:
		e := lookUp(charset, name)
		if e == nil {
			return "", &CharsetError{Charset: charset, Err: ErrUnknownCharset, bytes: string(data[:min(len(data), mostQuoted+1)])}
		}
		if i := slices.IndexFunc(isoCharmaps, func(m *charmap.Charmap) bool { return e == encoding.Encoding(m) }); i >= 0 {
			return decodeISO(isoCharmaps[i], data, charset)
		}
		return decodeBy(e, data, charset)
	default:
		text, err := decodeBy(unicodes[f], data, charset)
		return strings.TrimPrefix(text, byteOrderMark), err
	}
}

// marked returns the form of Unicode that the byte order mark of data tells, if f is a form
// of Unicode. The mark counts more than the name of the charset, as in browsers. But a mark
// of UTF-32 counts for UTF-32 only: in UTF-16 it is a mark with NUL beside it.
func marked(f form, data []byte) form {
	if f < utf8Form {
		return f
	}
	for _, m := range marks {
		if bytes.HasPrefix(data, []byte(m.bytes)) && (m.form < utf32Form || f >= utf32Form) {
			return m.form
		}
	}
	return f
}

var marks = []struct {
	bytes string
	form  form
}{
	{"\xef\xbb\xbf", utf8Form},
	{"\x00\x00\xfe\xff", utf32BE},
	{"\xff\xfe\x00\x00", utf32LE},
	{"\xfe\xff", utf16BE},
	{"\xff\xfe", utf16LE},
}

// decodeBy decodes data by e.
func decodeBy(e encoding.Encoding, data []byte, charset string) (string, error) {
	text, err := e.NewDecoder().Bytes(data)
	if err != nil {
		return "", &CharsetError{Charset: charset, Err: err}
	}
	if bytes.ContainsRune(text, utf8.RuneError) {
		if i := firstUndecodable(e, data); i >= 0 {
			return "", undecodable(charset, data, i)
		}
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
				return "", undecodable(charset, data, i)
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

// isoCharmaps are the parts of ISO-8859 that are not in windows-1252 and its kin.
var isoCharmaps = []*charmap.Charmap{
	charmap.ISO8859_2, charmap.ISO8859_3, charmap.ISO8859_4, charmap.ISO8859_5, charmap.ISO8859_6, charmap.ISO8859_7,
	charmap.ISO8859_8, charmap.ISO8859_10, charmap.ISO8859_13, charmap.ISO8859_14, charmap.ISO8859_15, charmap.ISO8859_16,
}

// decodeISO decodes data by m. The bytes 80 to 9F become control characters, as in browsers
// and in Python, but not in golang.org/x/text.
func decodeISO(m *charmap.Charmap, data []byte, charset string) (string, error) {
	var b strings.Builder
	b.Grow(len(data))
	for i, c := range data {
		r := m.DecodeByte(c)
		switch {
		case r != utf8.RuneError:
		case c > 0x9f:
			return "", undecodable(charset, data, i)
		default:
			r = rune(c)
		}
		b.WriteRune(r)
	}
	return b.String(), nil
}

// unicodes holds the encodings of the forms of Unicode but UTF-8. Without a mark the order
// of the bytes is little-endian, as in Python on most machines.
var unicodes = map[form]encoding.Encoding{
	utf16Form: unicode.UTF16(unicode.LittleEndian, unicode.IgnoreBOM),
	utf16LE:   unicode.UTF16(unicode.LittleEndian, unicode.IgnoreBOM),
	utf16BE:   unicode.UTF16(unicode.BigEndian, unicode.IgnoreBOM),
	utf32Form: utf32.UTF32(utf32.LittleEndian, utf32.IgnoreBOM),
	utf32LE:   utf32.UTF32(utf32.LittleEndian, utf32.IgnoreBOM),
	utf32BE:   utf32.UTF32(utf32.BigEndian, utf32.IgnoreBOM),
}

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
