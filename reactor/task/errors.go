package task

import (
	"errors"
	"fmt"

	"github.com/seed-7c003b53/gotreq/deferred"
)

// Errors of a task's methods and Deferreds.
var (
	// ErrTaskFinished is the error of Pause and Stop on a finished task. errors.Is
	// matches the next three errors with it. It is Twisted's TaskFinished.
	ErrTaskFinished = errors.New("task: the task has finished")
	// ErrTaskDone: the task is done. It is Twisted's TaskDone.
	ErrTaskDone = fmt.Errorf("%w: it is done", ErrTaskFinished)
	// ErrTaskFailed: a step of the task failed. It is Twisted's TaskFailed.
	ErrTaskFailed = fmt.Errorf("%w: it failed", ErrTaskFinished)
	// ErrTaskStopped: Stop was called. It is Twisted's TaskStopped.
	ErrTaskStopped = fmt.Errorf("%w: it was stopped", ErrTaskFinished)
	// ErrNotPaused is the error of Resume on a task that is not paused. It is Twisted's
	// NotPaused.
	ErrNotPaused = errors.New("task: the task is not paused")
	// ErrSchedulerStopped: the Cooperator was stopped. It is Twisted's SchedulerStopped.
	ErrSchedulerStopped = errors.New("task: the cooperator was stopped")
)

// catch, called by defer, turns a panic into the caller's error.
func catch(err *error) {
	// recover returns nil for runtime.Goexit (testing's FailNow), which continues.
	if v := recover(); v != nil {
		*err = deferred.NewPanicError(v)
	}
}
