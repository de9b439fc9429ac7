package coro

import "testing"

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
