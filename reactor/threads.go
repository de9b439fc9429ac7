package reactor

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"sync"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/internal/list"
	"github.com/seed-7c003b53/gotreq/internal/timers"
	"github.com/sourcegraph/conc"
)

// DeferToThread calls f on a goroutine of r's pool and fires with the result. A panic
// of f becomes an error. Cancelling the Deferred does not stop f, but drops its result. If
// r stops first, the Deferred fails with [ErrStopped], while f goes on. A call that is made
// while r stops fails in the same way, and f is called all the same: it may save what must not
// be lost. [Loop.Close] waits for f; after Close, f is not called. It is Twisted's
// threads.deferToThread.
func DeferToThread[T any](r Reactor, f func() (T, error)) *deferred.Deferred[T] {
	if f == nil {
		panic("reactor: DeferToThread with a nil function")
	}
	return deferToThread(r, r.Locals(), f)
}

func deferToThread[T any](r Threads, locals *Locals, f func() (T, error)) *deferred.Deferred[T] {
	if locals.closed || locals.full() {
		return untilStopped(locals, deferred.New[T]())
	}
	var loop deferred.Loop = r
	if l := locals.loop; l != nil && l.watch != nil {
		loop = resultOf{l, timers.FuncOf(f)}
	}
	return untilStopped(locals, deferred.RunOn(loop, r.CallInThread, func(context.Context) (T, error) { return f() }))
}

// A resultOf makes the loop's watch tell what handles the result of a thread by the name of its function.
type resultOf struct {
	*Loop
	name fmt.Stringer
}

func (r resultOf) CallFromThread(f func()) {
	r.Loop.CallFromThread(func() { Timed(r.Loop, "the result of DeferToThread", r.name, f) })
}

// UntilStopped cancels d when r stops, and makes it fail with [ErrStopped] then. It is for
// a Deferred that only a running loop fires, such as one of [deferred.FromChannel]:
// without it, code that waits for d would never learn of the end. Timers, connections,
// lookups of names and DeferToThread need no UntilStopped. It returns d.
//
// What begins to wait while r stops fails too, once what began before has failed. The failures
// may make code wait again, such as a clean-up of several steps: 10,000 such waits fail in turn.
// Then the next is abandoned, which is logged: its Deferred never fires. So code that tries
// again after every error does not keep r from stopping. After [Loop.Close], every wait fails
// at once.
func UntilStopped[T any](r Reactor, d *deferred.Deferred[T]) *deferred.Deferred[T] {
	return untilStopped(r.Locals(), d)
}

func untilStopped[T any](locals *Locals, d *deferred.Deferred[T]) *deferred.Deferred[T] {
	w := &wait{cancel: d.Cancel}
	locals.waits.Push(&w.at, w)
	d.AddBoth(func(value T, err error) (T, error) {
		w.at.Remove()
		if w.stopped && errors.Is(err, deferred.ErrCancelled) {
			err = ErrStopped
		}
		return value, err
	})
	switch {
	case w.at.In() == nil: // d has its result
	case locals.closed:
		w.at.Remove()
		w.stop()
	case locals.full():
		w.at.Remove()
		locals.logAbandoned()
	case locals.ending:
		locals.late++
	}
	return d
}

// A wait is a Deferred of UntilStopped.
type wait struct {
	at      list.Node[wait]
	cancel  func()
	stopped bool // the loop stopped first
}

func (w *wait) stop() {
	w.stopped = true
	w.cancel()
}

// maxLate bounds the waits that begin because the stopping loop ends others, and the attempts
// to connect that it refuses at once. It is far more than clean-ups need.
const maxLate = 10_000

// full reports whether a wait that begins now is abandoned.
func (l *Locals) full() bool { return l.ending && l.late >= maxLate }

// stop ends all waits, and those that begin because others end.
func (l *Locals) stop() {
	l.stopped, l.ending = true, true
	l.late, l.logged = 0, false
	defer func() { l.ending = false }() // even if a callback exits the goroutine
	for w := l.waits.First(); w != nil; w = l.waits.First() {
		w.at.Remove()
		w.stop()
	}
	for _, p := range l.parts {
		p.locals.stop()
	}
}

// logAbandoned logs the first wait of a stop that is abandoned, with the stack of its caller.
func (l *Locals) logAbandoned() {
	if l.logged {
		return
	}
	l.logged = true
	slog.Error("reactor: code waits again each time the stopping reactor ends its wait; "+
		"it is abandoned, and its last Deferred never fires", "waits", maxLate, "stack", string(debug.Stack()))
}

// ErrOnLoop is the error of [BlockingCallFromThread] on the loop's own goroutine, or in a
// coroutine on it, where it would wait for ever.
var ErrOnLoop = errors.New("reactor: BlockingCallFromThread on the loop's own goroutine would wait for itself")

// BlockingCallFromThread makes r's loop call f, and returns the result of the Deferred
// that f returns. If the loop has not run yet, the call waits for it. When ctx ends,
// the Deferred is cancelled and the error is ctx's cause. When the loop ends, or if it has
// ended, the error is [ErrStopped]. Any goroutine may call it, but on the loop's, where a coroutine such as
// an HTTP handler runs too, it fails with [ErrOnLoop]. It is Twisted's threads.blockingCallFromThread.
func BlockingCallFromThread[T any](ctx context.Context, r Threads, f func() *deferred.Deferred[T]) (T, error) {
	var zero T
	if f == nil {
		panic("reactor: BlockingCallFromThread with a nil function")
	}
	if r.OnLoop() {
		return zero, ErrOnLoop
	}
	ctx, giveUp := context.WithCancelCause(ctx)
	defer giveUp(nil)
	if ctx.Err() != nil {
		return zero, context.Cause(ctx)
	}
	ended := r.Ended()
	c := &blockingCall[T]{ctx: ctx, f: f, result: make(chan result[T], 1)}
	r.CallFromThread(c.start)
	select {
	case got := <-c.result:
		return got.value, got.err
	case <-ctx.Done():
	case <-ended:
		giveUp(ErrStopped)
	}
	select {
	case got := <-c.result: // the result was first
		return got.value, got.err
	default:
	}
	r.CallFromThread(c.cancel) // if the loop has ended, in its next Run
	return zero, context.Cause(ctx)
}

// A blockingCall is one call of BlockingCallFromThread. Its methods run on the loop's
// goroutine.
type blockingCall[T any] struct {
	ctx    context.Context
	f      func() *deferred.Deferred[T]
	d      *deferred.Deferred[T] // nil before start
	result chan result[T]
}

type result[T any] struct {
	value T
	err   error
}

func (c *blockingCall[T]) start() {
	if c.ctx.Err() != nil {
		return
	}
	c.d = deferred.MaybeDeferred(c.f)
	deferred.MapBoth(c.d, func(value T, err error) (deferred.None, error) {
		c.result <- result[T]{value, err}
		return deferred.None{}, nil
	})
}

func (c *blockingCall[T]) cancel() {
	if c.d != nil {
		c.d.Cancel()
	}
}

// defaultThreads is the initial size of the pool.
const defaultThreads = 10

// A threadPool runs functions on a bounded number of goroutines, which end when the
// queue is empty. run does not block.
type threadPool struct {
	workers conc.WaitGroup

	mu      sync.Mutex
	queue   []func()
	running int
	size    int // maximum of running
}

func (p *threadPool) run(f func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.queue = append(p.queue, f)
	p.startWorkers(1)
}

// startWorkers starts up to n workers, as far as size allows.
func (p *threadPool) startWorkers(n int) {
	for range min(p.size-p.running, n) {
		p.running++
		p.workers.Go(p.work)
	}
}

func (p *threadPool) resize(size int) {
	if size < 1 {
		panic(fmt.Sprintf("reactor: SuggestThreadPoolSize(%d)", size))
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.size = size
	p.startWorkers(len(p.queue))
}

// wait waits until every function has returned.
func (p *threadPool) wait() { p.workers.Wait() }

func (p *threadPool) work() {
	returned := false
	defer func() {
		if !returned { // a function called runtime.Goexit
			p.workers.Go(p.work)
		}
	}()
	for f := p.next(); f != nil; f = p.next() {
		guard("a function of CallInThread", f)
	}
	returned = true
}

// next returns the next function to run. If it returns nil, the calling worker must
// end, and is no longer counted as running.
func (p *threadPool) next() func() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.queue) == 0 || p.running > p.size {
		p.running--
		return nil
	}
	f := p.queue[0]
	p.queue[0] = nil
	p.queue = p.queue[1:]
	return f
}
