package agent

import (
	"cmp"
	"fmt"
	"net"
	"net/http"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/internal/http1"
	"github.com/seed-7c003b53/gotreq/internal/origin"
	"github.com/seed-7c003b53/gotreq/reactor"
	"github.com/seed-7c003b53/gotreq/reactor/endpoints"
)

// A ProxyError says that a proxy refused to open a tunnel.
type ProxyError struct {
	Target string // the host and port for the far end of the tunnel
	Code   int    // the status code of the proxy's response
	Phrase string // the phrase of the proxy's response
}

func (e *ProxyError) Error() string {
	return fmt.Sprintf("the proxy opened no tunnel to %s: %d %s", e.Target, e.Code, e.Phrase)
}

// A tunnel is the endpoint of a server that is reached through a proxy.
type tunnel struct {
	agent  *Agent
	target string // the server's host and port
}

func (a *Agent) tunnel(server origin.Server) endpoints.ClientEndpoint {
	return &tunnel{a, net.JoinHostPort(server.Host, server.Port)}
}

// Connect connects to the proxy and has it open the tunnel.
func (t *tunnel) Connect(factory reactor.Factory) *deferred.Deferred[reactor.Protocol] {
	proxy := t.agent.hostname(t.agent.proxy.server)
	connected := proxy.Connect(reactor.FactoryFunc(func(net.Addr) reactor.Protocol {
		return &tunnelOpener{tunnel: t, factory: factory}
	}))
	return deferred.Then(connected, func(p reactor.Protocol) *deferred.Deferred[reactor.Protocol] {
		return p.(*tunnelOpener).open()
	})
}

// A tunnelOpener is the protocol of a connection to a proxy until the tunnel is open.
type tunnelOpener struct {
	*tunnel
	factory   reactor.Factory
	transport reactor.Transport
	reader    http1.ResponseReader
	opened    *deferred.Deferred[reactor.Protocol]
	lost      error // why the connection was lost; nil while connected
}

func (o *tunnelOpener) ConnectionMade(t reactor.Transport) { o.transport = t }

func (o *tunnelOpener) open() *deferred.Deferred[reactor.Protocol] {
	o.opened = deferred.NewCancellable(func(*deferred.Deferred[reactor.Protocol]) { o.transport.AbortConnection() })
	if o.lost != nil {
		o.opened.Errback(o.lost)
		return o.opened
	}
	header := http.Header{}
	if authorization := o.agent.proxy.authorization; authorization != nil {
		header["Proxy-Authorization"] = authorization
	}
	head, err := http1.AppendRequestHead(nil, &http1.RequestHead{
		Method: http.MethodConnect, Target: o.target, Host: o.target, Header: header, KeepAlive: true,
	})
	if err != nil {
		o.fail(err)
		return o.opened
	}
	o.reader.Start(http.MethodConnect)
	o.transport.Write(head)
	timeout := cmp.Or(o.agent.config.ConnectTimeout, reactor.DefaultConnectTimeout)
	return o.opened.AddTimeout(timeout, o.agent.reactor, nil)
}

func (o *tunnelOpener) fail(err error) {
	o.transport.AbortConnection()
	if !o.opened.Called() {
		o.opened.Errback(err)
	}
}

func (o *tunnelOpener) DataReceived(data []byte) {
	for o.opened != nil && !o.opened.Called() {
		n, event, err := o.reader.Next(data)
		data = data[n:]
		switch {
		case err != nil:
			o.fail(fmt.Errorf("the proxy's answer to CONNECT %s: %w", o.target, err))
		case event == http1.NeedMore:
			return
		case event == http1.Head:
			head := o.reader.Head()
			o.fail(&ProxyError{o.target, head.Code, head.Phrase})
		case event == http1.Upgraded:
			o.handOver(data)
		}
	}
}

// handOver gives the connection, which now leads to the target, to a protocol of the
// factory. early holds the bytes that the target has already sent.
func (o *tunnelOpener) handOver(early []byte) {
	p := o.factory.BuildProtocol(o.transport.Peer())
	if p == nil {
		o.fail(reactor.ErrNoProtocol)
		return
	}
	o.transport.SwitchProtocol(p)
	p.ConnectionMade(o.transport)
	if len(early) != 0 {
		p.DataReceived(early)
	}
	o.opened.Callback(p)
}

func (o *tunnelOpener) ConnectionLost(reason error) {
	o.lost = fmt.Errorf("the proxy closed the connection: %w", reason)
	if o.opened != nil && !o.opened.Called() {
		o.opened.Errback(o.lost)
	}
}
