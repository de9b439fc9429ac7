package reactor

import (
	"cmp"
	"log/slog"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/internal/random"
	"github.com/seed-7c003b53/gotreq/internal/timers"
)

// A Loop is a [Reactor] over a [Poller].
//
// A turn of the loop makes, in this order, the calls that other goroutines
// asked for, the delayed calls that are due and what connections still have to
// read; it sends what was written meanwhile, one system call a connection; and
// it waits for what happens next.
//
// Only those methods may be called from other goroutines than the loop's that
// say so.
type Loop struct {
	poller   Poller
	threads  threadPool
	inThread func(func())
	resolver NameResolver
	rand     *rand.Rand
	timers   *timers.Heap

	state          state // changed by enter only
	turning        bool  // in the middle of a turn
	runCount       int   // of Runs so far
	triggers       triggers
	whenRunning    []func()
	handlesSignals bool

	open  list[connection] // all that are open
	ports list[port]       // all that listen
	dials list[dial]       // all attempts under way

	again []*connection // have, or may have, more to read, and no event will say so
	dirty []*connection // have something to send or to close at the end of this turn

	readBuffer []byte   // what every connection is read through; it grows as needed
	free       [][]byte // buffers for what could not be sent at once
	freeBytes  int      // the size of all those

	mu        sync.Mutex
	calls     []func()      // from other goroutines; guarded by mu
	spare     []func()      // what calls is swapped with
	ended     chan struct{} // closed when Run ends; nil if nobody has asked; guarded by mu
	asleep    atomic.Bool   // a call from another goroutine has to wake the poller
	goroutine atomic.Uint64 // the loop's, 0 if it is not known
}

type state uint8

const (
	idle   state = iota
	starts       // the Startup event is happening
	runs
	stops  // Stop was called: the Shutdown event will happen at the end of this turn
	ends   // the Shutdown event is happening
	closes // all has been closed, and nothing can be opened, until Run returns
	done   // Close was called
)

// One buffer, through which all connections are read, serves the whole loop. The
// larger it is the fewer system calls a large body takes; but a loop whose
// connections never send much, as in many a test, is not to pay for that.
const (
	minReadSize = 16 << 10
	maxReadSize = 256 << 10
)

// A LoopConfig configures a [Loop].
type LoopConfig struct {
	// CallInThread is what [Loop.CallInThread] does with a function. It must not
	// block, and must eventually call f. nil: a bounded pool of goroutines calls f.
	CallInThread func(f func())
	// Rand is what [Loop.Rand] returns. nil: the system's source.
	Rand *rand.Rand
}

// NewLoop returns a loop over p.
func NewLoop(p Poller, config LoopConfig) *Loop {
	l := &Loop{
		poller:     p,
		inThread:   config.CallInThread,
		rand:       cmp.Or(config.Rand, random.System),
		threads:    threadPool{size: defaultThreads},
		timers:     timers.New(p.Now),
		readBuffer: make([]byte, minReadSize),
	}
	if l.inThread == nil {
		l.inThread = l.threads.run
	}
	l.resolver = &systemResolver{reactor: l}
	return l
}

// Rand returns the loop's source of randomness; see [Random].
func (l *Loop) Rand() *rand.Rand { return l.rand }

// Run runs the loop on the calling goroutine until Stop; see [Core].
func (l *Loop) Run() error { return l.run(true, nil) }

// run is Run. signals says whether to handle them, if the loop does at all; begun
// is called, unless it is nil, when the loop runs.
func (l *Loop) run(signals bool, begun func()) error {
	if err := l.begin(); err != nil {
		return err
	}
	// Deferred, because a callback may end the goroutine, as a test's FailNow does.
	defer l.end()
	if signals && l.handlesSignals {
		defer l.handleSignals()()
	}
	if begun != nil {
		l.whenRunning = append(l.whenRunning, begun)
	}
	l.turning = true
	l.fire(Startup, l.started, func() {})
	l.turning = false
	for l.state != idle {
		if err := l.turn(-1); err != nil {
			l.closeAll()
			return err
		}
	}
	return nil
}

// begin makes the calling goroutine the loop's.
func (l *Loop) begin() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch l.state {
	case idle:
	case done:
		return errLoopClosed
	default:
		return ErrAlreadyRunning
	}
	l.state = starts
	l.runCount++
	l.goroutine.Store(goroutineID())
	return nil
}

// end undoes begin, and tells those who wait for the end of Run.
func (l *Loop) end() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.state = idle
	l.turning = false
	l.goroutine.Store(0)
	if l.ended != nil {
		close(l.ended)
		l.ended = nil
	}
}

// enter makes s the state of a loop that runs. Only a second Run, on another
// goroutine, makes the lock necessary.
func (l *Loop) enter(s state) {
	l.mu.Lock()
	defer l.mu.Unlock()
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
	l.enter(stops) // and no more for now: the caller may be in the middle of something
	return nil
}

// shutDown has the Shutdown event happen, which ends Run.
func (l *Loop) shutDown() {
	l.enter(ends)
	l.fire(Shutdown, l.closeAll, func() { l.enter(idle) })
}

// Crash ends Run; see [Core].
func (l *Loop) Crash() {
	if l.state != done {
		l.enter(idle)
	}
}

// Running reports whether the loop runs; see [Core].
func (l *Loop) Running() bool { return l.state == starts || l.state == runs }

// CallWhenRunning calls f once the loop runs; see [Core].
func (l *Loop) CallWhenRunning(f func()) {
	if f == nil {
		panic("reactor: CallWhenRunning with a nil function")
	}
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
	if l.shorten(timeout) == 0 || l.haveCalls() {
		timeout = 0 // whoever asked wants to see what comes of it
	}
	return l.turn(timeout)
}

// turn runs one turn, then waits until there is something to do in the next one.
func (l *Loop) turn(timeout time.Duration) error {
	if l.turning {
		return ErrAlreadyRunning
	}
	l.turning = true
	defer func() { l.turning = false }()

	before := l.state
	l.makeCalls()
	mark := l.timers.Mark()
	for f := l.timers.Due(mark); f != nil; f = l.timers.Due(mark) {
		guard("a delayed call", f)
	}
	l.readAgain()
	l.flush()
	if l.state == stops {
		l.shutDown()
	}
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

// closeAll closes all that is open, when the loop shuts down. What waits to be
// sent is sent as far as that takes no waiting.
func (l *Loop) closeAll() {
	l.enter(closes) // a client that connects anew whenever it is lost would never end
	for d := l.dials.first; d != nil; d = l.dials.first {
		d.fail(ErrStopped)
	}
	for p := l.ports.first; p != nil; p = l.ports.first {
		p.StopListening()
	}
	for c := l.open.first; c != nil; c = l.open.first {
		c.stop()
	}
	clear(l.again)
	clear(l.dirty)
	l.again, l.dirty = l.again[:0], l.dirty[:0]
	l.poller.Drain()
}

// Close closes what is open and frees what the loop holds of the system, and
// waits for what runs on its behalf: functions given to CallInThread, and what
// the poller has running. It is for a loop that is done with: whoever waits for it
// gets [ErrStopped]. A loop that runs fails with [ErrAlreadyRunning].
func (l *Loop) Close() error {
	switch {
	case l.state == done:
		return nil
	case l.state != idle || l.turning:
		return ErrAlreadyRunning
	}
	l.closeAll()
	l.end()
	l.enter(done)
	err := l.poller.Close()
	l.threads.wait()
	return err
}

// Now returns the time; see [Clock].
func (l *Loop) Now() time.Time { return l.poller.Now() }

// CallLater calls f after delay; see [Clock].
func (l *Loop) CallLater(delay time.Duration, f func()) DelayedCall {
	return l.timers.CallLater(delay, f)
}

// DelayedCalls returns the calls that are still to be made, in the order of their
// times. It is Twisted's getDelayedCalls.
func (l *Loop) DelayedCalls() []DelayedCall { return l.timers.Calls() }

// NameResolver returns what names are looked up with; see [Names].
func (l *Loop) NameResolver() NameResolver { return l.resolver }

// InstallNameResolver replaces it; see [Names].
func (l *Loop) InstallNameResolver(r NameResolver) { l.resolver = r }

// CallFromThread has the loop call f; see [Threads].
func (l *Loop) CallFromThread(f func()) {
	if f == nil {
		panic("reactor: CallFromThread with a nil function")
	}
	l.mu.Lock()
	l.calls = append(l.calls, f)
	l.mu.Unlock()
	if l.asleep.CompareAndSwap(true, false) {
		l.poller.Wake()
	}
}

// CallInThread calls f on another goroutine; see [Threads].
func (l *Loop) CallInThread(f func()) {
	if f == nil {
		panic("reactor: CallInThread with a nil function")
	}
	l.inThread(f)
}

// SuggestThreadPoolSize sets how many functions run at a time; see [Threads].
func (l *Loop) SuggestThreadPoolSize(size int) { l.threads.resize(size) }

// OnLoop reports whether the caller is on the loop's goroutine; see [Threads].
func (l *Loop) OnLoop() bool { return l.goroutine.Load() == goroutineID() }

// Ended returns a channel that is closed when Run ends; see [Threads].
func (l *Loop) Ended() <-chan struct{} {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.ended == nil {
		l.ended = make(chan struct{})
		if l.state == done {
			close(l.ended)
		}
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
	err := deferred.NewPanicError(v)
	slog.Error("reactor: panic in "+what, "panic", v, "stack", string(err.Stack))
	return err
}
