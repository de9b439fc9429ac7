package task_test

import (
	"errors"
	"fmt"
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

const ms = time.Millisecond

// A call is a call of a LoopingCall: its time, and its number of
// intervals.
type call struct {
	at    time.Duration
	count int
}

// recorder makes a LoopingCall that counts and records its calls. Each call keeps
// the loop busy for the time takes.
type recorder struct {
	*task.LoopingCall
	clock *task.Clock
	calls []call
	takes time.Duration
	then  func() task.Wait
}

func newRecorder() *recorder {
	r := &recorder{clock: task.NewClock()}
	r.LoopingCall = task.WithCount(r.clock, func(count int) task.Wait {
		r.calls = append(r.calls, call{elapsed(r.clock), count})
		if r.takes != 0 {
			r.clock.Advance(r.takes)
		}
		if r.then != nil {
			return r.then()
		}
		return nil
	})
	return r
}

func TestLoopingCallTimes(t *testing.T) {
	for _, test := range []struct {
		name string
		run  func(r *recorder)
		want []call
	}{
		{"at once, and then at each interval", func(r *recorder) {
			r.Start(100*ms, true)
			r.clock.Pump(50*ms, 100*ms, 100*ms)
		}, []call{{0, 1}, {150 * ms, 1}, {250 * ms, 1}}},
		{"not at once", func(r *recorder) {
			r.Start(100*ms, false)
			r.clock.Pump(50*ms, 100*ms, 100*ms)
		}, []call{{150 * ms, 1}, {250 * ms, 1}}},
		{"times during a call are skipped", func(r *recorder) {
			r.takes = 2 * second
			r.Start(500*ms, true) // runs until 2 s; the next call is at 2.5 s
			r.takes = second
			r.clock.Pump(0, 500*ms) // runs until 3.5 s; the next call is at 4 s
			r.takes = 0
			r.clock.Pump(0, 500*ms)
		}, []call{{0, 1}, {2500 * ms, 5}, {4 * second, 3}}},
		{"times while the loop is busy are skipped", func(r *recorder) {
			r.Start(500*ms, true)
			r.clock.Pump(2*second, second, 0)
		}, []call{{0, 1}, {2 * second, 4}, {3 * second, 2}}},
		{"calls that are somewhat late do not move the grid", func(r *recorder) {
			r.Start(500*ms, true)
			r.clock.Pump(510*ms, 1510*ms, 0)
		}, []call{{0, 1}, {510 * ms, 1}, {2020 * ms, 3}}},
		{"a call late by less than an interval counts for one", func(r *recorder) {
			r.Start(500*ms, true)
			r.clock.Pump(510*ms, 875*ms, 125*ms)
		}, []call{{0, 1}, {510 * ms, 1}, {1385 * ms, 1}, {1510 * ms, 1}}},
		{"times while a call waits are skipped", func(r *recorder) {
			wait := deferred.New[none]()
			r.then = func() task.Wait { return wait }
			r.Start(200*ms, false)
			r.clock.Pump(200*ms, 400*ms)
			wait.Callback(none{})
			r.then = nil
			r.clock.Pump(200 * ms)
		}, []call{{200 * ms, 1}, {800 * ms, 3}}},
		{"an interval of 0, five times", func(r *recorder) {
			r.then = func() task.Wait {
				if len(r.calls) == 5 {
					r.Stop()
				}
				return nil
			}
			r.Start(0, false)
			r.clock.Advance(0)
		}, slices.Repeat([]call{{0, 1}}, 5)},
		{"an interval of 0 and a call that waits", func(r *recorder) {
			wait := deferred.New[none]()
			r.then = func() task.Wait {
				switch len(r.calls) {
				case 2:
					return wait
				case 5:
					r.Stop()
				}
				return nil
			}
			r.Start(0, false)
			r.clock.Pump(0, 2*second)
			wait.Callback(none{})
			r.clock.Advance(0)
		}, []call{{0, 1}, {0, 1}, {2 * second, 1}, {2 * second, 1}, {2 * second, 1}}},
		{"an interval of 0, and then another", func(r *recorder) {
			wait := deferred.New[none]()
			r.then = func() task.Wait {
				if len(r.calls) == 2 {
					return wait
				}
				return nil
			}
			r.Start(0, false)
			r.clock.Advance(10 * second)
			r.SetInterval(2 * second)
			wait.Callback(none{})
			r.clock.Pump(7*second, 2*second, 4*second)
		}, []call{{10 * second, 1}, {10 * second, 1}, {17 * second, 3}, {19 * second, 1}, {23 * second, 2}}},
		{"Reset postpones the next call", func(r *recorder) {
			r.Start(2*second, false)
			r.clock.Advance(second)
			r.Reset()
			r.clock.Pump(second, second, second, second)
		}, []call{{3 * second, 1}, {5 * second, 1}}},
		{"Reset within a call changes nothing", func(r *recorder) {
			r.then = func() task.Wait { r.Reset(); return nil }
			r.Start(2*second, false)
			r.clock.Pump(3*second, second)
		}, []call{{3 * second, 1}, {4 * second, 1}}},
		{"SetInterval and Reset before the first call", func(r *recorder) {
			r.Start(2*second, false)
			r.clock.Advance(second)
			r.SetInterval(second)
			r.Reset()
			r.clock.Pump(second, second)
		}, []call{{2 * second, 1}, {3 * second, 1}}},
		{"SetInterval and Reset after a call", func(r *recorder) {
			r.Start(2*second, true)
			r.clock.Advance(second)
			r.SetInterval(500 * ms)
			r.Reset()
			r.clock.Pump(500*ms, 500*ms)
		}, []call{{0, 1}, {1500 * ms, 1}, {2 * second, 1}}},
		{"a longer interval and Reset", func(r *recorder) {
			r.Start(second, true)
			r.clock.Advance(500 * ms)
			r.SetInterval(5 * second)
			r.Reset()
			r.clock.Pump(5*second, 10*second)
		}, []call{{0, 1}, {5500 * ms, 1}, {15500 * ms, 2}}},
		{"SetInterval before a call", func(r *recorder) {
			r.Start(2*second, false)
			r.clock.Advance(second)
			r.SetInterval(second)
			r.clock.Pump(second, second, 3*second)
		}, []call{{2 * second, 1}, {3 * second, 1}, {6 * second, 3}}},
		{"Reset twice before the first call", func(r *recorder) {
			r.Start(second, false)
			for range 3 {
				r.clock.Advance(900 * ms)
				r.Reset()
			}
			r.clock.Advance(second)
		}, []call{{3700 * ms, 1}}},
		{"Reset when calls were missed", func(r *recorder) {
			r.Start(second, true)
			r.clock.CallLater(0, func() {
				r.clock.CallLater(3500*ms, func() { r.Reset() })
			})
			r.clock.Advance(0)
			r.clock.Advance(10 * second)
		}, []call{{0, 1}, {10 * second, 10}}},
		{"to an interval of 0 and back", func(r *recorder) {
			r.Start(second, false)
			r.SetInterval(0)
			r.Reset()
			r.then = func() task.Wait { r.SetInterval(second); return nil }
			r.clock.Pump(0, second)
		}, []call{{0, 1}, {second, 1}}},
		{"a second run counts from its own start", func(r *recorder) {
			r.Start(second, true)
			r.Stop()
			r.clock.Advance(10 * second)
			r.Start(second, false)
			r.clock.Advance(second)
		}, []call{{0, 1}, {11 * second, 1}}},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := newRecorder()
			test.run(r)
			if !slices.Equal(r.calls, test.want) {
				t.Errorf("calls:\n got %v\nwant %v", r.calls, test.want)
			}
			if r.Running() {
				noError(t, r.Stop())
			}
			if n := len(r.clock.DelayedCalls()); n != 0 {
				t.Errorf("%d timers are left", n)
			}
		})
	}
}

// Ten times a tenth of a second is a second: nothing is lost to rounding, and there
// is no call without an interval.
func TestLoopingCallIsExact(t *testing.T) {
	for _, interval := range []time.Duration{100 * ms, second / 3, second / 7, 1} {
		for _, now := range []bool{false, true} {
			r := newRecorder()
			r.Start(interval, now)
			const n = 1000
			for range n {
				r.clock.Advance(interval)
			}
			r.clock.Advance(3*interval + interval/2)
			sum := 0
			for _, c := range r.calls {
				if c.count == 0 {
					t.Error("a call for no time of the grid")
				}
				sum += c.count
			}
			want := n + 3
			if now {
				want++
			}
			if sum != want {
				t.Errorf("interval %v: the counts add up to %d, want %d", interval, sum, want)
			}
		}
	}
}

// A call that is a little early has no interval to count.
func TestLoopingCallCalledEarly(t *testing.T) {
	clock := &earlyClock{Clock: task.NewClock()}
	var counts []int
	l := task.WithCount(clock, func(count int) { counts = append(counts, count) })
	l.Start(second, false)
	clock.Advance(second - 1)
	if len(counts) != 0 {
		t.Errorf("counts = %v, want none yet", counts)
	}
	clock.Advance(1)
	if want := []int{1}; !slices.Equal(counts, want) {
		t.Errorf("counts = %v, want %v", counts, want)
	}
}

// earlyClock makes a call of a whole second a little early.
type earlyClock struct{ *task.Clock }

func (c *earlyClock) CallLater(delay time.Duration, f func()) deferred.DelayedCall {
	if delay == second {
		delay--
	}
	return c.Clock.CallLater(delay, f)
}

// Neither does one that starts again, or whose intervals restart, at the same instant.
func TestLoopingCallWithoutIntervalAgainAtTheSameInstant(t *testing.T) {
	for name, again := range map[string]func(l *task.LoopingCall){
		"Stop and Start":   func(l *task.LoopingCall) { noError(t, l.Stop()); l.Start(0, true) },
		"Reset":            func(l *task.LoopingCall) { noError(t, l.Reset()) },
		"another interval": func(l *task.LoopingCall) { l.SetInterval(ms); l.Reset(); l.SetInterval(0); l.Reset() },
	} {
		t.Run(name, func(t *testing.T) {
			clock, calls := task.NewClock(), 0
			l := task.NewLoopingCall(clock, func() { calls++ })
			l.Start(0, true)
			for range 5 {
				clock.Advance(0)
				again(l)
			}
			if calls < 10 || calls > 20 {
				t.Errorf("%d calls at one instant", calls)
			}
			before := calls
			clock.Advance(ms)
			if calls == before {
				t.Error("no call a millisecond later")
			}
			noError(t, l.Stop())
		})
	}
}

// A looping call with an interval of 0 does not keep a test's clock from advancing.
func TestAdvanceEndsWithAnIntervalOfZero(t *testing.T) {
	clock, r := task.NewClock(), memory.New()
	for name, test := range map[string]struct {
		clock   reactor.Clock
		advance func(time.Duration)
	}{
		"Clock":          {clock, clock.Advance},
		"memory Advance": {r, r.Advance},
		"memory RunFor":  {r, r.RunFor},
	} {
		t.Run(name, func(t *testing.T) {
			calls, others := 0, 0
			l := task.NewLoopingCall(test.clock, func() { calls++ })
			l.Start(0, true)
			test.clock.CallLater(second, func() { others++ })
			for range 3 {
				before := calls
				test.advance(second)
				if calls == before {
					t.Error("not called")
				}
			}
			if others != 1 || calls > 50_000 {
				t.Errorf("%d calls, %d others", calls, others)
			}
			noError(t, l.Stop())
		})
	}
}

func TestLoopingCallFunctions(t *testing.T) {
	clock := task.NewClock()
	var log strings.Builder
	ends := func(name string) { log.WriteString(name) }
	for _, test := range []struct {
		name string
		loop *task.LoopingCall
		want error
	}{
		{"func()", task.NewLoopingCall(clock, func() { ends("a") }), nil},
		{"func() error", task.NewLoopingCall(clock, func() error { ends("b"); return errTest }), errTest},
		{"func() error, nil", task.NewLoopingCall(clock, func() error { ends("c"); return nil }), nil},
		{"func() Wait", task.NewLoopingCall(clock, func() task.Wait { ends("d"); return deferred.Fail[none](errTest) }), errTest},
		{"func() Wait, nil", task.NewLoopingCall(clock, func() task.Wait { ends("e"); return nil }), nil},
		{"func() that panics", task.NewLoopingCall(clock, func() { ends("f"); panic(errTest) }), errTest},
		{"func(int)", task.WithCount(clock, func(int) { ends("g") }), nil},
		{"func(int) error", task.WithCount(clock, func(int) error { ends("h"); return errTest }), errTest},
		{"func(int) Wait", task.WithCount(clock, func(int) task.Wait { ends("i"); return deferred.Fail[none](errTest) }), errTest},
	} {
		ended := outcome.Of(test.loop.Start(second, true))
		if test.want == nil {
			ended.WantNothing(t)
			noError(t, test.loop.Stop())
		}
		if test.loop.Running() {
			t.Errorf("%s: running", test.name)
		}
		if ended.Fired != 1 || !errors.Is(ended.Err, test.want) {
			t.Errorf("%s: ended %d times with %v, want %v", test.name, ended.Fired, ended.Err, test.want)
		}
	}
	if got, want := log.String(), "abcdefghi"; got != want {
		t.Errorf("called: %s, want %s", got, want)
	}
	if n := len(clock.DelayedCalls()); n != 0 {
		t.Errorf("%d timers are left", n)
	}
}

func TestLoopingCallStop(t *testing.T) {
	for _, test := range []struct {
		name     string
		interval time.Duration
		run      func(r *recorder)
		calls    int
		want     error
	}{
		{"before the first call", 10 * second, func(r *recorder) { r.Stop() }, 0, nil},
		{"before the first call, interval 0", 0, func(r *recorder) { r.Stop() }, 0, nil},
		{"within a call", second, func(r *recorder) {
			r.then = func() task.Wait { r.Stop(); return nil }
			r.clock.Advance(second)
		}, 1, nil},
		{"within a call that fails", second, func(r *recorder) {
			r.then = func() task.Wait { r.Stop(); return deferred.Fail[none](errTest) }
			r.clock.Advance(second)
		}, 1, errTest},
		{"while a call waits", 200 * ms, func(r *recorder) {
			r.then = func() task.Wait { return task.Sleep(r.clock, second) }
			r.clock.Advance(200 * ms)
			r.Stop()
			r.clock.Advance(second)
		}, 1, nil},
		{"when the Deferred of a call fires", 200 * ms, func(r *recorder) {
			r.then = func() task.Wait {
				d := task.Sleep(r.clock, second)
				return d.AddCallback(func(none) (none, error) { return none{}, r.Stop() })
			}
			r.clock.Pump(200*ms, 200*ms, 800*ms)
		}, 1, nil},
		{"by a later failure", second, func(r *recorder) {
			r.then = func() task.Wait {
				return task.DeferLater(r.clock, 300*ms, func() (none, error) { return none{}, errTest })
			}
			r.clock.Pump(second, 300*ms)
		}, 1, errTest},
		{"by cancelling", second, func(r *recorder) {}, 0, deferred.ErrCancelled},
		{"by cancelling while a call waits", second, func(r *recorder) {
			r.then = func() task.Wait { return task.Sleep(r.clock, second) }
			r.clock.Advance(second)
		}, 1, deferred.ErrCancelled},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := newRecorder()
			d := r.Start(test.interval, false)
			ended := outcome.Of(d)
			test.run(r)
			if test.want == deferred.ErrCancelled {
				d.Cancel()
			}
			ended.Want(t, none{}, test.want)
			if r.Running() {
				t.Error("running")
			}
			if n := len(r.clock.DelayedCalls()); n != 0 {
				t.Errorf("%d timers are left", n)
			}
			r.clock.Advance(10 * second)
			if len(r.calls) != test.calls {
				t.Errorf("%d calls, want %d", len(r.calls), test.calls)
			}
			wantErr(t, "Stop", r.Stop(), task.ErrLoopNotRunning)
			wantErr(t, "Reset", r.Reset(), task.ErrLoopNotRunning)
			r.then = nil
			outcome.Of(r.Start(second, true))
			if len(r.calls) != test.calls+1 {
				t.Error("the looping call cannot be started again")
			}
		})
	}
}

func TestLoopingCallStopWaitsForTheCall(t *testing.T) {
	r := newRecorder()
	wait := deferred.New[none]()
	r.then = func() task.Wait { return wait }
	ended := outcome.Of(r.Start(second, true))
	noError(t, r.Stop())
	ended.WantNothing(t)
	outcome.Of(r.Start(second, true)).Want(t, none{}, task.ErrLoopRunning)
	wait.Callback(none{})
	ended.Want(t, none{}, nil)
}

func TestLoopingCallCancelledWithinACall(t *testing.T) {
	r := newRecorder()
	d := r.Start(second, false)
	r.then = func() task.Wait {
		d.Cancel()
		return task.Sleep(r.clock, second)
	}
	ended := outcome.Of(d)
	r.clock.Advance(second)
	ended.Want(t, none{}, deferred.ErrCancelled)
	if n := len(r.clock.DelayedCalls()); n != 0 {
		t.Errorf("%d timers are left", n)
	}
}

func TestLoopingCallStartErrors(t *testing.T) {
	r := newRecorder()
	d := outcome.Of(r.Start(-1, true))
	if d.Err == nil || d.Err.Error() != "task: -1ns is no interval for a looping call" {
		t.Errorf("Start(-1) gives %v", d.Err)
	}
	if r.Running() || len(r.calls) != 0 {
		t.Error("the looping call was started nevertheless")
	}
	ended := outcome.Of(r.Start(second, true))
	outcome.Of(r.Start(second, true)).Want(t, none{}, task.ErrLoopRunning)
	ended.WantNothing(t)
	wantPanic(t, "task: a LoopingCall of a nil function", func() {
		task.NewLoopingCall(r.clock, (func())(nil))
	})
}

type room struct{}

func (*room) announce() {}

func tick() {}

func TestLoopingCallString(t *testing.T) {
	clock := task.NewClock()
	for _, test := range []struct {
		loop *task.LoopingCall
		want string
	}{
		{task.NewLoopingCall(clock, tick), "(task_test.tick)"},
		{task.NewLoopingCall(clock, new(room).announce), "(task_test.(*room).announce)"},
		{task.WithCount(clock, func(int) {}), "(task_test.TestLoopingCallString.func1)"},
	} {
		if got, want := test.loop.String(), "LoopingCall<not started>"+test.want; got != want {
			t.Errorf("got %s, want %s", got, want)
		}
		test.loop.Start(1500*ms, false)
		if got, want := test.loop.String(), "LoopingCall<1.5s>"+test.want; got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

func BenchmarkLoopingCall(b *testing.B) {
	b.ReportAllocs()
	clock := task.NewClock()
	task.NewLoopingCall(clock, func() {}).Start(second, false)
	for b.Loop() {
		clock.Advance(second)
	}
}

func ExampleLoopingCall() {
	clock := task.NewClock() // a program passes its reactor
	loop := task.NewLoopingCall(clock, func() {
		fmt.Println("it is", clock.Now().Format(time.TimeOnly))
	})
	loop.Start(time.Minute, true)

	clock.Pump(time.Minute, 2*time.Minute, time.Minute)
	loop.Stop()
	clock.Advance(time.Minute)
	// Output:
	// it is 00:00:00
	// it is 00:01:00
	// it is 00:03:00
	// it is 00:04:00
}
