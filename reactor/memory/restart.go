package memory

import (
	"fmt"
	"time"
)

// This file lets the processes of machines restart by a fault.

// outages are the times for which a restarting machine is stopped, the natural one first.
var outages = []time.Duration{time.Second, 10 * time.Second, 100 * time.Second}

// touch notes that m has sent or received something.
func (m *Machine) touch() {
	if m != nil {
		m.touched = true
	}
}

// mayRestart asks for each machine with a process whether it stops now. A turn without a message
// to or from the machine does not ask again: its connections are as they were.
func (r *Reactor) mayRestart(c *chooser) {
	for _, m := range c.net.machines.all {
		if !m.touched || m.stopped || len(m.processes) == 0 {
			continue
		}
		m.touched = false
		if c.net.faultOf(Restart, m.name, m.addrs...) == 0 {
			continue
		}
		outage := c.duration(Detail, outages...)
		if c.net.tracing {
			c.note(Event{Text: fmt.Sprintf("the processes of %s stop, and start again after %v", m.name, outage)})
		}
		r.Loop.CallFromThread(func() { m.crash(outage) }) // this turn makes the call, and logs a panic
	}
}

// crash stops m, and starts it again after some time. It does nothing if the program has stopped m.
func (m *Machine) crash(outage time.Duration) {
	if m.stopped {
		return
	}
	m.restart = m.reactor.Loop.CallLater(outage, func() {
		m.restart = nil
		m.Start()
	})
	m.kill()
}
