package coro_test

import (
	"bytes"
	"runtime"
	"slices"
	"testing"

	"github.com/seed-7c003b53/gotreq/internal/coro"
)

// runOn runs a Task to its end and returns the number of its coroutine.
func runOn(p *coro.Pool) (number uint64) {
	task := coro.New(p, func(t *coro.Task) {
		t.Wait()
		number = coro.Goroutine()
	})
	for task.Resume() {
	}
	return number
}

// begin starts n Tasks, which wait.
func begin(p *coro.Pool, n int) (tasks []*coro.Task) {
	for range n {
		task := coro.New(p, func(t *coro.Task) { t.Wait() })
		task.Resume()
		tasks = append(tasks, task)
	}
	return tasks
}

func end(tasks []*coro.Task) {
	for _, t := range tasks {
		t.Stop()
	}
}

// coroutines returns the number of coroutines of Tasks in the program.
func coroutines() int {
	text := make([]byte, 1<<20)
	return bytes.Count(text[:runtime.Stack(text, true)], []byte("created by iter.Pull"))
}

// expectCoroutines expects that there are want coroutines more than before.
func expectCoroutines(t *testing.T, before, want int) {
	t.Helper()
	if got := coroutines() - before; got != want {
		t.Errorf("%d coroutines more, want %d", got, want)
	}
}

func TestPoolUsesACoroutineAgain(t *testing.T) {
	before := coroutines()
	var p coro.Pool
	p.Open()
	first := runOn(&p)
	if second := runOn(&p); second != first {
		t.Errorf("goroutines %d and %d", first, second)
	}
	tasks := begin(&p, 3)
	expectCoroutines(t, before, 3)
	end(tasks)
	expectCoroutines(t, before, 3)
	end(begin(&p, 3))
	expectCoroutines(t, before, 3)
	p.Close()
	expectCoroutines(t, before, 0)
}

func TestPoolIsBounded(t *testing.T) {
	before := coroutines()
	var p coro.Pool
	p.Open()
	end(begin(&p, 1000))
	expectCoroutines(t, before, 64)
	p.Close()
	expectCoroutines(t, before, 0)
}

func TestClosedPoolKeepsNothing(t *testing.T) {
	before := coroutines()
	var zero, closed coro.Pool
	closed.Open()
	closed.Close()
	for _, p := range []*coro.Pool{nil, &zero, &closed} {
		runOn(p)
	}
	expectCoroutines(t, before, 0)
}

// A Task that ends in another session than that in which its coroutine started may end on
// another goroutine, whose coroutine it is not.
func TestPoolForgetsCoroutinesOfEarlierSessions(t *testing.T) {
	before := coroutines()
	var p coro.Pool
	p.Open()
	waiting := begin(&p, 1)
	p.Close()
	between := begin(&p, 1)
	done := make(chan bool)
	go func() {
		defer close(done)
		p.Open()
		end(waiting)
		end(between)
		expectCoroutines(t, before, 0)
		here := coro.Goroutine()
		coro.New(&p, func(*coro.Task) {
			if !coro.RunsOn(here) {
				t.Error("the coroutine is another goroutine's")
			}
		}).Resume()
		p.Close()
	}()
	<-done
}

// Trim ends what was not needed since the last one.
func TestPoolTrim(t *testing.T) {
	before := coroutines()
	var p coro.Pool
	p.Open()
	defer p.Close()
	end(begin(&p, 10))
	p.Trim() // all were needed
	expectCoroutines(t, before, 10)
	end(begin(&p, 4))
	p.Trim()
	expectCoroutines(t, before, 4)
	end(begin(&p, 1))
	end(begin(&p, 2))
	p.Trim()
	expectCoroutines(t, before, 2)
	p.Trim()
	expectCoroutines(t, before, 0)
}

// A coroutine whose function has panicked or exited is not used again.
func TestPoolDropsWhatPanickedOrExited(t *testing.T) {
	before := coroutines()
	var p coro.Pool
	p.Open()
	defer p.Close()
	var numbers []uint64
	for name, f := range map[string]func(){
		"panic":  func() { panic("oh") },
		"Goexit": runtime.Goexit,
	} {
		number := runOn(&p)
		task := coro.New(&p, func(*coro.Task) {
			if now := coro.Goroutine(); now != number {
				t.Errorf("%s: goroutine %d, want %d", name, now, number)
			}
			f()
		})
		func() {
			defer func() {
				if v := recover(); (v != nil) != (name == "panic") {
					t.Errorf("%s: recovered %v", name, v)
				}
			}()
			if task.Resume() {
				t.Errorf("%s: the task waits", name)
			}
		}()
		if task.Resume() || task.Exited() != (name == "Goexit") {
			t.Errorf("%s: exited: %v", name, task.Exited())
		}
		numbers = append(numbers, number)
		if next := runOn(&p); slices.Contains(numbers, next) {
			t.Errorf("%s: the coroutine was used again", name)
		}
	}
	for coroutines() > before+1 { // that of Goexit ends soon
		runtime.Gosched()
	}
}

// A Task that has ended does not touch the one that runs on its coroutine.
func TestEndedTaskLeavesTheNextAlone(t *testing.T) {
	var p coro.Pool
	p.Open()
	defer p.Close()
	old := begin(&p, 1)[0]
	old.Resume()
	next := begin(&p, 1)[0]
	old.Stop()
	if old.Resume() {
		t.Error("the old task waits")
	}
	ended := false
	task := coro.New(&p, func(t *coro.Task) { ended = !t.Wait() })
	task.Resume()
	next.Stop()
	if ended {
		t.Error("another task was stopped")
	}
	task.Stop()
	if !ended {
		t.Error("not stopped")
	}
}

// Code in the coroutine of a Task may start another Task.
func TestPoolInACoroutine(t *testing.T) {
	before := coroutines()
	var p coro.Pool
	p.Open()
	inner := uint64(0)
	coro.New(&p, func(*coro.Task) { inner = runOn(&p) }).Resume()
	expectCoroutines(t, before, 2)
	if again := runOn(&p); again == inner {
		t.Error("the outer coroutine ended last")
	}
	p.Close()
	expectCoroutines(t, before, 0)
}

func benchmarkTask(b *testing.B, p *coro.Pool) {
	b.ReportAllocs()
	for b.Loop() {
		coro.New(p, func(t *coro.Task) {}).Resume()
	}
}

func BenchmarkNewCoroutine(b *testing.B) { benchmarkTask(b, nil) }

func BenchmarkUsedCoroutine(b *testing.B) {
	var p coro.Pool
	p.Open()
	defer p.Close()
	benchmarkTask(b, &p)
}
