package task_test

import (
	"runtime"
	"testing"
	"time"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/reactor"
	"github.com/seed-7c003b53/gotreq/reactor/task"
)

type none = deferred.None

// outcome records the results of a Deferred.
type outcome[T any] struct {
	fired int
	value T
	err   error
}

func watch[T any](d *deferred.Deferred[T]) *outcome[T] {
	o := new(outcome[T])
	d.AddBoth(func(value T, err error) (T, error) {
		o.fired++
		o.value, o.err = value, err
		return value, nil
	})
	return o
}

func (o *outcome[T]) want(t *testing.T, value T, err error) {
	t.Helper()
	if o.fired != 1 || any(o.value) != any(value) || o.err != err {
		t.Errorf("the Deferred fired %d times, with %v and error %v; want once, with %v and %v",
			o.fired, o.value, o.err, value, err)
	}
}

func (o *outcome[T]) wantNothing(t *testing.T) {
	t.Helper()
	if o.fired != 0 {
		t.Errorf("the Deferred fired with %v and error %v; want it not to have fired", o.value, o.err)
	}
}

// fakeScheduler keeps a Cooperator's calls until pump.
type fakeScheduler struct {
	clock *task.Clock
	made  int // how many calls were arranged in all
}

func newFakeScheduler() *fakeScheduler { return &fakeScheduler{clock: task.NewClock()} }

func (s *fakeScheduler) schedule(f func()) reactor.DelayedCall {
	s.made++
	return s.clock.CallLater(time.Second, f)
}

func (s *fakeScheduler) pump()        { s.clock.Advance(time.Second) }
func (s *fakeScheduler) pending() int { return len(s.clock.DelayedCalls()) }

// oneStep is a TerminationPredicate that ends each slice after one step.
func oneStep() func() bool { return func() bool { return true } }

// unhandled returns the unhandled errors of f.
func unhandled(t *testing.T, f func()) []error {
	t.Helper()
	errs := make(chan error, 100)
	previous := deferred.SetUnhandledReporter(func(u deferred.Unhandled) { errs <- u.Err })
	defer func() { deferred.SetUnhandledReporter(previous) }()
	f()
	// Objects that are collected with this one are finalized before it.
	collected := make(chan bool)
	runtime.GC()
	func() {
		mark := new([16]byte)
		runtime.SetFinalizer(mark, func(*[16]byte) { close(collected) })
	}()
	for {
		runtime.GC()
		select {
		case <-collected:
			var all []error
			for len(errs) != 0 {
				all = append(all, <-errs)
			}
			return all
		default:
			runtime.Gosched()
		}
	}
}
