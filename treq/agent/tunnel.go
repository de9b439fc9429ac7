package agent

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/internal/handover"
	"github.com/seed-7c003b53/gotreq/internal/http1"
	"github.com/seed-7c003b53/gotreq/internal/origin"
	"github.com/seed-7c003b53/gotreq/reactor"
	"github.com/seed-7c003b53/gotreq/reactor/endpoints"
)

// A ProxyError says that a proxy could not be reached, or did not connect to the server. If it
// refused to open a tunnel, the error has its response. What a proxy answers to a request that
// it is to forward is no error, but the response.
type ProxyError struct {
	Proxy  string // the URL of the proxy, without its password
	Target string // the host and port that the proxy was to connect to
	Err    error  // why there is no connection; nil if the proxy refused a tunnel
	// The proxy's response, if it refused a tunnel.
	Code   int    // the status code
	Phrase string // the server's text for the code
	Header http.Header
	// Body is the beginning of the body: at most 16 KiB, received within 250 ms after the
	// head.
	Body []byte
}

// maxProxyBody bounds the body of a ProxyError.
const maxProxyBody = 16 << 10

func (e *ProxyError) Error() string {
	if e.Err != nil {
		return fmt.Sprintf("%v (to %s through the proxy %s)", e.Err, e.Target, e.Proxy)
	}
	proxy := "the proxy"
	if e.Proxy != "" {
		proxy += " " + e.Proxy
	}
	text := fmt.Sprintf("%s opened no tunnel to %s: %d", proxy, e.Target, e.Code)
	if e.Phrase == "" {
		return text
	}
	return text + " " + origin.Excerpt(printable(e.Phrase), origin.ExcerptOfURL)
}

// Unwrap returns Err.
func (e *ProxyError) Unwrap() error { return e.Err }

// A tunnel is the endpoint of a server that is reached through a proxy.
type tunnel struct {
	agent  *Agent
	proxy  *proxy
	below  endpoints.ClientEndpoint // the proxy
	target string                   // the server's host and port
	opener *tunnelOpener            // of the last Connect; nil before the proxy is connected
}

// Connect connects to the proxy and has it open the tunnel.
func (t *tunnel) Connect(factory reactor.Factory) *deferred.Deferred[reactor.Protocol] {
	t.opener = nil
	over := false
	connected := t.below.Connect(reactor.FactoryFunc(func(net.Addr) reactor.Protocol {
		if over {
			return nil
		}
		o := &tunnelOpener{tunnel: t, factory: factory}
		t.opener = o
		o.reader.SetLimits(&t.agent.config.Limits)
		return o
	}))
	return deferred.Then(connected, func(p reactor.Protocol) *deferred.Deferred[reactor.Protocol] {
		return p.(*tunnelOpener).open()
	}).AddErrback(func(err error) (reactor.Protocol, error) {
		over = true
		if o := t.opener; o != nil && o.opened == nil { // a hook cancelled it when the proxy was connected
			o.abandon()
		}
		return nil, err
	})
}

// A tunnelOpener is the protocol of a connection to a proxy until the tunnel is open.
type tunnelOpener struct {
	*tunnel
	factory   reactor.Factory
	transport reactor.Transport
	reader    http1.ResponseReader
	opened    *deferred.Deferred[reactor.Protocol]
	refusal   *ProxyError         // the proxy's refusal, whose body is being read; or nil
	late      reactor.DelayedCall // ends the reading of that body
	lost      error               // why the connection was lost; nil while connected
	dump      *dumpedConnection   // shows what it carries; or nil
	abandoned bool                // nobody will open it
}

// abandon closes the connection, now or when it is made.
func (o *tunnelOpener) abandon() {
	if o.abandoned = true; o.transport != nil {
		o.transport.AbortConnection()
	}
}

func (o *tunnelOpener) ConnectionMade(t reactor.Transport) {
	if o.transport = t; o.abandoned {
		t.AbortConnection()
	}
	o.dump = o.agent.dump.connected(t)
}

func (o *tunnelOpener) open() *deferred.Deferred[reactor.Protocol] {
	o.opened = deferred.NewCancellable(func(*deferred.Deferred[reactor.Protocol]) { o.transport.AbortConnection() })
	if o.lost != nil {
		o.opened.Errback(o.lost)
		return o.opened
	}
	header := http.Header{}
	if authorization := o.proxy.authorization; authorization != nil {
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
	o.dump.begin()
	o.dump.write(head)
	o.transport.Write(head)
	if limit := o.agent.connectLimit(); limit != 0 {
		o.opened.AddTimeout(limit, o.agent.reactor, func(p reactor.Protocol, err error, after time.Duration) (reactor.Protocol, error) {
			if errors.Is(err, deferred.ErrCancelled) {
				err = o.agent.connectTimeout(fmt.Errorf("the proxy's answer to CONNECT %s: timed out after %v", o.target, after))
			}
			return p, err
		})
	}
	return o.opened
}

// fail ends the attempt. A refusal of the proxy is the reason, if there is one.
func (o *tunnelOpener) fail(err error) {
	if o.refusal != nil {
		err = o.refusal
	}
	o.transport.AbortConnection()
	o.ended()
	if !o.opened.Called() {
		o.opened.Errback(err)
	}
}

// ended cancels the timer of the refusal.
func (o *tunnelOpener) ended() {
	if o.late != nil && o.late.Active() {
		o.late.Cancel()
	}
}

func (o *tunnelOpener) DataReceived(data []byte) {
	o.dump.read(data)
	for o.opened != nil && !o.opened.Called() {
		n, event, err := o.reader.Next(data)
		data = data[n:]
		switch {
		case err != nil:
			o.fail(fmt.Errorf("the proxy's answer to CONNECT %s: %w", o.target, err))
		case event == http1.NeedMore:
			return
		case event == http1.Head:
			o.refused()
		case event == http1.Data:
			body := o.reader.Data()
			o.refusal.Body = append(o.refusal.Body, body[:min(len(body), maxProxyBody-len(o.refusal.Body))]...)
			if len(o.refusal.Body) == maxProxyBody {
				o.fail(o.refusal)
			}
		case event == http1.End:
			o.fail(o.refusal)
		case event == http1.Upgraded && o.reader.Head().Code/100 != 2:
			o.refused()
			o.fail(o.refusal)
		case event == http1.Upgraded:
			o.handOver(data)
		}
	}
}

// refused begins to read the body of the proxy's refusal.
func (o *tunnelOpener) refused() {
	head := o.reader.Head()
	o.refusal = &ProxyError{Proxy: o.proxy.shown, Target: o.target, Code: head.Code, Phrase: head.Phrase, Header: head.Header}
	o.late = o.agent.reactor.CallLater(drainTime, func() { o.fail(o.refusal) })
}

// handOver gives the connection, which now leads to the target, to a protocol of the
// factory. early holds the bytes that the target has already sent.
func (o *tunnelOpener) handOver(early []byte) {
	p := o.factory.BuildProtocol(o.transport.Peer())
	if p == nil {
		o.fail(reactor.ErrNoProtocol)
		return
	}
	o.dump.end()
	handover.To(o.transport, p, early, false, nil)
	o.opened.Callback(p)
}

func (o *tunnelOpener) ConnectionLost(reason error) {
	o.dump.lost(reason)
	o.lost = fmt.Errorf("the proxy closed the connection: %w", reason)
	if o.refusal != nil {
		o.lost = o.refusal
	}
	o.ended()
	if o.opened != nil && !o.opened.Called() {
		o.opened.Errback(o.lost)
	}
}
