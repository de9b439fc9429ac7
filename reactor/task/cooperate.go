package task

import (
	"iter"
	"slices"
	"sync"
	"time"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/internal/list"
	"github.com/seed-7c003b53/gotreq/reactor"
)

// This file holds the Cooperator, which chooses the next task. The tasks are in
// cooperativetask.go.

// A Wait is a Deferred that a task waits for after a step. [WaitFor] makes one of a
// Deferred of any type.
type Wait = *deferred.Deferred[deferred.None]

// WaitFor returns d without its value. Cancelling it cancels d.
func WaitFor[T any](d *deferred.Deferred[T]) Wait {
	return deferred.Map(d, func(T) (deferred.None, error) { return deferred.None{}, nil })
}

// Done is the error that a step returns when there is nothing left to do. It is Python's
// StopIteration.
var Done error = done{}

type done struct{}

func (done) Error() string { return "task: there are no more steps" }

// A Step does a small piece of a task's work, on the loop's goroutine.
//
// A nil err means that there is more to do. [Done] ends the task. Any other error, or a
// panic, fails the task. If wait is not nil, the task waits for it before it continues or
// ends with err. If wait fails, the task fails.
type Step = func() (wait Wait, err error)

// A Cooperator runs tasks on the loop's goroutine, one step of each in turn, and lets the
// loop do other things in between. It is Twisted's task.Cooperator.
//
// A step has an overhead of about 100 ns, mostly for reading the clock, and does not
// allocate. Cooperators do not take turns with one another, so a program needs one per
// reactor. For the default reactor, use [DefaultCooperator].
type Cooperator struct {
	clock     reactor.Clock
	schedule  func(f func()) reactor.DelayedCall
	predicate func() (over func() bool)
	slice     slice // for the default predicate

	ready list.List[CooperativeTask] // tasks with a step to run, the next one first
	idle  list.List[CooperativeTask] // tasks that are paused or waiting

	tickFunc func()              // c.tick, allocated once
	call     reactor.DelayedCall // the next tick; nil if none is scheduled
	ticking  bool
	started  bool
	stopped  bool
	shown    bool // in dumps of the reactor
}

// A CooperatorConfig configures a [Cooperator].
type CooperatorConfig struct {
	// Scheduler schedules a call of f, which runs one slice. It must not call f
	// itself. nil: the clock's CallLater, without delay.
	Scheduler func(f func()) reactor.DelayedCall
	// TerminationPredicate is called at the start of each slice. The function that it
	// returns is called after each step, and returns true to end the slice. nil: a
	// slice ends after 10 ms or 1000 steps. It is Twisted's
	// terminationPredicateFactory.
	TerminationPredicate func() (over func() bool)
	// WaitForStart keeps tasks from running before [Cooperator.Start] is called. It
	// is the opposite of Twisted's started.
	WaitForStart bool
}

// NewCooperator returns a Cooperator that uses clock.
func NewCooperator(clock reactor.Clock, config CooperatorConfig) *Cooperator {
	c := &Cooperator{
		clock:     clock,
		schedule:  config.Scheduler,
		predicate: config.TerminationPredicate,
		slice:     slice{clock: clock},
		started:   !config.WaitForStart,
	}
	if c.schedule == nil {
		c.schedule = func(f func()) reactor.DelayedCall { return clock.CallLater(0, f) }
	}
	if c.predicate == nil {
		c.predicate = c.slice.begin
	}
	c.slice.overFunc = c.slice.over
	c.tickFunc = c.tick
	return c
}

// DefaultCooperator returns the Cooperator of the default reactor. The first call makes it.
// Any goroutine may call DefaultCooperator, but only the reactor's may use the result.
func DefaultCooperator() *Cooperator { return defaultCooperator() }

var defaultCooperator = sync.OnceValue(func() *Cooperator { return NewCooperator(reactor.Default(), CooperatorConfig{}) })

// Cooperate is [Cooperator.Cooperate] on the default reactor.
func Cooperate(step Step) *CooperativeTask { return DefaultCooperator().Cooperate(step) }

// Coiterate is [Cooperator.Coiterate] on the default reactor.
func Coiterate(step Step) *deferred.Deferred[deferred.None] {
	return DefaultCooperator().Coiterate(step)
}

// A slice is the default TerminationPredicate. It bounds the number of steps as well as
// the time, since a clock in memory may stand still.
type slice struct {
	clock    reactor.Clock
	end      time.Time
	steps    int
	overFunc func() bool // s.over, allocated once
}

const (
	sliceTime  = 10 * time.Millisecond
	sliceSteps = 1000
)

func (s *slice) begin() func() bool {
	s.end, s.steps = s.clock.Now().Add(sliceTime), 0
	return s.overFunc
}

func (s *slice) over() bool {
	s.steps++
	return s.steps >= sliceSteps || !s.clock.Now().Before(s.end)
}

// Cooperate starts a task that runs step again and again, in slices, until step returns
// [Done] or fails. If the Cooperator is stopped, the task ends at once with
// [ErrSchedulerStopped].
func (c *Cooperator) Cooperate(step Step) *CooperativeTask {
	if step == nil {
		panic("task: Cooperate with a nil step")
	}
	return c.add(&CooperativeTask{cooperator: c, step: step})
}

// CooperateSeq is [Cooperator.Cooperate] for an iterator. A step runs to the next yield.
// The iterator yields a Wait, or nil. To fail, it yields deferred.Fail or panics. When the
// task is stopped, yield returns false.
//
// Until it ends, the task takes a coroutine. A step takes about 100 ns more than with
// Cooperate.
func (c *Cooperator) CooperateSeq(seq iter.Seq[Wait]) *CooperativeTask {
	if seq == nil {
		panic("task: CooperateSeq with a nil iterator")
	}
	next, stop := iter.Pull(func(yield func(Wait) bool) {
		defer func() { // iter.Pull passes a panic on, but not its stack
			if v := recover(); v != nil {
				panic(deferred.NewPanicError(v))
			}
		}()
		seq(yield)
	})
	step := func() (Wait, error) {
		wait, ok := next()
		if !ok {
			return nil, Done
		}
		return wait, nil
	}
	return c.add(&CooperativeTask{cooperator: c, step: step, closer: stop})
}

// Coiterate is [Cooperator.Cooperate], but returns a Deferred that fires when the task is
// done. Cancelling it stops the task.
func (c *Cooperator) Coiterate(step Step) *deferred.Deferred[deferred.None] {
	t := c.Cooperate(step)
	return t.watch(func() { t.Stop() })
}

// Start lets tasks run, initially or after Stop.
func (c *Cooperator) Start() {
	c.started, c.stopped = true, false
	c.reschedule()
}

// Stop ends all tasks, in the order in which they would have run, with
// [ErrSchedulerStopped]. Until Start, tasks that are added end at once in the same way.
func (c *Cooperator) Stop() {
	c.stopped = true
	// Callbacks may add, end and resume tasks, which changes the lists.
	tasks := slices.AppendSeq(slices.Collect(c.ready.All()), c.idle.All())
	for _, t := range tasks {
		if t.ended == nil {
			t.finish(ErrSchedulerStopped, ErrSchedulerStopped)
		}
	}
}

// Clock returns the Cooperator's clock.
func (c *Cooperator) Clock() reactor.Clock { return c.clock }

// Running reports whether the Cooperator was started and not stopped since.
func (c *Cooperator) Running() bool { return c.started && !c.stopped }

func (c *Cooperator) add(t *CooperativeTask) *CooperativeTask {
	if c.stopped {
		t.finish(ErrSchedulerStopped, ErrSchedulerStopped)
	} else {
		c.show()
		t.move()
	}
	return t
}

// reschedule schedules the next slice if a task is ready, and else cancels it.
func (c *Cooperator) reschedule() {
	switch want := c.ready.First() != nil && c.started && !c.ticking; {
	case want && c.call == nil:
		c.call = c.schedule(c.tickFunc)
	case !want && c.call != nil:
		c.call.Cancel()
		c.call = nil
	}
}

// tick runs the steps of one slice.
func (c *Cooperator) tick() {
	c.call = nil
	c.ticking = true
	defer func() {
		c.ticking = false
		c.reschedule()
	}()
	over := c.predicate()
	for t := c.ready.First(); t != nil; t = c.ready.First() {
		t.advance()
		if over() {
			return
		}
	}
}
