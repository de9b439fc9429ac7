package bridge

import (
	"io"
	"sync"

	"github.com/seed-7c003b53/gotreq/reactor"
)

// A Pipe takes bytes on the loop's goroutine and gives them to one goroutine that
// reads. When it holds pipeSize bytes, it pauses its source until half of them are read.
type Pipe struct {
	threads reactor.Threads
	source  reactor.PushProducer // belongs to the loop's goroutine

	mu     sync.Mutex
	change *sync.Cond // signals a change of data, err or closed
	data   []byte
	err    error // what Read returns after data; nil before the end
	paused bool  // source is paused
	closed bool  // by the reader
}

const pipeSize = 256 << 10

// NewPipe returns a Pipe. The Pipe pauses and resumes source, and stops source if the
// reader closes the pipe before its end. It calls source on the loop's goroutine.
func NewPipe(threads reactor.Threads, source reactor.PushProducer) *Pipe {
	p := &Pipe{threads: threads, source: source}
	p.change = sync.NewCond(&p.mu)
	return p
}

// Write gives a copy of data to the reader. It belongs to the loop's goroutine.
func (p *Pipe) Write(data []byte) {
	p.mu.Lock()
	if p.closed || p.err != nil {
		p.mu.Unlock()
		return
	}
	p.data = append(p.data, data...)
	pause := !p.paused && len(p.data) >= pipeSize
	p.paused = p.paused || pause
	p.change.Signal()
	p.mu.Unlock()
	if pause {
		p.source.PauseProducing()
	}
}

// End ends the pipe: after all data Read returns err, which is io.EOF for a complete
// body. It belongs to the loop's goroutine.
func (p *Pipe) End(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.err == nil {
		p.err = err
	}
	p.change.Signal()
}

// Read blocks until there is data, and reads it. On the loop's goroutine, where it would wait
// for itself, it fails with [reactor.ErrOnLoop] instead.
func (p *Pipe) Read(b []byte) (int, error) {
	if len(b) == 0 {
		return 0, nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for first := true; len(p.data) == 0 && p.err == nil && !p.closed; first = false {
		if first && p.threads.OnLoop() {
			return 0, reactor.ErrOnLoop
		}
		p.change.Wait()
	}
	switch {
	case p.closed:
		return 0, io.ErrClosedPipe
	case len(p.data) == 0:
		return 0, p.err
	}
	n := copy(b, p.data)
	p.data = p.data[n:]
	if len(p.data) == 0 {
		p.data = nil
	}
	if p.paused && len(p.data) < pipeSize/2 {
		p.paused = false
		p.threads.CallFromThread(p.resume)
	}
	return n, nil
}

// Fail makes every Read from now on fail with err, and stops the source. Any goroutine
// may call it.
func (p *Pipe) Fail(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return
	}
	stop := p.err == nil
	p.err, p.data = err, nil
	p.change.Broadcast()
	if stop {
		p.threads.CallFromThread(p.source.StopProducing)
	}
}

// resume resumes the source, on the loop's goroutine.
func (p *Pipe) resume() {
	p.mu.Lock()
	resume := !p.paused && !p.closed && p.err == nil
	p.mu.Unlock()
	if resume {
		p.source.ResumeProducing()
	}
}

// Close drops all data, and stops the source. Any goroutine may call it.
func (p *Pipe) Close() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return nil
	}
	p.closed = true
	p.data = nil
	p.change.Broadcast()
	if p.err == nil {
		p.threads.CallFromThread(p.source.StopProducing)
	}
	return nil
}
