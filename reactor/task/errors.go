package task

import (
	"errors"
	"fmt"

	"github.com/seed-7c003b53/gotreq/deferred"
)

// What the methods of a task, and its Deferreds, fail with.
var (
	// ErrTaskFinished is the error of doing something with a task that has
	// ended, in whichever way: the three below are it too. It is Twisted's
	// TaskFinished.
	ErrTaskFinished = errors.New("task: the task has finished")
	// ErrTaskDone says that the task came to its end. It is Twisted's TaskDone.
	ErrTaskDone = fmt.Errorf("%w: it is done", ErrTaskFinished)
	// ErrTaskFailed says that one of the task's steps failed. It is Twisted's
	// TaskFailed.
	ErrTaskFailed = fmt.Errorf("%w: it failed", ErrTaskFinished)
	// ErrTaskStopped says that the task was stopped. It is Twisted's TaskStopped.
	ErrTaskStopped = fmt.Errorf("%w: it was stopped", ErrTaskFinished)
	// ErrNotPaused is the error of resuming a task that was not paused. It is
	// Twisted's NotPaused.
	ErrNotPaused = errors.New("task: the task is not paused")
	// ErrSchedulerStopped is the error of a task whose Cooperator was stopped.
	// It is Twisted's SchedulerStopped.
	ErrSchedulerStopped = errors.New("task: the cooperator was stopped")
)

// catch, as a deferred function, makes a panic the error of its caller.
func catch(err *error) {
	// recover gives nil for runtime.Goexit (testing's FailNow), which is to go on.
	if v := recover(); v != nil {
		*err = deferred.NewPanicError(v)
	}
}
