package web

import (
	"cmp"
	"net/http"
	"time"
)

// This file holds the time limits of a channel.

// awaited is an event that a channel waits for, for a limited time.
type awaited uint8

const (
	awaitNothing awaited = iota
	awaitHead            // the end of a head
	awaitRequest         // the first byte of another request
	awaitContent         // more content
	awaitWritten         // room for more of the response
	awaitClose           // the client's end of the connection
)

// fromClient reports whether e is something that the client sends.
func (e awaited) fromClient() bool {
	return e == awaitHead || e == awaitRequest || e == awaitContent
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
)

// limit returns how long e may take. Zero or less means no limit.
func (c *channel) limit(e awaited) time.Duration {
	s := c.site
	switch e {
	case awaitHead:
		return cmp.Or(s.HeaderTimeout, defaultHeaderTimeout)
	case awaitRequest:
		return cmp.Or(s.IdleTimeout, defaultTimeout)
	case awaitContent:
		return cmp.Or(s.ContentTimeout, defaultTimeout)
	case awaitWritten:
		return cmp.Or(s.WriteTimeout, defaultTimeout)
	case awaitClose:
		return lingering
	}
	return 0
}

// await makes e the awaited event and starts its time. While the transport is blocked,
// only awaitWritten counts. While the channel rests, nothing that the client sends counts,
// since the channel does not read it. A timer that fires before the deadline is not
// changed; timeUp starts the next one.
func (c *channel) await(e awaited) {
	limit := c.limit(e)
	if limit <= 0 || c.resting && e.fromClient() {
		e = awaitNothing
	}
	if c.blocked && !c.closing && e != awaitWritten {
		return
	}
	if c.awaiting == awaitContent {
		c.credit = c.deadline.Sub(c.clock.Now())
	}
	c.awaiting = e
	switch e {
	case awaitNothing:
		return
	case awaitContent:
		c.earn(limit)
		limit = c.credit
	}
	c.deadline = c.clock.Now().Add(limit)
	switch {
	case c.timer == nil:
		c.timer = c.clock.CallLater(limit, c.timeUp)
	case c.timer.Time().After(c.deadline):
		c.timer.Reset(limit)
	}
}

// earn adds the time of the received content to the credit, up to most. A client whose
// content keeps coming, but at less than MinContentRate, uses up its credit.
func (c *channel) earn(most time.Duration) {
	rate := c.site.minContentRate()
	if rate <= 0 || c.received/rate > int64(most/time.Second) {
		c.credit = most
	} else {
		c.credit = min(most, c.credit+time.Duration(c.received)*time.Second/time.Duration(rate))
	}
	c.received = 0
}

// timeUp ends the wait for an event that is overdue.
func (c *channel) timeUp() {
	c.timer = nil
	if c.awaiting == awaitNothing {
		return
	}
	if early := c.deadline.Sub(c.clock.Now()); early > 0 {
		c.timer = c.clock.CallLater(early, c.timeUp)
		return
	}
	e := c.awaiting
	c.awaiting = awaitNothing
	switch {
	case e == awaitHead && c.begun:
		c.refuse(http.StatusRequestTimeout, "the head of the request took too long")
	case e == awaitHead, e == awaitRequest:
		c.close()
	case e == awaitContent:
		c.keepAlive, c.unread = false, true
		c.contentLost(errContentTimeout)
	case e == awaitClose:
		c.await(awaitWritten)
		c.transport.LoseConnection()
	default:
		c.cause = errWriteTimeout
		c.transport.AbortConnection()
	}
}
