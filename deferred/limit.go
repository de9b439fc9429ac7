package deferred

import "container/list"

// This file holds what bounds how many do something at a time.

// A Limiter is a [DeferredLock] or a [DeferredSemaphore].
type Limiter interface {
	// Acquire returns a Deferred that fires when the caller may go on; the caller
	// then owes a Release. Cancelling it before that leaves the queue.
	Acquire() *Deferred[None]
	// Release lets the next one go on.
	Release()

	release() runner
}

// Run acquires l, calls f, and releases l once f's Deferred has a result, which
// it passes on. It is the run method of Twisted's DeferredLock and
// DeferredSemaphore. A panic in f becomes a [*PanicError]. Cancelling the result
// leaves the queue or, once f has been called, cancels f's Deferred.
//
// A coroutine awaits l.Acquire() and defers l.Release() instead.
func Run[T any](l Limiter, f func() *Deferred[T]) *Deferred[T] {
	notNil(f != nil, "Run")
	j := &job[T]{limiter: l, f: f}
	addTyped(l.Acquire(), &j.Deferred, j)
	return &j.Deferred
}

// job is the link that runs a function while it holds a limiter.
type job[T any] struct {
	Deferred[T]
	limiter Limiter
	f       func() *Deferred[T]
}

func (j *job[T]) run(d *Deferred[None]) runner {
	if _, err := d.take(); err != nil {
		var zero T
		return j.offer(zero, err)
	}
	if j.Called() {
		return j.limiter.release()
	}
	inner := MaybeDeferred(j.f)
	if j.loops(inner) {
		inner = Fail[T](NewPanicError("deferred: the function given to Run returned a Deferred that waits on Run's own"))
	}
	if inner.ready() {
		return j.done(inner)
	}
	j.source = inner
	inner.flags |= chained
	inner.push(observer[T](j.done))
	return nil
}

// done releases the limiter and passes the result on. The next in the queue goes
// first, by way of run and not by a call, so that a queue of any length of jobs
// that end at once takes no stack.
func (j *job[T]) done(inner *Deferred[T]) runner {
	value, err := inner.take()
	return stacked(j.limiter.release(), j.offer(value, err))
}

// A DeferredLock lets one at a time go on, in the order they came. It is
// Twisted's DeferredLock. Its zero value is unlocked.
type DeferredLock struct{ limit limit }

// Acquire returns a Deferred that fires when the caller has the lock. Cancelling
// it before that leaves the queue.
func (l *DeferredLock) Acquire() *Deferred[None] { return l.limit.acquire(1) }

// Release gives the lock to the next in the queue. It panics if nobody has it.
func (l *DeferredLock) Release() { release(l) }

func (l *DeferredLock) release() runner { return l.limit.release("DeferredLock") }

// Locked reports whether somebody has the lock.
func (l *DeferredLock) Locked() bool { return l.limit.taken != 0 }

// A DeferredSemaphore lets a number at a time go on, in the order they came. It
// is Twisted's DeferredSemaphore.
type DeferredSemaphore struct {
	limit  limit
	tokens int
}

// NewDeferredSemaphore returns a semaphore that lets tokens at a time go on. It
// panics if that is less than one.
func NewDeferredSemaphore(tokens int) *DeferredSemaphore {
	if tokens < 1 {
		panic("deferred: NewDeferredSemaphore with less than one token")
	}
	return &DeferredSemaphore{tokens: tokens}
}

// Acquire returns a Deferred that fires when the caller has a token. Cancelling
// it before that leaves the queue.
func (s *DeferredSemaphore) Acquire() *Deferred[None] { return s.limit.acquire(s.tokens) }

// Release gives a token to the next in the queue. It panics if none is taken.
func (s *DeferredSemaphore) Release() { release(s) }

func (s *DeferredSemaphore) release() runner { return s.limit.release("DeferredSemaphore") }

// Limit returns how many tokens there are.
func (s *DeferredSemaphore) Limit() int { return s.tokens }

// Tokens returns how many tokens are free.
func (s *DeferredSemaphore) Tokens() int { return s.tokens - s.limit.taken }

func release(l Limiter) {
	if next := l.release(); next != nil {
		run(next)
	}
}

// limit is how many have gone on, and the queue of those that have not.
type limit struct {
	taken   int
	waiting list.List // of *Deferred[None]
}

func (l *limit) acquire(most int) *Deferred[None] {
	if l.taken < most {
		l.taken++
		return Succeed(None{})
	}
	return enqueue[None](&l.waiting)
}

// release returns the next in the queue if it is due by this.
func (l *limit) release(what string) runner {
	if l.taken == 0 {
		panic("deferred: Release of a " + what + " that nobody has")
	}
	if next := dequeue[None](&l.waiting); next != nil {
		return next.settle(None{}, nil)
	}
	l.taken--
	return nil
}

// enqueue appends a Deferred to a queue, which it leaves if it is cancelled.
func enqueue[T any](queue *list.List) *Deferred[T] {
	var place *list.Element
	d := NewCancellable(func(*Deferred[T]) { queue.Remove(place) })
	place = queue.PushBack(d)
	return d
}

// dequeue removes the first Deferred that nobody has fired, or returns nil.
func dequeue[T any](queue *list.List) *Deferred[T] {
	for queue.Len() != 0 {
		if d := queue.Remove(queue.Front()).(*Deferred[T]); !d.Called() {
			return d
		}
	}
	return nil
}
