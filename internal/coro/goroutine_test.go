package coro

import (
	"iter"
	"testing"
)

func TestCreatorCacheForgetsTheOldest(t *testing.T) {
	var c creatorCache
	const last = 5 * maxCreators
	for n := uint64(1); n <= last; n++ {
		c.put(n, n+1)
	}
	if size := len(c.young) + len(c.old); size > 2*maxCreators {
		t.Errorf("%d creators", size)
	}
	if _, known := c.get(1); known {
		t.Error("the oldest is known")
	}
	for n := uint64(last - maxCreators + 1); n <= last; n++ {
		if creator, known := c.get(n); !known || creator != n+1 {
			t.Fatalf("the creator of %d: %d, %v", n, creator, known)
		}
	}
}

// TestPlainGoroutines: a goroutine that is no coroutine is noted. A coroutine whose number has the
// same place is told from it.
func TestPlainGoroutines(t *testing.T) {
	caller := Goroutine()
	for range 2 {
		if RunsOn(caller + 1<<40) {
			t.Error("the test runs on another goroutine")
		}
		if plain[caller%uint64(len(plain))].Load() != caller {
			t.Error("the goroutine is not noted")
		}
	}
	next, stop := iter.Pull(func(yield func(bool) bool) {
		number := Goroutine()
		plain[number%uint64(len(plain))].Store(number + uint64(len(plain)))
		yield(RunsOn(caller))
	})
	defer stop()
	if on, _ := next(); !on {
		t.Error("the coroutine does not run on its goroutine")
	}
}
