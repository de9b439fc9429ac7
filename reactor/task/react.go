package task

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/reactor"
)

// React runs the default reactor until the Deferred of f fires, then exits the program.
// main calls nothing else. f is called when the reactor is running. React is Twisted's
// task.react.
//
// The exit status is 0 if the Deferred fires with a value. If it fails, or f panics, React
// writes the error to standard error, on one line after the program's name, and the
// status is 1, or the [ExitStatus] in the error. The place of a panic stands in that line,
// and its stack below. At the end, React reports the errors that no handler has taken; see
// [deferred.ReportUnhandled].
//
// If the reactor is stopped before the Deferred fires, for example by SIGTERM, the Deferred is
// cancelled During the Shutdown event: after the Deferreds of all triggers Before it, so that
// sites have shut down, and before connections are closed. The reactor then runs on until the
// Deferred fires, at most for [ShutdownTimeout], so that a clean-up in a [deferred.Shield] can
// use it. The status is 0, unless the Deferred fails with an error other than
// [deferred.ErrCancelled], or does not fire in that time. A second signal ends the program at
// once.
func React[T any](f func(r reactor.Reactor) *deferred.Deferred[T]) {
	os.Exit(ReactOn(reactor.Default(), f, os.Stderr))
}

// ShutdownTimeout is the time that [React] gives a program to clean up after its Deferred has
// been cancelled, because the reactor was stopped.
const ShutdownTimeout = 10 * time.Second

// errCutShort is the error of a program that cleans up for longer than ShutdownTimeout.
var errCutShort = fmt.Errorf("the reactor ended before the program had cleaned up, which may take %v", ShutdownTimeout)

// ReactOn is [React] on any reactor. It writes the error to stderr, and returns the exit
// status.
func ReactOn[T any](r reactor.Reactor, f func(r reactor.Reactor) *deferred.Deferred[T], stderr io.Writer) (status int) {
	err := runUntil(r, f)
	deferred.ReportUnhandled()
	if err == nil {
		return 0
	}
	status = 1
	var exit ExitStatus
	if errors.As(err, &exit) {
		status = int(exit)
	}
	if err != exit {
		report(stderr, err)
	}
	return status
}

// An ExitStatus is an error that sets the exit status of [React]. React prints nothing for
// it. If another error wraps it, such as fmt.Errorf("bad usage: %w", ExitStatus(2)), React
// prints that error. It is Python's SystemExit.
type ExitStatus int

func (s ExitStatus) Error() string { return fmt.Sprintf("exit status %d", int(s)) }

// runUntil runs r until the Deferred of f fires and returns its error. r calls f, so that f
// is on the loop.
func runUntil[T any](r reactor.Reactor, f func(r reactor.Reactor) *deferred.Deferred[T]) error {
	if r.Running() {
		return reactor.ErrAlreadyRunning
	}
	var d *deferred.Deferred[T] // nil until f is called
	var fired, stopped bool     // stopped: r was stopped before d fired
	var late bool               // ShutdownTimeout has passed
	var result error
	trigger := r.AddSystemEventTrigger(reactor.During, reactor.Shutdown, func() *deferred.Deferred[deferred.None] {
		if d == nil || fired {
			return nil
		}
		stopped = true
		d.Cancel()
		return untilFired(r, d, func() { late = true })
	})
	defer r.RemoveSystemEventTrigger(trigger)
	r.CallWhenRunning(func() {
		d = deferred.MaybeDeferred(func() *deferred.Deferred[T] {
			if d := f(r); d != nil {
				return d
			}
			return deferred.Fail[T](errors.New("the main function returned a nil Deferred"))
		})
		d.AddBoth(func(value T, err error) (T, error) {
			fired, result = true, err
			if r.Running() {
				r.Stop()
			}
			return value, nil
		})
	})
	err := r.Run()
	switch {
	case d == nil: // or a trigger stopped the reactor before it was running
		return err
	case err != nil:
		d.Cancel()
		return err
	case !fired && late:
		return errCutShort
	case !fired: // Crash was called, perhaps during the clean-up
		d.Cancel()
		stopped = true
	}
	if stopped && errors.Is(result, deferred.ErrCancelled) {
		return nil
	}
	return result
}

// untilFired fires when d has fired, and after ShutdownTimeout at the latest. It then calls
// late.
func untilFired[T any](r reactor.Reactor, d *deferred.Deferred[T], late func()) *deferred.Deferred[deferred.None] {
	ended := deferred.New[deferred.None]()
	limit := r.CallLater(ShutdownTimeout, func() {
		late()
		ended.Callback(deferred.None{})
	})
	d.AddBoth(func(value T, err error) (T, error) {
		if limit.Active() {
			limit.Cancel()
			ended.Callback(deferred.None{})
		}
		return value, err
	})
	return ended
}

// report writes err on one line, and below it the stack of a panic.
func report(w io.Writer, err error) {
	text := strings.ReplaceAll(strings.TrimSpace(err.Error()), "\n", "; ")
	if p, ok := errors.AsType[*deferred.PanicError](err); ok && len(p.Stack) != 0 {
		text += " at " + p.Place() + "\n\n" + p.Trace()
	}
	fmt.Fprintf(w, "%s: %s\n", filepath.Base(os.Args[0]), text)
}
