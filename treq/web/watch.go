package web

import (
	"cmp"
	"time"

	"github.com/seed-7c003b53/gotreq/reactor"
)

// This file holds the time limits of connections.

// awaited is an event that a connection waits for, for a limited time.
type awaited uint8

const (
	awaitNothing awaited = iota
	awaitHead            // the end of a head
	awaitRequest         // the first byte of another request
	awaitContent         // more content
	awaitAnswer          // the end of the content, or much of it, for a response that is withheld
	awaitWritten         // room for more of the response
	awaitClose           // the client's end of the connection
)

// fromClient reports whether e is something that the client sends.
func (e awaited) fromClient() bool {
	return e == awaitHead || e == awaitRequest || e == awaitContent || e == awaitAnswer
}

const (
	defaultHeaderTimeout = 20 * time.Second
	defaultTimeout       = time.Minute
	// lingering bounds the time that a half-closed connection waits for more bytes, or
	// for the client's end. maxLinger bounds the time in all. Both are nginx's. Then the
	// connection is closed in order: a client that reads slowly may still be receiving
	// what the system has of the last response, and a reset would drop that.
	lingering = 5 * time.Second
	maxLinger = 30 * time.Second
	// maxWithheld bounds the time that a whole response waits for the end of its request's
	// content. Most clients that send the end at all send it right after the rest, without
	// a round trip. A client that waits for the response first does not wait long.
	maxWithheld = 200 * time.Millisecond
)

// limit returns how long e may take. Zero or less means no limit.
func (c *connection) limit(e awaited) time.Duration {
	s := c.site
	switch e {
	case awaitHead:
		return cmp.Or(s.HeaderTimeout, defaultHeaderTimeout)
	case awaitRequest:
		return cmp.Or(s.IdleTimeout, defaultTimeout)
	case awaitContent:
		return cmp.Or(s.ContentTimeout, defaultTimeout)
	case awaitAnswer:
		return maxWithheld
	case awaitWritten:
		return cmp.Or(s.WriteTimeout, defaultTimeout)
	case awaitClose:
		return lingering
	}
	return 0
}

// await makes e the awaited event of the connection and starts its time. While the transport
// is blocked, only awaitWritten counts. While the connection rests, nothing that the client
// sends counts, since the connection does not read it.
func (c *connection) await(e awaited) {
	if c.resting && e.fromClient() {
		e = awaitNothing
	}
	if c.blocked && !c.closing && e != awaitWritten {
		return
	}
	c.watch.await(c, c.speaker, e)
}

// A watch bounds the time of one event at a time. A timer that fires before the deadline is
// not changed; timeUp starts the next one.
type watch struct {
	awaiting awaited
	deadline time.Time
	timer    reactor.DelayedCall // fires at deadline or before

	credit   time.Duration // how long the client may still keep content waiting
	received int64         // bytes of content that credit does not count yet
}

// await makes e the awaited event and starts its time. If that is over, it calls the overdue
// of late.
func (w *watch) await(c *connection, late interface{ overdue(awaited) }, e awaited) {
	limit := c.limit(e)
	if limit <= 0 {
		e = awaitNothing
	}
	if w.awaiting == awaitContent {
		w.credit = w.deadline.Sub(c.clock.Now())
	}
	w.awaiting = e
	switch e {
	case awaitNothing:
		return
	case awaitContent:
		w.earn(limit, c.site.minContentRate())
		limit = w.credit
	}
	w.deadline = c.clock.Now().Add(limit)
	switch {
	case w.timer == nil:
		w.timer = c.clock.CallLater(limit, func() { w.timeUp(c, late) })
	case w.timer.Time().After(w.deadline):
		w.timer.Reset(limit)
	}
}

// earn adds the time of the received content to the credit, up to most. A client whose
// content keeps coming, but at less than rate, uses up its credit.
func (w *watch) earn(most time.Duration, rate int64) {
	if rate <= 0 || w.received/rate > int64(most/time.Second) {
		w.credit = most
	} else {
		w.credit = min(most, w.credit+time.Duration(w.received)*time.Second/time.Duration(rate))
	}
	w.received = 0
}

// timeUp ends the wait for an event that is overdue.
func (w *watch) timeUp(c *connection, late interface{ overdue(awaited) }) {
	w.timer = nil
	if w.awaiting == awaitNothing {
		return
	}
	if early := w.deadline.Sub(c.clock.Now()); early > 0 {
		w.timer = c.clock.CallLater(early, func() { w.timeUp(c, late) })
		return
	}
	e := w.awaiting
	w.awaiting = awaitNothing
	late.overdue(e)
}

// end stops the timer.
func (w *watch) end() {
	w.awaiting = awaitNothing
	if w.timer != nil {
		w.timer.Cancel()
		w.timer = nil
	}
}

// closeLate handles an overdue event that ends the connection in any version of HTTP.
func (c *connection) closeLate(e awaited) {
	if e == awaitClose {
		c.await(awaitWritten)
		c.transport.LoseConnection()
		return
	}
	c.cause = errWriteTimeout
	c.transport.AbortConnection()
}
