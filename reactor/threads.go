package reactor

import (
	"sync"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/sourcegraph/conc"
	"github.com/sourcegraph/conc/panics"
)

// DeferToThread calls f on a goroutine of r's pool and fires with what it
// returns. A panic of f becomes an error. Cancelling the Deferred does not stop
// f: its result is dropped. It belongs to the loop's goroutine and is Twisted's
// threads.deferToThread.
func DeferToThread[T any](r Threads, f func() (T, error)) *deferred.Deferred[T] {
	if f == nil {
		panic("reactor: DeferToThread with a nil function")
	}
	d := deferred.New[T]()
	r.CallInThread(func() {
		var value T
		var err error
		if p := panics.Try(func() { value, err = f() }); p != nil {
			err = &deferred.PanicError{Value: p.Value, Stack: p.Stack}
		}
		r.CallFromThread(func() { d.Resolve(value, err) })
	})
	return d
}

// maxThreads is how many functions given to CallInThread run at a time.
const maxThreads = 10

// A threadPool runs functions on a bounded number of goroutines, which end when
// there is nothing to run. To hand it a function never blocks.
type threadPool struct {
	workers conc.WaitGroup

	mu      sync.Mutex
	queue   []func()
	running int
}

func (p *threadPool) run(f func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.queue = append(p.queue, f)
	if p.running < maxThreads {
		p.running++
		p.workers.Go(p.work)
	}
}

func (p *threadPool) work() {
	for f := p.next(); f != nil; f = p.next() {
		guard("a function called in a thread", f)
	}
}

// next returns the next function to run, or nil after taking the worker that
// asks off the count.
func (p *threadPool) next() func() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.queue) == 0 {
		p.running--
		return nil
	}
	f := p.queue[0]
	p.queue[0] = nil
	p.queue = p.queue[1:]
	return f
}
