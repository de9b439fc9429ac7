package deferred

import (
	"cmp"
	"log/slog"
	"runtime"
	"sync/atomic"
	"time"
)

// An Unhandled is an error in a Deferred that has become unreachable, so that no
// handler can take the error any more.
//
// The garbage collector detects it, some time later. It never detects an error that
// refers to its own Deferred, and never frees the two, because Go does not run the
// finalizers of a cycle.
type Unhandled struct {
	Err error
	// Made, Fired and Failed are the stacks where the Deferred was made, where it
	// fired and where a handler last failed, without the calls of this module and of
	// the Go runtime. They are empty unless [SetDebugging] was on when the Deferred was
	// made.
	Made, Fired, Failed string
}

// unhandledError is the error of a Deferred that no handler has taken yet. Only the
// Deferred refers to it. Its finalizer reports err, unless err was handled.
type unhandledError struct {
	err   error
	debug *debugInfo
}

// markUnhandled arranges a report of d's error if no handler takes it.
func (d *Deferred[T]) markUnhandled() {
	e := d.ensureExtra()
	if e.unhandled != nil {
		if e.unhandled.err == nil {
			unhandledErrors.Add(1) // a census has reported it, and another handler has not taken it
		}
		e.unhandled.err = d.err
		return
	}
	e.unhandled = &unhandledError{d.err, e.debug}
	unhandledErrors.Add(1)
	runtime.SetFinalizer(e.unhandled, (*unhandledError).report)
}

// markHandled undoes markUnhandled.
func (d *Deferred[T]) markHandled() {
	if d.extra != nil && d.extra.unhandled != nil {
		d.extra.unhandled.settle()
		d.extra.unhandled = nil
	}
}

// settle makes e one that needs no report any more.
func (e *unhandledError) settle() {
	if e.err != nil {
		e.err = nil
		unhandledErrors.Add(-1)
	}
}

func (e *unhandledError) report() {
	if e.err == nil {
		return
	}
	report(e.unhandled())
	unhandledErrors.Add(-1)
}

func (e *unhandledError) unhandled() Unhandled {
	u := Unhandled{Err: e.err}
	if e.debug != nil {
		u.Made, u.Fired, u.Failed = e.debug.madeAt.String(), e.debug.firedAt.String(), e.debug.failedAt.String()
	}
	return u
}

// unhandledErrors is the number of errors that no handler has taken and that are not
// reported.
var unhandledErrors atomic.Int64

// reportNow reports an error that the package notices at once, without the garbage collector.
func reportNow(u Unhandled) {
	if c := openCensus.Load(); c != nil {
		note(&c.ends, u)
	}
	report(u)
}

// report passes u to the reporter. Any goroutine may call it.
func report(u Unhandled) { (*reporter.Load())(u) }

var reporter atomic.Pointer[func(Unhandled)]

func init() { SetUnhandledReporter(nil) }

// SetUnhandledReporter makes report the function that gets each unhandled error, and
// returns the previous one. nil sets the default, which logs a line with log/slog at
// level Error. Any goroutine may call SetUnhandledReporter.
//
// The Go runtime calls report on a goroutine of its own, not on the reactor's.
func SetUnhandledReporter(report func(Unhandled)) (previous func(Unhandled)) {
	if report == nil {
		report = logUnhandled
	}
	if old := reporter.Swap(&report); old != nil {
		previous = *old
	}
	return previous
}

// ReportUnhandled collects garbage and waits until the errors that are unhandled by then
// are reported. It is for the end of a program, which would lose them otherwise; task.React
// calls it. It returns at once if no Deferred has such an error. Coroutines that nothing
// can resume any more are no error then, and are not reported.
//
// The finalizers of the program run in turn with the reports. ReportUnhandled waits for
// them, and gives up after a second in which they do not end.
func ReportUnhandled() {
	ending.Add(1)
	defer ending.Add(-1)
	collectGarbage(
		func() bool { return unhandledErrors.Load() == 0 },
		func() <-chan time.Time { return time.After(time.Second) })
}

// ending is the number of calls of ReportUnhandled that have not returned.
var ending atomic.Int32

func logUnhandled(u Unhandled) {
	args := errorArgs(u.Err)
	if function, place := innermost(u.Made); place != "" {
		args = append(args, "made", place, "in", function)
	}
	if _, place := innermost(cmp.Or(u.Failed, u.Fired)); place != "" {
		args = append(args, "failed", place)
	}
	slog.Error("unhandled error in Deferred", args...)
}

// errorArgs returns the attributes of err for a line of log/slog.
func errorArgs(err error) []any {
	text, stack := describe(err)
	if stack == "" {
		return []any{"error", err}
	}
	return []any{"error", text, "stack", stack}
}
