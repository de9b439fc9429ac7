package main

import (
	"errors"
	"reflect"
	"slices"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/reactor"
	"github.com/seed-7c003b53/gotreq/treq/agent"
	"github.com/seed-7c003b53/gotreq/treq/request"
	"github.com/seed-7c003b53/gotreq/treq/response"
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
	running  bool
	pending  []*response.Deferred
}

// NewService returns a Service on r, which StartService starts.
func NewService(r reactor.Reactor) *Service {
	return &Service{reactor: r, pool: agent.NewPool(r, agent.PoolConfig{MaxPersistentPerHost: maxPersistentPerHost})}
}

// StartService lets the sessions send requests.
func (s *Service) StartService() { s.running = true }

// StopService gives up the requests that have no response yet, and closes the unused
// connections. The Deferred fires when they are closed.
func (s *Service) StopService() *deferred.Deferred[deferred.None] {
	s.running = false
	for _, d := range slices.Clone(s.pending) {
		d.Cancel()
	}
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
	session := newSession(s, config)
	s.sessions = append(s.sessions, session)
	return session
}

// A gate is the agent of a session. It lets requests through while the service is running.
type gate struct {
	agent.Requester
	service *Service
}

// Request sends req.
func (g gate) Request(req *request.Request) *response.Deferred {
	s := g.service
	if !s.running {
		return agent.Refuse(req, ErrStopped)
	}
	d := g.Requester.Request(req)
	s.pending = append(s.pending, d)
	return d.AddBoth(func(resp *response.Response, err error) (*response.Response, error) {
		s.pending = slices.DeleteFunc(s.pending, func(other *response.Deferred) bool { return other == d })
		if err != nil && !s.running {
			err = ErrStopped
		}
		return resp, err
	})
}
