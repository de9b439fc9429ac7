package deferred

import (
	"cmp"
	"io"
	"slices"
	"sync/atomic"
	"weak"

	"github.com/seed-7c003b53/gotreq/internal/coro"
)

// This file finds the Deferreds of a live program that were made with debugging.

// WritePending writes what waits for what, in trees as those of [Tree], of the Deferreds that the
// calling goroutine has made since [SetDebugging] was turned on. It writes nothing if nothing
// waits. Locks, semaphores and queues appear with what waits for them.
//
// The caller is the goroutine of a reactor, or a coroutine on it. The Deferreds of other
// goroutines are not read: their reactors may be changing them. A program must therefore not
// make a Deferred on one reactor's goroutine and use it on another's.
func WritePending(w io.Writer) {
	t := newTree()
	t.addTops(slices.Values(registered()))
	t.WriteTo(w)
}

// A registration is a Deferred that was made with debugging. It does not keep the Deferred in
// memory. Registrations are a list that several goroutines may add to; none is ever changed.
type registration struct {
	before *registration
	number uint64
	maker  uint64 // the number of the goroutine that made the Deferred, or on which the coroutine ran that did
	weak   interface{ value() dependency }
}

var (
	registrations atomic.Pointer[registration]
	sinceSweep    atomic.Int64 // registrations since the last sweep
	afterSweep    atomic.Int64 // registrations that the last sweep has left
	sweeping      atomic.Bool
)

type weakDeferred[T any] struct{ weak.Pointer[Deferred[T]] }

func (w weakDeferred[T]) value() dependency {
	if d := w.Value(); d != nil {
		return d
	}
	return nil
}

// register adds d, whose number is number.
func register[T any](d *Deferred[T], number uint64) {
	r := &registration{number: number, maker: coro.Base(), weak: weakDeferred[T]{weak.Make(d)}}
	for {
		r.before = registrations.Load()
		if registrations.CompareAndSwap(r.before, r) {
			break
		}
	}
	if sinceSweep.Add(1) > 1000+afterSweep.Load() && sweeping.CompareAndSwap(false, true) {
		sweep()
		sweeping.Store(false)
	}
}

// sweep drops the registrations of Deferreds that have been collected. It copies the others,
// because other goroutines may be reading the list. Those that other goroutines add meanwhile
// stay on top.
func sweep() {
	sinceSweep.Store(0)
	var old, swept *registration // the head when it was read, and the copy of what is left
	left := int64(0)
	for {
		head := registrations.Load()
		var alive []*registration
		for r := head; r != old; r = r.before {
			if r.weak.value() != nil {
				alive = append(alive, r)
			}
		}
		for _, r := range slices.Backward(alive) {
			swept = &registration{before: swept, number: r.number, maker: r.maker, weak: r.weak}
			left++
		}
		if registrations.CompareAndSwap(head, swept) {
			afterSweep.Store(left)
			return
		}
		old = head
	}
}

// registered returns the Deferreds of the calling goroutine that have not been collected, in the
// order in which they were made.
func registered() (ds []dependency) {
	here := coro.Base()
	var mine []*registration
	for r := registrations.Load(); r != nil; r = r.before {
		if r.maker == here {
			mine = append(mine, r)
		}
	}
	slices.SortFunc(mine, func(a, b *registration) int { return cmp.Compare(a.number, b.number) })
	for _, r := range mine {
		if d := r.weak.value(); d != nil {
			ds = append(ds, d)
		}
	}
	return ds
}
