package agent

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
	"weak"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/internal/http1"
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
	// Request sends req and fires with the response once its head is there; the
	// body is still to be read. Cancelling the Deferred gives the request up
	// and closes its connection, if it has one.
	Request(req *request.Request) *deferred.Deferred[*response.Response]
}

// An Agent sends each request as it is, over HTTP/1.1. It is
// twisted.web.client.Agent. It belongs to its reactor's goroutine.
type Agent struct {
	reactor        reactor.Reactor
	pool           *Pool
	connectTimeout time.Duration
	endpoint       EndpointFactory
	cooperator     *task.Cooperator // runs what produces and reads bodies; nil until one needs it
	tls            *TLSPolicy
	limits         wire.Limits
	bindAddress    string
	proxied        func(k key) bool // the request goes to a proxy that is to pass it on
	proxyHeader    []string         // Proxy-Authorization for that
	last           lastHost         // of the last request
	scratch        []byte           // heads are put together in it
}

// A Config says how an Agent works. The zero value works.
type Config struct {
	// Pool keeps the agent's connections, so that later requests can use them. If it
	// is nil, the connection of each request closes after it, as in Twisted.
	Pool *Pool
	// ConnectTimeout bounds the attempt to connect to each address. 0 means
	// [reactor.DefaultConnectTimeout].
	ConnectTimeout time.Duration
	// LocalAddress is the IP address and port of this machine to connect from, as in
	// "192.0.2.1:0"; the system chooses port 0. "" leaves both to the system. It is
	// Twisted's bindAddress.
	LocalAddress string
	// TLS says how to speak TLS for https. nil means NewTLSPolicy(nil).
	TLS *TLSPolicy
	// Limits bounds what a server may send besides bodies.
	Limits wire.Limits
	// Endpoint, if it is not nil, chooses where to connect, in place of the URL's host
	// and port.
	Endpoint EndpointFactory
}

// An EndpointFactory returns the endpoint to connect to for a URL. It is Twisted's
// IAgentEndpointFactory.
type EndpointFactory func(u *url.URL) (endpoints.ClientEndpoint, error)

// New returns an Agent whose connections r makes.
func New(r reactor.Reactor, config Config) *Agent {
	a := &Agent{
		reactor:        r,
		pool:           config.Pool,
		connectTimeout: config.ConnectTimeout,
		bindAddress:    config.LocalAddress,
		tls:            config.TLS,
		limits:         config.Limits,
		endpoint:       config.Endpoint,
	}
	if a.pool == nil {
		a.pool = NewPool(r, PoolConfig{DisablePersistent: true})
	}
	if a.endpoint == nil {
		a.endpoint = a.hostname
	}
	if a.tls == nil {
		a.tls = NewTLSPolicy(nil)
	}
	return a
}

// What Request refuses to send.
var (
	// ErrSchemeNotSupported says that the URL is not of a scheme that the agent
	// speaks. It is Twisted's SchemeNotSupported.
	ErrSchemeNotSupported = errors.New("the scheme of the URL is not supported")
	// ErrNoHost says that the URL names no host.
	ErrNoHost = errors.New("the URL names no host")
	// ErrPort says that the URL has a port that is above 65535.
	ErrPort = errors.New("the port in the URL is not one")
)

// A RequestError says which request could not be sent, or was not answered, and
// why. errors.Is finds the reason.
type RequestError struct {
	Method string
	URL    string // without the password
	Err    error
}

func (e *RequestError) Error() string {
	if failed, ok := e.Err.(*response.FailedError); ok && failed.Response != nil && failed.Response.Request != nil {
		return failed.Error() // it says which request
	}
	return fmt.Sprintf("%s %s: %v", e.Method, e.URL, e.Err)
}

// Unwrap returns the reason.
func (e *RequestError) Unwrap() error { return e.Err }

// A key says which connections a request may use.
type key struct{ scheme, host, port string }

func keyOf(u *url.URL) (key, error) {
	if u == nil {
		return key{}, ErrNoHost
	}
	k := key{strings.ToLower(u.Scheme), strings.ToLower(u.Hostname()), u.Port()}
	standard, ok := standardPort(k.scheme)
	if !ok {
		return k, fmt.Errorf("%w: %q", ErrSchemeNotSupported, u.Scheme)
	}
	if k.host == "" {
		return k, ErrNoHost
	}
	if k.port == "" {
		k.port = standard
	} else if _, err := strconv.ParseUint(k.port, 10, 16); err != nil {
		return k, fmt.Errorf("%w: %q", ErrPort, k.port)
	}
	return k, nil
}

// standardPort returns the port that a scheme implies. ok is false for a scheme
// that agents do not speak.
func standardPort(scheme string) (port string, ok bool) {
	switch scheme {
	case "http":
		return "80", true
	case "https":
		return "443", true
	}
	return "", false
}

// Request sends req; see [Requester]. The Deferred fails with a [*RequestError].
func (a *Agent) Request(req *request.Request) *deferred.Deferred[*response.Response] {
	x := &exchange{agent: a, request: req}
	x.result = deferred.NewCancellable(func(*deferred.Deferred[*response.Response]) { x.cancel() })
	var err error
	if x.host, err = a.host(req.URL); err == nil {
		a.scratch, err = x.appendHead(a.scratch[:0])
	}
	result := x.result
	if err != nil {
		x.fail(err)
		if x.host != nil {
			a.pool.release(x.host)
		}
		return result
	}
	switch c := a.pool.take(x.host); {
	case c != nil:
		c.send(x, a.scratch)
	case a.pool.open(x.host):
		a.connect(x, append([]byte(nil), a.scratch...))
	default:
		x.host.enqueue(x)
	}
	return result
}

// host returns the host of u. Mostly it is the same as that of the request before.
func (a *Agent) host(u *url.URL) (*host, error) {
	if last := a.last.host; last != nil && u != nil && u.Host == a.last.authority && u.Scheme == a.last.scheme && !last.dropped {
		return last, nil
	}
	k, err := keyOf(u)
	if err != nil {
		return nil, err
	}
	a.last = lastHost{u.Scheme, u.Host, a.pool.host(k)}
	return a.last.host, nil
}

// A lastHost is a host, with what of a URL says that it is the one.
type lastHost struct {
	scheme, authority string
	host              *host
}

// hostname is the EndpointFactory of an agent that was given none.
func (a *Agent) hostname(u *url.URL) (endpoints.ClientEndpoint, error) {
	k, err := keyOf(u)
	if err != nil {
		return nil, err
	}
	host := endpoints.NewHostname(a.reactor, k.host, k.port, endpoints.HostnameConfig{
		Timeout: a.connectTimeout, LocalAddress: a.bindAddress,
	})
	if k.scheme == "https" {
		return endpoints.WrapTLS(a.reactor, reactor.TLSConfig{Config: a.tls.ConfigFor(k.host, k.port)}, host), nil
	}
	return host, nil
}

// connect sends x, whose head is given, over a new connection.
func (a *Agent) connect(x *exchange, head []byte) {
	factory := reactor.FactoryFunc(func(net.Addr) reactor.Protocol {
		if x.over() { // an endpoint that goes on when it is cancelled
			return nil
		}
		c := &connection{pool: a.pool, host: x.host}
		c.reader.SetLimits(a.limits)
		return c
	})
	x.connecting = deferred.MaybeDeferred(func() *deferred.Deferred[reactor.Protocol] {
		endpoint, err := a.endpoint(x.request.URL)
		if err != nil {
			return deferred.Fail[reactor.Protocol](err)
		}
		return endpoint.Connect(factory)
	})
	x.connecting.AddBoth(func(p reactor.Protocol, err error) (reactor.Protocol, error) {
		x.connecting = nil
		c, _ := p.(*connection)
		switch {
		case c == nil:
			if err == nil {
				err = fmt.Errorf("the endpoint connected a %T, which the agent did not make", p)
			}
			x.fail(err)
			a.pool.closed(x.host)
		case x.over():
			c.abort()
		default:
			c.send(x, head)
		}
		return p, nil
	})
}

// again sends x, which a connection was lost under, over a new one. It is done
// once: a new connection that is lost has not been used before.
func (a *Agent) again(x *exchange) {
	x.connection = nil
	if a.pool.open(x.host) {
		a.connect(x, x.head())
	} else {
		x.host.enqueue(x)
	}
}

// An exchange is one request and its response.
type exchange struct {
	agent      *Agent
	request    *request.Request
	host       *host
	result     *deferred.Deferred[*response.Response]
	connecting *deferred.Deferred[reactor.Protocol] // while that is so
	connection *connection                          // from when the request is sent
	upload     upload                               // while the body is being sent
	produced   bool                                 // the body has been started, or stopped
	fresh      *response.Response                   // from when its head is there to the end of what came with it
	response   weak.Pointer[response.Response]      // and from then on; see unread.go
	body       response.Body                        // of response
	answered   bool                                 // the head of the response is there
	persistent bool                                 // we may send another request after it
	keepAlive  bool                                 // and the server will take it
}

// appendHead appends the request's head to buf.
func (x *exchange) appendHead(buf []byte) ([]byte, error) {
	req := x.request
	x.persistent = x.agent.pool.persistent && !http1.HasToken(req.Header["Connection"], "close")
	head := http1.RequestHead{
		Method:         req.Method,
		Target:         req.URL.RequestURI(),
		Host:           x.host.header,
		Header:         req.Header,
		AcceptEncoding: req.AcceptEncoding,
		KeepAlive:      x.persistent,
	}
	if req.Body != nil {
		head.Length = req.Body.Length()
		head.Chunked = head.Length == request.UnknownLength
		head.Expect100 = req.ExpectContinue > 0
	}
	if a := x.agent; a.proxied != nil && a.proxied(x.host.key) {
		a.toProxy(&head, req)
	}
	return http1.AppendRequestHead(buf, &head)
}

// head returns the head of a request that appendHead has had before, and found
// good.
func (x *exchange) head() []byte {
	head, _ := x.appendHead(nil)
	return head
}

// hostHeader returns the Host of k: without the port if the scheme implies it,
// and without the zone of an IPv6 address, which means nothing to others.
func hostHeader(k key) string {
	host := k.host
	if strings.Contains(host, ":") {
		host, _, _ = strings.Cut(host, "%")
		host = "[" + host + "]"
	}
	if standard, _ := standardPort(k.scheme); k.port == standard {
		return host
	}
	return host + ":" + k.port
}

// over reports whether result has fired.
func (x *exchange) over() bool { return x.result == nil || x.result.Called() }

// fail ends x, which has no response yet, with err.
func (x *exchange) fail(err error) {
	if x.over() {
		return
	}
	if body := x.request.Body; body != nil && !x.produced {
		x.produced = true
		body.StopProducing() // it may hold a file
	}
	x.result.Errback(&RequestError{x.request.Method, x.request.URL.Redacted(), err})
}

// cancel ends x because nobody wants the response.
func (x *exchange) cancel() {
	x.fail(deferred.ErrCancelled)
	switch {
	case x.connecting != nil:
		x.connecting.Cancel()
	case x.connection != nil:
		x.connection.abort()
	default:
		x.host.dequeue(x)
	}
}

// repeatable reports whether x may be sent again though the server may have seen
// it: its method is idempotent (RFC 9110, section 9.2.2), and its body, if it
// has one, is all there.
func (x *exchange) repeatable() bool {
	switch x.request.Method {
	case "GET", "HEAD", "OPTIONS", "TRACE", "DELETE", "PUT":
		return request.Repeatable(x.request.Body)
	}
	return false
}

// informed tells who asked for it of an interim response, and sends the body if
// that was what the server said.
func (x *exchange) informed(head *http1.ResponseHead) {
	if w, ok := x.upload.(*awaitingContinue); ok && head.Code == http.StatusContinue {
		w.proceed()
	}
	if x.request.Informational != nil {
		x.request.Informational(head.Code, head.Header)
	}
}

// headReceived makes the response of a head. upgrade is set if the connection
// is handed over with it.
func (x *exchange) headReceived(head *http1.ResponseHead, upgrade *response.Upgrade) {
	x.keepAlive = x.persistent && head.KeepAlive
	x.answered = true
	x.body.Init(x)
	r := response.New(&x.body)
	r.Version = head.Version.String()
	r.Code = head.Code
	r.Phrase = head.Phrase
	r.Header = head.Header
	r.Length = head.Length
	r.Request = x.request
	r.Upgrade = upgrade
	x.fresh = r
	result := x.result
	x.result = nil // it holds r
	result.Callback(r)
}

// PauseProducing, ResumeProducing and StopProducing make x the transport of its
// response's body.

func (x *exchange) PauseProducing()  { x.connection.transport.PauseProducing() }
func (x *exchange) ResumeProducing() { x.connection.transport.ResumeProducing() }
func (x *exchange) StopProducing()   { x.connection.abort() }

// WithRequest returns err as the error of req: a [*RequestError], unless it is
// one already.
func WithRequest(req *request.Request, err error) error {
	var already *RequestError
	if errors.As(err, &already) {
		return err
	}
	return &RequestError{req.Method, req.URL.Redacted(), err}
}
