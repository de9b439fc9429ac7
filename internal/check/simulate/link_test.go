package simulate

import (
	"fmt"
	"math/rand/v2"
	"net"
	"time"

	"github.com/seed-7c003b53/gotreq/reactor"
)

// This file has the network between the clients and the sites. It forwards the bytes of each connection as its faults say.

// faults are what one connection suffers.
type faults struct {
	up, down way
	refuse   bool // the connection is closed as soon as it is made
}

// A way is what the bytes of one direction of a connection suffer.
type way struct {
	piece int           // the bytes are forwarded in pieces of 1 to piece bytes, one a turn; 0: as they come
	whole int           // the number of bytes after which piece does not count any more; 0: never
	delay time.Duration // each piece comes that much later
	cut   int           // the connection is lost after that many bytes; -1: it is not
	loss  loss          // how it is lost
}

// A loss is a way to lose a connection.
type loss int

const (
	reset  loss = iota // both ends see a reset
	closed             // both ends see an end in order
	silent             // neither end sees anything, from now on
	losses
)

func (l loss) String() string { return [...]string{"reset", "closed", "silent"}[l] }

// noFaults forwards everything.
var noFaults = faults{up: way{cut: -1}, down: way{cut: -1}}

// someFaults draws the faults of a connection.
func someFaults(random *rand.Rand, lost bool) faults {
	f := noFaults
	for _, w := range []*way{&f.up, &f.down} {
		switch random.IntN(4) {
		case 0:
			w.piece, w.whole = 1+random.IntN(20), 1500
		case 1:
			w.piece, w.whole = 100+random.IntN(5000), 50_000 // within a site's WriteTimeout, also with the longest delay
		}
		if random.IntN(3) == 0 {
			w.delay = time.Duration(random.IntN(20)) * time.Millisecond
		}
	}
	if lost {
		w := &f.up
		if random.IntN(2) == 0 {
			w = &f.down
		}
		w.cut, w.loss = random.IntN(1<<uint(4+random.IntN(15))), loss(random.IntN(int(losses)))
		f.refuse = random.IntN(10) == 0
	}
	return f
}

// A link is a connection of a client, and one to the site that its bytes are forwarded to.
type link struct {
	w        *world
	number   int
	to       string // the address of the site
	faults   faults
	up, down end // up reads from the client, and down from the site
	observer *observer
	lost     bool // because of faults
	silent   bool // lost in silence
}

// An end is one of the two connections of a link. It reads what goes to the other.
type end struct {
	link     *link
	other    *end
	way      *way
	t        reactor.Transport
	made     bool
	in       []byte // bytes that the other does not have yet
	passed   int    // the number of bytes that the other has got
	over     error  // why the connection is lost; nil before
	blocked  bool   // its transport takes no more
	paused   bool   // its transport is paused
	waiting  bool   // pump runs later
	finished bool   // it is closed
	stopped  bool   // its peer takes no more
}

// maxQueued bounds the bytes that wait in an end.
const maxQueued = 64 << 10

// newLink returns the link of the next connection of the world.
func (w *world) newLink(to string) *link {
	l := &link{w: w, number: len(w.links), to: to, faults: w.nextFaults()}
	l.up, l.down = end{link: l, other: &l.down, way: &l.faults.up}, end{link: l, other: &l.up, way: &l.faults.down}
	if w.http2 {
		l.observer = newObserver(func(format string, args ...any) {
			w.problem("connection %d: %s", l.number, fmt.Sprintf(format, args...))
		})
	}
	w.links = append(w.links, l)
	return l
}

func (e *end) ConnectionMade(t reactor.Transport) {
	e.t, e.made = t, true
	t.RegisterProducer(e)
	l := e.link
	switch {
	case e.over != nil || e.finished:
		t.UnregisterProducer()
		t.AbortConnection()
	case e == &l.up && l.faults.refuse:
		l.lose(closed)
	case e == &l.up:
		l.w.r.ConnectTCP(l.to, factoryOf(&l.down), reactor.ConnectConfig{}).AddErrback(func(err error) (reactor.Protocol, error) {
			l.down.over, l.down.finished = err, true
			l.up.close(true)
			return nil, nil
		})
	default:
		l.up.pump()
	}
}

func factoryOf(p reactor.Protocol) reactor.Factory {
	return reactor.FactoryFunc(func(net.Addr) reactor.Protocol { return p })
}

func (e *end) DataReceived(data []byte) {
	if e.link.silent || e.other.finished || e.other.stopped {
		return
	}
	e.in = append(e.in, data...)
	e.pump()
	if len(e.in) > maxQueued && !e.paused {
		e.paused = true
		e.t.PauseProducing()
	}
}

// pump forwards what may be forwarded.
func (e *end) pump() {
	for {
		to := e.other
		switch {
		case e.over != nil && to.stopped && !e.link.silent:
			to.close(false) // nobody takes what is left
			return
		case e.waiting || !to.made || to.blocked || to.finished || to.stopped || e.link.silent:
			return
		case len(e.in) == 0:
			if e.over != nil {
				to.close(false)
			}
			return
		}
		if e.way.delay > 0 && !e.later(e.way.delay) {
			return
		}
		e.forward()
		if e.way.piece > 0 && (e.way.whole == 0 || e.passed < e.way.whole) && len(e.in) != 0 {
			e.later(0)
			return
		}
	}
}

// later makes pump go on after d. It reports false, so that pump waits.
func (e *end) later(d time.Duration) bool {
	e.waiting = true
	e.link.w.r.CallLater(d, func() {
		e.waiting = false
		if d > 0 && len(e.in) != 0 && !e.other.blocked && e.other.made && !e.other.finished && !e.other.stopped && !e.link.silent {
			e.forward()
		}
		e.pump()
	})
	return false
}

// forward writes the next piece to the other end.
func (e *end) forward() {
	n := len(e.in)
	if e.way.piece > 0 && (e.way.whole == 0 || e.passed < e.way.whole) {
		n = min(n, 1+e.link.w.random.IntN(e.way.piece))
	}
	cut := e.way.cut >= 0 && e.passed+n >= e.way.cut
	if cut {
		n = max(e.way.cut-e.passed, 0)
	}
	if e.link.observer != nil {
		e.link.observer.observe(e == &e.link.up, e.in[:n])
	}
	e.other.t.Write(e.in[:n])
	e.passed += n
	e.in = e.in[:copy(e.in, e.in[n:])]
	if cut {
		e.link.lose(e.way.loss)
		return
	}
	if e.paused && len(e.in) < maxQueued/2 && e.over == nil {
		e.paused = false
		e.t.ResumeProducing()
	}
}

// lose loses the connection.
func (l *link) lose(how loss) {
	l.lost = true
	l.w.counts.lost++
	if l.observer != nil {
		l.observer.over = true
	}
	if how == silent {
		l.silent = true
		return
	}
	for _, e := range []*end{&l.up, &l.down} {
		e.in = nil
		e.close(how == reset)
	}
}

// close ends e, so that its peer sees it.
func (e *end) close(abort bool) {
	if e.finished && !abort {
		return
	}
	e.finished = true
	if !e.made {
		return
	}
	e.t.UnregisterProducer()
	if abort {
		e.t.AbortConnection()
	} else {
		e.t.LoseConnection()
	}
}

func (e *end) ConnectionLost(reason error) {
	e.over, e.finished = reason, true
	if e.link.observer != nil {
		e.link.observer.over = true
	}
	if e.link.silent {
		return
	}
	if reason != reactor.ErrConnectionDone {
		e.in = nil
		if e.other.made || e.other.over != nil {
			e.other.close(true)
			return
		}
		e.other.finished = true
		return
	}
	e.pump()
	if !e.other.made {
		e.other.finished = true
	}
}

// open reports whether a connection of l is still open.
func (l *link) open() bool {
	return l.up.made && l.up.over == nil || l.down.made && l.down.over == nil
}

// abort ends what is left of l.
func (l *link) abort() {
	l.up.close(true)
	l.down.close(true)
}

// The methods below make e the producer of what it writes to its own transport.

func (e *end) PauseProducing() { e.blocked = true }

func (e *end) ResumeProducing() {
	e.blocked = false
	e.other.pump()
}

// StopProducing is called when the peer takes no more. What it has sent is read, to its end.
func (e *end) StopProducing() {
	e.stopped = true
	if e.paused {
		e.paused = false
		e.t.ResumeProducing()
	}
	e.other.pump()
}
