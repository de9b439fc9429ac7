package testing

import (
	"testing"
	"time"

	"github.com/seed-7c003b53/gotreq/internal/explore"
	"github.com/seed-7c003b53/gotreq/reactor/memory"
)

// An Exploration says how [Explore] searches. The zero value works: it varies the order of what
// is due at the same time and how bytes are split, and nothing fails.
type Exploration struct {
	// Runs bounds the number of runs. 0 means 1000. The environment variable TREQTESTING_RUNS sets
	// another number ("20000"), or multiplies this one ("x20").
	Runs int
	// Seed decides what the runs do: the same seed gives the same runs on every system. 0 means a
	// seed made of the test's name, so that different tests search in different places. The
	// environment variable TREQTESTING_SEED sets another one.
	Seed uint64
	// Network says what may vary from run to run, and what may fail.
	Network memory.Conditions
	// Strategies are the ways to search. 0 means all of them.
	Strategies Strategies
	// Depth is the number of events whose order [Priorities] takes a fault to depend on. 0 means 3.
	Depth int
	// MaxTurns bounds the turns of the loop at one time of the clock. 0 means 10,000.
	MaxTurns int
	// MaxTime bounds the time of the reactor's clock that the function may take. 0 means a day.
	MaxTime time.Duration
	// Work is the time of the reactor's clock for which the program runs after the function has
	// returned, and in which all that Network says may still happen. 0 means a minute; a negative
	// time means none, for a function that runs the reactor itself.
	Work time.Duration
	// Settle is the time of the reactor's clock in which the program comes to rest after that:
	// nothing fails in it, and nothing is given up. 0 means 20 minutes; a negative time means none.
	Settle time.Duration
	// Unchecked are the checks that are left out.
	Unchecked Checks
	// Sometimes are names that at least one run has to pass to [Sometimes].
	Sometimes []string
}

// Strategies are a set of ways to search for a run that fails.
type Strategies = explore.Strategy

const (
	// NaturalRun is a run as it is without an Exploration. The last run is the same, to find out
	// whether the program does the same each time.
	NaturalRun = explore.NaturalRun
	// EachFault makes each fault that may happen at each step of the natural run, one in each run.
	//
	// EachFault, EachCancel, EachDelay and EachOrder take turns. If they need more than half of all
	// runs, each has an equal part of these, and does some of its runs, evenly distributed.
	EachFault = explore.EachFault
	// EachCancel cancels at each step what [memory.Reactor.MayCancel] may cancel, one in each run.
	EachCancel = explore.EachCancel
	// EachDelay makes each message, lookup, attempt to connect and function of CallInThread of the
	// natural run as late as it may be, one in each run. It finds what happens if one thing comes
	// after all others.
	EachDelay = explore.EachDelay
	// EachOrder takes at each step each other task that is due at the same time, one in each run.
	EachOrder = explore.EachOrder
	// Random makes all choices at random. How often it makes those of each kind differs from
	// run to run.
	Random = explore.Random
	// Priorities gives each connection and each place that schedules calls a priority at random, and
	// changes some of them now and then (PCT). The other choices are at random. It finds faults of
	// the order that Random finds rarely.
	Priorities = explore.Priorities
)

// Checks are a set of what [Explore] checks after each run.
type Checks uint16

const (
	// Panics are the panics of callbacks, which the library has turned into errors, or logged.
	Panics Checks = 1 << iota
	// IgnoredCancels are the Deferreds of [memory.Reactor.MayCancel] that the user has given up, and
	// that have ended with a value all the same, such as that of a coroutine that swallows the error
	// of its Await and goes on. Their work must end with an error; handlers after it may turn that
	// into a value. Other Deferreds that are cancelled may have a value: a worker may end in order,
	// and a timeout may have a default.
	IgnoredCancels
	// UnhandledErrors are the errors of Deferreds that nothing has handled.
	UnhandledErrors
	// WaitingDeferreds are the Deferreds that have not fired, although something waits for them.
	WaitingDeferreds
	// OpenConnections are connections, attempts to connect, and the producers registered on
	// connections, that are left.
	OpenConnections
	// PendingCalls are delayed calls that are left.
	PendingCalls
	// PendingRequests is what else is left in what the reactor's Dump shows, such as requests and
	// entries of pools.
	PendingRequests
)

// Explore calls f in many runs, and fails t if one of them fails. Each run has a reactor of its own,
// in which the network, the scheduler and the user of the program do other things: see the fields
// of [Exploration]. f sets up the program, says what must hold in the end, and returns:
//
//	func TestOrder(t *testing.T) {
//		treqtesting.Explore(t, treqtesting.Exploration{Network: memory.Conditions{
//			MayFail: []memory.Link{{B: "shop.example"}},
//		}}, func(t testing.TB, r *memory.Reactor) {
//			r.AddHost("shop.example", "10.0.0.2")
//			shop := new(Shop)
//			r.ListenTCP("10.0.0.2:80", &web.Site{Root: shop})
//			d := client.New(r, client.Config{}).Post("http://shop.example/orders")
//			d.AddErrback(func(error) (*response.Response, error) { return nil, nil })
//			t.Cleanup(func() {
//				if shop.orders > 1 {
//					t.Errorf("the shop has %d orders", shop.orders)
//				}
//			})
//		})
//	}
//
// A run has five parts:
//
//  1. f. It may also run the reactor, and check what it has come to.
//  2. The reactor runs for [Exploration.Work]. Things fail and are given up as in f.
//  3. The reactor runs for [Exploration.Settle], in which nothing more fails, so that what is idle
//     times out. What was cut is reset now.
//  4. The functions that f has passed to Cleanup are called, the last one first.
//  5. Nothing may be left: see [Checks]. Ports may still listen.
//
// A run fails as a test does, by the t that f gets, and if f panics. A run that takes too many
// turns, or too much time of its clock, fails too.
//
// The first run that fails is the last one. Explore takes away from it each choice that the failure
// does not need, and reports what is left: the choices in words, what happened between the hosts,
// what waits for what, the lines of the log, and the command that repeats exactly this run. The
// report is the same each time.
//
// An exploration that cannot find anything fails t, too: one with faults, cancels or latencies that
// were never possible in any run, or one that misses a name of [Exploration.Sometimes].
//
// f must do the same when the same choices are made. It must not take the time, random numbers or
// the order of a map's elements from anywhere but the reactor, nor keep anything between the runs,
// nor leave a goroutine behind. Explore tells where two runs first differ. If t is a *testing.T, the
// random numbers of package crypto are the same in each run, so that TLS is, too.
//
// No other test may run in parallel: what Explore checks is the whole process's. The default logger
// of log/slog is silent in the meantime.
func Explore(t testing.TB, e Exploration, f func(t testing.TB, r *memory.Reactor)) Summary {
	t.Helper()
	return runExploration(t, e, f, (*explorer).report)
}

// Search is [Explore] that does not fail t. What it finds is in the Summary, which also says what was
// possible at all: an exploration whose Choices have no [memory.Fault] had no fault to make.
func Search(t testing.TB, e Exploration, f func(t testing.TB, r *memory.Reactor)) Summary {
	t.Helper()
	return runExploration(t, e, f, func(*explorer) {})
}

func runExploration(t testing.TB, e Exploration, f func(t testing.TB, r *memory.Reactor), report func(*explorer)) Summary {
	t.Helper()
	x, end := newExplorer(t, t.Name(), e, f)
	defer end()
	if x.tape != nil {
		x.replay()
	} else {
		x.search()
	}
	report(x)
	return x.summary
}

// Sometimes says that the run of [Explore] whose t this is has come to a state that is of interest.
// What the names of [Exploration.Sometimes] stand for has to happen in at least one run; so a test
// finds out whether it still tests what it was written for. Outside of an exploration, Sometimes
// does nothing.
func Sometimes(t testing.TB, name string) {
	if tb, ok := t.(*runTB); ok {
		tb.mark(name)
	} else if run := current.Load(); run != nil {
		run.tb.mark(name) // t wraps the run's
	}
}
