package agent

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"io"
	"net/http"
	"strconv"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/internal/bridge"
	"github.com/seed-7c003b53/gotreq/reactor"
	"github.com/seed-7c003b53/gotreq/reactor/task"
	"github.com/seed-7c003b53/gotreq/treq/request"
	"github.com/seed-7c003b53/gotreq/treq/response"
)

// This file joins agents with net/http, both ways: what was written for one works
// with the other.

// FromRoundTripper returns an agent whose requests rt makes, each on a goroutine of
// its own; bodies are streamed both ways, with back-pressure. The agent belongs to
// r's goroutine, as all agents do.
func FromRoundTripper(r reactor.Reactor, rt http.RoundTripper) Requester {
	if rt == nil {
		panic("agent: FromRoundTripper with a nil RoundTripper")
	}
	return &roundTripperAgent{threads: r, rt: rt, cooperator: task.NewCooperator(r, task.CooperatorConfig{})}
}

type roundTripperAgent struct {
	threads    reactor.Threads
	rt         http.RoundTripper
	cooperator *task.Cooperator // runs what produces and reads bodies
}

// Request has the RoundTripper make the request; see [Requester].
func (a *roundTripperAgent) Request(req *request.Request) *deferred.Deferred[*response.Response] {
	ctx, cancel := context.WithCancel(context.Background())
	d := deferred.NewCancellable(func(*deferred.Deferred[*response.Response]) { cancel() })
	body, start := a.body(req.Body)
	out := (&http.Request{
		Method:     req.Method,
		URL:        req.URL,
		Header:     req.Clone().Header,
		Host:       req.Header.Get("Host"),
		Proto:      "HTTP/1.1",
		ProtoMajor: 1,
		ProtoMinor: 1,
		Body:       body,
	}).WithContext(ctx)
	out.Header.Del("Host")
	if req.AcceptEncoding != "" {
		out.Header.Add("Accept-Encoding", req.AcceptEncoding)
	}
	if req.Body != nil {
		out.ContentLength = req.Body.Length()
		if small, ok := req.Body.(request.Bytes); ok {
			out.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(small)), nil }
		}
	}
	go func() {
		in, err := a.rt.RoundTrip(out)
		a.threads.CallFromThread(func() {
			switch {
			case err != nil:
				cancel()
				if !d.Called() {
					d.Errback(WithRequest(req, err))
				}
			case d.Called():
				cancel()
				go in.Body.Close()
			default:
				d.Callback(a.response(req, in, cancel))
			}
		})
	}()
	start()
	return d
}

// body returns b as net/http wants it, and what starts its production.
func (a *roundTripperAgent) body(b request.BodyProducer) (body io.ReadCloser, start func()) {
	switch b := b.(type) {
	case nil:
		return nil, func() {}
	case request.Bytes:
		return io.NopCloser(bytes.NewReader(b)), func() {}
	}
	pipe := bridge.NewPipe(a.threads, b)
	return pipe, func() {
		b.StartProducing(&pipeConsumer{pipe, a.cooperator}).AddBoth(func(_ deferred.None, err error) (deferred.None, error) {
			if err == nil {
				err = io.EOF
			}
			pipe.End(err)
			return deferred.None{}, nil
		})
	}
}

// A pipeConsumer is the Consumer of a body that a RoundTripper reads.
type pipeConsumer struct {
	*bridge.Pipe
	cooperator *task.Cooperator
}

func (c *pipeConsumer) Cooperator() *task.Cooperator { return c.cooperator }

// response returns in as an agent's. over is called when it has ended.
func (a *roundTripperAgent) response(req *request.Request, in *http.Response, over func()) *response.Response {
	var body *response.Body
	pump := bridge.NewPump(a.threads, in.Body,
		func(data []byte) { body.Write(data) },
		func(err error) {
			over()
			if err == nil {
				body.End(response.ErrDone)
			} else {
				body.End(&response.FailedError{Reasons: []error{err}})
			}
		})
	body = response.NewBody(&pumped{pump, &body, over, a.cooperator})
	r := response.New(body)
	r.Version = in.Proto
	r.Code = in.StatusCode
	r.Phrase = http.StatusText(in.StatusCode)
	if len(in.Status) > 4 {
		r.Phrase = in.Status[4:]
	}
	r.Header = in.Header
	r.Length = in.ContentLength
	r.Request = req
	return r
}

// pumped is the transport of a body that a Pump reads.
type pumped struct {
	*bridge.Pump
	body       **response.Body
	over       func()
	cooperator *task.Cooperator
}

func (p *pumped) Cooperator() *task.Cooperator { return p.cooperator }

// StopProducing ends the body; its reader is told, as by a connection.
func (p *pumped) StopProducing() {
	p.Pump.StopProducing()
	p.over()
	(*p.body).End(&response.FailedError{Reasons: []error{reactor.ErrConnectionAborted}})
}

// NewRoundTripper returns a, an agent on r, as an http.RoundTripper, for
// http.Client and all that is built on it. It may be called from any goroutine
// but the loop's, where it fails with [reactor.ErrOnLoop], while the loop runs.
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
	ctx := in.Context()
	req := &request.Request{Method: in.Method, URL: in.URL, Header: in.Header.Clone()}
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
		req.Body = &pumpedBody{threads: t.threads, from: in.Body, length: length}
	}
	out, err := reactor.BlockingCallFromThread(ctx, t.threads, func() *deferred.Deferred[*http.Response] {
		return deferred.Map(t.agent.Request(req), func(resp *response.Response) (*http.Response, error) {
			return t.response(ctx, in, resp)
		})
	})
	if err != nil && in.Body != nil {
		in.Body.Close()
	}
	return out, err
}

// response returns resp as net/http's, on the loop's goroutine.
func (t *roundTripper) response(ctx context.Context, in *http.Request, resp *response.Response) (*http.Response, error) {
	out := &http.Response{
		Status:        strconv.Itoa(resp.Code) + " " + cmp.Or(resp.Phrase, http.StatusText(resp.Code)),
		StatusCode:    resp.Code,
		Proto:         resp.Version,
		Header:        resp.Header,
		ContentLength: resp.Length,
		Close:         resp.Header.Get("Connection") == "close",
		Request:       in,
	}
	out.ProtoMajor, out.ProtoMinor, _ = http.ParseHTTPVersion(resp.Version)
	p := &piped{threads: t.threads, ctx: ctx}
	if err := resp.DeliverBody(p); err != nil {
		return nil, err
	}
	out.Body = p.pipe
	return out, nil
}

// piped reads a body into a Pipe.
type piped struct {
	threads reactor.Threads
	ctx     context.Context
	pipe    *bridge.Pipe
	stop    func() bool // of watching ctx
}

func (p *piped) ConnectionMade(t response.BodyTransport) {
	p.pipe = bridge.NewPipe(p.threads, t)
	p.stop = context.AfterFunc(p.ctx, func() { p.pipe.Fail(context.Cause(p.ctx)) })
}

func (p *piped) DataReceived(data []byte) { p.pipe.Write(data) }

func (p *piped) ConnectionLost(reason error) {
	p.stop()
	if errors.Is(reason, response.ErrDone) || errors.Is(reason, response.ErrPotentialDataLoss) {
		reason = io.EOF
	}
	p.pipe.End(reason)
}

// pumpedBody is a body that is read from a reader that may block.
type pumpedBody struct {
	threads reactor.Threads
	from    io.ReadCloser
	length  int64
	pump    *bridge.Pump
}

func (b *pumpedBody) Length() int64 { return b.length }

func (b *pumpedBody) StartProducing(to request.Consumer) *deferred.Deferred[deferred.None] {
	d := deferred.NewCancellable(func(*deferred.Deferred[deferred.None]) { b.pump.StopProducing() })
	b.pump = bridge.NewPump(b.threads, b.from, to.Write, func(err error) { d.Resolve(deferred.None{}, err) })
	b.pump.ResumeProducing()
	return d
}

func (b *pumpedBody) PauseProducing()  { b.pump.PauseProducing() }
func (b *pumpedBody) ResumeProducing() { b.pump.ResumeProducing() }

func (b *pumpedBody) StopProducing() {
	if b.pump != nil {
		b.pump.StopProducing()
	} else {
		go b.from.Close()
	}
}
