package web

import (
	"math"
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
