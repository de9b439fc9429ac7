package web

import (
	"time"

	"github.com/seed-7c003b53/gotreq/reactor"
)

// This file divides the turns of a loop among its connections. A client that pipelines
// requests, or sends content in small chunks, has thousands of events in one read. If a
// channel read them all at once, all other clients would wait.
//
// So a channel counts its work, and rests when it has done its share of a turn. All
// channels of a loop that have more to do are in one queue, and share turnShare in each
// turn. A client that has a request now and then never waits
// for the queue, however many pipelining clients there are.

const (
	// requestWork is the work of a request, and eventWork that of a piece of its
	// content. A request costs about as much as eight small pieces.
	requestWork = 8
	eventWork   = 1
	// defaultTurnRequests is the default of Site.TurnRequests.
	defaultTurnRequests = 8
	// turnShare is the work of all resting channels in one turn. Each request more
	// would delay those of all other clients by its time.
	turnShare = 4 * requestWork
	// turnTime ends the queue's part of a turn early, if requests are expensive.
	turnTime = 100 * time.Microsecond
	// maxBurst is the number of bytes that a handler may write before it rests for a
	// turn, however fast the client takes them.
	maxBurst = 256 << 10
)

// A worker rests when it has done its share of a turn.
type worker interface {
	// proceed continues after a rest, for the share of a request, and returns the work
	// done.
	proceed() int
}

// turns is the queue of the workers that rest.
type turns struct {
	reactor reactor.Reactor
	resting []worker
	takeFn  func() // take, as one value for all calls
	armed   bool   // take will be called, or runs
}

var turnsOf = reactor.NewLocal(func(r reactor.Reactor) *turns {
	t := &turns{reactor: r}
	t.takeFn = t.take
	return t
})

// add queues w, which continues in a later turn.
func (t *turns) add(w worker) {
	t.resting = append(t.resting, w)
	if !t.armed {
		t.armed = true
		t.reactor.CallLater(0, t.takeFn)
	}
}

// take lets the resting workers continue, until the share of this turn is used.
func (t *turns) take() {
	defer func() { // also after a panic
		if t.armed = len(t.resting) != 0; t.armed {
			t.reactor.CallLater(0, t.takeFn)
		}
	}()
	begin := t.reactor.Now()
	for left := turnShare; left > 0 && len(t.resting) != 0; {
		w := t.resting[0]
		t.resting[0] = nil
		t.resting = t.resting[1:]
		left -= w.proceed()
		if t.reactor.Now().Sub(begin) > turnTime {
			break
		}
	}
}

// worked counts work. The channel rests when it has done its share of the turn.
func (c *channel) worked(work int) {
	if c.work -= work; c.work <= 0 && !c.resting {
		c.resting = true
		turnsOf.Of(c.reactor).add(c)
	}
}

// proceed reads a request, or as many pieces of content; see worker.
func (c *channel) proceed() int {
	c.resting = false
	c.work = requestWork
	defer func() {
		if c.consuming { // a panic, which the loop logs
			c.transport.AbortConnection()
		}
	}()
	c.consume()
	done := requestWork - c.work
	if !c.resting {
		c.work = c.site.turnWork()
	}
	return done
}
