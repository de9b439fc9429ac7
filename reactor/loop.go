package reactor

import (
	"log/slog"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/seed-7c003b53/gotreq/internal/timers"
	"github.com/sourcegraph/conc/panics"
)

// A Loop is a [Reactor] over a [Poller].
//
// A turn of the loop makes, in this order, the calls that other goroutines
// asked for, the delayed calls that are due and what connections still have to
// read; it sends what was written meanwhile, one system call a connection; and
// it waits for what happens next.
type Loop struct {
	poller   Poller
	inThread func(func())
	resolver NameResolver
	timers   *timers.Heap

	state          state
	triggers       triggers
	whenRunning    []func()
	handlesSignals bool

	open  list[connection] // all that are open
	ports list[port]       // all that listen
	dials list[dial]       // all attempts under way

	again []*connection // have, or may have, more to read, and no event will say so
	dirty []*connection // have something to send or to close at the end of this turn

	readBuffer []byte   // what every connection is read through
	free       [][]byte // buffers for what could not be sent at once

	mu        sync.Mutex
	calls     []func()      // from other goroutines; guarded by mu
	spare     []func()      // what calls is swapped with
	ended     chan struct{} // closed when Run ends; nil if nobody waits; guarded by mu
	asleep    atomic.Bool   // a call from another goroutine has to wake the poller
	goroutine atomic.Uint64 // the loop's, 0 if it is not known
}

type state uint8

const (
	idle   state = iota
	starts       // the Startup event is happening
	runs
	stops // the Shutdown event is happening, or about to
)

// readSize is the size of the buffer that all connections are read through.
// The larger it is the fewer system calls a large body takes; one buffer serves
// the whole loop.
const readSize = 256 << 10

// NewLoop returns a loop over p. inThread is what CallInThread does with a
// function: it must not block, and must get it called some time.
func NewLoop(p Poller, inThread func(f func())) *Loop {
	l := &Loop{poller: p, inThread: inThread, timers: timers.New(p.Now)}
	l.resolver = &systemResolver{reactor: l}
	return l
}

// Run runs the loop on the calling goroutine until Stop; see [Core].
func (l *Loop) Run() error {
	if l.state != idle {
		return ErrAlreadyRunning
	}
	l.goroutine.Store(goroutineID())
	l.enter(starts)
	if l.handlesSignals {
		defer l.handleSignals()()
	}
	l.fire(Startup, l.started, func() {})
	var err error
	for l.state != idle && err == nil {
		err = l.turn(-1)
	}
	if err != nil {
		l.closeAll()
		l.enter(idle)
	}
	return err
}

// enter makes state the loop's, and tells those who wait for its end if it ends.
func (l *Loop) enter(s state) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if s == idle && l.ended != nil {
		close(l.ended)
		l.ended = nil
	}
	l.state = s
}

// started makes the calls that were to be made when the loop runs.
func (l *Loop) started() {
	if l.state != starts {
		return // stopped, or crashed, by a trigger
	}
	l.enter(runs)
	calls := l.whenRunning
	l.whenRunning = nil
	for _, f := range calls {
		guard("a function called when running", f)
	}
}

// Stop ends Run; see [Core].
func (l *Loop) Stop() error {
	if l.state != starts && l.state != runs {
		return ErrNotRunning
	}
	l.enter(stops)
	// Not now: what called it may be in the middle of something.
	l.CallLater(0, func() {
		if l.state == stops {
			l.fire(Shutdown, l.closeAll, func() { l.enter(idle) })
		}
	})
	return nil
}

// Crash ends Run; see [Core].
func (l *Loop) Crash() {
	if l.state != idle {
		l.enter(idle)
	}
}

// Running reports whether the loop runs; see [Core].
func (l *Loop) Running() bool { return l.state == starts || l.state == runs }

// CallWhenRunning calls f once the loop runs; see [Core].
func (l *Loop) CallWhenRunning(f func()) {
	if l.state == runs {
		f()
		return
	}
	l.whenRunning = append(l.whenRunning, f)
}

// Iterate runs one turn of the loop; see [Core].
func (l *Loop) Iterate(timeout time.Duration) error {
	if l.goroutine.Load() == 0 {
		l.goroutine.Store(goroutineID())
	}
	return l.turn(timeout)
}

// turn is Iterate, as Run calls it.
func (l *Loop) turn(timeout time.Duration) error {
	before := l.state
	l.makeCalls()
	mark := l.timers.Mark()
	for f := l.timers.Due(mark); f != nil; f = l.timers.Due(mark) {
		guard("a delayed call", f)
	}
	l.readAgain()
	l.flush()
	if l.state == idle && before != idle {
		return nil // Run has been ended: there is nothing to wait for
	}

	timeout = l.shorten(timeout)
	if timeout != 0 {
		l.asleep.Store(true)
		if l.haveCalls() {
			timeout = 0
		}
	}
	err := l.poller.Wait(timeout)
	l.asleep.Store(false)
	return err
}

// shorten returns for how long the loop may wait at most.
func (l *Loop) shorten(timeout time.Duration) time.Duration {
	if len(l.again) != 0 || len(l.dirty) != 0 {
		return 0
	}
	if at, ok := l.timers.Next(); ok {
		until := max(0, at.Sub(l.poller.Now()))
		if timeout < 0 || until < timeout {
			return until
		}
	}
	return timeout
}

// Busy reports whether there is something to do that needs no waiting, as far
// as the loop itself knows.
func (l *Loop) Busy() bool {
	return l.shorten(-1) == 0 || l.haveCalls()
}

// closeAll closes all that is open, when the loop shuts down. What waits to be
// sent is sent as far as that takes no waiting.
func (l *Loop) closeAll() {
	for d := l.dials.first; d != nil; d = l.dials.first {
		d.fail(ErrStopped)
	}
	for p := l.ports.first; p != nil; p = l.ports.first {
		p.StopListening()
	}
	for c := l.open.first; c != nil; c = l.open.first {
		c.send()
		c.close(ErrConnectionDone)
	}
	clear(l.again)
	clear(l.dirty)
	l.again, l.dirty = l.again[:0], l.dirty[:0]
}

// Close frees what the loop holds of the system, its poller, and waits for
// what that has running. It is for a loop that is done with; a loop that runs
// fails with [ErrAlreadyRunning].
func (l *Loop) Close() error {
	if l.state != idle {
		return ErrAlreadyRunning
	}
	l.closeAll()
	return l.poller.Close()
}

// Now returns the time; see [Clock].
func (l *Loop) Now() time.Time { return l.poller.Now() }

// CallLater calls f after delay; see [Clock].
func (l *Loop) CallLater(delay time.Duration, f func()) DelayedCall {
	return l.timers.CallLater(delay, f)
}

// DelayedCalls returns the calls that are still to be made, in no order. It is
// Twisted's getDelayedCalls.
func (l *Loop) DelayedCalls() []DelayedCall { return l.timers.Calls() }

// NameResolver returns what names are looked up with; see [Names].
func (l *Loop) NameResolver() NameResolver { return l.resolver }

// InstallNameResolver replaces it; see [Names].
func (l *Loop) InstallNameResolver(r NameResolver) { l.resolver = r }

// CallFromThread has the loop call f; see [Threads].
func (l *Loop) CallFromThread(f func()) {
	l.mu.Lock()
	l.calls = append(l.calls, f)
	l.mu.Unlock()
	if l.asleep.CompareAndSwap(true, false) {
		l.poller.Wake()
	}
}

// CallInThread calls f on another goroutine; see [Threads].
func (l *Loop) CallInThread(f func()) { l.inThread(f) }

// OnLoop reports whether the caller is on the loop's goroutine; see [Threads].
func (l *Loop) OnLoop() bool { return l.goroutine.Load() == goroutineID() }

// Ended returns a channel that is closed when Run ends; see [Threads].
func (l *Loop) Ended() <-chan struct{} {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.ended == nil {
		l.ended = make(chan struct{})
	}
	return l.ended
}

func (l *Loop) haveCalls() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.calls) != 0
}

// makeCalls makes the calls that other goroutines asked for so far.
func (l *Loop) makeCalls() {
	l.mu.Lock()
	calls := l.calls
	l.calls = l.spare
	l.spare = nil
	l.mu.Unlock()
	for i, f := range calls {
		calls[i] = nil
		guard("a call from another goroutine", f)
	}
	l.spare = calls[:0]
}

// guard calls f, and logs it if it panics: the loop goes on.
func guard(what string, f func()) {
	defer func() {
		if v := recover(); v != nil {
			logPanic(what, v)
		}
	}()
	f()
}

// logPanic logs the panic that was recovered as v, from a deferred function.
func logPanic(what string, v any) error {
	r := panics.NewRecovered(2, v)
	slog.Error("reactor: panic in "+what, "panic", v, "stack", string(r.Stack))
	return r.AsError()
}

// logAccept logs that a connection to addr could not be accepted.
func (l *Loop) logAccept(addr net.Addr, err error) {
	slog.Error("reactor: cannot accept a connection", "port", addr.String(), "error", err)
}
