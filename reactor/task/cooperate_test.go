package task_test

import (
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/internal/testkit/outcome"
	"github.com/seed-7c003b53/gotreq/reactor"
	"github.com/seed-7c003b53/gotreq/reactor/memory"
	"github.com/seed-7c003b53/gotreq/reactor/task"
)

// worker is a task under the control of a test. A step appends to work, unless next
// sets something else for one step.
type worker struct {
	*task.CooperativeTask
	c     *task.Cooperator
	sched *fakeScheduler
	work  []int
	next  func() (task.Wait, error)
	steps int
}

func (w *worker) step() (task.Wait, error) {
	if next := w.next; next != nil {
		w.next = nil
		return next()
	}
	w.steps++
	w.work = append(w.work, w.steps)
	return nil, nil
}

func (w *worker) wantWork(t *testing.T, want ...int) {
	t.Helper()
	if !slices.Equal(w.work, want) {
		t.Errorf("work = %v, want %v", w.work, want)
	}
}

// newWorker returns a worker that runs one step per pump of its scheduler.
func newWorker() *worker {
	w := &worker{sched: newFakeScheduler()}
	w.c = task.NewCooperator(nil, task.CooperatorConfig{Scheduler: w.sched.schedule, TerminationPredicate: oneStep})
	w.CooperativeTask = w.c.Cooperate(w.step)
	return w
}

func isDone() (task.Wait, error)    { return nil, task.Done }
func fails() (task.Wait, error)     { return nil, errTest }
func panics() (task.Wait, error)    { panic(errTest) }
func continues() (task.Wait, error) { return nil, nil }
func noError(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Error(err)
	}
}

func wantErr(t *testing.T, what string, got, want error) {
	t.Helper()
	if got != want {
		t.Errorf("%s: %v, want %v", what, got, want)
	}
}

func TestTaskPauseResume(t *testing.T) {
	w := newWorker()
	w.sched.pump()
	w.wantWork(t, 1)
	w.sched.pump()
	w.wantWork(t, 1, 2)
	noError(t, w.Pause())
	w.sched.pump()
	w.wantWork(t, 1, 2)
	noError(t, w.Resume())
	w.wantWork(t, 1, 2)
	w.sched.pump()
	w.wantWork(t, 1, 2, 3)
}

func TestTaskResumeNotPaused(t *testing.T) {
	w := newWorker()
	wantErr(t, "Resume at first", w.Resume(), task.ErrNotPaused)
	w.Pause()
	w.Resume()
	wantErr(t, "Resume once too often", w.Resume(), task.ErrNotPaused)
}

func TestTaskResumeIsNotForWaiting(t *testing.T) {
	w := newWorker()
	wait := deferred.New[none]()
	w.next = func() (task.Wait, error) { return wait, nil }
	w.sched.pump()
	wantErr(t, "Resume of a task that waits", w.Resume(), task.ErrNotPaused)
}

func TestTaskPauseTwice(t *testing.T) {
	w := newWorker()
	w.Pause()
	w.Pause()
	w.sched.pump()
	w.Resume()
	w.sched.pump()
	w.wantWork(t)
	w.Resume()
	w.sched.pump()
	w.wantWork(t, 1)
}

func TestTaskWaits(t *testing.T) {
	for _, test := range []struct {
		name string
		fire func(w *worker, d task.Wait)
	}{
		{"fires", func(w *worker, d task.Wait) { d.Callback(none{}) }},
		{"fires while paused, then resume", func(w *worker, d task.Wait) {
			w.Pause()
			d.Callback(none{})
			w.sched.pump()
			w.Resume()
		}},
		{"pause and resume, then fires", func(w *worker, d task.Wait) {
			w.Pause()
			w.sched.pump()
			w.Resume()
			w.sched.pump()
			if len(w.work) != 0 {
				panic("the task did not wait")
			}
			d.Callback(none{})
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := newWorker()
			wait := deferred.New[none]()
			w.next = func() (task.Wait, error) { return wait, nil }
			w.sched.pump()
			w.sched.pump()
			w.wantWork(t)
			test.fire(w, wait)
			w.wantWork(t)
			w.sched.pump()
			w.wantWork(t, 1)
		})
	}
}

func TestTaskWaitsForAFiredDeferred(t *testing.T) {
	clock := task.NewClock()
	c := task.NewCooperator(clock, task.CooperatorConfig{})
	var log []string
	work := func(name string) task.Step {
		n := 0
		return func() (task.Wait, error) {
			if n++; n == 4 {
				return nil, task.Done
			}
			log = append(log, fmt.Sprint(name, n))
			return deferred.Succeed(none{}), nil
		}
	}
	c.Cooperate(work("a"))
	c.Cooperate(work("b"))
	clock.Advance(0)
	if got, want := strings.Join(log, " "), "a1 b1 a2 b2 a3 b3"; got != want {
		t.Errorf("steps: %s, want %s", got, want)
	}
}

func TestTaskWaitsBeforeItEnds(t *testing.T) {
	for name, test := range map[string]struct{ returned, want error }{
		"done":   {task.Done, nil},
		"failed": {errTest, errTest},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorker()
			d := outcome.Of(w.WhenDone())
			wait := deferred.New[none]()
			w.next = func() (task.Wait, error) { return wait, test.returned }
			w.sched.pump()
			d.WantNothing(t)
			wait.Callback(none{})
			w.sched.pump()
			d.Want(t, none{}, test.want)
		})
	}
}

// The ways in which a task can end, and the errors of its methods.
func TestTaskEnds(t *testing.T) {
	var panicked *deferred.PanicError
	wait := func(err error) func(w *worker) {
		return func(w *worker) {
			d := deferred.New[none]()
			w.next = func() (task.Wait, error) { return d, nil }
			w.sched.pump()
			d.Errback(err)
		}
	}
	step := func(next task.Step) func(w *worker) {
		return func(w *worker) {
			w.next = next
			w.sched.pump()
		}
	}
	for _, test := range []struct {
		name     string
		end      func(w *worker)
		whenDone error
		state    error
	}{
		{"done", step(isDone), nil, task.ErrTaskDone},
		{"stopped", func(w *worker) { w.Stop() }, task.ErrTaskStopped, task.ErrTaskStopped},
		{"stopped while paused", func(w *worker) { w.Pause(); w.Stop() }, task.ErrTaskStopped, task.ErrTaskStopped},
		{"a step fails", step(fails), errTest, task.ErrTaskFailed},
		{"a step panics", step(panics), errTest, task.ErrTaskFailed},
		{"a step panics with Done", step(func() (task.Wait, error) { panic(task.Done) }), task.Done, task.ErrTaskFailed},
		{"its wait fails", wait(errTest), errTest, task.ErrTaskFailed},
		{"its wait has failed", step(func() (task.Wait, error) { return deferred.Fail[none](errTest), nil }), errTest, task.ErrTaskFailed},
		{"its wait fails while the task is paused", func(w *worker) {
			d := deferred.New[none]()
			w.next = func() (task.Wait, error) { return d, nil }
			w.sched.pump()
			w.Pause()
			d.Errback(errTest)
		}, errTest, task.ErrTaskFailed},
		{"the cooperator stops", func(w *worker) { w.c.Stop() }, task.ErrSchedulerStopped, task.ErrSchedulerStopped},
		{"the cooperator stops while the task is paused", func(w *worker) { w.Pause(); w.c.Stop() }, task.ErrSchedulerStopped, task.ErrSchedulerStopped},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := newWorker()
			before := outcome.Of(w.WhenDone())
			test.end(w)
			after := outcome.Of(w.WhenDone())
			for when, o := range map[string]*outcome.Result[none]{"before": before, "after": after} {
				if o.Fired != 1 || !errors.Is(o.Err, test.whenDone) {
					t.Errorf("WhenDone asked %s: fired %d times with %v, want %v", when, o.Fired, o.Err, test.whenDone)
				}
				if got, want := errors.As(o.Err, &panicked), strings.Contains(test.name, "panics"); got != want {
					t.Errorf("the error is a PanicError: %v, want %v", got, want)
				}
			}
			wantErr(t, "Stop", w.Stop(), test.state)
			wantErr(t, "Pause", w.Pause(), test.state)
			if got, want := errors.Is(w.Stop(), task.ErrTaskFinished), test.state != task.ErrSchedulerStopped; got != want {
				t.Errorf("Stop gives ErrTaskFinished: %v, want %v", got, want)
			}
			w.sched.pump()
			w.wantWork(t)
			if n := w.sched.pending(); n != 0 {
				t.Errorf("%d calls are left", n)
			}
		})
	}
}

func TestTaskPauseStopResume(t *testing.T) {
	w := newWorker()
	w.Pause()
	w.Stop()
	wantErr(t, "Resume of a stopped task", w.Resume(), nil)
	w.sched.pump()
	w.wantWork(t)
}

func TestWhenDoneIsNewEachTime(t *testing.T) {
	w := newWorker()
	var got []int
	for i := range 2 {
		d := deferred.Map(w.WhenDone(), func(none) (int, error) { return i, nil })
		d.AddCallback(func(n int) (int, error) { got = append(got, n); return n, nil })
	}
	w.next = isDone
	w.sched.pump()
	if want := []int{0, 1}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestWhenDoneCancelled(t *testing.T) {
	w := newWorker()
	d, other := w.WhenDone(), outcome.Of(w.WhenDone())
	got := outcome.Of(d)
	d.Cancel()
	got.Want(t, none{}, deferred.ErrCancelled)
	w.sched.pump()
	w.wantWork(t, 1)
	w.next = isDone
	w.sched.pump()
	other.Want(t, none{}, nil)
}

func TestTaskStopCancelsItsWait(t *testing.T) {
	for name, end := range map[string]func(w *worker) error{
		"Stop":            func(w *worker) error { return w.Stop() },
		"Cooperator.Stop": func(w *worker) error { w.c.Stop(); return nil },
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorker()
			clock := task.NewClock()
			w.next = func() (task.Wait, error) { return task.Sleep(clock, second), nil }
			w.sched.pump()
			if n := len(clock.DelayedCalls()); n != 1 {
				t.Fatalf("%d timers are set", n)
			}
			errs := unhandled(t, func() {
				outcome.Of(w.WhenDone())
				noError(t, end(w))
			})
			if n := len(clock.DelayedCalls()); n != 0 {
				t.Errorf("%d timers are left", n)
			}
			if len(errs) != 0 {
				t.Errorf("unhandled: %v", errs)
			}
		})
	}
}

// The Deferred of a stopped task may fire at any time.
func TestTaskStopThenWaitFires(t *testing.T) {
	w := newWorker()
	inner, wait := deferred.New[none](), deferred.New[none]()
	wait.ThenErrback(func(error) *deferred.Deferred[none] { return inner })
	w.next = func() (task.Wait, error) { return wait, nil }
	w.sched.pump()
	d := outcome.Of(w.WhenDone())
	w.Stop()
	d.Want(t, none{}, task.ErrTaskStopped)
	errs := unhandled(t, func() { inner.Errback(errTest) })
	w.sched.pump()
	w.wantWork(t)
	if len(errs) != 0 {
		t.Errorf("unhandled: %v", errs)
	}
}

func TestTaskActsOnItselfInAStep(t *testing.T) {
	t.Run("Stop", func(t *testing.T) {
		w := newWorker()
		d := outcome.Of(w.WhenDone())
		clock := task.NewClock()
		w.next = func() (task.Wait, error) {
			noError(t, w.Stop())
			return task.Sleep(clock, second), nil
		}
		errs := unhandled(t, w.sched.pump)
		d.Want(t, none{}, task.ErrTaskStopped)
		if n := len(clock.DelayedCalls()); n != 0 || len(errs) != 0 {
			t.Errorf("%d timers are left, unhandled errors: %v", n, errs)
		}
		w.sched.pump()
		w.wantWork(t)
	})
	t.Run("Stop, and then an error", func(t *testing.T) {
		w := newWorker()
		d := outcome.Of(w.WhenDone())
		w.next = func() (task.Wait, error) { w.Stop(); return nil, errTest }
		w.sched.pump()
		d.Want(t, none{}, task.ErrTaskStopped)
	})
	t.Run("Pause", func(t *testing.T) {
		w := newWorker()
		w.next = func() (task.Wait, error) { return nil, w.Pause() }
		w.sched.pump()
		w.sched.pump()
		w.wantWork(t)
		noError(t, w.Resume())
		w.sched.pump()
		w.wantWork(t, 1)
	})
	t.Run("Pause and Resume", func(t *testing.T) {
		w := newWorker()
		w.next = func() (task.Wait, error) { return nil, errors.Join(w.Pause(), w.Resume()) }
		w.sched.pump()
		w.sched.pump()
		w.wantWork(t, 1)
	})
	t.Run("Cooperator.Stop", func(t *testing.T) {
		w := newWorker()
		d := outcome.Of(w.WhenDone())
		w.next = func() (task.Wait, error) { w.c.Stop(); return nil, nil }
		w.sched.pump()
		d.Want(t, none{}, task.ErrSchedulerStopped)
		if n := w.sched.pending(); n != 0 {
			t.Errorf("%d calls are left", n)
		}
	})
}

func TestFailureWithoutWhenDone(t *testing.T) {
	for name, test := range map[string]struct {
		end  func(w *worker)
		want []error
	}{
		"a failure":                  {func(w *worker) { w.next = fails; w.sched.pump() }, []error{errTest}},
		"a failure, asked for later": {func(w *worker) { w.next = fails; w.sched.pump(); outcome.Of(w.WhenDone()) }, nil},
		"a failure, asked for later twice": {func(w *worker) {
			w.next = fails
			w.sched.pump()
			outcome.Of(w.WhenDone())
			outcome.Of(w.WhenDone())
		}, nil},
		"done":                   {func(w *worker) { w.next = isDone; w.sched.pump() }, nil},
		"stopped":                {func(w *worker) { w.Stop() }, nil},
		"the cooperator stopped": {func(w *worker) { w.c.Stop() }, nil},
	} {
		t.Run(name, func(t *testing.T) {
			errs := unhandled(t, func() { test.end(newWorker()) })
			if !slices.Equal(errs, test.want) {
				t.Errorf("unhandled: %v, want %v", errs, test.want)
			}
		})
	}
}

func TestWhenDoneStopsTheCooperator(t *testing.T) {
	w := newWorker()
	var phases []string
	d := w.WhenDone()
	d.AddCallback(func(none) (none, error) {
		phases = append(phases, "called")
		w.c.Stop()
		phases = append(phases, "stopped")
		return none{}, nil
	})
	got := outcome.Of(d)
	w.next = isDone
	w.sched.pump()
	got.Want(t, none{}, nil)
	if want := []string{"called", "stopped"}; !slices.Equal(phases, want) {
		t.Errorf("phases: %v", phases)
	}
}

func TestCooperatorStopEndsAll(t *testing.T) {
	sched := newFakeScheduler()
	c := task.NewCooperator(nil, task.CooperatorConfig{Scheduler: sched.schedule, TerminationPredicate: oneStep})
	var order []string
	add := func(name string) *task.CooperativeTask {
		added := c.Cooperate(continues)
		added.WhenDone().AddErrback(func(err error) (none, error) {
			order = append(order, name)
			return none{}, nil
		})
		return added
	}
	paused := add("paused")
	a, b := add("a"), add("b")
	noError(t, paused.Pause())
	// A callback at the end of a changes the lists that Stop walks.
	a.WhenDone().AddErrback(func(error) (none, error) {
		b.Stop()
		paused.Resume()
		add("added meanwhile")
		return none{}, nil
	})
	c.Stop()
	if want := []string{"a", "b", "added meanwhile", "paused"}; !slices.Equal(order, want) {
		t.Errorf("ended: %v, want %v", order, want)
	}
	if n := sched.pending(); n != 0 {
		t.Errorf("%d calls are left", n)
	}
}

func TestCooperatorRunning(t *testing.T) {
	c := task.NewCooperator(task.NewClock(), task.CooperatorConfig{})
	if !c.Running() {
		t.Error("a new Cooperator is not running")
	}
	c = task.NewCooperator(task.NewClock(), task.CooperatorConfig{WaitForStart: true})
	for _, step := range []struct {
		name string
		do   func()
		want bool
	}{
		{"not started", func() {}, false},
		{"started", c.Start, true},
		{"stopped", c.Stop, false},
		{"started again", c.Start, true},
	} {
		if step.do(); c.Running() != step.want {
			t.Errorf("%s: Running() = %v", step.name, c.Running())
		}
	}
}

func TestCooperatorNotStarted(t *testing.T) {
	clock := task.NewClock()
	c := task.NewCooperator(clock, task.CooperatorConfig{WaitForStart: true})
	d := outcome.Of(c.Coiterate(isDone))
	clock.Advance(0)
	d.WantNothing(t)
	c.Start()
	clock.Advance(0)
	d.Want(t, none{}, nil)
}

func TestCooperatorStoppedRejectsTasks(t *testing.T) {
	clock := task.NewClock()
	c := task.NewCooperator(clock, task.CooperatorConfig{})
	c.Stop()
	ran := func() (task.Wait, error) {
		t.Error("a step ran")
		return nil, task.Done
	}
	outcome.Of(c.Coiterate(ran)).Want(t, none{}, task.ErrSchedulerStopped)
	outcome.Of(c.Cooperate(ran).WhenDone()).Want(t, none{}, task.ErrSchedulerStopped)
	outcome.Of(c.CooperateSeq(func(func(task.Wait) bool) { ran() }).WhenDone()).Want(t, none{}, task.ErrSchedulerStopped)
	c.Start()
	outcome.Of(c.Coiterate(isDone))
	clock.Advance(0)
}

func TestCooperatorTakesTurns(t *testing.T) {
	clock := task.NewClock()
	c := task.NewCooperator(clock, task.CooperatorConfig{})
	var log strings.Builder
	spell := func(word string) task.Step {
		return func() (task.Wait, error) {
			if word == "" {
				return nil, task.Done
			}
			log.WriteByte(word[0])
			word = word[1:]
			return nil, nil
		}
	}
	var all []*deferred.Deferred[none]
	for _, word := range []string{"abc", "123", "def", "456"} {
		all = append(all, c.Coiterate(spell(word)))
	}
	late := false
	c.Cooperate(func() (task.Wait, error) {
		if late {
			return nil, task.Done
		}
		late = true
		c.Cooperate(spell("xyz"))
		return nil, nil
	})
	clock.Advance(0)
	if got, want := log.String(), "a1d4b2e5xc3f6yz"; got != want {
		t.Errorf("the steps spell %q, want %q", got, want)
	}
	for _, d := range all {
		outcome.Of(d).Want(t, none{}, nil)
	}
}

// Whichever task leaves the round, and comes back, the others keep their order.
func TestCooperatorTasksLeaveTheRound(t *testing.T) {
	for count := 1; count <= 4; count++ {
		for which := range count {
			for _, how := range []string{"pause", "stop", "wait"} {
				s := newFakeScheduler()
				c := task.NewCooperator(s.clock, task.CooperatorConfig{Scheduler: s.schedule, TerminationPredicate: oneStep})
				var got, want, round []int
				var wait *deferred.Deferred[none]
				tasks := make([]*task.CooperativeTask, count)
				for i := range tasks {
					round = append(round, i)
					tasks[i] = c.Cooperate(func() (task.Wait, error) {
						got = append(got, i)
						if how == "wait" && i == which && wait == nil {
							wait = deferred.New[none]()
							return wait, nil
						}
						return nil, nil
					})
				}
				run := func(steps int) {
					for range steps {
						s.pump()
						if len(round) != 0 {
							want = append(want, round[0])
							round = append(round[1:], round[0])
						}
					}
				}
				leave := func() { round = slices.DeleteFunc(round, func(i int) bool { return i == which }) }
				switch how {
				case "pause":
					tasks[which].Pause()
				case "stop":
					tasks[which].Stop()
				case "wait":
					run(which + 1)
				}
				leave()
				run(2*count + 1)
				switch how {
				case "pause":
					tasks[which].Resume()
					round = append(round, which)
				case "wait":
					wait.Callback(none{})
					round = append(round, which)
				}
				run(2*count + 1)
				if !slices.Equal(got, want) {
					t.Errorf("%s %d of %d: steps of %v, want %v", how, which, count, got, want)
				}
				c.Stop()
			}
		}
	}
}

func TestCooperatorTerminationPredicate(t *testing.T) {
	sched := newFakeScheduler()
	steps, over := 0, false
	c := task.NewCooperator(nil, task.CooperatorConfig{
		Scheduler:            sched.schedule,
		TerminationPredicate: func() func() bool { return func() bool { return over } },
	})
	c.Cooperate(func() (task.Wait, error) {
		steps++
		over = steps%10 == 0
		return nil, nil
	})
	sched.pump()
	if steps != 10 {
		t.Errorf("%d steps in the first slice, want 10", steps)
	}
	sched.pump()
	if steps != 20 {
		t.Errorf("%d steps in two slices, want 20", steps)
	}
}

func TestCooperatorPredicatePanics(t *testing.T) {
	sched := newFakeScheduler()
	c := task.NewCooperator(nil, task.CooperatorConfig{
		Scheduler:            sched.schedule,
		TerminationPredicate: func() func() bool { return func() bool { panic("boom") } },
	})
	c.Cooperate(continues)
	wantPanic(t, "boom", sched.pump)
	if sched.pending() != 1 {
		t.Error("the cooperator scheduled no further slice")
	}
}

// sliceClock is a clock that moves with each reading.
type sliceClock struct {
	*task.Clock
	takes time.Duration
}

func (c *sliceClock) Now() time.Time {
	now := c.Clock.Now()
	c.Clock.Advance(c.takes)
	return now
}

func TestCooperatorSlice(t *testing.T) {
	for _, test := range []struct {
		name  string
		takes time.Duration
		want  int
	}{
		{"10 ms", time.Millisecond, 10},
		{"one step at least", second, 1},
		{"1000 steps on a clock that stands still", 0, 1000},
	} {
		t.Run(test.name, func(t *testing.T) {
			clock := &sliceClock{task.NewClock(), test.takes}
			sched := newFakeScheduler()
			c := task.NewCooperator(clock, task.CooperatorConfig{Scheduler: sched.schedule})
			steps := 0
			c.Cooperate(func() (task.Wait, error) { steps++; return nil, nil })
			for slice := 1; slice <= 2; slice++ {
				if sched.pump(); steps != slice*test.want {
					t.Errorf("%d steps in %d slices, want %d in each", steps, slice, test.want)
				}
			}
		})
	}
}

func TestCooperatorSchedulesOneCall(t *testing.T) {
	sched := newFakeScheduler()
	c := task.NewCooperator(nil, task.CooperatorConfig{Scheduler: sched.schedule, TerminationPredicate: oneStep})
	a, b := c.Cooperate(continues), c.Cooperate(continues)
	a.Stop()
	if n := sched.pending(); n != 1 {
		t.Errorf("with one task of two left, %d calls are scheduled", n)
	}
	b.Stop()
	if n := sched.pending(); n != 0 {
		t.Errorf("with no task left, %d calls are scheduled", n)
	}
	c.Cooperate(continues).Pause()
	if n := sched.pending(); n != 0 {
		t.Errorf("with one task that is paused, %d calls are scheduled", n)
	}
	// A task that starts when another ends, in the same slice.
	sched.made = 0
	var done *outcome.Result[none]
	c.Coiterate(isDone).AddCallback(func(none) (none, error) {
		done = outcome.Of(c.Coiterate(isDone))
		return none{}, nil
	})
	sched.pump()
	sched.pump()
	done.Want(t, none{}, nil)
	if sched.made != 2 {
		t.Errorf("%d calls were scheduled, want 2", sched.made)
	}
}

func TestCoiterateCancelled(t *testing.T) {
	clock := task.NewClock()
	c := task.NewCooperator(clock, task.CooperatorConfig{})
	d := c.Coiterate(func() (task.Wait, error) { return task.Sleep(clock, second), nil })
	got := outcome.Of(d)
	clock.Advance(0)
	d.Cancel()
	got.Want(t, none{}, deferred.ErrCancelled)
	if n := len(clock.DelayedCalls()); n != 0 {
		t.Errorf("%d timers are left", n)
	}
}

func TestCooperateSeq(t *testing.T) {
	clock := task.NewClock()
	var log []string
	note := func(s string) { log = append(log, s) }
	boom := errors.New("boom")
	for _, test := range []struct {
		name string
		seq  iter.Seq[task.Wait]
		do   func(self *task.CooperativeTask)
		want error
		log  []string
	}{
		{"to its end", func(yield func(task.Wait) bool) {
			for i := range 3 {
				note(fmt.Sprint(i))
				if !yield(nil) {
					return
				}
			}
		}, nil, nil, []string{"0", "1", "2"}},
		{"waits", func(yield func(task.Wait) bool) {
			note("before")
			if yield(task.Sleep(clock, second)) {
				note(fmt.Sprint("after ", elapsed(clock)))
			}
		}, nil, nil, []string{"before", "after 1s"}},
		{"yields a failed Deferred", func(yield func(task.Wait) bool) {
			defer note("closed")
			if yield(deferred.Fail[none](boom)) {
				note("continued")
			}
		}, nil, boom, []string{"closed"}},
		{"panics", func(yield func(task.Wait) bool) { panic(boom) }, nil, boom, nil},
		{"stopped before its first step", func(yield func(task.Wait) bool) {
			note("began")
		}, func(self *task.CooperativeTask) { self.Stop() }, task.ErrTaskStopped, nil},
		{"stopped while it waits", func(yield func(task.Wait) bool) {
			defer note("closed")
			if yield(deferred.New[none]()) {
				note("continued")
			}
		}, func(self *task.CooperativeTask) { clock.Advance(0); self.Stop() }, task.ErrTaskStopped, []string{"closed"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			clock, log = task.NewClock(), nil
			self := task.NewCooperator(clock, task.CooperatorConfig{}).CooperateSeq(test.seq)
			d := outcome.Of(self.WhenDone())
			if test.do != nil {
				test.do(self)
			}
			clock.Pump(0, second)
			if d.Fired != 1 || !errors.Is(d.Err, test.want) {
				t.Errorf("fired %d times with %v, want %v", d.Fired, d.Err, test.want)
			}
			if !slices.Equal(log, test.log) {
				t.Errorf("log: %q, want %q", log, test.log)
			}
		})
	}
}

func TestCooperateSeqStopsItself(t *testing.T) {
	clock := task.NewClock()
	c := task.NewCooperator(clock, task.CooperatorConfig{})
	var self *task.CooperativeTask
	var log []string
	self = c.CooperateSeq(func(yield func(task.Wait) bool) {
		noError(t, self.Stop())
		log = append(log, "stopped")
		if !yield(nil) {
			log = append(log, "closed")
		}
	})
	outcome.Of(self.WhenDone())
	clock.Advance(0)
	if want := []string{"stopped", "closed"}; !slices.Equal(log, want) {
		t.Errorf("log: %q, want %q", log, want)
	}
}

func TestCooperateSeqPanicsWhenClosed(t *testing.T) {
	errs := unhandled(t, func() {
		clock := task.NewClock()
		closes := task.NewCooperator(clock, task.CooperatorConfig{}).CooperateSeq(func(yield func(task.Wait) bool) {
			if !yield(deferred.New[none]()) {
				panic(errTest)
			}
		})
		d := outcome.Of(closes.WhenDone())
		clock.Advance(0)
		noError(t, closes.Stop())
		d.Want(t, none{}, task.ErrTaskStopped)
	})
	if len(errs) != 1 || !errors.Is(errs[0], errTest) {
		t.Errorf("unhandled: %v, want the panic", errs)
	}
}

func TestCooperateNil(t *testing.T) {
	c := task.NewCooperator(task.NewClock(), task.CooperatorConfig{})
	wantPanic(t, "task: Cooperate with a nil step", func() { c.Cooperate(nil) })
	wantPanic(t, "task: CooperateSeq with a nil iterator", func() { c.CooperateSeq(nil) })
}

func TestDoneIsAnError(t *testing.T) {
	if got, want := task.Done.Error(), "task: there are no more steps"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestWaitFor(t *testing.T) {
	for name, test := range map[string]struct {
		fire func(d *deferred.Deferred[int])
		want error
	}{
		"a value":  {func(d *deferred.Deferred[int]) { d.Callback(1) }, nil},
		"an error": {func(d *deferred.Deferred[int]) { d.Errback(errTest) }, errTest},
	} {
		t.Run(name, func(t *testing.T) {
			d := deferred.New[int]()
			got := outcome.Of(task.WaitFor(d))
			test.fire(d)
			got.Want(t, none{}, test.want)
		})
	}
}

func TestDefaultCooperator(t *testing.T) {
	r := reactor.Default()
	n := 0
	d := task.Coiterate(func() (task.Wait, error) {
		if n++; n == 3 {
			return nil, task.Done
		}
		return nil, nil
	})
	d.AddBoth(func(_ none, err error) (none, error) { return none{}, errors.Join(err, r.Stop()) })
	got := outcome.Of(d)
	stopped := task.Cooperate(continues)
	noError(t, stopped.Stop())
	noError(t, r.Run())
	got.Want(t, none{}, nil)
	first := task.DefaultCooperator()
	if first != task.DefaultCooperator() {
		t.Error("there are two default cooperators")
	}
}

// A polling task does not stop a loop in memory, although its clock
// does not move.
func TestCooperatorOnAMemoryReactor(t *testing.T) {
	r := memory.New()
	c := task.NewCooperator(r, task.CooperatorConfig{})
	polls, called := 0, false
	c.Cooperate(func() (task.Wait, error) {
		if polls++; called {
			return nil, task.Done
		}
		if polls == 1 {
			r.CallLater(0, func() { called = true })
		}
		return nil, nil
	})
	r.Pump()
	if !called || polls > 2000 {
		t.Errorf("called = %v after %d polls", called, polls)
	}
}

func BenchmarkCooperateStep(b *testing.B) {
	waits := func(n int, wait task.Wait) task.Step {
		return func() (task.Wait, error) {
			if n--; n < 0 {
				return nil, task.Done
			}
			return wait, nil
		}
	}
	clock := task.NewClock()
	wall := reactor.New()
	run := func(name string, c reactor.Clock, begin func(c *task.Cooperator, n int)) {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			begin(task.NewCooperator(c, task.CooperatorConfig{
				Scheduler: func(f func()) reactor.DelayedCall {
					return clock.CallLater(0, f)
				},
			}), b.N)
			clock.Advance(0)
		})
	}
	step := func(c *task.Cooperator, n int) { c.Cooperate(waits(n, nil)) }
	run("Clock", clock, step)
	run("Reactor", wall, step)
	run("TwoTasks", wall, func(c *task.Cooperator, n int) {
		c.Cooperate(waits(n/2, nil))
		c.Cooperate(waits(n-n/2, nil))
	})
	run("Waiting", wall, func(c *task.Cooperator, n int) {
		c.Cooperate(waits(n, deferred.Succeed(none{})))
	})
	b.Run("PausedAndResumed", func(b *testing.B) {
		b.ReportAllocs()
		var t *task.CooperativeTask
		t = task.NewCooperator(clock, task.CooperatorConfig{}).Cooperate(func() (task.Wait, error) { return nil, t.Pause() })
		for b.Loop() {
			clock.Advance(0)
			t.Resume()
		}
		t.Stop()
	})
	run("Seq", wall, func(c *task.Cooperator, n int) {
		c.CooperateSeq(func(yield func(task.Wait) bool) {
			for range n {
				yield(nil)
			}
		})
	})
}

func ExampleCooperator() {
	clock := task.NewClock() // a program passes its reactor
	c := task.NewCooperator(clock, task.CooperatorConfig{})
	count := func(name string, to int) task.Step {
		n := 0
		return func() (task.Wait, error) {
			if n == to {
				return nil, task.Done
			}
			n++
			fmt.Println(name, n)
			return task.Sleep(clock, time.Second), nil // nil to go on at once
		}
	}
	c.Cooperate(count("Alice", 2))
	bob := c.Cooperate(count("Bob", 3))
	bob.WhenDone().AddCallback(func(none) (none, error) {
		fmt.Println("Bob is done")
		return none{}, nil
	})
	clock.Pump(0, time.Second, time.Second, time.Second)
	// Output:
	// Alice 1
	// Bob 1
	// Alice 2
	// Bob 2
	// Bob 3
	// Bob is done
}

func ExampleCooperator_CooperateSeq() {
	clock := task.NewClock()
	done := task.NewCooperator(clock, task.CooperatorConfig{}).CooperateSeq(func(yield func(task.Wait) bool) {
		for _, word := range []string{"one", "step", "a", "second"} {
			fmt.Println(word)
			if !yield(task.Sleep(clock, time.Second)) {
				return // stopped
			}
		}
	}).WhenDone()
	clock.Pump(0, time.Second, time.Second, time.Second, time.Second)
	fmt.Println("done:", done.Called())
	// Output:
	// one
	// step
	// a
	// second
	// done: true
}
