package response_test

import (
	"math"
	"runtime"
	"strings"
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
		if took := (after.TotalAlloc - before.TotalAlloc) / count; took > 256<<10 {
			t.Errorf("a response that announced %d bytes and sent one took %d", length, took)
		}
	}
}

// TestMemoryGrowsWithTheBody: a body that is partly received takes a few times its size: the
// buffer doubles, and the test copies each piece.
func TestMemoryGrowsWithTheBody(t *testing.T) {
	piece := strings.Repeat("x", 10_000)
	for _, pieces := range []int{1, 10, 100, 1000} {
		r, s := bodytest.New(200)
		r.Length = 1 << 40
		d := r.Content()
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		for range pieces {
			s.Send(piece)
		}
		runtime.ReadMemStats(&after)
		came := uint64(pieces * len(piece))
		if took := after.TotalAlloc - before.TotalAlloc; took > 10*came+128<<10 {
			t.Errorf("%d bytes took %d", came, took)
		}
		d.AddErrback(func(error) ([]byte, error) { return nil, nil })
		d.Cancel()
	}
}
