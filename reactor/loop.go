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
// In each turn, the loop makes the calls of other goroutines, then the delayed calls
// that are due. It reads from connections that have more to read, sends everything
// written meanwhile, with one system call per connection, and waits for the next event.
//
// Methods are for the loop's goroutine unless they say otherwise.
type Loop struct {
	poller   Poller
	threads  threadPool
	inThread func(func())
	resolver NameResolver
	locals   Locals
	rand     *rand.Rand
	timers   *timers.Heap

	state          state // set by enter only
	turning        bool  // inside a turn
	runCount       int   // number of Runs
	triggers       triggers
	whenRunning    []func()
	handlesSignals bool

	open  list[connection] // open connections
	ports list[port]       // listening ports
	dials list[dial]       // connection attempts in progress

	again []*connection // connections that may have more to read, although no event follows
	dirty []*connection // connections to be flushed at the end of this turn

	readBuffer []byte   // shared by all connections; it grows as needed
	free       [][]byte // unused buffers for unsent data
	freeBytes  int      // total capacity of free

	mu        sync.Mutex
	calls     []func()      // from other goroutines; guarded by mu
	spare     []func()      // an empty slice to swap with calls
	ended     chan struct{} // closed when Run ends; nil until Ended is called; guarded by mu
	asleep    atomic.Bool   // the poller may be waiting, so a call from another goroutine must wake it
	goroutine atomic.Uint64 // number of the loop's goroutine; 0 if unknown
}

type state uint8

const (
	idle     state = iota
	starting       // in the Startup event
	running
	stopping     // Stop was called; the Shutdown event follows at the end of this turn
	shuttingDown // in the Shutdown event
	closing      // everything is closed; nothing can be opened until Run returns
	closed       // Close was called
)

// The read buffer starts small, for loops whose connections never send much, as in
// most tests. A large buffer needs fewer system calls for a large body.
const (
	minReadSize = 16 << 10
	maxReadSize = 256 << 10
)

// A LoopConfig configures a [Loop].
type LoopConfig struct {
	// CallInThread implements [Loop.CallInThread]. It must not block, and must
	// eventually call f. nil: a bounded pool of goroutines calls f.
	CallInThread func(f func())
	// Rand is the result of [Loop.Rand]. nil: the system's source.
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

// Locals returns the loop's values of every [Local].
func (l *Loop) Locals() *Locals { return &l.locals }

// Rand returns the loop's source of randomness; see [Random].
func (l *Loop) Rand() *rand.Rand { return l.rand }

// Run runs the loop on the calling goroutine until Stop; see [Core].
func (l *Loop) Run() error { return l.run(true, nil) }

// run is Run. It handles signals if signals and l.handlesSignals are true, and calls
// begun, unless nil, when the loop is running.
func (l *Loop) run(signals bool, begun func()) error {
	if err := l.begin(); err != nil {
		return err
	}
	// Deferred, because a callback may exit the goroutine, as a test's FailNow does.
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
	case closed:
		return errLoopClosed
	default:
		return ErrAlreadyRunning
	}
	l.state = starting
	l.runCount++
	l.goroutine.Store(goroutineID())
	return nil
}

// end undoes begin and closes the channel of Ended.
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

// enter sets the state. The lock is for a second Run on another goroutine.
func (l *Loop) enter(s state) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.state = s
}

// started enters the running state and makes the calls of CallWhenRunning.
func (l *Loop) started() {
	if l.state != starting {
		return // a trigger called Stop or Crash
	}
	l.enter(running)
	calls := l.whenRunning
	l.whenRunning = nil
	for _, f := range calls {
		guard("a function of CallWhenRunning", f)
	}
}

// Stop ends Run; see [Core].
func (l *Loop) Stop() error {
	if !l.Running() {
		return ErrNotRunning
	}
	l.enter(stopping) // the turn continues: the caller may be inside a callback
	return nil
}

// shutDown fires the Shutdown event, which ends Run.
func (l *Loop) shutDown() {
	l.enter(shuttingDown)
	l.fire(Shutdown, l.closeAll, func() { l.enter(idle) })
}

// Crash ends Run; see [Core].
func (l *Loop) Crash() {
	if l.state != closed {
		l.enter(idle)
	}
}

// Running reports whether the loop is running; see [Core].
func (l *Loop) Running() bool { return l.state == starting || l.state == running }

// CallWhenRunning calls f when the loop is running; see [Core].
func (l *Loop) CallWhenRunning(f func()) {
	if f == nil {
		panic("reactor: CallWhenRunning with a nil function")
	}
	if l.state == running {
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
		timeout = 0 // the caller expects the result of these calls
	}
	return l.turn(timeout)
}

// turn runs one turn, then waits for the next event, for at most timeout.
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
	if l.state == stopping {
		l.shutDown()
	}
	if l.state == idle && before != idle {
		return nil // Run has ended
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

// shorten returns the longest time that the loop may wait.
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

// closeAll closes everything that is open. Unsent data is sent as far as possible
// without waiting.
func (l *Loop) closeAll() {
	l.enter(closing) // keeps others from opening something, such as a client that reconnects at once
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

// Close closes everything that is open and frees the loop's system resources. It waits
// for the functions of CallInThread and for the poller's goroutines to return. The
// loop cannot be used again: calls that wait for it fail with [ErrStopped]. Close
// fails with [ErrAlreadyRunning] while the loop is running.
func (l *Loop) Close() error {
	switch {
	case l.state == closed:
		return nil
	case l.state != idle || l.turning:
		return ErrAlreadyRunning
	}
	l.closeAll()
	l.end()
	l.enter(closed)
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

// DelayedCalls returns the pending calls in the order of their times. It is Twisted's
// getDelayedCalls.
func (l *Loop) DelayedCalls() []DelayedCall { return l.timers.Calls() }

// NameResolver returns the resolver of host names; see [Names].
func (l *Loop) NameResolver() NameResolver { return l.resolver }

// InstallNameResolver replaces the resolver; see [Names].
func (l *Loop) InstallNameResolver(r NameResolver) { l.resolver = r }

// CallFromThread makes the loop call f; see [Threads].
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

// SuggestThreadPoolSize sets the size of the pool of goroutines; see [Threads].
func (l *Loop) SuggestThreadPoolSize(size int) { l.threads.resize(size) }

// OnLoop reports whether the caller is on the loop's goroutine; see [Threads].
func (l *Loop) OnLoop() bool {
	id := l.goroutine.Load()
	return id != 0 && runsOn(id)
}

// Ended returns a channel that is closed when Run ends; see [Threads].
func (l *Loop) Ended() <-chan struct{} {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.ended == nil {
		l.ended = make(chan struct{})
		if l.state == closed {
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

// makeCalls makes the calls that other goroutines have asked for.
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

// guard calls f. If f panics, guard logs the panic and the loop continues.
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
