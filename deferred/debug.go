package deferred

import (
	"fmt"
	"runtime"
	"strings"
	"sync/atomic"
)

var debugging atomic.Bool

// SetDebugging turns the recording of stacks on or off, for Deferreds made from now
// on. A Deferred then records where it was made, where it fired and where it last
// failed, for [AlreadyCalledError] and [Unhandled]. Recording takes a few
// microseconds per Deferred. Any goroutine may call SetDebugging.
func SetDebugging(on bool) { debugging.Store(on) }

// Debugging reports whether stacks are recorded. Any goroutine may call it.
func Debugging() bool { return debugging.Load() }

// stack is the program counters of a call stack.
type stack []uintptr

// callers returns the stack above its caller.
func callers() stack {
	var pcs [32]uintptr
	return stack(append([]uintptr(nil), pcs[:runtime.Callers(3, pcs[:])]...))
}

// String lists the functions, innermost first, without those of this package.
func (s stack) String() string {
	if len(s) == 0 {
		return ""
	}
	var b strings.Builder
	frames := runtime.CallersFrames(s)
	for {
		frame, more := frames.Next()
		if !strings.Contains(frame.Function, "/gotreq/deferred.") || strings.HasSuffix(frame.File, "_test.go") {
			fmt.Fprintf(&b, "\t%s\n\t\t%s:%d\n", frame.Function, frame.File, frame.Line)
		}
		if !more {
			return strings.TrimSuffix(b.String(), "\n")
		}
	}
}

// debugInfo holds the stacks of one Deferred.
type debugInfo struct {
	madeAt, firedAt, failedAt stack
}

// debugMade starts the recording for d.
func (d *Deferred[T]) debugMade() { d.ensureExtra().debug = &debugInfo{madeAt: callers()} }

// debug returns the stacks of d, or nil if d has none.
func (d *Deferred[T]) debug() *debugInfo {
	if d.extra == nil {
		return nil
	}
	return d.extra.debug
}

func (i *debugInfo) fired() { i.firedAt = callers() }

func (i *debugInfo) failed() { i.failedAt = callers() }

func alreadyCalled(i *debugInfo, how string) *AlreadyCalledError {
	e := &AlreadyCalledError{How: how}
	if i != nil {
		e.Made, e.First, e.Second = i.madeAt.String(), i.firedAt.String(), callers().String()
	}
	return e
}
