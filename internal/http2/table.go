package http2

// This file compresses single fields (RFC 7541). The encoder of package hpack keeps the table that the peer's decoder has
// too; this file remembers where it put the fields of the last heads, so that most need no search. It also writes the fields
// that do not go into the table.

import "golang.org/x/net/http2/hpack"

// A table compresses fields.
type table struct {
	encoder *hpack.Encoder
	out     []byte // what the encoder writes
	size    uint32 // of the encoder's table
	wanted  uint32 // the size that the peer allows
	resized bool   // the next block has to announce a new size

	// The entries of the encoder's table are numbered in the order in which they were added. The table has the newest
	// ones, as many as fit into its size.
	added int64 // entries ever added
	bytes int64 // their sizes together
	known [32]knownField
}

// A knownField says where a field is in the table of the peer.
type knownField struct {
	name, value string
	static      byte  // its index in the static table, or 0
	number      int64 // of its entry
	before      int64 // bytes when it was added
}

// staticEntries is the number of entries of the static table.
const staticEntries = 61

func (t *table) init() {
	t.encoder = hpack.NewEncoder(t)
	t.size, t.wanted = tableSize, tableSize
}

// Write appends what the encoder writes.
func (t *table) Write(p []byte) (int, error) {
	t.out = append(t.out, p...)
	return len(p), nil
}

// resize applies the peer's setting HEADER_TABLE_SIZE. More than the default is not used.
func (t *table) resize(size uint32) {
	t.wanted = min(size, tableSize)
	t.setSize(min(t.size, t.wanted))
	t.resized = true
}

func (t *table) setSize(size uint32) {
	t.size = size
	t.encoder.SetMaxDynamicTableSize(size)
	t.known = [len(t.known)]knownField{} // the entries that the table lost are not known
}

// appendBegin begins a header block: it announces a new size of the table (RFC 7541, section 4.2). If the size became
// smaller and then larger since the last block, the larger size waits for the next one, because the decoder of package hpack
// takes only one announcement.
func (t *table) appendBegin(b []byte) []byte {
	switch {
	case t.resized:
		t.resized = false
	case t.size < t.wanted:
		t.setSize(t.wanted)
	default:
		return b
	}
	// The encoder announces the size before a field. This one takes a byte, which is cut off.
	t.out = b
	t.encoder.WriteField(hpack.HeaderField{Name: ":method", Value: "GET"})
	b, t.out = t.out[:len(t.out)-1], nil
	return b
}

// slot returns where a field is remembered.
func (t *table) slot(name, value string) *knownField {
	return &t.known[(len(name)*5+len(value))%len(t.known)]
}

// appendIndexed writes a field that goes into the table, or is there already.
func (t *table) appendIndexed(b []byte, name, value string) []byte {
	k := t.slot(name, value)
	if k.value == value && k.name == name {
		if k.static > 0 {
			return append(b, 0x80|k.static)
		}
		if t.bytes-k.before <= int64(t.size) {
			return appendInteger(b, 0x80, staticEntries+uint64(t.added-k.number))
		}
	}
	field := hpack.HeaderField{Name: name, Value: value}
	start := len(b)
	t.out = b
	t.encoder.WriteField(field)
	b, t.out = t.out, nil
	switch first := b[start]; {
	case first&0x80 == 0 && first&0x40 != 0: // an entry was added
		*k = knownField{name: name, value: value, number: t.added, before: t.bytes}
		t.added++
		t.bytes += int64(field.Size())
	case first&0x80 != 0 && first&0x7f <= staticEntries:
		*k = knownField{name: name, value: value, static: first & 0x7f}
	}
	return b
}

// appendLiteral writes a field that does not go into the table (RFC 7541, sections 6.2.2 and 6.2.3). kind is 0, or 0x10 for
// one that no other table may have either.
func (t *table) appendLiteral(b []byte, kind, static byte, name, value string) []byte {
	switch {
	case static == 0:
		b = appendText(append(b, kind), name)
	case static < 15:
		b = append(b, kind|static)
	default:
		b = append(b, kind|15, static-15)
	}
	return appendText(b, value)
}

// appendText appends a string, with Huffman coding if that is shorter (RFC 7541, section 5.2).
func appendText(b []byte, s string) []byte {
	if n := hpack.HuffmanEncodeLength(s); n < uint64(len(s)) {
		return hpack.AppendHuffmanString(appendInteger(b, 0x80, n), s)
	}
	return append(appendInteger(b, 0, uint64(len(s))), s...)
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
