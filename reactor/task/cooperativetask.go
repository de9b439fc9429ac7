package task

import (
	"slices"

	"github.com/seed-7c003b53/gotreq/deferred"
)

// A CooperativeTask is a piece of long work that a [Cooperator] runs in steps;
// [Cooperator.Cooperate] begins one. It belongs to the loop's goroutine.
type CooperativeTask struct {
	cooperator *Cooperator
	step       Step
	closer     func()                                            // frees what step holds; may be nil
	resume     func(deferred.None, error) (deferred.None, error) // t.waited, made when first needed

	pauses   int
	wait     Wait // what the task waits for
	stepping bool
	ended    error // which of the task's errors says how it ended; nil until then
	result   error // what WhenDone fails with after that

	waiters []*deferred.Deferred[deferred.None] // to be fired at the end
	failure *deferred.Deferred[deferred.None]   // holds an error that nobody waited for

	list       *taskList
	next, prev *CooperativeTask
}

// Pause keeps the task from running until [CooperativeTask.Resume] has been
// called as often as Pause. It fails with an error that is [ErrTaskFinished], or
// with [ErrSchedulerStopped], if the task has ended.
func (t *CooperativeTask) Pause() error {
	if t.ended != nil {
		return t.ended
	}
	t.pauses++
	t.place()
	return nil
}

// Resume undoes one [CooperativeTask.Pause]. It fails with [ErrNotPaused] if
// there is none to undo. On a task that has ended since it does nothing.
func (t *CooperativeTask) Resume() error {
	if t.pauses == 0 {
		return ErrNotPaused
	}
	t.pauses--
	t.place()
	return nil
}

// Stop ends the task, and cancels what it waits for. The Deferreds of
// [CooperativeTask.WhenDone] fail with [ErrTaskStopped]. It fails like Pause if
// the task has ended already.
func (t *CooperativeTask) Stop() error {
	if t.ended != nil {
		return t.ended
	}
	t.finish(ErrTaskStopped, ErrTaskStopped)
	return nil
}

// WhenDone returns a new Deferred that fires when the task is done. It fails
// with the error of the step that failed, with [ErrTaskStopped] or with
// [ErrSchedulerStopped]. Cancelling it does not stop the task.
//
// The error of a task that nobody waits for is reported like that of a Deferred
// that nobody handles.
func (t *CooperativeTask) WhenDone() *deferred.Deferred[deferred.None] {
	return t.watch(nil)
}

// watch is WhenDone; cancelled, if not nil, is called when the Deferred is
// cancelled.
func (t *CooperativeTask) watch(cancelled func()) *deferred.Deferred[deferred.None] {
	switch {
	case t.ended == nil:
		d := deferred.NewCancellable(func(d Wait) {
			t.waiters = slices.DeleteFunc(t.waiters, func(w Wait) bool { return w == d })
			if cancelled != nil {
				cancelled()
			}
		})
		t.waiters = append(t.waiters, d)
		return d
	case t.result == nil:
		return deferred.Succeed(deferred.None{})
	}
	if t.failure != nil {
		ignoreError(t.failure)
		t.failure = nil
	}
	return deferred.Fail[deferred.None](t.result)
}

// advance runs one step of a task that is first in the ready list.
func (t *CooperativeTask) advance() {
	t.stepping = true
	wait, err := t.try()
	t.stepping = false
	switch {
	case t.ended != nil: // by the step itself
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
		if t.list == &t.cooperator.ready {
			t.list.rotate(t)
		}
	case err == Done:
		t.finish(ErrTaskDone, nil)
	default:
		t.finish(ErrTaskFailed, err)
	}
}

// try calls step; a panic becomes its error.
func (t *CooperativeTask) try() (wait Wait, err error) {
	defer catch(&err)
	return t.step()
}

func (t *CooperativeTask) waitFor(wait Wait) {
	if t.resume == nil {
		t.resume = t.waited
	}
	t.wait = wait
	t.place()
	wait.AddBoth(t.resume)
}

// waited is called with the result of what the task waits for, or waited for
// when it ended.
func (t *CooperativeTask) waited(_ deferred.None, err error) (deferred.None, error) {
	if t.ended == nil {
		t.wait = nil
		if err != nil {
			t.finish(ErrTaskFailed, err)
		} else {
			t.place()
		}
	}
	return deferred.None{}, nil
}

func ignoreError(d *deferred.Deferred[deferred.None]) {
	d.AddErrback(func(error) (deferred.None, error) { return deferred.None{}, nil })
}

// place puts the task into the list where it belongs.
func (t *CooperativeTask) place() {
	c := t.cooperator
	list := &c.ready
	switch {
	case t.ended != nil:
		list = nil
	case t.pauses != 0 || t.wait != nil:
		list = &c.idle
	}
	if list == t.list {
		return
	}
	if t.list != nil {
		t.list.remove(t)
	}
	if list != nil {
		list.push(t)
	}
	c.reschedule()
}

// finish ends the task. ended is what Stop and Pause fail with from now on, and
// result what WhenDone does.
func (t *CooperativeTask) finish(ended, result error) {
	t.ended, t.result = ended, result
	t.place()
	if wait := t.wait; wait != nil {
		t.wait = nil
		wait.Cancel()
	}
	if !t.stepping { // else the step is to return first
		t.close()
	}
	// Last, with the task gone: what fires may do anything to the Cooperator.
	waiters := t.waiters
	t.waiters = nil
	if len(waiters) == 0 && ended == ErrTaskFailed {
		t.failure = deferred.Fail[deferred.None](result)
	}
	for _, d := range waiters {
		d.Resolve(deferred.None{}, result)
	}
}

// close frees what the steps hold. A panic from there is for nobody to handle,
// so it is reported as that.
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

// A taskList is a list of tasks, each in one list at most.
type taskList struct{ first, last *CooperativeTask }

func (l *taskList) push(t *CooperativeTask) {
	t.list, t.prev, t.next = l, l.last, nil
	if l.last != nil {
		l.last.next = t
	} else {
		l.first = t
	}
	l.last = t
}

func (l *taskList) remove(t *CooperativeTask) {
	if t.prev != nil {
		t.prev.next = t.next
	} else {
		l.first = t.next
	}
	if t.next != nil {
		t.next.prev = t.prev
	} else {
		l.last = t.prev
	}
	t.list, t.prev, t.next = nil, nil, nil
}

// rotate moves t to the end.
func (l *taskList) rotate(t *CooperativeTask) {
	if l.last != t {
		l.remove(t)
		l.push(t)
	}
}

func (l *taskList) tasks() (tasks []*CooperativeTask) {
	for t := l.first; t != nil; t = t.next {
		tasks = append(tasks, t)
	}
	return tasks
}
