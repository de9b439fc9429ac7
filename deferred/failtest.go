package deferred

import (
	"errors"
	"runtime"
	"sync/atomic"
	"time"
)

// This file helps tests of code that uses this package.

// FailOnUnhandled makes t fail at its end for each error that was left unhandled and
// each coroutine that was abandoned during the test. A test takes back the errors
// that it expects with [UnhandledErrors.Flush].
//
// The garbage collector finds these errors, and cannot tell which test they come
// from. FailOnUnhandled therefore first reports the errors of earlier tests as
// usual, and no other test may run in parallel.
func FailOnUnhandled(t interface { // the part of testing.TB that FailOnUnhandled needs
	Helper()
	Errorf(format string, args ...any)
	Cleanup(func())
}) *UnhandledErrors {
	collectAll()
	u := new(UnhandledErrors)
	previous := SetUnhandledReporter(u.add)
	t.Cleanup(func() {
		t.Helper()
		left := u.Flush(nil)
		SetUnhandledReporter(previous)
		for _, e := range left {
			if e.Made == "" {
				t.Errorf("unhandled error in Deferred: %s", Describe(e.Err))
			} else {
				t.Errorf("unhandled error in Deferred: %s\nmade by:\n%s\nfired by:\n%s\nfailed by:\n%s", Describe(e.Err), e.Made, e.Fired, e.Failed)
			}
		}
	})
	return u
}

// UnhandledErrors are the unhandled errors of one test.
type UnhandledErrors struct {
	found atomic.Pointer[foundError] // a list that goroutines of the Go runtime add to
}

type foundError struct {
	Unhandled
	next *foundError
}

// Flush collects garbage, then removes and returns the errors that match target, as
// errors.Is defines, or all errors if target is nil. It is trial's flushLoggedErrors.
func (u *UnhandledErrors) Flush(target error) []Unhandled {
	collectAll()
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

// collectGarbage collects unreachable objects and waits for their reports. It ends early if
// enough is true, or if patience ends while it waits. A chain of objects with finalizers
// takes several rounds.
func collectGarbage(enough func() bool, patience func() <-chan time.Time) {
	for range 3 {
		if enough() {
			return
		}
		done := make(chan None, 2)
		func() {
			// Finalizers run one after the other. This one runs among those of its round,
			// and after those of the rounds before. Cleanups have a queue of their own.
			runtime.SetFinalizer(&struct{ p *int }{new(int)}, func(any) { done <- None{} })
			runtime.AddCleanup(&struct{ p *int }{new(int)}, func(c chan None) { c <- None{} }, done)
		}()
		runtime.GC()
		over := patience()
		for range 2 {
			select {
			case <-done:
			case <-over:
				return
			}
		}
	}
}

// collectAll collects garbage until everything unreachable is reported.
func collectAll() {
	collectGarbage(func() bool { return false }, func() <-chan time.Time { return nil })
}
