package memory

import (
	"fmt"
	"time"
)

// This file lets the clock of the wall jump.

// jumps are the jumps of a WallClockJump, the natural one first.
var jumps = []time.Duration{time.Hour, -time.Hour, 31 * 24 * time.Hour, -time.Second}

// JumpWallClock makes the clock of the wall jump by some time, forwards or backwards, as when
// someone sets it. Now, and so the dates in headers and the expiry of cookies, is later by as much
// from then on. Nothing else is: RunFor, delayed calls, timeouts and latencies go by a clock
// that does not jump, as with the system's clocks. The Time of a pending call moves with Now, so
// that it is as far away as before.
//
// Unlike a time of package time's Now, a time of this Reactor has no monotonic reading. The
// difference of two times therefore includes the jumps between them.
func (r *Reactor) JumpWallClock(by time.Duration) {
	r.check("JumpWallClock")
	r.net.jumped += by
	if r.net.tracing {
		r.net.trace(Event{Kind: "jump", Text: by.String()})
	}
}

// Now returns the time of the wall; see [Reactor.JumpWallClock].
func (n *network) Now() time.Time { return n.now.Add(n.jumped) }

// Monotonic returns the time of a clock that does not jump.
func (n *network) Monotonic() time.Time { return n.now }

// Jumped returns by how much Now is later than Monotonic.
func (n *network) Jumped() time.Duration { return n.jumped }

// mayJump asks whether the clock of the wall jumps, each time that time has passed.
func (r *Reactor) mayJump(c *chooser) {
	if c.conditions.Faults&WallClockJump == 0 || c.jumpAsked.Equal(c.net.now) {
		return
	}
	c.jumpAsked = c.net.now
	if c.net.faultAnywhere(WallClockJump) == 0 {
		return
	}
	by := c.duration(Detail, jumps...)
	if c.net.tracing {
		c.note(Event{Text: fmt.Sprintf("the clock of the wall jumps by %v", by)})
	}
	c.net.jumped += by
}
