package deferred

import (
	"container/list"
	"errors"
)

var (
	// ErrQueueOverflow is the error of [DeferredQueue.Put] to a full queue.
	ErrQueueOverflow = errors.New("deferred: queue overflow")
	// ErrQueueUnderflow is the error of [DeferredQueue.Get] when the backlog is full.
	ErrQueueUnderflow = errors.New("deferred: queue underflow")
)

// A DeferredQueue passes values from Put to Get, each in order. It is Twisted's
// DeferredQueue.
type DeferredQueue[T any] struct {
	config  QueueConfig
	values  []T     // queued values
	waiters waiters // from Get, without a value yet
}

// A QueueConfig sets the limits of a [DeferredQueue].
type QueueConfig struct {
	// Size is the maximum number of queued values. Zero: no limit. Negative: no
	// values, so that Put needs a waiting Get.
	Size int
	// Backlog is the maximum number of Deferreds that wait for a value. Zero: no
	// limit. Negative: no Deferreds, so that Get needs a queued value.
	Backlog int
}

// NewDeferredQueue returns an empty queue.
func NewDeferredQueue[T any](config QueueConfig) *DeferredQueue[T] {
	return &DeferredQueue[T]{config: config}
}

// waiters are the Deferreds that wait for a value of a queue.
type waiters struct {
	terminus
	queue list.List // of *Deferred[T]
}

// Put fires with value the Deferred that has waited longest. If none waits, Put queues
// the value, or returns [ErrQueueOverflow] if the queue is full.
func (q *DeferredQueue[T]) Put(value T) error {
	if d := dequeue[T](&q.waiters.queue); d != nil {
		d.Callback(value)
		return nil
	}
	if full(len(q.values), q.config.Size) {
		return ErrQueueOverflow
	}
	q.values = append(q.values, value)
	return nil
}

// Get returns a Deferred for the next value. It fails with [ErrQueueUnderflow] if it
// would wait and the backlog is full. Cancelling it removes it from the backlog.
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
	if full(q.waiters.queue.Len(), q.config.Backlog) {
		return Fail[T](ErrQueueUnderflow)
	}
	return enqueue[T](&q.waiters.queue, &q.waiters)
}

// Len returns the number of queued values.
func (q *DeferredQueue[T]) Len() int { return len(q.values) }

// full reports whether n reaches a limit of [QueueConfig].
func full(n, limit int) bool { return limit != 0 && n >= limit }
