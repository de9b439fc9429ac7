package protocols

import (
	"errors"
	"io"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/reactor"
)

// Direct returns a protocol in direct style: for its connection, f runs as a coroutine, writes
// to t, and reads what is received, with [Lines] for instance. Read waits as [deferred.Await]
// does. It returns io.EOF at the peer's end of file, after which t still sends, and when the
// connection was closed in order; else the reason of its loss. One piece waits to be read, and
// the transport is paused meanwhile.
//
// When f returns, the connection is closed as by LoseConnection. When the connection is lost
// while f waits for something else than Read, f is cancelled. A panic in f aborts the
// connection, and is logged.
func Direct(f func(co *deferred.Co, t reactor.Transport, received io.Reader)) reactor.Protocol {
	return &direct{f: f}
}

type direct struct {
	f         func(co *deferred.Co, t reactor.Transport, received io.Reader)
	transport reactor.Transport
	running   *deferred.Deferred[deferred.None] // the result of f
	reading   *deferred.Deferred[deferred.None] // what Read waits for; or nil
	memory    []byte                            // that piece is a part of
	piece     []byte                            // received and not read
	ended     error                             // what Read returns after piece; nil before the end
	paused    bool                              // the transport is paused until piece is read
	over      bool                              // f has returned
}

var _ reactor.HalfCloseableProtocol = (*direct)(nil)

func (d *direct) ConnectionMade(t reactor.Transport) {
	d.transport = t
	d.running = deferred.Go(func(co *deferred.Co) (deferred.None, error) {
		d.f(co, t, &directReader{d, co})
		return deferred.None{}, nil
	})
	d.running.AddBoth(d.returned)
}

// returned closes the connection, since f has returned with err. The error of a panic stays,
// so that it is reported.
func (d *direct) returned(_ deferred.None, err error) (deferred.None, error) {
	d.over, d.piece, d.memory = true, nil, nil
	if err == nil || errors.Is(err, deferred.ErrCancelled) {
		d.transport.LoseConnection()
		return deferred.None{}, nil
	}
	d.transport.AbortConnection()
	return deferred.None{}, err
}

func (d *direct) DataReceived(data []byte) {
	if d.over {
		return
	}
	d.memory = append(append(d.memory[:0], d.piece...), data...)
	d.piece = d.memory
	d.wake()
	if len(d.piece) != 0 && !d.paused && !d.transport.Disconnecting() {
		d.paused = true
		d.transport.PauseProducing()
	}
}

func (d *direct) ReadConnectionLost() { d.end(io.EOF) }

func (d *direct) WriteConnectionLost() {}

func (d *direct) ConnectionLost(reason error) {
	waits := d.reading == nil && !d.over
	if errors.Is(reason, reactor.ErrConnectionDone) {
		reason = io.EOF
	}
	d.end(reason)
	if waits && d.running != nil {
		d.running.Cancel()
	}
}

func (d *direct) end(err error) {
	if d.ended == nil {
		d.ended = err
	}
	d.wake()
}

// wake wakes the waiting Read, if there is one.
func (d *direct) wake() {
	if w := d.reading; w != nil {
		d.reading = nil
		w.Callback(deferred.None{})
	}
}

// resume undoes the pause, since piece is read.
func (d *direct) resume() {
	if d.paused && !d.transport.Disconnecting() {
		d.paused = false
		d.transport.ResumeProducing()
	}
}

// A directReader is the received bytes, for the coroutine of f.
type directReader struct {
	*direct
	co *deferred.Co
}

func (r *directReader) Read(p []byte) (int, error) {
	for len(r.piece) == 0 && r.ended == nil && len(p) != 0 {
		r.reading = deferred.New[deferred.None]()
		if _, err := deferred.Await(r.co, r.reading); err != nil {
			r.reading = nil
			return 0, err
		}
	}
	if len(r.piece) == 0 {
		return 0, r.ended
	}
	n := copy(p, r.piece)
	if r.piece = r.piece[n:]; len(r.piece) == 0 {
		if cap(r.memory) > keptMemory {
			r.memory = nil
		}
		r.resume()
	}
	return n, nil
}
