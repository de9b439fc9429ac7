package memory

import (
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/seed-7c003b53/gotreq/reactor"
)

// A Reactor is a [reactor.Loop] whose time and network are in memory. It is
// Twisted's MemoryReactorClock, with connections that work.
//
// A test sets things up, then has the loop do its work with [Reactor.Pump],
// [Reactor.Advance] or [Reactor.RunFor], then looks at what came out. A program
// that calls Run is run to its end without waiting: whenever there is nothing to
// do, the clock jumps to the next timer.
//
// A Reactor belongs to one goroutine, the test's, which is the loop's. Only
// CallFromThread and CallInThread may be called from others, at the price of
// an order that is no longer the same every time. CallInThread starts no
// goroutine: it calls the function in a later turn.
type Reactor struct {
	*reactor.Loop

	// TCPClients, TCPServers, UNIXClients and UNIXServers are the calls of
	// ConnectTCP, ListenTCP, ConnectUNIX and ListenUNIX so far, in order and
	// whatever came of them. They are Twisted's tcpClients and so on.
	TCPClients, UNIXClients []Client
	TCPServers, UNIXServers []Server

	// MaxTurns is after how many turns of the loop at one and the same time Pump
	// and its like give up. It is a million at first, which is a second or less
	// of a loop that goes round for ever.
	MaxTurns int

	net     *network
	names   hosts
	random  *rand.PCG // what Rand draws from
	timers  int       // that were traced
	turning bool      // in a turn: what is called now is called by the loop
}

var _ reactor.Reactor = (*Reactor)(nil)

// New returns a reactor whose clock stands at the Unix epoch, in UTC. A test that
// needs a later date, for a certificate perhaps, begins with [Reactor.Advance].
func New() *Reactor {
	net := newNetwork()
	var loop *reactor.Loop
	source := rand.NewPCG(1, 0)
	loop = reactor.NewLoop(net, reactor.LoopConfig{
		CallInThread: func(f func()) { loop.CallFromThread(f) },
		Rand:         rand.New(source),
	})
	r := &Reactor{Loop: loop, net: net, random: source, MaxTurns: 1_000_000}
	r.names.loop = loop
	loop.InstallNameResolver(&r.names)
	return r
}

// Pump runs turns of the loop until there is nothing left to do at the present
// time. It is the pump of Twisted's iosim.
//
// It panics if that never comes, as with a CallLater of no delay that arranges
// the next, and if it is called from within the loop.
func (r *Reactor) Pump() { r.drive("Pump", r.net.now) }

// Advance moves the clock by d at one stroke, then makes the calls that are due
// in the order of their times, and pumps. It is the advance of Twisted's Clock:
// each call sees the time after the step. See [Reactor.RunFor] for the other way.
//
// Called from within the loop it only moves the clock, as if the call that
// is being made took so long. It panics if d is negative, and where Pump does.
func (r *Reactor) Advance(d time.Duration) {
	r.net.advance(d)
	if !r.turning {
		r.drive("Advance", r.net.now)
	}
}

// RunFor lets time d go by: whenever there is nothing left to do, the clock moves
// to the next timer, or the next arrival of bytes that are on their way, and in
// the end to d from now. Each call sees the time it was arranged for.
//
// It panics where Pump does, and if d is negative.
func (r *Reactor) RunFor(d time.Duration) {
	if d < 0 {
		panic("memory: RunFor a negative time")
	}
	r.drive("RunFor", r.net.now.Add(d))
}

// drive runs turns until nothing is left to do up to the time until.
func (r *Reactor) drive(method string, until time.Time) {
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
	turns, at := 0, r.net.now
	for !r.net.idle {
		if err := r.Loop.Iterate(-1); err != nil {
			panic("memory: " + err.Error())
		}
		if turns++; !r.net.now.Equal(at) {
			turns, at = 0, r.net.now
		}
		if turns == r.MaxTurns {
			panic(fmt.Sprintf("memory: %s does not come to an end: %d turns of the loop at %v, "+
				"and there is more to do", method, turns, r.net.elapsed()))
		}
	}
}

// Run runs the loop until Stop; see [reactor.Core]. The clock jumps over all the
// time in which nothing happens. It fails with [ErrIdle] if nothing can happen
// any more and nobody called Stop.
func (r *Reactor) Run() error {
	defer r.turn()()
	return r.Loop.Run()
}

// Iterate runs one turn of the loop. If there is nothing to do the clock moves
// to the next timer, but at most by timeout; if timeout is negative and there
// is no timer, it fails with [ErrIdle].
func (r *Reactor) Iterate(timeout time.Duration) error {
	defer r.turn()()
	return r.Loop.Iterate(timeout)
}

// turn notes that the loop is running until the function that it returns is
// called.
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
	r.timers++
	number := r.timers
	return r.Loop.CallLater(delay, func() {
		r.net.trace(Event{Kind: "timer", N: number})
		f()
	})
}

// Seed restarts the numbers of Rand from seed, which is 1 at first. The same seed
// gives the same numbers in each run.
func (r *Reactor) Seed(seed uint64) { r.random.Seed(seed, 0) }
