package deferred

import "container/list"

// This file limits concurrency.

// A Limiter is a [DeferredLock] or a [DeferredSemaphore].
type Limiter interface {
	// Acquire returns a Deferred that fires when the caller holds the limiter. The
	// holder must call Release. Cancelling the Deferred removes it from the queue.
	Acquire() *Deferred[None]
	// Release makes the first in the queue a holder. It panics if there is no holder.
	Release()

	release() runner
}

// Run acquires l, calls f, and releases l when f's Deferred has a result. Run's
// Deferred then fires with that result. A panic in f becomes a [*PanicError].
// Cancelling Run's Deferred leaves the queue or, after the call of f, cancels f's
// Deferred. Run is the run method of Twisted's DeferredLock and DeferredSemaphore.
//
// A coroutine awaits l.Acquire() and defers l.Release() instead.
func Run[T any](l Limiter, f func() *Deferred[T]) *Deferred[T] {
	notNil(f != nil, "Run")
	j := &job[T]{limiter: l, f: f}
	addTyped(l.Acquire(), &j.Deferred, j)
	return &j.Deferred
}

// job is the link that Run adds to the Deferred of Acquire.
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
	if j.dependencyOf(inner) {
		inner = Fail[T](NewPanicError("deferred: the function given to Run returned a Deferred that waits for Run's own"))
	}
	if inner.ready() {
		return j.finish(inner)
	}
	j.source = inner
	inner.flags |= dependedOn
	inner.push((*finishing[T])(j))
	return nil
}

// finish releases the limiter and passes on the result. The next job in the queue runs
// first. finish returns that job and does not run it, so that a long queue of jobs
// that finish at once takes constant stack.
func (j *job[T]) finish(inner *Deferred[T]) runner {
	value, err := inner.take()
	return inOrder(j.limiter.release(), j.offer(value, err))
}

// finishing is a job whose function has been called. It is a link of the function's Deferred.
type finishing[T any] job[T]

func (f *finishing[T]) run(inner *Deferred[T]) runner { return (*job[T])(f).finish(inner) }

// A DeferredLock allows one holder at a time, in the order of Acquire. It is
// Twisted's DeferredLock. Its zero value is unlocked.
type DeferredLock struct{ limit limit }

// Acquire returns a Deferred that fires when the caller holds the lock. Cancelling the
// Deferred removes it from the queue.
func (l *DeferredLock) Acquire() *Deferred[None] { return l.limit.acquire() }

// Release passes the lock to the first in the queue. It panics if there is no holder.
func (l *DeferredLock) Release() { release(l) }

func (l *DeferredLock) release() runner { return l.limit.release("DeferredLock") }

// Locked reports whether the lock has a holder.
func (l *DeferredLock) Locked() bool { return l.limit.holders != 0 }

// A DeferredSemaphore allows a fixed number of holders at a time, in the order of
// Acquire. It is Twisted's DeferredSemaphore.
type DeferredSemaphore struct{ limit limit }

// NewDeferredSemaphore returns a semaphore for as many holders as there are tokens.
// It panics if tokens is less than one.
func NewDeferredSemaphore(tokens int) *DeferredSemaphore {
	if tokens < 1 {
		panic("deferred: NewDeferredSemaphore with less than one token")
	}
	return &DeferredSemaphore{limit{tokens: tokens}}
}

// Acquire returns a Deferred that fires when the caller holds a token. Cancelling the
// Deferred removes it from the queue.
func (s *DeferredSemaphore) Acquire() *Deferred[None] { return s.limit.acquire() }

// Release passes a token to the first in the queue. It panics if there is no holder.
func (s *DeferredSemaphore) Release() { release(s) }

func (s *DeferredSemaphore) release() runner { return s.limit.release("DeferredSemaphore") }

// Limit returns the number of tokens.
func (s *DeferredSemaphore) Limit() int { return s.limit.tokens }

// Tokens returns the number of free tokens.
func (s *DeferredSemaphore) Tokens() int { return s.limit.tokens - s.limit.holders }

func release(l Limiter) {
	if next := l.release(); next != nil {
		run(next)
	}
}

// limit counts the holders and queues the Deferreds that wait.
type limit struct {
	terminus
	tokens  int // 0: one, of a DeferredLock
	holders int
	queue   list.List  // of *Deferred[None]
	last    *debugInfo // of the Deferred that became a holder last; nil without debugging
}

func (l *limit) acquire() *Deferred[None] {
	if l.holders < max(1, l.tokens) {
		l.holders++
		d := Succeed(None{})
		l.last = d.debug()
		return d
	}
	return enqueue[None](&l.queue, l)
}

// release makes the first in the queue a holder and returns it for run, if necessary.
func (l *limit) release(typeName string) runner {
	if l.holders == 0 {
		panic("deferred: Release of a " + typeName + " that nobody has")
	}
	if next := dequeue[None](&l.queue); next != nil {
		l.last = next.debug()
		return next.settle(None{}, nil)
	}
	if l.holders--; l.holders == 0 {
		l.last = nil
	}
	return nil
}

// enqueue appends to a queue a Deferred that waits for end. Cancelling the Deferred removes
// it.
func enqueue[T any](queue *list.List, end terminal) *Deferred[T] {
	var place *list.Element
	d := newWait[T](end, func() { queue.Remove(place) })
	place = queue.PushBack(d)
	return d
}

// dequeue removes the first Deferred that has not fired, or returns nil.
func dequeue[T any](queue *list.List) *Deferred[T] {
	for queue.Len() != 0 {
		if d := queue.Remove(queue.Front()).(*Deferred[T]); !d.Called() {
			return d
		}
	}
	return nil
}
