package deferred

import (
	"fmt"
	"runtime"
	"strings"
	"sync/atomic"
)

var debugging atomic.Bool

// SetDebugging turns the recording of stacks on or off for all Deferreds made
// from then on: where each was made, fired and last failed. They are shown by
// [AlreadyCalledError] and in the report of an unhandled error. It costs a few
// microseconds a Deferred. It is Twisted's defer.setDebugging, and may be called
// from any goroutine.
func SetDebugging(on bool) { debugging.Store(on) }

// Debugging reports whether [SetDebugging] was last called with true.
func Debugging() bool { return debugging.Load() }

// stack is the callers of a place in this package.
type stack []uintptr

func callers() stack {
	var pcs [32]uintptr
	return stack(append([]uintptr(nil), pcs[:runtime.Callers(3, pcs[:])]...))
}

// String lists the callers, innermost first, this package's own left out.
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

// debugInfo is what debugging records of one Deferred.
type debugInfo struct {
	madeAt, firedAt, failedAt stack
}

// debugMade starts recording for d.
func (d *Deferred[T]) debugMade() { d.spare().debug = &debugInfo{madeAt: callers()} }

// debug returns what is recorded of d, or nil.
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
