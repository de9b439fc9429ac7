package testing

import (
	"net/http"
	"time"

	"github.com/seed-7c003b53/gotreq/reactor/memory"
	"github.com/seed-7c003b53/gotreq/treq"
	"github.com/seed-7c003b53/gotreq/treq/client"
	"github.com/seed-7c003b53/gotreq/treq/web"
)

// A StubTreq is an HTTPClient whose requests, whatever host they name, are
// answered by one resource, in memory. When a method returns, the request has been
// sent and all that came of it has happened. It is treq.testing.StubTreq, and a
// [treq.Client], for code that takes one.
//
// All belongs to one goroutine, the test's.
type StubTreq struct {
	*client.HTTPClient
	agent *RequestTraversalAgent
}

var _ treq.Client = (*StubTreq)(nil)

// NewStubTreq returns a StubTreq whose requests root answers.
func NewStubTreq(root web.Resource, config Config) *StubTreq {
	a := NewRequestTraversalAgent(root, config)
	return &StubTreq{client.New(a.reactor, client.Config{Agent: a}), a}
}

// NewHandlerStubTreq returns a StubTreq whose requests handler answers; see
// [web.HandlerResource].
func NewHandlerStubTreq(handler http.Handler, config Config) *StubTreq {
	return NewStubTreq(&web.HandlerResource{Handler: handler}, config)
}

// Agent returns the agent that sends the requests, for what wraps one.
func (s *StubTreq) Agent() *RequestTraversalAgent { return s.agent }

// Flush has everything happen that can happen now. It is needed after something
// was done on the server's side that is not part of a request's handling: a
// response that was left open, with [web.Request.NotDoneYet], was written to.
func (s *StubTreq) Flush() { s.agent.Flush() }

// Advance moves the clock by d at one stroke, and has everything happen that is
// due then: timeouts, retries, the end of connections that nobody used. It is the
// advance of Twisted's Clock. See [memory.Reactor.RunFor] for the other way.
func (s *StubTreq) Advance(d time.Duration) { s.agent.reactor.Advance(d) }

// Reactor returns the reactor that all of it runs on: its clock can be moved, its
// network made slow or broken, and what happens traced.
func (s *StubTreq) Reactor() *memory.Reactor { return s.agent.reactor }

// Site returns the server, for a test of its timeouts and limits, which are to be
// set before the first request. Sessions have names that are the same in each run.
func (s *StubTreq) Site() *web.Site { return s.agent.site }
