package agent

import (
	"encoding/base64"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"time"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/internal/http1"
	"github.com/seed-7c003b53/gotreq/reactor"
	"github.com/seed-7c003b53/gotreq/reactor/endpoints"
	"github.com/seed-7c003b53/gotreq/treq/request"
)

// NewProxyAgent returns an agent whose requests go by the HTTP proxy at proxy, a
// URL such as "http://user:password@proxy.example:3128". A request for http is
// sent to the proxy, to be passed on (RFC 9112, section 3.2.2); one for https goes
// through a tunnel, by CONNECT (RFC 9110, section 9.3.6), and the proxy sees nothing
// of it. The user and password, if there are any, are for the proxy alone.
//
// It is Twisted's ProxyAgent, which has no tunnels. It fails if proxy is not
// a URL of the scheme http.
func NewProxyAgent(r reactor.Reactor, proxy string, config Config) (*Agent, error) {
	u, err := url.Parse(proxy)
	if err != nil {
		return nil, fmt.Errorf("the proxy's URL: %w", err)
	}
	at, err := keyOf(u)
	if err == nil && at.scheme != "http" {
		err = fmt.Errorf("%w: %q", ErrSchemeNotSupported, u.Scheme)
	}
	if err != nil {
		return nil, fmt.Errorf("the proxy's URL %s: %w", u.Redacted(), err)
	}
	a := New(r, config)
	if u.User != nil {
		password, _ := u.User.Password()
		credentials := base64.StdEncoding.EncodeToString([]byte(u.User.Username() + ":" + password))
		a.proxyHeader = []string{"Basic " + credentials}
	}
	a.proxied = func(k key) bool { return k.scheme == "http" }
	a.endpoint = func(u *url.URL) (endpoints.ClientEndpoint, error) {
		k, err := keyOf(u)
		if err != nil {
			return nil, err
		}
		host := endpoints.NewHostname(r, at.host, at.port, endpoints.HostnameConfig{
			Timeout: a.connectTimeout, LocalAddress: a.bindAddress,
		})
		if k.scheme == "http" {
			return host, nil
		}
		return endpoints.WrapTLS(r, reactor.TLSConfig{Config: a.tls.ConfigFor(k.host, k.port)}, &tunnel{
			clock:   r,
			proxy:   host,
			target:  net.JoinHostPort(k.host, k.port),
			header:  a.proxyHeader,
			timeout: a.connectTimeout,
		}), nil
	}
	return a, nil
}

// toProxy makes head one for a proxy that is to pass the request on.
func (a *Agent) toProxy(head *http1.RequestHead, req *request.Request) {
	u := *req.URL
	u.User, u.Fragment, u.RawFragment = nil, "", ""
	if u.Path == "" {
		u.Path = "/"
	}
	head.Target = u.String()
	if a.proxyHeader != nil {
		head.Header = req.Clone().Header
		head.Header["Proxy-Authorization"] = a.proxyHeader
	}
}

// A ProxyError says that a proxy opened no tunnel.
type ProxyError struct {
	Target string // host and port
	Code   int    // of the proxy's response
	Phrase string
}

func (e *ProxyError) Error() string {
	return fmt.Sprintf("the proxy opened no tunnel to %s: %d %s", e.Target, e.Code, e.Phrase)
}

// A tunnel is the endpoint of a host behind a proxy.
type tunnel struct {
	clock   reactor.Clock
	proxy   endpoints.ClientEndpoint
	target  string
	header  []string
	timeout time.Duration
}

// Connect connects to the proxy and has it open the tunnel.
func (t *tunnel) Connect(factory reactor.Factory) *deferred.Deferred[reactor.Protocol] {
	connected := t.proxy.Connect(reactor.FactoryFunc(func(net.Addr) reactor.Protocol {
		return &tunneling{tunnel: t, factory: factory}
	}))
	return deferred.Then(connected, func(p reactor.Protocol) *deferred.Deferred[reactor.Protocol] {
		return p.(*tunneling).open()
	})
}

// A tunneling is the protocol of a connection to a proxy until the tunnel is
// there.
type tunneling struct {
	tunnel    *tunnel
	factory   reactor.Factory
	transport reactor.Transport
	reader    http1.ResponseReader
	opened    *deferred.Deferred[reactor.Protocol]
	lost      error
}

func (t *tunneling) ConnectionMade(below reactor.Transport) { t.transport = below }

// open asks for the tunnel.
func (t *tunneling) open() *deferred.Deferred[reactor.Protocol] {
	t.opened = deferred.NewCancellable(func(*deferred.Deferred[reactor.Protocol]) { t.transport.AbortConnection() })
	if t.lost != nil {
		t.opened.Errback(t.lost)
		return t.opened
	}
	header := http.Header{}
	if t.tunnel.header != nil {
		header["Proxy-Authorization"] = t.tunnel.header
	}
	head, err := http1.AppendRequestHead(nil, &http1.RequestHead{
		Method: http.MethodConnect, Target: t.tunnel.target, Host: t.tunnel.target, Header: header, KeepAlive: true,
	})
	if err != nil {
		t.fail(err)
		return t.opened
	}
	t.reader.Start(http.MethodConnect)
	t.transport.Write(head)
	timeout := t.tunnel.timeout
	if timeout == 0 {
		timeout = reactor.DefaultConnectTimeout
	}
	return t.opened.AddTimeout(timeout, t.tunnel.clock, nil)
}

func (t *tunneling) fail(err error) {
	t.transport.AbortConnection()
	if !t.opened.Called() {
		t.opened.Errback(err)
	}
}

func (t *tunneling) DataReceived(data []byte) {
	for t.opened != nil && !t.opened.Called() {
		n, event, err := t.reader.Next(data)
		data = data[n:]
		switch {
		case err != nil:
			t.fail(fmt.Errorf("the proxy's answer to CONNECT %s: %w", t.tunnel.target, err))
		case event == http1.NeedMore:
			return
		case event == http1.Head:
			head := t.reader.Head()
			t.fail(&ProxyError{t.tunnel.target, head.Code, head.Phrase})
		case event == http1.Upgraded:
			t.through(data)
		}
	}
}

// through hands the connection, which leads to the target now, to a protocol of
// the factory.
func (t *tunneling) through(rest []byte) {
	p := t.factory.BuildProtocol(t.transport.Peer())
	if p == nil {
		t.fail(reactor.ErrNoProtocol)
		return
	}
	t.transport.SwitchProtocol(p)
	p.ConnectionMade(t.transport)
	if len(rest) != 0 {
		p.DataReceived(rest)
	}
	t.opened.Callback(p)
}

func (t *tunneling) ConnectionLost(reason error) {
	t.lost = fmt.Errorf("the proxy closed the connection: %w", reason)
	if t.opened != nil && !t.opened.Called() {
		t.opened.Errback(t.lost)
	}
}
