package agent

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptrace"
	"net/textproto"
	"strconv"
	"time"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/internal/bridge"
	"github.com/seed-7c003b53/gotreq/internal/http1"
	"github.com/seed-7c003b53/gotreq/reactor"
	"github.com/seed-7c003b53/gotreq/reactor/task"
	"github.com/seed-7c003b53/gotreq/treq/request"
	"github.com/seed-7c003b53/gotreq/treq/response"
)

// This file joins agents with net/http, in both directions.

// FromRoundTripper returns an agent on r that sends each request through rt on a new
// goroutine. Bodies are streamed in both directions, with back-pressure. When r stops, the
// requests and the bodies of responses that are in progress fail with [reactor.ErrStopped],
// and the contexts of their requests end.
//
// The context of a request to rt is made from the Context of the agent's request: it has its
// values, and ends with it. The agent calls the hooks of an [httptrace.ClientTrace] in the
// Context on the goroutine of the loop, as an [Agent] does, in the turn after rt has called them.
//
// A request with an ExpectContinue is sent with "Expect: 100-continue"; how long its body then
// waits is up to rt, such as the ExpectContinueTimeout of an http.Transport, where 0 means not
// at all. A connection that speaks another protocol after a 101 cannot be handed over: the
// request fails with [ErrUpgradeLost].
func FromRoundTripper(r reactor.Reactor, rt http.RoundTripper) Requester {
	if rt == nil {
		panic("agent: FromRoundTripper with a nil RoundTripper")
	}
	return &roundTripperAgent{reactor: r, rt: rt, cooperator: task.NewCooperator(r, task.CooperatorConfig{})}
}

type roundTripperAgent struct {
	reactor    reactor.Reactor
	rt         http.RoundTripper
	cooperator *task.Cooperator // runs the producers and readers of bodies
}

// Request sends req through the RoundTripper; see [Requester].
func (a *roundTripperAgent) Request(req *request.Request) *response.Deferred {
	t := &roundTrip{agent: a, req: req}
	t.result = deferred.NewCancellable(func(*response.Deferred) { t.release() })
	result := t.result
	out, produce := a.outgoing(t.context(), req)
	t.out = out
	go a.roundTrip(out, func(in *http.Response, err error) {
		a.reactor.CallFromThread(func() {
			switch {
			case err != nil:
				t.release()
				if !result.Called() {
					result.Errback(err)
				}
			case result.Called():
				t.release()
				bridge.Close(in.Body)
			default:
				result.Callback(t.response(in))
			}
		})
	})
	produce()
	return reactor.UntilStopped(a.reactor, result).AddErrback(func(err error) (*response.Response, error) {
		return nil, WithRequest(req, err)
	})
}

// A roundTrip is one request of a roundTripperAgent. Its methods belong to the loop's goroutine.
type roundTrip struct {
	agent  *roundTripperAgent
	req    *request.Request
	result *response.Deferred
	cancel context.CancelFunc // ends the context of out
	out    *http.Request
	body   *pumpTransport // the transport of the response's body; nil before the response
	over   bool           // there is nothing more to come
}

// release ends what is left of the request. Before the end of the response's body, the
// RoundTripper may still send the request's body.
func (t *roundTrip) release() {
	t.over = true
	t.cancel()
	if t.out != nil && t.out.Body != nil {
		t.out.Body.Close() // not every RoundTripper does
	}
}

// roundTrip calls the RoundTripper, makes an error of what it must not do, and calls done
// with the result.
func (a *roundTripperAgent) roundTrip(out *http.Request, done func(in *http.Response, err error)) {
	var in *http.Response
	bridge.Guard(func() (err error) {
		in, err = a.rt.RoundTrip(out)
		switch {
		case err != nil:
			return err
		case in == nil:
			return fmt.Errorf("the %T returned neither a response nor an error", a.rt)
		case in.Body == nil:
			in.Body = http.NoBody
		}
		if in.StatusCode == http.StatusSwitchingProtocols {
			bridge.Close(in.Body)
			return ErrUpgradeLost
		}
		return nil
	}, func(err error) { done(in, err) })
}

// ErrUpgradeLost says that a server switched to another protocol, with a 101, in answer to a
// request through [FromRoundTripper]. An [Agent] hands the connection over.
var ErrUpgradeLost = errors.New("the server switched to another protocol, and FromRoundTripper cannot hand the connection over: use an agent.Agent")

// outgoing returns req as a net/http request, and a function that starts its body.
func (a *roundTripperAgent) outgoing(ctx context.Context, req *request.Request) (out *http.Request, produce func()) {
	out = (&http.Request{
		Method:     req.Method,
		URL:        req.URL,
		Header:     req.Clone().Header,
		Host:       req.Header.Get("Host"),
		Proto:      "HTTP/1.1",
		ProtoMajor: 1,
		ProtoMinor: 1,
	}).WithContext(ctx)
	out.Header.Del("Host")
	if req.AcceptEncoding != "" {
		out.Header.Add("Accept-Encoding", req.AcceptEncoding)
	}
	if _, given := out.Header["User-Agent"]; !given && req.UserAgent != "" {
		out.Header.Set("User-Agent", req.UserAgent)
	}
	produce = func() {}
	if req.Body == nil {
		return out, produce
	}
	if out.ContentLength = req.Body.Length(); len(req.Trailer) != 0 {
		out.ContentLength = request.UnknownLength // else package net/http drops the trailers
		out.Trailer = maps.Clone(req.Trailer)     // the original belongs to the loop until the body has ended
	}
	if req.ExpectContinue > 0 && !http1.HasToken(out.Header["Expect"], "100-continue") {
		out.Header.Add("Expect", "100-continue")
	}
	if data, ok := req.Body.(request.Bytes); ok {
		out.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(data)), nil }
		out.Body, _ = out.GetBody()
		return out, produce
	}
	pipe := &producerPipe{BodyProducer: req.Body, reactor: a.reactor, cooperator: a.cooperator}
	pipe.Pipe = bridge.NewPipe(a.reactor, pipe)
	out.Body = pipe.Pipe
	if out.Trailer != nil {
		out.Body = &trailedBody{pipe.Pipe, req.Trailer, out.Trailer}
	}
	return out, pipe.produce
}

// A trailedBody is the body of a request with trailers. Their values may be set until the body
// ends: by then, to gets them, on the goroutine of the RoundTripper.
type trailedBody struct {
	io.ReadCloser
	from, to http.Header
}

func (b *trailedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if err == io.EOF {
		maps.Copy(b.to, b.from)
	}
	return n, err
}

// A producerPipe is the Consumer of a request's body, and the source of the Pipe that a
// RoundTripper reads the body from.
type producerPipe struct {
	request.BodyProducer
	*bridge.Pipe
	reactor    reactor.Reactor
	cooperator *task.Cooperator
	done       *deferred.Deferred[deferred.None] // the result of StartProducing
}

func (p *producerPipe) Cooperator() *task.Cooperator { return p.cooperator }

// produce makes the body write to p. The body is stopped if the reactor stops first.
func (p *producerPipe) produce() {
	p.done = deferred.MaybeDeferred(func() *deferred.Deferred[deferred.None] {
		return p.StartProducing(p)
	})
	reactor.UntilStopped(p.reactor, p.done).AddBoth(func(_ deferred.None, err error) (deferred.None, error) {
		switch err {
		case nil:
			err = io.EOF
		case reactor.ErrStopped:
			p.BodyProducer.StopProducing()
		}
		p.End(err)
		return deferred.None{}, nil
	})
}

// StopProducing stops the body: the RoundTripper has closed it.
func (p *producerPipe) StopProducing() {
	p.BodyProducer.StopProducing()
	p.done.Cancel()
}

// response returns in as an agent's response.
func (trip *roundTrip) response(in *http.Response) *response.Response {
	a := trip.agent
	t := &pumpTransport{Pump: bridge.NewPump(a.reactor, in.Body), release: trip.release, cooperator: a.cooperator}
	trip.body = t
	t.body.Init(t)
	t.ended = reactor.UntilStopped(a.reactor, deferred.New[deferred.None]())
	t.ended.AddErrback(func(err error) (deferred.None, error) {
		t.Pump.StopProducing()
		t.end(err)
		return deferred.None{}, nil
	})
	r := response.New(&t.body)
	r.Version = in.Proto
	r.Code = in.StatusCode
	r.Phrase = http.StatusText(in.StatusCode)
	if len(in.Status) > 4 {
		r.Phrase = in.Status[4:]
	}
	r.Header = in.Header
	r.Length = in.ContentLength
	r.Request = trip.req
	r.Trailer = maps.Clone(in.Trailer)
	t.atEnd = func() { r.Trailer = in.Trailer }
	if in.Body == http.NoBody { // it has ended, even if nobody reads it
		trip.release()
	}
	return r
}

// A pumpTransport is the transport of a body that a Pump reads.
type pumpTransport struct {
	*bridge.Pump
	body       response.Body
	atEnd      func() // is called before the end of a complete body
	release    func()
	cooperator *task.Cooperator
	ended      *deferred.Deferred[deferred.None] // fires at the end of the body; fails if the reactor stops first
}

func (t *pumpTransport) Cooperator() *task.Cooperator { return t.cooperator }

// ResumeProducing also starts the Pump, the first time.
func (t *pumpTransport) ResumeProducing() {
	t.Start(t.body.Write, t.end)
	t.Pump.ResumeProducing()
}

// StopProducing ends the body as the loss of a connection does.
func (t *pumpTransport) StopProducing() {
	t.Pump.StopProducing()
	t.end(reactor.ErrConnectionAborted)
}

func (t *pumpTransport) end(err error) {
	t.release()
	if !t.ended.Called() {
		t.ended.Callback(deferred.None{})
	}
	if err == nil {
		t.atEnd()
		t.body.End(response.ErrDone)
	} else {
		t.body.End(&response.FailedError{Reasons: []error{err}})
	}
}

// NewRoundTripper returns a, an agent on r, as an http.RoundTripper, for http.Client and
// everything built on it. While the loop runs, any goroutine except the loop's may call
// RoundTrip; on the loop's goroutine it fails with [reactor.ErrOnLoop].
//
// The body of a request with "Expect: 100-continue" waits for the 100 for a second at most, as
// with http.DefaultTransport.
//
// The agent gets the context of the request as its Context. An [Agent] calls the hooks of an
// [httptrace.ClientTrace] in it on the goroutine of the loop: they must not block. Only the
// Got1xxResponse is called by RoundTrip, on its own goroutine, before it returns; an error of it
// aborts the request.
//
// As in net/http, the body of a 101 is an io.ReadWriteCloser, so that WebSocket libraries
// over an http.Client work.
func NewRoundTripper(r reactor.Threads, a Requester) http.RoundTripper {
	if a == nil {
		panic("agent: NewRoundTripper with a nil agent")
	}
	return &roundTripper{r, a}
}

type roundTripper struct {
	threads reactor.Threads
	agent   Requester
}

func (t *roundTripper) RoundTrip(in *http.Request) (*http.Response, error) {
	req := &request.Request{Method: in.Method, URL: in.URL, Header: in.Header.Clone(), Trailer: in.Trailer}
	if req.Method == "" {
		req.Method = http.MethodGet
	}
	if req.Header == nil {
		req.Header = make(http.Header)
	}
	if in.Host != "" {
		req.Header.Set("Host", in.Host)
	}
	if in.Close {
		req.Header.Set("Connection", "close")
	}
	if in.Body != nil && in.Body != http.NoBody {
		length := in.ContentLength
		if length == 0 {
			length = request.UnknownLength // as in net/http
		}
		req.Body = &pumpProducer{
			Pump: bridge.NewPump(t.threads, in.Body), length: length, threads: t.threads, getBody: in.GetBody,
		}
	}
	if req.Body != nil && http1.HasToken(in.Header["Expect"], "100-continue") {
		req.ExpectContinue = expectContinueTimeout
	}
	x := &netExchange{threads: t.threads, agent: t.agent, in: in, req: req}
	return x.run()
}

// expectContinueTimeout is that of http.DefaultTransport.
const expectContinueTimeout = time.Second

// A netExchange is one call of RoundTrip. Apart from run, its methods belong to the loop's
// goroutine, as do the fields below req.
type netExchange struct {
	threads reactor.Threads
	agent   Requester
	in      *http.Request
	req     *request.Request

	news *deferred.DeferredQueue[netNews] // nil if nobody asks for interim responses
	end  *deferred.Deferred[netNews]      // fires after the request's Deferred; nil before start
	out  *http.Response                   // nil before the response
}

// A netNews is an interim response, or the end: the response or an error.
type netNews struct {
	interim bool
	code    int
	header  textproto.MIMEHeader
	out     *http.Response
	err     error
}

// run sends the request and waits for the response. It calls the hook for interim responses
// itself, since the hook may wait for the loop: that of an httputil.ReverseProxy writes to a
// ResponseWriter, which may belong to a server on the same loop.
func (x *netExchange) run() (*http.Response, error) {
	ctx := x.in.Context()
	x.req.Context = ctx
	var hook func(int, textproto.MIMEHeader) error
	if trace := httptrace.ContextClientTrace(ctx); trace != nil && trace.Got1xxResponse != nil {
		hook = trace.Got1xxResponse
		news := deferred.NewDeferredQueue[netNews](deferred.QueueConfig{}) // not x, which keeps the response reachable
		x.news = news
		x.req.Informational = func(code int, header http.Header) {
			news.Put(netNews{interim: true, code: code, header: textproto.MIMEHeader(header.Clone())})
		}
		others := *trace
		others.Got1xxResponse = nil
		x.req.Context = withTrace(ctx, &others)
	}
	arrived := false
	defer func() {
		if arrived {
			return
		}
		x.threads.CallFromThread(x.giveUp)
		if x.in.Body != nil {
			x.in.Body.Close()
		}
	}()
	news, err := reactor.BlockingCallFromThread(ctx, x.threads, x.start)
	for err == nil && news.interim {
		if err = hook(news.code, news.header); err == nil {
			news, err = reactor.BlockingCallFromThread(ctx, x.threads, x.news.Get)
		}
	}
	if err == nil {
		err = news.err
	}
	arrived = err == nil
	return news.out, err
}

// start sends the request, and returns the first news.
func (x *netExchange) start() *deferred.Deferred[netNews] {
	responded := deferred.Map(x.agent.Request(x.req), x.response)
	x.end = deferred.MapBoth(responded, func(out *http.Response, err error) (netNews, error) {
		x.out = out
		return netNews{out: out, err: err}, nil
	})
	if x.news == nil {
		return x.end
	}
	x.end.AddCallback(func(end netNews) (netNews, error) {
		x.news.Put(end)
		return end, nil
	})
	return x.news.Get()
}

// giveUp drops the response that has come or will come. run has failed.
func (x *netExchange) giveUp() {
	if x.end != nil {
		x.end.Cancel()
	}
	if x.out != nil {
		x.out.Body.Close()
	}
}

// response returns resp as a net/http response.
func (x *netExchange) response(resp *response.Response) (*http.Response, error) {
	if resp.Upgrade != nil {
		body := &upgradedBody{threads: x.threads}
		resp.Upgrade.SwitchProtocol((*upgradedProtocol)(body))
		return netResponse(x.in, resp, body), nil
	}
	reader := &pipeReader{threads: x.threads, ctx: x.in.Context()}
	if err := resp.DeliverBody(reader); err != nil {
		return nil, err
	}
	body := &pipeBody{Pipe: reader.pipe, from: resp}
	body.out = netResponse(x.in, resp, body)
	return body.out, nil
}

// netResponse returns the net/http response with the head of resp, and body.
func netResponse(in *http.Request, resp *response.Response, body io.ReadCloser) *http.Response {
	out := &http.Response{
		Status:        strconv.Itoa(resp.Code) + " " + cmp.Or(resp.Phrase, http.StatusText(resp.Code)),
		StatusCode:    resp.Code,
		Proto:         resp.Version,
		Header:        resp.Header,
		Trailer:       maps.Clone(resp.Trailer),
		ContentLength: resp.Length,
		Close:         resp.Header.Get("Connection") == "close",
		Request:       in,
		Body:          body,
	}
	out.ProtoMajor, out.ProtoMinor, _ = http.ParseHTTPVersion(resp.Version)
	if out.Trailer != nil { // package net/http moves the names there
		out.Header = out.Header.Clone()
		out.Header.Del("Trailer")
	}
	return out
}

// A pipeBody is the body of a net/http response.
type pipeBody struct {
	*bridge.Pipe
	from *response.Response
	out  *http.Response
}

// Read reads from the pipe. At the end of the body it sets the trailers, on the goroutine
// of the caller.
func (b *pipeBody) Read(p []byte) (n int, err error) {
	if n, err = b.Pipe.Read(p); err == io.EOF {
		b.out.Trailer = b.from.Trailer
	}
	return n, err
}

// A pipeReader is a reader that writes a body to a Pipe.
type pipeReader struct {
	threads reactor.Threads
	ctx     context.Context
	pipe    *bridge.Pipe
	unwatch func() bool // stops watching ctx
}

func (r *pipeReader) ConnectionMade(t response.BodyTransport) {
	r.pipe = bridge.NewPipe(r.threads, t)
	r.unwatch = context.AfterFunc(r.ctx, func() { r.pipe.Fail(context.Cause(r.ctx)) })
}

func (r *pipeReader) DataReceived(data []byte) { r.pipe.Write(data) }

func (r *pipeReader) ConnectionLost(reason error) {
	r.unwatch()
	if whole(reason) {
		reason = io.EOF
	}
	r.pipe.End(reason)
}

// A pumpProducer is a request's body that a Pump reads from a net/http request. It can be
// sent again if the request has a GetBody, which is called on the loop's goroutine.
type pumpProducer struct {
	*bridge.Pump
	length  int64
	threads reactor.Threads
	getBody func() (io.ReadCloser, error) // may be nil
}

func (p *pumpProducer) Length() int64 { return p.length }

func (p *pumpProducer) StartProducing(to request.Consumer) *deferred.Deferred[deferred.None] {
	pump := p.Pump // a Rewind replaces it
	d := deferred.NewCancellable(func(*deferred.Deferred[deferred.None]) { pump.StopProducing() })
	if !p.Start(to.Write, func(err error) { d.Resolve(deferred.None{}, err) }) {
		return deferred.Fail[deferred.None](request.ErrProduced)
	}
	return d
}

// Hold reports whether the body can be sent again. Each sending has a source of its own, so
// there is nothing to hold.
func (p *pumpProducer) Hold() bool { return p.getBody != nil }

func (p *pumpProducer) Rewind() error {
	p.StopProducing()
	body, err := p.getBody()
	if err != nil {
		return err
	}
	p.Pump = bridge.NewPump(p.threads, body)
	return nil
}

func (p *pumpProducer) Release() {}

var _ request.RepeatableProducer = (*pumpProducer)(nil)
