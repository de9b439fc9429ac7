package protocols_test

import (
	"testing"
	"time"

	"github.com/seed-7c003b53/gotreq/reactor"
	"github.com/seed-7c003b53/gotreq/reactor/memory"
	"github.com/seed-7c003b53/gotreq/reactor/protocols"
	"github.com/seed-7c003b53/gotreq/reactor/task"
)

// A watched is a protocol with a timeout, which each received piece starts anew.
type watched struct {
	protocols.TimeoutMixin
	clock  reactor.Clock
	period time.Duration
	over   int
}

func (w *watched) ConnectionMade(t reactor.Transport) {
	if w.TimeoutConnection == nil {
		w.TimeoutConnection = func() { w.over++ }
	}
	w.SetTimeout(w.clock, w.period)
}
func (w *watched) DataReceived([]byte)  { w.ResetTimeout() }
func (w *watched) ConnectionLost(error) { w.CancelTimeout() }

func TestTimeoutMixin(t *testing.T) {
	const second = time.Second
	for name, c := range map[string]struct {
		period time.Duration
		do     func(w *watched, clock *task.Clock)
		over   int // how often TimeoutConnection was called
		left   int // delayed calls
	}{
		"pending":             {3 * second, func(w *watched, c *task.Clock) { c.Advance(3*second - 1) }, 0, 1},
		"over":                {3 * second, func(w *watched, c *task.Clock) { c.Advance(3 * second) }, 1, 0},
		"over once":           {3 * second, func(w *watched, c *task.Clock) { c.Advance(30 * second) }, 1, 0},
		"none at first":       {0, func(w *watched, c *task.Clock) { w.ResetTimeout(); w.CancelTimeout(); c.Advance(30 * second) }, 0, 0},
		"negative":            {-1, func(w *watched, c *task.Clock) { c.Advance(30 * second) }, 0, 0},
		"data delays it":      {3 * second, func(w *watched, c *task.Clock) { c.Advance(2 * second); w.DataReceived(nil); c.Advance(2 * second) }, 0, 1},
		"data, then over":     {3 * second, func(w *watched, c *task.Clock) { c.Advance(2 * second); w.DataReceived(nil); c.Advance(3 * second) }, 1, 0},
		"set, shorter":        {3 * second, func(w *watched, c *task.Clock) { w.SetTimeout(c, second); c.Advance(second) }, 1, 0},
		"set, longer":         {3 * second, func(w *watched, c *task.Clock) { w.SetTimeout(c, 5*second); c.Advance(4 * second) }, 0, 1},
		"cancelled":           {3 * second, func(w *watched, c *task.Clock) { w.CancelTimeout(); w.CancelTimeout(); c.Advance(30 * second) }, 0, 0},
		"set to none":         {3 * second, func(w *watched, c *task.Clock) { w.SetTimeout(c, 0); w.ResetTimeout(); c.Advance(30 * second) }, 0, 0},
		"lost":                {3 * second, func(w *watched, c *task.Clock) { w.ConnectionLost(nil); w.DataReceived(nil); c.Advance(30 * second) }, 0, 0},
		"reset after the end": {3 * second, func(w *watched, c *task.Clock) { c.Advance(3 * second); w.ResetTimeout(); c.Advance(30 * second) }, 1, 0},
		"cancelled after it":  {3 * second, func(w *watched, c *task.Clock) { c.Advance(3 * second); w.CancelTimeout() }, 1, 0},
		"set after the end":   {3 * second, func(w *watched, c *task.Clock) { c.Advance(3 * second); w.SetTimeout(c, second); c.Advance(second) }, 2, 0},
		"cancelled by others": {3 * second, func(w *watched, c *task.Clock) { c.DelayedCalls()[0].Cancel(); w.ResetTimeout(); w.SetTimeout(c, 0) }, 0, 0},
		"others, set again": {3 * second, func(w *watched, c *task.Clock) {
			c.DelayedCalls()[0].Cancel()
			w.SetTimeout(c, second)
			c.Advance(second)
		}, 1, 0},
		"set by itself": {3 * second, func(w *watched, c *task.Clock) {
			w.TimeoutConnection = func() { w.over++; w.SetTimeout(c, second) }
			c.Advance(3 * second)
			c.Advance(second)
		}, 2, 1},
	} {
		t.Run(name, func(t *testing.T) {
			clock := task.NewClock()
			w := &watched{clock: clock, period: c.period}
			w.ConnectionMade(&memory.StringTransport{})
			c.do(w, clock)
			if w.over != c.over || len(clock.DelayedCalls()) != c.left {
				t.Errorf("timed out %d times, %d calls left; want %d and %d", w.over, len(clock.DelayedCalls()), c.over, c.left)
			}
		})
	}
}

// TestTimeoutMixinPrevious: SetTimeout returns the period before.
func TestTimeoutMixinPrevious(t *testing.T) {
	clock := task.NewClock()
	m := protocols.TimeoutMixin{TimeoutConnection: func() {}}
	for i, step := range []struct{ period, previous time.Duration }{{5, 0}, {10, 5}, {0, 10}, {1, 0}, {0, 1}} {
		if previous := m.SetTimeout(clock, step.period); previous != step.previous {
			t.Errorf("step %d: %v, want %v", i, previous, step.previous)
		}
	}
}

// TestTimeoutMixinOnAReactor: a connection that stays silent is closed, and no timer is left.
func TestTimeoutMixinOnAReactor(t *testing.T) {
	r := memory.New()
	w := &watched{clock: r, period: time.Minute}
	transport := &memory.StringTransport{On: r, Protocol: w}
	w.TimeoutConnection = transport.LoseConnection
	w.ConnectionMade(transport)
	r.Advance(59 * time.Second)
	w.DataReceived(nil)
	r.Advance(59 * time.Second)
	if transport.Disconnecting() {
		t.Error("closed too early")
	}
	r.Advance(time.Second)
	if !transport.Disconnecting() || len(r.DelayedCalls()) != 0 {
		t.Errorf("closed %v, %d calls left", transport.Disconnecting(), len(r.DelayedCalls()))
	}
}

func TestTimeoutMixinWithoutFunction(t *testing.T) {
	defer func() {
		if v := recover(); v != "protocols: SetTimeout of a TimeoutMixin without a TimeoutConnection: set it first" {
			t.Error("it panicked with", v)
		}
	}()
	new(protocols.TimeoutMixin).SetTimeout(task.NewClock(), time.Second)
	t.Error("no panic")
}

// TestResetTimeoutAllocs: a protocol calls ResetTimeout for each piece.
func TestResetTimeoutAllocs(t *testing.T) {
	r := memory.New()
	m := protocols.TimeoutMixin{TimeoutConnection: func() {}}
	m.SetTimeout(r, time.Minute)
	if n := testing.AllocsPerRun(100, m.ResetTimeout); n != 0 {
		t.Errorf("ResetTimeout allocates %v times", n)
	}
}
