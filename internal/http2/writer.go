package http2

// This file writes heads and trailers as header blocks (RFC 9113, section 8; RFC 7541). Everything is checked before the
// first field is written, since a field that is written has changed the table of the peer.

import (
	"net/http"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/net/http2/hpack"

	"github.com/seed-7c003b53/gotreq/internal/http1"
	"github.com/seed-7c003b53/gotreq/treq/wire"
)

// A fieldWriter compresses header blocks at the end of conn.out.
type fieldWriter struct {
	c       *conn
	encoder *hpack.Encoder
	resized bool // the next field has to go through the encoder, which announces the new size of the table
	start   int  // of the HEADERS frame in conn.out
	names   nameCache
	keys    []string // of the header that is being written, sorted
	digits  []byte
}

func (w *fieldWriter) init(c *conn) {
	w.c = c
	w.encoder = hpack.NewEncoder(w)
}

// Write appends what the encoder writes.
func (w *fieldWriter) Write(p []byte) (int, error) {
	w.c.out = append(w.c.out, p...)
	return len(p), nil
}

// setTableSize applies the peer's setting HEADER_TABLE_SIZE. More than the default is not used.
func (w *fieldWriter) setTableSize(size uint32) {
	w.encoder.SetMaxDynamicTableSize(min(size, tableSize))
	w.resized = true
}

// begin begins a HEADERS frame.
func (w *fieldWriter) begin() {
	w.start = len(w.c.out)
	w.c.out = append(w.c.out, make([]byte, frameHeadSize)...)
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
	if how == unindexed && static > 0 && !w.resized {
		w.literal(static, value)
		return
	}
	w.resized = false
	w.encoder.WriteField(hpack.HeaderField{Name: lower, Value: value, Sensitive: how != indexed})
}

// static writes a field that the static table has.
func (w *fieldWriter) static(index uint8, name, value string) {
	if w.resized {
		w.pseudo(name, value, indexed)
		return
	}
	w.c.out = append(w.c.out, 0x80|index)
}

// literal writes a literal field without indexing, with a name of the static table (RFC 7541, section 6.2.2).
func (w *fieldWriter) literal(static uint8, value string) {
	b := w.c.out
	if static < 15 {
		b = append(b, static)
	} else {
		b = append(b, 15, static-15)
	}
	if n := hpack.HuffmanEncodeLength(value); n < uint64(len(value)) {
		b = appendInteger(b, 0x80, n)
		b = hpack.AppendHuffmanString(b, value)
	} else {
		b = appendInteger(b, 0, uint64(len(value)))
		b = append(b, value...)
	}
	w.c.out = b
}

// appendInteger appends an integer with a prefix of seven bits (RFC 7541, section 5.1).
func appendInteger(b []byte, first byte, n uint64) []byte {
	const most = 1<<7 - 1
	if n < most {
		return append(b, first|byte(n))
	}
	b = append(b, first|most)
	for n -= most; n >= 0x80; n >>= 7 {
		b = append(b, 0x80|byte(n))
	}
	return append(b, byte(n))
}

// method, scheme, path and status write the pseudo-headers that the static table has values of.
func (w *fieldWriter) method(method string) {
	switch method {
	case "GET":
		w.static(2, ":method", method)
	case "POST":
		w.static(3, ":method", method)
	default:
		w.pseudo(":method", method, indexed)
	}
}

func (w *fieldWriter) scheme(scheme string) {
	switch scheme {
	case "http":
		w.static(6, ":scheme", scheme)
	case "https":
		w.static(7, ":scheme", scheme)
	default:
		w.pseudo(":scheme", scheme, indexed)
	}
}

func (w *fieldWriter) path(path string) {
	if path == "/" {
		w.static(4, ":path", path)
		return
	}
	w.pseudo(":path", path, unindexed)
}

func (w *fieldWriter) status(code int) {
	for i, known := range [...]int{200, 204, 206, 304, 400, 404, 500} {
		if code == known {
			w.static(8+uint8(i), ":status", strconv.Itoa(code))
			return
		}
	}
	w.pseudo(":status", strconv.Itoa(code), indexed)
}

// length writes Content-Length.
func (w *fieldWriter) length(n int64) {
	w.field("content-length", strconv.FormatInt(n, 10), unindexed, 28)
}

// name returns what is known of a key of an http.Header.
func (w *fieldWriter) name(key string) *name {
	if n := names[key]; n != nil {
		return n
	}
	if n := w.names[key]; n != nil {
		return n
	}
	lower := strings.ToLower(key)
	n := names[lower]
	if n == nil {
		n = newName(key, lower)
	}
	w.names.keep(key, n)
	return n
}

// sort puts the keys of h into w.keys.
func (w *fieldWriter) sort(h http.Header) {
	w.keys = w.keys[:0]
	for key := range h {
		w.keys = append(w.keys, key)
	}
	slices.Sort(w.keys)
}

// has reports whether h, whose keys are in w.keys, has the header, even without values.
func (w *fieldWriter) has(h http.Header, key string) bool {
	if _, ok := h[key]; ok {
		return true
	}
	return slices.ContainsFunc(w.keys, func(k string) bool { return http1.EqualFold(k, key) })
}

// checkFields checks names and values.
func checkFields(h http.Header) error {
	for key, values := range h {
		if !http1.IsToken(key) {
			return http1.Errorf(wire.ErrHeaderName, "%s", http1.Quote(key))
		}
		for _, value := range values {
			if err := checkWritten(key, value); err != nil {
				return err
			}
		}
	}
	return nil
}

func checkWritten(key, value string) error {
	if i := http1.BadByte(value, false); i >= 0 {
		return http1.Errorf(wire.ErrHeaderValue, "byte %s in %s, in the header %s", http1.Quote(value[i:i+1]), http1.QuoteValue(key, value), http1.Quote(key))
	}
	return nil
}

// header writes the headers of h but those that have another place in HTTP/2. Its keys are in w.keys.
func (w *fieldWriter) header(h http.Header, keys []string) {
	for _, key := range keys {
		n := w.name(key)
		if n.role == connection || n.role == hostName || n.role == length {
			continue
		}
		for _, value := range h[key] {
			w.value(n, http1.Trim(value))
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
	if err := checkFields(trailer); err != nil {
		return err
	}
	w := &c.writer
	w.begin()
	empty := len(c.out)
	w.sort(trailer)
	w.header(trailer, w.keys)
	if len(c.out) == empty {
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
		n := c.peer.maxFrame
		c.out = append(c.out, c.DataHead(s, n, false)...)
		c.out = append(c.out, p[:n]...)
		p = p[n:]
	}
	if len(p) > 0 || end {
		c.out = append(c.out, c.DataHead(s, len(p), end)...)
		c.out = append(c.out, p...)
	}
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
	s.sendWindow -= int64(n)
	c.flow.sendWindow -= int64(n)
	if n >= fullFrame || s.sendWindow > 0 {
		c.abuse.noise.give(2)
	}
	putFrameHead(c.dataHead[:], n, frameData, flags, s.id)
	if end {
		c.sendEnd(s)
	}
	return c.dataHead[:]
}

// fullFrame is the size from which a frame is worth a WINDOW_UPDATE: one who opens windows by less makes us do much for
// little (CVE-2019-9511).
const fullFrame = 256
