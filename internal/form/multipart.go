package form

import (
	"bytes"
	"errors"
	"fmt"
	"net/url"
	"strings"
)

// This file reads multipart/form-data (RFC 7578, and RFC 2046, section 5.1).

// The errors of a multipart form that is cut short or is none.
var (
	errNoBoundary = errors.New("multipart/form-data without a boundary in its Content-Type")
	errNotClosed  = errors.New("multipart/form-data without its last boundary")
	errPartHead   = errors.New("multipart/form-data with a part whose headers do not end")
)

// Multipart returns the contents of the parts of content, fields and files alike, by their
// names, in order. A part without a name has the name "". More than most parts are
// [ErrTooMany].
//
// The line end after the first boundary, CRLF or LF, is that of all boundaries. Bytes
// before the first boundary and after the last are ignored. Without the last boundary the
// form may be cut short, which is an error.
func Multipart(content []byte, boundary string, most int) (url.Values, error) {
	if boundary == "" {
		return nil, errNoBoundary
	}
	r := multipartReader{rest: content, boundary: []byte("--" + boundary)}
	if !r.begin() {
		return nil, fmt.Errorf("multipart/form-data without its boundary %.100q", boundary)
	}
	values := make(url.Values)
	for count := 1; !r.ended; count++ {
		if count > most {
			return nil, tooMany(most)
		}
		name, err := r.head()
		if err != nil {
			return nil, err
		}
		part, err := r.body()
		if err != nil {
			return nil, err
		}
		values[name] = append(values[name], string(part))
	}
	return values, nil
}

// A multipartReader reads the parts of a form.
type multipartReader struct {
	rest      []byte // not yet read
	boundary  []byte // with two dashes, without a line end
	delimiter []byte // the boundary and the line end before it
	ended     bool   // the last boundary has been read
}

// begin reads the first boundary and what is before it. ok is false if there is none.
func (r *multipartReader) begin() (ok bool) {
	for at := 0; ; at += len(r.boundary) {
		i := bytes.Index(r.rest[at:], r.boundary)
		if i < 0 {
			return false
		}
		at += i
		if at != 0 && r.rest[at-1] != '\n' {
			continue
		}
		after, ok := r.afterBoundary(r.rest[at+len(r.boundary):])
		if !ok {
			continue
		}
		lineEnd := "\n"
		if bytes.HasSuffix(r.rest[:len(r.rest)-len(after)], []byte("\r\n")) {
			lineEnd = "\r\n"
		}
		r.delimiter = append([]byte(lineEnd), r.boundary...)
		r.rest = after
		return true
	}
}

// afterBoundary returns what follows the line of a boundary, given what follows the
// boundary, and notes whether it is the last. ok is false if the line has other text.
func (r *multipartReader) afterBoundary(text []byte) (after []byte, ok bool) {
	after, last := bytes.CutPrefix(text, []byte("--"))
	after = bytes.TrimLeft(after, blanks)
	switch {
	case bytes.HasPrefix(after, []byte("\r\n")):
		after = after[2:]
	case bytes.HasPrefix(after, []byte("\n")):
		after = after[1:]
	case !last || len(after) != 0:
		return nil, false
	}
	r.ended = last
	return after, true
}

// head reads the headers of a part, and returns its name.
func (r *multipartReader) head() (name string, err error) {
	var disposition []byte
	current, seen := false, false // in a Content-Disposition; one has been read
	for {
		line, after, found := bytes.Cut(r.rest, []byte("\n"))
		if !found || bytes.HasPrefix(line, r.boundary) {
			return "", errPartHead
		}
		r.rest = after
		line = bytes.TrimSuffix(line, []byte("\r"))
		if len(line) == 0 {
			return partName(string(disposition)), nil
		}
		if line[0] != ' ' && line[0] != '\t' {
			header, value, _ := bytes.Cut(line, []byte(":"))
			current = !seen && strings.EqualFold(trim(string(header)), "Content-Disposition")
			seen = seen || current
			line = value
		}
		if current {
			disposition = append(disposition, line...)
		}
	}
}

// body reads the content of a part, with the boundary after it.
func (r *multipartReader) body() (content []byte, err error) {
	if text, ok := bytes.CutPrefix(r.rest, r.boundary); ok { // the head's last line end is also the boundary's
		if after, ok := r.afterBoundary(text); ok {
			r.rest = after
			return nil, nil
		}
	}
	for at := 0; ; at += len(r.delimiter) {
		i := bytes.Index(r.rest[at:], r.delimiter)
		if i < 0 {
			return nil, errNotClosed
		}
		at += i
		if after, ok := r.afterBoundary(r.rest[at+len(r.delimiter):]); ok {
			content, r.rest = r.rest[:at], after
			return content, nil
		}
	}
}

// partName returns the name in a Content-Disposition. An extended name counts most (RFC
// 5987).
func partName(disposition string) string {
	if extended, ok := parameter(disposition, "name*"); ok {
		if name, ok := decodeExtended(extended); ok {
			return name
		}
	}
	name, _ := parameter(disposition, "name")
	return name
}

// decodeExtended decodes an extended value: a charset, a language and escaped bytes,
// separated by single quotes.
func decodeExtended(value string) (text string, ok bool) {
	charset, rest, _ := strings.Cut(value, "'")
	_, escaped, found := strings.Cut(rest, "'")
	if !found {
		return "", false
	}
	text, err := url.PathUnescape(escaped)
	if err != nil {
		return "", false
	}
	switch strings.ToLower(charset) {
	case "utf-8", "us-ascii":
		return text, true
	case "iso-8859-1":
		runes := make([]rune, len(text))
		for i := range len(text) {
			runes[i] = rune(text[i])
		}
		return string(runes), true
	}
	return "", false
}
