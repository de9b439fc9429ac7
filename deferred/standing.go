package deferred

import (
	"runtime"
	"strings"
)

// This file tells the line at which a coroutine waits. The coroutine looks itself: it is resumed
// for a moment. That needs no search among the goroutines of the program, whose stacks do not
// say which coroutine they belong to, and it costs nothing before somebody looks.

// look records the stack of the coroutine, which was resumed for that only.
func (co *Co) look() {
	*co.probe = callers()
	co.probe = nil
}

// stack returns the stack of a waiting coroutine, or nil if it does not wait.
func (c *coroutine) stack() (s stack) {
	if c.next == nil || c.left {
		return nil
	}
	c.co.probe = &s
	c.next()
	return s
}

func (a *awaiter[T]) waiting() *coroutine { return (*coroutine)(a) }

// describe names the function of a waiting coroutine and the line at which it waits: "the
// coroutine main.fetch at main.go:34". If it waits in a function that the first one has called,
// the text names that too.
func (c *coroutine) describe() string {
	s := c.stack()
	if s == nil {
		return "a coroutine"
	}
	function, place := s.coroutineFunction(), s.place()
	if line, ok := strings.CutPrefix(place, function+" ("); ok {
		return "the coroutine " + function + " at " + strings.TrimSuffix(line, ")")
	}
	return "the coroutine " + function + " at " + place
}

// coroutineFunction returns the name of the function that the coroutine with this stack runs: the
// last one before those by which Go has called it.
func (s stack) coroutineFunction() (function string) {
	goes := origins().module + "/deferred.Go["
	frames := runtime.CallersFrames(s)
	for {
		frame, more := frames.Next()
		if strings.HasPrefix(frame.Function, goes) || !more {
			return base(function)
		}
		if packageOf(frame.Function) != origins().module+"/deferred" {
			function = frame.Function
		}
	}
}
