package deferred

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"sync/atomic"
)

// This file counts the Deferreds that a test makes, and says how they stand at its end.

// A Census counts each Deferred that is made while it is open, on any goroutine, and keeps it in
// memory. At the end of a test it says what still waits, and what went wrong without a word.
//
// A Deferred that is a zero value is counted only when another one waits for it.
//
// The methods look at Deferreds, so that no other goroutine may use any meanwhile. They still
// work after Close.
type Census struct {
	made     atomic.Pointer[censusPage]
	panics   atomic.Pointer[noted[*PanicError]]
	ends     atomic.Pointer[noted[Unhandled]] // errors that were reported at once
	returned []*unhandledError                // those that Unhandled has returned
	numbers  map[dependency]uint64            // of what number has looked up
	known    uint64                           // the largest number in numbers
	closed   bool
}

// A censusPage holds Deferreds in the order in which they were made. Several goroutines may add
// to it.
type censusPage struct {
	before *censusPage
	first  uint64 // the number of made[0]
	used   atomic.Uint64
	made   [pageSize]dependency
}

const pageSize = 128

// noted is an entry of a list that several goroutines may add to.
type noted[T any] struct {
	what   T
	before *noted[T]
}

func note[T any](list *atomic.Pointer[noted[T]], what T) {
	n := &noted[T]{what: what}
	for {
		n.before = list.Load()
		if list.CompareAndSwap(n.before, n) {
			return
		}
	}
}

// all returns the entries, the oldest first.
func (n *noted[T]) all() (all []T) {
	for ; n != nil; n = n.before {
		all = append(all, n.what)
	}
	slices.Reverse(all)
	return all
}

var openCensus atomic.Pointer[Census]

// OpenCensus opens a census of the Deferreds of this program. It panics if another one is open,
// so tests that open one cannot run in parallel. A Deferred that is made meanwhile takes two words
// of memory more, and hardly any time.
func OpenCensus() *Census {
	c := new(Census)
	c.made.Store(&censusPage{first: 1})
	if !openCensus.CompareAndSwap(nil, c) {
		panic("deferred: OpenCensus while another Census is open; Close that first")
	}
	watch(censusOpen, true)
	return c
}

// Close ends the census. The package does not report the errors again that Unhandled has
// returned. Closing a Census again does nothing.
func (c *Census) Close() {
	if c.closed {
		return
	}
	c.closed = true
	watch(censusOpen, false)
	openCensus.Store(nil)
	for _, e := range c.returned {
		e.settle()
	}
	c.returned = nil
}

// add counts d and returns its number.
func (c *Census) add(d dependency) uint64 {
	for {
		page := c.made.Load()
		if n := page.used.Add(1) - 1; n < pageSize {
			page.made[n] = d
			return page.first + n
		}
		c.made.CompareAndSwap(page, &censusPage{before: page, first: page.first + pageSize})
	}
}

// all calls f with each Deferred and its number, in the order in which they were made.
func (c *Census) all(f func(number uint64, d dependency)) {
	var pages []*censusPage
	for page := c.made.Load(); page != nil; page = page.before {
		pages = append(pages, page)
	}
	for _, page := range slices.Backward(pages) {
		for n, d := range page.made[:min(page.used.Load(), pageSize)] {
			f(page.first+uint64(n), d)
		}
	}
}

// number returns the number of d. It counts d if d was not counted.
func (c *Census) number(d dependency) uint64 {
	if c.numbers[d] == 0 {
		c.lookUp()
	}
	if c.numbers[d] == 0 {
		c.add(d)
		c.lookUp()
	}
	return c.numbers[d]
}

// lookUp makes numbers complete.
func (c *Census) lookUp() {
	if c.numbers == nil {
		c.numbers = make(map[dependency]uint64)
	}
	c.all(func(number uint64, d dependency) {
		if number > c.known {
			c.numbers[d], c.known = number, number
		}
	})
}

// A Waiting is a Deferred that has no result yet.
type Waiting struct {
	// Number says when the Deferred was made: 1 is the first of the census.
	Number uint64
	// Type is the type and what gives the result: "Deferred[int] of Map with main.parse
	// (main.go:21)".
	Type string
	// Made is where the Deferred was made: "main.main (main.go:21)". It is "" without
	// [SetDebugging].
	Made string
	// Waiters are what waits for the result, in the order in which they get it: "AddCallback
	// with main.show (main.go:22)", "#7 Deferred[string] of the coroutine main.fetch at
	// main.go:34".
	Waiters []string
	// Cause is the root cause, which may be the Deferred itself: "#1 Deferred[int], has not
	// fired".
	Cause string
}

// String returns all of w in one line.
func (w *Waiting) String() string {
	text := fmt.Sprintf("#%d %s", w.Number, w.Type)
	if w.Made != "" {
		text += ", made in " + w.Made
	}
	own, itself := strings.CutPrefix(w.Cause, text)
	switch n := len(w.Waiters); {
	case n == 1:
		text += ", awaited by " + w.Waiters[0]
	case n > 1:
		text += fmt.Sprintf(", awaited by %s and %d more", w.Waiters[0], n-1)
	}
	if itself {
		return text + own
	}
	return text + ", waits for " + w.Cause
}

// Waiting returns the Deferreds for which something waits: a handler, a coroutine or another
// Deferred. They have not fired, are paused, or wait for a Deferred that a handler returned. The
// results of coroutines that have not ended are among them, also if nothing waits for those.
func (c *Census) Waiting() []*Waiting { return c.unfired(true) }

// Unfired returns the other Deferreds that have not fired: those for which nothing waits. Most
// often that is in order: the result was offered, and nobody wanted it.
func (c *Census) Unfired() []*Waiting { return c.unfired(false) }

func (c *Census) unfired(awaited bool) (all []*Waiting) {
	var i inspection
	causes := make(map[dependency]string)
	var found []dependency
	c.all(func(_ uint64, d dependency) {
		if d.inspect(&i); i.stuck() && i.awaited() == awaited && (awaited || i.flags&called == 0) {
			found = append(found, d)
		}
	})
	for _, d := range found {
		all = append(all, c.describe(d, causes))
	}
	return all
}

// describe describes d. causes are the root causes that are known already.
func (c *Census) describe(d dependency, causes map[dependency]string) *Waiting {
	var i, at inspection
	d.inspect(&i)
	w := &Waiting{Number: c.number(d), Made: i.debug.place()}
	if i.source != nil {
		i.source.inspect(&at)
	}
	w.Type = nameOf(d, linkTo(d, at.links))
	for _, l := range i.links {
		name, function := calls(l)
		switch o := ownerOf(l); {
		case !waits(l):
		case o != nil:
			w.Waiters = append(w.Waiters, fmt.Sprintf("#%d %s", c.number(o), nameOf(o, l)))
		case function != "":
			w.Waiters = append(w.Waiters, name+" with "+function)
		default:
			w.Waiters = append(w.Waiters, name)
		}
	}
	end := d
	for causes[end] == "" {
		t := newTree()
		name, state, next, _ := t.describe(end)
		if next == nil {
			causes[end] = fmt.Sprintf("#%d %s, %s", c.number(end), name, state)
			break
		}
		end = next
	}
	w.Cause = causes[end]
	for ; d != end; d = d.upstream() {
		causes[d] = w.Cause
	}
	return w
}

// Unhandled returns the errors that no handler has taken, in the order in which the Deferreds
// were made, and after them the errors with which coroutines ended out of order. It needs no
// garbage collection. After Close, the package does not report these errors again.
func (c *Census) Unhandled() (all []Unhandled) {
	var i inspection
	c.all(func(_ uint64, d dependency) {
		if d.inspect(&i); i.unhandled != nil && i.unhandled.err != nil {
			all = append(all, i.unhandled.unhandled())
			if !c.closed {
				c.returned = append(c.returned, i.unhandled)
			}
		}
	})
	return append(all, c.ends.Load().all()...)
}

// Panics returns the panics that this module has turned into errors or logged, in their order.
// The panic of a Deferred that fires a second time is among them, with an [*AlreadyCalledError].
func (c *Census) Panics() []*PanicError { return c.panics.Load().all() }

// notePanic counts a panic.
func notePanic(e *PanicError) {
	if _, own := e.Value.(unwinding); own {
		return // this package ends a coroutine
	}
	if c := openCensus.Load(); c != nil {
		note(&c.panics, e)
	}
}

// An IgnoredCancel is a cancelled Deferred that has ended with a value all the same.
type IgnoredCancel struct {
	// Deferred is the *Deferred[T].
	Deferred any
	// Number says when the Deferred was made: 1 is the first of the census.
	Number uint64
	// Type is the type, and the function of a coroutine: "Deferred[int] of the coroutine
	// main.fetch (main.go:30)".
	Type string
	// Unwound says that the coroutine has not ended by itself, but was unwound.
	Unwound bool
	// Made and Cancelled are where the Deferred was made and cancelled. They are "" without
	// [SetDebugging].
	Made, Cancelled string
}

// String returns all of e in one line.
func (e *IgnoredCancel) String() string {
	text := fmt.Sprintf("#%d %s", e.Number, e.Type)
	if e.Made != "" {
		text += ", made in " + e.Made
	}
	text += ", was cancelled"
	if e.Cancelled != "" {
		text += " in " + e.Cancelled
	}
	if e.Unwound {
		return text + ", waited again and again, and was unwound"
	}
	return text + " and has ended with a value all the same"
}

// CancelsIgnored returns the Deferreds whose work was cancelled and that have ended with a value
// all the same: the canceller has fired the value, or the function of a coroutine has returned it
// after its Await was cancelled. A coroutine that had to be unwound is among them.
//
// It is in order if a handler turns [ErrCancelled] into a value, if a coroutine ends in a
// [Shield] or without a further Await, and if [DeferredList] returns the results of its members.
func (c *Census) CancelsIgnored() (all []*IgnoredCancel) {
	var i inspection
	c.all(func(number uint64, d dependency) {
		d.inspect(&i)
		if i.flags&(cancelIgnored|unwoundByForce) == 0 {
			return
		}
		e := &IgnoredCancel{Deferred: d, Number: number, Type: typeName(d), Unwound: i.flags&unwoundByForce != 0, Made: i.debug.place()}
		if i.debug != nil {
			e.Cancelled = i.debug.cancelledAt.place()
			if i.debug.function != 0 {
				e.Type += " of the coroutine " + describePC(i.debug.function)
			}
		}
		all = append(all, e)
	})
	return all
}

// String returns the text that WriteTo writes, without the end of its last line.
func (c *Census) String() string { return c.forest().String() }

// WriteTo writes what waits for what, in trees as those of [Tree]. It writes nothing if nothing
// waits.
func (c *Census) WriteTo(w io.Writer) (int64, error) { return c.forest().WriteTo(w) }

func (c *Census) forest() *tree {
	t := newTree()
	t.census = c
	t.addTops(func(yield func(dependency) bool) {
		c.all(func(_ uint64, d dependency) { yield(d) })
	})
	return t
}
