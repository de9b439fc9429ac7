package task

import (
	"fmt"
	"time"

	"github.com/seed-7c003b53/gotreq/internal/timers"
	"github.com/seed-7c003b53/gotreq/reactor"
)

// A Clock is a clock for tests. Only [Clock.Advance] moves its time. It is Twisted's
// task.Clock.
type Clock struct {
	now   time.Time
	calls *timers.Heap
}

var _ reactor.Clock = (*Clock)(nil)

// NewClock returns a Clock that starts at the Unix epoch, in UTC.
func NewClock() *Clock {
	c := &Clock{now: time.Unix(0, 0).UTC()}
	c.calls = timers.New(c.Now)
	c.calls.RecordMakers = true
	return c
}

// Now returns the clock's time.
func (c *Clock) Now() time.Time { return c.now }

// CallLater makes [Clock.Advance] call f when the time has moved by delay. A delay of zero
// or less is due with the next Advance of any length, or with the current one.
func (c *Clock) CallLater(delay time.Duration, f func()) reactor.DelayedCall {
	return c.calls.CallLater(delay, f)
}

// DelayedCalls returns the pending calls in the order of their times.
func (c *Clock) DelayedCalls() []reactor.DelayedCall { return c.calls.Calls() }

// Advance moves the time by amount in one step, then makes the calls that are due, in the
// order of their times. All of them see the new time. Advance also makes the due calls
// that these schedule.
//
// A panic of a call passes through Advance and fails the test. Later calls stay pending.
// Advance panics if amount is negative, and if the calls schedule a million others that
// are due, as when each call schedules another without delay.
func (c *Clock) Advance(amount time.Duration) {
	if amount < 0 {
		panic("task: Advance by a negative time")
	}
	c.now = c.now.Add(amount)
	made, most := 0, c.calls.Len()+maxCalls
	for f := c.calls.Due(timers.NoMark); f != nil; f = c.calls.Due(timers.NoMark) {
		if made++; made > most {
			panic(fmt.Sprintf("task: Advance does not end: %d calls at %v, and there are more", made, c.now))
		}
		f()
	}
}

// maxCalls is the number of calls, beyond those that were pending, after which an Advance
// is taken to be endless.
const maxCalls = 1_000_000

// Pump calls Advance with each of the intervals in turn.
func (c *Clock) Pump(intervals ...time.Duration) {
	for _, interval := range intervals {
		c.Advance(interval)
	}
}
