package agent

import (
	"errors"
	"net/url"
	"time"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/internal/list"
	"github.com/seed-7c003b53/gotreq/internal/origin"
	"github.com/seed-7c003b53/gotreq/reactor"
	"github.com/seed-7c003b53/gotreq/treq/request"
	"github.com/seed-7c003b53/gotreq/treq/response"
	"golang.org/x/time/rate"
)

// This file has the LimitAgent, which lets requests wait for their turn.
//
// Requests wait in the queues of their hosts. A host is ready if it has a request that its own
// limits let leave now. The ready hosts wait in turn for the limits of all hosts together: a
// slow host does not hold up the others, and a host with many requests gets one at a time. A
// request takes its place, in both limits, at the moment at which it leaves. So one that is
// cancelled before leaves nothing behind.

// A LimitConfig says how many requests may be sent. The zero value limits nothing.
type LimitConfig struct {
	// PerHost limits the requests to each host. A host is the host name and port of the
	// URL; http and https with their standard ports are one.
	PerHost Limit
	// Total limits the requests to all hosts together.
	Total Limit
	// MaxWaiting bounds the requests that wait for their turn. One more fails with
	// [ErrTooManyWaiting]. 0 means no bound.
	MaxWaiting int
}

// A Limit bounds requests. The zero value does not.
type Limit struct {
	// Rate is how many requests may begin in a second; rate.Every says it by the time from
	// one to the next. The time is that of the reactor. 0 means no bound.
	Rate rate.Limit
	// Burst is how many requests may begin at once, if none has for long enough. 0 means
	// 1: the requests are evenly spaced.
	Burst int
	// Concurrent is how many requests may be under way at a time. A request is under way
	// until the body of its response ends, which is when the body has arrived or is given
	// up. 0 means no bound.
	Concurrent int
}

// ErrTooManyWaiting says that MaxWaiting of the [LimitConfig] requests wait already.
var ErrTooManyWaiting = errors.New("too many requests wait for their turn (MaxWaiting)")

// A Limiter lets requests leave as a LimitConfig says. Several agents may share it. Its methods
// belong to the goroutine of the reactor.
type Limiter struct {
	clock       reactor.Clock
	config      LimitConfig
	total       gate
	hosts       map[hostKey]*hostLimit
	ready       list.List[hostLimit] // the hosts whose first request may leave
	idle        list.List[hostLimit] // the hosts without requests whose rate is still to be kept
	waiting     int                  // the number of requests in all queues
	dispatching bool                 // dispatch is running, perhaps further up the stack
	inspectable bool                 // the limiter is shown in dumps
}

// NewLimiter returns a Limiter by clock: the reactor of the agents.
func NewLimiter(clock reactor.Clock, config LimitConfig) *Limiter {
	if clock == nil {
		panic("agent: NewLimiter without a clock")
	}
	return &Limiter{clock: clock, config: config, total: newGate(config.Total), hosts: make(map[hostKey]*hostLimit)}
}

// Waiting returns the number of requests that wait for their turn.
func (l *Limiter) Waiting() int { return l.waiting }

// A LimitAgent is a Requester that sends each request when a [Limiter] lets it. Requests to one
// host leave in their order; hosts take turns.
type LimitAgent struct {
	inner   Requester
	limiter *Limiter
}

// NewLimitAgent returns a LimitAgent on top of inner.
func NewLimitAgent(inner Requester, limiter *Limiter) *LimitAgent {
	if limiter == nil {
		panic("agent: NewLimitAgent without a Limiter")
	}
	return &LimitAgent{inner, limiter}
}

// Request sends req when it is its turn; see [Requester]. Timeouts of a request count its wait.
// Cancelling the Deferred before its turn takes the request out of the queue.
func (a *LimitAgent) Request(req *request.Request) *response.Deferred {
	l := a.limiter
	key, err := hostOf(req.URL)
	if err != nil {
		return a.inner.Request(req) // it says what is wrong
	}
	h := l.host(key)
	switch {
	case l.ready.Len() == 0 && h.queue.Len() == 0 && l.mayLeave(&h.gate) && l.mayLeave(&l.total):
		l.leave(h)
		return a.send(req, h)
	case l.config.MaxWaiting > 0 && l.waiting >= l.config.MaxWaiting:
		l.rest(h)
		return Refuse(req, ErrTooManyWaiting)
	}
	return deferred.ThenBoth(l.wait(h), func(_ deferred.None, err error) *response.Deferred {
		if err != nil {
			return Refuse(req, err)
		}
		return a.send(req, h)
	})
}

// send sends req, which has a place in the limits, and gives the place back in the end.
func (a *LimitAgent) send(req *request.Request, h *hostLimit) *response.Deferred {
	d := deferred.MaybeDeferred(func() *response.Deferred { return a.inner.Request(req) })
	return d.AddBoth(func(resp *response.Response, err error) (*response.Response, error) {
		end := func() { a.limiter.end(h) } // it must not refer to resp: see unread.go
		if err != nil || resp == nil {
			end()
		} else {
			resp.OnEnd(end)
		}
		return resp, err
	})
}

// A hostKey is what the limits PerHost are for. port is "" for the standard ports.
type hostKey struct{ name, port string }

func hostOf(u *url.URL) (hostKey, error) {
	server, err := origin.ServerOf(u)
	h := hostKey{server.Origin().Host, server.Port}
	if server.Scheme == "http" && h.port == "80" || server.Scheme == "https" && h.port == "443" {
		h.port = ""
	}
	return h, err
}

// A gate is a Limit and what it has let through.
type gate struct {
	limit    Limit
	rate     *rate.Limiter // nil without a Rate
	underWay int
	timer    reactor.DelayedCall // non-nil while the gate waits for its Rate
}

func newGate(limit Limit) gate {
	g := gate{limit: limit}
	if limit.Rate > 0 && limit.Rate < rate.Inf {
		g.rate = rate.NewLimiter(limit.Rate, g.burst())
	}
	return g
}

func (g *gate) burst() int { return max(1, g.limit.Burst) }

// full reports whether as many requests are under way as may be.
func (g *gate) full() bool { return g.limit.Concurrent > 0 && g.underWay >= g.limit.Concurrent }

// stopTimer ends the wait for the Rate.
func (g *gate) stopTimer() {
	if g.timer != nil {
		g.timer.Cancel()
		g.timer = nil
	}
}

// A hostLimit is the gate of one host and the requests that wait for it.
type hostLimit struct {
	gate
	key   hostKey
	queue list.List[place]
	ready list.Node[hostLimit] // in Limiter.ready
	idle  list.Node[hostLimit] // in Limiter.idle
	until time.Time            // when an idle host may be forgotten
}

// A place is the place of a request in a queue.
type place struct {
	node list.Node[place]
	turn *deferred.Deferred[deferred.None]
}

// host returns the limits for a host, and forgets those of hosts that have been idle for long
// enough.
func (l *Limiter) host(key hostKey) *hostLimit {
	for h := l.idle.First(); h != nil && !h.until.After(l.clock.Now()); h = l.idle.First() {
		h.idle.Remove()
		delete(l.hosts, h.key)
	}
	h := l.hosts[key]
	if h == nil {
		l.show()
		h = &hostLimit{key: key, gate: newGate(l.config.PerHost)}
		l.hosts[key] = h
	}
	h.idle.Remove()
	return h
}

// rest lets h be forgotten if it has no requests. Its Rate is kept until as many requests may
// begin as without it.
func (l *Limiter) rest(h *hostLimit) {
	switch {
	case h.underWay != 0 || h.queue.Len() != 0:
	case h.rate == nil:
		delete(l.hosts, h.key)
	default:
		full := min(float64(h.burst())/float64(h.limit.Rate), longest.Seconds())
		h.until = l.clock.Now().Add(time.Duration(full * float64(time.Second)))
		l.idle.Push(&h.idle, h)
	}
}

// longest bounds the time for which the Rate of an idle host is kept, so that it is a
// time.Duration.
const longest = 100 * 365 * 24 * time.Hour

// mayLeave reports whether g lets a request leave now.
func (l *Limiter) mayLeave(g *gate) bool { return !g.full() && l.delay(g) == 0 }

// delay returns how long a request has to wait for the Rate of g.
func (l *Limiter) delay(g *gate) time.Duration {
	if g.rate == nil {
		return 0
	}
	now := l.clock.Now()
	r := g.rate.ReserveN(now, 1)
	defer r.CancelAt(now)
	return r.DelayFrom(now)
}

// leave counts a request to h that leaves now.
func (l *Limiter) leave(h *hostLimit) {
	for _, g := range []*gate{&h.gate, &l.total} {
		g.underWay++
		if g.rate != nil {
			g.rate.AllowN(l.clock.Now(), 1)
		}
	}
}

// end takes back the place of a request to h, which has ended.
func (l *Limiter) end(h *hostLimit) {
	h.underWay--
	l.total.underWay--
	l.update(h)
	l.rest(h)
	l.dispatch()
}

// wait puts a request into the queue of h. The Deferred fires when it is its turn.
func (l *Limiter) wait(h *hostLimit) *deferred.Deferred[deferred.None] {
	p := &place{}
	p.turn = deferred.NewCancellable(func(*deferred.Deferred[deferred.None]) {
		p.node.Remove()
		l.waiting--
		l.update(h)
		l.rest(h)
		l.dispatch()
	})
	h.queue.Push(&p.node, p)
	l.waiting++
	l.update(h)
	l.dispatch()
	return p.turn
}

// update decides whether h is ready. If h waits for its Rate, a timer decides again.
func (l *Limiter) update(h *hostLimit) {
	if h.queue.Len() == 0 || h.full() {
		h.ready.Remove()
		h.stopTimer()
		return
	}
	if h.ready.In() != nil || h.timer != nil {
		return
	}
	if wait := l.delay(&h.gate); wait > 0 {
		h.timer = l.clock.CallLater(wait, func() {
			h.timer = nil
			l.update(h)
			l.dispatch()
		})
		return
	}
	l.ready.Push(&h.ready, h)
}

// dispatch lets those requests leave whose turn it is. They may cause other calls of it, which
// leave the work to the first one: any number of requests takes constant stack.
func (l *Limiter) dispatch() {
	if l.dispatching {
		return
	}
	l.dispatching = true
	defer func() { l.dispatching = false }()
	for h := l.ready.First(); h != nil; h = l.ready.First() {
		if l.total.full() {
			break
		}
		if wait := l.delay(&l.total); wait > 0 {
			if l.total.timer == nil {
				l.total.timer = l.clock.CallLater(wait, func() {
					l.total.timer = nil
					l.dispatch()
				})
			}
			return
		}
		p := h.queue.First()
		p.node.Remove()
		l.waiting--
		l.leave(h)
		h.ready.Remove()
		l.update(h)
		p.turn.Callback(deferred.None{})
	}
	l.total.stopTimer()
}
