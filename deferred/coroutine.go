package deferred

import (
	"iter"
	"runtime"
)

// This file holds the direct style: a function that waits where it stands.
//
// A coroutine is three objects, apart so that one that nothing can resume is
// found out (see abandoned.go). Co is what the function has in hand; it lives as
// long as the function. coroutine and, around it, started are what can resume
// it and where its result goes; they are held by the Deferred it stands at and
// by whoever has the result, and by Co only while the function is running.

// A Co is a running coroutine, as its own function sees it. It is for that
// function and what it calls: it must not be given to another coroutine, to a
// handler or to a goroutine.
type Co struct {
	yield     func(None) bool
	stop      func()
	self      *coroutine // nil while the function waits
	from      any        // the Deferred that resumed the function
	made      stack      // if debugging was on
	abandoned bool
}

// coroutine is what can resume a function that waits. It is a runner, so that
// resuming takes a turn of run and no stack.
type coroutine struct {
	co      *Co
	next    func() (None, bool)
	outcome outcome
	below   runner
	cleanup runtime.Cleanup
	watched bool // cleanup is set
}

// outcome is the part of a coroutine that has its result's type.
type outcome interface {
	// dependOn makes the result depend on what the function waits for, which is
	// nil while it runs.
	dependOn(d dependency)
	// cancelNext reports, once, whether the next wait is to be cancelled.
	cancelNext() bool
	// dependedOnBy reports whether d is the result or depends on it.
	dependedOnBy(d dependency) bool
	// finish fires the result.
	finish() runner
}

// started is a coroutine with its result.
type started[T any] struct {
	coroutine
	result Deferred[T]
	value  T
	err    error
}

// Go runs f as a coroutine, at once and as far as its first [Await] that has to
// wait, and returns a Deferred for what f returns. f goes on, on the reactor's
// goroutine, as what it awaits gets its result: nothing ever runs beside it. It
// follows Twisted's inlineCallbacks.
//
// Cancelling the Deferred cancels what f stands at. Await then returns that
// one's error, by rule ErrCancelled, and f decides what to do with it; if f is
// running, it is the next Await that has to wait that is cancelled. A panic in f
// becomes a [*PanicError]. What becomes of a coroutine that nothing can resume
// is said at [SetUnwinder].
//
// Starting a coroutine takes a microsecond or two and 2 KB or more of stack.
func Go[T any](f func(co *Co) (T, error)) *Deferred[T] {
	notNil(f != nil, "Go")
	co := new(Co)
	s := &started[T]{}
	if debugging.Load() {
		co.made = callers()
		s.result.debugMade()
	}
	s.result.flags = coroutined
	s.co, s.outcome = co, s
	// What runs inside must not refer to s: it would keep s alive while it waits.
	s.next, co.stop = iter.Pull(func(yield func(None) bool) {
		co.yield = yield
		defer co.end()
		value, err := protect(func() (T, error) { return f(co) })
		if co.abandoned {
			co.unwound(err)
		} else {
			s := co.self.outcome.(*started[T])
			s.value, s.err = value, err
		}
	})
	run(&s.coroutine)
	return &s.result
}

// Await returns d's result, and if there is none yet makes the coroutine wait
// for it. The error is then the coroutine's to deal with: d counts as handled.
//
// Waiting allocates nothing and takes about as long as firing a Deferred with a
// callback; Await of a Deferred that has its result takes a few nanoseconds.
//
// It panics if co is not running, if d is nil and if d waits on co's own result.
func Await[T any](co *Co, d *Deferred[T]) (T, error) {
	if d == nil {
		panic("deferred: Await of a nil Deferred")
	}
	if !d.ready() && standAt(co, d) {
		return waited[T](co)
	}
	return d.take()
}

// standAt has co resumed by d, unless cancelling co gives d a result at once.
func standAt[T any](co *Co, d *Deferred[T]) bool {
	c := co.self
	switch {
	case co.abandoned:
		panic(unwinding{})
	case c == nil:
		panic("deferred: Await by a coroutine that is not running")
	case c.outcome.dependedOnBy(d):
		panic("deferred: Await of a Deferred that waits on the coroutine itself")
	}
	if c.outcome.cancelNext() {
		if d.Cancel(); d.ready() {
			return false
		}
	}
	c.watch()
	c.outcome.dependOn(d)
	co.self = nil
	d.flags |= chained
	d.push((*awaits[T])(c))
	return true
}

// waited waits. No Deferred and nothing of the coroutine but co may be in a
// variable of it.
func waited[T any](co *Co) (value T, err error) {
	if !co.yield(None{}) {
		return value, ErrAbandoned
	}
	d := co.from.(*Deferred[T])
	co.from = nil
	return d.take()
}

// awaits is the link that resumes a coroutine.
type awaits[T any] coroutine

func (a *awaits[T]) run(d *Deferred[T]) runner {
	c := (*coroutine)(a)
	c.co.from = d
	c.outcome.dependOn(nil)
	return c
}

// runLinks runs the function as far as its next wait, or its end.
func (c *coroutine) runLinks() runner {
	if c.next == nil {
		return nil // back from running the result's handlers
	}
	c.co.self = c
	if _, waits := c.next(); waits {
		return nil
	}
	c.next = nil
	return c.outcome.finish()
}

func (c *coroutine) under() *runner { return &c.below }

func (s *started[T]) dependOn(d dependency) { s.result.source = d }

func (s *started[T]) cancelNext() bool {
	due := s.result.flags&cancelNext != 0
	s.result.flags &^= cancelNext
	return due
}

func (s *started[T]) dependedOnBy(d dependency) bool {
	return d == dependency(&s.result) || s.result.flags&chained != 0 && dependsOn(d, &s.result)
}

func (s *started[T]) finish() runner {
	if s.result.flags&called != 0 {
		// Somebody fired it, though it was not theirs to fire.
		report(Unhandled{Err: alreadyCalled(s.result.debug(), "the end of its coroutine")})
		return nil
	}
	return s.result.settle(s.value, s.err)
}
