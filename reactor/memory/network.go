package memory

import (
	"errors"
	"sync/atomic"
	"time"

	"github.com/seed-7c003b53/gotreq/internal/list"
	"github.com/seed-7c003b53/gotreq/internal/timers"
)

// This file holds the clock and the queue of events.

// ErrIdle is the error of Run when nothing more can happen: no timer is set, no bytes
// are on their way, and Stop was not called.
var ErrIdle = errors.New("memory: nothing is left to wait for: no timer is set, no bytes are on their way, and Stop was not called")

// A network is the [reactor.Poller] in memory.
//
// Events are queued in order, and Wait delivers them. Therefore no call that causes an
// event calls the event's handler itself.
type network struct {
	start  time.Time
	now    time.Time     // of a clock that does not jump
	jumped time.Duration // by how much the clock of the wall is later
	queue  []event
	spare  []event      // an empty slice to swap with queue
	later  *timers.Heap // delayed messages
	woken  atomic.Bool

	limit *time.Time // Wait must not move the clock further; nil means no limit
	idle  bool       // nothing is left to do before limit

	listeners map[place]*listener
	ports     map[port]portUse
	nextPort  uint16
	machines  machines

	open     list.List[socket]  // those that are not closed, the oldest first
	pending  list.List[Attempt] // those under way, the oldest first
	holding  bool               // attempts to connect are held
	attempts list.List[Attempt] // the held ones, the oldest first

	faults // see faults.go

	noAccept error // the error of FailAccepts, or nil

	chooser *chooser // makes the free choices; nil without Choices

	tracing bool
	events  Trace
	conns   int // number of attempts to connect
	listens int // number of listeners
}

// An event is delivered by Wait.
type event interface {
	deliver()
	task() Task // the task whose events keep their order
}

func newNetwork() *network {
	n := &network{
		start: time.Unix(0, 0).UTC(), nextPort: firstPort,
		listeners: map[place]*listener{}, ports: map[port]portUse{},
	}
	n.now = n.start
	n.later = timers.New(n.Monotonic)
	return n
}

func (n *network) elapsed() time.Duration { return n.now.Sub(n.start) }

func (n *network) Wake() { n.woken.Store(true) }

// Drain does nothing: sent bytes arrive when the loop continues.
func (n *network) Drain() {}

func (n *network) Close() error { return nil }

// post queues e.
func (n *network) post(e event) { n.queue = append(n.queue, e) }

func (n *network) advance(d time.Duration) {
	if d < 0 {
		panic("memory: Advance by a negative time")
	}
	n.now = n.now.Add(d)
	if n.tracing && d != 0 {
		n.trace(Event{Kind: "advance", Text: d.String()})
	}
}

// Wait delivers the queued events. If there are none, it does not sleep, but moves the
// clock to the next arrival, at most by timeout.
func (n *network) Wait(timeout time.Duration) error {
	n.queueArrived()
	before := n.now
	if len(n.queue) == 0 && timeout != 0 && !n.woken.Swap(false) {
		if err := n.sleep(timeout); err != nil {
			return err
		}
		n.queueArrived()
	}
	if n.chooser != nil {
		n.chooser.deliver(timeout > 0 && n.now.Sub(before) >= timeout)
		return nil
	}
	n.deliver()
	return nil
}

// sleep moves the clock to the next arrival, at most by timeout.
func (n *network) sleep(timeout time.Duration) error {
	until, ok := n.later.Next()
	if end := n.now.Add(timeout); timeout > 0 && (!ok || end.Before(until)) {
		until, ok = end, true
	}
	switch {
	case n.limit != nil && (!ok || until.After(*n.limit)):
		if n.limit.After(n.now) { // a call of Advance in the loop may have passed limit
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

// queueArrived queues the delayed messages that have arrived.
func (n *network) queueArrived() {
	for f := n.later.Due(timers.NoMark); f != nil; f = n.later.Due(timers.NoMark) {
		f()
	}
}

// deliver delivers the queued events. The next Wait delivers the events that they cause,
// so that timers and other calls get their turn.
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
