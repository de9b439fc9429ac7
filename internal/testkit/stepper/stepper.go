// Package stepper has a Cooperator that tests move step by step, and consumers with such
// a Cooperator.
package stepper

import (
	"bytes"
	"testing"
	"time"

	"github.com/seed-7c003b53/gotreq/reactor"
	"github.com/seed-7c003b53/gotreq/reactor/task"
	"github.com/seed-7c003b53/gotreq/treq/request"
)

// A Stepper is a Cooperator that runs one step of a task for each call of Step.
type Stepper struct {
	*task.Cooperator
	clock *task.Clock
}

// New returns a Stepper without tasks.
func New() *Stepper {
	clock := task.NewClock()
	return &Stepper{clock: clock, Cooperator: task.NewCooperator(clock, task.CooperatorConfig{
		Scheduler:            func(f func()) reactor.DelayedCall { return clock.CallLater(time.Second, f) },
		TerminationPredicate: func() func() bool { return func() bool { return true } },
	})}
}

// Step runs the next step.
func (s *Stepper) Step() { s.clock.Advance(time.Second) }

// Busy reports whether a step is left.
func (s *Stepper) Busy() bool { return len(s.clock.DelayedCalls()) != 0 }

// Drain runs all steps that are left, and returns their number.
func (s *Stepper) Drain() (n int) {
	for ; s.Busy(); n++ {
		s.Step()
	}
	return n
}

// Sink returns a Sink with this Cooperator.
func (s *Stepper) Sink() *Sink { return &Sink{Tasks: s.Cooperator} }

// A Sink is a consumer that keeps the bytes.
type Sink struct {
	bytes.Buffer
	Tasks *task.Cooperator
}

// Write keeps data.
func (s *Sink) Write(data []byte) { s.Buffer.Write(data) }

// Cooperator returns Tasks.
func (s *Sink) Cooperator() *task.Cooperator { return s.Tasks }

// Want fails the test unless all bytes of the Sink are want.
func (s *Sink) Want(t testing.TB, want string) {
	t.Helper()
	if got := s.String(); got != want {
		t.Errorf("written:\n%q\nwant:\n%q", got, want)
	}
}

// A Writer is a consumer that calls WriteFunc with the bytes.
type Writer struct {
	Tasks     *task.Cooperator
	WriteFunc func(data []byte)
}

// Write calls WriteFunc.
func (w Writer) Write(data []byte) { w.WriteFunc(data) }

// Cooperator returns Tasks.
func (w Writer) Cooperator() *task.Cooperator { return w.Tasks }

// A Counter is a consumer around another one, which counts the bytes. Programs use such a
// consumer to show progress.
type Counter struct {
	request.Consumer
	Written int
}

// Write counts the bytes and passes them on.
func (c *Counter) Write(data []byte) {
	c.Written += len(data)
	c.Consumer.Write(data)
}
