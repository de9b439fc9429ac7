// Package coro runs code that blocks as a part of a loop that must not: the code
// runs as a coroutine of the loop's goroutine, and where it would block it goes
// back to the loop, which lets it go on when there is something to go on with.
//
// There and back takes about 100 ns. Nothing runs at the same time as the loop,
// and the order of things is the same every time.
package coro

import "iter"

// A Task is a function that can wait.
type Task struct {
	next  func() (struct{}, bool)
	stop  func()
	yield func(struct{}) bool
}

// New returns a Task of f, which the first Resume starts. A Task that is not
// resumed until it is done must be stopped, or it is never freed.
func New(f func(t *Task)) *Task {
	t := &Task{}
	t.next, t.stop = iter.Pull(func(yield func(struct{}) bool) {
		t.yield = yield
		f(t)
	})
	return t
}

// Resume runs the function until it waits or returns, and reports whether it
// waits. The function must not call it. A panic of the function goes on in the
// caller.
func (t *Task) Resume() (waits bool) {
	_, waits = t.next()
	return waits
}

// Wait goes back to whoever called Resume, until the next Resume. It returns
// false if there will be none: the function is then to return, and a further
// Wait panics. Only the function may call it.
func (t *Task) Wait() bool { return t.yield(struct{}{}) }

// Stop has Wait return false, if the function waits, and returns when the
// function has. Done or stopped already, it does nothing.
func (t *Task) Stop() { t.stop() }
