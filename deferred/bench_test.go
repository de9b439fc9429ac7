package deferred_test

import (
	"testing"

	"github.com/seed-7c003b53/gotreq/deferred"
)

func addOne(v int) (int, error) { return v + 1, nil }

func BenchmarkFireThreeCallbacks(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		d := deferred.New[int]()
		d.AddCallback(addOne)
		d.AddCallback(addOne)
		d.AddCallback(addOne)
		d.Callback(1)
	}
}

func BenchmarkThenChain(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		d := deferred.New[int]()
		e := deferred.Map(d, addOne)
		f := deferred.Map(e, addOne)
		deferred.Map(f, addOne)
		d.Callback(1)
	}
}

func BenchmarkMillionLinkChain(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		const n = 1_000_000
		ds := make([]deferred.Deferred[int], n)
		for i := range n - 1 {
			ds[i].ThenCallback(func(int) *deferred.Deferred[int] { return &ds[i+1] })
		}
		for i := range n {
			ds[i].Callback(i)
		}
		if !ds[0].Called() || ds[0].Paused() {
			b.Fatal("chain did not resolve")
		}
	}
}
