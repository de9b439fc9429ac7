package reactor

// This file lets several programs share a loop, as the machines of package memory do.

// A Part is one of several programs that share a [Loop]. It has Locals of its own, so that these
// programs share no pool of connections, and can be stopped without the others. A Reactor that
// stands for the program returns them from its Locals method.
//
// The Poller says whose a socket is: if a [Socket] or [Listener] has a method Reactor() Reactor
// that does not return nil, its result is the reactor of the connection, or of the port.
type Part struct{ locals Locals }

// NewPart returns a new Part of l, which lives as long as l.
func (l *Loop) NewPart() *Part {
	l.check("NewPart")
	p := &Part{locals: Locals{loop: l}}
	if l.locals.closed {
		p.locals.close()
	}
	l.locals.parts = append(l.locals.parts, p)
	return p
}

// Locals returns the values of every [Local] for the program.
func (p *Part) Locals() *Locals { return &p.locals }

// Stop ends what waits by [UntilStopped], and makes what begins to wait later fail at once. It
// forgets the value of every [Local].
func (p *Part) Stop() {
	p.locals.stop()
	p.locals.close()
	p.locals.values = nil
}

// Start undoes Stop.
func (p *Part) Start() { p.locals.closed, p.locals.stopped = false, false }

// close makes all waits that begin from now on fail at once.
func (l *Locals) close() {
	l.stopped, l.closed = true, true
	for _, p := range l.parts {
		p.locals.close()
	}
}

// revive undoes stop, unless l is closed.
func (l *Locals) revive() {
	l.stopped = l.closed
	for _, p := range l.parts {
		p.locals.revive()
	}
}

// ownerOf returns the reactor that owns a Socket or a Listener.
func (l *Loop) ownerOf(x any) Reactor {
	if x, ok := x.(interface{ Reactor() Reactor }); ok {
		if r := x.Reactor(); r != nil {
			return r
		}
	}
	return l
}

// Lose ends the connection now, with a reset, because of reason. A poller whose sockets can be
// closed by others, as those of a machine in memory are when it stops, calls Lose in place of
// Ready.
func (c *connection) Lose(reason error) {
	c.loop.awake()
	c.end(reason, true)
}

// Producing reports whether a producer is registered, and whether it is paused. A poller may ask.
func (c *connection) Producing() (registered, paused bool) {
	return c.producer != nil, c.flags&producerPaused != 0
}
