package reactor

import (
	"cmp"
	"context"
	"slices"

	"github.com/seed-7c003b53/gotreq/internal/list"
)

// A contextWatch is a call of WatchContext.
type contextWatch struct {
	f func() // nil once it is called or stopped

	// The fields below are for a loop that polls.
	number uint64                  // of the call: functions are called in this order
	of     *polledContext          // nil if the loop does not poll
	at     list.Node[contextWatch] // its place in the watches of of
}

// A polledContext is a context that each turn asks whether it has ended: once for all its
// watches, because many requests may have one context.
type polledContext struct {
	at      list.Node[polledContext] // its place in the polled contexts
	done    <-chan struct{}          // the Done of the context
	watches list.List[contextWatch]
}

func (p *polledContext) ended() bool {
	select {
	case <-p.done:
		return true
	default:
		return false
	}
}

// A contextPoller has the contexts that a loop polls. The zero value has none.
type contextPoller struct {
	contexts list.List[polledContext]
	byDone   map[<-chan struct{}]*polledContext
	watched  uint64 // the number of calls of watch
}

func (p *contextPoller) watch(ctx context.Context, f func()) (stop func()) {
	done := ctx.Done()
	if done == nil { // it never ends
		return func() {}
	}
	polled := p.byDone[done]
	if polled == nil {
		polled = &polledContext{done: done}
		p.contexts.Push(&polled.at, polled)
		if p.byDone == nil {
			p.byDone = make(map[<-chan struct{}]*polledContext)
		}
		p.byDone[done] = polled
	}
	p.watched++
	w := &contextWatch{f: f, number: p.watched, of: polled}
	polled.watches.Push(&w.at, w)
	return func() { p.stop(w) }
}

func (p *contextPoller) stop(w *contextWatch) {
	w.f = nil
	if w.at.Remove() && w.of.watches.Len() == 0 {
		w.of.at.Remove()
		delete(p.byDone, w.of.done)
	}
	w.of = nil
}

// ended returns the watches of the contexts that have ended, in the order of the calls.
func (p *contextPoller) ended() (all []*contextWatch) {
	for polled := range p.contexts.All() {
		if polled.ended() {
			all = slices.AppendSeq(all, polled.watches.All())
		}
	}
	slices.SortFunc(all, func(a, b *contextWatch) int { return cmp.Compare(a.number, b.number) })
	return all
}

// any reports whether a context has ended.
func (p *contextPoller) any() bool {
	for polled := range p.contexts.All() {
		if polled.ended() {
			return true
		}
	}
	return false
}

// WatchContext calls f when ctx has ended; see [Contexts].
func (l *Loop) WatchContext(ctx context.Context, f func()) (stop func()) {
	l.check("WatchContext")
	if ctx == nil || f == nil {
		panic("reactor: WatchContext with a nil context or function")
	}
	if l.pollContexts {
		return l.contexts.watch(ctx, f)
	}
	w := &contextWatch{f: f}
	unwatch := context.AfterFunc(ctx, func() {
		l.CallFromThread(func() {
			if f := w.f; f != nil {
				w.f = nil
				l.call("a function of WatchContext", f)
			}
		})
	})
	return func() {
		w.f = nil
		unwatch()
	}
}

// fireContexts calls the functions of the polled contexts that have ended.
func (l *Loop) fireContexts() {
	ended := l.contexts.ended()
	for _, w := range ended {
		f := w.f
		if f == nil { // an earlier function stopped it
			continue
		}
		l.contexts.stop(w)
		l.call("a function of WatchContext", f)
	}
}
