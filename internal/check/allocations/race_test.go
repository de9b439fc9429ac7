//go:build race

package allocations

import "testing"

func TestAllocations(t *testing.T) {
	t.Skip("the race detector allocates: make test runs this package once more, without it")
}
