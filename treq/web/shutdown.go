package web

import (
	"cmp"
	"errors"
	"log/slog"
	"slices"
	"time"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/internal/list"
	"github.com/seed-7c003b53/gotreq/reactor"
)

// This file has the connections of a site as a whole: their number, and their end when the
// site shuts down.

// ErrShutdown is the error of a response that was cut short because its site shut down.
var ErrShutdown = errors.New("web: the response took longer than the shutdown of its site")

const (
	defaultMaxConnections  = 1 << 16
	defaultShutdownTimeout = 10 * time.Second
)

// house is the part of a Site that knows its ports and connections. Hijacked connections are
// no longer the site's.
type house struct {
	reactor reactor.Reactor // of the ports and connections; nil if there are none
	trigger reactor.TriggerID
	ports   []reactor.Port
	idle    list.List[connection] // wait for a request, the longest-waiting first
	busy    list.List[connection] // all others
	shaking list.List[handshake]  // TLS handshakes under way, the one that began first at the front
	open    int                   // the number of all these

	shutting bool // Shutdown was called
	waiting  []*deferred.Deferred[deferred.None]
	limit    reactor.DelayedCall // ends the wait for responses; nil without a limit
	refused  time.Time           // when a refused connection was logged
}

// DoStart is called when p listens for s; see [reactor.ListeningFactory]. During a
// [Site.Shutdown] it stops p.
func (s *Site) DoStart(r reactor.Reactor, p reactor.Port) {
	if len(s.house.waiting) != 0 {
		slog.Warn("web: a port stops at once, since its site is shutting down", "port", p.Addr().String())
		p.StopListening()
		return
	}
	s.house.shutting = false
	s.house.ports = append(s.house.ports, p)
	s.attach(r)
}

// DoStop is called when p has stopped; see [reactor.ListeningFactory].
func (s *Site) DoStop(p reactor.Port) {
	s.house.ports = slices.DeleteFunc(s.house.ports, func(q reactor.Port) bool { return q == p })
	s.detach()
}

// attach makes the shutdown of r wait for that of s.
func (s *Site) attach(r reactor.Reactor) {
	h := &s.house
	if h.reactor == r {
		return
	}
	if h.reactor != nil {
		h.reactor.RemoveSystemEventTrigger(h.trigger)
	}
	h.reactor = r
	h.trigger = r.AddSystemEventTrigger(reactor.Before, reactor.Shutdown, s.Shutdown)
}

// detach undoes attach when s has neither ports nor connections.
func (s *Site) detach() {
	h := &s.house
	if h.open != 0 || len(h.ports) != 0 {
		return
	}
	if h.reactor != nil {
		h.reactor.RemoveSystemEventTrigger(h.trigger)
		h.reactor = nil
	}
	if !h.shutting {
		return
	}
	if h.limit != nil {
		h.limit.Cancel()
		h.limit = nil
	}
	waiting := h.waiting
	h.waiting = nil
	for _, d := range waiting {
		d.Callback(deferred.None{})
	}
}

// Shutdown ends the service in order. The ports stop. Idle connections, and those with a
// TLS handshake under way, are closed.
// Responses under way have ShutdownTimeout to end; each has a "Connection: close", if its
// head has not been sent, and is the last of its connection. So does a request whose head
// has begun to arrive. Then the remaining connections are aborted, and [Request.Err] of
// their requests is [ErrShutdown].
//
// A client that speaks HTTP/2 is told by GOAWAY, in two steps (RFC 9113, section 6.8): requests
// that it has sent before it hears of the end are answered too. It has a second to hear of it.
//
// The Deferred fires when the last connection is closed. It never fails. Hijacked
// connections are left alone, as in net/http. Once it has fired, the Site can listen again;
// a port that begins to listen before stops at once.
//
// A reactor that is stopped, also by SIGINT or SIGTERM, first shuts down the sites that
// listen on it; see [reactor.Core].
//
// Shutdown knows the ports for which DoStart was called: those that were given the Site
// itself, a [reactor.TLSFactory] with it, or another [reactor.ListeningFactory] that calls
// DoStart and DoStop of the Site, such as a struct that embeds the *Site. Any other port
// has to be stopped by the program. After Shutdown its connections are refused, until
// DoStart is called.
func (s *Site) Shutdown() *deferred.Deferred[deferred.None] {
	h := &s.house
	d := deferred.New[deferred.None]()
	h.waiting = append(h.waiting, d)
	if !h.shutting {
		h.shutting = true
		for _, p := range slices.Clone(h.ports) {
			p.StopListening()
		}
		h.ports = nil // the factory of a port may not call DoStop
		for c := range h.busy.All() {
			c.speaker.shutDown()
		}
		for c := h.idle.First(); c != nil; c = h.idle.First() {
			c.speaker.shutDown()
		}
		for t := h.shaking.First(); t != nil; t = h.shaking.First() {
			t.abort()
		}
		if limit := cmp.Or(s.ShutdownTimeout, defaultShutdownTimeout); limit > 0 && h.open != 0 {
			h.limit = s.clock().CallLater(limit, s.cutShort)
		}
	}
	s.detach()
	return d
}

// cutShort aborts the connections that are left when ShutdownTimeout has passed.
func (s *Site) cutShort() {
	h := &s.house
	h.limit = nil
	slog.Warn("web: shutdown cuts connections short", "connections", h.open)
	for c := range h.busy.All() {
		if c.watch.awaiting == awaitClose {
			c.closeSoon() // the client may still be receiving the last response
		} else {
			c.cause = ErrShutdown
			c.transport.AbortConnection()
		}
	}
}

// clock returns the clock of s, which has ports or connections.
func (s *Site) clock() reactor.Clock {
	if s.Clock != nil {
		return s.Clock
	}
	return s.house.reactor
}

// mayOpen reports whether there is room for another connection. If there is none, it closes
// the connection that has been idle for the longest time, as nginx does, or else the one
// whose TLS handshake began first.
func (s *Site) mayOpen() bool {
	h := &s.house
	most := cmp.Or(s.MaxConnections, defaultMaxConnections)
	switch {
	case h.shutting:
		return false
	case most < 0 || h.open < most:
		return true
	case h.idle.First() != nil:
		h.idle.First().closeSoon()
		return true
	case h.shaking.First() != nil:
		h.shaking.First().abort()
		return true
	}
	if now := s.clock().Now(); now.Sub(h.refused) >= time.Minute {
		h.refused = now
		slog.Warn("web: connections are refused, since too many are open and none is idle", "MaxConnections", most)
	}
	return false
}

// A handshake is a TLS handshake under way.
type handshake struct {
	at    list.Node[handshake] // in the site's list, in the order in which they began
	below reactor.Transport
}

// HandshakeBegins counts a connection from the beginning of its TLS handshake; see
// [reactor.HandshakeFactory]. It returns nil when BuildProtocol would.
func (s *Site) HandshakeBegins(below reactor.Transport) (ended func()) {
	if !s.mayOpen() {
		return nil
	}
	s.attach(below.Reactor())
	t := &handshake{below: below}
	s.house.shaking.Push(&t.at, t)
	s.house.open++
	return func() {
		t.at.Remove()
		s.house.open--
		s.detach()
	}
}

// abort ends the connection. It is counted until then.
func (t *handshake) abort() {
	t.at.Remove()
	t.below.AbortConnection()
}

// closeSoon closes c in this turn or the next. If the system cannot take the rest of the
// last response by then, c is aborted: the client could otherwise keep it open for
// WriteTimeout.
func (c *connection) closeSoon() {
	c.speaker.close()
	if c.gone {
		return
	}
	loop := c.reactor
	loop.CallLater(0, func() {
		loop.CallLater(0, func() { // the transport has closed c by now, if it can
			if !c.gone {
				c.transport.AbortConnection()
			}
		})
	})
}

// opened adds c to the connections.
func (s *Site) opened(c *connection) {
	s.attach(c.reactor)
	s.house.open++
	s.house.idle.Push(&c.place, c)
	c.waits = true
}

// closed removes c. It does nothing if c was removed before.
func (s *Site) closed(c *connection) {
	if c.gone {
		return
	}
	c.gone = true
	c.place.Remove()
	s.house.open--
	s.detach()
}

// setWaits says whether c only waits for a request.
func (c *connection) setWaits(waits bool) {
	if waits == c.waits || c.gone {
		return
	}
	c.waits = waits
	h := &c.site.house
	if !waits {
		h.busy.Push(&c.place, c)
		return
	}
	h.idle.Push(&c.place, c)
	if h.shutting {
		c.speaker.close()
	}
}
