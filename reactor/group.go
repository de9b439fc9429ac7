package reactor

import (
	"cmp"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/sourcegraph/conc"
)

// This file runs several loops as one program, so that it uses more than one core.

// A Group is several loops that run at the same time, each on a goroutine of its own, for a
// program that needs more than one core:
//
//	group := reactor.NewGroup(0)
//	port, err := group.ListenTCP(":8080", func(r reactor.Reactor) reactor.Factory {
//		return &web.Site{Root: newRoot(r)}
//	})
//	...
//	err = group.Run()
//
// Each loop is what it is alone: what belongs to one, such as a [Factory], a site, a client or a
// Deferred, is used on its goroutine only. So a program makes one of each for each loop, before
// [Group.Run], or in a function of CallWhenRunning. What loops have to tell each other goes
// through CallFromThread and [DeferToLoop].
//
// Loops start and stop together. When one stops or ends, for whatever reason, all stop; and none
// closes its connections before the triggers Before the Shutdown event have ended on all, so that
// a response of one loop may still need another. [Dump] shows all loops, by their numbers.
//
// Any goroutine may call the methods, except where they say otherwise.
type Group struct {
	loops          []*Loop
	handlesSignals bool
	status         atomic.Uint32 // idle, running or stopping: a state

	mu       sync.Mutex
	arrived  []bool   // which loops have ended their triggers Before Shutdown, or have ended
	together []func() // called when all have
}

// NewGroup returns a group of n loops, as [New] makes them. 0 means GOMAXPROCS: one for each core
// that Go uses.
func NewGroup(n int) *Group {
	if n < 0 {
		panic(fmt.Sprintf("reactor: NewGroup(%d)", n))
	}
	loops := make([]*Loop, cmp.Or(n, runtime.GOMAXPROCS(0)))
	for i := range loops {
		loops[i] = New()
	}
	return GroupOf(loops...)
}

// GroupOf returns a group of loops, at least one, that are in no other group and do not run.
func GroupOf(loops ...*Loop) *Group {
	if len(loops) == 0 {
		panic("reactor: GroupOf without a loop")
	}
	g := &Group{loops: slices.Clone(loops), arrived: make([]bool, len(loops))}
	for i, l := range loops {
		g.handlesSignals = g.handlesSignals || l.handlesSignals
		l.HandleSignals(false) // the group does
		if len(loops) > 1 {
			l.name = fmt.Sprintf("loop %d of %d", i+1, len(loops))
		}
		l.AddSystemEventTrigger(Before, Startup, func() *deferred.Deferred[deferred.None] {
			if g.state() == stopping {
				l.Stop()
			}
			return nil
		})
		l.AddSystemEventTrigger(Before, Shutdown, func() *deferred.Deferred[deferred.None] {
			g.Stop()
			return nil
		})
		l.AddSystemEventTrigger(During, Shutdown, func() *deferred.Deferred[deferred.None] { return g.await(i) })
	}
	return g
}

// Loops returns the loops.
func (g *Group) Loops() []*Loop { return slices.Clone(g.loops) }

// LoopOf returns the loop for key, which is always the same for one key. It is for what must
// belong to one loop, although all need it: the requests to one host, a room of a chat.
func (g *Group) LoopOf(key string) *Loop {
	sum := uint32(2166136261) // FNV-1a
	for i := range len(key) {
		sum = (sum ^ uint32(key[i])) * 16777619
	}
	return g.loops[uint64(sum)*uint64(len(g.loops))>>32]
}

// HandleSignals sets whether SIGINT and SIGTERM call Stop while the group is running. By default
// they do if one of the loops would handle them alone. Call it before Run; see
// [Loop.HandleSignals].
func (g *Group) HandleSignals(on bool) { g.handlesSignals = on }

// Run runs the loops until all have ended, the first one on the calling goroutine. It returns the
// errors of their Runs, joined. A panic of one ends the others too, and goes on in the caller. Run
// fails with [ErrAlreadyRunning].
func (g *Group) Run() (err error) {
	if !g.status.CompareAndSwap(uint32(idle), uint32(running)) {
		return ErrAlreadyRunning
	}
	defer g.status.Store(uint32(idle))
	clear(g.arrived)
	for _, l := range g.loops { // what one asks of another that has not begun waits for it
		l.mu.Lock()
		l.revive()
		l.mu.Unlock()
	}
	if g.handlesSignals {
		defer stopOnSignals(g.Stop)()
	}
	errs := make([]error, len(g.loops))
	run := func(i int) {
		errs[i] = errGoexit // by which nothing returns
		defer g.ended(i)
		errs[i] = g.loops[i].Run()
	}
	var others conc.WaitGroup
	for i := range g.loops[1:] {
		others.Go(func() { run(i + 1) })
	}
	defer func() { // also after a panic or runtime.Goexit
		others.Wait()
		err = errors.Join(errs...)
	}()
	run(0)
	return nil
}

// errGoexit is the error of a loop whose callback has ended its goroutine.
var errGoexit = fmt.Errorf("%w: a callback called runtime.Goexit", ErrStopped)

// state returns the state. Any goroutine may call it.
func (g *Group) state() state { return state(g.status.Load()) }

// ended stops the other loops after one has ended.
func (g *Group) ended(i int) {
	g.Stop()
	g.arrive(i, func() {})
}

// Stop stops all loops in order; see [Core]. It fails with [ErrNotRunning] unless the group is
// running.
func (g *Group) Stop() error {
	// Loops that have not begun will see it.
	if !g.status.CompareAndSwap(uint32(running), uint32(stopping)) && g.state() == idle {
		return ErrNotRunning
	}
	for _, l := range g.loops {
		l.Stop() // fails if it stops already
	}
	return nil
}

// await returns a Deferred of loop i that fires when all loops have ended their triggers Before
// Shutdown.
func (g *Group) await(i int) *deferred.Deferred[deferred.None] {
	if g.state() == idle {
		return nil // the program runs the loop by itself
	}
	all := deferred.New[deferred.None]()
	g.arrive(i, func() {
		g.loops[i].CallFromThread(func() { all.Callback(deferred.None{}) })
	})
	return all
}

// arrive notes that loop i has ended its triggers Before Shutdown. It calls then when all have.
func (g *Group) arrive(i int, then func()) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.arrived[i] = true
	g.together = append(g.together, then)
	if slices.Contains(g.arrived, false) {
		return
	}
	for _, f := range g.together {
		f()
	}
	g.together = nil
}

// Close closes all loops; see [Loop.Close]. It fails with [ErrAlreadyRunning] while the group is
// running.
func (g *Group) Close() error {
	if g.state() != idle {
		return ErrAlreadyRunning
	}
	errs := make([]error, len(g.loops))
	for i, l := range g.loops {
		errs[i] = l.Close()
	}
	return errors.Join(errs...)
}

// Stats fires on r, a loop of the group, with the counts of each loop, in order; see [Loop.Stats].
// [Stats.Plus] adds them up.
func (g *Group) Stats(r Reactor) *deferred.Deferred[[]Stats] {
	all := make([]*deferred.Deferred[Stats], len(g.loops))
	for i, l := range g.loops {
		all[i] = DeferToLoop(r, l, func() *deferred.Deferred[Stats] { return deferred.Succeed(l.Stats()) })
	}
	return deferred.GatherResults(all)
}
