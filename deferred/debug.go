package deferred

import (
	"fmt"
	"runtime"
	"strings"
	"sync/atomic"

	"github.com/seed-7c003b53/gotreq/internal/coro"
)

// watching says what is recorded of each Deferred that is made. It is one word, so that New
// looks at one place only.
var watching atomic.Uint32

const (
	debuggingOn uint32 = 1 << iota // SetDebugging
	censusOpen                     // OpenCensus
)

// watch sets or clears a bit of watching.
func watch(what uint32, on bool) {
	if on {
		watching.Or(what)
	} else {
		watching.And(^what)
	}
}

// SetDebugging turns the recording of stacks on or off, for Deferreds made from now
// on. A Deferred then records where it was made, where it fired and where it last
// failed, for [AlreadyCalledError], [Unhandled], [Tree], [Census] and [WritePending].
// Recording takes a few microseconds per Deferred. Any goroutine may call SetDebugging.
func SetDebugging(on bool) {
	if on && !Debugging() {
		numbered.Store(0)
	}
	watch(debuggingOn, on)
	coro.NoteCreators(on)
}

// Debugging reports whether stacks are recorded. Any goroutine may call it.
func Debugging() bool { return watching.Load()&debuggingOn != 0 }

// stack is the program counters of a call stack.
type stack []uintptr

// callers returns the stack above its caller.
func callers() stack {
	var pcs [32]uintptr
	return stack(append([]uintptr(nil), pcs[:runtime.Callers(3, pcs[:])]...))
}

// String lists the functions, innermost first, without those of this module and of the
// runtime.
func (s stack) String() string {
	if len(s) == 0 {
		return ""
	}
	var b strings.Builder
	frames := runtime.CallersFrames(s)
	for {
		frame, more := frames.Next()
		if !isOurs(frame.Function, frame.File) && !isRuntime(frame.Function) {
			fmt.Fprintf(&b, "\t%s\n\t\t%s:%d\n", frame.Function, frame.File, frame.Line)
		}
		if !more {
			return strings.TrimSuffix(b.String(), "\n")
		}
	}
}

// innermost returns the first function of the program's own code in the text of a stack,
// and its file's name and line: "main.fetch" and "main.go:85".
func innermost(stack string) (function, place string) {
	for stack != "" && place == "" {
		var file string
		function, stack, _ = strings.Cut(stack, "\n")
		file, stack, _ = strings.Cut(stack, "\n")
		if function, file = strings.TrimSpace(function), strings.TrimSpace(file); isUsers(function, withoutLine(file)) {
			place = base(file)
		}
	}
	return base(function), place
}

// debugInfo holds what is recorded of one Deferred. The stacks are empty if debugging was off
// when it was made.
type debugInfo struct {
	madeAt, firedAt, failedAt stack
	cancelledAt               stack   // where Cancel reached the work for the result
	number                    uint64  // in the order in which Deferreds were made; 0: not known
	function                  uintptr // the program counter of the coroutine's function; 0: none
}

// numbered is the number of Deferreds that were made since debugging was turned on.
var numbered atomic.Uint64

// made records d, which is new, if watching says so.
func (d *Deferred[T]) made() {
	on, number := watching.Load(), uint64(0)
	if c := openCensus.Load(); on&censusOpen != 0 && c != nil {
		number = c.add(d)
	}
	if on&debuggingOn != 0 {
		if number == 0 {
			number = numbered.Add(1)
		}
		d.ensureExtra().debug = &debugInfo{madeAt: callers(), number: number}
		register(d, number)
	}
}

// noteFunction records the function of the coroutine whose result d is.
func (d *Deferred[T]) noteFunction(pc uintptr) {
	e := d.ensureExtra()
	if e.debug == nil {
		e.debug = new(debugInfo)
	}
	e.debug.function = pc
}

// place returns where the Deferred was made, or "" if that is not known.
func (i *debugInfo) place() string {
	if i == nil {
		return ""
	}
	return i.madeAt.place()
}

// debug returns the stacks of d, or nil if d has none.
func (d *Deferred[T]) debug() *debugInfo {
	if d.extra == nil {
		return nil
	}
	return d.extra.debug
}

// fired, failed and cancelled record the stack of what happens to the Deferred.
func (i *debugInfo) fired()     { i.record(&i.firedAt) }
func (i *debugInfo) failed()    { i.record(&i.failedAt) }
func (i *debugInfo) cancelled() { i.record(&i.cancelledAt) }

func (i *debugInfo) record(at *stack) {
	if i.madeAt != nil {
		*at = callers()
	}
}

func alreadyCalled(i *debugInfo, how string) *AlreadyCalledError {
	e := &AlreadyCalledError{How: how}
	if i != nil && i.madeAt != nil {
		e.Made, e.First, e.Second = i.madeAt.String(), i.firedAt.String(), callers().String()
	}
	return e
}
