// Package pieces holds the bytes of a body that wait in memory until the other end of a connection takes them. A large
// write waits as it is, without a copy, and is handed on in pieces, so that a peer that does not read costs one piece.
package pieces

import "bytes"

// Max is the size of the pieces in which a body is handed on. A longer write is large: Keep it rather than Copy it.
//
// It is what the system sends as one packet, with room for the headers of all layers: to itself, or to a network card
// that makes smaller ones of it. Of 64 KiB a few bytes are left for a second packet, which costs as much as the first.
const Max = 62 << 10

// A Queue is a queue of bytes. The zero value is empty.
type Queue struct {
	list    [][]byte
	size    int64
	growing bool // more can be appended to the last of list
}

// Size returns the number of bytes in the queue.
func (q *Queue) Size() int64 { return q.size }

// Keep adds p, which must not be changed.
func (q *Queue) Keep(p []byte) {
	if len(p) == 0 {
		return
	}
	q.list = append(q.list, p)
	q.size += int64(len(p))
	q.growing = false
}

// Copy adds a copy of p.
func (q *Queue) Copy(p []byte) {
	if len(p) == 0 {
		return
	}
	q.size += int64(len(p))
	if last := len(q.list) - 1; q.growing && len(q.list[last])+len(p) <= Max {
		q.list[last] = append(q.list[last], p...)
		return
	}
	q.list = append(q.list, bytes.Clone(p))
	q.growing = true
}

// Take removes the first bytes, n at most, and returns them. It returns fewer than n if they were written apart. It
// panics on an empty queue.
func (q *Queue) Take(n int) []byte {
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
		*q = Queue{}
	}
	return first
}

// Clear removes all bytes.
func (q *Queue) Clear() { *q = Queue{} }
