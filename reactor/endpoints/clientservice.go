package endpoints

import (
	"container/list"
	"errors"
	"fmt"
	"log/slog"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/reactor"
)

// A ClientService keeps one connection to an endpoint. When the connection is lost,
// or an attempt fails, the service waits and tries again. It is Twisted's
// ClientService. Its states are:
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
type ClientService struct {
	reactor  reactor.Reactor
	endpoint ClientEndpoint
	factory  reactor.Factory
	config   ClientServiceConfig

	state    serviceState
	failures int // number of failures in a row

	attempt    *deferred.Deferred[reactor.Protocol] // connecting and preparing; nil if none is in progress
	connection *connection                          // the open connection, or nil
	reason     error                                // why the connection was lost during the attempt
	retry      reactor.DelayedCall                  // the next attempt, while waiting

	waiters     list.List                           // of *waiter: waiting for a connection
	stopWaiters []*deferred.Deferred[deferred.None] // fire when the service has stopped
}

// A ClientServiceConfig configures a [ClientService].
type ClientServiceConfig struct {
	// RetryPolicy returns the time to wait between attempts. nil means the Delay
	// method of a zero [BackoffPolicy].
	RetryPolicy RetryPolicy
	// PrepareConnection prepares each new connection. p is its protocol. The
	// service is connected when the Deferred fires. If the Deferred fails, the
	// connection is aborted and the attempt has failed. nil: connections need no
	// preparation. It is Twisted's prepareConnection.
	PrepareConnection func(p reactor.Protocol) *deferred.Deferred[deferred.None]
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
type waiter struct {
	result   *deferred.Deferred[reactor.Protocol]
	failures int // failures left before the waiter gives up; 0: it never gives up
}

// takeAll removes all waiters and returns them, the oldest first.
func (s *ClientService) takeAll() (all []*waiter) {
	for e := s.waiters.Front(); e != nil; e = s.waiters.Front() {
		all = append(all, s.waiters.Remove(e).(*waiter))
	}
	return all
}

// NewClientService returns a service that keeps a connection to endpoint, with
// protocols that factory builds. StartService starts it.
func NewClientService(r reactor.Reactor, endpoint ClientEndpoint, factory reactor.Factory, config ClientServiceConfig) *ClientService {
	if config.RetryPolicy == nil {
		config.RetryPolicy = BackoffPolicy{}.Delay
	}
	return &ClientService{reactor: r, endpoint: endpoint, factory: factory, config: config}
}

// StartService starts to connect. It does nothing if the service is running.
func (s *ClientService) StartService() {
	switch s.state {
	case fresh, stopped:
		s.failures = 0
		s.connect()
	case disconnecting:
		s.failures = 0
		s.state = restarting
	}
}

// StopService closes the connection in order, or cancels the attempt to connect. The
// Deferred fires when nothing is left open. WhenConnected's Deferreds fail with
// [deferred.ErrCancelled].
func (s *ClientService) StopService() *deferred.Deferred[deferred.None] {
	d := deferred.New[deferred.None]()
	s.stopWaiters = append(s.stopWaiters, d)
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
func (s *ClientService) Running() bool {
	switch s.state {
	case connecting, waiting, connected, restarting:
		return true
	}
	return false
}

// WhenConnected fires with the protocol of the connection, or of the next one if none
// is open. It fails with the last attempt's error after failAfterFailures failures in
// a row, or never if that is 0. It fails with [deferred.ErrCancelled] if the service
// is stopped, and with [reactor.ErrStopped] if the reactor is. Before the first StartService
// the Deferred waits.
func (s *ClientService) WhenConnected(failAfterFailures int) *deferred.Deferred[reactor.Protocol] {
	switch s.state {
	case connected:
		return deferred.Succeed(s.connection.built)
	case stopped:
		return deferred.Fail[reactor.Protocol](deferred.ErrCancelled)
	}
	w := &waiter{failures: failAfterFailures}
	e := s.waiters.PushBack(w)
	w.result = deferred.NewCancellable(func(*deferred.Deferred[reactor.Protocol]) { s.waiters.Remove(e) })
	return reactor.UntilStopped(s.reactor, w.result)
}

// errNotBuilt is the error of an endpoint that ignores its factory.
var errNotBuilt = errors.New("endpoints: the endpoint fired with a protocol that its factory did not build")

// connect starts an attempt.
func (s *ClientService) connect() {
	s.state = connecting
	s.reason = nil
	f := &connectionFactory{factory: s.factory, service: s}
	s.attempt = s.endpoint.Connect(f)
	s.attempt.ThenCallback(func(p reactor.Protocol) *deferred.Deferred[reactor.Protocol] {
		return s.prepare(f.connection, p)
	}).AddCallbacks(s.made, s.failed)
}

// prepare prepares the connection that the endpoint made. The Deferred fires with p.
func (s *ClientService) prepare(c *connection, p reactor.Protocol) *deferred.Deferred[reactor.Protocol] {
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
	return deferred.Map(prepared, func(deferred.None) (reactor.Protocol, error) { return p, nil })
}

// made ends a successful attempt.
func (s *ClientService) made(reactor.Protocol) (reactor.Protocol, error) {
	s.attempt = nil
	switch {
	case s.connection == nil: // lost during the last step of its preparation
		s.ended(s.reason)
	case s.state == connecting:
		s.state = connected
		s.failures = 0
		p := s.connection.built
		for _, w := range s.takeAll() {
			w.result.Callback(p)
		}
	default: // the service was stopped, but the attempt ignored its Cancel
		s.connection.transport.LoseConnection()
	}
	return nil, nil
}

// failed ends an attempt that failed.
func (s *ClientService) failed(err error) (reactor.Protocol, error) {
	s.attempt = nil
	if s.reason == nil {
		s.reason = err
	}
	switch {
	case s.connection == nil:
		s.ended(s.reason)
	case s.state == connecting: // its preparation failed
		s.connection.transport.AbortConnection()
	default:
		s.connection.transport.LoseConnection()
	}
	return nil, nil
}

// connectionLost handles the loss of c.
func (s *ClientService) connectionLost(c *connection) {
	if c != s.connection {
		return
	}
	s.connection = nil
	if s.attempt == nil {
		if s.reason == nil {
			s.reason = c.lost
		}
		s.ended(s.reason)
		return
	}
	s.reason = c.lost
	s.attempt.Cancel()
}

// ended moves to the next state when neither a connection nor an attempt is left.
func (s *ClientService) ended(reason error) {
	switch s.state {
	case disconnecting:
		s.finish()
	case restarting:
		stopWaiters := s.stopWaiters
		s.stopWaiters = nil
		s.connect()
		fireAll(stopWaiters)
	default:
		s.tryAgain(reason)
	}
}

// tryAgain schedules the next attempt, and fails the waiters that give up.
func (s *ClientService) tryAgain(reason error) {
	s.state = waiting
	s.failures++
	delay := s.config.RetryPolicy(s.failures, s.reactor.Rand())
	slog.Info("endpoints: no connection, will try again",
		"endpoint", fmt.Sprint(s.endpoint), "error", reason, "failures", s.failures, "delay", delay)
	s.retry = s.reactor.CallLater(delay, s.connect)
	var expired []*waiter
	for e := s.waiters.Front(); e != nil; {
		w, next := e.Value.(*waiter), e.Next()
		if w.failures--; w.failures == 0 {
			expired = append(expired, w)
			s.waiters.Remove(e)
		}
		e = next
	}
	for _, w := range expired {
		w.result.Errback(reason)
	}
}

// finish enters the stopped state and fires every Deferred that is left.
func (s *ClientService) finish() {
	s.state = stopped
	stopWaiters := s.stopWaiters
	s.stopWaiters = nil
	for _, w := range s.takeAll() {
		w.result.Errback(deferred.ErrCancelled)
	}
	fireAll(stopWaiters)
}

func fireAll(ds []*deferred.Deferred[deferred.None]) {
	for _, d := range ds {
		d.Callback(deferred.None{})
	}
}
