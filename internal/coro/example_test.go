package coro_test

import (
	"fmt"

	"github.com/seed-7c003b53/gotreq/internal/coro"
)

// The task reads two values that the loop gets later.
func Example() {
	var value int
	task := coro.New(nil, func(t *coro.Task) {
		for t.Wait() {
			fmt.Println("got", value)
		}
	})
	task.Resume() // runs until the first Wait
	for value = range 2 {
		task.Resume()
	}
	task.Stop()
	// Output:
	// got 0
	// got 1
}
