package deferred

import (
	"iter"
	"reflect"
	"runtime"

	"github.com/seed-7c003b53/gotreq/internal/coro"
)

// This file holds the direct style. A coroutine is split into three objects so that
// an unreachable one can be detected (see abandoned.go):
//
//   - Co is the function's own view of its coroutine. The stack of the function
//     refers to it, and the Go runtime keeps that stack forever.
//   - coroutine resumes the function. Co refers to it only while the function runs.
//     While the function waits, the awaited Deferred refers to it.
//   - typedCoroutine is a coroutine with the Deferred that Go returns. The type
//     coroutine does not depend on the Deferred's type.

// A Co is a running coroutine, as its function sees it. Only that function and the
// functions that it calls may use the Co: no other coroutine, handler or goroutine.
type Co struct {
	yield     func(None) bool
	stop      func()
	coroutine *coroutine    // nil while the function waits
	resumedBy any           // the awaited Deferred, when it resumes the function; nil: interrupted
	made      stack         // where Go was called, if debugging was on
	shields   int32         // calls of Shield that have not returned
	refused   coro.Refusals // Awaits that returned at once, because the coroutine is cancelled
	failures  int32         // other Awaits that returned an error at once, when the function has to end
	exiting   bool          // runtime.Goexit unwinds the function
	abandoned bool
	probe     *stack // when it is not nil, the function is resumed only to tell where it waits
}

// coroutine resumes the function. It is a runner, so that a chain of coroutines that
// resume each other takes constant stack.
type coroutine struct {
	co      *Co
	next    func() (None, bool) // nil after the function has ended
	result  coroutineResult
	cleanup runtime.Cleanup
	watched bool // cleanup is set
	left    bool // the function is suspended and will never be resumed
}

// coroutineResult is a typedCoroutine, as its coroutine sees it.
type coroutineResult interface {
	// await makes the result depend on d, or on nothing while the function runs.
	await(d dependency)
	// cancelled reports whether the coroutine is cancelled.
	cancelled() bool
	// shield says whether the coroutine is in a Shield.
	shield(on bool)
	// deferred returns the Deferred that Go returned.
	deferred() dependency
	// is reports whether d is the result.
	is(d dependency) bool
	// dependencyOf reports whether d is the result or depends on it.
	dependencyOf(d dependency) bool
	// refused notes that an Await was refused, because the coroutine is cancelled.
	refused()
	// finish fires the result.
	finish() runner
}

type typedCoroutine[T any] struct {
	coroutine
	d     Deferred[T] // the one that Go returned
	value T
	err   error
}

// Go starts f as a coroutine and returns a Deferred for f's result. f runs at once,
// until its first [Await] that has to wait, and continues whenever an awaited
// Deferred gets its result. It always runs on the reactor's goroutine. Go follows
// Twisted's inlineCallbacks.
//
// Cancelling the Deferred cancels the coroutine, for good. The Deferred that f awaits is
// cancelled, and Await returns its error, normally [ErrCancelled]. From then on, each
// Await that would have to wait cancels its Deferred and returns at once, and
// [Co.Cancelled] returns true. f is expected to return. If it does not, it is unwound: the
// sixth Await that cancels its Deferred panics, which runs f's deferred functions, and the
// Deferred fails with ErrCancelled. An Await of a Deferred that has failed before counts only
// from the 100,001st on. Work that has to wait even so, such as a clean-up, stands in a
// [Shield].
//
// A panic in f becomes a [*PanicError]. A call of runtime.Goexit in f, as in the FailNow of
// a test, ends the reactor's goroutine, as it does in a handler. [SetUnwinder] explains
// what happens to a coroutine that nothing can resume.
//
// Starting a coroutine takes a microsecond or two, and at least 2 KB of stack.
func Go[T any](f func(co *Co) (T, error)) *Deferred[T] {
	notNil(f != nil, "Go")
	co := new(Co)
	c := &typedCoroutine[T]{}
	c.d.flags = ofCoroutine
	if watching.Load() != 0 {
		c.d.made()
		c.d.noteFunction(reflect.ValueOf(f).Pointer())
		if Debugging() {
			co.made = callers()
		}
	}
	c.co, c.result = co, c
	// This function must not refer to c, or its stack would keep c reachable.
	c.next, co.stop = iter.Pull(func(yield func(None) bool) {
		coro.NoteCreator()
		co.yield = yield
		defer co.end()
		defer func() {
			if co.exiting {
				co.coroutine.result.(*typedCoroutine[T]).err = errUnwound
				co.leave()
			}
		}()
		value, err := protect(func() (T, error) { return f(co) })
		err = unwound(err)
		if co.abandoned {
			co.reportUnwound(err)
		} else {
			c := co.coroutine.result.(*typedCoroutine[T])
			c.value, c.err = value, err
		}
	})
	run(&c.coroutine)
	return &c.d
}

// Await returns d's result. If d has none yet, the coroutine waits. An error of d
// then counts as handled.
//
// Waiting allocates nothing and takes about as long as firing a Deferred that has a
// callback. Await of a Deferred that has a result takes a few nanoseconds.
//
// In a cancelled coroutine, see [Go], an Await that would have to wait cancels d instead,
// and returns its result or [ErrCancelled].
//
// Await panics if co is not running, if d is nil or if d depends on co's own result.
func Await[T any](co *Co, d *Deferred[T]) (value T, err error) {
	switch {
	case co == nil:
		panic("deferred: Await outside of deferred.Go")
	case d == nil:
		panic("deferred: Await of a nil Deferred")
	case d.ready() && d.err != nil:
		return takeFailure(co, d)
	case d.ready():
		return d.take()
	case suspendOn(co, d):
		return suspend[T](co)
	case d.ready():
		return d.take()
	}
	return value, ErrCancelled
}

// takeFailure takes the error of d, which had failed before. It is a function of its own so
// that the frame of Await stays small: short coroutines fit in the 2 KB of a new stack, and
// growing it takes longer than all the rest.
func takeFailure[T any](co *Co, d *Deferred[T]) (value T, err error) {
	value, err = d.take()
	co.noteFailure()
	return value, err
}

// suspendOn arranges for d to resume co. It returns false if it has cancelled d instead.
func suspendOn[T any](co *Co, d *Deferred[T]) bool {
	c := co.coroutine
	switch {
	case co.abandoned:
		panic(unwinding{ErrAbandoned})
	case c == nil:
		panic("deferred: Await by a coroutine that is not running")
	case c.result.dependencyOf(d):
		panic("deferred: Await of a Deferred that waits for the coroutine itself")
	case co.shields == 0 && c.result.cancelled():
		refuse(co, d)
		return false
	}
	c.result.await(d)
	co.coroutine = nil
	d.flags |= dependedOn
	d.push((*awaiter[T])(c))
	return true
}

// suspend yields until co is resumed. Its frame must hold no pointer but co.
func suspend[T any](co *Co) (value T, err error) {
	for {
		if !co.yield(None{}) {
			return value, ErrAbandoned
		}
		if co.probe == nil {
			break
		}
		co.look()
	}
	d, ok := co.resumedBy.(*Deferred[T])
	co.resumedBy = nil
	if !ok {
		return value, ErrCancelled // interrupted
	}
	return d.take()
}

// awaiter is a waiting coroutine, as a link of the Deferred that it awaits. It
// resumes the function.
type awaiter[T any] coroutine

func (a *awaiter[T]) run(d *Deferred[T]) runner {
	c := (*coroutine)(a)
	c.co.resumedBy = d
	c.result.await(nil)
	return c
}

// advance runs the function until it waits or ends, and then fires the result.
func (c *coroutine) advance() runner {
	if c.next == nil {
		return nil // finish has been called
	}
	c.co.coroutine = c
	if _, waits := c.next(); waits && !c.left {
		c.watch()
		return nil
	}
	c.next = nil
	return c.result.finish()
}

func (c *typedCoroutine[T]) deferred() dependency { return &c.d }

func (c *typedCoroutine[T]) await(d dependency) { c.d.source = d }

func (c *typedCoroutine[T]) cancelled() bool { return c.d.flags&coCancelled != 0 }

func (c *typedCoroutine[T]) shield(on bool) {
	c.d.flags &^= coShielded
	if on {
		c.d.flags |= coShielded
	}
}

func (c *typedCoroutine[T]) refused() { c.d.noteCancel() }

func (c *typedCoroutine[T]) is(d dependency) bool { return d == dependency(&c.d) }

func (c *typedCoroutine[T]) dependencyOf(d dependency) bool { return c.d.dependencyOf(d) }

func (c *typedCoroutine[T]) finish() runner {
	if c.d.flags&called != 0 {
		// Other code has fired the result.
		reportNow(Unhandled{Err: alreadyCalled(c.d.debug(), "the end of its coroutine")})
		return nil
	}
	if c.err == errUnwound {
		c.d.flags |= unwoundByForce
	}
	return c.d.settle(c.value, c.err)
}
