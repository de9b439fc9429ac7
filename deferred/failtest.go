package deferred

import (
	"errors"
	"runtime"
	"sync/atomic"
)

// This file is for tests of code that uses this package.

// TestingTB is the part of testing.TB that [FailOnUnhandled] needs.
type TestingTB interface {
	Helper()
	Errorf(format string, args ...any)
	Cleanup(func())
}

// FailOnUnhandled makes t fail at its end if an error was left unhandled or a
// coroutine abandoned in it, as trial does. What it returns can take back errors
// that are meant to be unhandled.
//
// Errors are found by the garbage collector, which does not say what test they
// come from. Those of tests before are reported before, as they would have been;
// but no other test may run in parallel.
func FailOnUnhandled(t TestingTB) *UnhandledErrors {
	collectGarbage()
	u := new(UnhandledErrors)
	previous := SetUnhandledReporter(u.add)
	t.Cleanup(func() {
		t.Helper()
		left := u.Flush(nil)
		SetUnhandledReporter(previous)
		for _, e := range left {
			if e.Made == "" {
				t.Errorf("unhandled error in Deferred: %v", e.Err)
			} else {
				t.Errorf("unhandled error in Deferred: %v\nmade by:\n%s\nfired by:\n%s\nfailed by:\n%s", e.Err, e.Made, e.Fired, e.Failed)
			}
		}
	})
	return u
}

// UnhandledErrors are the errors of one test that nobody handled.
type UnhandledErrors struct {
	found atomic.Pointer[foundError] // goroutines of the runtime add to it
}

type foundError struct {
	Unhandled
	next *foundError
}

// Flush collects garbage, and removes and returns the errors found so far that
// are target, as errors.Is finds, or all of them if target is nil. It is trial's
// flushLoggedErrors.
func (u *UnhandledErrors) Flush(target error) []Unhandled {
	collectGarbage()
	var flushed, kept []Unhandled
	for f := u.found.Swap(nil); f != nil; f = f.next {
		if target == nil || errors.Is(f.Err, target) {
			flushed = append([]Unhandled{f.Unhandled}, flushed...)
		} else {
			kept = append([]Unhandled{f.Unhandled}, kept...)
		}
	}
	for _, k := range kept {
		u.add(k)
	}
	return flushed
}

func (u *UnhandledErrors) add(e Unhandled) {
	f := &foundError{Unhandled: e}
	for {
		f.next = u.found.Load()
		if u.found.CompareAndSwap(f.next, f) {
			return
		}
	}
}

// collectGarbage collects what is unreachable and waits for the reports that
// come of it. A chain of objects with finalizers takes several rounds.
func collectGarbage() {
	for range 3 {
		done := make(chan None, 2)
		func() {
			// Finalizers run one after the other, so that this one comes last of
			// its round or near it; cleanups have a queue of their own.
			runtime.SetFinalizer(&struct{ p *int }{new(int)}, func(any) { done <- None{} })
			runtime.AddCleanup(&struct{ p *int }{new(int)}, func(c chan None) { c <- None{} }, done)
		}()
		for n := 0; n < 2; {
			runtime.GC()
			select {
			case <-done:
				n++
			default:
				runtime.Gosched()
			}
		}
	}
}
