package testing

import (
	"fmt"
	"runtime/debug"
	"strings"
	"sync/atomic"
	"testing/cryptotest"
	"time"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/internal/coro"
	"github.com/seed-7c003b53/gotreq/internal/explore"
	"github.com/seed-7c003b53/gotreq/reactor/memory"
)

// This file does one run of an exploration.

// A run is one call of the function under test, with what it comes to.
type run struct {
	x         *explorer
	tb        *runTB
	how       watch
	r         *memory.Reactor
	census    *deferred.Census
	goroutine atomic.Uint64
	steps     []func()
	next      int

	problems []problem
	failures []failure // of the function, if watched
	returned int       // the length of the trace at the function's return, if watched
	skipped  string
	trace    memory.Trace // if watched
	tree     string       // what waits, if watched
	tape     explore.Tape // if it failed or was watched
	points   []explore.Point
}

// current is the run that is under way.
var current atomic.Pointer[run]

// A failure is an event of the trace that says that the test fails.
type failure struct {
	at    int // the length of the trace before
	event memory.Event
}

// fails notes when the function fails, if the run is watched.
func (o *run) fails(p problem) {
	if o.how == silently {
		return
	}
	o.failures = append(o.failures, failure{len(o.r.Trace()), memory.Event{
		At: o.r.Now().Sub(time.Unix(0, 0)), Kind: "failure", Text: p.line(),
	}})
}

// A watch says what a run records besides its failures.
type watch uint8

const (
	silently watch = iota
	traced         // the trace
	debugged       // the trace, the log, and where Deferreds were made
)

// do does one run.
func (x *explorer) do(choices memory.Choices, how watch) *run {
	x.recorder.Start(choices)
	if x.t != nil {
		cryptotest.SetGlobalRandom(x.t, x.seed)
	}
	o := &run{x: x, how: how}
	o.tb = &runTB{TB: x.TB, x: x, run: o, verbose: how == debugged}
	o.r = memory.NewReactor(memory.Config{Choices: &x.recorder, Conditions: x.Network, MaxTime: x.MaxTime})
	o.r.MaxTurns = x.MaxTurns
	if how != silently {
		o.r.StartTrace()
	}
	if how == debugged {
		defer deferred.SetDebugging(deferred.Debugging())
		deferred.SetDebugging(true)
	}
	x.log.start(how == debugged, o.tb)
	o.census = deferred.OpenCensus()
	defer o.census.Close()
	current.Store(o)
	defer current.Store(nil)
	o.steps = []func(){o.call, o.work, o.settle, o.clean, o.check}
	for o.next < len(o.steps) {
		x.stage.do(o.advance)
	}
	o.finish()
	return o
}

// advance takes the steps that are left. A step may exit the goroutine, as FailNow does; the next
// call then goes on with the step after it.
func (o *run) advance() {
	o.goroutine.Store(coro.Goroutine())
	for o.next < len(o.steps) {
		step := o.steps[o.next]
		o.next++
		o.guard(step)
	}
}

// guard calls step, and notes its panic or that it exits the goroutine.
func (o *run) guard(step func()) {
	returned := false
	defer func() {
		if returned {
			return
		}
		if p := recover(); p != nil {
			problem := panicked(p)
			o.problems = append(o.problems, problem)
			o.fails(problem)
		} else if !o.tb.stopped {
			o.problems = append(o.problems, problem{what: "the function called runtime.Goexit"})
		}
	}()
	step()
	returned = true
}

// isHere reports whether the caller runs on the goroutine of the run.
func (o *run) isHere() bool { return coro.RunsOn(o.goroutine.Load()) }

// refuseReal panics in a run for which someone makes or takes a reactor of the system.
func refuseReal(what string) {
	if run := current.Load(); run != nil && run.isHere() {
		panic(fmt.Sprintf("%s is called in a run of Explore, where all has to happen on the run's reactor: "+
			"another one is really connected, and really waits. Give it to what the program calls: "+
			"client.New(r, client.Config{}).Get(url), or treq.Get(url, treq.Reactor(r)), and not treq.Get(url). "+
			"Package blocking cannot be explored", what))
	}
}

// call calls the function under test.
func (o *run) call() {
	defer func() {
		if o.how != silently {
			o.returned = len(o.r.Trace())
		}
	}()
	o.x.f(o.tb, o.r)
}

// broken reports whether the function has not come to its end.
func (o *run) broken() bool { return o.tb.stopped || len(o.problems) != 0 }

// work runs the reactor while things may fail. A function that only sets things up has no other time
// in which something could.
func (o *run) work() {
	if !o.broken() && o.x.Work > 0 {
		o.r.RunFor(o.x.Work)
	}
}

// settle runs the reactor until what is idle has timed out.
func (o *run) settle() {
	if o.broken() {
		return
	}
	o.x.recorder.Settle()
	o.r.EndFaults()
	if o.x.Settle > 0 {
		o.r.RunFor(o.x.Settle)
	}
}

// clean calls the functions of Cleanup.
func (o *run) clean() {
	o.tb.endContext()
	if f := o.tb.nextCleanup(); f != nil {
		o.next-- // come again
		f()
		return
	}
	if !o.broken() {
		o.r.Pump()
	}
}

// finish collects what the run has come to.
func (o *run) finish() {
	tb := o.tb
	tb.mu.Lock()
	tb.over = true
	tb.mu.Unlock()
	if tb.skipped && !tb.failed && len(o.problems) == 0 {
		o.skipped = tb.skip
	}
	// What the function says itself comes before what is checked after it, and a panic that it dies of is
	// mostly the cause of both.
	o.problems = append(tb.failures, o.problems...)
	if o.failed() || o.how != silently {
		o.points = append([]explore.Point(nil), o.x.recorder.Points()...)
		o.tape = explore.TapeOf(o.points)
	}
	if o.how != silently {
		o.trace = o.r.Trace()
		o.tree = strings.TrimRight(o.census.String(), "\n")
	}
}

func (o *run) failed() bool { return len(o.problems) != 0 }

// panicked returns the problem of a panic. It is called while the stack of the panic is there.
func panicked(p any) problem {
	if text, ok := p.(string); ok && strings.HasPrefix(text, "memory: ") {
		return problemOf(text) // a bound is passed, or the reactor is not used as it should be
	}
	return problemOf(fmt.Sprintf("panic: %v\n%s", p, debug.Stack()))
}

// A stage is the goroutine on which runs happen. A run may exit it.
type stage struct {
	work chan func()
	done chan bool // whether the goroutine goes on
}

// do calls f on the goroutine, and waits until it returns or exits.
func (s *stage) do(f func()) {
	if s.work == nil {
		s.work, s.done = make(chan func()), make(chan bool)
		go s.play(s.work, s.done)
	}
	s.work <- f
	if goesOn := <-s.done; !goesOn {
		s.work = nil
	}
}

func (s *stage) play(work chan func(), done chan bool) {
	exits := true
	defer func() {
		if exits {
			done <- false
		}
	}()
	for f := range work {
		f()
		done <- true
	}
	exits = false
}

// end ends the goroutine.
func (s *stage) end() {
	if s.work != nil {
		close(s.work)
		s.work = nil
	}
}

const (
	defaultRuns     = 1000
	defaultDepth    = 3
	defaultMaxTurns = 10_000
	defaultMaxTime  = 24 * time.Hour
	defaultWork     = time.Minute
	defaultSettle   = 20 * time.Minute // longer than the SessionTimeout of a web.Site
)
