package agent

import (
	"cmp"
	"fmt"
	"io"
	"iter"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/seed-7c003b53/gotreq/internal/inspect"
	"github.com/seed-7c003b53/gotreq/internal/list"
	"github.com/seed-7c003b53/gotreq/internal/origin"
	"github.com/seed-7c003b53/gotreq/reactor"
	"github.com/seed-7c003b53/gotreq/reactor/endpoints"
	"github.com/seed-7c003b53/gotreq/treq/request"
)

// This file shows in dumps of the reactor what waits in pools, in retries and in limits. It reads
// what is there anyway, so that a request pays for none of it but the time at which it was made.

// now returns the time since the pool was made, in milliseconds. It overflows after 49 days: an age
// is a difference.
func (p *Pool) now() uint32 { return uint32(p.turnUptime() / time.Millisecond) }

// age returns how long ago x was made.
func (x *exchange) age() time.Duration {
	return time.Duration(x.agent.pool.now()-x.began) * time.Millisecond
}

// inspect writes the requests and the connections of the pool.
func (p *Pool) inspect(w io.Writer) {
	groups := slices.SortedFunc(maps.Values(p.groups), func(a, b *group) int { return cmp.Compare(a.number, b.number) })
	requests := slices.SortedStableFunc(p.requests(groups), func(a, b *exchange) int { return cmp.Compare(b.age(), a.age()) })
	inspect.Section(w, "requests", len(requests), func(yield func(string) bool) {
		for _, x := range requests {
			if !yield(x.line()) {
				return
			}
		}
	})
	inspect.Section(w, "pool", len(groups), func(yield func(string) bool) {
		for _, g := range groups {
			if !yield(p.line(g)) {
				return
			}
		}
	})
}

// requests returns the requests that wait for a connection of the pool, or have one.
func (p *Pool) requests(groups []*group) iter.Seq[*exchange] {
	return func(yield func(*exchange) bool) {
		var all []*exchange
		for at := range p.attempts.All() {
			all = append(all, at.x)
		}
		for _, g := range groups {
			all = slices.AppendSeq(all, g.queue.All())
		}
		for c := range p.plain.All() {
			if c.x != nil {
				all = append(all, c.x)
			}
		}
		for c := range p.streams.All() {
			for _, s := range c.streams() {
				if !s.over && s.tunnel == nil {
					all = append(all, s.x)
				}
			}
			for _, wait := range c.waits {
				all = append(all, wait.x)
			}
		}
		slices.Values(all)(yield)
	}
}

// line describes the connections of g.
func (p *Pool) line(g *group) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s://%s", g.server.Scheme, g.header)
	if g.through != nil {
		fmt.Fprintf(&b, " through the proxy %s", g.through.shown)
	}
	if g.version != 0 {
		fmt.Fprintf(&b, ", HTTP/%d", g.version)
	}
	idle := g.idle.Len()
	fmt.Fprintf(&b, ": %d idle, %d busy, %d being made", idle, g.open-g.connecting-idle, g.connecting)
	if g.version == 2 {
		fmt.Fprintf(&b, ", %d streams", p.streamsOf(g))
	}
	if p.most != 0 {
		fmt.Fprintf(&b, ", at most %d", p.most)
	}
	fmt.Fprintf(&b, ", %d waiting", g.queue.Len())
	return b.String()
}

// streamsOf returns the number of streams on the connections of g.
func (p *Pool) streamsOf(g *group) int {
	n := 0
	for c := range p.streams.All() {
		if c.group == g {
			n += c.client.Streams()
		}
	}
	return n
}

// line describes x, its phase and its age.
func (x *exchange) line() string {
	text := fmt.Sprintf("%s: %s", shown(x.request), x.phase())
	if x.refusals != 0 {
		text += fmt.Sprintf(", refused %d times", x.refusals)
	}
	return text + fmt.Sprintf(", %v old", inspect.Round(x.age())) + x.path()
}

// shown returns the method and the URL of req, without secrets.
func shown(req *request.Request) string {
	return printable(req.Method) + " " + origin.Excerpt(printable(origin.Redacted(req.URL)), origin.ExcerptOfURL)
}

// phase says what x waits for.
func (x *exchange) phase() string {
	switch {
	case x.waiting != nil:
		return "waiting for a connection"
	case x.connecting != nil && x.group.through != nil:
		return connectPhase(x.connecting.endpoint) + " through the proxy " + x.group.through.shown
	case x.connecting != nil:
		return connectPhase(x.connecting.endpoint)
	case x.answered:
		return x.bodyPhase()
	}
	if _, ok := x.carrier.(*settingsWait); ok {
		return "waiting for the server's settings"
	}
	switch u := x.upload.(type) {
	case *continueWait:
		return "waiting for a 100 before its body is sent"
	case *bytesUpload:
		whole := len(x.request.Body.(request.Bytes))
		return fmt.Sprintf("sending its body, %d of %d bytes so far", whole-len(u.left), whole)
	case *producerUpload:
		if u.length != request.UnknownLength {
			return fmt.Sprintf("sending its body, %d of %d bytes so far", u.written, u.length)
		}
		return fmt.Sprintf("sending its body, %d bytes so far", u.written)
	}
	if s, ok := x.carrier.(*http2Stream); ok && s.out.Size() != 0 {
		return fmt.Sprintf("sending its body, the last %d bytes", s.out.Size())
	}
	return "waiting for the response"
}

// bodyPhase says how far the body of the response is read.
func (x *exchange) bodyPhase() string {
	received, paused := x.body.Progress()
	text := fmt.Sprintf("reading the body, %d bytes so far", received)
	if r := x.answer(); r != nil && r.Length >= 0 {
		text = fmt.Sprintf("reading the body, %d of %d bytes so far", received, r.Length)
	}
	switch {
	case !x.body.Taken():
		text += ", nobody reads it"
	case paused:
		text += ", paused by its reader"
	}
	return text
}

// path says which connection carries x.
func (x *exchange) path() string {
	var t reactor.Transport
	text := ""
	switch c := x.carrier.(type) {
	case *connection:
		t = c.transport
	case *http2Stream:
		t, text = c.c.transport, fmt.Sprintf(", stream %d", c.stream.ID())
	case *settingsWait:
		t = c.c.transport
	}
	if t == nil {
		return text
	}
	return fmt.Sprintf(", over %v -> %v", t.Host(), t.Peer()) + text
}

// stateTunnelling is the state of a request whose proxy is asked for a tunnel.
const stateTunnelling = "waiting for a tunnel"

// A phased endpoint knows how far its last Connect is.
type phased interface {
	phase() string
}

// connectPhase says how far the Connect of e, which may be nil, is.
func connectPhase(e endpoints.ClientEndpoint) string {
	if p, ok := e.(phased); ok {
		return p.phase()
	}
	return stateConnecting
}

func (h *hostname) phase() string {
	if h.below.LookingUp() {
		return stateLookingUp
	}
	return stateConnecting
}

func (s *secured) phase() string {
	if s.connected {
		return stateHandshaking
	}
	return connectPhase(s.below)
}

func (t *tunnel) phase() string {
	if t.opener != nil && t.opener.opened != nil {
		return stateTunnelling
	}
	return connectPhase(t.below)
}

func (p *proxied) phase() string {
	switch h, ok := p.own.(*hostname); {
	case !p.proxy.socks():
		return connectPhase(p.below)
	case ok && h.connected:
		return stateTunnelling
	}
	return connectPhase(p.own)
}

// A retryWait is a request that waits to be tried again.
type retryWait struct {
	place list.Node[retryWait]
	trial *retrial
	until time.Time
}

// retryWaits has the requests of a reactor that wait to be tried again.
var retryWaits = reactor.NewLocal(func(r reactor.Reactor) *list.List[retryWait] {
	waits := &list.List[retryWait]{}
	reactor.AddInspectable(r, waits, func(waits *list.List[retryWait], w io.Writer) {
		inspect.Section(w, "requests to be tried again", waits.Len(), func(yield func(string) bool) {
			for wait := range waits.All() {
				if !yield(wait.line(r.Now())) {
					return
				}
			}
		})
	})
	return waits
})

// showWait shows that t waits for so long. The result leaves the list when the wait ends.
func showWait(t *retrial, wait time.Duration) *retryWait {
	r := t.agent.reactor
	shown := &retryWait{trial: t, until: r.Now().Add(wait)}
	retryWaits.Of(r).Push(&shown.place, shown)
	return shown
}

func (w *retryWait) line(now time.Time) string {
	t := w.trial
	return fmt.Sprintf("%s: waiting to be tried again for %v, until %s, after %d tries, the last: %s", shown(t.req),
		inspect.Round(w.until.Sub(now)), w.until.Format("15:04:05.999"), t.tries, origin.Excerpt(printable(t.last.Error()), origin.ExcerptOfURL))
}

// show makes the limiter appear in dumps of its reactor.
func (l *Limiter) show() {
	if r, ok := l.clock.(reactor.Reactor); ok && !l.inspectable {
		l.inspectable = true
		reactor.AddInspectable(r, l, (*Limiter).inspect)
	}
}

// inspect writes the hosts whose requests wait for their turn, or are under way.
func (l *Limiter) inspect(w io.Writer) {
	hosts := slices.Collect(maps.Values(l.hosts))
	hosts = slices.DeleteFunc(hosts, func(h *hostLimit) bool { return h.underWay == 0 && h.queue.Len() == 0 })
	slices.SortFunc(hosts, func(a, b *hostLimit) int {
		return cmp.Or(cmp.Compare(a.key.name, b.key.name), cmp.Compare(a.key.port, b.key.port))
	})
	inspect.Section(w, "limits of requests", len(hosts), func(yield func(string) bool) {
		for _, h := range hosts {
			if !yield(h.line()) {
				return
			}
		}
	})
}

func (h *hostLimit) line() string {
	name := h.key.name
	if h.key.port != "" {
		name += ":" + h.key.port
	}
	return fmt.Sprintf("%s: %d waiting for their turn, %d under way", printable(name), h.queue.Len(), h.underWay)
}
