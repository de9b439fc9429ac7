package task_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/reactor"
	"github.com/seed-7c003b53/gotreq/reactor/task"
)

const second = time.Second

// elapsed is the time on a Clock since it was made.
func elapsed(c *task.Clock) time.Duration { return c.Now().Sub(time.Unix(0, 0)) }

// clockScript is a Clock and the record of its calls.
type clockScript struct {
	*task.Clock
	log []string
}

func (s *clockScript) note(name string) func() {
	return func() { s.log = append(s.log, fmt.Sprintf("%s at %v", name, elapsed(s.Clock))) }
}

func TestClock(t *testing.T) {
	tests := []struct {
		name string
		run  func(s *clockScript)
		want []string
	}{
		{"a call is made when its time has come, and only once", func(s *clockScript) {
			s.CallLater(2*second, s.note("a"))
			s.Pump(second, second/2)
			s.note("still")()
			s.Pump(second/2, second)
		}, []string{"still at 1.5s", "a at 2s"}},
		{"calls are made in the order of their times", func(s *clockScript) {
			s.CallLater(10*second, s.note("late"))
			s.CallLater(second, s.note("early"))
			s.Advance(10 * second)
		}, []string{"early at 10s", "late at 10s"}},
		{"calls for the same time are made in the order in which they were scheduled", func(s *clockScript) {
			for _, name := range []string{"a", "b", "c", "d", "e", "f"} {
				s.CallLater(second, s.note(name))
			}
			s.Advance(second)
		}, []string{"a at 1s", "b at 1s", "c at 1s", "d at 1s", "e at 1s", "f at 1s"}},
		{"a cancelled call is not made", func(s *clockScript) {
			s.CallLater(second, s.note("a")).Cancel()
			s.Advance(second)
		}, nil},
		{"Delay moves a call from its own time", func(s *clockScript) {
			call := s.CallLater(second, s.note("a"))
			s.Advance(second / 2)
			call.Delay(second)
			s.Pump(second, second/2)
		}, []string{"a at 2s"}},
		{"Reset moves a call to later, from now", func(s *clockScript) {
			call := s.CallLater(2*second, s.note("a"))
			s.Advance(second)
			call.Reset(3 * second)
			s.Pump(2*second, second)
		}, []string{"a at 4s"}},
		{"Reset moves a call to sooner", func(s *clockScript) {
			s.CallLater(4*second, s.note("a")).Reset(3 * second)
			s.Advance(3 * second)
		}, []string{"a at 3s"}},
		{"order after Reset, with a call added later", func(s *clockScript) {
			s.CallLater(second, s.note("a")).Reset(3 * second)
			s.CallLater(2*second, s.note("b"))
			s.Pump(second, second, second)
		}, []string{"b at 2s", "a at 3s"}},
		{"order after Reset, with a call added before", func(s *clockScript) {
			a := s.CallLater(second, s.note("a"))
			s.CallLater(2*second, s.note("b"))
			a.Reset(3 * second)
			s.Pump(second, second, second)
		}, []string{"b at 2s", "a at 3s"}},
		{"order after Reset within a call", func(s *clockScript) {
			b := s.CallLater(2*second, s.note("b"))
			s.CallLater(second, func() { b.Reset(3 * second) })
			s.CallLater(3*second, s.note("c"))
			s.Pump(slices.Repeat([]time.Duration{second / 2}, 10)...)
		}, []string{"c at 3s", "b at 4s"}},
		{"Advance makes the calls that its calls schedule, if they are due", func(s *clockScript) {
			s.CallLater(second, func() {
				s.note("a")()
				s.CallLater(0, s.note("b"))
				s.CallLater(-second, s.note("c"))
				s.CallLater(second, s.note("d"))
			})
			s.Advance(5 * second)
			s.Advance(second)
		}, []string{"a at 5s", "b at 5s", "c at 5s", "d at 6s"}},
		{"Advance within a call", func(s *clockScript) {
			s.CallLater(second, func() {
				s.Advance(2 * second)
				s.note("a")()
			})
			s.CallLater(2*second, s.note("b"))
			s.Advance(second)
		}, []string{"b at 3s", "a at 3s"}},
		{"Advance by nothing makes the calls that are due", func(s *clockScript) {
			s.CallLater(0, s.note("a"))
			s.Advance(0)
		}, []string{"a at 0s"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s := &clockScript{Clock: task.NewClock()}
			test.run(s)
			if !slices.Equal(s.log, test.want) {
				t.Errorf("got  %q\nwant %q", s.log, test.want)
			}
			if left := s.DelayedCalls(); len(left) != 0 {
				t.Errorf("%d calls are left", len(left))
			}
		})
	}
}

func TestClockStartsAtTheEpoch(t *testing.T) {
	if now := task.NewClock().Now(); now != time.Date(1970, 1, 1, 0, 0, 0, 0, time.UTC) {
		t.Errorf("a new Clock shows %v", now)
	}
}

func TestClockDelayedCall(t *testing.T) {
	c := task.NewClock()
	c.Advance(second)
	noop := func() {}
	call := c.CallLater(second, noop)
	if want := time.Unix(2, 0); !call.Active() || !call.Time().Equal(want) {
		t.Errorf("Active() = %v, Time() = %v; want true, %v", call.Active(), call.Time(), want)
	}
	c.Advance(second)
	cancelled := c.CallLater(second, noop)
	if err := cancelled.Cancel(); err != nil {
		t.Error(err)
	}
	for name, test := range map[string]struct {
		call reactor.DelayedCall
		want error
	}{
		"made":      {call, deferred.ErrCallRan},
		"cancelled": {cancelled, deferred.ErrCallCancelled},
	} {
		if test.call.Active() {
			t.Errorf("%s: active", name)
		}
		for method, err := range map[string]error{
			"Cancel": test.call.Cancel(),
			"Reset":  test.call.Reset(second),
			"Delay":  test.call.Delay(second),
		} {
			if !errors.Is(err, test.want) {
				t.Errorf("%s: %s gives %v, want %v", name, method, err, test.want)
			}
		}
	}
}

func TestClockCallCancelsItself(t *testing.T) {
	c := task.NewClock()
	var call reactor.DelayedCall
	var err error
	call = c.CallLater(second, func() { err = call.Cancel() })
	c.Advance(second)
	if err != deferred.ErrCallRan {
		t.Errorf("Cancel within the call gives %v", err)
	}
}

func TestClockDelayedCalls(t *testing.T) {
	c := task.NewClock()
	if calls := c.DelayedCalls(); len(calls) != 0 {
		t.Errorf("a new Clock has calls: %v", calls)
	}
	noop := func() {}
	late := c.CallLater(2*second, noop)
	early := c.CallLater(second, noop)
	if got, want := c.DelayedCalls(), []reactor.DelayedCall{early, late}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestClockDoesNotGoBack(t *testing.T) {
	wantPanic(t, "task: Advance by a negative time", func() { task.NewClock().Advance(-1) })
}

func TestClockPanicInACall(t *testing.T) {
	s := &clockScript{Clock: task.NewClock()}
	s.CallLater(second, func() { panic("boom") })
	s.CallLater(second, s.note("next"))
	func() {
		defer func() {
			if v := recover(); v != "boom" {
				t.Errorf("recovered %v", v)
			}
		}()
		s.Advance(second)
	}()
	s.Advance(0)
	if want := []string{"next at 1s"}; !slices.Equal(s.log, want) {
		t.Errorf("got %q, want %q", s.log, want)
	}
}

func ExampleClock() {
	clock := task.NewClock()
	clock.CallLater(3*time.Second, func() { fmt.Println("three seconds have passed") })

	clock.Advance(2 * time.Second)
	fmt.Println("not yet")
	clock.Advance(time.Second)
	fmt.Println("at", clock.Now().Format(time.TimeOnly))
	// Output:
	// not yet
	// three seconds have passed
	// at 00:00:03
}

// An Advance that does not end panics.
func TestAdvanceWithoutEnd(t *testing.T) {
	clock := task.NewClock()
	var again func()
	again = func() { clock.CallLater(0, again) }
	again()
	defer func() {
		if got := fmt.Sprint(recover()); !strings.Contains(got, "does not end") {
			t.Errorf("got %s", got)
		}
	}()
	clock.Advance(second)
}
