package deferred_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/seed-7c003b53/gotreq/deferred"
)

// TestARecoveredUnwinding checks that what a cancelled coroutine recovers when it is unwound
// is a cancellation, also in the error that it makes of it.
func TestARecoveredUnwinding(t *testing.T) {
	var recovered error
	d := deferred.Go(func(co *deferred.Co) (n int, err error) {
		defer func() {
			recovered, _ = recover().(error)
			err = fmt.Errorf("polling: %w", deferred.NewPanicError(recovered))
		}()
		for {
			deferred.Await(co, deferred.New[int]())
		}
	})
	d.Cancel()
	got, _ := outcome(d)
	for name, err := range map[string]error{"recovered": recovered, "returned": got.Err} {
		if !errors.Is(err, deferred.ErrCancelled) || !strings.Contains(err.Error(), "unwound") {
			t.Errorf("%s: %v", name, err)
		}
	}
}
