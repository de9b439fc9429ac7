package endpoints

import (
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/reactor"
)

// A ClientService keeps one connection to an endpoint: when the connection is
// lost, or cannot be had, it tries again after a while. It is Twisted's
// ClientService, and is in one of these states:
//
//	fresh, stopped ──start──▶ connecting ──made, prepared──▶ connected
//	                            │    ▲                           │
//	                       failed    the wait is over         lost
//	                            ▼    │                           │
//	                           waiting ◀─────────────────────────┘
//
// StopService leads to stopped, from waiting at once and from connecting and
// connected by way of disconnecting; if StartService is called meanwhile, then
// by way of restarting back to connecting.
type ClientService struct {
	clock    reactor.Clock
	endpoint ClientEndpoint
	factory  reactor.Factory

	// RetryPolicy says how long to wait between attempts; nil means the Delay of
	// a zero [BackoffPolicy]. On a reactor that has a Rand of its own, as those
	// for tests have, the jitter then comes from there.
	RetryPolicy RetryPolicy
	// PrepareConnection, if it is not nil, is given the protocol of each new
	// connection. The connection counts as made once the Deferred fires; if it
	// fails, the connection is aborted, and the attempt has failed. It is
	// Twisted's prepareConnection.
	PrepareConnection func(p reactor.Protocol) *deferred.Deferred[deferred.None]

	state    serviceState
	failures int // in a row

	attempt    *deferred.Deferred[reactor.Protocol] // to connect and to prepare; nil if none is under way
	connection *link                                // that is open; nil if none is
	why        error                                // connection, while it was being prepared, has come to nothing
	retry      reactor.DelayedCall                  // while waiting

	wanting  []*wanting                          // a connection
	stopping []*deferred.Deferred[deferred.None] // to be told that it has stopped
}

type serviceState uint8

const (
	fresh serviceState = iota // like stopped, but it can be waited for
	connecting
	waiting
	connected
	disconnecting
	restarting
	stopped
)

// A wanting is one that waits for a connection.
type wanting struct {
	result   *deferred.Deferred[reactor.Protocol]
	failures int // how many more it takes to give up; 0 means it never does
}

// NewClientService returns a service that keeps a connection to endpoint, with
// protocols that factory builds. It does nothing until it is started.
func NewClientService(clock reactor.Clock, endpoint ClientEndpoint, factory reactor.Factory) *ClientService {
	return &ClientService{clock: clock, endpoint: endpoint, factory: factory}
}

// StartService begins to connect. It does nothing if the service runs.
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

// StopService closes the connection in order, or gives the attempt to connect
// up, and makes no more. It fires when there is nothing left; those that wait
// for a connection get [deferred.ErrCancelled].
func (s *ClientService) StopService() *deferred.Deferred[deferred.None] {
	d := deferred.New[deferred.None]()
	s.stopping = append(s.stopping, d)
	switch s.state {
	case fresh, stopped:
		s.rest()
	case waiting:
		s.retry.Cancel()
		s.rest()
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

// WhenConnected fires with the protocol of the connection, or of the next one if
// there is none. It fails once failAfterFailures attempts in a row have failed
// since it was called, with the error of the last, or goes on waiting if that is
// 0; and with [deferred.ErrCancelled] if the service is, or was, stopped. A
// service that has not been started yet can be waited for.
func (s *ClientService) WhenConnected(failAfterFailures int) *deferred.Deferred[reactor.Protocol] {
	switch s.state {
	case connected:
		return deferred.Succeed(s.connection.built)
	case stopped:
		return deferred.Fail[reactor.Protocol](deferred.ErrCancelled)
	}
	w := &wanting{failures: failAfterFailures}
	w.result = deferred.NewCancellable(func(*deferred.Deferred[reactor.Protocol]) {
		s.wanting = slices.DeleteFunc(s.wanting, func(other *wanting) bool { return other == w })
	})
	s.wanting = append(s.wanting, w)
	return w.result
}

// errNotBuilt is the error of an endpoint that does not keep its promise.
var errNotBuilt = errors.New("endpoints: the endpoint fired with a protocol that its factory did not build")

// connect begins an attempt.
func (s *ClientService) connect() {
	s.state = connecting
	s.why = nil
	s.attempt = s.endpoint.Connect(linkFactory{s.factory, s})
	s.attempt.ThenCallback(s.prepare).AddCallbacks(s.made, s.failed)
}

// prepare takes the connection that the endpoint made.
func (s *ClientService) prepare(p reactor.Protocol) *deferred.Deferred[reactor.Protocol] {
	built, ok := p.(interface{ self() *link })
	if !ok {
		return deferred.Fail[reactor.Protocol](errNotBuilt)
	}
	l := built.self()
	if l.lost != nil {
		return deferred.Fail[reactor.Protocol](l.lost)
	}
	s.connection = l
	if s.PrepareConnection == nil || s.state != connecting {
		return deferred.Succeed(p)
	}
	prepared := deferred.MaybeDeferred(func() *deferred.Deferred[deferred.None] {
		return s.PrepareConnection(l.built)
	})
	return deferred.Map(prepared, func(deferred.None) (reactor.Protocol, error) { return p, nil })
}

// made ends an attempt with a connection that is ready for use.
func (s *ClientService) made(reactor.Protocol) (reactor.Protocol, error) {
	s.attempt = nil
	switch {
	case s.connection == nil: // it was lost while the last was done to prepare it
		s.ended(s.why)
	case s.state == connecting:
		s.state = connected
		s.failures = 0
		p, wanted := s.connection.built, s.wanting
		s.wanting = nil
		for _, w := range wanted {
			w.result.Callback(p)
		}
	default: // it was stopped, but the attempt would not be
		s.connection.transport.LoseConnection()
	}
	return nil, nil
}

// failed ends an attempt without one.
func (s *ClientService) failed(err error) (reactor.Protocol, error) {
	s.attempt = nil
	if s.why == nil {
		s.why = err
	}
	switch {
	case s.connection == nil:
		s.ended(s.why)
	case s.state == connecting: // there is one, but it could not be prepared
		s.connection.transport.AbortConnection()
	default:
		s.connection.transport.LoseConnection()
	}
	return nil, nil
}

// connectionLost is told by a connection that it is lost.
func (s *ClientService) connectionLost(l *link) {
	if l != s.connection {
		return
	}
	s.connection = nil
	if s.attempt == nil {
		if s.why == nil {
			s.why = l.lost
		}
		s.ended(s.why)
		return
	}
	s.why = l.lost
	s.attempt.Cancel()
}

// ended goes on when there is neither a connection nor an attempt any more.
func (s *ClientService) ended(why error) {
	switch s.state {
	case disconnecting:
		s.rest()
	case restarting:
		stopping := s.stopping
		s.stopping = nil
		s.connect()
		tell(stopping)
	default:
		s.tryAgain(why)
	}
}

// tryAgain arranges the next attempt, and tells those who want no more of them.
func (s *ClientService) tryAgain(why error) {
	s.state = waiting
	s.failures++
	delay := s.retryPolicy()(s.failures)
	slog.Info("endpoints: no connection, will try again",
		"endpoint", fmt.Sprint(s.endpoint), "error", why, "failures", s.failures, "delay", delay)
	s.retry = s.clock.CallLater(delay, s.connect)
	var tired, left []*wanting
	for _, w := range s.wanting {
		if w.failures--; w.failures == 0 {
			tired = append(tired, w)
		} else {
			left = append(left, w)
		}
	}
	s.wanting = left
	for _, w := range tired {
		w.result.Errback(why)
	}
}

func (s *ClientService) retryPolicy() RetryPolicy {
	if s.RetryPolicy != nil {
		return s.RetryPolicy
	}
	var policy BackoffPolicy
	if source, ok := s.clock.(interface{ Rand() *rand.Rand }); ok {
		policy.Jitter = source.Rand().Float64
	}
	return policy.Delay
}

// rest has the service do nothing more, and tells all who wait for anything.
func (s *ClientService) rest() {
	s.state = stopped
	wanted, stopping := s.wanting, s.stopping
	s.wanting, s.stopping = nil, nil
	for _, w := range wanted {
		w.result.Errback(deferred.ErrCancelled)
	}
	tell(stopping)
}

func tell(stopping []*deferred.Deferred[deferred.None]) {
	for _, d := range stopping {
		d.Callback(deferred.None{})
	}
}
