package web

import (
	"bytes"
	"unsafe"
	"weak"

	"github.com/seed-7c003b53/gotreq/internal/pieces"
)

// This file has the copies of large writes.

// maxPiece is the size of the pieces in which a response is handed on. A longer write is
// large: it waits without a copy, so it must not be changed until it is sent.
const maxPiece = pieces.Max

// copies are the copies of large writes. io.Writer forbids Write to keep its argument. If
// many responses write the same bytes, such as a page in memory, they share one copy. It is
// freed when no response needs it.
type copies struct {
	recent [32]largeCopy
	next   int // the place in recent for the next copy
}

// A largeCopy is a copy of the bytes that were at an address. Others may be there now.
type largeCopy struct {
	address uintptr
	length  int
	first   weak.Pointer[byte] // of the copy
}

// of returns a copy of p, which is not empty.
func (c *copies) of(p []byte) []byte {
	address := uintptr(unsafe.Pointer(&p[0]))
	for i := range c.recent {
		known := &c.recent[i]
		if known.address != address || known.length != len(p) {
			continue
		}
		if first := known.first.Value(); first != nil {
			if copied := unsafe.Slice(first, len(p)); bytes.Equal(copied, p) {
				return copied
			}
		}
	}
	copied := bytes.Clone(p)
	c.recent[c.next] = largeCopy{address, len(p), weak.Make(&copied[0])}
	c.next = (c.next + 1) % len(c.recent)
	return copied
}

// bytesOf returns the bytes of s, which must not be changed.
func bytesOf(s string) []byte { return unsafe.Slice(unsafe.StringData(s), len(s)) }
