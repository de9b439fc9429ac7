package http2

// This file remembers the header blocks of responses. It must not know frames.

import (
	"bytes"
	"hash/crc32"
	"net/http"

	"github.com/seed-7c003b53/gotreq/internal/http1"
)

// A blockMemory remembers header blocks that came lately, and what they say. A block that adds nothing to the table of
// the decoder means the same until another block changes the table. Servers send such a block with nearly every response,
// since most of its fields were in those before.
type blockMemory struct {
	blocks  [rememberedBlocks]rememberedBlock
	changes uint64 // the number of blocks that may have changed the table
}

const (
	// rememberedBlocks is enough for a program that asks for a few things in turn.
	rememberedBlocks = 16
	// rememberedBytes bounds a block that is remembered, so that all of them take little memory.
	rememberedBytes = 1 << 10
)

// A rememberedBlock is a header block without an error.
type rememberedBlock struct {
	bytes   []byte
	changes uint64              // those of the memory when it came
	says    *rememberedResponse // nil until it has come twice: most that come once do not come again
}

// A responseFields is what the header block of a response says, whatever the request was.
type responseFields struct {
	code      int
	header    http.Header
	length    int64 // Content-Length; or -1
	badLength error // what is wrong with it; or nil
}

// A rememberedResponse is a responseFields without an error.
type rememberedResponse struct {
	code   int
	header http1.Template
	length int64
}

// find returns the place of block, or nil if it is not of the kind that is remembered. known says that block came before.
func (m *blockMemory) find(block []byte) (b *rememberedBlock, known bool) {
	if !changesNoTable(block) {
		m.changes++
		return nil, false
	}
	if len(block) > rememberedBytes {
		return nil, false
	}
	b = &m.blocks[crc32.Checksum(block, castagnoli)%rememberedBlocks]
	if b.changes == m.changes && bytes.Equal(b.bytes, block) {
		return b, true
	}
	*b = rememberedBlock{bytes: append(b.bytes[:0], block...), changes: m.changes}
	return b, false
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli) // which processors have an instruction for

// changesNoTable reports whether block has only fields of the tables, and literals that are not added to one (RFC 7541,
// section 6). A block that cannot be read may change anything.
func changesNoTable(block []byte) bool {
	for ok := true; len(block) > 0; {
		n := 0
		switch first := block[0]; {
		case first&0x80 != 0: // a field of the tables
			_, block, ok = cutInteger(block, 0x7f)
		case first&0x60 != 0: // a literal that is added, or a new size
			return false
		default:
			if n, block, ok = cutInteger(block, 0x0f); ok && n == 0 {
				block, ok = cutString(block) // the name
			}
			if ok {
				block, ok = cutString(block)
			}
		}
		if !ok {
			return false
		}
	}
	return true
}

// cutInteger cuts an integer off b, which is not empty (RFC 7541, section 5.1). mask has the bits of the first byte that
// belong to it.
func cutInteger(b []byte, mask byte) (n int, rest []byte, ok bool) {
	n = int(b[0] & mask)
	if n < int(mask) {
		return n, b[1:], true
	}
	for i, c := range b[1:min(len(b), 4)] {
		n += int(c&0x7f) << (7 * i)
		if c&0x80 == 0 {
			return n, b[i+2:], true
		}
	}
	return 0, nil, false
}

// cutString cuts a string off b (RFC 7541, section 5.2).
func cutString(b []byte) (rest []byte, ok bool) {
	if len(b) == 0 {
		return nil, false
	}
	n, rest, ok := cutInteger(b, 0x7f)
	if !ok || n > len(rest) {
		return nil, false
	}
	return rest[n:], true
}

// remember notes what b says.
func (b *rememberedBlock) remember(f responseFields) {
	b.says = &rememberedResponse{f.code, http1.NewTemplate(f.header), f.length}
}

// again returns what r says, with a header section of its own.
func (r *rememberedResponse) again() responseFields {
	return responseFields{code: r.code, header: r.header.Header(), length: r.length}
}
