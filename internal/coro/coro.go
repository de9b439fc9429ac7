// Package coro runs code that blocks on the goroutine of a loop, which must not
// block. The code runs as a coroutine: where it would block, it yields to the loop,
// which resumes it when there is something to do.
//
// A coroutine and its loop never run at the same time, so the order of execution is
// fixed. Resuming and yielding take about 100 ns together.
package coro

import (
	"bytes"
	"errors"
	"iter"
	"runtime"
)

// A Task is a coroutine.
type Task struct {
	next    func() (struct{}, bool)
	yield   func(struct{}) bool
	stopped bool
	exited  bool
}

// ErrExited says that the function of a Task called runtime.Goexit.
var ErrExited = errors.New("the function called runtime.Goexit")

// New returns a Task that runs f. The first Resume starts it. To free its memory,
// resume a Task until f has returned, or stop it.
func New(f func(t *Task)) *Task {
	t := &Task{}
	t.next, _ = iter.Pull(func(yield func(struct{}) bool) {
		if t.stopped {
			return
		}
		NoteCreator()
		t.yield = yield
		returned := false
		defer func() {
			if returned {
				return
			}
			if v := recover(); v != nil {
				panic(v)
			}
			t.exited = true
			yield(struct{}{})
		}()
		f(t)
		returned = true
	})
	return t
}

// Resume runs the function until it waits or returns, and reports whether it waits.
// A panic of the function continues in the caller. The function itself must not call
// Resume.
//
// If the function calls runtime.Goexit, its deferred functions run, and Resume returns
// false. The goroutine of the caller does not exit: code that runs in a Task was written
// for a goroutine of its own, so it may end only that.
func (t *Task) Resume() (waits bool) {
	if t.exited {
		return false
	}
	_, waits = t.next()
	if t.exited {
		t.free()
		return false
	}
	return waits
}

// free ends the goroutine of a function that has exited. iter.Pull passes the exit on to
// whoever calls next, which therefore needs a goroutine of its own. No code of the
// function is left to run on it. A thread-locked coroutine cannot move there, so its
// goroutine stays.
func (t *Task) free() {
	var buffer [64]byte
	header, _, _ := bytes.Cut(buffer[:runtime.Stack(buffer[:], false)], []byte("\n"))
	if !bytes.Contains(header, []byte("locked to thread")) {
		go t.next()
	}
}

// Exited reports whether the function has called runtime.Goexit.
func (t *Task) Exited() bool { return t.exited }

// Wait yields to the caller of Resume until the next Resume. It returns false after
// Stop, at once if it is called again: the function must then return. Only the function
// may call Wait.
func (t *Task) Wait() bool {
	if !t.stopped {
		t.yield(struct{}{})
	}
	return !t.stopped
}

// Stop makes Wait return false and waits until the function has returned. A function
// that has not started is never called. Stopping a Task again does nothing.
func (t *Task) Stop() {
	if !t.stopped {
		t.stopped = true
		t.Resume()
	}
}
