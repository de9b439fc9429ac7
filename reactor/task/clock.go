package task

import (
	"time"

	"github.com/seed-7c003b53/gotreq/internal/timers"
	"github.com/seed-7c003b53/gotreq/reactor"
)

// A Clock is a clock for tests: its time stands still until [Clock.Advance]
// moves it. It is Twisted's task.Clock. It belongs to one goroutine.
type Clock struct {
	now   time.Time
	calls *timers.Heap
}

var _ reactor.Clock = (*Clock)(nil)

// NewClock returns a Clock that shows the Unix epoch, in UTC, whatever the time
// is elsewhere.
func NewClock() *Clock {
	c := &Clock{now: time.Unix(0, 0).UTC()}
	c.calls = timers.New(c.Now)
	return c
}

// Now returns the time that the clock shows. It is Twisted's seconds.
func (c *Clock) Now() time.Time { return c.now }

// CallLater has [Clock.Advance] call f once the time has moved by delay. A delay
// of zero, or less, is due with the next Advance, of whatever length, or with
// the one that is making calls now.
func (c *Clock) CallLater(delay time.Duration, f func()) reactor.DelayedCall {
	return c.calls.CallLater(delay, f)
}

// DelayedCalls returns the calls that are still to be made, in the order they
// will be. It is Twisted's getDelayedCalls.
func (c *Clock) DelayedCalls() []reactor.DelayedCall { return c.calls.Calls() }

// Advance moves the time by amount, in one jump, and then makes the calls that
// are due, in the order of their times: all of them see the new time. Calls that
// these arrange are made too if they are due; so Advance does not return as long
// as each call arranges another without delay.
//
// A call that panics takes Advance down with it, which fails the test; the calls
// after it stay. Advance panics if amount is negative.
func (c *Clock) Advance(amount time.Duration) {
	if amount < 0 {
		panic("task: Advance by a negative time")
	}
	c.now = c.now.Add(amount)
	for f := c.calls.Due(timers.NoMark); f != nil; f = c.calls.Due(timers.NoMark) {
		f()
	}
}

// Pump advances the time by each of the intervals in turn.
func (c *Clock) Pump(intervals ...time.Duration) {
	for _, interval := range intervals {
		c.Advance(interval)
	}
}
