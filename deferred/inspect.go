package deferred

import (
	"fmt"
	"reflect"
	"strings"
)

// This file looks at Deferreds, for the texts of tree.go and census.go. Nothing of it runs
// before somebody looks.

// An inspection is what can be seen of a Deferred of any type, and of what it waits for.
type inspection struct {
	flags     flags
	source    dependency
	canceller uintptr // the program counter of the canceller; 0: none
	debug     *debugInfo
	unhandled *unhandledError
	links     []any        // those that have not run; the memory is used again
	members   []dependency // of a group
	what      string       // of a terminus: what Deferreds wait for there
}

func (d *Deferred[T]) inspect(i *inspection) {
	*i = inspection{flags: d.flags, source: d.upstream(), debug: d.debug(), links: i.links[:0]}
	if c := d.canceller(); c != nil {
		i.canceller = pcOf(c)
	}
	for _, l := range d.inline[d.head:d.tail] {
		i.links = append(i.links, l)
	}
	if d.extra != nil {
		i.unhandled = d.extra.unhandled
		for _, l := range d.extra.overflow {
			i.links = append(i.links, l)
		}
	}
}

// pcOf returns the program counter of a canceller.
func pcOf[T any](c Canceller[T]) uintptr {
	if f, ok := c.(cancelFunc[T]); ok {
		return reflect.ValueOf(f).Pointer()
	}
	m, _ := reflect.TypeOf(c).MethodByName("CancelDeferred")
	return m.Func.Pointer()
}

// stuck reports whether the handlers cannot run yet.
func (i *inspection) stuck() bool {
	return i.flags&running == 0 && i.flags&(called|waiting|paused) != called
}

// awaited reports whether something waits for the result: a handler, a coroutine or another
// Deferred, or the function of the coroutine whose result this is.
func (i *inspection) awaited() bool {
	if i.flags&(ofCoroutine|called) == ofCoroutine {
		return true
	}
	for _, l := range i.links {
		if waits(l) {
			return true
		}
	}
	return false
}

// owned is implemented by a link that gives the result to another Deferred.
type owned interface {
	// owner returns that Deferred, or nil if it does not need the result any more.
	owner() dependency
}

// owner is for the links that have a Deferred in them: those of Map and the like.
func (d *Deferred[T]) owner() dependency {
	if d.flags&called != 0 {
		return nil
	}
	return d
}

func (o *outer[T]) owner() dependency         { return (*Deferred[T])(o) }
func (r *receiver[T]) owner() dependency      { return (*Deferred[T])(r).owner() }
func (f *finishing[T]) owner() dependency     { return f.Deferred.owner() }
func (m *memberLink[T, U]) owner() dependency { return m.group.owner() }
func (m *gathered[T, U]) owner() dependency   { return m.group.owner() }
func (a *awaiter[T]) owner() dependency       { return a.result.deferred() }

// waits reports whether the link has something to do when the Deferred has its result.
func waits(l any) bool {
	if o, ok := l.(owned); ok {
		return o.owner() != nil
	}
	name, _ := calls(l)
	return name != "dropCancelled"
}

// ownerOf returns the owner of a link, or nil if it has none.
func ownerOf(l any) dependency {
	if o, ok := l.(owned); ok {
		return o.owner()
	}
	return nil
}

// caller is implemented by a link that calls a function of the program.
type caller interface {
	// call returns the name of the function or method that made the link, and the function
	// that the link calls.
	call() (name string, f any)
}

func (f callback[T]) call() (string, any)           { return "AddCallback", f }
func (f errback[T]) call() (string, any)            { return "AddErrback", f }
func (f both[T]) call() (string, any)               { return "AddBoth", f }
func (f tap[T]) call() (string, any)                { return "Tap", f }
func (f thenCallback[T]) call() (string, any)       { return "ThenCallback", f }
func (f thenErrback[T]) call() (string, any)        { return "ThenErrback", f }
func (f thenBoth[T]) call() (string, any)           { return "ThenBoth", f }
func (m *mapped[T, U]) call() (string, any)         { return "Map", m.f }
func (m *mappedBoth[T, U]) call() (string, any)     { return "MapBoth", m.f }
func (c *thenMapped[T, U]) call() (string, any)     { return "Then", c.f }
func (c *thenMappedBoth[T, U]) call() (string, any) { return "ThenBoth", c.f }
func (j *job[T]) call() (string, any)               { return "Run", j.f }
func (f *finishing[T]) call() (string, any)         { return "Run", f.f }
func (f observer[T]) call() (string, any)           { return "", f }

func (p *callbacks[T]) call() (string, any) {
	if p.callback == nil {
		return "AddCallbacks", p.errback
	}
	return "AddCallbacks", p.callback
}

// calls returns the name of the function or method that made the link l, and describes the
// function that l calls. Both are "" for other links. An observer calls a function of this
// package, and has the name of the function or method around that.
func calls(l any) (name, function string) {
	c, ok := l.(caller)
	if !ok {
		return "", ""
	}
	name, f := c.call()
	if name != "" {
		return name, describeFunc(f)
	}
	name = strings.TrimPrefix(funcName(reflect.ValueOf(f).Pointer()), "deferred.")
	if _, method, ok := strings.Cut(name, ")."); ok {
		name = method
	}
	if end := strings.IndexAny(name, ".["); end >= 0 {
		name = name[:end]
	}
	return name, ""
}

// A terminal is a dependency that is no Deferred. It embeds a terminus.
type terminal interface {
	dependency
	ends()
}

// terminus has the methods of a terminal: it has nothing to cancel, and depends on nothing.
type terminus struct{}

func (terminus) ends()                       {}
func (terminus) upstream() dependency        { return nil }
func (terminus) fired() bool                 { return true }
func (terminus) cancelSelf()                 {}
func (terminus) inCoroutine() bool           { return false }
func (terminus) cancelCoroutine() bool       { return false }
func (terminus) noteCoroutineCancel()        {}
func (terminus) mark(flags)                  {}
func (terminus) interrupt()                  {}
func (terminus) interruptAwaiter(dependency) {}

func (s *memberSet[U, M]) inspect(i *inspection) {
	*i = inspection{links: i.links[:0]}
	for _, m := range s.all {
		i.members = append(i.members, m)
	}
}

func (l *limit) inspect(i *inspection) {
	*i = inspection{links: i.links[:0], what: "a DeferredLock"}
	how := ", held since the Acquire in "
	if l.tokens > 0 {
		i.what = fmt.Sprintf("a DeferredSemaphore, of %d", l.tokens)
		how = ", the last one held since the Acquire in "
	}
	if place := l.last.place(); place != "" {
		i.what += how + place
	}
	i.what += othersWait(l.queue.Len() - 1)
}

func (w *waiters) inspect(i *inspection) {
	*i = inspection{links: i.links[:0], what: "a Put to a DeferredQueue" + othersWait(w.queue.Len()-1)}
}

func othersWait(n int) string {
	switch {
	case n <= 0:
		return ""
	case n == 1:
		return ", as one other does"
	}
	return fmt.Sprintf(", as %d others do", n)
}

// cancellableWait is the canceller of a Deferred that waits for a terminal.
type cancellableWait[T any] struct {
	terminal
	cancel func()
}

// newWait returns a Deferred that waits for end, and whose Cancel calls cancel.
func newWait[T any](end terminal, cancel func()) *Deferred[T] {
	d := new(Deferred[T])
	d.Init(&cancellableWait[T]{end, cancel})
	return d
}

// CancelDeferred implements [Canceller].
func (w *cancellableWait[T]) CancelDeferred(*Deferred[T]) { w.cancel() }

// external is something outside of this package that a Deferred waits for.
type external struct {
	terminus
	what func() string
}

func (e *external) inspect(i *inspection) { *i = inspection{links: i.links[:0], what: e.what()} }
