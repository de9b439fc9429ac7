package reactor_test

import (
	"bytes"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-7c003b53/gotreq/internal/coro"
	"github.com/seed-7c003b53/gotreq/reactor"
	"github.com/seed-7c003b53/gotreq/reactor/memory"
)

// coroutines returns the number of coroutines of Tasks in the program.
func coroutines() int {
	text := make([]byte, 1<<20)
	return bytes.Count(text[:runtime.Stack(text, true)], []byte("coro.(*Pool).start"))
}

// taskOn runs a Task of r and returns the goroutine of its coroutine.
func taskOn(t *testing.T, r reactor.Reactor) (goroutine uint64) {
	coro.New(reactor.Coroutines(r), func(*coro.Task) {
		goroutine = coro.Goroutine()
		if !r.OnLoop() {
			t.Error("a coroutine that is used again is not on the loop")
		}
	}).Resume()
	return goroutine
}

// TestCoroutinesAreUsedAgain: a loop keeps coroutines while it is driven, and none when it is not.
func TestCoroutinesAreUsedAgain(t *testing.T) {
	for _, test := range reactors {
		t.Run(test.name, func(t *testing.T) {
			before := coroutines()
			r := test.new()
			defer r.Close()
			first := uint64(0)
			r.CallWhenRunning(func() { first = taskOn(t, r) })
			r.CallLater(time.Millisecond, func() {
				if again := taskOn(t, r); again != first {
					t.Errorf("goroutine %d, and %d before", again, first)
				}
				if got := coroutines() - before; got != 1 {
					t.Errorf("%d coroutines in Run", got)
				}
				r.Stop()
			})
			if err := r.Run(); err != nil {
				t.Error(err)
			}
			if left := coroutines() - before; left != 0 {
				t.Errorf("%d coroutines after Run", left)
			}
		})
	}
}

// TestNoCoroutinesBetweenTurns: the next turn may run on another goroutine.
func TestNoCoroutinesBetweenTurns(t *testing.T) {
	before := coroutines()
	r := memory.New()
	turn := func() {
		r.CallLater(0, func() { taskOn(t, r) })
		r.Pump()
		if left := coroutines() - before; left != 0 {
			t.Errorf("%d coroutines", left)
		}
	}
	turn()
	elsewhere(turn)
	turn()
}

// A test in a bubble ends only when all of its goroutines have ended.
func TestCoroutinesInABubble(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := memory.New()
		r.CallWhenRunning(func() {
			taskOn(t, r)
			r.Stop()
		})
		if err := r.Run(); err != nil {
			t.Error(err)
		}
	})
}

// TestCallbackExitsWhileCoroutinesAreKept: FailNow in a callback leaves no coroutine behind.
func TestCallbackExitsWhileCoroutinesAreKept(t *testing.T) {
	before := coroutines()
	elsewhere(func() {
		r := memory.New()
		r.CallLater(0, func() { taskOn(t, r) })
		r.CallLater(time.Second, runtime.Goexit)
		r.Run()
	})
	if left := coroutines() - before; left != 0 {
		t.Errorf("%d coroutines", left)
	}
}

// TestCalmLoopDropsCoroutines: coroutines that are not needed any more end.
func TestCalmLoopDropsCoroutines(t *testing.T) {
	before := coroutines()
	r := memory.New()
	r.CallWhenRunning(func() {
		var tasks []*coro.Task
		for range 10 {
			task := coro.New(reactor.Coroutines(r), func(t *coro.Task) { t.Wait() })
			task.Resume()
			tasks = append(tasks, task)
		}
		for _, task := range tasks {
			task.Stop()
		}
		if got := coroutines() - before; got != 10 {
			t.Errorf("%d coroutines are kept", got)
		}
	})
	turns := 0
	var next func()
	next = func() {
		if turns++; turns < 10_000 {
			r.CallLater(time.Millisecond, next)
			return
		}
		if got := coroutines() - before; got != 0 {
			t.Errorf("%d coroutines in a calm loop", got)
		}
		r.Stop()
	}
	r.CallLater(0, next)
	if err := r.Run(); err != nil {
		t.Error(err)
	}
}
