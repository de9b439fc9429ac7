package task

import (
	"iter"
	"slices"
	"sync"
	"time"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/reactor"
)

// This file holds the Cooperator, which decides whose turn it is. The tasks
// themselves are in cooperativetask.go.

// A Wait is what a step may ask its task to wait for. [WaitFor] makes one of a
// Deferred of any type.
type Wait = *deferred.Deferred[deferred.None]

// WaitFor returns d without its value, for a step to wait for. Cancelling it
// cancels d.
func WaitFor[T any](d *deferred.Deferred[T]) Wait {
	return deferred.Map(d, func(T) (deferred.None, error) { return deferred.None{}, nil })
}

// Done is the error by which a step says that there is nothing left to do. It is
// Python's StopIteration.
var Done error = done{}

type done struct{}

func (done) Error() string { return "task: there are no more steps" }

// A Step does a small piece of a task's work, on the loop's goroutine.
//
// If err is nil there is more to do; if it is [Done] the task is done; any other
// error, or a panic, fails the task. If wait is not nil the task waits for it
// before it goes on, or before it ends with err; if wait fails, so does the task.
type Step = func() (wait Wait, err error)

// A Cooperator runs tasks on the loop's goroutine, a step of one and then a step
// of the next, and lets the loop do other things in between. It is Twisted's
// task.Cooperator. It belongs to the goroutine of its clock.
//
// A step costs some 100 ns beside what it does itself, most of it for asking
// the clock, and no allocation. Cooperators do not take turns with one another,
// so a program wants one for each reactor; the default reactor's is
// [DefaultCooperator].
type Cooperator struct {
	clock     reactor.Clock
	schedule  func(f func()) reactor.DelayedCall
	predicate func() (over func() bool)
	slice     slice // for the default predicate

	ready taskList // have a step to do, the next one first
	idle  taskList // are paused or wait for something

	tickFunc func()              // c.tick, made once
	call     reactor.DelayedCall // of tick, while one is arranged
	ticking  bool
	started  bool
	stopped  bool
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

// DefaultCooperator returns the Cooperator of the default reactor, which is made
// by the first call. It may be called from any goroutine, but the Cooperator
// belongs to the reactor's.
func DefaultCooperator() *Cooperator { return defaultCooperator() }

var defaultCooperator = sync.OnceValue(func() *Cooperator { return NewCooperator(reactor.Default(), CooperatorConfig{}) })

// Cooperate is [Cooperator.Cooperate] on the default reactor.
func Cooperate(step Step) *CooperativeTask { return DefaultCooperator().Cooperate(step) }

// Coiterate is [Cooperator.Coiterate] on the default reactor.
func Coiterate(step Step) *deferred.Deferred[deferred.None] {
	return DefaultCooperator().Coiterate(step)
}

// A slice is a bounded piece of time, or of steps.
type slice struct {
	clock    reactor.Clock
	end      time.Time
	steps    int
	overFunc func() bool // s.over, made once
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

// Cooperate begins a task that runs step again and again, a few times in every
// turn of the loop, until it returns [Done] or fails. It is Twisted's cooperate.
//
// If the Cooperator was stopped, the task ends at once with
// [ErrSchedulerStopped].
func (c *Cooperator) Cooperate(step Step) *CooperativeTask {
	if step == nil {
		panic("task: Cooperate with a nil step")
	}
	return c.add(&CooperativeTask{cooperator: c, step: step})
}

// CooperateSeq is [Cooperator.Cooperate] for an iterator: a step goes from one
// yield to the next. What it yields is what it waits for, or nil; to fail, it
// yields deferred.Fail or panics. When the task is stopped, yield returns false.
//
// It is Twisted's cooperate with a generator. It costs a coroutine, which lives
// until the task ends, and some 100 ns more a step than Cooperate.
func (c *Cooperator) CooperateSeq(seq iter.Seq[Wait]) *CooperativeTask {
	if seq == nil {
		panic("task: CooperateSeq with a nil iterator")
	}
	next, stop := iter.Pull(seq)
	step := func() (Wait, error) {
		wait, ok := next()
		if !ok {
			return nil, Done
		}
		return wait, nil
	}
	return c.add(&CooperativeTask{cooperator: c, step: step, closer: stop})
}

// Coiterate is [Cooperator.Cooperate] for whoever wants to know only when the
// task is done. Cancelling the Deferred stops the task.
func (c *Cooperator) Coiterate(step Step) *deferred.Deferred[deferred.None] {
	t := c.Cooperate(step)
	return t.watch(func() { t.Stop() })
}

// Start lets tasks run, for the first time or again after a Stop.
func (c *Cooperator) Start() {
	c.started, c.stopped = true, false
	c.reschedule()
}

// Stop ends all tasks, those that are paused or wait for something too, with
// [ErrSchedulerStopped], in the order they would have run in. Tasks added later
// end like that at once, until Start is called.
func (c *Cooperator) Stop() {
	c.stopped = true
	// What fires may add, end and resume tasks: the lists are not safe to walk.
	tasks := slices.Concat(c.ready.tasks(), c.idle.tasks())
	for _, t := range tasks {
		if t.ended == nil {
			t.finish(ErrSchedulerStopped, ErrSchedulerStopped)
		}
	}
}

// Clock returns the clock that the Cooperator lives by.
func (c *Cooperator) Clock() reactor.Clock { return c.clock }

// Running reports whether tasks may run: it was started, and not stopped since.
func (c *Cooperator) Running() bool { return c.started && !c.stopped }

func (c *Cooperator) add(t *CooperativeTask) *CooperativeTask {
	if c.stopped {
		t.finish(ErrSchedulerStopped, ErrSchedulerStopped)
	} else {
		t.place()
	}
	return t
}

// reschedule arranges the next slice if there is something to do in it, or
// cancels the one that was arranged if there is nothing any more.
func (c *Cooperator) reschedule() {
	switch want := c.ready.first != nil && c.started && !c.ticking; {
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
	for c.ready.first != nil {
		c.ready.first.advance()
		if over() {
			return
		}
	}
}
