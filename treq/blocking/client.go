package blocking

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/internal/secret"
	"github.com/seed-7c003b53/gotreq/reactor"
	"github.com/seed-7c003b53/gotreq/treq/agent"
	"github.com/seed-7c003b53/gotreq/treq/client"
	"github.com/seed-7c003b53/gotreq/treq/response"
)

// ErrClosed is the error of requests of a [Client] that is shut down.
var ErrClosed = errors.New("blocking: the client is closed")

// A Client makes requests on a reactor of its own, or on several, in the background. Any
// goroutine may call its methods; many may at once.
type Client struct {
	members   []*member
	perOrigin int            // how many members share the requests to one origin
	turn      atomic.Uint32  // of these members
	group     *reactor.Group // of the reactors; nil for the default reactor
	base      *url.URL       // of the relative URLs of requests; empty without one

	closing context.Context // ends when requests in flight are to fail
	fail    context.CancelCauseFunc
	ended   chan struct{} // closed when the reactors have ended
	runErr  error         // the error of Run; set before ended is closed

	mu     sync.Mutex
	closed bool
	active int           // the number of requests in flight, whose bodies count too
	idle   chan struct{} // closed when active is 0; nil before Shutdown
}

// A member is one reactor with the client on it.
type member struct {
	reactor reactor.Reactor
	config  client.Config
	http    *client.HTTPClient // belongs to the reactor's goroutine; nil before the first request
}

// NewClient returns a Client, whose reactor is running. Call [Client.Shutdown] or
// [Client.Close] when it is not needed any more.
//
// What config refers to, such as a Jar, belongs to the Client from then on. An Agent must not
// be on another reactor: use AgentConfig to say how the Client connects.
func NewClient(config client.Config) *Client {
	return NewGroupClient(GroupConfig{Loops: 1, Config: func(reactor.Reactor) client.Config { return config }})
}

// newClient returns a client without members.
func newClient() *Client {
	c := &Client{base: &url.URL{}, ended: make(chan struct{})}
	c.closing, c.fail = context.WithCancelCause(context.Background())
	return c
}

// join adds a member.
func (c *Client) join(r reactor.Reactor, config client.Config) {
	config.DataToBodyProducer = producers(r, config.DataToBodyProducer)
	c.members = append(c.members, &member{reactor: r, config: config})
}

// run runs the reactors in the background. It returns when all are running, or when they have ended.
func (c *Client) run() {
	running := make(chan struct{}, len(c.members))
	for _, m := range c.members {
		m.reactor.CallWhenRunning(func() { running <- struct{}{} })
	}
	go func() {
		defer close(c.ended)
		defer c.group.Close() // even if a callback has ended the goroutine
		c.runErr = c.group.Run()
	}()
	for range c.members {
		select {
		case <-running:
		case <-c.ended:
		}
	}
}

// Close ends the client at once: requests and bodies in flight fail with [ErrClosed], as do
// all later requests. What has come of a body can still be read. Close returns when the
// reactor has ended and its goroutines are gone. A second call does nothing. It fails with
// [reactor.ErrOnLoop] in a callback of the client.
func (c *Client) Close() error {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := c.Shutdown(ctx); err != context.Canceled {
		return err
	}
	return nil
}

// Shutdown ends the client in order. Later requests fail with [ErrClosed]. Shutdown waits
// until the requests in flight have failed, or have responses whose bodies have come, and
// then ends the reactor. If ctx ends first, Shutdown cuts off the rest as [Client.Close] does,
// and returns the cause of ctx. A body that nobody reads comes only in part: read it or
// close it.
func (c *Client) Shutdown(ctx context.Context) error {
	if slices.ContainsFunc(c.members, func(m *member) bool { return m.reactor.OnLoop() }) {
		return reactor.ErrOnLoop
	}
	var err error
	select {
	case <-c.refuse():
	case <-c.ended:
	case <-ctx.Done():
		err = context.Cause(ctx)
	}
	c.fail(ErrClosed)
	c.group.Stop() // fails if the reactors have ended
	<-c.ended
	return err
}

// refuse makes later requests fail. It returns a channel that is closed when none is in
// flight.
func (c *Client) refuse() <-chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closed = true
	if c.idle == nil {
		c.idle = make(chan struct{})
		if c.active == 0 {
			close(c.idle)
		}
	}
	return c.idle
}

// begin counts a request, unless it cannot be made.
func (c *Client) begin(ctx context.Context) error {
	if ctx == nil {
		return errors.New("blocking: a nil context")
	}
	if reactor.OnAnyLoop() {
		return errOnLoop
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return ErrClosed
	}
	c.active++
	return nil
}

func (c *Client) end() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.active--
	if c.active == 0 && c.idle != nil {
		close(c.idle)
	}
}

// Request makes a request; see [client.HTTPClient.Request]. It returns when the head of the
// response is received.
//
// When ctx ends, the request fails, and so does the reading of the body: errors.Is finds the
// cause of ctx in the error. The hooks of an httptrace.ClientTrace in ctx are called; see
// [client.Context].
//
// Every error is an [*agent.RequestError]. It wraps [ErrClosed] if the client is closed, and
// [reactor.ErrOnLoop] on the goroutine of a reactor, this client's or another: the call would
// stop that reactor.
func (c *Client) Request(ctx context.Context, method, url string, options ...client.Option) (*Response, error) {
	resp, err := c.request(ctx, method, url, options)
	var named *agent.RequestError
	if err != nil && !errors.As(err, &named) {
		err = &agent.RequestError{Method: strings.ToUpper(method), URL: secret.Known.RawURL(url), Err: err}
	}
	return resp, err
}

func (c *Client) request(ctx context.Context, method, url string, options []client.Option) (*Response, error) {
	m, err := c.memberFor(url, options)
	if err == nil {
		err = c.begin(ctx)
	}
	if err != nil {
		client.Discard(options...)
		return nil, err
	}
	x := &exchange{client: c, member: m, method: method, url: url, options: options}
	x.ctx, x.cancel = context.WithCancelCause(ctx)
	x.unwatch = context.AfterFunc(c.closing, func() { x.cancel(ErrClosed) })
	// The request has ctx, and ends with it. Its error then names the request.
	resp, err := reactor.BlockingCallFromThread(context.WithoutCancel(ctx), m.reactor, x.start)
	if err != nil {
		if x.claimed.CompareAndSwap(false, true) { // the reactor ended first
			client.Discard(options...)
		}
		x.over()
		return nil, c.explain(err)
	}
	return resp, nil
}

// explain returns err, which failed a request or a body, as ErrClosed if that is why.
func (c *Client) explain(err error) error {
	switch {
	case c.closing.Err() != nil && !errors.Is(err, ErrClosed):
		return fmt.Errorf("%w: %w", ErrClosed, err)
	case errors.Is(err, reactor.ErrStopped):
		select {
		case <-c.ended:
			if c.runErr != nil {
				return fmt.Errorf("%w: %w", err, c.runErr)
			}
		default:
		}
	}
	return err
}

// errOnLoop is the error on the goroutine of any reactor.
var errOnLoop = fmt.Errorf("a blocking call would stop the reactor of this goroutine: make it on another goroutine, or use package client: %w", reactor.ErrOnLoop)

// An exchange is one request and its response.
type exchange struct {
	client      *Client
	member      *member
	method, url string
	options     []client.Option
	ctx         context.Context // ends with that of the caller, or when the client is closed
	cancel      context.CancelCauseFunc
	unwatch     func() bool
	claimed     atomic.Bool // the options are used, or discarded
	ended       atomic.Bool
}

// start makes the request, on the reactor's goroutine.
func (x *exchange) start() *deferred.Deferred[*Response] {
	if !x.claimed.CompareAndSwap(false, true) {
		return deferred.Fail[*Response](reactor.ErrStopped)
	}
	m := x.member
	if m.http == nil {
		m.http = client.New(m.reactor, m.config)
	}
	options := append(x.options[:len(x.options):len(x.options)], client.Unbuffered(true), client.Context(x.ctx))
	return deferred.Map(m.http.Request(x.method, x.url, options...), x.received)
}

// received connects the body of resp to a pipe.
func (x *exchange) received(resp *response.Response) (*Response, error) {
	if resp.Upgrade != nil {
		resp.Upgrade.Abort()
		return nil, agent.WithRequest(resp.Request, ErrUpgrade)
	}
	reader := &pipeReader{exchange: x}
	if err := resp.DeliverBody(reader); err != nil {
		return nil, agent.WithRequest(resp.Request, err)
	}
	return newResponse(resp, reader.pipe), nil
}

// over notes that the request has failed or its body has ended.
func (x *exchange) over() {
	if x.ended.CompareAndSwap(false, true) {
		x.unwatch()
		x.cancel(nil)
		x.client.end()
	}
}

// ErrUpgrade says that the server switched to another protocol, which a blocking [Response]
// cannot speak.
var ErrUpgrade = errors.New("blocking: the server switched to another protocol: use agent.NewRoundTripper, or package client")

// Get makes a GET request; see [Client.Request].
func (c *Client) Get(ctx context.Context, url string, options ...client.Option) (*Response, error) {
	return c.Request(ctx, http.MethodGet, url, options...)
}

// Head makes a HEAD request; see [Client.Request].
func (c *Client) Head(ctx context.Context, url string, options ...client.Option) (*Response, error) {
	return c.Request(ctx, http.MethodHead, url, options...)
}

// Post makes a POST request; see [Client.Request].
func (c *Client) Post(ctx context.Context, url string, options ...client.Option) (*Response, error) {
	return c.Request(ctx, http.MethodPost, url, options...)
}

// Put makes a PUT request; see [Client.Request].
func (c *Client) Put(ctx context.Context, url string, options ...client.Option) (*Response, error) {
	return c.Request(ctx, http.MethodPut, url, options...)
}

// Patch makes a PATCH request; see [Client.Request].
func (c *Client) Patch(ctx context.Context, url string, options ...client.Option) (*Response, error) {
	return c.Request(ctx, http.MethodPatch, url, options...)
}

// Delete makes a DELETE request; see [Client.Request].
func (c *Client) Delete(ctx context.Context, url string, options ...client.Option) (*Response, error) {
	return c.Request(ctx, http.MethodDelete, url, options...)
}
