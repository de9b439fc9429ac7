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
	most       int                   // connections to one host, if not 0
	idle       map[key][]*connection // the last used is last
	count      int                   // how many those are
	opened     map[key]int           // connections, and attempts at some, if most is set
	queue      map[key][]*exchange   // wait for one, if most is set
	puts       uint64                // how often a connection was put back
	sweep      reactor.DelayedCall   // of closeOld, if it is arranged
}

// A PoolOption sets how a Pool works.
type PoolOption func(*Pool)

// Persistent says whether connections are kept at all; they are by default.
func Persistent(on bool) PoolOption { return func(p *Pool) { p.persistent = on } }

// MaxPersistentPerHost bounds how many connections to one host are kept while
// nobody uses them. It does not bound how many are in use.
func MaxPersistentPerHost(n int) PoolOption { return func(p *Pool) { p.perHost = n } }

// MaxConnectionsPerHost bounds how many connections to one host there are at a
// time, in use or not; requests beyond it wait, in their order, until one is free.
// 0, the default, is no bound, as in Twisted.
func MaxConnectionsPerHost(n int) PoolOption { return func(p *Pool) { p.most = n } }

// RetryAutomatically says whether a request is sent again whose connection, not a new
// one, was lost before any of the answer came, and which may be repeated: its method is
// idempotent, and its body, if it has one, is a [request.Bytes]. It is by default. It
// is Twisted's retryAutomatically.
func RetryAutomatically(on bool) PoolOption { return func(p *Pool) { p.retry = on } }

// CachedConnectionTimeout is how long a connection is kept while nobody uses it.
func CachedConnectionTimeout(d time.Duration) PoolOption { return func(p *Pool) { p.idleFor = d } }

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
func NewPool(r reactor.Reactor, options ...PoolOption) *Pool {
	p := &Pool{
		clock:      r,
		persistent: true,
		retry:      true,
		perHost:    DefaultMaxPersistentPerHost,
		idleFor:    DefaultCachedConnectionTimeout,
		idle:       make(map[key][]*connection),
		opened:     make(map[key]int),
		queue:      make(map[key][]*exchange),
	}
	for _, o := range options {
		o(p)
	}
	return p
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
	for _, idle := range p.idle {
		all = append(all, idle...)
	}
	slices.SortFunc(all, func(a, b *connection) int { return cmp.Compare(a.put, b.put) })
	return all
}

// take removes and returns a connection for k, the one used last, or nil.
func (p *Pool) take(k key) *connection {
	idle := p.idle[k]
	if len(idle) == 0 {
		return nil
	}
	c := idle[len(idle)-1]
	idle[len(idle)-1] = nil
	p.idle[k] = idle[:len(idle)-1]
	p.count--
	return c
}

// open reports whether a connection to k may be opened, and counts it.
func (p *Pool) open(k key) bool {
	if p.most == 0 {
		return true
	}
	if p.opened[k] >= p.most {
		return false
	}
	p.opened[k]++
	return true
}

// closed takes a connection to k off the count, or an attempt at one, and has the
// next request that waits try one.
func (p *Pool) closed(k key) {
	if p.most == 0 {
		return
	}
	if p.opened[k]--; p.opened[k] == 0 {
		delete(p.opened, k)
	}
	if x := p.next(k); x != nil {
		p.open(k)
		x.agent.connect(x, x.head())
	}
}

// enqueue has x wait for a connection.
func (p *Pool) enqueue(x *exchange) { p.queue[x.key] = append(p.queue[x.key], x) }

// dequeue has x, which waits no longer, leave the queue.
func (p *Pool) dequeue(x *exchange) {
	if i := slices.Index(p.queue[x.key], x); i >= 0 {
		p.queue[x.key] = slices.Delete(p.queue[x.key], i, i+1)
	}
}

// next removes and returns the request to k that has waited longest, or nil.
func (p *Pool) next(k key) *exchange {
	queue := p.queue[k]
	if len(queue) == 0 {
		delete(p.queue, k)
		return nil
	}
	x := queue[0]
	p.queue[k] = slices.Delete(queue, 0, 1)
	return x
}

// put gives c to the next request that waits for one, or keeps it, and closes
// the one used longest ago if there are too many.
func (p *Pool) put(c *connection) {
	if x := p.next(c.key); x != nil {
		c.send(x, x.head())
		return
	}
	p.puts++
	c.put, c.idleSince = p.puts, p.clock.Now()
	idle := append(p.idle[c.key], c)
	p.idle[c.key] = idle
	p.count++
	if len(idle) > p.perHost {
		p.close(idle[0])
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

// drop forgets c, if it is there.
func (p *Pool) drop(c *connection) {
	idle := p.idle[c.key]
	if i := slices.Index(idle, c); i >= 0 {
		idle = slices.Delete(idle, i, i+1)
		p.idle[c.key] = idle
		p.count--
	}
	if len(idle) == 0 {
		delete(p.idle, c.key)
	}
	if p.count == 0 && p.sweep != nil {
		p.sweep.Cancel()
		p.sweep = nil
	}
}
