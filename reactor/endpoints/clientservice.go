package endpoints

import (
	"cmp"
	"container/list"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"time"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/reactor"
)

// A ClientService keeps one connection to an endpoint, with a protocol of type P. When the
// connection is lost, or an attempt fails, the service waits and tries again. It is
// Twisted's ClientService. Its states are:
//
//	fresh, stopped ──start──▶ connecting ──made, prepared──▶ connected
//	                            │    ▲                           │
//	                       failed    the wait is over         lost
//	                            ▼    │                           │
//	                           waiting ◀─────────────────────────┘
//
// StopService moves from waiting to stopped at once, and from connecting or connected
// to disconnecting, which ends in stopped. StartService moves from disconnecting to
// restarting, which ends in connecting.
type ClientService[P reactor.Protocol] struct {
	reactor  reactor.Reactor
	endpoint ClientEndpoint
	build    func(peer net.Addr) P
	config   ClientServiceConfig[P]

	state    serviceState
	shown    bool // in dumps of the reactor
	failures int  // number of failures in a row

	attempt    *deferred.Deferred[reactor.Protocol] // connecting and preparing; nil if none is in progress
	connection *connection[P]                       // the open connection, or nil
	reason     error                                // why the connection was lost during the attempt
	retry      reactor.DelayedCall                  // the next attempt, while waiting

	waiters     list.List                           // of *waiter[P]: waiting for a connection
	stopWaiters []*deferred.Deferred[deferred.None] // fire when the service has stopped
	stopError   error                               // what the waiters fail with when the service stops
	hookReason  error                               // the reason given to Failed, Lost or RetryPolicy while it runs
}

// A ClientServiceConfig configures a [ClientService]. The zero value works.
//
// The functions may call the methods of the service. If Failed, Lost or RetryPolicy calls
// StopService, the service gives up: when the function has returned, it stops, and the
// Deferreds of WhenConnected fail with the reason that the function got. A panic of one of the
// three is logged, and the service continues.
type ClientServiceConfig[P reactor.Protocol] struct {
	// RetryPolicy returns the time to wait between attempts. nil means the Delay
	// method of a zero [BackoffPolicy].
	RetryPolicy RetryPolicy
	// PrepareConnection prepares each new connection, for example by a login. p is its
	// protocol. The service is connected when the Deferred fires. If the Deferred fails,
	// the connection is aborted and the attempt has failed. nil: connections need no
	// preparation. It is Twisted's prepareConnection.
	PrepareConnection func(p P) *deferred.Deferred[deferred.None]
	// Failed is called once for each attempt that failed, with its error, before the
	// Deferreds of WhenConnected that give up because of it fail, and before the wait.
	// The error is that of the endpoint, that of PrepareConnection, or the reason why
	// the connection was lost before it was prepared. An attempt that StopService ends
	// has not failed.
	//
	Failed func(reason error)
	// Lost is called once for each connection that the service was connected with, when
	// it is lost, also by StopService. It comes after the protocol's ConnectionLost,
	// which has the same reason, and before the wait, or before the Deferred of
	// StopService fires. A WhenConnected in it waits for the next connection.
	Lost func(reason error)
}

type serviceState uint8

const (
	fresh serviceState = iota // like stopped, but WhenConnected waits
	connecting
	waiting
	connected
	disconnecting
	restarting
	stopped
)

// A waiter waits for a connection.
type waiter[P reactor.Protocol] struct {
	result   *deferred.Deferred[P]
	failures int // failures left before the waiter gives up; 0: it never gives up
}

// takeAll removes all waiters and returns them, the oldest first.
func (s *ClientService[P]) takeAll() (all []*waiter[P]) {
	for e := s.waiters.Front(); e != nil; e = s.waiters.Front() {
		all = append(all, s.waiters.Remove(e).(*waiter[P]))
	}
	return all
}

// takeExpired counts a failure for each waiter. It removes the waiters that give up and
// returns them, the oldest first.
func (s *ClientService[P]) takeExpired() (expired []*waiter[P]) {
	for e := s.waiters.Front(); e != nil; {
		w, next := e.Value.(*waiter[P]), e.Next()
		if w.failures--; w.failures == 0 {
			expired = append(expired, w)
			s.waiters.Remove(e)
		}
		e = next
	}
	return expired
}

// NewClientService returns a service that keeps a connection to endpoint. StartService
// starts it. build returns the protocol for each connection. peer is its remote address. If
// build returns nil, the connection is refused, and the attempt has failed with
// [reactor.ErrNoProtocol].
//
// build is called in place of a [reactor.Factory], which would also name the protocols for
// ALPN. For them, set NextProtos of the endpoint's tls.Config.
func NewClientService[P reactor.Protocol](r reactor.Reactor, endpoint ClientEndpoint, build func(peer net.Addr) P, config ClientServiceConfig[P]) *ClientService[P] {
	switch {
	case endpoint == nil:
		panic("endpoints: NewClientService with a nil endpoint")
	case build == nil:
		panic("endpoints: NewClientService with a nil build function")
	}
	if config.RetryPolicy == nil {
		config.RetryPolicy = BackoffPolicy{}.Delay
	}
	return &ClientService[P]{reactor: r, endpoint: endpoint, build: build, config: config}
}

// StartService starts to connect. It does nothing if the service is running.
func (s *ClientService[P]) StartService() {
	switch s.state {
	case fresh, stopped:
		s.failures = 0
		s.show()
		s.connect()
	case disconnecting:
		s.failures = 0
		s.state = restarting
	}
}

// StopService closes the connection in order, or cancels the attempt to connect. The
// Deferred fires when nothing is left open. WhenConnected's Deferreds fail with
// [deferred.ErrCancelled], or with a reason as in [ClientServiceConfig].
func (s *ClientService[P]) StopService() *deferred.Deferred[deferred.None] {
	d := deferred.New[deferred.None]()
	s.stopWaiters = append(s.stopWaiters, d)
	if s.state != disconnecting {
		s.stopError = cmp.Or(s.hookReason, deferred.ErrCancelled)
	}
	switch s.state {
	case fresh, stopped:
		s.finish()
	case waiting:
		s.retry.Cancel()
		s.finish()
	case connecting:
		s.state = disconnecting
		if s.attempt != nil {
			s.attempt.Cancel()
		}
	case connected:
		s.state = disconnecting
		s.connection.transport.LoseConnection()
	case restarting:
		s.state = disconnecting
	}
	return d
}

// Running reports whether the service was started and not stopped since.
func (s *ClientService[P]) Running() bool {
	switch s.state {
	case connecting, waiting, connected, restarting:
		return true
	}
	return false
}

// WhenConnected fires with the protocol of the connection, or of the next one if none
// is open. It fails with the last attempt's error after failAfterFailures failed attempts,
// or never if that is 0. It fails with [deferred.ErrCancelled] if the service
// is stopped, and with [reactor.ErrStopped] if the reactor is. Before the first StartService
// the Deferred waits.
func (s *ClientService[P]) WhenConnected(failAfterFailures int) *deferred.Deferred[P] {
	switch {
	case s.state == connected && s.connection.lost == nil:
		return deferred.Succeed(s.connection.built)
	case s.state == stopped:
		return deferred.Fail[P](deferred.ErrCancelled)
	}
	w := &waiter[P]{failures: failAfterFailures}
	e := s.waiters.PushBack(w)
	w.result = deferred.NewCancellable(func(*deferred.Deferred[P]) { s.waiters.Remove(e) })
	return reactor.UntilStopped(s.reactor, w.result)
}

// errNotBuilt is the error of an endpoint that ignores its factory.
var errNotBuilt = errors.New("endpoints: the endpoint fired with a protocol that its factory did not build")

// connect starts an attempt.
func (s *ClientService[P]) connect() {
	s.state = connecting
	s.reason = nil
	f := &connectionFactory[P]{service: s}
	s.attempt = deferred.MaybeDeferred(func() *deferred.Deferred[reactor.Protocol] { return s.endpoint.Connect(f) })
	s.attempt.ThenCallback(func(p reactor.Protocol) *deferred.Deferred[reactor.Protocol] {
		return s.prepare(f.connection, p)
	}).AddCallbacks(s.made, s.failed)
	if s.state != connecting && s.attempt != nil { // Connect called StopService
		s.attempt.Cancel()
	}
}

// prepare prepares the connection that the endpoint made. The Deferred fires with p.
func (s *ClientService[P]) prepare(c *connection[P], p reactor.Protocol) *deferred.Deferred[reactor.Protocol] {
	switch {
	case c == nil:
		return deferred.Fail[reactor.Protocol](errNotBuilt)
	case c.lost != nil:
		return deferred.Fail[reactor.Protocol](c.lost)
	}
	s.connection = c
	if s.config.PrepareConnection == nil || s.state != connecting {
		return deferred.Succeed(p)
	}
	prepared := deferred.MaybeDeferred(func() *deferred.Deferred[deferred.None] {
		return s.config.PrepareConnection(c.built)
	})
	if s.state != connecting { // PrepareConnection called StopService
		prepared.Cancel()
	}
	return deferred.Map(prepared, func(deferred.None) (reactor.Protocol, error) { return p, nil })
}

// made ends a successful attempt.
func (s *ClientService[P]) made(reactor.Protocol) (reactor.Protocol, error) {
	s.attempt = nil
	c := s.connection
	switch {
	case c == nil: // lost during the last step of its preparation
		s.attemptFailed(s.reason)
	case s.state == connecting:
		s.state = connected
		s.failures = 0
		c.prepared = true
		// A handler may lose the connection. The other waiters then wait for the next one.
		for e := s.waiters.Front(); e != nil && s.connection == c; e = s.waiters.Front() {
			s.waiters.Remove(e).(*waiter[P]).result.Callback(c.built)
		}
	default: // the service was stopped, but the attempt ignored its Cancel
		c.transport.LoseConnection()
	}
	return nil, nil
}

// failed ends an attempt that failed.
func (s *ClientService[P]) failed(err error) (reactor.Protocol, error) {
	s.attempt = nil
	if s.reason == nil {
		s.reason = err
	}
	switch {
	case s.connection == nil:
		s.attemptFailed(s.reason)
	case s.state == connecting: // its preparation failed
		s.connection.transport.AbortConnection()
	default:
		s.connection.transport.LoseConnection()
	}
	return nil, nil
}

// connectionLost handles the loss of c.
func (s *ClientService[P]) connectionLost(c *connection[P]) {
	if c != s.connection {
		return
	}
	s.connection = nil
	switch {
	case s.attempt != nil:
		s.reason = c.lost
		s.attempt.Cancel()
	case c.prepared:
		if s.state == connected {
			s.state = connecting // after the wait; StopService may still be called before
			s.failures++
		}
		s.call("Lost", s.config.Lost, c.lost)
		s.proceed(c.lost)
	case s.reason != nil: // why the preparation failed
		s.attemptFailed(s.reason)
	default:
		s.attemptFailed(c.lost)
	}
}

// attemptFailed handles the end of an attempt that left no connection. The attempt has
// failed because of reason unless the service was stopped.
func (s *ClientService[P]) attemptFailed(reason error) {
	if s.state == connecting {
		s.failures++
		expired := s.takeExpired()
		s.call("Failed", s.config.Failed, reason)
		for _, w := range expired {
			w.result.Errback(reason)
		}
	}
	s.proceed(reason)
}

// proceed moves to the next state when neither a connection nor an attempt is left, and the
// user's functions have been called.
func (s *ClientService[P]) proceed(reason error) {
	var delay time.Duration
	if s.state == connecting {
		delay = s.delay(reason)
	}
	switch s.state {
	case disconnecting:
		s.finish()
	case restarting:
		s.wait(0) // not connect, which would nest without end if it failed at once and Failed restarted
		stopWaiters := s.stopWaiters
		s.stopWaiters = nil
		fireAll(stopWaiters)
	default:
		slog.Info("endpoints: no connection, will try again",
			"endpoint", fmt.Sprint(s.endpoint), "error", reason, "failures", s.failures, "delay", delay)
		s.wait(delay)
	}
}

// wait schedules the next attempt.
func (s *ClientService[P]) wait(delay time.Duration) {
	s.state = waiting
	s.retry = s.reactor.CallLater(delay, s.connect)
}

// delay asks the policy how long to wait. If it panics, the default policy decides.
func (s *ClientService[P]) delay(reason error) (delay time.Duration) {
	policy := s.config.RetryPolicy
	ask := func(reason error) { delay = policy(s.failures, reason, s.reactor.Rand()) }
	if !s.call("RetryPolicy", ask, reason) {
		policy = BackoffPolicy{}.Delay
		ask(reason)
	}
	return max(0, delay)
}

// call calls hook, a function of the configuration called name, unless it is nil. It
// returns false if hook panics.
func (s *ClientService[P]) call(name string, hook func(reason error), reason error) (ok bool) {
	if hook == nil {
		return true
	}
	s.hookReason = reason
	defer func() {
		s.hookReason = nil
		if v := recover(); v != nil {
			err := deferred.NewPanicError(v)
			slog.Error("endpoints: panic in "+name+" of a ClientService",
				"panic", fmt.Sprint(err.Value), "at", err.Place(), "stack", err.Trace())
		}
	}()
	hook(reason)
	return true
}

// finish enters the stopped state and fires every Deferred that is left.
func (s *ClientService[P]) finish() {
	s.state = stopped
	stopWaiters := s.stopWaiters
	s.stopWaiters = nil
	for _, w := range s.takeAll() {
		w.result.Errback(s.stopError)
	}
	fireAll(stopWaiters)
}

func fireAll(ds []*deferred.Deferred[deferred.None]) {
	for _, d := range ds {
		d.Callback(deferred.None{})
	}
}
