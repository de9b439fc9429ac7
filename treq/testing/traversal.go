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
	"github.com/seed-7c003b53/gotreq/treq/client"
	"github.com/seed-7c003b53/gotreq/treq/request"
	"github.com/seed-7c003b53/gotreq/treq/response"
	"github.com/seed-7c003b53/gotreq/treq/web"
)

// This file carries requests through memory: from the real agent, over connections of the
// memory reactor, to the real Site.

// A RequestTraversalAgent is an agent that sends all requests, to any host, to one
// resource in memory. When Request returns, or a method that reads a response's body,
// everything it caused has happened. It is treq.testing.RequestTraversalAgent.
//
// A request to an https URL is marked as received over TLS: IsSecure of web.Request is
// true, and TLS of an http.Request is set. [Config] has real TLS.
type RequestTraversalAgent struct {
	reactor *memory.Reactor
	agent   *agent.Agent
	site    *web.Site
	tls     *authority // nil without Config.RealTLS
	alpn    string     // what TLS has negotiated: "http/1.1" or "h2"
	http2   bool
}

// A Config says how a [StubTreq] or a [RequestTraversalAgent] works. The zero value works.
type Config struct {
	// RealTLS sends requests to https URLs over real TLS, crypto/tls at both ends. The
	// server has a certificate for the host of each URL, and the client verifies it. A
	// connection then takes about a millisecond to make. The encrypted bytes differ in
	// each run; their number and their times do not.
	RealTLS bool
	// HTTP2 sends all requests over HTTP/2, so that requests to one host at a time share a
	// connection. With RealTLS the two ends agree on it in the handshake (ALPN). Without it,
	// a request to an http URL is sent with prior knowledge (RFC 9113, section 3.3), and the
	// connections to https URLs are marked as if they had agreed.
	HTTP2 bool
	// Client is the config of a [StubTreq]'s client, such as the one that the program passes
	// to [client.New]: its BaseURL and Defaults, for example. Its Agent must be nil: a StubTreq
	// has one of its own, which uses the Limits and the Dump of AgentConfig and ignores the rest, as it
	// connects to no network. A [RequestTraversalAgent] has no client.
	Client client.Config
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
		panic("testing: NewRequestTraversalAgent without a resource")
	}
	r := newReactor()
	site := &web.Site{Root: root, MemoryContent: -1, MemoryContentTotal: -1} // a test in memory needs no files
	a := &RequestTraversalAgent{reactor: r, site: site, alpn: "http/1.1", http2: config.HTTP2}
	var protocols http.Protocols
	if config.HTTP2 {
		a.alpn = "h2"
		protocols.SetHTTP2(true)
		protocols.SetUnencryptedHTTP2(true)
	} else {
		protocols.SetHTTP1(true)
	}
	var secure reactor.Factory = markedSite{site, a.alpn}
	if config.RealTLS {
		a.tls = newAuthority([]string{a.alpn})
		secure = reactor.TLSServer(r, reactor.TLSConfig{Config: a.tls.server()}, a.site)
	}
	a.listen(plainAddress, a.site)
	a.listen(secureAddress, secure)
	a.agent = agent.New(r, agent.Config{
		Pool: agent.NewPool(r, agent.PoolConfig{}), Endpoint: a.endpoint, Protocols: &protocols,
		Limits: config.Client.AgentConfig.Limits, Dump: config.Client.AgentConfig.Dump,
	})
	return a
}

// NewHandlerTraversalAgent returns an agent whose requests handler answers; see
// [web.HandlerResource].
func NewHandlerTraversalAgent(handler http.Handler, config Config) *RequestTraversalAgent {
	return NewRequestTraversalAgent(&web.HandlerResource{Handler: handler}, config)
}

func (a *RequestTraversalAgent) listen(address string, factory reactor.Factory) {
	if _, err := a.reactor.ListenTCP(address, factory); err != nil {
		panic(err) // on a new reactor, no address is in use
	}
}

// Request sends req; see [agent.Requester].
func (a *RequestTraversalAgent) Request(req *request.Request) *response.Deferred {
	d := a.agent.Request(req)
	a.Flush()
	return d
}

// Flush runs the reactor until nothing is left to do at the current time; see
// [StubTreq.Flush]. Within the loop, in a handler for example, Flush does nothing: the
// loop is already running.
func (a *RequestTraversalAgent) Flush() { a.reactor.Advance(0) }

// Reactor returns the agent's reactor; see [StubTreq.Reactor].
func (a *RequestTraversalAgent) Reactor() *memory.Reactor { return a.reactor }

// endpoint is the agent's [agent.EndpointFactory].
func (a *RequestTraversalAgent) endpoint(u *url.URL) (endpoints.ClientEndpoint, error) {
	address, marked := plainAddress, false
	if u.Scheme == "https" {
		address, marked = secureAddress, a.tls == nil && a.http2
	}
	var e endpoints.ClientEndpoint = endpoints.NewTCPClient(a.reactor, address, reactor.ConnectConfig{})
	if u.Scheme == "https" && a.tls != nil {
		e = endpoints.WrapTLS(a.reactor, reactor.TLSConfig{Config: a.tls.client(u.Hostname())}, e)
	}
	return flushingEndpoint{e, a, marked}, nil
}

// A flushingEndpoint connects protocols to transports that flush when a reader resumes
// them. The rest of a large body is then there when the method that reads it returns.
type flushingEndpoint struct {
	inner  endpoints.ClientEndpoint
	agent  *RequestTraversalAgent
	marked bool // the transports claim to be TLS
}

func (e flushingEndpoint) Connect(factory reactor.Factory) *deferred.Deferred[reactor.Protocol] {
	var built reactor.Protocol
	d := e.inner.Connect(reactor.FactoryFunc(func(peer net.Addr) reactor.Protocol {
		built = factory.BuildProtocol(peer)
		return &transportWrapper{built, func(t reactor.Transport) reactor.Transport {
			if e.marked {
				t = markedTransport{t, e.agent.alpn}
			}
			return flushingTransport{t, e.agent}
		}}
	}))
	return d.AddCallback(func(reactor.Protocol) (reactor.Protocol, error) { return built, nil })
}

// Secure returns true: for https the agent needs no TLS of its own, since the connection is
// in memory, or speaks TLS already.
func (e flushingEndpoint) Secure() bool { return true }

// A flushingTransport flushes when it is resumed. Over HTTP/1.1 the reader of a body resumes
// it. Over HTTP/2 the connection does so for the reader of a stream.
type flushingTransport struct {
	reactor.Transport
	agent *RequestTraversalAgent
}

func (t flushingTransport) ResumeProducing() {
	t.Transport.ResumeProducing()
	t.agent.Flush()
}

// A markedSite is a Site whose transports claim to be TLS, as those with
// directlyProvides(transport, ISSLTransport) do in treq.testing.
type markedSite struct {
	*web.Site
	alpn string
}

func (s markedSite) BuildProtocol(peer net.Addr) reactor.Protocol {
	p := s.Site.BuildProtocol(peer)
	if p == nil {
		return nil
	}
	return &transportWrapper{p, func(t reactor.Transport) reactor.Transport { return markedTransport{t, s.alpn} }}
}

type markedTransport struct {
	reactor.Transport
	alpn string
}

func (t markedTransport) TLS() *tls.ConnectionState {
	return &tls.ConnectionState{
		Version:            tls.VersionTLS13,
		HandshakeComplete:  true,
		CipherSuite:        tls.TLS_AES_128_GCM_SHA256,
		NegotiatedProtocol: t.alpn,
	}
}

// A transportWrapper connects a protocol to the transport that wrap returns, and then leaves
// the connection to the protocol.
type transportWrapper struct {
	reactor.Protocol
	wrap func(reactor.Transport) reactor.Transport
}

func (w *transportWrapper) ConnectionMade(t reactor.Transport) {
	t.SwitchProtocol(w.Protocol)
	w.Protocol.ConnectionMade(w.wrap(t))
}
