package http2

// This file writes heads and trailers as header blocks (RFC 9113, section 8; RFC 7541). Everything is checked before the
// first field is written, since a field that is written has changed the table of the peer.

import (
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/seed-7c003b53/gotreq/internal/http1"
	"github.com/seed-7c003b53/gotreq/treq/wire"
)

// A fieldWriter compresses header blocks at the end of conn.out.
type fieldWriter struct {
	c      *conn
	table  table
	start  int       // of the HEADERS frame in conn.out
	names  nameCache // by the keys of http.Headers
	header []headerField
}

// A headerField is one entry of an http.Header.
type headerField struct {
	key    string
	name   *name
	values []string
}

func (w *fieldWriter) init(c *conn) {
	w.c = c
	w.table.init()
}

// begin begins a HEADERS frame.
func (w *fieldWriter) begin() {
	w.start = len(w.c.out)
	w.c.out = w.table.appendBegin(append(w.c.out, make([]byte, frameHeadSize)...))
}

// end ends the header block, and divides it into frames.
func (w *fieldWriter) end(stream uint32, endStream bool) {
	c := w.c
	var flags uint8
	if endStream {
		flags = flagEndStream
	}
	size := len(c.out) - w.start - frameHeadSize
	if size <= c.peer.maxFrame {
		putFrameHead(c.out[w.start:], size, frameHeaders, flags|flagEndHeaders, stream)
		return
	}
	block := slices.Clone(c.out[w.start+frameHeadSize:])
	c.out = c.out[:w.start]
	kind := frameHeaders
	for len(block) > 0 {
		n := min(len(block), c.peer.maxFrame)
		if n == len(block) {
			flags |= flagEndHeaders
		}
		c.out = appendFrameHead(c.out, n, kind, flags, stream)
		c.out = append(c.out, block[:n]...)
		block = block[n:]
		kind, flags = frameContinuation, 0
	}
}

// pseudo writes a pseudo-header.
func (w *fieldWriter) pseudo(name, value string, how indexing) {
	w.field(name, value, how, staticNames[name])
}

// field writes a field.
func (w *fieldWriter) field(lower, value string, how indexing, static uint8) {
	switch {
	case how == indexed:
		w.c.out = w.table.appendIndexed(w.c.out, lower, value)
	case how == unindexed:
		w.c.out = w.table.appendLiteral(w.c.out, 0, static, lower, value)
	default:
		w.c.out = w.table.appendLiteral(w.c.out, 0x10, static, lower, value)
	}
}

// static writes a field that the static table has.
func (w *fieldWriter) static(index uint8) {
	w.c.out = append(w.c.out, 0x80|index)
}

// method, scheme, path and status write the pseudo-headers that the static table has values of.
func (w *fieldWriter) method(method string) {
	switch method {
	case "GET":
		w.static(2)
	case "POST":
		w.static(3)
	default:
		w.pseudo(":method", method, indexed)
	}
}

func (w *fieldWriter) scheme(scheme string) {
	switch scheme {
	case "http":
		w.static(6)
	case "https":
		w.static(7)
	default:
		w.pseudo(":scheme", scheme, indexed)
	}
}

func (w *fieldWriter) path(path string) {
	if path == "/" {
		w.static(4)
		return
	}
	w.pseudo(":path", path, unindexed)
}

func (w *fieldWriter) status(code int) {
	switch code {
	case 200:
		w.static(8)
	case 204:
		w.static(9)
	case 206:
		w.static(10)
	case 304:
		w.static(11)
	case 400:
		w.static(12)
	case 404:
		w.static(13)
	case 500:
		w.static(14)
	default:
		w.pseudo(":status", strconv.Itoa(code), indexed)
	}
}

// length writes Content-Length.
func (w *fieldWriter) length(n int64) {
	w.field("content-length", strconv.FormatInt(n, 10), unindexed, 28)
}

// name returns what is known of a key of an http.Header, or nil for one that is no name.
func (w *fieldWriter) name(key string) *name {
	if n := names[key]; n != nil {
		return n
	}
	if n := w.names[key]; n != nil {
		return n
	}
	if !http1.IsToken(key) {
		return nil
	}
	lower := strings.ToLower(key)
	n := names[lower]
	if n == nil {
		n = newName(key, lower)
		n.index()
	}
	w.names.keep(key, n)
	return n
}

// take checks h and keeps it in w.header, sorted by key, for fields.
func (w *fieldWriter) take(h http.Header) error {
	clear(w.header)
	w.header = w.header[:0]
	for key, values := range h {
		n := w.name(key)
		if n == nil || !areWritable(values) {
			return checkHeader(h) // of several errors, always the same
		}
		w.header = append(w.header, headerField{key, n, values})
	}
	if len(w.header) > 1 {
		slices.SortFunc(w.header, func(a, b headerField) int { return strings.Compare(a.key, b.key) })
	}
	return nil
}

// has reports whether w.header has the header, even without values.
func (w *fieldWriter) has(lower string) bool {
	for i := range w.header {
		if w.header[i].name.lower == lower {
			return true
		}
	}
	return false
}

func areWritable(values []string) bool {
	for _, value := range values {
		if http1.BadByte(value, false) >= 0 {
			return false
		}
	}
	return true
}

// checkHeader returns the error of the first header, by its name, that cannot be written.
func checkHeader(h http.Header) error {
	for _, key := range slices.Sorted(maps.Keys(h)) {
		if !http1.IsToken(key) {
			return http1.Errorf(wire.ErrHeaderName, "%s", http1.Quote(key))
		}
		for _, value := range h[key] {
			if err := checkValueWritten(key, value); err != nil {
				return err
			}
		}
	}
	return nil
}

func checkValueWritten(key, value string) error {
	if i := http1.BadByte(value, false); i >= 0 {
		return http1.Errorf(wire.ErrHeaderValue, "byte %s in %s, in the header %s", http1.Quote(value[i:i+1]), http1.QuoteValue(key, value), http1.Quote(key))
	}
	return nil
}

// fields writes w.header, but leaves out what has another place in HTTP/2.
func (w *fieldWriter) fields() {
	for i := range w.header {
		f := &w.header[i]
		if f.name.elsewhere() {
			continue
		}
		for _, value := range f.values {
			w.value(f.name, http1.Trim(value))
		}
	}
}

// shortCookie is the length below which a cookie is never indexed, because it could be found out by trying.
const shortCookie = 20

// value writes one header.
func (w *fieldWriter) value(n *name, value string) {
	switch n.role {
	case transferCodings:
		if !http1.HasToken([]string{value}, "trailers") {
			return
		}
		value = "trailers"
	case cookie:
		for more := true; more; {
			var crumb string
			crumb, value, more = strings.Cut(value, "; ")
			how := indexed
			if len(crumb) < shortCookie {
				how = neverIndex
			}
			w.field(n.lower, crumb, how, n.static)
		}
		return
	}
	w.field(n.lower, value, n.indexing, n.static)
}

// WriteTrailer ends this side of s with trailers, or with an empty DATA frame if there are none. Headers that frame the
// content are left out (RFC 9110, section 6.5.1). On an error, nothing was sent.
func (c *conn) WriteTrailer(s *Stream, trailer http.Header) error {
	if !c.writable(s) {
		return nil
	}
	w := &c.writer
	if err := w.take(trailer); err != nil {
		return err
	}
	w.begin()
	w.fields()
	if len(c.out) == w.start+frameHeadSize { // not even a new size of the table
		c.out = appendFrameHead(c.out[:w.start], 0, frameData, flagEndStream, s.id)
	} else {
		w.end(s.id, true)
	}
	c.sendEnd(s)
	return nil
}

// WriteData adds p, at most Room bytes, to Output as DATA frames. It copies p. end ends this side of s.
func (c *conn) WriteData(s *Stream, p []byte, end bool) {
	if !c.writable(s) {
		return
	}
	for len(p) > c.peer.maxFrame {
		c.writeFrame(s, p[:c.peer.maxFrame], false)
		p = p[c.peer.maxFrame:]
	}
	if len(p) > 0 || end {
		c.writeFrame(s, p, end)
	}
}

func (c *conn) writeFrame(s *Stream, p []byte, end bool) {
	head := c.DataHead(s, len(p), end) // the end of s may add to out
	c.out = append(append(c.out, head...), p...)
}

// DataHead returns the head of a DATA frame of n bytes, at most Room and MaxFrame. The caller writes Output before it and
// the n bytes after it, so that a large piece is not copied. The slice is valid until the next call.
func (c *conn) DataHead(s *Stream, n int, end bool) []byte {
	if n > 0 && int64(n) > min(s.sendWindow, c.flow.sendWindow) || n > c.peer.maxFrame || !c.writable(s) {
		panic("http2: more data than the peer takes")
	}
	var flags uint8
	if end {
		flags = flagEndStream
	}
	c.flow.sendWindow -= int64(n)
	if s.sendWindow -= int64(n); s.sendWindow <= 0 {
		c.schedule.remove(s)
	}
	if s == c.schedule.turn {
		if c.schedule.left -= int64(n); c.schedule.left <= 0 {
			c.schedule.turn = nil
		}
	}
	c.abuse.sent(n)
	putFrameHead(c.dataHead[:], n, frameData, flags, s.id)
	if end {
		c.sendEnd(s)
	}
	return c.dataHead[:]
}
