package request_test

import (
	"errors"
	"testing"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/reactor/task"
	"github.com/seed-7c003b53/gotreq/treq/request"
)

// cooperating is a sink of a reactor that has that Cooperator.
type cooperating struct {
	sink
	cooperator *task.Cooperator
}

func (c *cooperating) Cooperator() *task.Cooperator { return c.cooperator }

func TestWhichCooperatorRunsABody(t *testing.T) {
	own, theirs := task.NewCooperator(task.NewClock()), task.NewCooperator(task.NewClock())
	fallback := task.DefaultCooperator()
	for _, test := range []struct {
		name string
		own  *task.Cooperator
		to   request.Consumer
		want *task.Cooperator
	}{
		{"its own", own, &cooperating{cooperator: theirs}, own},
		{"its consumer's", nil, &cooperating{cooperator: theirs}, theirs},
		{"the default reactor's", nil, &sink{}, fallback},
		{"the default reactor's, if the consumer has none", nil, &cooperating{}, fallback},
	} {
		t.Run(test.name, func(t *testing.T) {
			p := request.NewFileBodyProducer(newFile("abc"), request.Cooperator(test.own))
			if got := p.Cooperator(); got != test.own {
				t.Errorf("before it started: %p; want %p", got, test.own)
			}
			p.StartProducing(test.to)
			defer p.StopProducing()
			if got := p.Cooperator(); got != test.want {
				t.Errorf("Cooperator() = %p; want %p", got, test.want)
			}
		})
	}
}

func TestStepsMayWait(t *testing.T) {
	s, to := newStepper(), new(sink)
	wait := deferred.New[deferred.None]()
	closed := 0
	p := request.NewCooperativeProducer(2, s.Cooperator, func(to request.Consumer) (task.Wait, error) {
		if to.(*sink).Len() == 0 {
			to.Write([]byte("1"))
			return wait, nil
		}
		to.Write([]byte("2"))
		return nil, task.Done
	}, func() { closed++ })
	if p.Length() != 2 {
		t.Errorf("Length() = %d", p.Length())
	}
	o := watch(p.StartProducing(to))
	s.drain()
	wantBytes(t, to, "1")
	wait.Callback(deferred.None{})
	s.drain()
	wantBytes(t, to, "12")
	o.want(t, nil)
	if closed != 1 {
		t.Errorf("closed %d times", closed)
	}
}

func TestAStepThatWaitsIsCancelledByAStop(t *testing.T) {
	s := newStepper()
	var events []string
	p := request.NewCooperativeProducer(request.UnknownLength, s.Cooperator, func(request.Consumer) (task.Wait, error) {
		return deferred.NewCancellable(func(task.Wait) { events = append(events, "cancelled") }), nil
	}, func() { events = append(events, "closed") })
	o := watch(p.StartProducing(new(sink)))
	s.drain()
	p.StopProducing()
	s.drain()
	o.wantNothing(t)
	if len(events) != 2 || events[0] != "closed" || events[1] != "cancelled" {
		t.Errorf("events: %q", events)
	}
}

func TestStepsThatFail(t *testing.T) {
	s := newStepper()
	bad := errors.New("bad")
	p := request.NewCooperativeProducer(0, s.Cooperator, func(request.Consumer) (task.Wait, error) { return nil, bad }, nil)
	o := watch(p.StartProducing(new(sink)))
	s.drain()
	o.want(t, bad)
}

func TestTheEndOfTheCooperatorIsAnError(t *testing.T) {
	f := newFileTest("abc", 1)
	o := f.start()
	f.Stop()
	o.want(t, task.ErrSchedulerStopped)
	if f.file.closed != 1 {
		t.Errorf("the file was closed %d times", f.file.closed)
	}
	g := newFileTest("abc", 1)
	g.Stop()
	g.start().want(t, task.ErrSchedulerStopped)
}
