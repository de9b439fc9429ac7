package deferred

import (
	"fmt"
	"path/filepath"
	"reflect"
	"runtime"
	"strings"
)

// This file looks at Deferreds and coroutines, for the texts of tree.go and census.go. Nothing
// of it runs before somebody looks.

// An inspection is what Deferreds of all types have in common.
type inspection struct {
	flags     flags
	err       error
	source    dependency
	canceller uintptr // the program counter of the canceller; 0: none
	debug     *debugInfo
	unhandled *unhandledError
	links     []any        // those that have not run; see describeLink
	members   []dependency // of a group
	what      string       // of a terminus: what the Deferred waits for
}

func (d *Deferred[T]) inspect(i *inspection) {
	*i = inspection{flags: d.flags, err: d.err, source: d.source, debug: d.debug(), links: i.links[:0]}
	if d.canceller != nil {
		i.canceller = reflect.ValueOf(d.canceller).Pointer()
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

// stuck reports whether the handlers of the Deferred cannot run yet.
func (i *inspection) stuck() bool {
	return i.flags&running == 0 && i.flags&(called|waiting|paused) != called
}

// awaited reports whether somebody waits for the result: a handler, a coroutine, or the
// function of a coroutine whose result the Deferred is.
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

// An owned link is part of a Deferred that has not fired, or of a chain that is held back.
type ownedLink interface {
	// owner returns the Deferred that gets the result, or nil if that does not need it any more.
	owner() dependency
}

func (d *Deferred[T]) owner() dependency {
	if d.flags&called != 0 {
		return nil
	}
	return d
}

func (o *outer[T]) owner() dependency                   { return (*Deferred[T])(o) }
func (r *receiver[T]) owner() dependency                { return (*Deferred[T])(r).owner() }
func (f *finishing[T]) owner() dependency               { return f.Deferred.owner() }
func (m *memberLink[T, U]) owner() dependency           { return m.group.owner() }
func (m *gathered[T, U]) owner() dependency             { return m.group.owner() }
func (a *awaiter[T]) owner() dependency                 { return a.result.deferredResult() }
func (c *typedCoroutine[T]) deferredResult() dependency { return &c.deferred }

// waits reports whether the handler of a link has something to do.
func waits(l any) bool {
	o, ok := l.(ownedLink)
	return !ok || o.owner() != nil
}

// handler is implemented by links that hold a function of the user.
type handler interface{ handler() (how string, f any) }

func (f callback[T]) handler() (string, any)     { return "AddCallback", f }
func (f errback[T]) handler() (string, any)      { return "AddErrback", f }
func (f both[T]) handler() (string, any)         { return "AddBoth", f }
func (f tap[T]) handler() (string, any)          { return "Tap", f }
func (f thenCallback[T]) handler() (string, any) { return "ThenCallback", f }
func (f thenErrback[T]) handler() (string, any)  { return "ThenErrback", f }
func (f thenBoth[T]) handler() (string, any)     { return "ThenBoth", f }
func (p *callbacks[T]) handler() (string, any) {
	if p.callback == nil {
		return "AddCallbacks", p.errback
	}
	return "AddCallbacks", p.callback
}
func (m *mapped[T, U]) handler() (string, any)         { return "Map", m.f }
func (m *mappedBoth[T, U]) handler() (string, any)     { return "MapBoth", m.f }
func (c *thenMapped[T, U]) handler() (string, any)     { return "Then", c.f }
func (c *thenMappedBoth[T, U]) handler() (string, any) { return "ThenBoth", c.f }
func (j *job[T]) handler() (string, any)               { return "Run", j.f }
func (f *finishing[T]) handler() (string, any)         { return "Run", f.f }
func (f observer[T]) handler() (string, any)           { return "", f }

// describeLink says what a link calls: "AddCallback with main.show (main.go:9)".
func describeLink(l any) string {
	h, ok := l.(handler)
	if !ok {
		return ""
	}
	how, f := h.handler()
	if how != "" {
		return how + " with " + describeFunc(f)
	}
	// An observer is a function in a method or function of this package, after which it is
	// named.
	name := funcName(reflect.ValueOf(f).Pointer())
	name = strings.TrimPrefix(name, "deferred.")
	if _, method, ok := strings.Cut(name, ")."); ok {
		name = method
	}
	end := strings.IndexAny(name, ".[")
	if end < 0 {
		end = len(name)
	}
	return name[:end]
}

// terminus has the methods of a dependency that is no Deferred: nothing cancels it, and it
// depends on nothing. What a Deferred waits for embeds it.
type terminus struct{}

func (terminus) upstream() dependency        { return nil }
func (terminus) fired() bool                 { return true }
func (terminus) cancelSelf()                 {}
func (terminus) inCoroutine() bool           { return false }
func (terminus) cancelCoroutine() bool       { return false }
func (terminus) mark(flags)                  {}
func (terminus) interrupt()                  {}
func (terminus) interruptAwaiter(dependency) {}

func (s *memberSet[M]) inspect(i *inspection) {
	*i = inspection{links: i.links[:0]}
	for _, m := range s.all {
		i.members = append(i.members, m)
	}
}

func (l *limit) inspect(i *inspection) {
	*i = inspection{links: i.links[:0]}
	switch place := l.last.place(); {
	case l.tokens == 0 && place == "":
		i.what = "a DeferredLock that has a holder"
	case l.tokens == 0:
		i.what = "a DeferredLock that is held since the Acquire by " + place
	default:
		i.what = fmt.Sprintf("a DeferredSemaphore all of whose tokens are taken (%d)", l.holders)
		if place != "" {
			i.what += ", the last one by " + place
		}
	}
	if n := l.queue.Len(); n > 1 {
		i.what += fmt.Sprintf("; %d wait for it", n)
	}
}

func (w *waiters) inspect(i *inspection) {
	*i = inspection{links: i.links[:0], what: "a Put to a DeferredQueue"}
	if n := w.queue.Len(); n > 1 {
		i.what += fmt.Sprintf("; %d wait for it", n)
	}
}

// external is something outside of this package that a Deferred waits for.
type external struct {
	terminus
	what func() string
}

func (e *external) inspect(i *inspection) {
	*i = inspection{links: i.links[:0], what: e.what()}
}

// place returns where the Deferred was made, or "".
func (i *debugInfo) place() string {
	if i == nil {
		return ""
	}
	return i.madeAt.place()
}

// place returns the innermost function of the program's own code, or else the innermost one
// outside of this package: "main.fetch (main.go:85)".
func (s stack) place() (place string) {
	if len(s) == 0 {
		return ""
	}
	frames := runtime.CallersFrames(s)
	for {
		frame, more := frames.Next()
		switch {
		case frame.Function == "" || isStandard(frame.Function, frame.File):
		case isUsers(frame.Function, frame.File):
			return describeFrame(frame)
		case place == "" && packageOf(frame.Function) != origins().module+"/deferred":
			place = describeFrame(frame)
		}
		if !more {
			return place
		}
	}
}

func describeFrame(f runtime.Frame) string {
	return fmt.Sprintf("%s (%s:%d)", base(f.Function), filepath.Base(f.File), f.Line)
}

// describeFunc returns the name and the line of a function. The line of a method is not known.
func describeFunc(f any) string { return describePC(reflect.ValueOf(f).Pointer()) }

func describePC(pc uintptr) string {
	file, line := runtime.FuncForPC(pc).FileLine(pc)
	if file == "<autogenerated>" || file == "" {
		return funcName(pc)
	}
	return fmt.Sprintf("%s (%s:%d)", funcName(pc), filepath.Base(file), line)
}

func funcName(pc uintptr) string {
	return strings.TrimSuffix(base(runtime.FuncForPC(pc).Name()), "-fm")
}

// typeName returns the type of d without the paths of packages: "Deferred[*response.Response]".
func typeName(d dependency) string {
	name := strings.TrimPrefix(fmt.Sprintf("%T", d), "*deferred.")
	var b strings.Builder
	for name != "" {
		end := strings.IndexAny(name, "[]*(){}, ")
		if end < 0 {
			end = len(name)
		}
		b.WriteString(base(name[:end]))
		if end < len(name) {
			b.WriteByte(name[end])
			end++
		}
		name = name[end:]
	}
	return strings.ReplaceAll(b.String(), "struct {}", "None")
}

// look records the stack of a waiting coroutine, which was resumed for that only.
func (co *Co) look() {
	*co.probe = callers()
	co.probe = nil
}

// stack returns the stack of a waiting coroutine: the coroutine itself looks at it. That needs
// no search among the goroutines of the program, and nothing before somebody looks.
func (c *coroutine) stack() (s stack) {
	if c.next == nil || c.left {
		return nil
	}
	c.co.probe = &s
	c.next()
	return s
}

// describe names the function of a waiting coroutine, and says where it waits.
func (c *coroutine) describe() string {
	s := c.stack()
	function := ""
	frames := runtime.CallersFrames(s)
	for {
		frame, more := frames.Next()
		if packageOf(frame.Function) == origins().module+"/deferred" && function != "" {
			if rest := strings.TrimPrefix(frame.Function, origins().module+"/deferred."); strings.HasPrefix(rest, "Go[") {
				break
			}
		} else if frame.Function != "" {
			function = base(frame.Function)
		}
		if !more {
			break
		}
	}
	place := s.place()
	if name, line, ok := strings.Cut(place, " ("); ok && name == function {
		place = "(" + line
		return "the coroutine " + function + " " + place
	}
	if place == "" {
		return "a coroutine"
	}
	return "the coroutine " + function + ", at " + place
}
