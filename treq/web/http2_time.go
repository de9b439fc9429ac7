package web

import (
	"cmp"
	"errors"
	"time"

	"github.com/seed-7c003b53/gotreq/reactor"
	"github.com/seed-7c003b53/gotreq/treq/wire"
)

// This file holds the time limits of an HTTP/2 connection. Those of its streams are in
// http2_stream.go.

const (
	// maxLeaving bounds the first step of a shutdown, for a client that does not answer.
	maxLeaving = time.Second
	// defaultPingTimeout is net/http's.
	defaultPingTimeout = 15 * time.Second
)

var (
	shutdownPing = [8]byte{'s', 'h', 'u', 't', 'd', 'o', 'w', 'n'}
	healthPing   = [8]byte{'a', 'l', 'i', 'v', 'e', '?'}
)

// errPingTimeout is the error of responses to a client that no longer answers.
var errPingTimeout = errors.New("the client did not answer a PING")

// overdue implements speaker.
func (c *h2Connection) overdue(e awaited) {
	switch e {
	case awaitHead:
		if c.machine.Streams() == 0 && !c.settled && !c.machine.Partial() {
			c.close() // it has sent nothing
			return
		}
		c.fail(wire.EnhanceYourCalm, errHeadTimeout)
	case awaitRequest:
		c.sayLast()
		c.flush()
		c.linger()
	default:
		c.closeLate(e)
	}
}

// errHeadTimeout is the error of a frame that does not arrive in time.
var errHeadTimeout = errors.New("a part of a frame took too long")

// pinged handles the answer to a PING.
func (c *h2Connection) pinged(data [8]byte) {
	switch data {
	case shutdownPing:
		c.leave()
	case healthPing:
		c.health.asked = time.Time{}
	}
}

// DataReceived reads data; see connection.DataReceived.
func (c *h2Connection) DataReceived(data []byte) {
	if c.health.timer != nil {
		c.health.heard = c.clock.Now()
	}
	c.connection.DataReceived(data)
}

// health finds out that a client with open streams is gone, if the program asks for it by
// SendPingTimeout.
type health struct {
	timer reactor.DelayedCall
	heard time.Time // when the client last sent something
	asked time.Time // when the PING was sent that is not answered
}

// begin begins to watch a connection with open streams.
func (h *health) begin(c *h2Connection) {
	if h.timer != nil || c.site.HTTP2 == nil || c.site.HTTP2.SendPingTimeout <= 0 {
		return
	}
	h.heard = c.clock.Now()
	h.timer = c.clock.CallLater(c.site.HTTP2.SendPingTimeout, func() { h.check(c) })
}

func (h *health) check(c *h2Connection) {
	h.timer = nil
	if c.closing || c.machine.Streams() == 0 {
		h.asked = time.Time{}
		return
	}
	now, config := c.clock.Now(), c.site.HTTP2
	limit := cmp.Or(config.PingTimeout, defaultPingTimeout)
	again := config.SendPingTimeout - now.Sub(h.heard)
	switch {
	case !h.asked.IsZero() && now.Sub(h.asked) >= limit:
		c.cause = errPingTimeout
		c.transport.AbortConnection()
		return
	case !h.asked.IsZero():
		again = limit - now.Sub(h.asked)
	case again <= 0:
		h.asked, again = now, limit
		c.machine.Ping(healthPing)
		c.flush()
	}
	h.timer = c.clock.CallLater(again, func() { h.check(c) })
}

// end stops the timer.
func (h *health) end() {
	if h.timer != nil {
		h.timer.Cancel()
		h.timer = nil
	}
}
