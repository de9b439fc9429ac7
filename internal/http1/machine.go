package http1

// This file holds the state machine that both readers share. It must not contain anything about requests,
// responses or the contents of a body: a side supplies what differs between requests and responses, and
// body.go reads bodies.
//
// Theory of operation. A message is a sequence of texts and data. A text ends with a line end (the start
// line, the line before a chunk) or with an empty line (headers, trailers). Data ends after a known number
// of bytes or with the connection. Each state reads one of them:
//
//	idle ─Start─> startLine ─> headers ─┬─> byLength ─────────────────────────────> idle
//	                  ^           │     ├─> untilClose ─(the connection ends)─────> idle
//	                  └─── 1xx ───┘     ├─> chunkSize ─> chunkData <─> nextChunk
//	                                    │       └─(size 0)─> trailers <─┘ ────────> idle
//	                                    ├─(no body)───────────────────────────────> idle
//	                                    └─(101, or 2xx to CONNECT)────────────────> upgraded
//
// Every state leads to failed on an error. The table rules says for each text how to find its end and how to
// parse it. A text that arrives whole is parsed in place. A text that arrives in pieces is gathered in buf
// and parsed once it ends. Before that, a rule may check its beginning, so that bytes that are not HTTP are
// refused while the peer still waits for an answer. A check may look only for errors that the bytes still to
// come cannot change; otherwise the result would depend on the pieces.

import (
	"bytes"
	"net/http"

	"github.com/seed-7c003b53/gotreq/treq/wire"
)

type state uint8

const (
	idle state = iota

	// States that read a text.
	startLine // the request line or status line, or empty lines before it
	headers   // the header section
	chunkSize // the line before the first chunk
	nextChunk // the line end after a chunk, and the line before the next chunk
	trailers  // the trailer section

	// States that read data.
	byLength   // a body of Content-Length bytes, of which left are missing
	untilClose // a body that ends with the connection
	chunkData  // a chunk, of which left bytes are missing

	upgraded
	failed
)

// textStates is the number of states up to the last one that reads a text.
const textStates = trailers + 1

// A rule says how a state reads its text.
type rule struct {
	end     func(m *machine, part []byte) int // returns the index after the end of the text, or -1
	tooLong wire.Kind                         // the error for a text that exceeds its limit
	quoted  bool                              // whether that error quotes the text; headers hold secrets
	// check looks for errors in an unfinished text. all means that no more of the text follows.
	check func(m *machine, s side, text []byte, all bool) error
	// parse parses the text and moves to the next state.
	parse func(m *machine, s side, text []byte) (Event, error)
}

var rules = [textStates]rule{
	startLine: {end: lineEnd, check: checkStartLine, parse: parseStartLine, tooLong: wire.ErrStartLineTooLong, quoted: true},
	headers:   {end: sectionEnd, check: unchecked, parse: parseHeaders, tooLong: wire.ErrHeadersTooLarge},
	chunkSize: {end: lineEnd, check: checkChunkSize, parse: parseChunkSize, tooLong: wire.ErrChunkExtension},
	nextChunk: {end: nextChunkEnd, check: checkChunkSize, parse: parseChunkSize, tooLong: wire.ErrChunkExtension},
	trailers:  {end: sectionEnd, check: unchecked, parse: parseTrailers, tooLong: wire.ErrTrailersTooLarge},
}

// A side is what the machine needs of a reader: the part that differs between requests and responses.
type side interface {
	// sniff tells the beginning of a start line from the bytes of another protocol.
	sniff(text []byte) error
	// startLine parses the start line.
	startLine(text []byte) error
	// headDone takes the headers and moves to the next state.
	headDone(http.Header) (Event, error)
	// describe names the message whose start line was read, for an error.
	describe() string
	// missing returns the error of a connection that ends where a message could begin, or nil.
	missing() error
	// bodyLength returns the length of the body that the head announced.
	bodyLength() int64
}

const (
	// maxEmptyLines is the number of empty lines skipped before a start line. RFC 9112, section 2.2,
	// asks for at least one; a peer must not send them for ever.
	maxEmptyLines = 16
	// sniffLen is the number of bytes of an unfinished text that are checked.
	sniffLen = 16
	// keptBuffer is the capacity up to which buf is kept for the next message, so that an idle
	// connection costs little.
	keptBuffer = 2 << 10
)

// machine is the part of a reader that is the same for both sides. Each connection has one, so its fields are in an
// order that leaves few gaps.
type machine struct {
	limits     *wire.Limits   // never nil once a message has started
	memory     *SectionMemory // or nil
	buf        []byte         // the pieces of an unfinished text
	left       int64          // bytes still missing of the body or chunk
	data       []byte         // data of the Data event
	trailer    http.Header
	err        error  // non-nil in the state failed
	extensions uint32 // bytes of the chunk extensions of this message
	lines      uint32 // complete lines of a section
	state      state
	position   position // place of the end of buf in a line of a section
	lenient    bool     // accept what clients accept; see parseFields, bodyHeaders and chunkLine
	dubious    bool     // another reader may read the message otherwise; set by a lenient machine only
	emptyLines uint8    // empty lines skipped before the start line
	absent     special  // headers that this message is known to lack
}

// SetLimits sets how much the peer may send, from the next Start on. No limit may be 0; see [wire.Limits.OrDefault].
// Readers may share l, which must not change.
func (m *machine) SetLimits(l *wire.Limits) { m.limits = l }

var defaultLimits = wire.Limits{}.OrDefault()

// Data returns the part of the body that belongs to the last Data event: a part of the slice given to
// Next.
func (m *machine) Data() []byte { return m.data }

// Trailer returns the trailers of a chunked body after End, or nil if there are none.
func (m *machine) Trailer() http.Header { return m.trailer }

// start prepares for the next message.
func (m *machine) start(lenient bool) {
	if m.limits == nil {
		m.limits = &defaultLimits
	}
	m.state, m.lenient, m.dubious, m.emptyLines, m.extensions = startLine, lenient, false, 0, 0
	m.data, m.trailer, m.err = nil, nil, nil
	m.forget()
}

// limit returns the largest size of the text that the present state reads.
func (m *machine) limit() int {
	switch m.state {
	case startLine:
		return m.limits.StartLineBytes
	case headers:
		return m.limits.HeaderBytes
	case trailers:
		return m.limits.TrailerBytes
	case nextChunk:
		return len(CRLF) + m.extensionRoom() + chunkLineBytes
	}
	return m.extensionRoom() + chunkLineBytes
}

// next implements Next of both readers.
func (m *machine) next(in []byte, s side) (n int, ev Event, err error) {
	for ev == NeedMore {
		switch m.state {
		case idle:
			return n, End, nil
		case upgraded:
			return n, Upgraded, nil
		case failed:
			return 0, NeedMore, m.err
		case byLength, untilClose, chunkData:
			if n == len(in) {
				return n, NeedMore, nil
			}
			return n + m.takeData(in[n:]), Data, nil
		}
		r := &rules[m.state]
		text, used, err := m.gather(in[n:], r, s)
		if err == nil && text == nil {
			return len(in), NeedMore, nil
		}
		if err == nil {
			ev, err = r.parse(m, s, text)
		}
		if err != nil {
			return 0, NeedMore, m.fail(err)
		}
		m.forget()
		n += used
	}
	return n, ev, nil
}

// gather returns the text that ends after n bytes of in, or nil if it does not end there. The text is valid
// until forget.
func (m *machine) gather(in []byte, r *rule, s side) (text []byte, n int, err error) {
	part := in[:min(len(in), max(0, m.limit()-len(m.buf)))]
	if n = r.end(m, part); n < 0 {
		m.buf = append(m.buf, part...)
		return nil, 0, m.unfinished(r, s, len(part) < len(in))
	}
	text = part[:n]
	if len(m.buf) > 0 {
		m.buf = append(m.buf, text...)
		text = m.buf
	}
	return text, n, nil
}

// unfinished checks the text in buf. full means that buf has reached the limit.
func (m *machine) unfinished(r *rule, s side, full bool) error {
	err := r.check(m, s, m.buf, full)
	switch {
	case err != nil || !full:
		return err
	case r.quoted:
		return errorf(r.tooLong, "more than %d bytes: %s", m.limit(), quote(m.buf))
	}
	return errorf(r.tooLong, "more than %d bytes", m.limit())
}

// finish implements Finish of both readers.
func (m *machine) finish(s side) (Event, error) {
	var err error
	switch m.state {
	case idle:
		return End, nil
	case upgraded:
		return Upgraded, nil
	case failed:
		return NeedMore, m.err
	case untilClose:
		m.state = idle
		return End, nil
	case startLine:
		if len(m.buf) == 0 {
			err = s.missing()
			break
		}
		if err = sniff(s, m.buf); err == nil {
			err = errorf(wire.ErrPartialHead, "after %s", quote(m.buf))
		}
	case headers:
		err = errorf(wire.ErrPartialHead, "in the headers of %s", s.describe())
	default:
		err = m.partialBody(s)
	}
	if err == nil {
		m.state = idle
		return End, nil
	}
	return NeedMore, m.fail(err)
}

// fail enters the state failed, in which the machine always returns err.
func (m *machine) fail(err error) error {
	*m = machine{state: failed, err: err, limits: m.limits, memory: m.memory}
	return err
}

// forget discards the text in buf, and frees buf if it has grown large.
func (m *machine) forget() {
	m.position, m.lines = lineStart, 0
	if len(m.buf) == 0 {
		return
	}
	m.buf = m.buf[:0]
	if cap(m.buf) > keptBuffer {
		m.buf = nil
	}
}

func lineEnd(_ *machine, part []byte) int {
	if lf := bytes.IndexByte(part, '\n'); lf >= 0 {
		return lf + 1
	}
	return -1
}

// A position is a place in a line.
type position uint8

const (
	lineStart position = iota
	afterCR            // after a CR at the start of a line
	inLine             // anywhere else
)

// sectionEnd finds the empty line that ends a section. It looks at each byte once, however the section is
// split, because position and lines carry over from one piece to the next.
func sectionEnd(m *machine, part []byte) int {
	for i := 0; i < len(part); {
		switch {
		case m.position == inLine:
			lf := bytes.IndexByte(part[i:], '\n')
			if lf < 0 {
				return -1
			}
			i += lf + 1
			m.position = lineStart
			m.lines++
		case part[i] == '\n':
			return i + 1
		case part[i] == '\r' && m.position == lineStart:
			i++
			m.position = afterCR
		default:
			m.position = inLine
		}
	}
	return -1
}

func unchecked(*machine, side, []byte, bool) error { return nil }

// sniff passes at most sniffLen bytes to s, so that the error does not depend on how many have arrived.
func sniff(s side, text []byte) error {
	return s.sniff(bytes.TrimRight(text[:min(len(text), sniffLen)], "\r"))
}

// checkStartLine waits for sniffLen bytes, so that an error always quotes the same text.
func checkStartLine(_ *machine, s side, text []byte, all bool) error {
	if len(text) < sniffLen && !all {
		return nil
	}
	return sniff(s, text)
}

func parseStartLine(m *machine, s side, line []byte) (Event, error) {
	text := line[:len(line)-1]
	text, hasCR := bytes.CutSuffix(text, []byte("\r"))
	complete := hasCR || m.lenient
	if complete && len(text) == 0 {
		if m.emptyLines++; m.emptyLines > maxEmptyLines {
			return 0, errorf(wire.ErrEmptyLines, "more than %d", maxEmptyLines)
		}
		return NeedMore, nil
	}
	if err := sniff(s, text); err != nil {
		return 0, err
	}
	if !complete {
		return 0, errorf(wire.ErrLineEnd, "LF without CR after %s", quote(text))
	}
	m.state = headers
	return NeedMore, s.startLine(text)
}

func parseHeaders(m *machine, s side, section []byte) (Event, error) {
	h, err := m.parseHeaderFields(section)
	if err != nil {
		return 0, err
	}
	if h == nil {
		h = http.Header{}
	}
	return s.headDone(h)
}
