package reactor

import (
	"context"
	"math/rand/v2"
	"net"
	"net/netip"
	"time"

	"github.com/seed-7c003b53/gotreq/deferred"
)

// A Reactor is an event loop, as a program uses it. [Loop] is a Reactor, and
// memory.Reactor is one for tests.
//
// Methods are for the loop's goroutine, and for the goroutine that sets things up before
// [Core.Run]. Called on another one, they panic if they find out. Those of [Threads], and
// Stop and Running, are for any goroutine.
type Reactor interface {
	Core
	Clock
	Threads
	Contexts
	TCP
	UNIX
	Names
	Random
	// Locals returns the reactor's values of every [Local].
	Locals() *Locals
}

// Clock has the time and schedules calls; see [deferred.Clock]. It is Twisted's
// IReactorTime.
type Clock = deferred.Clock

// DelayedCall is a call that CallLater scheduled; see [deferred.DelayedCall].
type DelayedCall = deferred.DelayedCall

// Core starts and stops the loop. It is Twisted's IReactorCore.
type Core interface {
	// Run runs the loop on the calling goroutine until Stop. It fails with
	// [ErrAlreadyRunning], or with the poller's error. Run may be called again after it
	// has returned.
	Run() error
	// Stop ends Run in order. The current turn ends, the Shutdown event is fired, ports
	// and connections are closed, and Run returns. Unsent data is sent as far as
	// possible without waiting. Stop fails with [ErrNotRunning]. Any goroutine may call it;
	// Twisted needs callFromThread for that.
	Stop() error
	// Crash ends Run after the current turn, without the Shutdown event.
	Crash()
	// Running reports whether Run has begun and Stop has not been called. Any goroutine may
	// call it.
	Running() bool
	// Iterate runs one turn of the loop, for a program with a loop of its own. If there is
	// nothing to do, it waits for an event, for at most timeout. A negative timeout
	// means no limit. A loop that only Iterate drives is not running: it fires no
	// events, Stop fails, and Close ends it. Iterate fails with the poller's error, and
	// with [ErrAlreadyRunning] inside a turn.
	Iterate(timeout time.Duration) error
	// CallWhenRunning calls f after the Startup event, or now if the loop is running.
	CallWhenRunning(f func())
	// AddSystemEventTrigger makes the loop call f in the given phase of event, after the
	// triggers that were added before. The event waits for f's Deferred, Before and During
	// it; Twisted waits Before it only. A panic, or an error of f's Deferred, is logged.
	AddSystemEventTrigger(phase Phase, event SystemEvent, f Trigger) TriggerID
	// RemoveSystemEventTrigger removes a trigger. It does nothing if the trigger was
	// removed before.
	RemoveSystemEventTrigger(id TriggerID)
}

// Threads connects the loop with other goroutines. It is Twisted's
// IReactorThreads. Any goroutine may call its methods.
type Threads interface {
	// CallFromThread makes the loop call f in its next turn. Calls keep their order.
	CallFromThread(f func())
	// CallInThread calls f on a goroutine of a bounded pool. It does not wait for a free
	// goroutine.
	CallInThread(f func())
	// SuggestThreadPoolSize sets the number of functions that the pool runs at a time,
	// 10 by default. A smaller size takes effect when running functions return.
	SuggestThreadPoolSize(size int)
	// OnLoop reports whether the caller is on the loop's goroutine, or in a coroutine that
	// runs on it: a function of deferred.Go, an HTTP handler, a callback of TLS. It takes
	// about a microsecond on the loop's goroutine, and longer the deeper the caller's
	// stack elsewhere. It is Twisted's isInIOThread.
	OnLoop() bool
	// Ended returns a channel that is closed when Run ends. If the last Run has ended, the
	// channel is closed already. Before the first Run, it is closed when that ends.
	Ended() <-chan struct{}
}

// Contexts tells a loop of the end of contexts.
type Contexts interface {
	// WatchContext makes the loop call f, once, in the turn after ctx has ended, whichever
	// goroutine ended it. If ctx has ended already, that is the next turn. After stop, f is
	// not called, and the loop refers to neither f nor ctx; a second call of stop does
	// nothing.
	//
	// A context with a deadline ends by the system's clock. A reactor in memory does not wait
	// for that: it asks in each turn whether ctx has ended.
	WatchContext(ctx context.Context, f func()) (stop func())
}

// Random is the source of randomness for everything that runs on a reactor: nonces,
// boundaries, session names, the jitter of a retry.
type Random interface {
	// Rand returns the source. A real reactor has the system's, fit for secrets. A
	// reactor in memory has a source that gives the same numbers in each run.
	Rand() *rand.Rand
}

// TCP makes and accepts TCP connections. It is Twisted's IReactorTCP.
type TCP interface {
	// ConnectTCP connects to address, an IP address and port ("[::1]:80"). For host
	// names, use package endpoints. The Deferred fires with the protocol that factory
	// built, after its ConnectionMade, or fails with a [*ConnectError]. Cancelling it
	// ends the attempt.
	ConnectTCP(address string, factory Factory, config ConnectConfig) *deferred.Deferred[Protocol]
	// ListenTCP listens on address, as in [net.Listen]. It fails with a
	// [*ListenError].
	ListenTCP(address string, factory Factory) (Port, error)
}

// UNIX makes and accepts connections over sockets in the file system. It is Twisted's
// IReactorUNIX.
type UNIX interface {
	// ConnectUNIX is ConnectTCP for the socket at path.
	ConnectUNIX(path string, factory Factory, config ConnectConfig) *deferred.Deferred[Protocol]
	// ListenUNIX is ListenTCP for a socket at path. It creates the socket, and removes
	// it when the port stops listening.
	ListenUNIX(path string, factory Factory) (Port, error)
}

// A ConnectConfig configures an attempt to connect.
type ConnectConfig struct {
	// Timeout bounds the attempt. 0 means [DefaultConnectTimeout], negative no bound.
	Timeout time.Duration
	// LocalAddress is the IP address and port ("192.0.2.1:0") to connect from, for TCP.
	// "" and port 0 let the system choose. It is Twisted's bindAddress.
	LocalAddress string
}

// DefaultConnectTimeout bounds an attempt to connect.
const DefaultConnectTimeout = 30 * time.Second

// A Port listens for connections. It is Twisted's IListeningPort.
type Port interface {
	// Addr returns the address that the port listens on.
	Addr() net.Addr
	// AcceptWaiting accepts at once the connections that clients have opened already, and
	// that the reactor would accept in its next turn. StopListening would reset them, with
	// what the clients have sent. It calls BuildProtocol and ConnectionMade. A poller other
	// than epoll may not know of them. While accepting is paused, AcceptWaiting does nothing.
	AcceptWaiting()
	// PauseAccepting stops accepting until ResumeAccepting. Clients still connect: the
	// system completes as many connections as its queue holds (the backlog of listen(2)),
	// and they wait, with what the clients send. Accepted connections go on. A second call
	// does nothing. It is for a program that has as many connections as it can serve.
	PauseAccepting()
	// ResumeAccepting undoes PauseAccepting. The connections that wait are accepted in the
	// next turns, the oldest first. It does nothing unless accepting is paused.
	ResumeAccepting()
	// StopListening closes the port, also while accepting is paused. Connections that wait
	// to be accepted are reset; accepted ones stay open. The Deferred fires when the port is
	// closed and its address is free. On the reactors of this module that is so when
	// StopListening returns. A second call closes nothing and returns another Deferred
	// that fires.
	StopListening() *deferred.Deferred[deferred.None]
}

// Names gives access to the resolver of host names. It is Twisted's IReactorPluggableNameResolver.
type Names interface {
	// NameResolver returns the resolver.
	NameResolver() NameResolver
	// InstallNameResolver replaces the resolver, also for endpoints that exist already.
	InstallNameResolver(r NameResolver)
}

// A NameResolver looks host names up. It is Twisted's IHostnameResolver.
//
// Endpoints ask it for every host, an IP address too, and connect to its answers only.
// A program that must not connect to some addresses, such as those of its own network,
// installs a resolver that removes them from the answers of the reactor's own one. A filter
// looks at answers rather than at hosts: "2130706433", "0x7f.1" and any name of an attacker
// may lead to 127.0.0.1.
type NameResolver interface {
	// LookupHost fires with the addresses of host, at least one, the best first. If
	// there is none, it fails with an error that errors.Is matches with
	// [ErrNameNotFound]. The answer for an IP address is that address, without a lookup.
	LookupHost(host string) *deferred.Deferred[[]netip.Addr]
}
