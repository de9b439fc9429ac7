package deferred

import (
	"container/list"
	"errors"
)

var (
	// ErrQueueOverflow is the error of [DeferredQueue.Put] to a full queue. It is
	// Twisted's QueueOverflow.
	ErrQueueOverflow = errors.New("deferred: queue overflow")
	// ErrQueueUnderflow is the error of [DeferredQueue.Get] when too many wait
	// already. It is Twisted's QueueUnderflow.
	ErrQueueUnderflow = errors.New("deferred: queue underflow")
)

// Unlimited is the size or backlog of a [DeferredQueue] without a limit.
const Unlimited = -1

// A DeferredQueue passes values from those who put to those who get, each in
// the order they came. It is Twisted's DeferredQueue.
type DeferredQueue[T any] struct {
	size, backlog int
	values        []T       // put and not got
	waiting       list.List // of *Deferred[T], got and not put
}

// NewDeferredQueue returns an empty queue. size is how many values may lie in
// it, backlog how many Deferreds may wait for one; either may be zero, or
// [Unlimited].
func NewDeferredQueue[T any](size, backlog int) *DeferredQueue[T] {
	return &DeferredQueue[T]{size: size, backlog: backlog}
}

// Put gives value to the first who waits for one, or else puts it into the
// queue. Its error is [ErrQueueOverflow], when the queue is full.
func (q *DeferredQueue[T]) Put(value T) error {
	if d := dequeue[T](&q.waiting); d != nil {
		d.Callback(value)
		return nil
	}
	if q.size >= 0 && len(q.values) >= q.size {
		return ErrQueueOverflow
	}
	q.values = append(q.values, value)
	return nil
}

// Get returns a Deferred for the next value. It fails at once with
// [ErrQueueUnderflow] if as many wait already as may. Cancelling it leaves the
// queue.
func (q *DeferredQueue[T]) Get() *Deferred[T] {
	if len(q.values) != 0 {
		var zero T
		value := q.values[0]
		q.values[0] = zero
		if q.values = q.values[1:]; len(q.values) == 0 {
			q.values = nil
		}
		return Succeed(value)
	}
	if q.backlog >= 0 && q.waiting.Len() >= q.backlog {
		return Fail[T](ErrQueueUnderflow)
	}
	return enqueue[T](&q.waiting)
}

// Len returns how many values lie in the queue.
func (q *DeferredQueue[T]) Len() int { return len(q.values) }
