package reactor

import (
	"math/rand/v2"
	"net"
	"net/netip"
	"time"

	"github.com/seed-7c003b53/gotreq/deferred"
)

// A Reactor is everything a program can ask of an event loop. [Loop] is one, and
// memory.Reactor is one for tests.
//
// All methods belong to the loop's goroutine, or to whoever sets things up
// before [Core.Run], except those of [Threads].
type Reactor interface {
	Core
	Clock
	Threads
	TCP
	UNIX
	Names
	Random
}

// Clock tells the time and makes calls later; see [deferred.Clock]. It is
// Twisted's IReactorTime.
type Clock = deferred.Clock

// DelayedCall is a call that CallLater arranged; see [deferred.DelayedCall].
type DelayedCall = deferred.DelayedCall

// Core starts and stops the loop. It is Twisted's IReactorCore.
type Core interface {
	// Run runs the loop on the calling goroutine until Stop. It fails with
	// [ErrAlreadyRunning], or with what kept the poller from working. A loop
	// that has ended can be run again.
	Run() error
	// Stop ends Run in order: the present turn comes to its end, the Shutdown event
	// happens, ports and connections are closed, and Run returns. What was written
	// is sent as far as it can be without waiting. Stop fails with [ErrNotRunning].
	Stop() error
	// Crash ends Run after the current turn, without any of that.
	Crash()
	// Running reports whether Run has begun and Stop has not been called.
	Running() bool
	// Iterate runs one turn of the loop, for a program that has a loop of its
	// own. If there is nothing to do it waits for at most timeout, or, if timeout
	// is negative, until there is. A loop that only Iterate drives is not running:
	// the events do not happen, and Stop fails; Close ends it. Iterate fails with what keeps the poller from
	// working, and with [ErrAlreadyRunning] from within a turn.
	Iterate(timeout time.Duration) error
	// CallWhenRunning calls f when the loop begins to run, after what is to be
	// called at Startup, or now if it runs.
	CallWhenRunning(f func())
	// AddSystemEventTrigger has f called in that phase of event, after those that
	// were added before. An error of its Deferred, or a panic, is logged.
	AddSystemEventTrigger(phase Phase, event SystemEvent, f Trigger) TriggerID
	// RemoveSystemEventTrigger undoes AddSystemEventTrigger. For a trigger that
	// was removed already it does nothing.
	RemoveSystemEventTrigger(id TriggerID)
}

// Threads connects the loop with other goroutines. It is Twisted's
// IReactorThreads. Any goroutine may call its methods.
type Threads interface {
	// CallFromThread has the loop call f in its next turn. Calls are made in
	// the order they came.
	CallFromThread(f func())
	// CallInThread calls f on a goroutine of a bounded pool. It does not wait for
	// one to be free.
	CallInThread(f func())
	// SuggestThreadPoolSize sets how many functions the pool runs at a time; it is
	// 10 at first. A lower bound holds as soon as those that run return.
	SuggestThreadPoolSize(size int)
	// OnLoop reports whether the caller is on the loop's goroutine. It takes
	// about a microsecond. It is Twisted's isInIOThread.
	OnLoop() bool
	// Ended returns a channel that is closed when the present, or else the next,
	// Run ends.
	Ended() <-chan struct{}
}

// Random is the source of everything random that runs on a reactor: nonces,
// boundaries, session names, the jitter of a retry.
type Random interface {
	// Rand returns the source: the system's, fit for secrets, on a real reactor;
	// on one in memory, one that gives the same numbers in each run.
	Rand() *rand.Rand
}

// TCP makes and takes TCP connections. It is Twisted's IReactorTCP.
type TCP interface {
	// ConnectTCP connects to address, an IP address and port ("[::1]:80"); for
	// names there are the endpoints. The Deferred fires with the protocol that
	// factory built, after its ConnectionMade; it fails with a [*ConnectError].
	// Cancelling it gives the attempt up.
	ConnectTCP(address string, factory Factory, options ConnectConfig) *deferred.Deferred[Protocol]
	// ListenTCP listens on address, as in [net.Listen]. It fails with a
	// [*ListenError].
	ListenTCP(address string, factory Factory) (Port, error)
}

// UNIX makes and takes connections over sockets in the file system. It is
// Twisted's IReactorUNIX.
type UNIX interface {
	// ConnectUNIX is ConnectTCP for the socket at path.
	ConnectUNIX(path string, factory Factory, options ConnectConfig) *deferred.Deferred[Protocol]
	// ListenUNIX is ListenTCP for a socket at path, which it creates, and
	// removes when the port stops listening.
	ListenUNIX(path string, factory Factory) (Port, error)
}

// ConnectConfig are what a connection attempt may be told. The zero value asks
// for the defaults.
type ConnectConfig struct {
	// Timeout bounds the attempt: 0 means [DefaultConnectTimeout], negative none.
	Timeout time.Duration
	// LocalAddress is the IP address and port ("192.0.2.1:0") to connect from.
	LocalAddress string
}

// DefaultConnectTimeout is how long an attempt to connect may take.
const DefaultConnectTimeout = 30 * time.Second

// A Port listens for connections. It is Twisted's IListeningPort.
type Port interface {
	// Addr returns the address that it listens on.
	Addr() net.Addr
	// StopListening closes the port. Connections that it took stay open. To
	// stop twice does nothing.
	StopListening()
}

// Names turns host names into addresses. It is Twisted's
// IReactorPluggableNameResolver.
type Names interface {
	// NameResolver returns what names are looked up with.
	NameResolver() NameResolver
	// InstallNameResolver replaces it.
	InstallNameResolver(r NameResolver)
}

// A NameResolver looks host names up. It is Twisted's IHostnameResolver.
type NameResolver interface {
	// LookupHost fires with the addresses of host, at least one, in the order
	// they should be tried. It fails with an error that is [ErrNameNotFound] if
	// there are none.
	LookupHost(host string) *deferred.Deferred[[]netip.Addr]
}
