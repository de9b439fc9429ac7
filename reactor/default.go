package reactor

import (
	"log/slog"
	"sync"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/internal/sandbox"
)

// New returns a new loop over the best poller of the system: epoll on Linux, else the
// portable one. If the system provides no poller, Run fails, and so does everything that
// needs a socket.
//
// [Loop.Close] frees the loop's descriptors. The garbage collector does so for a loop on
// epoll that nothing refers to any more. A coroutine that waits refers to what its function
// uses, so a program that is done with a loop cancels its coroutines, or calls Close.
func New() *Loop {
	sandbox.Leave("reactor.New")
	return newLoop(newSystemPoller())
}

// NewPortable returns a new loop over package net. It works on every system, and needs
// two goroutines per connection.
func NewPortable() *Loop {
	sandbox.Leave("reactor.NewPortable")
	return newLoop(newPortablePoller())
}

func newLoop(p Poller) *Loop {
	l := NewLoop(p, LoopConfig{})
	l.handlesSignals = true
	return l
}

// Default returns the reactor of functions that take no reactor. The first call makes it.
// Any goroutine may call Default. It is Twisted's twisted.internet.reactor.
func Default() Reactor {
	sandbox.Leave("reactor.Default")
	return defaultReactor()
}

var defaultReactor = sync.OnceValue(func() *Loop {
	l := New()
	deferred.SetUnwinder(l.CallFromThread)
	return l
})

// Background returns the default reactor, running. The first call starts it on a
// goroutine of its own, for the life of the program. It is for programs of ordinary
// goroutines, which can then wait for the reactor:
//
//	r := reactor.Background()
//	text, err := reactor.BlockingCallFromThread(ctx, r, func() *deferred.Deferred[string] {
//		return deferred.Then(treq.Get(url), (*response.Response).Text)
//	})
//
// A callback that calls [runtime.Goexit], as a test's FailNow does, ends the reactor, since
// it ends its goroutine. This is logged, connections are lost, and waits fail with
// [ErrStopped]. If it happens before the reactor is running, Background panics with ErrStopped.
//
// The reactor does not handle signals. Any goroutine may call Background. It panics if the
// program runs the default reactor itself. It does what crochet does for Twisted.
func Background() Reactor {
	sandbox.Leave("reactor.Background")
	return background()
}

var background = sync.OnceValue(func() *Loop {
	l := defaultReactor()
	running := make(chan error, 1)
	go func() {
		begun, err := false, ErrStopped // the error after runtime.Goexit, by which nothing returns
		defer func() {
			if !begun {
				running <- err
			} else if err != nil && err != ErrStopped {
				slog.Error("reactor: the background reactor failed", "error", err)
			}
		}()
		err = l.runInBackground(func() {
			begun = true
			running <- nil
		})
	}()
	if err := <-running; err != nil {
		panic(err)
	}
	return l
})
