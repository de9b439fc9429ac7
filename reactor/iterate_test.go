package reactor_test

import (
	"testing"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/internal/testkit/logtest"
)

// TestIterateOnAnotherGoroutine checks that a program may call Iterate on several goroutines,
// one after another: each call is the loop's own goroutine meanwhile, also when debugging
// checks that.
func TestIterateOnAnotherGoroutine(t *testing.T) {
	log := logtest.Capture(t)
	deferred.SetDebugging(true)
	defer deferred.SetDebugging(false)
	for _, r := range reactors {
		loop, turns := r.new(), 0
		turn := func() {
			loop.CallLater(0, func() {
				loop.CallLater(0, func() {}).Cancel()
				if loop.OnLoop() {
					turns++
				}
			})
			if err := loop.Iterate(0); err != nil {
				t.Errorf("%s: %v", r.name, err)
			}
		}
		turn()
		done := make(chan bool)
		go func() {
			defer close(done)
			turn()
		}()
		<-done
		turn()
		if turns != 3 {
			t.Errorf("%s: %d of 3 turns were on the loop", r.name, turns)
		}
		loop.Close()
	}
	if got := log.Take(); got != "" {
		t.Error(got)
	}
}
