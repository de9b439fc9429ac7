package web

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"time"
)

// TestDefaults checks that each limit of a Site has the default that its documentation
// names, and that a negative value means no bound.
func TestDefaults(t *testing.T) {
	for _, test := range []struct {
		name               string
		limit              func(n int) int64 // the limit in force for a field of n
		byDefault, without int64
	}{
		{"MaxContent", func(n int) int64 { return (&Site{MaxContent: int64(n)}).maxContent() }, 10 << 20, math.MaxInt64},
		{"MemoryContent", func(n int) int64 { return (&Site{MemoryContent: int64(n)}).memoryContent() }, 1 << 20, math.MaxInt64},
		{"MemoryContentTotal", func(n int) int64 { return (&Site{MemoryContentTotal: int64(n)}).memoryContentTotal() }, 64 << 20, math.MaxInt64},
		{"MaxSessions", func(n int) int64 { return int64((&Site{MaxSessions: n}).maxSessions()) }, 100_000, math.MaxInt},
		{"MaxFields", func(n int) int64 { return int64((&Site{MaxFields: n}).maxFields()) }, 10_000, math.MaxInt},
		{"MinContentRate", func(n int) int64 { return max(0, (&Site{MinContentRate: int64(n)}).minContentRate()) }, 500, 0},
	} {
		for n, want := range map[int]int64{0: test.byDefault, 1: 1, 7: 7, -1: test.without, -7: test.without} {
			if got := test.limit(n); got != want {
				t.Errorf("%s %d: the limit is %d, want %d", test.name, n, got, want)
			}
		}
	}
	for n, want := range map[int]int{0: 8 * requestWork, 1: requestWork, 9: 9 * requestWork, -1: math.MaxInt, math.MaxInt: math.MaxInt} {
		if got := (&Site{TurnRequests: n}).turnWork(); got != want {
			t.Errorf("TurnRequests %d: the work of a turn is %d, want %d", n, got, want)
		}
	}
	for _, test := range []struct {
		name      string
		event     awaited
		site      Site
		byDefault time.Duration
	}{
		{"HeaderTimeout", awaitHead, Site{HeaderTimeout: 7}, 20 * time.Second},
		{"IdleTimeout", awaitRequest, Site{IdleTimeout: 7}, time.Minute},
		{"ContentTimeout", awaitContent, Site{ContentTimeout: 7}, time.Minute},
		{"WriteTimeout", awaitWritten, Site{WriteTimeout: 7}, time.Minute},
	} {
		if got := (&channel{connection: connection{site: &Site{}}}).limit(test.event); got != test.byDefault {
			t.Errorf("%s: the default is %v, want %v", test.name, got, test.byDefault)
		}
		if got := (&channel{connection: connection{site: &test.site}}).limit(test.event); got != 7 {
			t.Errorf("%s: %v, want 7ns", test.name, got)
		}
	}
}

// TestPieces checks that the queue returns all bytes in their order, in pieces that are as
// large as they may be, and copies a large write never.
func TestPieces(t *testing.T) {
	large := []byte(strings.Repeat("large", maxPiece))
	for _, test := range []struct {
		name string
		add  []any // an int is a number of small bytes to copy, a []byte is kept
		want string
	}{
		{"small ones are joined", []any{1, 2, 3}, "6"},
		{"to the size of a piece", []any{maxPiece - 1, 1, 1}, fmt.Sprint(maxPiece, " 1")},
		{"no more than that", []any{maxPiece - 1, 2, 3}, fmt.Sprint(maxPiece-1, " 5")},
		{"not with a kept one", []any{1, []byte("kept"), 2, 3}, "1 4 5"},
		{"after the queue was empty", []any{1, nil, 2, 3}, "1 5"},
		{"a large one is cut", []any{large, 1}, fmt.Sprint(maxPiece, maxPiece, maxPiece, maxPiece, maxPiece, " 1")},
	} {
		var q pieces
		var got []string
		var in, out strings.Builder
		size := int64(0)
		drain := func() {
			for q.size != 0 {
				piece := q.take(maxPiece)
				size -= int64(len(piece))
				if q.size != size {
					t.Errorf("%s: %d bytes are left, not %d", test.name, size, q.size)
				}
				out.Write(piece)
				got = append(got, fmt.Sprint(len(piece)))
			}
		}
		next := byte('a')
		for _, add := range test.add {
			switch add := add.(type) {
			case int:
				b := []byte(strings.Repeat(string(next), add))
				next++
				q.copy(b)
				in.Write(b)
				size += int64(add)
				clear(b)
			case []byte:
				q.keep(add)
				in.Write(add)
				size += int64(len(add))
				if last := q.list[len(q.list)-1]; &last[0] != &add[0] {
					t.Errorf("%s: a kept write is copied", test.name)
				}
			case nil:
				drain()
			}
		}
		drain()
		if text := strings.Join(got, " "); text != test.want || out.String() != in.String() || len(q.list) != 0 {
			t.Errorf("%s: pieces of %s bytes, want %s; %d are left", test.name, text, test.want, len(q.list))
		}
	}
}
