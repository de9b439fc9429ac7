package coro_test

import (
	"fmt"
	"iter"
	"runtime"
	"slices"
	"testing"

	"github.com/seed-7c003b53/gotreq/internal/coro"
)

func TestTask(t *testing.T) {
	var log []string
	task := coro.New(nil, func(t *coro.Task) {
		defer func() { log = append(log, "deferred") }()
		for i := range 2 {
			log = append(log, fmt.Sprint("step ", i))
			log = append(log, fmt.Sprint("waited ", t.Wait()))
		}
	})
	for i := range 3 {
		log = append(log, fmt.Sprint("resume ", i))
		log = append(log, fmt.Sprint("waits ", task.Resume()))
	}
	want := []string{"resume 0", "step 0", "waits true", "resume 1", "waited true", "step 1", "waits true",
		"resume 2", "waited true", "deferred", "waits false"}
	if !slices.Equal(log, want) {
		t.Errorf("got  %q\nwant %q", log, want)
	}
	if task.Resume() {
		t.Error("a task that has returned waits")
	}
}

func TestStop(t *testing.T) {
	before := runtime.NumGoroutine()
	ended, waited := false, true
	task := coro.New(nil, func(t *coro.Task) {
		defer func() { ended = true }()
		waited = t.Wait()
	})
	task.Resume()
	task.Stop()
	if !ended || waited {
		t.Errorf("after Stop: ended %v, Wait returned %v", ended, waited)
	}
	task.Stop()
	coro.New(nil, func(*coro.Task) { t.Error("started by Stop") }).Stop()
	if after := runtime.NumGoroutine(); after > before { // an earlier test's may end meanwhile
		t.Errorf("%d goroutines, %d before", after, before)
	}
}

func TestPanic(t *testing.T) {
	task := coro.New(nil, func(t *coro.Task) {
		t.Wait()
		panic("oh")
	})
	task.Resume()
	defer func() {
		if v := recover(); v != "oh" {
			t.Errorf("recovered %v", v)
		}
		if task.Resume() {
			t.Error("a task that has panicked waits")
		}
	}()
	task.Resume()
}

// A function that exits its goroutine ends its Task, and not the goroutine of the loop.
func TestGoexit(t *testing.T) {
	for name, exit := range map[string]func(t *coro.Task){
		"at once":           func(*coro.Task) { runtime.Goexit() },
		"later":             func(t *coro.Task) { t.Wait(); t.Wait(); runtime.Goexit() },
		"after a panic":     func(*coro.Task) { defer runtime.Goexit(); panic("oh") },
		"again":             func(*coro.Task) { defer runtime.Goexit(); runtime.Goexit() },
		"waiting meanwhile": func(t *coro.Task) { defer t.Wait(); runtime.Goexit() },
		"when it is stopped": func(t *coro.Task) {
			for t.Wait() {
			}
			runtime.Goexit()
		},
		"in a coroutine": func(*coro.Task) { next, _ := iter.Pull(func(func(int) bool) { runtime.Goexit() }); next() },
	} {
		t.Run(name, func(t *testing.T) {
			before := runtime.NumGoroutine()
			ended := false
			task := coro.New(nil, func(t *coro.Task) {
				defer func() { ended = true }()
				exit(t)
			})
			for range 3 {
				if !task.Resume() {
					break
				}
			}
			task.Stop()
			if !ended || !task.Exited() || task.Resume() {
				t.Errorf("ended %v, exited %v", ended, task.Exited())
			}
			for runtime.NumGoroutine() > before { // the goroutines end soon
				runtime.Gosched()
			}
		})
	}
}

// The goroutine of a function that exits cannot be freed if it is locked to a thread.
func TestGoexitOfALockedGoroutine(t *testing.T) {
	done := make(chan bool)
	go func() {
		defer close(done)
		runtime.LockOSThread()
		task := coro.New(nil, func(*coro.Task) { runtime.Goexit() })
		if task.Resume() || !task.Exited() {
			t.Error("the task has not exited")
		}
		task.Stop()
	}()
	<-done
}

func TestWaitAfterStop(t *testing.T) {
	waited := true
	task := coro.New(nil, func(t *coro.Task) {
		t.Wait()
		second := t.Wait()
		waited = t.Wait() || second
	})
	task.Resume()
	task.Stop()
	if waited || task.Exited() {
		t.Errorf("waited %v, exited %v", waited, task.Exited())
	}
}

func BenchmarkResume(b *testing.B) {
	task := coro.New(nil, func(t *coro.Task) {
		for t.Wait() {
		}
	})
	defer task.Stop()
	for b.Loop() {
		task.Resume()
	}
}
