package web

import (
	"bytes"
	"unsafe"
	"weak"
)

// This file holds bytes of a response that wait in memory. A large write waits as it is
// and is handed on in pieces, so that a client that does not read costs one piece.

// maxPiece is the size of the pieces in which a response is handed on. A longer write is
// large: it is kept without a copy, so it must not be changed until it is sent.
const maxPiece = 64 << 10

// pieces is a queue of bytes. The zero value is empty.
type pieces struct {
	list    [][]byte
	size    int64
	growing bool // more can be appended to the last of list
}

// keep adds p, which must not be changed.
func (q *pieces) keep(p []byte) {
	q.list = append(q.list, p)
	q.size += int64(len(p))
	q.growing = false
}

// copy adds a copy of p.
func (q *pieces) copy(p []byte) {
	q.size += int64(len(p))
	if last := len(q.list) - 1; q.growing && len(q.list[last])+len(p) <= maxPiece {
		q.list[last] = append(q.list[last], p...)
		return
	}
	q.list = append(q.list, bytes.Clone(p))
	q.growing = true
}

// take removes the first bytes, n at most, and returns them.
func (q *pieces) take(n int) []byte {
	first := q.list[0]
	if len(first) > n {
		q.list[0] = first[n:]
		q.size -= int64(n)
		return first[:n:n]
	}
	q.list[0] = nil
	q.list = q.list[1:]
	q.size -= int64(len(first))
	if len(q.list) == 0 {
		*q = pieces{}
	}
	return first
}

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
