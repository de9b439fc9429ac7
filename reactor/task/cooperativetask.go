package task

import (
	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/internal/list"
)

// A CooperativeTask is work that a [Cooperator] runs in steps. [Cooperator.Cooperate] starts
// one.
type CooperativeTask struct {
	cooperator *Cooperator
	step       Step
	closer     func()                                            // frees the resources of step; may be nil
	resume     func(deferred.None, error) (deferred.None, error) // t.waited, allocated when first needed

	pauses   int
	wait     Wait // the Deferred that the task waits for; nil if none
	stepping bool
	ended    error // error of Pause and Stop after the end; nil before
	result   error // error of WhenDone after the end

	waiters list.List[waiter]                 // of WhenDone
	failure *deferred.Deferred[deferred.None] // holds an error without waiters, to report it

	place list.Node[CooperativeTask] // in a list of the Cooperator; in none after the end
}

// A waiter waits for the end of a task.
type waiter struct {
	result *deferred.Deferred[deferred.None]
	place  list.Node[waiter]
}

// Pause keeps the task from running until [CooperativeTask.Resume] is called as often as
// Pause. If the task has ended, it fails with an error that errors.Is matches with
// [ErrTaskFinished], or with [ErrSchedulerStopped].
func (t *CooperativeTask) Pause() error {
	if t.ended != nil {
		return t.ended
	}
	t.pauses++
	t.move()
	return nil
}

// Resume undoes one [CooperativeTask.Pause]. It fails with [ErrNotPaused] if there is none
// to undo. If the task has ended since, it does nothing.
func (t *CooperativeTask) Resume() error {
	if t.pauses == 0 {
		return ErrNotPaused
	}
	t.pauses--
	t.move()
	return nil
}

// Stop ends the task and cancels the Deferred that it waits for. The Deferreds of
// [CooperativeTask.WhenDone] fail with [ErrTaskStopped]. If the task has ended, Stop fails
// like Pause.
func (t *CooperativeTask) Stop() error {
	if t.ended != nil {
		return t.ended
	}
	t.finish(ErrTaskStopped, ErrTaskStopped)
	return nil
}

// WhenDone returns a new Deferred that fires when the task is done. It fails with the error
// of a step, with [ErrTaskStopped] or with [ErrSchedulerStopped]. Cancelling it does not
// stop the task.
//
// If a task fails and WhenDone was not called, the error is reported like an unhandled
// error of a Deferred.
func (t *CooperativeTask) WhenDone() *deferred.Deferred[deferred.None] {
	return t.watch(nil)
}

// watch is WhenDone. It calls cancelled, if not nil, when the Deferred is cancelled.
func (t *CooperativeTask) watch(cancelled func()) *deferred.Deferred[deferred.None] {
	switch {
	case t.ended == nil:
		w := new(waiter)
		w.result = deferred.NewCancellable(func(Wait) {
			w.place.Remove()
			if cancelled != nil {
				cancelled()
			}
		})
		t.waiters.Push(&w.place, w)
		return w.result
	case t.result == nil:
		return deferred.Succeed(deferred.None{})
	}
	if t.failure != nil {
		ignoreError(t.failure)
		t.failure = nil
	}
	return deferred.Fail[deferred.None](t.result)
}

// advance runs one step of t, the first task in the ready list.
func (t *CooperativeTask) advance() {
	t.stepping = true
	wait, err := t.try()
	t.stepping = false
	switch {
	case t.ended != nil: // the step ended the task
		t.close()
		if wait != nil {
			ignoreError(wait)
			wait.Cancel()
		}
	case wait != nil:
		if err != nil {
			t.step = func() (Wait, error) { return nil, err }
		}
		t.waitFor(wait)
	case err == nil:
		if ready := &t.cooperator.ready; t.place.In() == ready {
			ready.Push(&t.place, t)
		}
	case err == Done:
		t.finish(ErrTaskDone, nil)
	default:
		t.finish(ErrTaskFailed, err)
	}
}

// try calls step. A panic becomes an error.
func (t *CooperativeTask) try() (wait Wait, err error) {
	defer catch(&err)
	return t.step()
}

func (t *CooperativeTask) waitFor(wait Wait) {
	if t.resume == nil {
		t.resume = t.waited
	}
	t.wait = wait
	t.move()
	wait.AddBoth(t.resume)
}

// waited handles the result of the Deferred that the task waits for.
func (t *CooperativeTask) waited(_ deferred.None, err error) (deferred.None, error) {
	if t.ended == nil {
		t.wait = nil
		if err != nil {
			t.finish(ErrTaskFailed, err)
		} else {
			t.move()
		}
	}
	return deferred.None{}, nil
}

func ignoreError(d *deferred.Deferred[deferred.None]) {
	d.AddErrback(func(error) (deferred.None, error) { return deferred.None{}, nil })
}

// move moves the task to the list for its state.
func (t *CooperativeTask) move() {
	c := t.cooperator
	to := &c.ready
	switch {
	case t.ended != nil:
		to = nil
	case t.pauses != 0 || t.wait != nil:
		to = &c.idle
	}
	switch {
	case to == t.place.In():
		return
	case to == nil:
		t.place.Remove()
	default:
		to.Push(&t.place, t)
	}
	c.reschedule()
}

// finish ends the task. ended is the error of later calls of Pause and Stop, and result
// that of WhenDone.
func (t *CooperativeTask) finish(ended, result error) {
	t.ended, t.result = ended, result
	t.move()
	if wait := t.wait; wait != nil {
		t.wait = nil
		wait.Cancel()
	}
	if !t.stepping { // else advance closes the task after the step
		t.close()
	}
	// Last, because the callbacks may use the Cooperator.
	if t.waiters.Len() == 0 && ended == ErrTaskFailed {
		t.failure = deferred.Fail[deferred.None](result)
	}
	for w := t.waiters.First(); w != nil; w = t.waiters.First() {
		w.place.Remove()
		w.result.Resolve(deferred.None{}, result)
	}
}

// close frees the resources of step. A panic is reported as an unhandled error.
func (t *CooperativeTask) close() {
	closer := t.closer
	t.step, t.closer = nil, nil
	if closer == nil {
		return
	}
	var err error
	func() {
		defer catch(&err)
		closer()
	}()
	if err != nil {
		deferred.Fail[deferred.None](err)
	}
}
