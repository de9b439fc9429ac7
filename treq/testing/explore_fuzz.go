package testing

import (
	"math/rand/v2"
	"testing"

	"github.com/seed-7c003b53/gotreq/internal/explore"
	"github.com/seed-7c003b53/gotreq/reactor/memory"
)

// This file lets Go's fuzzer make the choices.

// fuzzSeeds is the number of random inputs that Fuzz adds to the corpus.
const fuzzSeeds = 4

// Fuzz is [Explore] with the choices of Go's fuzzer, which looks for those that reach new code:
//
//	func FuzzOrders(f *testing.F) {
//		treqtesting.Fuzz(f, treqtesting.Exploration{}, orders)
//	}
//
// Run it by go test -fuzz '^FuzzOrders$'. Without -fuzz, it runs the inputs that Fuzz makes, and those in
// testdata, where the fuzzer keeps the inputs that fail. A failure is reported as that of Explore.
// Fuzz ignores the Runs, Strategies, Depth and Sometimes of e.
func Fuzz(f *testing.F, e Exploration, function func(t testing.TB, r *memory.Reactor)) {
	f.Helper()
	name := f.Name()
	seed, err := seedOf(e.Seed, name)
	if err != nil {
		f.Fatalf("Fuzz: %v", err)
	}
	random := rand.New(rand.NewPCG(seed, 0))
	f.Add([]byte{})
	for i := range fuzzSeeds {
		data := make([]byte, 16<<(2*i))
		for j := range data {
			if random.IntN(fuzzSeeds) <= i {
				data[j] = byte(random.Uint32())
			}
		}
		f.Add(data)
	}
	replayed := false
	f.Fuzz(func(t *testing.T, tape []byte) {
		x, end := newExplorer(t, name, e, function)
		defer end()
		switch {
		case x.tape == nil:
			x.fuzz(tape)
		case !replayed:
			replayed = true
			x.replay()
		default:
			return
		}
		if x.summary.Finding != nil {
			t.Error(x.summary.Finding.Report)
		}
	})
}

// fuzz does the run of an input.
func (x *explorer) fuzz(tape []byte) {
	o := x.do(explore.NewBytes(tape), silently)
	x.count(o)
	switch {
	case o.failed():
		x.found(o)
	case o.skipped != "":
		x.Skip(o.skipped)
	}
}
