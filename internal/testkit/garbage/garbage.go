// Package garbage tells tests what the collector frees.
package garbage

import (
	"runtime"
	"sync/atomic"
)

// Collect collects garbage, and waits until the cleanups and finalizers have run. One
// collection is not enough for an object that another's finalizer refers to.
func Collect() {
	for range 5 {
		ran := make(chan bool, 2)
		runtime.SetFinalizer(new([64]byte), func(*[64]byte) { ran <- true })
		runtime.AddCleanup(new([64]byte), func(ran chan bool) { ran <- true }, ran)
		for len(ran) < 2 {
			runtime.GC()
		}
	}
}

// A Count is the number of objects that were freed.
type Count struct{ freed atomic.Int64 }

// Watch makes c count the object at p when it is freed.
func Watch[T any](c *Count, p *T) {
	runtime.AddCleanup(p, func(c *Count) { c.freed.Add(1) }, c)
}

// Collect collects garbage, and returns the number of the watched objects that were
// freed.
func (c *Count) Collect() int {
	Collect()
	return int(c.freed.Load())
}
