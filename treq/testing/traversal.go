package testing

import (
	"crypto/tls"
	"net"
	"net/http"
	"net/url"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/reactor"
	"github.com/seed-7c003b53/gotreq/reactor/endpoints"
	"github.com/seed-7c003b53/gotreq/reactor/memory"
	"github.com/seed-7c003b53/gotreq/treq/agent"
	"github.com/seed-7c003b53/gotreq/treq/request"
	"github.com/seed-7c003b53/gotreq/treq/response"
	"github.com/seed-7c003b53/gotreq/treq/web"
)

// This file holds the way of a request through memory: the real agent, a
// connection of the memory reactor, the real Site.

// A RequestTraversalAgent is an agent whose requests, whatever host they name, are
// answered by one resource, in memory. When Request returns, or a method of a
// response that reads its body, what came of it has happened. It is
// treq.testing.RequestTraversalAgent.
//
// A request to an https URL is marked as received over TLS: IsSecure of web.Request is
// true, and TLS of an http.Request is set. [Config] has real TLS.
type RequestTraversalAgent struct {
	reactor *memory.Reactor
	agent   *agent.Agent
	site    *web.Site
	tls     *authority // nil without Config.RealTLS
}

// A Config says how a [StubTreq] or a [RequestTraversalAgent] works. The zero value works.
type Config struct {
	// RealTLS sends requests to https URLs over real TLS, crypto/tls at both ends, with
	// a certificate for the host of the URL, which the client verifies. A connection
	// then takes about a millisecond to make. The encrypted bytes differ in each run;
	// their number and their times do not.
	RealTLS bool
}

// newReactor makes the reactors. The tests of this package replace it to trace them all.
var newReactor = memory.New

// The addresses of the Site in memory, one for each scheme.
const (
	plainAddress  = "127.0.0.1:80"
	secureAddress = "127.0.0.1:443"
)

// NewRequestTraversalAgent returns an agent whose requests root answers.
func NewRequestTraversalAgent(root web.Resource, config Config) *RequestTraversalAgent {
	if root == nil {
		panic("testing: a RequestTraversalAgent without a resource")
	}
	r := newReactor()
	a := &RequestTraversalAgent{reactor: r, site: &web.Site{Root: root}}
	var secure reactor.Factory = markedSecure{a.site}
	if config.RealTLS {
		a.tls = newAuthority()
		secure = reactor.TLSServer(r, reactor.TLSConfig{Config: a.tls.server()}, a.site)
	}
	a.listen(plainAddress, a.site)
	a.listen(secureAddress, secure)
	a.agent = agent.New(r,
		agent.Config{Pool: agent.NewPool(r, agent.PoolConfig{}), Endpoint: a.endpoint},
	)
	return a
}

// NewHandlerTraversalAgent returns an agent whose requests handler answers; see
// [web.HandlerResource].
func NewHandlerTraversalAgent(handler http.Handler, config Config) *RequestTraversalAgent {
	return NewRequestTraversalAgent(&web.HandlerResource{Handler: handler}, config)
}

func (a *RequestTraversalAgent) listen(address string, factory reactor.Factory) {
	if _, err := a.reactor.ListenTCP(address, factory); err != nil {
		panic(err) // memory is empty: nothing else listens there
	}
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

// Reactor returns the reactor that all of it runs on; see [StubTreq.Reactor].
func (a *RequestTraversalAgent) Reactor() *memory.Reactor { return a.reactor }

// endpoint is the [agent.EndpointFactory].
func (a *RequestTraversalAgent) endpoint(u *url.URL) (endpoints.ClientEndpoint, error) {
	if u.Scheme != "https" {
		return flushing{a, &endpoint{a.reactor, plainAddress}}, nil
	}
	secure := &endpoint{a.reactor, secureAddress}
	if a.tls == nil {
		return flushing{a, secure}, nil
	}
	return flushing{a, endpoints.WrapTLS(a.reactor, reactor.TLSConfig{Config: a.tls.client(u.Hostname())}, secure)}, nil
}

// An endpoint is an address in memory.
type endpoint struct {
	reactor *memory.Reactor
	address string
}

func (e *endpoint) Connect(factory reactor.Factory) *deferred.Deferred[reactor.Protocol] {
	return e.reactor.ConnectTCP(e.address, factory, reactor.ConnectConfig{})
}

// A flushing endpoint gives the protocols that it connects a transport that
// flushes when it is resumed: who reads a body that was too large to come unread,
// on a goroutine that is in no loop, waits for the rest of it.
type flushing struct {
	agent *RequestTraversalAgent
	below endpoints.ClientEndpoint
}

func (f flushing) Connect(factory reactor.Factory) *deferred.Deferred[reactor.Protocol] {
	var built reactor.Protocol
	d := f.below.Connect(reactor.FactoryFunc(func(peer net.Addr) reactor.Protocol {
		if built = factory.BuildProtocol(peer); built == nil {
			return nil
		}
		return &introducer{built, func(t reactor.Transport) reactor.Transport {
			return flushingTransport{t, f.agent}
		}}
	}))
	return d.AddCallback(func(reactor.Protocol) (reactor.Protocol, error) { return built, nil })
}

type flushingTransport struct {
	reactor.Transport
	agent *RequestTraversalAgent
}

func (t flushingTransport) ResumeProducing() {
	t.Transport.ResumeProducing()
	t.agent.Flush()
}

// markedSecure is the factory of a Site's connections that are said to be TLS.
type markedSecure struct{ site *web.Site }

func (m markedSecure) BuildProtocol(peer net.Addr) reactor.Protocol {
	return &introducer{m.site.BuildProtocol(peer), func(t reactor.Transport) reactor.Transport {
		return secureTransport{t}
	}}
}

// A secureTransport says of itself that it is TLS. It is what
// directlyProvides(transport, ISSLTransport) makes of one in treq.testing.
type secureTransport struct{ reactor.Transport }

func (secureTransport) TLS() *tls.ConnectionState {
	return &tls.ConnectionState{
		Version:            tls.VersionTLS13,
		HandshakeComplete:  true,
		CipherSuite:        tls.TLS_AES_128_GCM_SHA256,
		NegotiatedProtocol: "http/1.1",
	}
}

// An introducer makes a protocol's connection with what wrap makes of the
// transport, and then steps aside.
type introducer struct {
	reactor.Protocol
	wrap func(reactor.Transport) reactor.Transport
}

func (i *introducer) ConnectionMade(t reactor.Transport) {
	t.SwitchProtocol(i.Protocol)
	i.Protocol.ConnectionMade(i.wrap(t))
}
