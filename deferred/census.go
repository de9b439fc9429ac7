package deferred

import (
	"io"
	"sync/atomic"
)

// This file counts Deferreds, and says how they stand.

// A Census knows each Deferred that is made while it is open, on any goroutine, and keeps it in
// memory. It is for tests that check at their end that nothing is left. Its methods look at the
// Deferreds, so no other goroutine may use Deferreds meanwhile.
type Census struct {
	made     atomic.Pointer[censusPage]
	panics   atomic.Pointer[notedPanic]
	reported []*unhandledError
	closed   bool
}

// A censusPage holds Deferreds in the order in which they were made. Several goroutines may add
// to it.
type censusPage struct {
	before *censusPage
	used   atomic.Int64
	made   [128]dependency
}

type notedPanic struct {
	*PanicError
	before *notedPanic
}

var openCensus atomic.Pointer[Census]

// OpenCensus opens a census of the Deferreds of this program. It panics if another one is open:
// tests that open one cannot run in parallel. A Deferred that is made meanwhile takes some 20 ns
// more; nothing is recorded of one that is a zero value.
func OpenCensus() *Census {
	c := new(Census)
	c.made.Store(new(censusPage))
	if !openCensus.CompareAndSwap(nil, c) {
		panic("deferred: OpenCensus while another Census is open; Close that first")
	}
	watch(censusOpen, true)
	return c
}

// Close ends the census. The errors that Unhandled has returned count as reported.
func (c *Census) Close() {
	if c.closed {
		return
	}
	c.closed = true
	watch(censusOpen, false)
	openCensus.Store(nil)
	for _, e := range c.reported {
		e.settle()
	}
	c.reported = nil
}

// made records d, which is new.
func (d *Deferred[T]) made() {
	on := watching.Load()
	if on&debuggingOn != 0 {
		d.debugMade()
	}
	if on&censusOpen != 0 {
		if c := openCensus.Load(); c != nil {
			c.add(d)
		}
	}
}

func (c *Census) add(d dependency) {
	for {
		page := c.made.Load()
		if n := page.used.Add(1); n <= int64(len(page.made)) {
			page.made[n-1] = d
			return
		}
		c.made.CompareAndSwap(page, &censusPage{before: page})
	}
}

func notePanic(e *PanicError) {
	c := openCensus.Load()
	if _, ok := e.Value.(unwinding); ok || c == nil {
		return // the package itself ends a coroutine so
	}
	note := &notedPanic{PanicError: e}
	for {
		note.before = c.panics.Load()
		if c.panics.CompareAndSwap(note.before, note) {
			return
		}
	}
}

// all calls f with each Deferred, in the order in which they were made.
func (c *Census) all(f func(n int, d dependency)) {
	var pages []*censusPage
	for page := c.made.Load(); page != nil; page = page.before {
		pages = append(pages, page)
	}
	n := 0
	for i := len(pages) - 1; i >= 0; i-- {
		page := pages[i]
		for _, d := range page.made[:min(page.used.Load(), int64(len(page.made)))] {
			n++
			if d != nil {
				f(n, d)
			}
		}
	}
}

// A Waiting is a Deferred that something waits for.
type Waiting struct {
	// Type is the type of the Deferred, such as "Deferred[int]".
	Type string
	// Made is where it was made, "main.fetch (main.go:7)", or "" without [SetDebugging].
	Made string
	// Tree says what it waits for, as the function Tree does.
	Tree string
}

func (w *Waiting) String() string { return w.Tree }

// Waiting returns the Deferreds whose handlers cannot run yet: they have not fired, are paused,
// or wait for a Deferred that a handler returned. The results of coroutines that have not ended
// are among them. A Deferred without handlers is not: nobody waits for it.
func (c *Census) Waiting() []*Waiting {
	var all []*Waiting
	var i inspection
	c.all(func(_ int, d dependency) {
		d.inspect(&i)
		if i.stuck() && i.awaited() {
			t := newTree()
			t.add(d)
			all = append(all, &Waiting{Type: typeName(d), Made: i.debug.place(), Tree: t.String()})
		}
	})
	return all
}

// Unhandled returns the errors that no handler has taken. It needs no garbage collection. After
// Close the package does not report them again.
func (c *Census) Unhandled() []Unhandled {
	var all []Unhandled
	var i inspection
	c.all(func(_ int, d dependency) {
		d.inspect(&i)
		if e := i.unhandled; e != nil && e.err != nil {
			all = append(all, e.unhandled())
			c.reported = append(c.reported, e)
		}
	})
	return all
}

// Panics returns the panics that this module has turned into errors, or logged. A second result
// of a Deferred is one of them.
func (c *Census) Panics() []*PanicError {
	var all []*PanicError
	for p := c.panics.Load(); p != nil; p = p.before {
		all = append([]*PanicError{p.PanicError}, all...)
	}
	return all
}

// An IgnoredCancel is a Deferred whose work was cancelled and that ended with a value all the
// same.
type IgnoredCancel struct {
	Type            string
	Made, Cancelled string // where it was made and cancelled, or "" without [SetDebugging]
}

func (e *IgnoredCancel) String() string {
	text := e.Type
	if e.Made != "" {
		text += ", made by " + e.Made
	}
	if e.Cancelled != "" {
		text += ", cancelled by " + e.Cancelled
	}
	return text
}

// CancelsIgnored returns the Deferreds that had a value after they were cancelled: the canceller
// fired the value, or a coroutine went on after an Await was cancelled and returned it, or had to
// be unwound. A handler that turns [ErrCancelled] into a value is in order.
func (c *Census) CancelsIgnored() []*IgnoredCancel {
	var all []*IgnoredCancel
	var i inspection
	c.all(func(_ int, d dependency) {
		if d.inspect(&i); i.flags&cancelIgnored != 0 {
			e := &IgnoredCancel{Type: typeName(d), Made: i.debug.place()}
			if i.debug != nil {
				e.Cancelled = i.debug.cancelledAt.place()
			}
			all = append(all, e)
		}
	})
	return all
}

// forest returns what of the census waits: first the Deferreds for which no other one waits.
func (c *Census) forest() *tree {
	t := newTree()
	c.all(func(_ int, d dependency) { t.addTop(d) })
	c.all(func(n int, d dependency) {
		if s := t.shown[d]; s != nil {
			s.made = uint64(n)
		}
	})
	return t
}

// addTop adds d if it is at the top of a tree, and the Deferreds at the top that wait for d only.
func (t *tree) addTop(d dependency) {
	i := &t.buffer
	d.inspect(i)
	if !i.stuck() || !i.awaited() {
		return
	}
	var tops []dependency
	top := true
	var above inspection
	for _, l := range i.links {
		if o, ok := l.(ownedLink); ok && o.owner() != nil {
			top = false
			if o.owner().inspect(&above); !above.awaited() {
				tops = append(tops, o.owner())
			}
		}
	}
	if top {
		tops = append(tops, d)
	}
	for _, d := range tops {
		switch {
		case t.shown[d] != nil:
		case t.full():
			t.dropped++
		default:
			t.add(d)
		}
	}
}

// String returns the text that WriteTo writes, without the end of its last line.
func (c *Census) String() string { return c.forest().String() }

// WriteTo writes what waits for what, as [Tree] does for one Deferred, or nothing if nothing
// waits.
func (c *Census) WriteTo(w io.Writer) (int64, error) { return c.forest().WriteTo(w) }

// WritePending writes what waits for what, of the Deferreds that the calling goroutine has made
// since [SetDebugging] was turned on, or nothing if nothing waits.
func WritePending(w io.Writer) {}
