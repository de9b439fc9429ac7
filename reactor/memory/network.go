package memory

import (
	"errors"
	"sync/atomic"
	"time"

	"github.com/seed-7c003b53/gotreq/internal/timers"
)

// This file is the clock and the queue of what happens next. It knows nothing
// of what an event is.

// ErrIdle is the error of Run when nothing can happen any more: no timer is
// set, no bytes are on their way, and nobody called Stop.
var ErrIdle = errors.New("memory reactor: nothing left to wait for: no timer is set, nothing is on its way, and nobody called Stop")

// A network is the [reactor.Poller] in memory.
//
// What happens is put into a queue, in the order it happens, and Wait takes from
// its front; nothing is ever called from within the call that caused it.
type network struct {
	start time.Time
	now   time.Time
	queue []event
	spare []event      // what queue is swapped with
	later *timers.Heap // what is on its way
	woken atomic.Bool

	limit *time.Time // how far Wait may move the clock; nil means any time
	idle  bool       // Wait would have gone beyond limit: nothing is left to do up to there

	listeners []*listener
	nextPort  uint16

	holding bool // attempts to connect wait in held
	held    []*Attempt

	links // between hosts; see faults.go

	noAccept error // why no connection can be accepted, if none can

	tracing bool
	events  Trace
	conns   int // attempts to connect so far: each has a number in the trace
}

// An event is something that happened and that somebody is to be told of.
type event interface{ deliver() }

func newNetwork() *network {
	n := &network{start: time.Unix(0, 0).UTC(), nextPort: firstPort}
	n.now = n.start
	n.later = timers.New(n.Now)
	return n
}

func (n *network) Now() time.Time { return n.now }

func (n *network) elapsed() time.Duration { return n.now.Sub(n.start) }

func (n *network) Wake() { n.woken.Store(true) }

// Drain does nothing: what was sent arrives if the loop goes on.
func (n *network) Drain() {}

func (n *network) Close() error { return nil }

// happen puts e into the queue.
func (n *network) happen(e event) { n.queue = append(n.queue, e) }

func (n *network) advance(d time.Duration) {
	if d < 0 {
		panic("memory: Advance by a negative time")
	}
	n.now = n.now.Add(d)
	if n.tracing {
		n.trace(Event{Kind: "advance", Text: d.String()})
	}
}

// Wait delivers what is in the queue. If that is nothing, then instead of
// sleeping it moves the clock to when something arrives, or by timeout.
func (n *network) Wait(timeout time.Duration) error {
	n.land()
	if len(n.queue) == 0 && timeout != 0 && !n.woken.Swap(false) {
		if err := n.sleep(timeout); err != nil {
			return err
		}
		n.land()
	}
	n.deliver()
	return nil
}

// sleep moves the clock as Wait does.
func (n *network) sleep(timeout time.Duration) error {
	until, ok := n.later.Next()
	if end := n.now.Add(timeout); timeout > 0 && (!ok || end.Before(until)) {
		until, ok = end, true
	}
	switch {
	case n.limit != nil && (!ok || until.After(*n.limit)):
		if n.limit.After(n.now) { // Advance, called within the loop, may have gone beyond
			n.now = *n.limit
		}
		n.idle = true
	case !ok:
		return ErrIdle
	default:
		n.now = until
	}
	return nil
}

// land puts into the queue what was on its way and has arrived by now.
func (n *network) land() {
	for f := n.later.Due(timers.NoMark); f != nil; f = n.later.Due(timers.NoMark) {
		f()
	}
}

// deliver tells of the events that are in the queue now. Those that they cause
// are for the next Wait, so that timers and other calls have their turn.
func (n *network) deliver() {
	events := n.queue
	n.queue = n.spare
	n.spare = nil
	for i, e := range events {
		events[i] = nil
		e.deliver()
	}
	n.spare = events[:0]
}
