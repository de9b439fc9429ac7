package testing

import (
	"net"
	"net/http"
	"net/url"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/reactor"
	"github.com/seed-7c003b53/gotreq/reactor/endpoints"
	"github.com/seed-7c003b53/gotreq/reactor/memory"
	"github.com/seed-7c003b53/gotreq/treq/agent"
	"github.com/seed-7c003b53/gotreq/treq/client"
	"github.com/seed-7c003b53/gotreq/treq/request"
	"github.com/seed-7c003b53/gotreq/treq/response"
	"github.com/seed-7c003b53/gotreq/treq/web"
)

// A StubTreq is an HTTPClient whose requests, whatever host they name, are
// answered by one handler, in memory. When a method returns, the request has been
// sent and all that came of it has happened. It is treq.testing.StubTreq.
type StubTreq struct {
	*client.HTTPClient
	agent *RequestTraversalAgent
}

// NewStubTreq returns a StubTreq whose requests handler answers.
func NewStubTreq(handler http.Handler) *StubTreq {
	a := NewRequestTraversalAgent(handler)
	return &StubTreq{client.New(a.reactor, a), a}
}

// Flush has everything happen that can happen now. It is needed after something
// was done on the server's side that is not part of a request's handling.
func (s *StubTreq) Flush() { s.agent.Flush() }

// Reactor returns the reactor that all of it runs on, whose clock a test can
// move.
func (s *StubTreq) Reactor() *memory.Reactor { return s.agent.reactor }

// A RequestTraversalAgent is an agent whose requests, whatever host they name, are
// answered by one handler, in memory. When Request returns, or a method of a
// response that reads its body, what came of it has happened. It is
// treq.testing.RequestTraversalAgent.
type RequestTraversalAgent struct {
	reactor *memory.Reactor
	agent   *agent.Agent
}

// siteAddress is where, in memory, the handler is to be found.
const siteAddress = "127.0.0.1:80"

// NewRequestTraversalAgent returns an agent whose requests handler answers.
func NewRequestTraversalAgent(handler http.Handler) *RequestTraversalAgent {
	r := memory.New()
	if _, err := r.ListenTCP(siteAddress, web.NewSite(handler)); err != nil {
		panic(err) // memory is empty: nothing else listens there
	}
	a := &RequestTraversalAgent{reactor: r}
	a.agent = agent.New(r,
		agent.WithPool(agent.NewPool(r)),
		agent.UsingEndpointFactory(func(*url.URL) (endpoints.ClientEndpoint, error) { return site{a}, nil }),
	)
	return a
}

// Request sends req; see [agent.Requester].
func (a *RequestTraversalAgent) Request(req *request.Request) *deferred.Deferred[*response.Response] {
	d := a.agent.Request(req)
	a.Flush()
	return d
}

// Flush has everything happen that can happen now; see [StubTreq.Flush]. Called
// from within the loop, by a handler for example, it does nothing: what can
// happen is happening.
func (a *RequestTraversalAgent) Flush() { a.reactor.Advance(0) }

// site is the endpoint of the handler.
type site struct{ agent *RequestTraversalAgent }

func (s site) Connect(factory reactor.Factory) *deferred.Deferred[reactor.Protocol] {
	d := s.agent.reactor.ConnectTCP(siteAddress, reactor.FactoryFunc(func(peer net.Addr) reactor.Protocol {
		if p := factory.BuildProtocol(peer); p != nil {
			return &flushing{p, s.agent}
		}
		return nil
	}), reactor.ConnectOptions{})
	return d.AddCallback(func(p reactor.Protocol) (reactor.Protocol, error) {
		return p.(*flushing).Protocol, nil
	})
}

// A flushing protocol gives the one it stands for a transport that flushes when
// it is resumed: who reads a body that was too large to come unread, on a
// goroutine that is in no loop, waits for the rest of it.
type flushing struct {
	reactor.Protocol
	agent *RequestTraversalAgent
}

func (f *flushing) ConnectionMade(t reactor.Transport) {
	f.Protocol.ConnectionMade(flushingTransport{t, f.agent})
}

type flushingTransport struct {
	reactor.Transport
	agent *RequestTraversalAgent
}

func (t flushingTransport) ResumeProducing() {
	t.Transport.ResumeProducing()
	t.agent.Flush()
}
