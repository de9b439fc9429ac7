package reactor

import "sync"

// New returns a loop of its own, over what the system does best: epoll on
// Linux, else the portable poller. A system that cannot give a poller makes Run,
// and whatever needs a socket, fail.
func New() *Loop { return newLoop(newSystemPoller()) }

// NewPortable returns a loop of its own over package net. It works wherever Go
// does and costs two goroutines a connection.
func NewPortable() *Loop { return newLoop(newPortablePoller()) }

func newLoop(p Poller) *Loop {
	threads := &threadPool{}
	return NewLoop(p, threads.run)
}

// Default returns the reactor that is used where none is named. It is made by
// the first call; any goroutine may call it. It is Twisted's
// twisted.internet.reactor.
func Default() Reactor { return defaultReactor() }

var defaultReactor = sync.OnceValue(New)
