package agent

import (
	"errors"
	"fmt"
	"net"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/internal/list"
	"github.com/seed-7c003b53/gotreq/reactor"
	"github.com/seed-7c003b53/gotreq/reactor/endpoints"
)

// An attempt makes a connection for an exchange.
type attempt struct {
	agent     *Agent
	group     *group
	x         *exchange                            // gets the connection
	place     list.Node[attempt]                   // in the pool's attempts
	endpoint  endpoints.ClientEndpoint             // nil before it is chosen
	quitting  error                                // why x ends although the connection is being made; or nil
	made      *pooled                              // the connection; nil before it is made
	coalesced *http2Connection                     // a connection to another origin that serves as well; or nil
	connected *deferred.Deferred[reactor.Protocol] // the result of the endpoint
}

// connect sends x over a new connection.
func (a *Agent) connect(x *exchange) {
	at := &attempt{agent: a, group: x.group, x: x}
	a.pool.attempts.Push(&at.place, at)
	at.connected = deferred.MaybeDeferred(func() *deferred.Deferred[reactor.Protocol] {
		e, err := a.endpoint(x.request.URL, x.group, x.trace)
		if err != nil {
			return deferred.Fail[reactor.Protocol](err)
		}
		at.endpoint = e
		return at.coalesce(func() *deferred.Deferred[reactor.Protocol] { return e.Connect(at) })
	})
	x.connecting = at
	if x.over() { // what connects, such as a hook, has cancelled it
		at.connected.Cancel()
	}
	at.connected.AddBoth(at.over)
}

// quit ends the attempt because its exchange ends because of err. If others wait for the
// outcome, the first of them gets the attempt instead.
func (at *attempt) quit(err error) {
	if at.agent.pool.shares(at.group) {
		if next := at.group.next(); next != nil {
			at.x.connecting, next.connecting = nil, at
			at.x = next
			return
		}
	}
	at.quitting = err
	at.connected.Cancel()
}

// BuildProtocol makes the attempt the factory of its connection.
func (at *attempt) BuildProtocol(net.Addr) reactor.Protocol {
	if at.x.over() || at.quitting != nil { // the endpoint connected after its cancel
		return nil
	}
	if at.group.server.Scheme == "http" && at.agent.config.Endpoint == nil && !at.group.versions.http2 {
		return at.make(1)
	}
	return &newcomer{attempt: at}
}

// make returns the protocol of the connection, which speaks version.
func (at *attempt) make(version version) reactor.Protocol {
	at.group.version = version
	if version == 2 {
		c := newHTTP2Connection(at.agent, at.group)
		at.made = &c.pooled
		return c
	}
	c := newConnection(at.agent.pool, at.group)
	at.made = &c.pooled
	return c
}

// over handles the result of the endpoint.
func (at *attempt) over(p reactor.Protocol, err error) (reactor.Protocol, error) {
	x, g, pool := at.x, at.group, at.agent.pool
	at.place.Remove()
	at.endpoint = nil
	x.connecting = nil
	if at.coalesced != nil {
		at.overCoalesced()
		return p, nil
	}
	cancelled := at.quitting != nil
	if cancelled {
		x.fail(at.quitting)
	}
	c := at.made
	switch n := p.(type) {
	case nil:
		c = nil
	case *connection, *http2Connection:
	case *newcomer:
		err = n.failed
	default:
		c, err = nil, fmt.Errorf("the endpoint connected a %T, which the agent did not make", p)
	}
	switch {
	case c == nil:
		if err == nil {
			err = errNotMade
		}
		err = explained(err)
		x.fail(err)
		if at.made != nil && at.made.transport != nil { // a hook ended x when it was connected
			g.connecting--
			at.made.conn.abort(reactor.ErrConnectionAborted)
			break
		}
		if cancelled {
			err = nil
		}
		pool.failed(g, err)
	case x.over():
		g.connecting--
		c.conn.abort(reactor.ErrConnectionAborted)
	default:
		g.connecting--
		if err := c.conn.send(x); err != nil {
			x.fail(err)
		}
		pool.made(c)
	}
	return p, nil
}

// errNotMade is the error of an endpoint that returned without a connection and without an error.
var errNotMade = errors.New("the endpoint made no connection")
