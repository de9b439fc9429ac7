package request_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/internal/testkit/memfile"
	"github.com/seed-7c003b53/gotreq/internal/testkit/outcome"
	"github.com/seed-7c003b53/gotreq/internal/testkit/stepper"
	"github.com/seed-7c003b53/gotreq/reactor/task"
	"github.com/seed-7c003b53/gotreq/treq/request"
)

// TestBehindAWrapper checks that a producer finds the Cooperator through a consumer
// around another one.
func TestBehindAWrapper(t *testing.T) {
	f := newFileTest("hello, world", 5)
	c := &stepper.Counter{Consumer: f.to}
	o := outcome.Of(f.StartProducing(c))
	f.Drain()
	o.WantErr(t, nil)
	f.to.Want(t, "hello, world")
	if c.Written != 12 {
		t.Errorf("counted %d bytes", c.Written)
	}
}

// TestNoCooperator checks that a consumer without a Cooperator fails the producer at
// once.
func TestNoCooperator(t *testing.T) {
	file := memfile.New("abc")
	p := request.NewFileBodyProducer(file, request.FileBodyConfig{})
	o := outcome.Of(p.StartProducing(&stepper.Counter{Consumer: new(stepper.Sink)}))
	if o.Fired != 1 || !errors.Is(o.Err, request.ErrNoCooperator) ||
		!strings.Contains(o.Err.Error(), "(*stepper.Counter).Cooperator()") {
		t.Errorf("the Deferred fired %d times, with %v", o.Fired, o.Err)
	}
	if file.Closed != 1 {
		t.Errorf("the file was closed %d times", file.Closed)
	}
	outcome.Of(p.StartProducing(stepper.New().Sink())).WantErr(t, request.ErrProduced)
}

func TestStepsMayWait(t *testing.T) {
	s := stepper.New()
	to := s.Sink()
	wait := deferred.New[deferred.None]()
	closed := 0
	p := request.NewCooperativeProducer(2, func(to request.Consumer) (task.Wait, error) {
		if to.(*stepper.Sink).Len() == 0 {
			to.Write([]byte("1"))
			return wait, nil
		}
		to.Write([]byte("2"))
		return nil, task.Done
	}, func() { closed++ })
	if p.Length() != 2 {
		t.Errorf("Length() = %d", p.Length())
	}
	o := outcome.Of(p.StartProducing(to))
	s.Drain()
	to.Want(t, "1")
	wait.Callback(deferred.None{})
	s.Drain()
	to.Want(t, "12")
	o.WantErr(t, nil)
	if closed != 1 {
		t.Errorf("closed %d times", closed)
	}
}

func TestAStepThatWaitsIsCancelledByAStop(t *testing.T) {
	s := stepper.New()
	var events []string
	p := request.NewCooperativeProducer(request.UnknownLength, func(request.Consumer) (task.Wait, error) {
		return deferred.NewCancellable(func(task.Wait) { events = append(events, "cancelled") }), nil
	}, func() { events = append(events, "closed") })
	o := outcome.Of(p.StartProducing(s.Sink()))
	s.Drain()
	p.StopProducing()
	s.Drain()
	o.WantNothing(t)
	if len(events) != 2 || events[0] != "closed" || events[1] != "cancelled" {
		t.Errorf("events: %q", events)
	}
}

func TestStepsThatFail(t *testing.T) {
	s := stepper.New()
	bad := errors.New("bad")
	p := request.NewCooperativeProducer(0, func(request.Consumer) (task.Wait, error) { return nil, bad }, nil)
	o := outcome.Of(p.StartProducing(s.Sink()))
	s.Drain()
	o.WantErr(t, bad)
}

func TestTheEndOfTheCooperatorIsAnError(t *testing.T) {
	f := newFileTest("abc", 1)
	o := f.start()
	f.Stop()
	o.WantErr(t, task.ErrSchedulerStopped)
	if f.file.Closed != 1 {
		t.Errorf("the file was closed %d times", f.file.Closed)
	}
	g := newFileTest("abc", 1)
	g.Stop()
	g.start().WantErr(t, task.ErrSchedulerStopped)
}
