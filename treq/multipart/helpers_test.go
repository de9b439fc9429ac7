package multipart_test

import (
	"bytes"
	"errors"
	"io"
	"testing"
	"time"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/reactor"
	"github.com/seed-7c003b53/gotreq/reactor/task"
	"github.com/seed-7c003b53/gotreq/treq/multipart"
	"github.com/seed-7c003b53/gotreq/treq/request"
)

var _ request.BodyProducer = (*multipart.MultiPartProducer)(nil)

// A stepper is a Cooperator that runs one step of a task for each call of step.
type stepper struct {
	*task.Cooperator
	clock *task.Clock
}

func newStepper() *stepper {
	clock := task.NewClock()
	return &stepper{clock: clock, Cooperator: task.NewCooperator(clock, task.CooperatorConfig{
		Scheduler:            func(f func()) reactor.DelayedCall { return clock.CallLater(time.Second, f) },
		TerminationPredicate: func() func() bool { return func() bool { return true } },
	})}
}

func (s *stepper) step() { s.clock.Advance(time.Second) }

// drain runs all remaining steps, and returns their number.
func (s *stepper) drain() (n int) {
	for ; len(s.clock.DelayedCalls()) > 0; n++ {
		s.step()
	}
	return n
}

// sink returns a consumer with the Cooperator s.
func (s *stepper) sink() *sink { return &sink{cooperator: s.Cooperator} }

// A sink is a consumer that keeps the bytes.
type sink struct {
	bytes.Buffer
	cooperator *task.Cooperator
}

func (s *sink) Write(data []byte)            { s.Buffer.Write(data) }
func (s *sink) Cooperator() *task.Cooperator { return s.cooperator }

// A writer is a consumer that calls write with the bytes.
type writer struct {
	cooperator *task.Cooperator
	write      func([]byte)
}

func (w writer) Write(data []byte)            { w.write(data) }
func (w writer) Cooperator() *task.Cooperator { return w.cooperator }

// A file is a reader that counts the calls of Close.
type file struct {
	io.Reader
	closed int
}

func (f *file) Close() error { f.closed++; return nil }

func (f *file) wantClosed(t *testing.T, want int) {
	t.Helper()
	if f.closed != want {
		t.Errorf("the file was closed %d times; want %d", f.closed, want)
	}
}

// A sized is a reader with a length.
type sized struct {
	*file
	length int
}

func (s sized) Len() int { return s.length }

// An outcome is the error that a Deferred fired with, and how often it fired.
type outcome struct {
	fired int
	err   error
}

func watch(d *deferred.Deferred[deferred.None]) *outcome {
	o := new(outcome)
	d.AddBoth(func(_ deferred.None, err error) (deferred.None, error) {
		o.fired++
		o.err = err
		return deferred.None{}, nil
	})
	return o
}

func (o *outcome) want(t *testing.T, err error) {
	t.Helper()
	if o.fired != 1 || !errors.Is(o.err, err) {
		t.Errorf("the Deferred fired %d times, with error %v; want once, with %v", o.fired, o.err, err)
	}
}

func (o *outcome) wantNothing(t *testing.T) {
	t.Helper()
	if o.fired != 0 {
		t.Errorf("the Deferred fired, with error %v; want it not to", o.err)
	}
}

func wantBytes(t *testing.T, s *sink, want string) {
	t.Helper()
	if got := s.String(); got != want {
		t.Errorf("written:\n%q\nwant:\n%q", got, want)
	}
}

// produce makes the body of fields, with the boundary heyDavid, and produces all of it.
func produce(t *testing.T, fields []multipart.Field) (*multipart.MultiPartProducer, string) {
	t.Helper()
	s := newStepper()
	to := s.sink()
	p, err := multipart.NewMultiPartProducer(fields, multipart.Config{Boundary: "heyDavid"})
	if err != nil {
		t.Fatal(err)
	}
	length := p.Length()
	o := watch(p.StartProducing(to))
	s.drain()
	o.want(t, nil)
	if length != request.UnknownLength && length != int64(to.Len()) {
		t.Errorf("Length() = %d; written were %d", length, to.Len())
	}
	return p, to.String()
}
