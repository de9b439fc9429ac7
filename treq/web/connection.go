package web

import (
	"crypto/tls"
	"net"

	"github.com/seed-7c003b53/gotreq/internal/list"
	"github.com/seed-7c003b53/gotreq/reactor"
)

// This file has what connections of all versions of HTTP have in common: what their requests
// share, the bytes that were received, and the end in order.

// A connection is a client's connection to a site. It is a part of the [speaker] that speaks
// HTTP on it.
type connection struct {
	site       *Site
	local      net.Addr
	peer       net.Addr
	remoteAddr string               // the text of peer, for http.Request
	tls        *tls.ConnectionState // nil without TLS
	reactor    reactor.Reactor
	clock      reactor.Clock // the reactor, unless the Site has another

	speaker   speaker
	transport reactor.Transport
	in        []byte // bytes received but not read
	watch     watch
	requests  int // the number of heads received

	work    int // what is left of the share of this turn; see turns
	restsAt int // the value of work at which the connection rests

	instant int64                 // when the connection began, or the end of its lingering; in Unix nanoseconds
	dropped int64                 // the number of dropped bytes of content
	cause   error                 // why the site aborts the connection
	place   list.Node[connection] // in a list of the site

	running   int32 // the number of requests that have not ended
	borrowed  bool  // in belongs to the transport
	consuming bool  // consume is running
	resting   bool  // consume waits for a later turn
	spent     bool  // the next turn brings a new share
	waits     bool  // the connection only waits for a request; set by setWaits
	gone      bool  // the connection is no longer the site's
	blocked   bool  // the transport has paused its producer
	paused    bool  // the transport is paused
	stopped   bool  // the transport can send no more
	readEnded bool  // the client has ended its side
	closing   bool  // received bytes are dropped
}

// A speaker is the part of a connection that speaks one version of HTTP.
type speaker interface {
	// step reads one event of in, and reports whether another may follow.
	step() bool
	// stepped is called after a batch of steps.
	stepped()
	// rest is called when the connection begins to rest. What the client sends is not read
	// until the rest is over.
	rest()
	// overdue is called when the awaited event has not come in time.
	overdue(e awaited)
	// unsent reports whether bytes of responses wait because the client accepts no more.
	unsent() bool
	// close closes a connection without a request when all written bytes are sent.
	close()
	// cutShort aborts the connection with its requests, because a shutdown has no more time.
	cutShort()
	// shutDown is called when the site shuts down. The connection ends with the requests
	// under way, and is no longer one of those that only wait for a request.
	shutDown()
}

const (
	// maxQueued is the size of in at which the transport is paused.
	maxQueued = 64 << 10
	// maxDropped bounds the unwanted content that is read to keep the connection.
	maxDropped = 256 << 10
)

// open begins the connection of t, which s speaks on. state is that of TLS.
func (c *connection) open(t reactor.Transport, s speaker, state *tls.ConnectionState) {
	peer := t.Peer() // once: it may be made anew for each call
	c.speaker, c.transport = s, t
	c.local, c.peer, c.remoteAddr = t.Host(), peer, peer.String()
	c.tls, c.reactor, c.clock = state, t.Reactor(), c.site.Clock
	if c.clock == nil {
		c.clock = c.reactor
	}
	c.work = c.site.turnWork()
	c.site.opened(c)
}

// Receiving.

// DataReceived reads data.
func (c *connection) DataReceived(data []byte) {
	if c.closing {
		c.drop(len(data))
		return
	}
	c.setWaits(false)
	if len(c.in) == 0 {
		c.in, c.borrowed = data, true
	} else {
		c.in = append(c.in, data...)
	}
	c.consume()
	if c.borrowed {
		c.borrowed = false
		c.in = append([]byte(nil), c.in...)
	}
	c.balance()
}

// consume reads the events in in that may be read now.
func (c *connection) consume() {
	if c.consuming {
		return
	}
	c.consuming = true
	for !c.resting && c.speaker.step() {
	}
	c.consuming = false
	c.speaker.stepped()
	if !c.borrowed {
		c.balance()
	}
}

// balance pauses the transport while too much waits to be read.
func (c *connection) balance() {
	switch queued := len(c.in) >= maxQueued; {
	case c.closing, queued == c.paused:
	case queued:
		c.paused = true
		c.transport.PauseProducing()
		c.endIfStopped()
	default:
		c.paused = false
		c.transport.ResumeProducing()
	}
}

// endIfStopped closes a paused connection that can send no more: a paused transport does
// not report the loss, and no response would get through.
func (c *connection) endIfStopped() {
	if c.stopped && c.paused {
		c.transport.LoseConnection()
	}
}

// StopProducing is called when the transport can send no more. ConnectionLost follows when
// what the client has sent is read.
func (c *connection) StopProducing() {
	c.stopped = true
	c.endIfStopped()
}

// Ending.

// lose closes the connection when all written bytes are sent.
func (c *connection) lose() {
	c.stop()
	c.await(awaitWritten)
	c.transport.LoseConnection()
}

// linger closes the connection to a client that may still be sending. Closing it at once
// would reset it, and the client might lose the response (RFC 9112, section 9.6). So the
// connection ends only its own side first. timeUp and drop do the rest.
func (c *connection) linger() {
	if c.readEnded {
		c.lose()
		return
	}
	c.stop()
	if c.blocked || c.speaker.unsent() {
		c.await(awaitWritten)
	} else {
		c.await(awaitClose)
	}
	c.instant = c.clock.Now().Add(maxLinger).UnixNano()
	c.transport.LoseWriteConnection()
	c.transport.ResumeProducing()
}

// drop drops n bytes that were received after the last response.
func (c *connection) drop(n int) {
	switch c.dropped += int64(n); {
	case c.dropped > 16*maxDropped:
		c.transport.AbortConnection()
	case c.watch.awaiting == awaitClose && c.clock.Now().UnixNano() < c.instant:
		c.await(awaitClose)
	}
}

// stop ends all work of the connection except sending and closing.
func (c *connection) stop() {
	c.closing = true
	c.setWaits(false)
	c.in, c.borrowed = nil, false
	if !c.speaker.unsent() {
		c.transport.UnregisterProducer()
	}
}

// cutShort implements speaker.
func (c *connection) cutShort() {
	c.cause = ErrShutdown
	c.transport.AbortConnection()
}

// forget stops the timer and all other activity of the connection.
func (c *connection) forget() {
	c.closing = true
	c.in, c.borrowed = nil, false
	c.watch.end()
}
