package main

import (
	"context"
	"errors"
	"net/http"
	"reflect"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/reactor"
	"github.com/seed-7c003b53/gotreq/treq"
	"github.com/seed-7c003b53/gotreq/treq/agent"
	"github.com/seed-7c003b53/gotreq/treq/cookies"
)

// maxPersistentPerHost bounds the unused connections that a Service keeps to one host.
const maxPersistentPerHost = 20

// ErrStopped is the error of a request that a Service does not send, or gives up, because it
// is not running.
var ErrStopped = errors.New("the HTTP service is not running")

// A Service is the HTTP client that the components of a build server share. Each component has
// a [Session]. All sessions use the connections of one pool. StopService closes them.
type Service struct {
	reactor  reactor.Reactor
	pool     *agent.Pool
	sessions []*Session
	context  context.Context // ends when the service does
	stop     context.CancelCauseFunc
}

// NewService returns a Service on r, which StartService starts.
func NewService(r reactor.Reactor) *Service {
	s := &Service{reactor: r, pool: agent.NewPool(r, agent.PoolConfig{MaxPersistentPerHost: maxPersistentPerHost})}
	s.context, s.stop = context.WithCancelCause(context.Background())
	s.stop(ErrStopped)
	return s
}

// StartService lets the sessions send requests, until StopService.
func (s *Service) StartService() {
	if s.context.Err() == nil { // it runs
		return
	}
	s.context, s.stop = context.WithCancelCause(context.Background())
	for _, session := range s.sessions {
		session.renew()
	}
}

// StopService ends the requests and responses that are under way, and closes the unused
// connections. The Deferred fires when they are closed.
func (s *Service) StopService() *deferred.Deferred[deferred.None] {
	s.stop(ErrStopped)
	return s.pool.CloseCachedConnections()
}

// Session returns the session of config. It is the same one for components whose configs are
// equal.
func (s *Service) Session(config SessionConfig) *Session {
	for _, session := range s.sessions {
		if reflect.DeepEqual(session.asked, config) {
			return session
		}
	}
	config.Headers = treq.Headers(http.Header(config.Headers).Clone())
	session := &Session{service: s, asked: config, config: config.Client()}
	session.config.Jar = new(cookies.Jar)
	session.config.AgentConfig = agent.Config{Pool: s.pool, TLS: agent.NewTLSPolicy(config.TLS)}
	session.renew()
	s.sessions = append(s.sessions, session)
	return session
}
