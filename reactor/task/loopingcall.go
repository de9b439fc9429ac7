package task

import (
	"errors"
	"fmt"
	"reflect"
	"runtime"
	"strings"
	"time"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/reactor"
)

// A LoopingCall calls a function at regular intervals. It is Twisted's
// task.LoopingCall, and belongs to the goroutine of its clock.
//
// Calls keep to the grid of times that Start laid: start, start + interval,
// start + 2 intervals and so on, exactly. If one is late, because the loop was
// busy or because the function took its time, the next is made at the next time
// of the grid that is still to come; the times between are skipped.
type LoopingCall struct {
	clock  reactor.Clock
	f      func(count int) (Wait, error)
	counts bool
	name   string

	interval time.Duration
	start    time.Time // the times of the grid are counted from here
	counted  time.Time // up to when they were counted, by a loop that counts

	running bool
	call    reactor.DelayedCall                               // the next call, while it is arranged
	wait    Wait                                              // what the call that was made last waits for
	runFunc func()                                            // l.run, made once
	resume  func(deferred.None, error) (deferred.None, error) // l.waited, made once
	ended   *deferred.Deferred[deferred.None]                 // fires when this run has ended; then nil
}

// A LoopFunc is a function that a [LoopingCall] can call. An error, a panic or
// the failure of what it returns to wait for ends the loop.
type LoopFunc interface {
	func() | func() error | func() Wait
}

// A CountFunc is a [LoopFunc] that is told how many calls it stands for.
type CountFunc interface {
	func(count int) | func(count int) error | func(count int) Wait
}

var (
	// ErrLoopRunning is the error of starting a LoopingCall whose run has not
	// ended.
	ErrLoopRunning = errors.New("task: the looping call is running")
	// ErrLoopNotRunning is the error of stopping or resetting a LoopingCall that
	// is not running.
	ErrLoopNotRunning = errors.New("task: the looping call is not running")
)

// NewLoopingCall returns a LoopingCall of f by clock, not yet started. If f
// returns a Deferred, of a type that [WaitFor] can change, the next call is not
// made before that one has fired; nil is nothing to wait for.
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

// WithCount is [NewLoopingCall] for a function that is told how many times of
// the grid have come since the last call. That is 1, or more if some were
// skipped; with an interval of 0 it is always 1.
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
	pointer := reflect.ValueOf(f).Pointer()
	if pointer == 0 {
		panic("task: a LoopingCall of a nil function")
	}
	name := runtime.FuncForPC(pointer).Name()
	name = strings.TrimSuffix(name[strings.LastIndexByte(name, '/')+1:], "-fm")
	l := &LoopingCall{clock: clock, name: name, interval: -1}
	l.runFunc, l.resume = l.run, l.waited
	return l
}

// Start begins to call the function every interval: the first time at once, if
// now is true, or after the first interval. With an interval of 0 it is called
// in every turn of the loop.
//
// The Deferred fires after [LoopingCall.Stop], once a call that is being made
// has ended, or with the error of the call that failed. Cancelling it stops the
// loop, and cancels what the last call waits for. It fails at once, and nothing
// is started, with [ErrLoopRunning], or if interval is negative.
func (l *LoopingCall) Start(interval time.Duration, now bool) *deferred.Deferred[deferred.None] {
	if l.ended != nil {
		return deferred.Fail[deferred.None](ErrLoopRunning)
	}
	if err := l.SetInterval(interval); err != nil {
		return deferred.Fail[deferred.None](err)
	}
	ended := deferred.NewCancellable(func(Wait) { l.cancel() })
	l.ended = ended
	l.running = true
	l.start = l.clock.Now()
	l.counted = l.start
	if now {
		l.counted = l.start.Add(-interval)
		l.run()
	} else {
		l.arrange(l.start)
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

// Reset makes the next call come a whole interval from now, and the others at
// intervals from there. While a call is being made it does nothing. It fails
// with [ErrLoopNotRunning].
func (l *LoopingCall) Reset() error {
	if !l.running {
		return ErrLoopNotRunning
	}
	if l.call != nil {
		l.call.Cancel()
		l.start = l.clock.Now()
		l.arrange(l.start)
	}
	return nil
}

// Running reports whether the loop goes on: from Start until Stop or until a
// call fails. It is false by the time that Start's Deferred fires.
func (l *LoopingCall) Running() bool { return l.running }

// SetInterval changes the interval of a loop that runs, from after the next call
// on. It fails if interval is negative.
func (l *LoopingCall) SetInterval(interval time.Duration) error {
	if interval < 0 {
		return fmt.Errorf("task: %v is no interval for a looping call", interval)
	}
	l.interval = interval
	return nil
}

// String names the function and the interval, as LoopingCall<1s>(main.tick).
func (l *LoopingCall) String() string {
	if l.interval < 0 {
		return fmt.Sprintf("LoopingCall<not started>(%s)", l.name)
	}
	return fmt.Sprintf("LoopingCall<%v>(%s)", l.interval, l.name)
}

// arrange arranges the next call, at the first time of the grid after now.
func (l *LoopingCall) arrange(now time.Time) {
	delay := time.Duration(0)
	if l.interval != 0 {
		delay = l.interval - now.Sub(l.start)%l.interval
	}
	l.call = l.clock.CallLater(delay, l.runFunc)
}

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
	if l.wait != nil && l.ended.Called() { // cancelled while the call was made
		wait.Cancel()
	}
}

// try calls the function, unless it counts and there is nothing to count; a
// panic becomes its error.
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

// count returns how many times of the grid have come since it was last asked.
func (l *LoopingCall) count() int {
	now := l.clock.Now()
	count := 1
	if l.interval != 0 {
		count = l.intervals(now) - l.intervals(l.counted)
	}
	if count != 0 {
		l.counted = now
	}
	return count
}

// intervals returns how many whole intervals there are from start to t.
func (l *LoopingCall) intervals(t time.Time) int {
	return int(t.Sub(l.start) / l.interval)
}

// waited is called with the result of what the last call waited for.
func (l *LoopingCall) waited(_ deferred.None, err error) (deferred.None, error) {
	l.wait = nil
	l.next(err)
	return deferred.None{}, nil
}

// next is what comes after a call that ended with err.
func (l *LoopingCall) next(err error) {
	switch {
	case err != nil:
		l.running = false
		l.end(err)
	case l.running:
		l.arrange(l.clock.Now())
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
