package reactor

import (
	"log/slog"
	"sync"

	"github.com/seed-7c003b53/gotreq/deferred"
)

// New returns a loop of its own, over what the system does best: epoll on
// Linux, else the portable poller. A system that cannot give a poller makes Run,
// and whatever needs a socket, fail.
func New() *Loop { return newLoop(newSystemPoller()) }

// NewPortable returns a loop of its own over package net. It works wherever Go
// does and costs two goroutines a connection.
func NewPortable() *Loop { return newLoop(newPortablePoller()) }

func newLoop(p Poller) *Loop {
	l := NewLoop(p, LoopConfig{})
	l.handlesSignals = true
	return l
}

// Default returns the reactor that is used where none is named. It is made by
// the first call; any goroutine may call it. It is Twisted's
// twisted.internet.reactor.
func Default() Reactor { return defaultReactor() }

var defaultReactor = sync.OnceValue(func() *Loop {
	l := New()
	deferred.SetUnwinder(l.CallFromThread)
	return l
})

// Background returns the default reactor, which the first call starts on a
// goroutine of its own, for the life of the program. It is for programs that are
// not event-driven: their goroutines may then wait for what the reactor does.
//
//	r := reactor.Background()
//	text, err := reactor.BlockingCallFromThread(ctx, r, func() *deferred.Deferred[string] {
//		return deferred.Then(treq.Get(url), (*response.Response).Text)
//	})
//
// Signals are left to the program. Any goroutine may call it; it panics if the
// program runs the default reactor itself. It does what crochet does for Twisted.
func Background() Reactor { return background() }

var background = sync.OnceValue(func() *Loop {
	l := defaultReactor()
	running := make(chan error, 1)
	go func() {
		err := l.run(false, func() { running <- nil })
		select {
		case running <- err:
		default:
			if err != nil {
				slog.Error("reactor: the background reactor failed", "error", err)
			}
		}
	}()
	if err := <-running; err != nil {
		panic(err)
	}
	return l
})
