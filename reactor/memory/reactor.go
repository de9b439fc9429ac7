package memory

import (
	"math/rand/v2"
	"time"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/internal/timers"
	"github.com/seed-7c003b53/gotreq/reactor"
)

// A Reactor is a [reactor.Loop] with time and network in memory. It is Twisted's
// MemoryReactorClock, with working connections.
//
// A test sets things up, runs the loop with [Reactor.Pump], [Reactor.Advance] or
// [Reactor.RunFor], and checks the result. A program that calls Run runs to its end
// without waiting: when there is nothing to do, the clock moves to the next timer.
//
// Use a Reactor on one goroutine at a time, such as the test's. The goroutine that runs turns
// counts as the loop's. Others may call CallFromThread and CallInThread, but then the order
// of events is not the same in each run. With deferred.SetDebugging, other calls from other goroutines panic while the
// loop turns. CallInThread starts no goroutine: it calls the function in a later turn.
type Reactor struct {
	*reactor.Loop

	// TCPClients, TCPServers, UNIXClients and UNIXServers record all calls of
	// ConnectTCP, ListenTCP, ConnectUNIX and ListenUNIX, in order. They are Twisted's
	// tcpClients and so on.
	TCPClients, UNIXClients []Client
	TCPServers, UNIXServers []Server

	// MaxTurns bounds the turns of the loop at one time of the clock. Pump, Advance, RunFor
	// and Run panic beyond it, since the loop would probably turn for ever. So do calls of
	// Iterate that follow each other. 0 means a million, which takes a second or less.
	MaxTurns int

	config  Config
	net     *network
	names   hosts
	random  *rand.PCG // the source of Rand
	bounds  bounds
	timers  int  // number of traced timers
	turning bool // inside a turn, so the loop is the caller
}

var _ reactor.Reactor = (*Reactor)(nil)

// New returns a reactor whose clock starts at the Unix epoch, in UTC. A test that needs a
// later date, for example for a certificate, calls [Reactor.Advance] first.
func New() *Reactor { return newReactor(Config{}) }

func newReactor(config Config) *Reactor {
	net := newNetwork()
	if config.Choices != nil {
		net.chooser = newChooser(net, config)
	}
	var loop *reactor.Loop
	r := &Reactor{}
	source := rand.NewPCG(1, 0)
	loop = reactor.NewLoop(net, reactor.LoopConfig{
		CallInThread: func(f func()) {
			if net.chooser != nil {
				net.chooser.inThread("", f)
			} else {
				loop.CallFromThread(f)
			}
		},
		Rand:         rand.New(source),
		PollContexts: true,
		RecordMakers: true,
		BeforeTurn:   r.beforeTurn,
	})
	*r = Reactor{Loop: loop, net: net, config: config, random: source}
	r.names.loop = loop
	if c := net.chooser; c != nil {
		c.loop, c.names, r.names.chooser = loop, &r.names, c
	}
	loop.InstallNameResolver(&r.names)
	return r
}

// Pump runs turns of the loop until nothing is left to do at the current time. It is the
// pump of Twisted's iosim.
//
// Pump panics if this takes more than MaxTurns, as when each call schedules another
// without delay, and if it is called from within the loop.
func (r *Reactor) Pump() { r.drive("Pump", r.net.now) }

// Advance moves the clock by d in one step, then makes the calls that are due, in the
// order of their times, and pumps. Each call sees the new time, as with the advance of
// Twisted's Clock. With [Reactor.RunFor], each call sees its own time.
//
// Within the loop, Advance only moves the clock, as if the current call took that long. It
// panics if d is negative and, outside the loop, when Pump does.
func (r *Reactor) Advance(d time.Duration) {
	r.check("Advance")
	r.net.advance(d)
	if !r.turning {
		r.drive("Advance", r.net.now)
	}
}

// RunFor runs the loop for time d. When there is nothing left to do, the clock moves to
// the next timer or the next arrival of bytes, and in the end to d from now. Each call
// sees the time for which it was scheduled.
//
// It panics if d is negative, and when Pump does.
func (r *Reactor) RunFor(d time.Duration) {
	if d < 0 {
		panic("memory: RunFor a negative time")
	}
	r.drive("RunFor", r.net.now.Add(d))
}

// drive runs turns until nothing is left to do before the time until.
func (r *Reactor) drive(method string, until time.Time) {
	r.check(method)
	if r.turning {
		panic("memory: " + method + " called from within the loop")
	}
	r.turning = true
	r.net.limit = &until
	r.net.idle = false
	defer func() {
		r.turning = false
		r.net.limit = nil
	}()
	r.begin(method)
	more := func() bool { return !r.net.idle }
	if err := r.Loop.IterateWhile(more, -1); err != nil {
		panic("memory: " + err.Error())
	}
}

// check panics if another goroutine than the loop's calls method while the loop turns.
// Finding that out takes long, so it needs deferred.SetDebugging.
func (r *Reactor) check(method string) {
	if deferred.Debugging() && r.turning && !r.OnLoop() {
		panic("memory: " + method + " must be called on the reactor's goroutine; " +
			"from here use CallFromThread or BlockingCallFromThread")
	}
}

// Run runs the loop until Stop; see [reactor.Core]. When there is nothing to do, the clock
// moves to the next timer. Run fails with [ErrIdle] if there is none.
func (r *Reactor) Run() error {
	defer r.turn()()
	r.begin("Run")
	return r.Loop.Run()
}

// Iterate runs one turn of the loop. If there is nothing to do, the clock moves to the next
// timer, at most by timeout. If timeout is negative and there is no timer, Iterate fails
// with [ErrIdle].
func (r *Reactor) Iterate(timeout time.Duration) error {
	defer r.turn()()
	if r.bounds.method != "Iterate" {
		r.begin("Iterate")
	}
	return r.Loop.Iterate(timeout)
}

// turn marks the loop as turning until end is called.
func (r *Reactor) turn() (end func()) {
	before := r.turning
	r.turning = true
	return func() { r.turning = before }
}

// CallLater calls f after delay; see [reactor.Clock].
func (r *Reactor) CallLater(delay time.Duration, f func()) reactor.DelayedCall {
	if !r.net.tracing || f == nil {
		return r.Loop.CallLater(delay, f)
	}
	var number int
	call := r.Loop.CallLater(delay, func() {
		r.net.trace(Event{Kind: "timer", N: number, Func: timers.Place(f)})
		f()
	})
	timers.Describe(call, timers.Func(f))
	r.timers++
	number = r.timers
	return call
}

// Seed restarts the numbers of Rand from seed, which is 1 at first. The same seed
// gives the same numbers in each run.
func (r *Reactor) Seed(seed uint64) { r.random.Seed(seed, 0) }
