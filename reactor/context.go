package reactor

import (
	"context"

	"github.com/seed-7c003b53/gotreq/internal/list"
)

// A contextWatch is a call of WatchContext.
type contextWatch struct {
	at  list.Node[contextWatch] // its place in watches, if the loop polls
	ctx context.Context
	f   func() // nil once it is called or stopped
}

// WatchContext calls f when ctx has ended; see [Contexts].
func (l *Loop) WatchContext(ctx context.Context, f func()) (stop func()) {
	l.check("WatchContext")
	if ctx == nil || f == nil {
		panic("reactor: WatchContext with a nil context or function")
	}
	w := &contextWatch{ctx: ctx, f: f}
	if l.pollContexts {
		l.watches.Push(&w.at, w)
		return w.stop
	}
	unwatch := context.AfterFunc(ctx, func() {
		l.CallFromThread(func() { guard("a function of WatchContext", w.fire) })
	})
	return func() {
		w.stop()
		unwatch()
	}
}

// fire calls f, unless the watch was stopped.
func (w *contextWatch) fire() {
	f := w.f
	if w.stop(); f != nil {
		f()
	}
}

func (w *contextWatch) stop() {
	w.at.Remove()
	w.f, w.ctx = nil, nil
}

// fireContexts calls the functions of the watched contexts that have ended. A loop that does
// not poll watches none.
func (l *Loop) fireContexts() {
	if l.watches.Len() == 0 {
		return
	}
	var ended []*contextWatch
	for w := range l.watches.All() {
		if w.ctx.Err() != nil {
			w.at.Remove()
			ended = append(ended, w)
		}
	}
	for _, w := range ended {
		guard("a function of WatchContext", w.fire)
	}
}

// contextEnded reports whether fireContexts has something to do.
func (l *Loop) contextEnded() bool {
	for w := range l.watches.All() {
		if w.ctx.Err() != nil {
			return true
		}
	}
	return false
}
