package coro_test

import (
	"strings"
	"testing"

	"github.com/seed-7c003b53/gotreq/internal/coro"
)

// blockedTask blocks the goroutine that resumes its Task.
func blockedTask(*coro.Task) { <-blockedGate }

// waitingTask waits in its Task.
func waitingTask(t *coro.Task) { t.Wait() }

var blockedGate chan struct{}

// StackOf shows a goroutine and the coroutine that holds it up, and neither coroutines that wait
// nor other goroutines.
func TestStackOf(t *testing.T) {
	blockedGate = make(chan struct{})
	ids, done := make(chan uint64), make(chan struct{})
	go func() {
		defer close(done)
		coro.New(nil, waitingTask).Resume()
		ids <- coro.Goroutine()
		coro.New(nil, func(*coro.Task) { coro.New(nil, blockedTask).Resume() }).Resume()
	}()
	id := <-ids
	text := coro.StackOf(id)
	for !strings.Contains(text, "blockedTask(") { // it does not block yet
		text = coro.StackOf(id)
	}
	close(blockedGate)
	<-done
	if !strings.Contains(text, "TestStackOf.func1(") || strings.Contains(text, "waitingTask(") || strings.Contains(text, "TestStackOf(") {
		t.Errorf("got %s", text)
	}
	if n := strings.Count(text, "\ngoroutine ") + 1; n != 2 {
		t.Errorf("got %d stacks, want 2:\n%s", n, text)
	}
	if got := coro.StackOf(1 << 60); got != "" {
		t.Errorf("of no goroutine: got %s", got)
	}
}
