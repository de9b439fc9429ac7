package task

import (
	"errors"
	"fmt"
	"reflect"
	"time"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/internal/timers"
	"github.com/seed-7c003b53/gotreq/reactor"
)

// A LoopingCall calls a function at regular intervals. It is Twisted's
// task.LoopingCall.
//
// Calls are made at the time of Start plus a multiple of the interval. If a call is late,
// because the loop was busy or the function took long, the next call is made at the next
// such time in the future, and the times between are skipped.
type LoopingCall struct {
	clock  reactor.Clock
	f      func(count int) (Wait, error)
	counts bool
	name   string

	interval time.Duration // of the calls that are not scheduled yet
	period   time.Duration // interval of the last call that was scheduled
	start    time.Time     // start of the first interval
	counted  time.Time     // time of the last call, or start
	missed   int           // intervals that passed before counted without a call
	calledAt time.Time     // time of the last call, if period is 0
	still    int           // calls at calledAt

	shown   bool // in dumps of the reactor
	running bool
	call    reactor.DelayedCall                               // the next call; nil if none is scheduled
	wait    Wait                                              // the Deferred of the last call; nil if none is pending
	runFunc func()                                            // l.run, allocated once
	resume  func(deferred.None, error) (deferred.None, error) // l.waited, allocated once
	ended   *deferred.Deferred[deferred.None]                 // Start's Deferred; nil after it fired
}

// A LoopFunc is a function for a [LoopingCall]. An error, a panic or a failure of the
// returned Deferred ends the loop.
type LoopFunc interface {
	func() | func() error | func() Wait
}

// A CountFunc is a [LoopFunc] that gets a number of intervals; see [WithCount].
type CountFunc interface {
	func(count int) | func(count int) error | func(count int) Wait
}

var (
	// ErrLoopRunning is the error of Start on a LoopingCall that is running.
	ErrLoopRunning = errors.New("task: the looping call is running")
	// ErrLoopNotRunning is the error of Stop and Reset on a LoopingCall that is not
	// running.
	ErrLoopNotRunning = errors.New("task: the looping call is not running")
)

// NewLoopingCall returns a LoopingCall of f on clock; [LoopingCall.Start] starts it. If f
// returns a Deferred, the next call waits until it has fired. For Deferreds of other
// types, see [WaitFor].
func NewLoopingCall[F LoopFunc](clock reactor.Clock, f F) *LoopingCall {
	l := newLoopingCall(clock, f)
	switch f := any(f).(type) {
	case func():
		l.f = func(int) (Wait, error) { f(); return nil, nil }
	case func() error:
		l.f = func(int) (Wait, error) { return nil, f() }
	case func() Wait:
		l.f = func(int) (Wait, error) { return f(), nil }
	}
	return l
}

// WithCount is [NewLoopingCall] for a function that gets the number of intervals since its
// last call: 1, or more if calls were skipped. With an interval of 0 it is always 1.
func WithCount[F CountFunc](clock reactor.Clock, f F) *LoopingCall {
	l := newLoopingCall(clock, f)
	l.counts = true
	switch f := any(f).(type) {
	case func(int):
		l.f = func(count int) (Wait, error) { f(count); return nil, nil }
	case func(int) error:
		l.f = func(count int) (Wait, error) { return nil, f(count) }
	case func(int) Wait:
		l.f = func(count int) (Wait, error) { return f(count), nil }
	}
	return l
}

func newLoopingCall(clock reactor.Clock, f any) *LoopingCall {
	if reflect.ValueOf(f).IsNil() {
		panic("task: a LoopingCall of a nil function")
	}
	l := &LoopingCall{clock: clock, name: timers.FuncName(f), interval: -1}
	l.runFunc, l.resume = l.run, l.waited
	return l
}

// Start starts to call the function every interval: the first time at once, if now is
// true, or else after one interval. With an interval of 0, the function is called in
// every turn of the loop. If the clock stands still, as in the Advance of a test, ten such
// calls are made, and the next one is due a millisecond later.
//
// The Deferred fires after [LoopingCall.Stop], when the current call has ended, or fails
// with the error of a call. Cancelling it stops the loop and cancels the Deferred of the
// last call. Start fails with [ErrLoopRunning], and with an error if interval is
// negative.
func (l *LoopingCall) Start(interval time.Duration, now bool) *deferred.Deferred[deferred.None] {
	if l.ended != nil {
		return deferred.Fail[deferred.None](ErrLoopRunning)
	}
	if err := l.SetInterval(interval); err != nil {
		return deferred.Fail[deferred.None](err)
	}
	ended := deferred.NewCancellable(func(Wait) { l.cancel() })
	l.ended = ended
	l.show()
	l.running = true
	l.start = l.clock.Now()
	l.counted, l.missed = l.start, 0
	if now {
		l.period = interval
		l.missed = 1 // the one that ends now
		l.run()
	} else {
		l.schedule(l.start)
	}
	return ended
}

// Stop ends the loop. It fails with [ErrLoopNotRunning].
func (l *LoopingCall) Stop() error {
	if !l.running {
		return ErrLoopNotRunning
	}
	l.running = false
	if l.call != nil {
		l.call.Cancel()
		l.call = nil
		l.end(nil)
	}
	return nil
}

// Reset restarts the intervals, so that the next call is made one interval from now. During
// a call it does nothing. It fails with [ErrLoopNotRunning].
func (l *LoopingCall) Reset() error {
	if !l.running {
		return ErrLoopNotRunning
	}
	if l.call != nil {
		l.call.Cancel()
		l.start = l.clock.Now()
		if l.period != 0 {
			l.missed += int(l.start.Sub(l.counted) / l.period)
		}
		l.counted = l.start
		l.schedule(l.start)
	}
	return nil
}

// Running reports whether the loop is running: from Start until Stop or until a call fails.
// It is false when Start's Deferred fires.
func (l *LoopingCall) Running() bool { return l.running }

// SetInterval changes the interval, after the next call, or from the next Reset. It fails
// if interval is negative.
func (l *LoopingCall) SetInterval(interval time.Duration) error {
	if interval < 0 {
		return fmt.Errorf("task: %v is no interval for a looping call", interval)
	}
	l.interval = interval
	return nil
}

// String returns the interval and the function's name: "LoopingCall<1s>(main.tick)".
func (l *LoopingCall) String() string {
	if l.interval < 0 {
		return fmt.Sprintf("LoopingCall<not started>(%s)", l.name)
	}
	return fmt.Sprintf("LoopingCall<%v>(%s)", l.interval, l.name)
}

// schedule schedules the next call, at the first multiple of the interval after now.
func (l *LoopingCall) schedule(now time.Time) {
	l.period = l.interval
	delay := time.Duration(0)
	switch {
	case l.period != 0:
		delay = l.period - now.Sub(l.start)%l.period
	case !now.Equal(l.calledAt):
		l.calledAt, l.still = now, 0
	default:
		if l.still++; l.still >= maxStill {
			delay = stillDelay
		}
	}
	l.call = l.clock.CallLater(delay, l.runFunc)
	timers.Describe(l.call, l)
}

// With an interval of 0, maxStill calls are made while the clock stands still, as that of a
// test does. Without the delay after them, a test that advances its clock would not end.
const (
	maxStill   = 10
	stillDelay = time.Millisecond
)

// run makes a call.
func (l *LoopingCall) run() {
	l.call = nil
	wait, err := l.try()
	if wait == nil {
		l.next(err)
		return
	}
	l.wait = wait
	wait.AddBoth(l.resume)
	if l.wait != nil && l.ended.Called() { // cancelled during the call
		wait.Cancel()
	}
}

// try calls the function, unless it counts intervals and there is none. A panic becomes an
// error.
func (l *LoopingCall) try() (wait Wait, err error) {
	defer catch(&err)
	count := 1
	if l.counts {
		if count = l.count(); count == 0 {
			return nil, nil
		}
	}
	return l.f(count)
}

// count returns the number of intervals since it last returned more than 0, as long as
// they were when the call was scheduled.
func (l *LoopingCall) count() int {
	now := l.clock.Now()
	count := 1
	if l.period != 0 {
		count = l.missed + l.intervals(now) - l.intervals(l.counted)
	}
	if count != 0 {
		l.counted, l.missed = now, 0
	}
	return count
}

// intervals returns the number of whole intervals from start to t.
func (l *LoopingCall) intervals(t time.Time) int {
	return int(t.Sub(l.start) / l.period)
}

// waited handles the result of the Deferred that the last call returned.
func (l *LoopingCall) waited(_ deferred.None, err error) (deferred.None, error) {
	l.wait = nil
	l.next(err)
	return deferred.None{}, nil
}

// next continues or ends the loop after a call that returned err.
func (l *LoopingCall) next(err error) {
	switch {
	case err != nil:
		l.running = false
		l.end(err)
	case l.running:
		l.schedule(l.clock.Now())
	default:
		l.end(nil)
	}
}

func (l *LoopingCall) end(err error) {
	ended := l.ended
	l.ended = nil
	ended.Resolve(deferred.None{}, err)
}

// cancel is the canceller of Start's Deferred.
func (l *LoopingCall) cancel() {
	l.running = false
	switch {
	case l.call != nil:
		l.call.Cancel()
		l.call, l.ended = nil, nil
	case l.wait != nil:
		l.wait.Cancel()
	}
}
