package bridge

import (
	"io"
	"sync"

	"github.com/seed-7c003b53/gotreq/reactor"
)

// A Pump reads from a reader that may block, on a goroutine of its own, and delivers the
// pieces on the loop's goroutine. It reads the next piece when the loop has taken one.
//
// Its methods belong to the loop's goroutine. PauseProducing, ResumeProducing and
// StopProducing may be called at any time.
type Pump struct {
	threads reactor.Threads
	src     io.ReadCloser
	data    func([]byte)
	end     func(error)
	closed  sync.Once     // src was closed
	more    chan struct{} // requests the next piece; closed when none is wanted
	started bool
	paused  bool
	over    bool   // src has ended, or StopProducing was called
	held    func() // delivers the piece that was read during a pause, or nil
}

const pumpSize = 64 << 10

// NewPump returns a Pump for src. The Pump closes src at the end of src, and when it is
// stopped.
func NewPump(threads reactor.Threads, src io.ReadCloser) *Pump {
	return &Pump{threads: threads, src: src, more: make(chan struct{}, 1)}
}

// Start starts reading, unless p was stopped, and reports whether it is the first call.
// p calls data with each piece, valid until data returns, and at the end calls end, with
// nil or the read error.
func (p *Pump) Start(data func([]byte), end func(error)) (first bool) {
	if p.started {
		return false
	}
	p.started, p.data, p.end = true, data, end
	if !p.over {
		p.more <- struct{}{}
		go p.read()
	}
	return true
}

// read reads the requested pieces.
func (p *Pump) read() {
	defer p.close()
	buffer := make([]byte, pumpSize)
	for range p.more {
		var piece []byte
		var end error
		Guard(func() error {
			n, err := p.src.Read(buffer)
			piece = buffer[:n]
			return err
		}, func(err error) {
			end = err
			p.threads.CallFromThread(func() { p.deliver(piece, err) })
		})
		if end != nil {
			return
		}
	}
}

// close closes the source, once.
func (p *Pump) close() { p.closed.Do(func() { closeNow(p.src) }) }

// deliver passes on the result of a read.
func (p *Pump) deliver(data []byte, err error) {
	switch {
	case p.over:
		return
	case p.paused:
		p.held = func() { p.deliver(data, err) }
		return
	}
	if len(data) != 0 {
		p.data(data)
	}
	switch {
	case p.over:
	case err == nil:
		p.more <- struct{}{}
	default:
		p.over = true
		if err == io.EOF {
			err = nil
		}
		p.end(err)
	}
}

// PauseProducing holds the next piece back until ResumeProducing.
func (p *Pump) PauseProducing() { p.paused = true }

// ResumeProducing undoes PauseProducing.
func (p *Pump) ResumeProducing() {
	p.paused = false
	if held := p.held; held != nil {
		p.held = nil
		p.threads.CallFromThread(held)
	}
}

// StopProducing stops the delivery: p no longer calls data or end. It closes src at
// once, which ends a blocked Read.
func (p *Pump) StopProducing() {
	if p.over {
		return
	}
	p.over = true
	close(p.more)
	go p.close()
}
