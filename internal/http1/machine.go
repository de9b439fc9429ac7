package http1

// This file holds what both readers are built on: the states of a message, the gathering of lines
// and header sections from pieces, and how errors end it. It does not know a request from a response,
// and has nothing of what a body is made of.
//
// The states, and what leads from each to the next:
//
//	idle ──Start──> startLine ──a line──> fields ──an empty line──> body ──its last byte──> idle
//	                    ^                   │ │
//	                    └──────── 1xx ──────┘ └── 101, or 2xx to CONNECT ──> upgraded
//
// and from each, on an error, to failed. A message without a body goes from fields to idle. In body a
// second machine runs, that of body.go.

import (
	"bytes"
	"net/http"

	"github.com/seed-7c003b53/gotreq/treq/wire"
)

type state uint8

const (
	idle state = iota
	startLine
	fields
	inBody
	upgraded
	failed
)

// machine is the part of a reader that does not depend on the side of the wire.
type machine struct {
	state      state
	at         position // where in a line of a header section the bytes so far end
	lines      int      // of the section, that have ended so far
	began      bool     // whether there was any byte of this message
	lenient    bool     // see parseFields
	emptyLines int      // how many were skipped before the start line
	buf        []byte   // what came in earlier pieces of a line or section not complete yet
	body       body
	data       []byte
	trailer    http.Header
	err        error
	limits     wire.Limits
}

// SetLimits sets how much the peer may send, from the next Start on.
func (m *machine) SetLimits(l wire.Limits) { m.limits = l.OrDefault() }

// start makes the machine ready for the next message.
func (m *machine) start() {
	if m.limits == (wire.Limits{}) {
		m.SetLimits(m.limits)
	}
	m.state = startLine
	m.began = false
	m.emptyLines = 0
	m.forget()
	m.body = body{}
	m.data = nil
	m.trailer = nil
	m.err = nil
}

// fail ends the machine: all that it says from now on is err.
func (m *machine) fail(err error) (int, Event, error) {
	m.state = failed
	m.err = err
	m.data = nil
	m.buf = nil
	return 0, NeedMore, err
}

const (
	// maxEmptyLines is how many empty lines are skipped before a start line. RFC 9112, 2.2 asks
	// for at least one; a peer that sends nothing else must not go on for ever.
	maxEmptyLines = 16
	// maxChunkSizeDigits is what an int64 has in hexadecimal; more can only be leading zeros or
	// too much.
	maxChunkSizeDigits = 16
	// sniffLen is the number of bytes after which an unfinished start line is checked for another
	// protocol. The check never sees more.
	sniffLen = 16
	// keptBuffer is the largest buffer kept for the connection's next message. A connection that
	// waits should cost little.
	keptBuffer = 2 << 10
)

// forget empties the buffer, and lets it go if it has grown large.
func (m *machine) forget() {
	m.at, m.lines = lineStart, 0
	m.buf = m.buf[:0]
	if cap(m.buf) > keptBuffer {
		m.buf = nil
	}
}

// take is the bytes gathered before with the first end of in. It is in itself if nothing was gathered
// before, and is valid until forget.
func (m *machine) take(in []byte, end int) []byte {
	if len(m.buf) == 0 {
		return in[:end]
	}
	m.buf = append(m.buf, in[:end]...)
	return m.buf
}

// within is the part of in that fits into a limit together with what was gathered before.
func (m *machine) within(in []byte, limit int) []byte {
	return in[:min(len(in), max(0, limit-len(m.buf)))]
}

// takeLine gives the bytes up to and with the next LF, which end at n in in. If there is none within
// the limit, line is nil and what there is of it in buf; tooLong then says that waiting is no use.
func (m *machine) takeLine(in []byte, limit int) (line []byte, n int, tooLong bool) {
	part := m.within(in, limit)
	end := bytes.IndexByte(part, '\n') + 1
	if end == 0 {
		m.buf = append(m.buf, part...)
		return nil, len(part), len(part) < len(in)
	}
	return m.take(part, end), end, false
}

// takeSection is takeLine for a header section, up to and with the empty line that ends it.
func (m *machine) takeSection(in []byte, limit int) (section []byte, n int, tooLong bool) {
	part := m.within(in, limit)
	end := m.sectionEnd(part)
	if end < 0 {
		m.buf = append(m.buf, part...)
		return nil, len(part), len(part) < len(in)
	}
	return m.take(part, end), end, false
}

// A position is what sectionEnd has to know of the bytes before its piece.
type position uint8

const (
	lineStart position = iota // just after a line end
	afterCR                   // just after a CR at the start of a line
	inLine                    // anywhere else
)

// sectionEnd is the index after the first empty line of b, or -1. It looks at each byte once, however
// the section is split: m.at goes from one piece to the next, and so does m.lines, the lines before the
// empty one.
func (m *machine) sectionEnd(b []byte) int {
	for i := 0; i < len(b); {
		switch {
		case m.at == inLine:
			lf := bytes.IndexByte(b[i:], '\n')
			if lf < 0 {
				return -1
			}
			i += lf + 1
			m.at = lineStart
			m.lines++
		case b[i] == '\n':
			return i + 1
		case b[i] == '\r' && m.at == lineStart:
			i++
			m.at = afterCR
		default:
			m.at = inLine
		}
	}
	return -1
}

// trimLineEnd takes the line end off a line that takeLine gave. ok is false if it was a lone LF and
// the machine is strict.
func (m *machine) trimLineEnd(line []byte) (text []byte, ok bool) {
	line = line[:len(line)-1]
	if n := len(line); n > 0 && line[n-1] == '\r' {
		return line[:n-1], true
	}
	return line, m.lenient
}

// skipEmptyLine counts an empty line before the start line.
func (m *machine) skipEmptyLine() error {
	if m.emptyLines++; m.emptyLines > maxEmptyLines {
		return errorf(wire.ErrEmptyLines, "more than %d", maxEmptyLines)
	}
	return nil
}

// parseVersion reads the HTTP-version of a start line (RFC 9112, 2.3).
func parseVersion(text []byte) (Version, error) {
	if len(text) == 8 && string(text[:5]) == "HTTP/" && isDigit(text[5]) && text[6] == '.' && isDigit(text[7]) {
		if v := (Version{text[5] - '0', text[7] - '0'}); v.Major == 1 {
			return v, nil
		}
	}
	return Version{}, errorf(wire.ErrVersion, "%s", quote(text))
}
