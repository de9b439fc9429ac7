// Package coro runs code that blocks on the goroutine of a loop, which must not
// block. The code runs as a coroutine: where it would block, it yields to the loop,
// which resumes it when there is something to do.
//
// A coroutine and its loop never run at the same time, so the order of execution is
// fixed. Resuming and yielding take about 100 ns together. A coroutine is used again for
// another function; see [Pool].
package coro

import (
	"bytes"
	"errors"
	"runtime"
)

// A Task is a function that runs as a coroutine.
type Task struct {
	f       func(t *Task)
	pool    *Pool
	on      *coroutine // runs f; nil before the first Resume, and after f has returned
	stopped bool
	ended   bool // f has ended, or never runs
	exited  bool
}

// ErrExited says that the function of a Task called runtime.Goexit.
var ErrExited = errors.New("the function called runtime.Goexit")

// New returns a Task that runs f, on a coroutine of p, which may be nil. The first Resume
// starts it. To free its memory, resume a Task until f has returned, or stop it.
func New(p *Pool, f func(t *Task)) *Task {
	t := new(Task)
	t.Init(p, f)
	return t
}

// Init initializes the zero Task as New does, for a Task that is a part of another struct.
func (t *Task) Init(p *Pool, f func(t *Task)) { t.pool, t.f = p, f }

// Resume runs the function until it waits or returns, and reports whether it waits.
// A panic of the function continues in the caller. The function itself must not call
// Resume.
//
// If the function calls runtime.Goexit, its deferred functions run, and Resume returns
// false. The goroutine of the caller does not exit: code that runs in a Task was written
// for a goroutine of its own, so it may end only that.
func (t *Task) Resume() (waits bool) {
	if t.ended {
		return false
	}
	if t.on == nil {
		if t.on = t.pool.take(); t.on == nil {
			t.on = t.pool.start()
		}
		t.on.task = t
	}
	t.on.next()
	if t.exited {
		t.free()
	}
	return !t.ended
}

// free ends the goroutine of a function that has exited. iter.Pull passes the exit on to
// whoever calls next, which therefore needs a goroutine of its own. No code of the
// function is left to run on it. A thread-locked coroutine cannot move there, so its
// goroutine stays.
func (t *Task) free() {
	var buffer [64]byte
	header, _, _ := bytes.Cut(buffer[:runtime.Stack(buffer[:], false)], []byte("\n"))
	if !bytes.Contains(header, []byte("locked to thread")) {
		go t.on.next()
	}
}

// Exited reports whether the function has called runtime.Goexit.
func (t *Task) Exited() bool { return t.exited }

// Wait yields to the caller of Resume until the next Resume. It returns false after
// Stop, at once if it is called again: the function must then return. Only the function
// may call Wait.
func (t *Task) Wait() bool {
	if !t.stopped {
		t.on.yield(struct{}{})
	}
	return !t.stopped
}

// Stop makes Wait return false and waits until the function has returned. A function
// that has not started is never called. Stopping a Task again does nothing.
func (t *Task) Stop() {
	switch {
	case t.stopped:
		return
	case t.on == nil: // not started, or ended
		t.ended = true
	}
	t.stopped = true
	t.Resume()
}
