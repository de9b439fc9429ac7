package http1

// This file holds the states of a body (RFC 9112, sections 6 and 7). It must not read headers: framing.go
// decides which kind of body follows them.

import (
	"math"

	"github.com/seed-7c003b53/gotreq/treq/wire"
)

// maxChunkSizeDigits is the number of hexadecimal digits of an int64. A longer number has leading zeros or is too
// large.
const maxChunkSizeDigits = 16

// beginBody moves to the body, or past it if there is none.
func (m *machine) beginBody(length int64, chunked bool) {
	m.left = length
	switch {
	case chunked:
		m.state = chunkSize
	case length < 0:
		m.state = untilClose
	case length == 0:
		m.state = idle
	default:
		m.state = byLength
	}
}

// takeData makes the beginning of in, which is not empty, the data of a Data event. It returns the length of the
// data.
func (m *machine) takeData(in []byte) int {
	if m.state != untilClose {
		in = in[:min(int64(len(in)), m.left)]
		if m.left -= int64(len(in)); m.left == 0 {
			m.state = afterData[m.state]
		}
	}
	m.data = in
	return len(in)
}

// afterData holds the state after data of known length.
var afterData = [...]state{byLength: idle, chunkData: nextChunk}

// chunkLineBytes is the size of the longest line of a chunk without extensions. A longer line always fails
// checkChunkSize.
const chunkLineBytes = maxChunkSizeDigits + len(CRLF)

// extensionRoom returns how many bytes the extensions of the following chunks may have: the limit is for all chunks
// together.
func (m *machine) extensionRoom() int {
	return min(m.limits.ChunkExtensionBytes, math.MaxInt-chunkLineBytes-len(CRLF)) - int(m.extensions)
}

// checkChunkSize parses only the first bytes of an unfinished line, so that a long line in many pieces is not
// parsed again and again.
func checkChunkSize(m *machine, _ side, text []byte, all bool) error {
	if !all {
		text = text[:min(len(text), sniffLen)]
	}
	_, _, err := m.chunkLine(text)
	return err
}

func parseChunkSize(m *machine, _ side, line []byte) (Event, error) {
	size, extensions, err := m.chunkLine(line)
	m.left = size
	m.extensions += uint32(extensions)
	m.state = chunkData
	if size == 0 {
		m.state = trailers
	}
	return NeedMore, err
}

// nextChunkEnd finds the end of a chunk's line, which follows the CRLF of the previous chunk. The line is too
// short for bytes.IndexByte to pay off.
func nextChunkEnd(m *machine, part []byte) int {
	begin := len(CRLF)
	if m.lenient && begins(m.buf, part, '\n') {
		begin = len("\n")
	}
	for i := max(0, begin-len(m.buf)); i < len(part); i++ {
		if part[i] == '\n' {
			return i + 1
		}
	}
	return -1
}

// begins reports whether first and then are a text that begins with c.
func begins(first, then []byte, c byte) bool {
	if len(first) == 0 {
		first = then
	}
	return len(first) > 0 && first[0] == c
}

// chunkLine parses chunk-size [chunk-ext] CRLF (RFC 9112, section 7.1), or the beginning of one. It returns
// the size and the number of bytes between the size and the line end.
//
// A lenient machine takes an LF alone for a line end, here and after the data of a chunk, as curl and browsers do,
// and control characters in extensions.
func (m *machine) chunkLine(line []byte) (size int64, extensions int, err error) {
	switch {
	case m.state != nextChunk:
	case m.lenient && begins(line, nil, '\n'):
		m.dubious = true
		line = line[len("\n"):]
	case len(line) < len(CRLF) || string(line[:len(CRLF)]) != CRLF:
		return 0, 0, chunkEndError(line)
	default:
		line = line[len(CRLF):]
	}
	digits := 0
	for ; digits < len(line) && classes[line[digits]]&hexChar != 0; digits++ {
		if digits == maxChunkSizeDigits || size > math.MaxInt64>>4 {
			return 0, 0, errorf(wire.ErrChunkSize, "more than 63 bits")
		}
		size = size<<4 | unhex(line[digits])
	}
	rest := line[digits:]
	switch {
	case digits == 0 && len(rest) > 0:
		return 0, 0, errorf(wire.ErrChunkSize, "byte %s in place of a hexadecimal number", quote(rest[:1]))
	case string(rest) == CRLF:
		return size, 0, nil
	}
	extensions, err = m.chunkExtension(rest, size)
	return size, extensions, err
}

// chunkEndError returns an error if text does not begin with the CRLF after a chunk, or with a part of it.
func chunkEndError(text []byte) error {
	switch {
	case len(text) > 0 && text[0] != '\r':
		return errorf(wire.ErrChunkEnd, "byte %s in place of CR", quote(text[:1]))
	case len(text) > 1:
		return errorf(wire.ErrChunkEnd, "byte %s in place of LF", quote(text[1:2]))
	}
	return nil
}

// chunkExtension parses text, the part of a chunk's line after the size. It returns the number of bytes before the
// line end.
func (m *machine) chunkExtension(text []byte, size int64) (int, error) {
	room := m.extensionRoom()
	semicolon := false
	allowed := uint16(fieldChar)
	if m.lenient {
		allowed |= controlChar
	}
	for i, c := range text {
		switch {
		case i > room:
			return 0, errorf(wire.ErrChunkExtension, "more than %d bytes in all", m.limits.ChunkExtensionBytes)
		case c == '\r':
			return i, chunkLineEnd(text[i+1:])
		case c == '\n' && m.lenient:
			m.dubious = true
			return i, nil
		case c == ';':
			semicolon = true
		case semicolon && classes[c]&allowed == 0:
			return 0, errorf(wire.ErrChunkExtension, "byte %s", quote(text[i:i+1]))
		case semicolon || isBlank(c):
		case i == 0:
			return 0, errorf(wire.ErrChunkSize, "byte %s after %x", quote(text[:1]), size)
		default:
			return 0, errorf(wire.ErrChunkSize, "byte %s after %x and whitespace", quote(text[i:i+1]), size)
		}
	}
	return len(text), nil
}

// chunkLineEnd checks text, the part of a chunk's line after the CR.
func chunkLineEnd(text []byte) error {
	if len(text) > 0 && text[0] != '\n' {
		return errorf(wire.ErrChunkSize, "byte %s in place of LF", quote(text[:1]))
	}
	return nil
}

func parseTrailers(m *machine, _ side, section []byte) (_ Event, err error) {
	m.state = idle
	m.trailer, err = m.parseFields(string(section))
	return NeedMore, err
}

// partialBody returns the error of a connection that ends in the current state, within a body.
func (m *machine) partialBody(s side) error {
	switch m.state {
	case byLength:
		return errorf(wire.ErrPartialBody, "%d of %d bytes arrived", s.bodyLength()-m.left, s.bodyLength())
	case chunkData:
		return errorf(wire.ErrPartialBody, "%d bytes of a chunk are missing", m.left)
	case trailers:
		return errorf(wire.ErrPartialBody, "in the trailers of a chunked body")
	}
	if err := rules[m.state].check(m, s, m.buf, true); err != nil {
		return err
	}
	return errorf(wire.ErrPartialBody, "a chunked body without its last chunk")
}
