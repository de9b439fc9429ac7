package bridge

import (
	"io"
	"sync"

	"github.com/seed-7c003b53/gotreq/reactor"
	"github.com/sourcegraph/conc/panics"
)

// A Pump reads from a reader that may block, on a goroutine of its own, and
// gives what it read to the loop, piece by piece: the next is read when the loop
// has taken the last. Its methods belong to the loop's goroutine.
type Pump struct {
	threads reactor.Threads
	from    io.ReadCloser
	data    func([]byte)
	end     func(error)
	close   func()
	more    chan struct{} // asks for the next piece; closed when none is wanted
	started bool
	paused  bool
	held    func() // gives the piece that came while it was paused
	over    bool
}

const pumpSize = 64 << 10

// NewPump returns a Pump, which the first ResumeProducing starts. data gets each piece, valid until
// it returns, and end, at the end, nil or what kept from from being read. from
// is closed when it has ended or is not wanted any more.
func NewPump(threads reactor.Threads, from io.ReadCloser, data func([]byte), end func(error)) *Pump {
	return &Pump{
		threads: threads,
		from:    from,
		data:    data,
		end:     end,
		close:   sync.OnceFunc(func() { from.Close() }),
		more:    make(chan struct{}, 1),
	}
}

// read reads pieces as they are asked for.
func (p *Pump) read() {
	defer p.close()
	buffer := make([]byte, pumpSize)
	for range p.more {
		n, err := p.readOne(buffer)
		p.threads.CallFromThread(func() { p.got(buffer[:n], err) })
		if err != nil {
			return
		}
	}
}

// readOne reads once; a panic of the reader is an error.
func (p *Pump) readOne(buffer []byte) (n int, err error) {
	if r := panics.Try(func() { n, err = p.from.Read(buffer) }); r != nil {
		return 0, r.AsError()
	}
	return n, err
}

// got takes what was read, on the loop's goroutine.
func (p *Pump) got(data []byte, err error) {
	switch {
	case p.over:
		return
	case p.paused:
		p.held = func() { p.got(data, err) }
		return
	}
	if len(data) != 0 {
		p.data(data)
	}
	switch {
	case p.over:
	case err == io.EOF:
		p.over = true
		p.end(nil)
	case err != nil:
		p.over = true
		p.end(err)
	default:
		p.more <- struct{}{}
	}
}

// PauseProducing stops the pieces until ResumeProducing.
func (p *Pump) PauseProducing() { p.paused = true }

// ResumeProducing lets them go on, or begin.
func (p *Pump) ResumeProducing() {
	p.paused = false
	if !p.started && !p.over {
		p.started = true
		p.more <- struct{}{}
		go p.read()
	}
	if held := p.held; held != nil {
		p.held = nil
		p.threads.CallFromThread(held)
	}
}

// StopProducing ends them: neither data nor end is called again. A Read that
// blocks ends when from is closed, which is done at once.
func (p *Pump) StopProducing() {
	if p.over {
		return
	}
	p.over = true
	close(p.more)
	go p.close()
}
