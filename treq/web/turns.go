package web

import (
	"time"

	"github.com/seed-7c003b53/gotreq/reactor"
)

// This file divides the turns of a loop among its connections. A client that pipelines
// requests, or sends content in small chunks, has thousands of events in one read. If a
// connection read them all at once, all other clients would wait.
//
// So a connection counts its work in a turn. When it has done its share, and has received
// more, it rests. All connections of a loop that rest are in one queue, and share turnShare in
// each turn. A connection whose share is used up to the half gets a new one in the next turn.
// So a client that has a request now and then never waits for the queue, however many
// pipelining clients there are.

const (
	// requestWork is the work of a request, and eventWork that of a piece of its
	// content. A request costs about as much as eight small pieces.
	requestWork = 8
	eventWork   = 1
	// defaultTurnRequests is the default of Site.TurnRequests.
	defaultTurnRequests = 8
	// turnShare is the work of all resting connections in one turn. Each request more
	// would delay those of all other clients by its time.
	turnShare = 4 * requestWork
	// turnTime ends the queue's part of a turn early, if requests are expensive.
	turnTime = 100 * time.Microsecond
	// maxBurst is the number of bytes that a handler may write before it rests for a
	// turn, however fast the client takes them.
	maxBurst = 256 << 10
)

// turns are the connections of a loop that have used their shares.
type turns struct {
	reactor reactor.Reactor
	spent   []*connection // those that get a new share in the next turn
	resting []*connection // the queue: those that have more to do, and some of their share left
	takeFn  func()        // take, as one value for all calls
	armed   bool          // take will be called, or runs
}

var turnsOf = reactor.NewLocal(func(r reactor.Reactor) *turns { return &turns{reactor: r} })

// add gives c a new share in the next turn.
func (t *turns) add(c *connection) {
	t.spent = append(t.spent, c)
	if t.takeFn == nil {
		t.takeFn = t.take
	}
	if !t.armed {
		t.armed = true
		t.reactor.CallLater(0, t.takeFn)
	}
}

// take begins a turn: it gives new shares, and lets the resting connections continue until
// turnShare is used.
func (t *turns) take() {
	defer func() { // also after a panic
		if t.armed = len(t.resting)+len(t.spent) != 0; t.armed {
			t.reactor.CallLater(0, t.takeFn)
		}
	}()
	for i, c := range t.spent {
		if c.resting && c.work <= 0 {
			t.resting = append(t.resting, c)
		}
		c.spent, c.work = false, c.site.turnWork()
		t.spent[i] = nil
	}
	t.spent = t.spent[:0]
	begin := t.reactor.Now()
	for left := turnShare; left > 0 && len(t.resting) != 0; {
		c := t.resting[0]
		t.resting[0] = nil
		t.resting = t.resting[1:]
		left -= c.proceed()
		if c.resting && c.work > 0 {
			t.resting = append(t.resting, c)
		}
		if t.reactor.Now().Sub(begin) > turnTime {
			break
		}
	}
}

// worked counts work.
func (c *connection) worked(work int) {
	if c.work -= work; c.work <= c.site.turnWork()/2 && !c.spent {
		c.spent = true
		turnsOf.Of(c.reactor).add(c)
	}
}

// mustRest begins a rest if the share is used and more has been received. Without more to
// read, there is nothing to rest from. While the connection rests, no time runs against the
// client.
func (c *connection) mustRest() bool {
	if c.work > c.restsAt || len(c.in) == 0 {
		return false
	}
	c.resting = true
	c.speaker.rest()
	return true
}

// proceed continues after a rest: it reads a request, or as many pieces of content. It
// returns the work done.
func (c *connection) proceed() int {
	c.resting = false
	before := c.work
	c.restsAt = max(0, before-requestWork)
	defer func() {
		c.restsAt = 0
		if c.consuming { // a panic, which the loop logs
			c.transport.AbortConnection()
		}
	}()
	c.consume()
	return before - c.work
}
