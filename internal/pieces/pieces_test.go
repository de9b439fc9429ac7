package pieces

import (
	"fmt"
	"strings"
	"testing"
)

// TestQueue checks that the queue returns all bytes in their order, in pieces that are as
// large as they may be, and copies a large write never.
func TestQueue(t *testing.T) {
	large := []byte(strings.Repeat("large", Max))
	for _, test := range []struct {
		name string
		add  []any // an int is a number of small bytes to copy, a []byte is kept
		want string
	}{
		{"small ones are joined", []any{1, 2, 3}, "6"},
		{"to the size of a piece", []any{Max - 1, 1, 1}, fmt.Sprint(Max, " 1")},
		{"no more than that", []any{Max - 1, 2, 3}, fmt.Sprint(Max-1, " 5")},
		{"not with a kept one", []any{1, []byte("kept"), 2, 3}, "1 4 5"},
		{"after the queue was empty", []any{1, nil, 2, 3}, "1 5"},
		{"a large one is cut", []any{large, 1}, fmt.Sprint(Max, Max, Max, Max, Max, " 1")},
		{"nothing is not a piece", []any{0, []byte{}, 1, 0, 1}, "2"},
	} {
		var q Queue
		var got []string
		var in, out strings.Builder
		size := int64(0)
		drain := func() {
			for q.Size() != 0 {
				piece := q.Take(Max)
				size -= int64(len(piece))
				if q.Size() != size {
					t.Errorf("%s: %d bytes are left, not %d", test.name, size, q.Size())
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
				q.Copy(b)
				in.Write(b)
				size += int64(add)
				clear(b)
			case []byte:
				q.Keep(add)
				in.Write(add)
				size += int64(len(add))
				if last := len(q.list) - 1; len(add) != 0 && &q.list[last][0] != &add[0] {
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

// TestClear checks that nothing is left after Clear.
func TestClear(t *testing.T) {
	var q Queue
	q.Copy([]byte("abc"))
	q.Keep([]byte("def"))
	q.Clear()
	q.Copy([]byte("x"))
	if q.Size() != 1 || string(q.Take(9)) != "x" || q.Size() != 0 {
		t.Error("bytes are left")
	}
}
