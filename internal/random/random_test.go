package random_test

import (
	"bytes"
	"math/rand/v2"
	"testing"

	"github.com/seed-7c003b53/gotreq/internal/random"
)

func TestFill(t *testing.T) {
	seeded := func() *rand.Rand { return rand.New(rand.NewPCG(1, 2)) }
	for _, size := range []int{0, 1, 7, 8, 9, 32} {
		a, b, c := make([]byte, size+1), make([]byte, size+1), make([]byte, size+1)
		random.Fill(a[:size], seeded())
		random.Fill(b[:size], seeded())
		random.Fill(c[:size], nil)
		if !bytes.Equal(a, b) {
			t.Errorf("%d bytes: one seed gave %x and %x", size, a, b)
		}
		if a[size] != 0 || c[size] != 0 {
			t.Errorf("%d bytes: Fill wrote beyond the end", size)
		}
		if size >= 8 && bytes.Equal(a, c) {
			t.Errorf("%d bytes: the system gave the numbers of a seed: %x", size, c)
		}
		if size > 8 && (bytes.Equal(a[:8], a[size-8:size]) || a[size-1] == 0 && a[size-2] == 0) {
			t.Errorf("%d bytes: %x", size, a)
		}
	}
}
