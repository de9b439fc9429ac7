package task_test

import (
	"testing"
	"time"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/reactor"
	"github.com/seed-7c003b53/gotreq/reactor/task"
)

type none = deferred.None

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
func unhandled(t *testing.T, f func()) (errs []error) {
	t.Helper()
	u := deferred.FailOnUnhandled(t)
	f()
	for _, e := range u.Flush(nil) {
		errs = append(errs, e.Err)
	}
	return errs
}
