package memory

import (
	"fmt"
	"slices"
	"time"

	"github.com/seed-7c003b53/gotreq/reactor"
)

// This file starts and stops machines and what runs on them.

// A process is a program that runs on a Machine.
type process struct {
	start func() (stop func())
	stop  func() // nil while the process is stopped, or if it needs none
}

// Process runs a program on m. It calls start now, or if m is stopped, when m starts; and again at
// each later Start. [Machine.Stop] calls the function that start has returned, which may be nil.
// That function ends what does not end with the connections of m: looping calls, retries, what is
// due later. Processes start in the order of the calls of Process, and stop in reverse.
//
//	api.Process(func() func() {
//		p, err := api.ListenTCP(":80", newSite(database))
//		...
//		refresh := task.NewLoopingCall(api, reload)
//		refresh.Start(time.Minute, true)
//		return refresh.Stop
//	})
//
// A panic of start reaches the caller of Process, and there is no process. Process panics if start
// is nil, and within a function of a process.
func (m *Machine) Process(start func() (stop func())) {
	m.reactor.check("Process")
	if start == nil {
		panic("memory: Process with a nil function")
	}
	m.mayChange("Process")
	p := &process{start: start}
	if !m.stopped {
		m.run([]*process{p})
	}
	m.processes = append(m.processes, p)
	m.begun()
}

// mayChange panics if a function of a process calls method.
func (m *Machine) mayChange(method string) {
	if m.changing != "" {
		panic(fmt.Sprintf("memory: %s is called by a process of machine %s, while the machine %s", method, m.name, m.changing))
	}
}

// run starts processes. If one of them panics, run stops those that it has started.
func (m *Machine) run(processes []*process) {
	m.changing = "starts"
	started := 0
	defer func() {
		m.changing = ""
		if started != len(processes) {
			m.end(processes[:started])
		}
	}()
	for _, p := range processes {
		p.stop = p.start()
		started++
	}
}

// end calls the functions that stop processes, the last one first. All are called, even if one
// panics.
func (m *Machine) end(processes []*process) {
	for i, p := range slices.Backward(processes) {
		stop := p.stop
		if p.stop = nil; stop == nil {
			continue
		}
		func() {
			m.changing = "stops"
			defer func() { m.changing = "" }()
			panicked := true
			defer func() {
				if panicked {
					m.end(processes[:i])
				}
			}()
			stop()
			panicked = false
		}()
	}
}

// Stop stops m at once, as if its processes were killed. It resets all connections of m, so that
// both sides lose them: the reason is [reactor.ErrStopped] on m, and [reactor.ErrConnectionReset]
// on the other side. It makes attempts to connect fail, ends the waits of [reactor.UntilStopped],
// closes the ports, forgets the value of every [reactor.Local], and then calls the functions that
// stop the processes. Within a turn of the loop, ConnectionLost is called soon after, since the
// caller may be the protocol.
//
// While m is stopped, attempts to connect to it are refused, its own attempts and ports fail with
// [reactor.ErrStopped], and waits fail at once. Delayed calls are made as ever: what must not
// go on, the processes stop.
//
// It is an error if m is stopped already: [reactor.ErrNotRunning]. While [Machine.Run] is running,
// Stop ends it in order instead; see [reactor.Core].
func (m *Machine) Stop() error {
	if m.ran {
		return m.reactor.Stop()
	}
	m.reactor.check("Stop")
	m.mayChange("Stop")
	if m.stopped {
		return fmt.Errorf("machine %s: %w", m.name, reactor.ErrNotRunning)
	}
	m.kill()
	return nil
}

// Crash is Stop, and ends [Machine.Run] without the Shutdown event.
func (m *Machine) Crash() {
	m.mayChange("Crash")
	if m.ran {
		m.reactor.Crash()
	}
	if !m.stopped {
		m.kill()
	}
}

// kill stops m.
func (m *Machine) kill() {
	n := m.reactor.net
	m.stopped = true
	if n.tracing {
		n.trace(Event{Kind: "stop", Text: m.name})
	}
	for _, a := range slices.Collect(n.pending.All()) {
		if a.from.machine == m {
			a.stop()
		}
	}
	m.part.Stop()
	ports := m.ports
	m.ports = nil
	for _, p := range ports {
		p.StopListening()
	}
	lost := &lostSockets{machine: m}
	for _, s := range slices.Collect(n.open.All()) {
		if s.from.machine == m {
			s.Close(true)
			s.stopped = true
			lost.sockets = append(lost.sockets, s)
		}
	}
	if m.reactor.turning {
		n.post(lost)
	} else {
		lost.deliver()
	}
	m.part.Stop() // what the ends of ports and connections began
	m.end(m.processes)
}

// stop makes a fail because its machine stops.
func (a *Attempt) stop() {
	if done := a.end(); done != nil {
		if a.net.tracing {
			a.net.trace(Event{Kind: "failed", Conn: a.number, Side: ClientSide, Text: reactor.ErrStopped.Error()})
		}
		done(nil, reactor.ErrStopped)
	}
}

// lostSockets are sockets whose machine has stopped. Their connections learn of it when the event
// is delivered.
type lostSockets struct {
	machine *Machine
	sockets []*socket
}

func (l *lostSockets) task() Task { return machineTask + Task(l.machine.number) }

func (l *lostSockets) deliver() {
	for _, s := range l.sockets {
		if h, ok := s.handler.(interface{ Lose(reason error) }); ok {
			h.Lose(reactor.ErrStopped)
		}
	}
}

// Start starts m again after Stop: its processes start in their order. It panics unless m is
// stopped. A panic of a process reaches the caller, and m is stopped as before.
func (m *Machine) Start() {
	m.reactor.check("Start")
	m.mayChange("Start")
	if !m.stopped {
		panic("memory: Start of machine " + m.name + ", which is not stopped")
	}
	m.stopped = false
	if m.restart != nil {
		m.restart.Cancel()
		m.restart = nil
	}
	if n := m.reactor.net; n.tracing {
		n.trace(Event{Kind: "start", Text: m.name})
	}
	m.part.Start()
	ok := false
	defer func() {
		if !ok {
			m.kill()
		}
	}()
	m.run(m.processes)
	ok = true
	m.begun()
}

// Stopped reports whether m is stopped; see [Machine.Stop].
func (m *Machine) Stopped() bool { return m.stopped }

// The life of the loop.

// Run starts m if it is stopped, and runs the loop that all machines share until m, or the
// Reactor, is stopped; see [Reactor.Run].
func (m *Machine) Run() error {
	if m.stopped {
		m.Start()
	}
	if m.ran {
		return reactor.ErrAlreadyRunning
	}
	m.ran = true
	defer func() { m.ran = false }()
	return m.reactor.Run()
}

// Running reports whether a program runs on m: whether m is not stopped, and it has a process, or
// the loop is running.
func (m *Machine) Running() bool {
	return !m.stopped && (len(m.processes) != 0 || m.reactor.Running())
}

// Iterate is that of the Reactor; see [Reactor.Iterate].
func (m *Machine) Iterate(timeout time.Duration) error { return m.reactor.Iterate(timeout) }

// CallWhenRunning calls f now if m is running, or else as soon as it is; see [Machine.Running].
func (m *Machine) CallWhenRunning(f func()) {
	if f == nil {
		panic("memory: CallWhenRunning with a nil function")
	}
	if m.Running() {
		f()
		return
	}
	if len(m.whenRunning) == 0 {
		m.reactor.CallWhenRunning(m.begun)
	}
	m.whenRunning = append(m.whenRunning, f)
}

// begun makes the calls of CallWhenRunning.
func (m *Machine) begun() {
	for m.Running() && len(m.whenRunning) != 0 {
		f := m.whenRunning[0]
		m.whenRunning = m.whenRunning[1:]
		f()
	}
}

// AddSystemEventTrigger adds a trigger to an event of the loop that all machines share; see
// [reactor.Core]. Stop of a machine is no event.
func (m *Machine) AddSystemEventTrigger(phase reactor.Phase, event reactor.SystemEvent, f reactor.Trigger) reactor.TriggerID {
	return m.reactor.AddSystemEventTrigger(phase, event, f)
}

// RemoveSystemEventTrigger removes a trigger; see [reactor.Core].
func (m *Machine) RemoveSystemEventTrigger(id reactor.TriggerID) {
	m.reactor.RemoveSystemEventTrigger(id)
}
