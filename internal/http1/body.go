package http1

// This file holds how a body is told from the bytes after it (RFC 9112, 6 and 7): a machine of its own,
// which runs while the message's is in inBody. What the headers say is decided before, in framing.go.
//
// A chunked body, its states in the order in which they come:
//
//	chunkSize: digits ─> chunkSpace? ─> chunkExtension? ─> chunkSizeLF ─┬─> chunkData ─> chunkEndCR ─> chunkEndLF ─┐
//	    ^                                                               └─(size 0)─> trailers                      │
//	    └──────────────────────────────────────────────────────────────────────────────────────────────────────────┘

import (
	"math"

	"github.com/seed-7c003b53/gotreq/treq/wire"
)

type bodyState uint8

const (
	byLength       bodyState = iota // left bytes are to come
	untilClose                      // all bytes are body until the connection ends
	chunkSize                       // in the digits
	chunkSpace                      // in the whitespace after the digits
	chunkExtension                  // after ";"
	chunkSizeLF                     // after the CR of the size line
	chunkData                       // left bytes of the chunk are to come
	chunkEndCR                      // after the data
	chunkEndLF                      // after the CR after the data
	trailers                        // after the last chunk's line
)

type body struct {
	state      bodyState
	digits     uint8 // how many digits of the chunk size were seen
	left       int64 // bytes to come, of the body or of the chunk; in chunkSize the size so far
	length     int64 // what Content-Length said
	extensions int   // bytes of chunk extensions so far
}

// beginBody goes to the body, or past it if there is none.
func (m *machine) beginBody(length int64, chunked bool) {
	switch {
	case chunked:
		m.body = body{state: chunkSize}
	case length < 0:
		m.body = body{state: untilClose}
	case length == 0:
		m.state = idle
		return
	default:
		m.body = body{state: byLength, left: length, length: length}
	}
	m.state = inBody
}

// nextBody is Next for a message whose head is done.
func (m *machine) nextBody(in []byte) (n int, ev Event, err error) {
	b := &m.body
	for n < len(in) {
		c := in[n]
		switch b.state {
		case untilClose:
			m.data = in[n:]
			return len(in), Data, nil

		case byLength, chunkData:
			m.data = in[n : n+int(min(int64(len(in)-n), b.left))]
			b.left -= int64(len(m.data))
			if b.left == 0 {
				if b.state == byLength {
					m.state = idle
				} else {
					b.state = chunkEndCR
				}
			}
			return n + len(m.data), Data, nil

		case chunkSize:
			switch {
			case classes[c]&hexChar != 0:
				if b.digits == maxChunkSizeDigits || b.left > math.MaxInt64>>4 {
					return m.fail(errorf(wire.ErrChunkSize, "more than 63 bits"))
				}
				b.digits++
				b.left = b.left<<4 | unhex(c)
			case b.digits == 0:
				return m.fail(errorf(wire.ErrChunkSize, "byte %s in place of a hexadecimal number", quote(in[n:n+1])))
			case c == '\r':
				b.state = chunkSizeLF
			case c == ';':
				b.state = chunkExtension
			case c == ' ' || c == '\t':
				b.state = chunkSpace
			default:
				return m.fail(errorf(wire.ErrChunkSize, "byte %s after %x", quote(in[n:n+1]), b.left))
			}
			n++

		case chunkSpace, chunkExtension:
			if b.extensions++; b.extensions > m.limits.ChunkExtensionBytes {
				return m.fail(errorf(wire.ErrChunkExtension, "more than %d bytes in all", m.limits.ChunkExtensionBytes))
			}
			switch {
			case c == '\r':
				b.state = chunkSizeLF
			case c == ';':
				b.state = chunkExtension
			case b.state == chunkSpace && c != ' ' && c != '\t':
				return m.fail(errorf(wire.ErrChunkSize, "byte %s after %x and whitespace", quote(in[n:n+1]), b.left))
			case classes[c]&fieldChar == 0:
				return m.fail(errorf(wire.ErrChunkExtension, "byte %s", quote(in[n:n+1])))
			}
			n++

		case chunkSizeLF:
			if c != '\n' {
				return m.fail(errorf(wire.ErrChunkSize, "byte %s in place of LF", quote(in[n:n+1])))
			}
			n++
			b.state = chunkData
			if b.left == 0 {
				b.state = trailers
			}

		case chunkEndCR:
			if c != '\r' {
				return m.fail(errorf(wire.ErrChunkEnd, "byte %s in place of CR", quote(in[n:n+1])))
			}
			n++
			b.state = chunkEndLF

		case chunkEndLF:
			if c != '\n' {
				return m.fail(errorf(wire.ErrChunkEnd, "byte %s in place of LF", quote(in[n:n+1])))
			}
			n++
			b.state, b.digits = chunkSize, 0

		case trailers:
			limit := m.limits.TrailerBytes
			section, used, tooLong := m.takeSection(in[n:], limit)
			switch {
			case tooLong:
				return m.fail(errorf(wire.ErrTrailersTooLarge, "more than %d bytes", limit))
			case section == nil:
				return len(in), NeedMore, nil
			}
			if m.trailer, err = parseFields(section, m.lines, m.limits.HeaderCount, m.lenient); err != nil {
				return m.fail(err)
			}
			m.forget()
			m.state = idle
			return n + used, End, nil
		}
	}
	return n, NeedMore, nil
}

// finishBody is what a connection that ends within a body means.
func (m *machine) finishBody() (Event, error) {
	b := &m.body
	var err error
	switch b.state {
	case untilClose:
		m.state = idle
		return End, nil
	case byLength:
		err = errorf(wire.ErrPartialBody, "%d of %d bytes came", b.length-b.left, b.length)
	case chunkData:
		err = errorf(wire.ErrPartialBody, "%d bytes of a chunk did not come", b.left)
	case trailers:
		err = errorf(wire.ErrPartialBody, "in the trailers of a chunked body")
	default:
		err = errorf(wire.ErrPartialBody, "a chunked body without its last chunk")
	}
	m.fail(err)
	return NeedMore, err
}
