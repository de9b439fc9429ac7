package agent

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"time"

	"github.com/seed-7c003b53/gotreq/deferred"
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
	// gives up the request and closes its connection, if it has one.
	Request(req *request.Request) *deferred.Deferred[*response.Response]
}

// An Agent sends each request as it is, over HTTP/1.1. It is
// twisted.web.client.Agent.
type Agent struct {
	config     Config
	reactor    reactor.Reactor
	pool       *Pool
	tls        *TLSPolicy
	cooperator *task.Cooperator // runs the producers and readers of bodies; nil until the first body
	scratch    []byte           // the buffer in which heads are built
	dump       *dump            // shows what the connections carry; or nil

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
	// Dump, if it is not nil, shows what the connections of the agent carry.
	Dump *DumpConfig
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
	return a
}

// Request sends req; see [Requester]. The Deferred fails with a [*RequestError].
//
// The agent calls the hooks of an [httptrace.ClientTrace] in the Context of req, in the order
// of package net/http, on the goroutine of the loop. A hook must not block. A panic of it fails
// the request with a *deferred.PanicError, and so does an error of Got1xxResponse. After the
// Deferred has failed, no hook is called. The Conn of GotConn has addresses only. The hooks for
// the lookup and the attempts to connect are not for the endpoints of an EndpointFactory.
func (a *Agent) Request(req *request.Request) *deferred.Deferred[*response.Response] {
	x := &exchange{agent: a, request: req}
	x.trace = newTracer(x)
	x.result = deferred.NewCancellable(func(*deferred.Deferred[*response.Response]) { x.cancel() })
	result := x.result
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
	if x.trace != nil {
		if err := x.check(); err != nil {
			return err
		}
		if x.trace.getConn(x.group.hop()); x.over() {
			return nil
		}
	}
	if c := a.pool.take(x); c != nil {
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
	a := x.agent
	head, err := appendHead(a.scratch[:0], x)
	a.scratch = head
	return err
}

// group returns the pool's group of the connections for req.
func (a *Agent) group(req *request.Request) (*group, error) {
	u := req.URL
	if g := a.lastGroup; g != nil && u != nil && u.Host == a.lastHost && u.Scheme == a.lastScheme && !g.dropped {
		return g, nil
	}
	r, err := a.route(u)
	if err != nil {
		return nil, err
	}
	if a.config.Proxy != nil {
		return a.proxiedGroup(req, r)
	}
	a.lastScheme, a.lastHost, a.lastGroup = u.Scheme, u.Host, a.pool.group(r)
	return a.lastGroup, nil
}

// A route is everything that decides which connections a request may use: two requests
// with equal routes would make the same connection.
type route struct {
	server origin.Server
	proxy  string      // the key of the proxy, with its credentials; "" without a proxy
	tls    *TLSPolicy  // the TLS of Config, for https, also to a proxy
	local  string      // the LocalAddress of Config
	limits wire.Limits // the Limits of Config, with the defaults
	agent  *Agent      // non-nil for an agent with an Endpoint or a Dump, which shares no connection
}

func (a *Agent) route(u *url.URL) (route, error) {
	server, err := origin.ServerOf(u)
	if errors.Is(err, origin.ErrHost) {
		err = &wire.Error{Kind: wire.ErrHost, Detail: fmt.Sprintf("%.200q", u.Host)}
	}
	r := route{server: server, local: a.config.LocalAddress, limits: a.config.Limits.OrDefault()}
	if server.Scheme == "https" {
		r.tls = a.config.TLS
	}
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
	return net.JoinHostPort(server.Host, server.Port)
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
		return &secured{a, a.tls.ConfigFor(server.TLSName(), server.Port), e, trace}, nil
	}
	return e, nil
}

// hostname returns an endpoint that looks server's name up and connects to it.
func (a *Agent) hostname(server origin.Server, trace *tracer) endpoints.ClientEndpoint {
	return &hostname{a, endpoints.NewHostname(a.reactor, server.Host, server.Port, endpoints.HostnameConfig{
		Timeout: a.config.ConnectTimeout, LocalAddress: a.config.LocalAddress, Trace: trace.connecting(),
	})}
}

// connect sends x over a new connection.
func (a *Agent) connect(x *exchange) {
	var made *connection
	factory := reactor.FactoryFunc(func(net.Addr) reactor.Protocol {
		if x.over() || x.quitting != nil { // the endpoint connected after its cancel
			return nil
		}
		made = newConnection(a.pool, x.group, a.config.Limits)
		return made
	})
	x.connecting = deferred.MaybeDeferred(func() *deferred.Deferred[reactor.Protocol] {
		e, err := a.endpoint(x.request.URL, x.group, x.trace)
		if err != nil {
			return deferred.Fail[reactor.Protocol](err)
		}
		return e.Connect(factory)
	})
	if x.over() { // what connects, such as a hook, has cancelled it
		x.connecting.Cancel()
	}
	x.connecting.AddBoth(func(p reactor.Protocol, err error) (reactor.Protocol, error) {
		x.connecting = nil
		if x.quitting != nil {
			x.fail(x.quitting)
		}
		c, _ := p.(*connection)
		switch {
		case c == nil:
			if err == nil {
				err = fmt.Errorf("the endpoint connected a %T, which the agent did not make", p)
			}
			x.fail(explained(err))
			if p == nil && made != nil && made.transport != nil { // a hook ended x when it was connected
				made.abort(reactor.ErrConnectionAborted)
				return p, nil
			}
			a.pool.closed(x.group)
		case x.over():
			c.abort(reactor.ErrConnectionAborted)
		default:
			if err := c.send(x); err != nil {
				a.pool.put(&c.pooled)
				x.fail(err)
			}
		}
		return p, nil
	})
}

// resend sends x again after the loss of a reused connection, or after a 417. If the pool
// allows no new connection, x waits in the queue and may get another reused one, whose loss
// leads here again.
func (a *Agent) resend(x *exchange) {
	if err := x.rewindBody(); err != nil {
		x.fail(err)
		return
	}
	if x.trace != nil {
		if x.trace.getConn(x.group.hop()); x.over() {
			return
		}
	}
	if a.pool.open(x.group) {
		a.connect(x)
	} else {
		x.group.enqueue(x)
	}
}

// bodies returns the Cooperator that runs the producers of requests' bodies and the
// readers of responses' bodies.
func (a *Agent) bodies() *task.Cooperator {
	if a.cooperator == nil {
		a.cooperator = task.NewCooperator(a.reactor, task.CooperatorConfig{})
	}
	return a.cooperator
}
