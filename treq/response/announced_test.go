package response_test

import (
	"math"
	"runtime"
	"testing"

	"github.com/seed-7c003b53/gotreq/deferred/deferredtest"
	"github.com/seed-7c003b53/gotreq/internal/testkit/bodytest"
)

// TestAnnouncedLengthTakesNoMemory checks that the memory for a body grows with the bytes
// received, not with the announced length.
func TestAnnouncedLengthTakesNoMemory(t *testing.T) {
	for _, length := range []int64{3 << 20, 1 << 40, math.MaxInt64} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		const count = 20
		for range count {
			r, s := bodytest.New(200)
			r.Length = length
			d := r.Content()
			s.SendAll("x")
			if got := deferredtest.SuccessResultOf(t, d); string(got) != "x" || cap(got) != 1 {
				t.Fatalf("%d bytes, room for %d", len(got), cap(got))
			}
		}
		runtime.ReadMemStats(&after)
		if took := (after.TotalAlloc - before.TotalAlloc) / count; took > 1<<20+64<<10 {
			t.Errorf("a response that announced %d bytes and sent one took %d", length, took)
		}
	}
}
