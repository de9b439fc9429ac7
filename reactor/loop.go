package reactor

import (
	"cmp"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/internal/coro"
	"github.com/seed-7c003b53/gotreq/internal/list"
	"github.com/seed-7c003b53/gotreq/internal/random"
	"github.com/seed-7c003b53/gotreq/internal/timers"
)

// A Loop is a [Reactor] over a [Poller].
//
// In each turn, the loop makes the calls of other goroutines, those for contexts that have
// ended, and then the delayed calls that are due. It reads from connections that have more
// to read, sends everything written meanwhile, with one system call per connection, and waits
// for the next event.
//
// Methods are for the loop's goroutine unless they say otherwise.
type Loop struct {
	name     string // in dumps
	poller   Poller
	threads  threadPool
	inThread func(func())
	onTurn   func() // BeforeTurn of the LoopConfig; or nil
	resolver NameResolver
	locals   Locals
	rand     *rand.Rand
	now      func() time.Time // of the clock of timers
	timers   *timers.Heap
	stats    Stats
	turnTime time.Time // see TurnTime; zero until somebody asks for it

	pollContexts bool
	contexts     contextPoller // of the calls of WatchContext, if pollContexts is set

	runCount       int // number of Runs
	triggers       triggers
	whenRunning    []func()
	handlesSignals bool

	watch *watch        // times callbacks, for WarnSlow and StartChromeTrace; nil if nobody wants that
	slow  time.Duration // of WarnSlow

	open  list.List[connection] // open connections
	ports list.List[port]       // listening ports
	dials list.List[dial]       // connection attempts in progress

	again []*connection // connections that may have more to read, although no event follows
	dirty []*connection // connections to be flushed at the end of this turn

	readBuffer []byte   // shared by all connections; it grows as needed
	free       [][]byte // unused buffers for unsent data
	freeBytes  int      // total capacity of free

	mu        sync.Mutex
	calls     []func()          // from other goroutines; guarded by mu
	spare     []func()          // an empty slice to swap with calls
	ended     chan struct{}     // closed when Run ends; nil until Ended is called; guarded by mu
	hasEnded  bool              // the last Run has ended, and none has begun since; guarded by mu
	errands   list.List[errand] // of other loops, which wait for their results; guarded by mu
	status    atomic.Uint32     // a state; set under mu
	phase     atomic.Uint32     // outside, inTurn or asleep
	goroutine atomic.Uint64     // number of the loop's goroutine; 0 if unknown
	asked     atomic.Bool       // OnLoop was called; set under mu
}

// The phases of a loop. Only CallFromThread and Stop, which wake the loop, set the phase on
// another goroutine.
const (
	outside uint32 = iota // outside of a turn
	inTurn
	asleep // the poller may be waiting, so another goroutine must wake it
)

// calmTurns is the number of turns in which a coroutine is not needed before it is dropped.
const calmTurns = 4096

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
// most tests. It grows until fewer system calls for a large body pay no more: what is read then is still in the
// processor's cache when the protocol gets it. A connection that has more fills the buffer several times in a turn.
const (
	minReadSize = 16 << 10
	maxReadSize = 64 << 10
	readsInTurn = 4
)

// A LoopConfig configures a [Loop].
type LoopConfig struct {
	// CallInThread implements [Loop.CallInThread]. It must not block, and must
	// eventually call f. nil: a bounded pool of goroutines calls f.
	CallInThread func(f func())
	// Rand is the result of [Loop.Rand]. nil: the system's source.
	Rand *rand.Rand
	// PollContexts makes each turn ask the contexts of [Loop.WatchContext] whether they have
	// ended. The turn in which the loop learns of that is then the same in each run, but an
	// end does not wake the loop. If it is false, a goroutine of package context wakes it.
	PollContexts bool
	// BeforeTurn is called at the beginning of each turn. nil: nothing is called.
	BeforeTurn func()
	// RecordMakers makes each delayed call remember who scheduled it, for its text. That takes
	// about a microsecond.
	RecordMakers bool
}

// A jumpingClock is a [Poller] whose Now may jump. Delayed calls go by another clock.
type jumpingClock interface {
	Monotonic() time.Time
	// Jumped returns by how much Now is later than Monotonic.
	Jumped() time.Duration
}

// NewLoop returns a loop over p.
func NewLoop(p Poller, config LoopConfig) *Loop {
	l := &Loop{
		name:         "loop",
		poller:       p,
		inThread:     config.CallInThread,
		onTurn:       config.BeforeTurn,
		rand:         cmp.Or(config.Rand, random.System),
		pollContexts: config.PollContexts,
		threads:      threadPool{size: defaultThreads},
		now:          p.Now,
		readBuffer:   make([]byte, minReadSize),
	}
	if c, ok := p.(jumpingClock); ok {
		l.now = c.Monotonic
		l.timers = timers.New(l.now)
		l.timers.Jumped = c.Jumped
	} else {
		l.timers = timers.New(l.now)
	}
	l.locals.loop = l
	l.timers.Check, l.timers.RecordMakers = l.checkDelayedCall, config.RecordMakers
	if o, ok := p.(interface{ TimerOrder() timers.Order }); ok {
		l.timers.Order = o.TimerOrder()
	}
	if l.inThread == nil {
		l.inThread = l.threads.run
	}
	l.resolver = &systemResolver{reactor: l, locals: &l.locals}
	return l
}

// Locals returns the loop's values of every [Local].
func (l *Loop) Locals() *Locals {
	l.check("Locals")
	return &l.locals
}

// Rand returns the loop's source of randomness; see [Random].
func (l *Loop) Rand() *rand.Rand {
	l.check("Rand")
	return l.rand
}

// Run runs the loop on the calling goroutine until Stop; see [Core].
func (l *Loop) Run() error {
	if err := l.begin(); err != nil {
		return err
	}
	// Deferred, because a callback may exit the goroutine, as a test's FailNow does.
	defer l.end()
	if l.handlesSignals {
		defer stopOnSignals(l.Stop)()
	}
	return l.turnUntilIdle()
}

// runInBackground is Run without signals, and calls begun when the loop is running. If a
// callback exits the goroutine, nobody else ends what is open and waits: the loop does.
func (l *Loop) runInBackground(begun func()) error {
	if err := l.begin(); err != nil {
		return err
	}
	defer l.end()
	returned := false
	defer func() {
		if !returned {
			slog.Error("reactor: a callback called runtime.Goexit, which ended the background reactor")
			l.closeAll()
		}
	}()
	l.whenRunning = append(l.whenRunning, begun)
	err := l.turnUntilIdle()
	returned = true
	return err
}

// turnUntilIdle starts the loop and runs turns until its end.
func (l *Loop) turnUntilIdle() error {
	l.locals.coroutines.Open()
	defer l.locals.coroutines.Close()
	l.startUp()
	for l.state() != idle {
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
	switch s := l.state(); {
	case s == closed:
		return errLoopClosed
	case s != idle || l.phase.Load() != outside:
		return ErrAlreadyRunning
	}
	l.status.Store(uint32(starting))
	l.runCount++
	l.goroutine.Store(coro.Goroutine())
	inRun.Store(l, runs.Add(1))
	l.revive()
	return nil
}

// revive lets the loop run again after it has ended. mu is locked.
func (l *Loop) revive() {
	if l.hasEnded && l.state() != closed {
		l.hasEnded, l.ended = false, nil
	}
}

// startUp fires the Startup event.
func (l *Loop) startUp() {
	l.phase.Store(inTurn)
	defer l.phase.Store(outside)
	if l.watch != nil || deferred.Debugging() {
		l.watchTurn()
		defer l.watchEnd()
	}
	l.fire(Startup, l.started, func() {})
}

// end undoes begin and closes the channel of Ended.
func (l *Loop) end() {
	l.endTrace()
	defer l.dropErrands() // when mu is unlocked
	l.mu.Lock()
	defer l.mu.Unlock()
	l.status.Store(uint32(idle))
	l.goroutine.Store(0)
	inRun.Delete(l)
	l.locals.revive()
	if l.ended != nil && !l.hasEnded {
		close(l.ended)
	}
	l.hasEnded = true
}

// state returns the state. Any goroutine may call it.
func (l *Loop) state() state { return state(l.status.Load()) }

// enter sets the state. The lock is for Run and Stop on other goroutines.
func (l *Loop) enter(s state) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.status.Store(uint32(s))
}

// change sets the state to s if it is one of from, and reports whether it was.
func (l *Loop) change(s state, from ...state) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	ok := slices.Contains(from, l.state())
	if ok {
		l.status.Store(uint32(s))
	}
	return ok
}

// started enters the running state and makes the calls of CallWhenRunning.
func (l *Loop) started() {
	if !l.change(running, starting) {
		return // a trigger called Stop or Crash
	}
	calls := l.whenRunning
	l.whenRunning = nil
	for _, f := range calls {
		l.call("a function of CallWhenRunning", f)
	}
}

// Stop ends Run; see [Core]. Any goroutine may call it.
func (l *Loop) Stop() error {
	if !l.change(stopping, starting, running) {
		return ErrNotRunning
	}
	l.wake() // the turn continues: the caller may be inside a callback
	return nil
}

// shutDown fires the Shutdown event, which ends Run.
func (l *Loop) shutDown() {
	l.enter(shuttingDown)
	l.fire(Shutdown, l.closeAll, func() {
		l.locals.stop() // what the triggers After the event wait for
		l.enter(idle)
	})
}

// Crash ends Run; see [Core].
func (l *Loop) Crash() {
	l.check("Crash")
	if l.state() != closed {
		l.enter(idle)
	}
}

// Running reports whether the loop is running; see [Core]. Any goroutine may call it.
func (l *Loop) Running() bool {
	s := l.state()
	return s == starting || s == running
}

// CallWhenRunning calls f when the loop is running; see [Core].
func (l *Loop) CallWhenRunning(f func()) {
	l.check("CallWhenRunning")
	if f == nil {
		panic("reactor: CallWhenRunning with a nil function")
	}
	if l.state() == running {
		f()
		return
	}
	l.whenRunning = append(l.whenRunning, f)
}

func (l *Loop) iterate(timeout time.Duration) error {
	if l.shorten(timeout) == 0 || l.haveCalls() {
		timeout = 0 // the caller expects the result of these calls
	}
	return l.turn(timeout)
}

// turn runs one turn, then waits for the next event, for at most timeout.
func (l *Loop) turn(timeout time.Duration) error {
	if !l.phase.CompareAndSwap(outside, inTurn) {
		return ErrAlreadyRunning
	}
	defer l.phase.Store(outside)

	l.turnTime = time.Time{}
	if l.stats.Turns++; l.stats.Turns%calmTurns == 0 {
		l.locals.coroutines.Trim()
	}
	if l.onTurn != nil {
		l.onTurn()
	}
	before := l.state()
	if l.watch != nil || deferred.Debugging() {
		l.watchTurn()
		defer l.watchEnd()
	}
	l.makeCalls()
	l.fireContexts()
	mark := l.timers.Mark()
	for f := l.timers.Due(mark); f != nil; f = l.timers.Due(mark) {
		l.stats.delayedCall(l.timers.Lag())
		l.call("a delayed call", f)
	}
	l.readAgain()
	l.flush()
	if l.state() == stopping {
		l.shutDown()
	}
	if l.state() == idle && before != idle {
		return nil // Run has ended
	}
	if l.watch != nil {
		defer l.watch.waits()()
	}
	return l.wait(l.shorten(timeout))
}

// wait waits for the next event, for at most timeout.
func (l *Loop) wait(timeout time.Duration) error {
	if timeout != 0 {
		l.phase.Store(asleep)
		defer l.phase.Store(inTurn)
		if l.haveCalls() || l.state() == stopping {
			timeout = 0 // the other goroutine may have seen a loop that was not asleep
		}
	}
	l.turnTime = time.Time{}
	return l.poller.Wait(timeout)
}

// awake notes that the poller is not waiting. The functions that the poller calls begin
// with it.
func (l *Loop) awake() {
	if l.phase.Load() == asleep {
		l.phase.Store(inTurn)
	}
}

// wake wakes the loop, if it is asleep. Any goroutine may call it.
func (l *Loop) wake() {
	if l.phase.CompareAndSwap(asleep, inTurn) {
		l.poller.Wake()
	}
}

// shorten returns the longest time that the loop may wait.
func (l *Loop) shorten(timeout time.Duration) time.Duration {
	if len(l.again) != 0 || len(l.dirty) != 0 || l.contexts.any() {
		return 0
	}
	if at, ok := l.timers.Next(); ok {
		until := max(0, at.Sub(l.now()))
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
	l.locals.late = 0
	for d := l.dials.First(); d != nil; d = l.dials.First() {
		d.fail(ErrStopped)
	}
	l.locals.stop()
	for p := l.ports.First(); p != nil; p = l.ports.First() {
		p.StopListening()
	}
	for c := l.open.First(); c != nil; c = l.open.First() {
		c.stop()
	}
	l.locals.stop() // what the ends of ports and connections began
	clear(l.again)
	clear(l.dirty)
	l.again, l.dirty = l.again[:0], l.dirty[:0]
	l.poller.Drain()
}

// Close closes everything that is open and frees the loop's system resources. It waits
// for the functions of CallInThread and for the poller's goroutines to return. The
// loop cannot be used again: each call that would wait for it fails at once with
// [ErrStopped], so code that tries again after every error must take that one for the end.
// Close fails with [ErrAlreadyRunning] while the loop is running.
func (l *Loop) Close() error {
	switch s := l.state(); {
	case s == closed:
		return nil
	case s != idle || l.phase.Load() != outside:
		return ErrAlreadyRunning
	}
	l.closeAll()
	l.end()
	l.locals.close()
	l.enter(closed)
	err := l.poller.Close()
	l.threads.wait()
	return err
}

// Now returns the time; see [Clock]. Any goroutine may call it, but not on a reactor in
// memory.
func (l *Loop) Now() time.Time { return l.poller.Now() }

// TurnTime returns the time of r as it was when somebody first asked for it in the present turn of the loop. It is for
// times that may be late by a turn, such as that since which something is unused: a loop under load asks its clock
// hundreds of times a turn otherwise. Outside of a turn it is r.Now. The caller is on r's goroutine.
func TurnTime(r Reactor) time.Time {
	l := r.Locals().loop
	if l == nil || l.phase.Load() != inTurn {
		return r.Now()
	}
	if l.turnTime.IsZero() {
		l.turnTime = l.Now()
	}
	return l.turnTime
}

// CallLater calls f after delay; see [Clock].
func (l *Loop) CallLater(delay time.Duration, f func()) DelayedCall {
	l.check("CallLater")
	return l.timers.CallLater(delay, f)
}

// DelayedCalls returns the pending calls in the order of their times. It is Twisted's
// getDelayedCalls.
func (l *Loop) DelayedCalls() []DelayedCall {
	l.check("DelayedCalls")
	return l.timers.Calls()
}

// NameResolver returns the resolver of host names; see [Names].
func (l *Loop) NameResolver() NameResolver {
	l.check("NameResolver")
	return l.resolver
}

// InstallNameResolver replaces the resolver; see [Names].
func (l *Loop) InstallNameResolver(r NameResolver) {
	l.check("InstallNameResolver")
	l.resolver = r
}

// CallFromThread makes the loop call f; see [Threads].
func (l *Loop) CallFromThread(f func()) {
	if f == nil {
		panic("reactor: CallFromThread with a nil function")
	}
	l.mu.Lock()
	l.calls = append(l.calls, f)
	l.mu.Unlock()
	l.wake()
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

// Ended returns a channel that is closed when Run ends; see [Threads].
func (l *Loop) Ended() <-chan struct{} {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.ended == nil {
		l.ended = make(chan struct{})
		if l.hasEnded {
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
	l.stats.ThreadCalls += uint64(len(calls))
	for i, f := range calls {
		calls[i] = nil
		l.call("a call from another goroutine", f)
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
	slog.Error("reactor: panic in "+what, "panic", fmt.Sprint(err.Value), "at", err.Place(), "stack", err.Trace())
	return err
}
