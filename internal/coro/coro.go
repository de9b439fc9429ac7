// Package coro runs code that blocks on the goroutine of a loop, which must not
// block. The code runs as a coroutine: where it would block, it yields to the loop,
// which resumes it when there is something to do.
//
// A coroutine and its loop never run at the same time, so the order of execution is
// fixed. Resuming and yielding take about 100 ns together.
package coro

import "iter"

// A Task is a coroutine.
type Task struct {
	next  func() (struct{}, bool)
	stop  func()
	yield func(struct{}) bool
}

// New returns a Task that runs f. The first Resume starts it. To free its memory,
// resume a Task until f has returned, or stop it.
func New(f func(t *Task)) *Task {
	t := &Task{}
	t.next, t.stop = iter.Pull(func(yield func(struct{}) bool) {
		t.yield = yield
		f(t)
	})
	return t
}

// Resume runs the function until it waits or returns, and reports whether it waits.
// A panic of the function continues in the caller. The function itself must not call
// Resume.
func (t *Task) Resume() (waits bool) {
	_, waits = t.next()
	return waits
}

// Wait yields to the caller of Resume until the next Resume. It returns false after
// Stop: the function must then return, and another Wait panics. Only the function
// may call Wait.
func (t *Task) Wait() bool { return t.yield(struct{}{}) }

// Stop makes Wait return false and waits until the function has returned. A function
// that has not started is never called. Stopping a Task again does nothing.
func (t *Task) Stop() { t.stop() }
