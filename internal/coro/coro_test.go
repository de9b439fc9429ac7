package coro_test

import (
	"fmt"
	"runtime"
	"slices"
	"testing"

	"github.com/seed-7c003b53/gotreq/internal/coro"
)

func TestTask(t *testing.T) {
	var log []string
	task := coro.New(func(t *coro.Task) {
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
	task := coro.New(func(t *coro.Task) {
		defer func() { ended = true }()
		waited = t.Wait()
	})
	task.Resume()
	task.Stop()
	if !ended || waited {
		t.Errorf("after Stop: ended %v, Wait returned %v", ended, waited)
	}
	task.Stop()
	coro.New(func(*coro.Task) { t.Error("started by Stop") }).Stop()
	if after := runtime.NumGoroutine(); after > before { // an earlier test's may end meanwhile
		t.Errorf("%d goroutines, %d before", after, before)
	}
}

func TestPanic(t *testing.T) {
	task := coro.New(func(t *coro.Task) {
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

func BenchmarkResume(b *testing.B) {
	task := coro.New(func(t *coro.Task) {
		for t.Wait() {
		}
	})
	defer task.Stop()
	for b.Loop() {
		task.Resume()
	}
}
