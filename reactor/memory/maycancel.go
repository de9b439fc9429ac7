package memory

import (
	"fmt"
	"slices"
)

// A mayCancel is a Deferred that the program's user may give up.
type mayCancel struct {
	d interface {
		Cancel()
		Called() bool
	}
	name string
}

// ended reports whether the Deferred has fired, and its chain does not wait for another one.
func (m mayCancel) ended() bool {
	waits, ok := m.d.(interface{ Paused() bool })
	return m.d.Called() && !(ok && waits.Paused())
}

// MayCancel says that the program's user may give up d, a Deferred, at any time. name says what d
// is, for the trace. At the beginning of each turn of the loop, [Choices] are asked for a [Cancel]
// between 0 and 1, until d has fired and its chain waits no longer; at 1, d is cancelled, once.
// Without Choices, MayCancel does nothing. After [Reactor.EndFaults], nobody gives up.
//
// MayCancel panics if d is nil, or name is "".
func (r *Reactor) MayCancel(d interface {
	Cancel()
	Called() bool
}, name string) {
	r.check("MayCancel")
	if d == nil || name == "" {
		panic(fmt.Sprintf("memory: MayCancel of a nil Deferred, or without a name (%q)", name))
	}
	if c := r.net.chooser; c != nil && !c.ended {
		c.cancels = append(c.cancels, mayCancel{d, name})
	}
}

// GivenUp returns what [Reactor.MayCancel] was called with and Choices have cancelled, in order.
func (r *Reactor) GivenUp() (given []any) {
	if c := r.net.chooser; c != nil {
		given = slices.Clone(c.givenUp)
	}
	return given
}

// mayCancel asks for each Deferred whether it is cancelled now.
func (r *Reactor) mayCancel(c *chooser) {
	left := c.cancels[:0]
	for _, m := range c.cancels {
		switch {
		case m.ended():
		case c.choose(Cancel, 2) == 0:
			left = append(left, m)
		default:
			if c.net.tracing {
				c.note(Event{Text: "the user gives up " + m.name})
			}
			c.givenUp = append(c.givenUp, m.d)
			r.Loop.CallFromThread(m.d.Cancel) // this turn makes the call, and logs a panic
		}
	}
	clear(c.cancels[len(left):])
	c.cancels = left
}
