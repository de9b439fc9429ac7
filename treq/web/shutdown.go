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
	// newTime is the time that a connection has for its first request when the site shuts
	// down. net/http has the same.
	newTime = 5 * time.Second
)

// house is the part of a Site that knows its ports and connections. Hijacked connections are
// no longer the site's.
type house struct {
	reactor reactor.Reactor // of the ports and connections; nil if there are none
	shownOn reactor.Reactor // the last one whose dumps show the site
	trigger reactor.TriggerID
	ports   []reactor.Port
	idle    list.List[connection] // wait for a request, the longest-waiting first
	fresh   list.List[connection] // wait for their first request while the site shuts down
	busy    list.List[connection] // all others
	shaking list.List[handshake]  // TLS handshakes under way, the one that began first at the front
	open    int                   // the number of all these

	shutting bool // Shutdown was called
	shaken   bool // a TLS handshake has ended, and BuildProtocol may follow
	waiting  []*deferred.Deferred[deferred.None]
	grace    reactor.DelayedCall // ends the time for first requests; nil without connections that have it
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
	s.show(r)
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
	h.stopTimers()
	waiting := h.waiting
	h.waiting = nil
	for _, d := range waiting {
		d.Callback(deferred.None{})
	}
}

// Shutdown ends the service in order. The ports stop, and idle connections are closed.
// Responses under way have ShutdownTimeout to end; each has a "Connection: close", if its
// head has not been sent, and is the last of its connection. So does a request whose head
// has begun to arrive. Then the remaining connections are aborted, and [Request.Err] of
// their requests is [ErrShutdown].
//
// A new connection is not idle: its first request may be on its way. If it is younger than 5
// seconds, it has the rest of them to send the request, which is answered. So has a
// connection whose TLS handshake is under way. The first of these connections may have as
// long as the last. net/http gives new connections the same time.
//
// A client that speaks HTTP/2 is told by GOAWAY, in two steps (RFC 9113, section 6.8): requests
// that it has sent before it hears of the end are answered too. It has a second to hear of it.
// On a new connection, the GOAWAY follows the first request.
//
// The Deferred fires when the last connection is closed. It fails only if it is cancelled: then
// the remaining connections are cut short at once. Hijacked connections are left alone, as in
// net/http, and so are hijacked streams of HTTP/2. Once the last connection is closed, the Site
// can listen again; a port that begins to listen before stops at once.
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
	d := deferred.NewCancellable(func(*deferred.Deferred[deferred.None]) { s.cutShort() })
	h.waiting = append(h.waiting, d)
	if !h.shutting {
		ports := slices.Clone(h.ports)
		for _, p := range ports {
			p.AcceptWaiting() // their requests may have come
		}
		h.shutting = true
		for _, p := range ports {
			p.StopListening()
		}
		h.ports = nil // the factory of a port may not call DoStop
		s.endConnections()
		if limit := cmp.Or(s.ShutdownTimeout, defaultShutdownTimeout); limit > 0 && h.open != 0 {
			h.limit = s.clock().CallLater(limit, func() {
				h.limit = nil
				s.cutShort()
			})
		}
	}
	s.detach()
	return d
}

// endConnections tells the connections that the site shuts down. Those that are new have more
// time.
func (s *Site) endConnections() {
	h := &s.house
	if h.open == 0 {
		return
	}
	now := s.clock().Now()
	var grace time.Duration
	isNew := func(began time.Time) bool {
		left := newTime - now.Sub(began)
		grace = max(grace, left)
		return left > 0
	}
	for c := range h.busy.All() {
		if c.requests != 0 || c.closing || !isNew(c.began()) {
			c.speaker.shutDown()
		}
	}
	for c := range h.idle.All() {
		if c.requests == 0 && isNew(c.began()) {
			h.fresh.Push(&c.place, c)
		} else {
			c.speaker.shutDown()
		}
	}
	for t := range h.shaking.All() {
		if !isNew(t.began) {
			t.abort()
		}
	}
	if grace > 0 {
		h.grace = s.clock().CallLater(grace, s.endGrace)
	}
}

// endGrace ends the connections that have had their time for a first request.
func (s *Site) endGrace() {
	h := &s.house
	h.grace = nil
	for c := range h.fresh.All() {
		c.speaker.close()
	}
	for t := range h.shaking.All() {
		t.abort()
	}
}

// cutShort aborts the connections that are left when ShutdownTimeout has passed, or when
// Shutdown is cancelled.
func (s *Site) cutShort() {
	h := &s.house
	h.stopTimers()
	if n := h.busy.Len(); n != 0 {
		slog.Warn("web: shutdown cuts connections short", "connections", n)
	}
	for _, c := range slices.Collect(h.busy.All()) { // programs may end others meanwhile
		switch {
		case c.gone:
		case c.watch.awaiting == awaitClose:
			c.closeSoon() // the client may still be receiving the last response
		default:
			c.speaker.cutShort()
		}
	}
	for c := range h.fresh.All() {
		c.closeSoon()
	}
	for t := range h.shaking.All() {
		t.abort()
	}
}

// stopTimers stops the timers of a shutdown.
func (h *house) stopTimers() {
	if h.grace != nil {
		h.grace.Cancel()
	}
	if h.limit != nil {
		h.limit.Cancel()
	}
	h.grace, h.limit = nil, nil
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
		shaken := h.shaken
		h.shaken = false
		return shaken
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
	began time.Time
}

// HandshakeBegins counts a connection from the beginning of its TLS handshake; see
// [reactor.HandshakeFactory]. It returns nil when BuildProtocol would.
func (s *Site) HandshakeBegins(below reactor.Transport) (ended func()) {
	if !s.mayOpen() {
		return nil
	}
	s.attach(below.Reactor())
	h := &s.house
	t := &handshake{below: below, began: s.clock().Now()}
	h.shaking.Push(&t.at, t)
	h.open++
	return func() {
		t.at.Remove()
		if h.grace == nil {
			t.ended(s)
			return
		}
		// The shutdown does not end before BuildProtocol, which follows if the handshake was
		// successful.
		h.shaken = true
		below.Reactor().CallLater(0, func() {
			h.shaken = false
			t.ended(s)
		})
	}
}

// ended ends the counting of t.
func (t *handshake) ended(s *Site) {
	s.house.open--
	s.detach()
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
	s.house.listOf(c).Push(&c.place, c)
	c.waits, c.instant = true, c.clock.Now().UnixNano()
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

// began returns when c began, after its TLS handshake. c is not closing.
func (c *connection) began() time.Time { return time.Unix(0, c.instant) }

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
	l := h.listOf(c)
	l.Push(&c.place, c)
	if h.shutting && l == &h.idle {
		c.speaker.close()
	}
}

// listOf returns the list for c, which waits for a request.
func (h *house) listOf(c *connection) *list.List[connection] {
	if h.grace != nil && c.requests == 0 {
		return &h.fresh
	}
	return &h.idle
}
