package reactor

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"runtime"
	"strconv"
	"sync"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/sourcegraph/conc"
)

// DeferToThread calls f on a goroutine of r's pool and fires with what it
// returns. A panic of f becomes an error. Cancelling the Deferred does not stop
// f: its result is dropped. It belongs to the loop's goroutine and is Twisted's
// threads.deferToThread.
func DeferToThread[T any](r Threads, f func() (T, error)) *deferred.Deferred[T] {
	if f == nil {
		panic("reactor: DeferToThread with a nil function")
	}
	return deferred.RunOn(r, r.CallInThread, func(context.Context) (T, error) { return f() })
}

// ErrOnLoop is the error of waiting for the loop on the loop's own goroutine,
// which would never end.
var ErrOnLoop = errors.New("reactor: BlockingCallFromThread on the loop's own goroutine would wait for itself")

// BlockingCallFromThread has r's loop call f, and waits for the result of the
// Deferred that f returns. It is for goroutines that are not r's, and fails with
// [ErrOnLoop] on the one that is. If ctx ends first, the Deferred is cancelled and
// the error is ctx's cause; if the loop does, it is [ErrStopped]. While the loop
// does not run yet, the call waits for it to. It is Twisted's
// threads.blockingCallFromThread.
func BlockingCallFromThread[T any](ctx context.Context, r Threads, f func() *deferred.Deferred[T]) (T, error) {
	type result struct {
		value T
		err   error
	}
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
	results := make(chan result, 1)
	var d *deferred.Deferred[T] // the loop's
	r.CallFromThread(func() {
		if ctx.Err() != nil {
			return
		}
		d = deferred.MaybeDeferred(f)
		deferred.MapBoth(d, func(value T, err error) (deferred.None, error) {
			results <- result{value, err}
			return deferred.None{}, nil
		})
	})
	select {
	case got := <-results:
		return got.value, got.err
	case <-ctx.Done():
	case <-ended:
		giveUp(ErrStopped)
	}
	select {
	case got := <-results: // it came first
		return got.value, got.err
	default:
	}
	r.CallFromThread(func() { // if the loop has ended, then when it runs again
		if d != nil {
			d.Cancel()
		}
	})
	return zero, context.Cause(ctx)
}

// defaultThreads is how many functions given to CallInThread run at a time,
// unless SuggestThreadPoolSize says otherwise.
const defaultThreads = 10

// A threadPool runs functions on a bounded number of goroutines, which end when
// there is nothing to run. To hand it a function never blocks.
type threadPool struct {
	workers conc.WaitGroup

	mu      sync.Mutex
	queue   []func()
	running int
	size    int // at most so many run
}

func (p *threadPool) run(f func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.queue = append(p.queue, f)
	p.hire(1)
}

// hire starts n workers, as far as the size allows.
func (p *threadPool) hire(n int) {
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
	p.hire(len(p.queue))
}

// wait waits until all that was given to run has returned.
func (p *threadPool) wait() { p.workers.Wait() }

func (p *threadPool) work() {
	dismissed := false
	defer func() {
		if !dismissed { // a function has ended the goroutine
			p.workers.Go(p.work)
		}
	}()
	for f := p.next(); f != nil; f = p.next() {
		guard("a function called in a thread", f)
	}
	dismissed = true
}

// next returns the next function to run, or nil after taking the worker that
// asks off the count.
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

// goroutineID returns the number of the calling goroutine, which only the text of
// its stack tells: "goroutine 18 [running]:...".
func goroutineID() uint64 {
	var buffer [64]byte
	text := buffer[:runtime.Stack(buffer[:], false)]
	text = bytes.TrimPrefix(text, []byte("goroutine "))
	number, _, _ := bytes.Cut(text, []byte(" "))
	id, _ := strconv.ParseUint(string(number), 10, 64)
	return id
}
