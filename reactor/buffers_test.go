package reactor

import "testing"

// TestBuffersAreKept: a thousand connections that send something small in one turn
// reuse their buffers. At most maxFree is kept.
func TestBuffersAreKept(t *testing.T) {
	l := &Loop{}
	send := func(n, size int) (made int) {
		var connections []*connection
		for range n {
			before := len(l.free)
			c := &connection{loop: l, out: l.buffer()}
			if before == 0 {
				made++
			}
			c.out = append(c.out, make([]byte, size)...)
			connections = append(connections, c)
		}
		for _, c := range connections {
			c.dropOut()
		}
		return made
	}
	if made := send(1000, 100); made != 1000 {
		t.Fatalf("%d buffers were made first, want 1000", made)
	}
	if made := send(1000, 100); made != 0 {
		t.Errorf("%d buffers were made again", made)
	}
	send(1000, keepOut/2)
	total := 0
	for _, b := range l.free {
		total += cap(b)
	}
	if total > maxFree || total != l.freeBytes {
		t.Errorf("%d bytes are kept, %d are counted, at most %d should be", total, l.freeBytes, maxFree)
	}
}
