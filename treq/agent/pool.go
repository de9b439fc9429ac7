package agent

import (
	"cmp"
	"slices"
	"time"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/reactor"
)

// A Pool keeps connections that may be used again. It is Twisted's
// HTTPConnectionPool. It belongs to its reactor's goroutine.
type Pool struct {
	clock      reactor.Clock
	persistent bool
	retry      bool
	perHost    int
	idleFor    time.Duration
	most       int // connections to one host, if not 0
	hosts      map[key]*host
	count      int                 // of the connections that nobody uses
	puts       uint64              // how often a connection was put back
	sweep      reactor.DelayedCall // of closeOld, if it is arranged
}

// A host is what a pool knows of a host while it has to do with it.
type host struct {
	key
	header  string        // its Host
	idle    []*connection // that nobody uses; the last used is last
	open    int           // connections, and attempts at some
	queue   []*exchange   // wait for one, if there may be no more
	dropped bool          // the pool knows it no longer
}

// A PoolConfig says how a Pool works. The zero value works.
type PoolConfig struct {
	// MaxPersistentPerHost bounds the unused connections to one host that are kept. It
	// does not bound the used ones. 0 means [DefaultMaxPersistentPerHost]; a negative
	// number keeps none.
	MaxPersistentPerHost int
	// MaxConnectionsPerHost bounds the connections to one host, used and unused.
	// Requests beyond it wait, in their order, until one is free. 0 means no bound, as
	// in Twisted.
	MaxConnectionsPerHost int
	// CachedConnectionTimeout bounds how long an unused connection is kept. 0 means
	// [DefaultCachedConnectionTimeout]; a negative time keeps it for no time.
	CachedConnectionTimeout time.Duration
	// DisablePersistent closes each connection after one request.
	DisablePersistent bool
	// DisableRetry turns off the second attempt that an idempotent request gets if a
	// connection that was used before dies before the first byte of its response. A
	// request with a body gets one only if the body can be sent again. It is the
	// opposite of Twisted's retryAutomatically.
	DisableRetry bool
}

const (
	// DefaultMaxPersistentPerHost is how many unused connections to one host a
	// Pool keeps. Twisted and net/http keep 2, which makes any program with more
	// requests than that at a time connect over and over.
	DefaultMaxPersistentPerHost = 64
	// DefaultCachedConnectionTimeout is how long a Pool keeps an unused
	// connection, as in Twisted.
	DefaultCachedConnectionTimeout = 240 * time.Second
)

// NewPool returns an empty Pool for agents on r.
func NewPool(r reactor.Reactor, config PoolConfig) *Pool {
	return &Pool{
		clock:      r,
		persistent: !config.DisablePersistent,
		retry:      !config.DisableRetry,
		perHost:    max(0, cmp.Or(config.MaxPersistentPerHost, DefaultMaxPersistentPerHost)),
		idleFor:    max(0, cmp.Or(config.CachedConnectionTimeout, DefaultCachedConnectionTimeout)),
		most:       config.MaxConnectionsPerHost,
		hosts:      make(map[key]*host),
	}
}

// CloseCachedConnections closes all connections that nobody uses. The Deferred fires
// when they are gone; it does not fail.
func (p *Pool) CloseCachedConnections() *deferred.Deferred[deferred.None] {
	var gone []*deferred.Deferred[deferred.None]
	for _, c := range p.all() {
		c.gone = deferred.New[deferred.None]()
		gone = append(gone, c.gone)
		p.close(c)
	}
	return deferred.Map(deferred.GatherResults(gone), func([]deferred.None) (deferred.None, error) { return deferred.None{}, nil })
}

// close closes c, which nobody uses.
func (p *Pool) close(c *connection) {
	p.drop(c)
	c.transport.LoseConnection()
}

// all returns the connections that nobody uses, the one used last at the end.
func (p *Pool) all() []*connection {
	var all []*connection
	for _, h := range p.hosts {
		all = append(all, h.idle...)
	}
	slices.SortFunc(all, func(a, b *connection) int { return cmp.Compare(a.put, b.put) })
	return all
}

// host returns what the pool knows of k.
func (p *Pool) host(k key) *host {
	h := p.hosts[k]
	if h == nil {
		h = &host{key: k, header: hostHeader(k)}
		p.hosts[k] = h
	}
	return h
}

// release forgets h if the pool has nothing to do with it any more.
func (p *Pool) release(h *host) {
	if h.open == 0 && len(h.queue) == 0 && !h.dropped {
		delete(p.hosts, h.key)
		h.dropped = true
	}
}

// take removes and returns a connection to h, the one used last, or nil.
func (p *Pool) take(h *host) *connection {
	last := len(h.idle) - 1
	if last < 0 {
		return nil
	}
	c := h.idle[last]
	h.idle[last] = nil
	h.idle = h.idle[:last]
	p.count--
	return c
}

// open reports whether a connection to h may be opened, and counts it.
func (p *Pool) open(h *host) bool {
	if p.most != 0 && h.open >= p.most {
		return false
	}
	h.open++
	return true
}

// closed takes a connection to h off the count, or an attempt at one, and has the
// next request that waits try one.
func (p *Pool) closed(h *host) {
	h.open--
	if x := h.next(); x != nil {
		h.open++
		x.agent.connect(x, x.head())
		return
	}
	p.release(h)
}

// enqueue has x wait for a connection.
func (h *host) enqueue(x *exchange) { h.queue = append(h.queue, x) }

// dequeue has x, which waits no longer, leave the queue.
func (h *host) dequeue(x *exchange) {
	if i := slices.Index(h.queue, x); i >= 0 {
		h.queue = slices.Delete(h.queue, i, i+1)
	}
}

// next removes and returns the request that has waited longest, or nil.
func (h *host) next() *exchange {
	if len(h.queue) == 0 {
		return nil
	}
	x := h.queue[0]
	h.queue = slices.Delete(h.queue, 0, 1)
	return x
}

// put gives c to the next request that waits for one, or keeps it, and closes
// the one used longest ago if there are too many.
func (p *Pool) put(c *connection) {
	h := c.host
	if x := h.next(); x != nil {
		c.send(x, x.head())
		return
	}
	p.puts++
	c.put, c.idleSince = p.puts, p.clock.Now()
	h.idle = append(h.idle, c)
	p.count++
	if len(h.idle) > p.perHost {
		p.close(h.idle[0])
	}
	if p.sweep == nil {
		p.sweep = p.clock.CallLater(p.idleFor, p.closeOld)
	}
}

// closeOld closes what nobody has used for too long. One delayed call serves all
// connections, so that to put one back costs none.
func (p *Pool) closeOld() {
	p.sweep = nil
	for _, c := range p.all() {
		if left := p.idleFor - p.clock.Now().Sub(c.idleSince); left > 0 {
			p.sweep = p.clock.CallLater(left, p.closeOld)
			return
		}
		p.close(c)
	}
}

// drop forgets c, if nobody uses it.
func (p *Pool) drop(c *connection) {
	h := c.host
	if i := slices.Index(h.idle, c); i >= 0 {
		h.idle = slices.Delete(h.idle, i, i+1)
		p.count--
	}
	if p.count == 0 && p.sweep != nil {
		p.sweep.Cancel()
		p.sweep = nil
	}
}
