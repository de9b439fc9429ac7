package deferred

import (
	"log/slog"
	"runtime"
	"sync/atomic"
)

// An Unhandled is an error that a Deferred was left with when nothing referred
// to the Deferred any more, so that nobody can ever handle it.
//
// It is found by the garbage collector, and thus some time later. An error that
// itself refers to the Deferred it is left in is never found, nor is that memory
// freed: Go's collector does not look into such circles.
type Unhandled struct {
	Err error
	// Made, Fired and Failed are the stacks of the Deferred's making, of its
	// firing and of the last failure of a handler, if debugging was on when it was
	// made; see SetDebugging.
	Made, Fired, Failed string
}

// watch is kept alive by the one Deferred that holds an unhandled error. When
// it is collected with the error still in it, nobody can handle that error.
type watch struct {
	err   error
	debug *debugInfo
}

// unhandled notes that d is left with an error, for now.
func (d *Deferred[T]) unhandled() {
	e := d.spare()
	if e.watch != nil {
		e.watch.err = d.err
		return
	}
	e.watch = &watch{d.err, e.debug}
	runtime.SetFinalizer(e.watch, (*watch).report)
}

// handled notes that somebody took d's error.
func (d *Deferred[T]) handled() {
	if d.extra != nil && d.extra.watch != nil {
		d.extra.watch.err = nil
		d.extra.watch = nil
	}
}

func (w *watch) report() {
	if w.err == nil {
		return
	}
	u := Unhandled{Err: w.err}
	if w.debug != nil {
		u.Made, u.Fired, u.Failed = w.debug.madeAt.String(), w.debug.firedAt.String(), w.debug.failedAt.String()
	}
	report(u)
}

// report may be called on any goroutine.
func report(u Unhandled) { (*reporter.Load())(u) }

var reporter atomic.Pointer[func(Unhandled)]

func init() { SetUnhandledReporter(nil) }

// SetUnhandledReporter sets what is called with each error that nobody handled,
// and returns what was set before. It is called on a goroutine of the runtime, so
// that it must not touch what is the reactor's. nil sets the default: one line by
// log/slog at level Error. SetUnhandledReporter may be called from any goroutine.
func SetUnhandledReporter(report func(Unhandled)) (previous func(Unhandled)) {
	if report == nil {
		report = logUnhandled
	}
	if old := reporter.Swap(&report); old != nil {
		previous = *old
	}
	return previous
}

func logUnhandled(u Unhandled) {
	args := []any{"error", u.Err}
	if u.Made != "" {
		args = append(args, "made", u.Made, "fired", u.Fired, "failed", u.Failed)
	}
	slog.Error("unhandled error in Deferred", args...)
}
