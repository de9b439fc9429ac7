package coro_test

import (
	"testing"

	"github.com/seed-7c003b53/gotreq/internal/coro"
)

// TestRefusals: stubborn code is unwound by panics, and code that recovers from them by
// runtime.Goexit.
func TestRefusals(t *testing.T) {
	var refusals coro.Refusals
	returned, panicked := 0, 0
	wait := func() {
		defer func() {
			if v := recover(); v == "enough" {
				panicked++
			}
		}()
		refusals.Next().Do("enough")
		returned++
	}
	exited := true
	task := coro.New(nil, func(*coro.Task) {
		for range 1000 {
			wait()
		}
		exited = false
	})
	task.Resume()
	if returned != 5 || panicked != 95 || !exited || !task.Exited() {
		t.Errorf("%d waits returned, %d panicked; exited %v", returned, panicked, exited)
	}
}
