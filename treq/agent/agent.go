package agent

import (
	"net/http"
	"net/url"
	"time"

	"github.com/seed-7c003b53/gotreq/internal/http2"
	"github.com/seed-7c003b53/gotreq/internal/origin"
	"github.com/seed-7c003b53/gotreq/reactor"
	"github.com/seed-7c003b53/gotreq/reactor/endpoints"
	"github.com/seed-7c003b53/gotreq/reactor/task"
	"github.com/seed-7c003b53/gotreq/treq/request"
	"github.com/seed-7c003b53/gotreq/treq/response"
	"github.com/seed-7c003b53/gotreq/treq/wire"
)

// A Requester issues requests. [Agent] is one, and so is every agent that wraps
// another. It is Twisted's IAgent.
type Requester interface {
	// Request sends req and fires with the response when its head is received. The
	// body is still to be read. Request does not change req. Cancelling the Deferred
	// gives up the request and closes its connection, if it has one. Over HTTP/2 it resets
	// the stream of the request, and the connection stays.
	Request(req *request.Request) *response.Deferred
}

// An Agent sends each request as it is, over HTTP/1.1 or HTTP/2. It is
// twisted.web.client.Agent.
type Agent struct {
	config     Config
	reactor    reactor.Reactor
	pool       *Pool
	tls        *TLSPolicy
	cooperator *task.Cooperator  // runs the producers and readers of bodies; nil until the first body
	scratch    []byte            // the buffer in which heads are built
	head       http2.RequestHead // the head of an HTTP/2 request while it is being sent
	dump       *dump             // shows what the connections carry; or nil

	// The group of the last request, and the parts of its URL that chose the group:
	// most requests go to the same server as the request before.
	lastScheme, lastHost string
	lastGroup            *group // nil if Config has a Proxy, which may choose another one for the next request
	lastProxy            *proxy // the proxy that was chosen last
}

// A Config says how an Agent works. The zero value works.
type Config struct {
	// Pool keeps the agent's connections, so that later requests can use them. If it
	// is nil, the connection of each request closes after it, as in Twisted.
	Pool *Pool
	// ConnectTimeout bounds the attempt to connect to each address, then the wait for a
	// proxy's answer to CONNECT, and then the TLS handshake. The error is a
	// [*TimeoutError]. 0 means [reactor.DefaultConnectTimeout]. A negative time is no
	// bound, except that a handshake may take 30 seconds. An Endpoint connects with
	// timeouts of its own; a handshake of the agent on its connection has this one.
	ConnectTimeout time.Duration
	// LocalAddress is the IP address and port of this machine to connect from, as in
	// "192.0.2.1:0"; the system chooses port 0. "" leaves both to the system. It is
	// Twisted's bindAddress.
	LocalAddress string
	// TLS says how to speak TLS for https. nil means NewTLSPolicy(nil).
	TLS *TLSPolicy
	// Limits bounds the parts of a response other than its body.
	Limits wire.Limits
	// Endpoint, if it is not nil, chooses where to connect, in place of the URL's host
	// and port.
	Endpoint EndpointFactory
	// Proxy, if it is not nil, chooses the proxy of each request. It returns the URL of the
	// proxy, or nil for none; the request fails with its error. It must not change the
	// request. [ProxyFromEnvironment] and [ProxyURL] are such functions. A Stack asks for
	// each hop, so a redirect may go another way. The schemes of a proxy are:
	//
	//   - http: a request for http is forwarded (RFC 9112, section 3.2.2); a request for
	//     https goes through a tunnel that CONNECT opens (RFC 9110, section 9.3.6), so that
	//     the proxy cannot read it.
	//   - https: the same, over TLS to the proxy, by the TLS of this Config.
	//   - socks5: SOCKS5, with the addresses that the reactor's resolver finds.
	//   - socks5h: SOCKS5, with the host name, which the proxy looks up.
	//
	// Without a port, they are 80, 443, 1080 and 1080. Only the proxy gets the user name and
	// password of the URL. Requests share a connection only if their proxies are equal. A
	// proxy that cannot be reached, or opens no tunnel, is a [*ProxyError].
	Proxy func(req *request.Request) (*url.URL, error)
	// Coalesce lets requests for https use an HTTP/2 connection that was made to another host, as
	// browsers do (RFC 9113, section 9.1.1): to the same port, if the certificate of the
	// connection is valid for the host too, and the reactor's resolver finds the connection's
	// address for it. Everything else that decides on connections must be equal. A proxy or an
	// Endpoint, and a tls.Config with InsecureSkipVerify, with another verification or with
	// certificates chosen by host, exclude it. If the server answers 421 (RFC 9110, section
	// 15.5.20), the request is sent again on a connection of its own, and later ones too.
	Coalesce bool
	// Dump, if it is not nil, shows what the connections of the agent carry.
	Dump *DumpConfig
	// Protocols are the versions of HTTP that the agent speaks, as in net/http. nil means
	// HTTP1 and HTTP2. For https, the agent offers HTTP/2 first and then HTTP/1.1, as far as
	// they are in Protocols, in the handshake of TLS (ALPN); the NextProtos of a user's
	// tls.Config take their place. What the server chooses counts, also on the connections of
	// an Endpoint. For http, the agent speaks HTTP/1.1, or, if Protocols have UnencryptedHTTP2
	// and not HTTP1, HTTP/2 (RFC 9113, section 3.3).
	//
	// A request with "Connection: Upgrade" needs HTTP/1.1, and has a connection of its own where
	// HTTP/2 is possible. A request for a WebSocket is different: if there is a connection of
	// HTTP/2 whose server offers extended CONNECT (RFC 8441), or if HTTP1 is not in Protocols,
	// it is sent as one, and the response looks like that of HTTP/1.1. A CONNECT with a header
	// ":protocol" is an extended CONNECT for another protocol, as in net/http. It needs HTTP/2,
	// and fails with [ErrNoExtendedConnect] where that is not offered.
	Protocols *http.Protocols
}

// An EndpointFactory returns the endpoint to connect to for a URL. It is Twisted's
// IAgentEndpointFactory.
//
// A request for https never leaves in clear. The agent speaks TLS, by the TLS of its Config,
// on the connections of the endpoint, unless the endpoint is an [endpoints.SecureEndpoint]
// whose Secure returns true. An [*endpoints.TLS] is one.
type EndpointFactory func(u *url.URL) (endpoints.ClientEndpoint, error)

// New returns an Agent on r. Its methods belong to the goroutine of r. New panics if config
// has both an Endpoint and a Proxy, which choose the same.
func New(r reactor.Reactor, config Config) *Agent {
	if config.Endpoint != nil && config.Proxy != nil {
		panic("agent: New with an Endpoint and a Proxy")
	}
	a := &Agent{config: config, reactor: r, pool: config.Pool, tls: config.TLS, dump: newDump(config.Dump)}
	if a.pool == nil {
		a.pool = NewPool(r, PoolConfig{DisablePersistent: true})
	}
	if a.tls == nil {
		a.tls = NewTLSPolicy(nil)
	}
	if p := config.Protocols; p != nil {
		own := *p
		a.config.Protocols = &own
	}
	a.config.Limits = config.Limits.OrDefault()
	return a
}

// Request sends req; see [Requester]. The Deferred fails with a [*RequestError].
//
// The agent calls the hooks of an [httptrace.ClientTrace] in the Context of req, in the order
// of package net/http, on the goroutine of the loop. A hook must not block. A panic of it fails
// the request with a *deferred.PanicError, and so does an error of Got1xxResponse. After the
// Deferred has failed, no hook is called. The Conn of GotConn has addresses only. The hooks for
// the lookup and the attempts to connect are not for the endpoints of an EndpointFactory.
func (a *Agent) Request(req *request.Request) *response.Deferred {
	x := &exchange{agent: a, request: req, began: a.pool.now()}
	x.trace = newTracer(x)
	result := new(response.Deferred) // not a part of x: the connection keeps x, but must not keep the response
	result.Init(x)
	x.result = result
	var err error
	if x.group, err = a.group(req); err == nil {
		err = a.dispatch(x)
	}
	if err != nil {
		x.fail(err)
	}
	if x.group != nil {
		a.pool.release(x.group)
	}
	return result
}

// dispatch gives x to a connection that has room for it, or else to a new one, or else makes it
// wait. It returns the error of an invalid request, before anything is connected.
func (a *Agent) dispatch(x *exchange) error {
	x.webSocket = x.group.streams(x.request)
	if x.trace != nil {
		if err := x.check(); err != nil {
			return err
		}
		if x.trace.getConn(x.group.hop()); x.over() {
			return nil
		}
	}
	c := a.pool.overStream(x)
	if c == nil {
		c = a.pool.take(x)
	}
	if c != nil {
		err := c.conn.send(x)
		if err != nil {
			a.pool.put(c)
		}
		return err
	}
	if x.trace == nil {
		if err := x.check(); err != nil {
			return err
		}
	}
	if a.pool.open(x.group) {
		a.connect(x)
	} else {
		x.group.enqueue(x)
	}
	return nil
}

// check returns the error of an invalid request.
func (x *exchange) check() error {
	a, g := x.agent, x.group
	switch extended := protocolOf(x.request) != ""; {
	case extended && (g.version == 1 || !g.versions.http2):
		return errConnectOverHTTP1
	case g.version != 2 && !extended && !x.webSocket:
		head, err := appendHead(a.scratch[:0], x)
		a.scratch = head
		if err != nil || g.version == 1 || !g.versions.http2 || g.versions.upgrade {
			return err
		}
	}
	head, err := requestHead(x)
	if err != nil {
		return err
	}
	return http2.CheckRequest(head)
}

// group returns the pool's group of the connections for req.
func (a *Agent) group(req *request.Request) (*group, error) {
	u := req.URL
	upgrade := a.upgrades(req)
	if g := a.lastGroup; g != nil && u != nil && u.Host == a.lastHost && u.Scheme == a.lastScheme && !g.dropped && g.serves(upgrade) {
		return g, nil
	}
	r, err := a.route(u, upgrade)
	if err != nil {
		return nil, err
	}
	if a.config.Proxy != nil {
		return a.proxiedGroup(req, r)
	}
	a.lastScheme, a.lastHost, a.lastGroup = u.Scheme, u.Host, a.pool.group(r)
	return a.lastGroup, r.versions.check(r.server.Scheme)
}

// serves reports whether g is for requests that need an upgrade, or for those that need none.
// Where all connections speak HTTP/1.1, it is for both.
func (g *group) serves(upgrade bool) bool { return g.versions.upgrade == upgrade || !g.versions.http2 }

// A route is everything that decides which connections a request may use: two requests
// with equal routes would make the same connection.
type route struct {
	server   origin.Server
	proxy    string      // the key of the proxy, with its credentials; "" without a proxy
	tls      *TLSPolicy  // the TLS of Config, for https, also to a proxy
	local    string      // the LocalAddress of Config
	limits   wire.Limits // the Limits of Config, with the defaults
	versions versions
	agent    *Agent // non-nil for an agent with an Endpoint or a Dump, which shares no connection
}

// route returns the route to the server of u. upgrade says that it is for requests that need
// HTTP/1.1.
func (a *Agent) route(u *url.URL, upgrade bool) (route, error) {
	server, err := serverOf(u)
	r := route{server: server, local: a.config.LocalAddress, limits: a.config.Limits}
	if server.Scheme == "https" {
		r.tls = a.config.TLS
	}
	r.versions = a.versionsOf(server.Scheme)
	r.versions.upgrade = upgrade && r.versions.http2
	if a.config.Endpoint != nil || a.dump != nil {
		r.agent = a
	}
	return r, err
}

// hop returns the address that the connections of g are made to, for the hook GetConn.
func (g *group) hop() string {
	server := g.server
	if g.through != nil {
		server = g.through.server
	}
	return netLocation(server)
}

// endpoint returns the endpoint of the connections of g, for u.
func (a *Agent) endpoint(u *url.URL, g *group, trace *tracer) (endpoints.ClientEndpoint, error) {
	server := g.server
	var e endpoints.ClientEndpoint
	switch {
	case a.config.Endpoint != nil:
		var err error
		if e, err = a.config.Endpoint(u); err != nil || e == nil {
			return e, err
		}
		if s, ok := e.(endpoints.SecureEndpoint); ok && s.Secure() {
			return e, nil
		}
	case g.through == nil:
		e = a.hostname(server, trace)
	default:
		e = a.through(g.through, server, trace)
	}
	if server.Scheme == "https" {
		return a.secured(e, server, g.versions, trace), nil
	}
	return e, nil
}

// hostname returns an endpoint that looks server's name up and connects to it.
func (a *Agent) hostname(server origin.Server, trace *tracer) endpoints.ClientEndpoint {
	return &hostname{agent: a, below: endpoints.NewHostname(a.reactor, server.Host, server.Port, endpoints.HostnameConfig{
		Timeout: a.config.ConnectTimeout, LocalAddress: a.config.LocalAddress, Trace: trace.connecting(),
	})}
}

// resend sends x again after the loss of a reused connection, after a 417, or if an HTTP/2
// server did not process it. If the pool allows no new connection, x waits in the queue and may
// get another reused one, whose loss leads here again.
func (a *Agent) resend(x *exchange) {
	if err := x.rewindBody(); err != nil {
		x.fail(err)
		return
	}
	if x.webSocket && a.overHTTP1(x) { // another connection may offer no extended CONNECT
		x.webSocket = false
	}
	if x.trace != nil {
		if x.trace.getConn(x.group.hop()); x.over() {
			return
		}
	}
	switch c := x.group.roomy(); {
	case c != nil:
		if err := c.conn.send(x); err != nil {
			x.fail(err)
		}
	case a.pool.open(x.group):
		a.connect(x)
	default:
		x.group.enqueue(x)
	}
}

// overHTTP1 gives x the group of those requests that need HTTP/1.1, because the server asks for
// that (RFC 9113, section 7). It reports whether there is one.
func (a *Agent) overHTTP1(x *exchange) bool {
	r := x.group.route
	if !r.versions.http1 || r.versions.upgrade {
		return false
	}
	through := x.group.through
	r.versions.upgrade = true
	x.group = a.pool.group(r)
	x.group.through = through
	return true
}

// bodies returns the Cooperator that runs the producers of requests' bodies and the
// readers of responses' bodies.
func (a *Agent) bodies() *task.Cooperator {
	if a.cooperator == nil {
		a.cooperator = task.NewCooperator(a.reactor, task.CooperatorConfig{})
	}
	return a.cooperator
}
