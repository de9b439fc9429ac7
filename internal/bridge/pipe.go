package bridge

import (
	"io"
	"sync"

	"github.com/seed-7c003b53/gotreq/reactor"
)

// A Pipe takes bytes on the loop's goroutine and gives them to one goroutine that
// reads. When it holds pipeSize bytes, it pauses its source until half of them are read.
type Pipe struct {
	// Stopped, unless nil, returns the error of Read after the loop has ended before the
	// source: the source may be paused, and nobody resumes it any more. nil means
	// [reactor.ErrStopped]. The goroutine that reads calls it, once.
	Stopped func() error

	threads reactor.Threads
	source  reactor.PushProducer // belongs to the loop's goroutine
	change  chan struct{}        // gets a signal after a change of data, err or closed

	mu     sync.Mutex
	data   []byte
	err    error // what Read returns after data; nil before the end
	paused bool  // source is paused
	closed bool  // by the reader
}

const pipeSize = 256 << 10

// NewPipe returns a Pipe. The Pipe pauses and resumes source, and stops source if the
// reader closes the pipe before its end. It calls source on the loop's goroutine.
func NewPipe(threads reactor.Threads, source reactor.PushProducer) *Pipe {
	return &Pipe{threads: threads, source: source, change: make(chan struct{}, 1)}
}

// signal wakes a Read that waits, or the next one.
func (p *Pipe) signal() {
	select {
	case p.change <- struct{}{}:
	default: // there is a signal already
	}
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
	p.signal()
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
	p.signal()
}

// Read blocks until there is data, and reads it. On the loop's goroutine, where it would wait
// for itself, it fails with [reactor.ErrOnLoop] instead. If the loop ends, it fails as Stopped
// says.
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
		p.wait()
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

// wait waits for a change, or for the end of the loop. mu is locked when it is called and
// when it returns.
func (p *Pipe) wait() {
	ended := p.threads.Ended()
	p.mu.Unlock()
	select {
	case <-p.change:
		p.mu.Lock()
		return
	case <-ended:
	}
	err := reactor.ErrStopped
	if p.Stopped != nil {
		err = p.Stopped()
	}
	p.mu.Lock()
	if p.err == nil {
		p.err = err
	}
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
	p.signal()
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
	p.signal()
	if p.err == nil {
		p.threads.CallFromThread(p.source.StopProducing)
	}
	return nil
}
