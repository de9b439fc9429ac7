package agent

import (
	"cmp"
	"net/http"
	"time"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/internal/http1"
	"github.com/seed-7c003b53/gotreq/internal/http2"
	"github.com/seed-7c003b53/gotreq/internal/list"
	"github.com/seed-7c003b53/gotreq/reactor"
)

// A Pool keeps connections, so that later requests can use them. It is Twisted's
// HTTPConnectionPool. Its methods belong to the goroutine of its reactor.
//
// Agents may share a Pool. A request uses only a connection that it would have made in
// the same way: to the same server, through the same proxy with the same credentials,
// with the same TLS policy, from the same local address and with the same limits.
type Pool struct {
	clock        reactor.Reactor
	start        time.Time // when the pool was made: the ages of requests count from then
	persistent   bool
	retry        bool
	perHost      int
	idleFor      time.Duration
	most         int              // the most connections in a group; 0: no bound
	http2        http.HTTP2Config // with the defaults
	budget       http2.Budget     // of the windows of all connections
	groups       map[route]*group
	numbered     uint64                     // the number of groups that were made
	attempts     list.List[attempt]         // the attempts to make a connection, the oldest first
	plain        list.List[connection]      // the open connections of HTTP/1.1, the oldest first
	streams      list.List[http2Connection] // the open connections of HTTP/2, the oldest first
	misdirecting map[route]struct{}         // groups whose requests need connections of their own; see coalesce.go
	idle         list.List[pooled]          // the unused connections, the most recently used last
	sweep        reactor.DelayedCall        // the next call of closeOld; nil if none is due
	heads        http1.SectionMemory        // the headers of responses on all connections of HTTP/1.1
}

// A group holds the connections of one route. The pool keeps a group while it has
// connections, attempts to make one, or waiting requests.
type group struct {
	route
	through    *proxy              // the proxy of its connections, or nil
	header     string              // the value of Host
	idle       list.List[pooled]   // unused connections, the most recently used last
	shared     list.List[pooled]   // used connections with room for more exchanges, the oldest first
	version    version             // of its connections; 0 until one is made
	open       int                 // connections and attempts to make one
	most       int                 // what a server's settings allowed on a connection, at last; 0 if none has come
	connecting int                 // attempts to make a connection
	queue      list.List[exchange] // exchanges that wait for a connection, the oldest first
	filling    bool                // fill is running, perhaps further up the stack
	dropped    bool                // the pool has forgotten this group
	number     uint64              // tells it from the other groups, in their order
	link       *http2Connection    // a connection of another group that may be used too; or nil
}

// A pooled is the part of a connection that the pool needs, whatever version of HTTP the
// connection speaks. It is a part of the connection's struct.
type pooled struct {
	conn      sender // the connection itself
	pool      *Pool
	group     *group
	transport reactor.Transport
	broken    error             // why it cannot be used any more; nil while usable
	dump      *dumpedConnection // shows what it carries; or nil

	inPool, inGroup list.Node[pooled]                 // its places in the lists of connections
	idleSince       time.Duration                     // when it was last put back, as the pool's uptime; notIdle if it was not
	expiry          *expiry                           // says how long the server keeps it unused; nil if the server does not say
	gone            *deferred.Deferred[deferred.None] // fires when the connection is lost; nil unless the pool waits
	sent            uint32                            // the number of requests sent
}

// notIdle is the idleSince of a connection that was not put back after its last request.
const notIdle time.Duration = -1

// An expiry ends a connection that the server would soon close.
type expiry struct {
	after time.Duration       // how long the connection is kept unused
	call  reactor.DelayedCall // closes it; nil while it is used, or if the pool's own time is no longer
}

// uptime returns the time since the pool was made.
func (p *Pool) uptime() time.Duration { return p.clock.Now().Sub(p.start) }

// turnUptime is uptime as it was at the beginning of the turn, or a little later.
func (p *Pool) turnUptime() time.Duration { return reactor.TurnTime(p.clock).Sub(p.start) }

// A sender is a connection of one version of HTTP.
type sender interface {
	// send sends x over the connection, which has room for it. It returns an error if the
	// request is invalid: nothing was sent, and x is the caller's.
	send(x *exchange) error
	// room reports whether the connection can carry one more exchange now, and unused
	// whether it carries none.
	room() bool
	unused() bool
	// close closes the connection, which carries nothing.
	close()
	// abort closes the connection at once because of err.
	abort(err error)
}

// A PoolConfig says how a Pool works. The zero value works.
type PoolConfig struct {
	// MaxPersistentPerHost bounds the unused connections to one host that the Pool
	// keeps. It does not bound the used connections. 0 means
	// [DefaultMaxPersistentPerHost]; a negative number keeps none.
	MaxPersistentPerHost int
	// MaxConnectionsPerHost bounds the connections to one host, used and unused.
	// Requests beyond it wait, in their order, until one is free. 0 means no bound, as
	// in Twisted.
	MaxConnectionsPerHost int
	// CachedConnectionTimeout bounds how long an unused connection is kept. 0 means
	// [DefaultCachedConnectionTimeout]; a negative time closes it at once.
	CachedConnectionTimeout time.Duration
	// DisablePersistent closes each connection after one request.
	DisablePersistent bool
	// DisableRetry turns off the second attempt of an idempotent request on a reused
	// connection that dies before the first byte of the response. A request with a
	// body gets a second attempt only if the body can be sent again. DisableRetry is
	// the opposite of Twisted's retryAutomatically.
	DisableRetry bool
	// HTTP2 has the numbers of HTTP/2 connections. nil, and each field that is 0, means the
	// defaults. These fields count:
	//
	//   - MaxReceiveBufferPerConnection bounds the bytes that a connection keeps for bodies
	//     whose readers are paused: 32 MiB.
	//   - MaxReceiveBufferPerStream bounds those of one body, to which its window grows with
	//     the bandwidth: 4 MiB.
	//   - SendPingTimeout is the silence after which a connection with requests on it gets a
	//     PING, and so does one that was unused for as long when it is used again:
	//     [DefaultPingTimeout]. A negative time means never.
	//   - PingTimeout bounds the wait for the answer, after which the connection is closed:
	//     [DefaultPingTimeout]. The error is [ErrSilent].
	//   - StrictMaxConcurrentRequests makes requests wait when the server allows no more at a
	//     time. Otherwise a further connection is made, within MaxConnectionsPerHost.
	HTTP2 *http.HTTP2Config
}

const (
	// DefaultMaxPersistentPerHost is the number of unused connections to one host
	// that a Pool keeps. Twisted and net/http keep 2: a program with more requests at
	// a time than that connects again and again.
	DefaultMaxPersistentPerHost = 64
	// DefaultCachedConnectionTimeout is the time that a Pool keeps an unused
	// connection, as in Twisted.
	DefaultCachedConnectionTimeout = 240 * time.Second
)

// NewPool returns an empty Pool for agents on r.
func NewPool(r reactor.Reactor, config PoolConfig) *Pool {
	return &Pool{
		clock:      r,
		start:      r.Now(),
		persistent: !config.DisablePersistent,
		retry:      !config.DisableRetry,
		perHost:    max(0, cmp.Or(config.MaxPersistentPerHost, DefaultMaxPersistentPerHost)),
		idleFor:    max(0, cmp.Or(config.CachedConnectionTimeout, DefaultCachedConnectionTimeout)),
		most:       config.MaxConnectionsPerHost,
		http2:      http2Settings(config.HTTP2),
		groups:     make(map[route]*group),
	}
}

// CloseCachedConnections closes all unused connections. The Deferred fires when they are
// closed; it does not fail.
func (p *Pool) CloseCachedConnections() *deferred.Deferred[deferred.None] {
	var gone []*deferred.Deferred[deferred.None]
	for c := p.idle.First(); c != nil; c = p.idle.First() {
		c.gone = deferred.New[deferred.None]()
		gone = append(gone, c.gone)
		p.close(c)
	}
	return deferred.Map(deferred.GatherResults(gone), func([]deferred.None) (deferred.None, error) { return deferred.None{}, nil })
}

// close closes c, which is unused.
func (p *Pool) close(c *pooled) {
	p.drop(c)
	c.conn.close()
}

// group returns the group of r, and makes it first if there is none.
func (p *Pool) group(r route) *group {
	g := p.groups[r]
	if g == nil {
		if p.numbered++; p.numbered == 1 {
			reactor.AddInspectable(p.clock, p, (*Pool).inspect)
		}
		g = &group{route: r, header: r.server.HostHeader(), number: p.numbered}
		p.groups[r] = g
	}
	return g
}

// release forgets g if it is empty.
func (p *Pool) release(g *group) {
	if g.open == 0 && g.queue.Len() == 0 && g.link == nil && !g.dropped {
		delete(p.groups, g.route)
		g.dropped = true
	}
}

// take returns a connection that may carry x, or nil: a used one that has room for x, or
// else the unused one that was used last, which take removes from the unused ones.
func (p *Pool) take(x *exchange) *pooled {
	if c := x.group.roomy(); c != nil {
		return c
	}
	for {
		c := x.group.idle.Last()
		switch {
		case c == nil:
			return p.coalesced(x)
		case p.usable(c, x):
			c.used()
			return c
		}
		p.close(c)
	}
}

// roomy returns a used connection with room for another exchange, or nil.
func (g *group) roomy() *pooled { return g.shared.First() }

// trustedFor is the time in which a connection that the server has kept before is not checked
// again. A system call for each request would cost a client under load seven percent.
const trustedFor = time.Millisecond

// usable reports whether c, which is unused, may carry x. The server may have closed c since
// the loop has looked last. A request that may be sent again finds that out by itself, and
// any other must not be lost: it is worth a system call.
func (p *Pool) usable(c *pooled, x *exchange) bool {
	switch {
	case p.retry && x.idempotent() && x.request.Body == nil:
		return true
	case c.sent > 1 && p.uptime()-c.idleSince < trustedFor:
		return true
	}
	return !c.transport.CheckPeerClosed()
}

// open reports whether a connection of g may be opened, and if so counts it.
func (p *Pool) open(g *group) bool {
	switch {
	case p.most != 0 && g.open >= p.most,
		g.connecting != 0 && p.shares(g),
		g.version == 2 && g.open != 0 && p.http2.StrictMaxConcurrentRequests:
		return false
	}
	g.open++
	g.connecting++
	return true
}

// shares reports whether requests of g may share a connection, as far as is known. Then one
// connection is made at a time, and the others wait for what comes of it.
func (p *Pool) shares(g *group) bool {
	return p.persistent && (g.version == 2 || g.version == 0 && g.versions.http2 && !g.versions.upgrade)
}

// made takes c, a new connection that may have got its first exchange. The requests that have
// waited for the version of c share it, or connect at once.
func (p *Pool) made(c *pooled) {
	if c.conn.room() {
		p.put(c)
	}
	p.fill(c.group)
}

// failed subtracts an attempt to make a connection of g, which failed because of err. The
// requests that have waited for it alone fail too. If err is nil, the attempt was cancelled, and
// the next of them may connect.
func (p *Pool) failed(g *group, err error) {
	g.connecting--
	if err != nil && p.shares(g) {
		if g.open > 1 { // they wait for the other connections
			g.open--
			return
		}
		for range g.queue.Len() {
			if x := g.next(); x != nil {
				x.fail(err)
			}
		}
	}
	p.closed(g)
}

// closed subtracts a closed connection of g, or a failed attempt, from the count. The
// next waiting request may then connect.
func (p *Pool) closed(g *group) {
	g.open--
	p.fill(g)
	p.release(g)
}

// fill connects for as many waiting requests as g may open connections. An attempt that
// fails at once leads back here: the loop takes the next request, so that any number of
// them takes constant stack.
func (p *Pool) fill(g *group) {
	if g.filling {
		return
	}
	g.filling = true
	for g.queue.Len() != 0 && p.open(g) {
		x := g.next()
		x.agent.connect(x)
	}
	g.filling = false
}

// enqueue makes x wait for a connection.
func (g *group) enqueue(x *exchange) {
	x.waiting = new(list.Node[exchange])
	g.queue.Push(x.waiting, x)
}

// next removes and returns the request that has waited longest, or nil.
func (g *group) next() *exchange {
	x := g.queue.First()
	if x != nil {
		x.waiting.Remove()
		x.waiting = nil
	}
	return x
}

// put takes back c, which has room for another exchange. It gives c to the requests that have
// waited longest. If c is unused then, put keeps it, and closes the connection that was unused
// longest if there are too many.
func (p *Pool) put(c *pooled) {
	g := c.group
	if c.conn.unused() {
		c.idleSince = p.turnUptime()
	}
	for x := g.queue.First(); x != nil; x = g.queue.First() {
		if c.conn.unused() && !p.usable(c, x) {
			p.close(c) // the request gets the place of c
			return
		}
		g.next()
		c.idleSince = notIdle
		if err := c.conn.send(x); err != nil {
			x.fail(err)
		}
		if !c.conn.room() {
			return
		}
	}
	if !c.conn.unused() {
		if c.inGroup.In() != &g.shared {
			g.shared.Push(&c.inGroup, c)
		}
		return
	}
	p.idle.Push(&c.inPool, c)
	g.idle.Push(&c.inGroup, c)
	if e := c.expiry; e != nil && e.after < p.idleFor {
		e.call = p.clock.CallLater(e.after, func() {
			e.call = nil
			p.close(c)
		})
	}
	if g.idle.Len() > p.perHost {
		p.close(g.idle.First())
	}
	if p.sweep == nil && p.idle.Len() != 0 {
		p.sweep = p.clock.CallLater(p.idleFor, p.closeOld)
	}
}

// closeOld closes the connections that were unused for too long. All connections share
// one delayed call, so that putting one back is cheap.
func (p *Pool) closeOld() {
	p.sweep = nil
	for c := p.idle.First(); c != nil; c = p.idle.First() {
		if left := p.idleFor - (p.uptime() - c.idleSince); left > 0 {
			p.sweep = p.clock.CallLater(left, p.closeOld)
			return
		}
		p.close(c)
	}
}

// drop forgets c: no more exchanges get it.
func (p *Pool) drop(c *pooled) {
	c.used()
	c.inGroup.Remove()
	if p.idle.Len() == 0 && p.sweep != nil {
		p.sweep.Cancel()
		p.sweep = nil
	}
}

// unusedFor returns how long c was unused until now; -1 if it was not.
func (c *pooled) unusedFor() time.Duration {
	if c.idleSince == notIdle {
		return -1
	}
	return c.pool.uptime() - c.idleSince
}

// used takes c off the lists of unused connections, if it is on them.
func (c *pooled) used() {
	if !c.inPool.Remove() {
		return
	}
	c.inGroup.Remove()
	if e := c.expiry; e != nil && e.call != nil {
		e.call.Cancel()
		e.call = nil
	}
}
