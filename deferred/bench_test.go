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

func BenchmarkAwaitReady(b *testing.B) {
	b.ReportAllocs()
	deferred.Go(func(co *deferred.Co) (int, error) {
		d := deferred.Succeed(1)
		for b.Loop() {
			deferred.Await(co, d)
		}
		return 0, nil
	})
}

// Compare BenchmarkAwaitLater with BenchmarkCallbackLater, which does the same without
// a coroutine.
func BenchmarkAwaitLater(b *testing.B) {
	b.ReportAllocs()
	var d *deferred.Deferred[int]
	end := false
	deferred.Go(func(co *deferred.Co) (int, error) {
		for !end {
			d = deferred.New[int]()
			deferred.Await(co, d)
		}
		return 0, nil
	})
	for b.Loop() {
		d.Callback(1)
	}
	end = true
	d.Callback(1)
}

func BenchmarkCallbackLater(b *testing.B) {
	b.ReportAllocs()
	var d *deferred.Deferred[int]
	wait := func() { d = deferred.New[int]() }
	again := func(v int) (int, error) { wait(); return v, nil }
	wait()
	for b.Loop() {
		was := d
		was.AddCallback(again)
		was.Callback(1)
	}
}

func BenchmarkGo(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		d := deferred.New[int]()
		deferred.Go(func(co *deferred.Co) (int, error) { return deferred.Await(co, d) })
		d.Callback(1)
	}
}

func BenchmarkGather1000(b *testing.B) {
	b.ReportAllocs()
	ds := make([]*deferred.Deferred[int], 1000)
	for b.Loop() {
		for i := range ds {
			ds[i] = deferred.New[int]()
		}
		all := deferred.GatherResults(ds)
		for i, d := range ds {
			d.Callback(i)
		}
		if !all.Called() {
			b.Fatal("not gathered")
		}
	}
}
