package testing

import (
	"net/http"
	"strings"
	"time"

	"github.com/seed-7c003b53/gotreq/internal/timers"
	"github.com/seed-7c003b53/gotreq/reactor"
	"github.com/seed-7c003b53/gotreq/reactor/memory"
	"github.com/seed-7c003b53/gotreq/treq"
	"github.com/seed-7c003b53/gotreq/treq/agent"
	"github.com/seed-7c003b53/gotreq/treq/client"
	"github.com/seed-7c003b53/gotreq/treq/web"
)

// A StubTreq is an HTTPClient that sends all requests, to any host, to one resource in
// memory. When a method returns, the request has been sent, and everything it caused has
// happened. It is treq.testing.StubTreq, and a [treq.Client].
//
// A StubTreq and what it returns belong to one goroutine, the test's.
type StubTreq struct {
	*client.HTTPClient
	agent *RequestTraversalAgent
}

var _ treq.Client = (*StubTreq)(nil)

// NewStubTreq returns a StubTreq whose requests root answers.
func NewStubTreq(root web.Resource, config Config) *StubTreq {
	if config.Client.Agent != nil {
		panic("testing: Config.Client has an Agent, but a StubTreq sends all requests to its resource: take the Agent out")
	}
	a := NewRequestTraversalAgent(root, config)
	config.Client.Agent, config.Client.AgentConfig = a, agent.Config{}
	return &StubTreq{client.New(a.reactor, config.Client), a}
}

// NewHandlerStubTreq returns a StubTreq whose requests handler answers; see
// [web.HandlerResource].
func NewHandlerStubTreq(handler http.Handler, config Config) *StubTreq {
	return NewStubTreq(&web.HandlerResource{Handler: handler}, config)
}

// Agent returns the agent that sends the requests.
func (s *StubTreq) Agent() *RequestTraversalAgent { return s.agent }

// Flush runs the reactor until nothing is left to do at the current time. A test calls
// Flush after it acted on the server's side, for example after it wrote to a response that
// [web.Request.NotDoneYet] left open.
func (s *StubTreq) Flush() { s.agent.Flush() }

// Advance moves the clock by d in one step, and runs everything that is then due: timeouts,
// retries, the closing of idle connections. See [memory.Reactor.RunFor] for the other way.
func (s *StubTreq) Advance(d time.Duration) { s.agent.reactor.Advance(d) }

// Reactor returns the reactor of both the client and the server. It moves the clock, makes
// the network slow or broken, and traces what happens.
func (s *StubTreq) Reactor() *memory.Reactor { return s.agent.reactor }

// DelayedCalls returns the pending calls of the program, in the order of their times: those that
// its code, or the code of its libraries, has scheduled by the reactor, by package task, or by
// AddTimeout. Those of the functions that serve requests are among them. A test may want none at
// its end.
//
// Timers of this library are not the program's, such as those of treq.Timeout, of retries and
// of idle connections; see [StubTreq.ClientCalls] and [StubTreq.ServerCalls]. A call belongs to
// the code that scheduled it, and not to the code that called that.
func (s *StubTreq) DelayedCalls() []reactor.DelayedCall { return s.callsOf(program) }

// ClientCalls returns the pending calls of the client.
func (s *StubTreq) ClientCalls() []reactor.DelayedCall { return s.callsOf(theClient) }

// ServerCalls returns the pending calls of the server, also those of a [Reply], and those of the
// connections between client and server.
func (s *StubTreq) ServerCalls() []reactor.DelayedCall { return s.callsOf(theServer) }

// An owner is the part of a test that has scheduled a delayed call.
type owner int

const (
	program owner = iota
	theClient
	theServer
)

func (s *StubTreq) callsOf(o owner) (calls []reactor.DelayedCall) {
	for _, call := range s.agent.reactor.DelayedCalls() {
		if ownerOf(call) == o {
			calls = append(calls, call)
		}
	}
	return calls
}

// ownerOf returns the owner of the place that scheduled call.
func ownerOf(call reactor.DelayedCall) owner {
	maker, known := timers.Maker(call)
	path, ours := strings.CutPrefix(maker.File, root)
	switch {
	case !known:
		return theServer // a connection, in the middle of an event
	case !ours || strings.HasSuffix(path, "_test.go") || !strings.HasPrefix(path, "treq/"):
		return program
	case strings.HasPrefix(path, "treq/web/"):
		return theServer
	}
	return theClient
}

// Site returns the server, for a test of its timeouts and limits. Set these before the
// first request.
func (s *StubTreq) Site() *web.Site { return s.agent.site }
