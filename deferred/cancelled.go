package deferred

import (
	"errors"
	"fmt"

	"github.com/seed-7c003b53/gotreq/internal/coro"
)

// This file ends coroutines that are cancelled. Cancelling is level-triggered, as in
// Python's trio: it is a state of the coroutine, not an error that the function gets once
// and may take for any other.

// maxFailures is the number of errors of Deferreds that had failed before, with which a
// function that has to end may go on. It is so large that no function meets it that collects
// the errors of others, and so small that a loop without end takes some milliseconds.
const maxFailures = 100_000

// errUnwound is the error of a coroutine that was unwound.
var errUnwound = fmt.Errorf("%w: the coroutine did not end by itself and was unwound", ErrCancelled)

// errLeft is reported for a coroutine that cannot be ended in order.
var errLeft = fmt.Errorf("%w: the coroutine recovers from being unwound; its goroutine is never freed", ErrCancelled)

// unwinding is the panic value of an Await that unwinds its coroutine.
type unwinding struct{ err error }

func (u unwinding) Error() string { return u.err.Error() }
func (u unwinding) Unwrap() error { return u.err }

// unwound returns the error of a coroutine whose function ended with err.
func unwound(err error) error {
	if p, ok := err.(*PanicError); ok {
		if u, ok := p.Value.(unwinding); ok {
			return u.err
		}
	}
	return err
}

// Cancelled reports whether the coroutine is cancelled: whether each Await that would have
// to wait returns at once, unless it stands in a [Shield].
func (co *Co) Cancelled() bool {
	c := co.coroutine
	return co.abandoned || c != nil && c.result.cancelled()
}

// Shield calls f and returns its result. In f, [Await] waits even if the coroutine is
// cancelled, before or during the call, and what it awaits is not cancelled. f is for a
// clean-up that has to wait, such as closing a connection in order. The coroutine ends
// only after f, so f should bound its waits with [Deferred.AddTimeout]. It is trio's
// CancelScope with shield=True.
func Shield[T any](co *Co, f func() (T, error)) (T, error) {
	if co == nil {
		panic("deferred: Shield outside of deferred.Go")
	}
	notNil(f != nil, "Shield")
	co.addShield(1)
	defer co.addShield(-1)
	return f()
}

func (co *Co) addShield(n int32) {
	co.shields += n
	if c := co.coroutine; c != nil {
		c.result.shield(co.shields != 0)
	}
}

// refuse cancels d, which the cancelled coroutine would have to wait for. It unwinds the
// function if that has gone on for too long.
func refuse[T any](co *Co, d *Deferred[T]) {
	unwinds := co.refused.Next()
	co.coroutine.result.refused()
	d.Cancel()
	switch {
	case !d.ready():
		d.push(observer[T](dropCancelled[T]))
	case unwinds != coro.NotYet:
		dropCancelled(d)
	}
	co.unwindBy(unwinds)
}

// noteFailure counts an error of a Deferred that had failed before. A function that has to
// end, because its coroutine is cancelled or abandoned, is unwound if it tries again for
// ever what fails at once.
func (co *Co) noteFailure() {
	c := co.coroutine
	if !co.abandoned && (c == nil || co.shields != 0 || !c.result.cancelled()) {
		return
	}
	switch co.failures++; {
	case co.failures <= maxFailures:
	case co.abandoned:
		panic(unwinding{ErrAbandoned})
	default:
		co.unwindBy(co.refused.Next())
	}
}

// unwindBy unwinds the function of a cancelled coroutine, in the given way.
func (co *Co) unwindBy(way coro.Unwinding) {
	co.exiting = way == coro.ByGoexit
	way.Do(unwinding{errUnwound})
}

// dropCancelled handles the error of a Deferred that was cancelled and that no coroutine
// waits for any more.
func dropCancelled[T any](d *Deferred[T]) runner {
	if errors.Is(d.err, ErrCancelled) {
		d.take()
	}
	return nil
}

// leave ends the coroutine while runtime.Goexit unwinds its function, after the function's
// own deferred calls. It does not return: iter.Pull would pass the Goexit on to the
// reactor's goroutine.
func (co *Co) leave() {
	reportNow(Unhandled{Err: errLeft, Made: co.made.String()})
	co.coroutine.left = true
	co.end()
	co.yield(None{})
}

func (d *Deferred[T]) cancelCoroutine() (shielded bool) {
	d.flags |= coCancelled
	return d.flags&coShielded != 0
}

func (d *Deferred[T]) interrupt() { d.upstream().interruptAwaiter(d) }

func (d *Deferred[T]) interruptAwaiter(result dependency) {
	links := [2][]link[T]{d.inline[d.head:d.tail]}
	if d.extra != nil {
		links[1] = d.extra.overflow
	}
	for _, part := range links {
		for i, l := range part {
			if a, ok := l.(*awaiter[T]); ok && a.result.is(result) {
				part[i] = observer[T](dropCancelled[T])
				a.result.await(nil)
				run((*coroutine)(a))
				return
			}
		}
	}
}
