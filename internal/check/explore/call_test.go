package explore

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/internal/testkit/memfile"
	"github.com/seed-7c003b53/gotreq/reactor"
	"github.com/seed-7c003b53/gotreq/reactor/endpoints"
	"github.com/seed-7c003b53/gotreq/treq/agent"
	"github.com/seed-7c003b53/gotreq/treq/client"
	"github.com/seed-7c003b53/gotreq/treq/request"
	"github.com/seed-7c003b53/gotreq/treq/response"
	"github.com/seed-7c003b53/gotreq/treq/wire"
)

// This file has the client's side of a simulated request.

// A call is a request with all that its client and its server do.
type call struct {
	w  *world
	id int

	// What the client does.
	user    *user
	client  int // of the user's
	method  string
	scheme  string
	at      *origin
	upload  []byte
	produce string // how the body is produced: "", "bytes", "file", "once", "push", "fails", "short", "switch"
	pause   time.Duration
	expect  bool
	options []client.Option
	read    string // how the body is read
	cancel  string // when the client gives up: "", "later", "turns", "head", "data"
	after   time.Duration
	turns   int
	timed   bool // it has a timeout
	auth    bool // it has credentials
	apiKey  bool // it has another secret
	key     bool // it may be processed more than once, by its Idempotency-Key

	// What the server does.
	kind     string // "handler", "stream", "resource" or "echo"
	takes    string // what it reads of the content: "all", "some", "none", "slow"
	informs  int
	status   int
	body     []byte
	piece    int
	wait     time.Duration // between two pieces
	length   bool          // it says the length
	trailer  bool
	coded    bool   // the body may be compressed
	pull     bool   // a pull producer writes the body
	ends     string // "", "abort", "never", "early" (aborts before the head)
	redirect *call
	from     *call // the redirect to it
	code     int   // of the redirect

	// What happened.
	speaking  *speaker // the other protocol, after a switch
	echoes    int      // the server's ends of it
	result    *deferred.Deferred[*response.Response]
	resp      *response.Response // while the program keeps it
	reading   *deferred.Deferred[deferred.None]
	got       []byte
	fired     int // how often the result has fired
	readEnds  int
	begun     int // the server has begun to answer
	finished  int // the server has learnt of the end
	cancelled bool
	stopped   bool // the client has stopped to read
	aborted   bool // the server has aborted it
	err       error
	file      *memfile.File
	producer  *producer
	kept      bool // the response is kept unread
	ofSite    bool // the response is the site's own
}

// blocks are the bytes of all bodies.
var blocks = func() []byte {
	random := rand.New(rand.NewPCG(1, 2))
	b := make([]byte, 2<<20)
	for i := range b {
		b[i] = byte(random.Uint32())
		if i%64 < 60 {
			b[i] = "abcdefgh"[b[i]%8] // so that it can be compressed
		}
	}
	return b
}()

// bodyOf returns n bytes of which those of another call differ.
func bodyOf(id, n int) []byte {
	from := id * 7919 % (1 << 20)
	return blocks[from : from+n]
}

func (c *call) String() string {
	return fmt.Sprintf("user %d: %s %s with %d bytes (%s), %s takes %s and sends %d, ends %q, redirects %t; read %s, cancelled %q; fired %d, read %d, begun %d, finished %d",
		c.user.number, c.method, c.url(), len(c.upload), c.produce, c.kind, c.takes, len(c.body), c.ends, c.redirect != nil, c.read, c.cancel, c.fired, c.readEnds, c.begun, c.finished)
}

func (c *call) url() string {
	return fmt.Sprintf("%s://%s/%s/%d", c.scheme, c.at.host, c.kind, c.id)
}

// start makes the request.
func (c *call) start() {
	w := c.w
	w.counts.requests++
	options := append(client.All{}, c.options...)
	switch c.produce {
	case "switch":
		options = append(options, client.Headers{"Connection": {"Upgrade"}, "Upgrade": {"websocket"},
			"Sec-Websocket-Key": {"dGhlIHNhbXBsZSBub25jZQ=="}, "Sec-Websocket-Version": {"13"}})
	case "bytes":
		options = append(options, client.Body(c.upload))
	case "file", "once":
		c.file = memfile.New(string(c.upload))
		var p request.BodyProducer = request.NewFileBodyProducer(c.file, request.FileBodyConfig{ReadSize: 1 + w.random.IntN(5000)})
		if c.produce == "once" {
			p = struct{ request.BodyProducer }{p}
		}
		options = append(options, client.Data(p))
	case "push", "fails", "short":
		c.producer = &producer{call: c, how: c.produce}
		options = append(options, client.Data(request.BodyProducer(c.producer)))
	}
	if c.expect {
		options = append(options, client.ExpectContinue(time.Second))
	}
	c.result = c.user.clients[c.client].Request(c.method, c.url(), options)
	if c.result == nil {
		w.problem("request %d has no Deferred", c.id)
		return
	}
	c.result.AddBoth(c.answered)
	if w.cancels {
		w.r.MayCancel(giver{c}, fmt.Sprintf("request %d", c.id))
	}
	switch c.cancel {
	case "later":
		c.user.machine.CallLater(c.after, c.giveUpNow)
	case "turns":
		c.countTurns(c.turns)
	}
}

// countTurns gives c up n turns later.
func (c *call) countTurns(n int) {
	if n == 0 {
		c.giveUpNow()
		return
	}
	c.user.machine.CallLater(0, func() { c.countTurns(n - 1) })
}

// A giver is what the user of the program may give up at any step: a request, or the reading of its response.
type giver struct{ call *call }

func (g giver) Cancel()      { g.call.giveUpNow() }
func (g giver) Called() bool { return g.call.over() }

// giveUpNow cancels what the client waits for.
func (c *call) giveUpNow() {
	if c.over() {
		return
	}
	c.cancelled = true
	c.w.counts.cancels++
	switch {
	case c.fired == 0:
		c.result.Cancel()
		if c.fired == 0 {
			c.w.problem("request %d is cancelled, and its Deferred has not fired", c.id)
		}
	case c.speaking != nil:
		c.speaking.giveUp()
	case c.reading != nil:
		c.reading.Cancel()
	case c.kept:
		c.discard()
	}
}

// giveUp ends what the client still waits for.
func (c *call) giveUp() {
	if !c.over() {
		c.giveUpNow()
	}
}

// over reports whether the client waits for nothing.
func (c *call) over() bool {
	return c.result == nil || c.fired != 0 && (c.err != nil || c.readEnds != 0)
}

// answered gets the result of the request.
func (c *call) answered(resp *response.Response, err error) (*response.Response, error) {
	w := c.w
	if c.fired++; c.fired > 1 {
		w.problem("request %d has fired %d times", c.id, c.fired)
	}
	w.note("%d: %v %v", c.id, resp, err)
	if (resp == nil) == (err == nil) {
		w.problem("request %d: %v and %v", c.id, resp, err)
	}
	if err != nil {
		c.failed(err)
		c.judge("request", err)
		return nil, nil
	}
	c.head(resp)
	if c.cancel == "head" {
		c.cancelled = true
		w.counts.cancels++
	}
	c.begin(resp)
	return nil, nil
}

func (c *call) failed(err error) {
	if c.err == nil {
		c.err = err
		c.w.counts.failed++
	}
}

// target returns the call at the end of the redirects.
func (c *call) target() *call {
	for c.redirect != nil {
		c = c.redirect
	}
	return c
}

// head checks the head of the response.
func (c *call) head(resp *response.Response) {
	w, end := c.w, c.target()
	if resp.Header.Get("X-Id") == "" { // the site answered, not the call
		switch resp.Code {
		case 500:
			if !c.serverAborted() {
				w.problem("request %d: the site answers with a 500 without a reason", c.id)
			}
		case 400, 408: // the content has ended too early, or comes too late
			if !w.failed() {
				w.problem("request %d: the site answers with a %d without a reason", c.id, resp.Code)
			}
		default:
			w.problem("request %d: the site answers with a %d", c.id, resp.Code)
		}
		c.ofSite = true
	} else if resp.Code != end.status || resp.Header.Get("X-Id") != fmt.Sprint(end.id) {
		w.problem("request %d: status %d of request %s, want %d of %d", c.id, resp.Code, resp.Header.Get("X-Id"), end.status, end.id)
	}
	if want := w.version.of(resp.Request.URL.Scheme); resp.Version != want && c.kind != "echo" {
		w.problem("request %d: the response is of %s, want %s", c.id, resp.Version, want)
	}
	if end.length && !end.coded && !c.ofSite && end.ends == "" && c.method != "HEAD" && resp.Length != int64(len(end.body)) {
		w.problem("request %d: the length is %d, want %d", c.id, resp.Length, len(end.body))
	}
}

// begin reads the body of resp.
func (c *call) begin(resp *response.Response) {
	w := c.w
	if c.kind == "echo" && !c.ofSite {
		c.switches(resp)
		return
	}
	if c.cancelled {
		c.resp = resp
		c.discard()
		return
	}
	collect := func(data []byte) error {
		c.receive(data)
		return nil
	}
	none := func(d *deferred.Deferred[deferred.None]) { c.reads(d, resp) }
	switch c.read {
	case "content":
		d := deferred.Map(resp.Content(), func(data []byte) (deferred.None, error) {
			c.receive(data)
			return deferred.None{}, nil
		})
		none(d)
	case "collect":
		none(resp.Collect(collect))
	case "slow":
		none(resp.CollectThen(func(data []byte) *deferred.Deferred[deferred.None] {
			c.receive(data)
			d := deferred.New[deferred.None]()
			c.user.machine.CallLater(c.after%(5*time.Millisecond), func() {
				if !d.Called() {
					d.Callback(deferred.None{})
				}
			})
			return d
		}))
	case "reader":
		none(deferred.Go(func(co *deferred.Co) (deferred.None, error) {
			r := resp.Reader(co)
			defer r.Close()
			p := make([]byte, 1+c.turns%3000)
			for {
				n, err := r.Read(p)
				c.receive(p[:n])
				if err != nil {
					if err.Error() == "EOF" {
						err = nil
					}
					return deferred.None{}, err
				}
			}
		}))
	case "pauses", "stop":
		d := deferred.New[deferred.None]()
		p := &pausing{call: c, done: d}
		if err := resp.DeliverBody(p); err != nil {
			w.problem("request %d: DeliverBody: %v", c.id, err)
		}
		none(d)
	case "discard":
		c.resp = resp
		c.discard()
	case "unread":
		c.resp, c.kept = resp, true
		c.user.machine.CallLater(c.after, func() {
			if c.kept {
				c.discard()
			}
		})
	}
}

// discard gives up the body.
func (c *call) discard() {
	resp := c.resp
	c.resp, c.kept, c.stopped = nil, false, true
	resp.Discard().AddBoth(func(deferred.None, error) (deferred.None, error) {
		if c.readEnds++; c.readEnds > 1 {
			c.w.problem("the discarding of request %d has ended %d times", c.id, c.readEnds)
		}
		return deferred.None{}, nil
	})
}

// receive takes a part of the body.
func (c *call) receive(data []byte) {
	want := c.target().body
	if !c.ofSite && (len(c.got)+len(data) > len(want) || !bytes.Equal(data, want[len(c.got):len(c.got)+len(data)])) {
		c.w.problem("request %d: the %d bytes from %d on are wrong", c.id, len(data), len(c.got))
	}
	c.got = append(c.got, data...)
	if c.cancel == "data" && !c.cancelled && c.reading != nil {
		c.giveUpNow()
	}
}

// reads waits for the end of the body.
func (c *call) reads(d *deferred.Deferred[deferred.None], resp *response.Response) {
	c.reading = d
	d.AddBoth(func(_ deferred.None, err error) (deferred.None, error) {
		if c.readEnds++; c.readEnds > 1 {
			c.w.problem("the reading of request %d has ended %d times", c.id, c.readEnds)
		}
		c.w.note("%d: read %d bytes: %v", c.id, len(c.got), err)
		if err != nil {
			c.failed(err)
			c.judge("body", err)
			return deferred.None{}, nil
		}
		c.w.counts.whole++
		if c.ofSite {
			return deferred.None{}, nil
		}
		end := c.target()
		want := end.body
		if c.method == "HEAD" {
			want = nil
		}
		if len(c.got) != len(want) {
			c.w.problem("request %d: the body is complete with %d bytes, want %d", c.id, len(c.got), len(want))
		}
		if end.trailer && c.method != "HEAD" && resp.Trailer.Get("X-Sum") != fmt.Sprint(len(want)) {
			c.w.problem("request %d: the trailers are %v", c.id, resp.Trailer)
		}
		return deferred.None{}, nil
	})
}

// judge checks an error: its kind, that it names the request, and that there was a reason for it.
func (c *call) judge(what string, err error) {
	w := c.w
	if what == "request" {
		named, ok := errors.AsType[*agent.RequestError](err)
		if !ok || !strings.Contains(err.Error(), ".example/") || named.Method == "" {
			w.problem("request %d: %v (%T) does not name the request", c.id, err, err)
		}
	}
	timeout, isTimeout := errors.AsType[*agent.TimeoutError](err)
	_, generation := errors.AsType[*agent.GenerationError](err)
	switch {
	case isTimeout && timeout.Option != "ConnectTimeout":
		w.counts.timeouts++
		if !c.timed {
			w.problem("request %d has no timeout: %v", c.id, err)
		}
	case errors.Is(err, deferred.ErrCancelled) && !isTimeout:
		if !c.cancelled {
			w.problem("request %d was not cancelled: %v", c.id, err)
		}
	case generation:
		if c.produce != "fails" && c.produce != "short" {
			w.problem("the body of request %d is fine: %v", c.id, err)
		}
	case errors.Is(err, errStopped):
		if !c.stopped {
			w.problem("request %d was not stopped: %v", c.id, err)
		}
	case c.stopped && errors.Is(err, reactor.ErrConnectionAborted):
	case c.cancelled && errors.Is(err, reactor.ErrConnectionAborted):
	case errors.Is(err, request.ErrNotRepeatable) || errors.Is(err, agent.ErrBodySpent):
		if c.produce != "once" && c.produce != "push" && c.produce != "fails" && c.produce != "short" {
			w.problem("request %d can be repeated: %v", c.id, err)
		}
	case refused(err):
		// The client does not know yet how many streams the server takes, and the body cannot be sent again.
		named, _ := errors.AsType[*agent.RequestError](err)
		if c.produce == "" || c.produce == "bytes" || c.produce == "file" || named == nil || !named.NotSent {
			w.problem("request %d was refused, and not sent again: %v", c.id, err)
		}
	case c.lossOf(err):
		if !w.failed() && w.counts.shutdowns == 0 && !c.serverAborted() {
			w.problem("request %d was lost without a reason: %v", c.id, err)
		}
	default:
		w.problem("request %d: an unexpected error: %v", c.id, err)
	}
}

// refused reports whether err says that a server has not processed the request.
func refused(err error) bool {
	e, ok := errors.AsType[*wire.StreamError](err)
	return ok && e.NotProcessed
}

// serverAborted reports whether the server has ended c early, or one of the requests that it leads to.
func (c *call) serverAborted() bool {
	for ; c != nil; c = c.redirect {
		if c.aborted {
			return true
		}
	}
	return false
}

var errStopped = errors.New("stopped")

// lossOf reports whether err is that of a lost connection or stream.
func (c *call) lossOf(err error) bool {
	if e, ok := errors.AsType[*agent.ProxyError](err); ok && e.Code == 502 {
		return true
	}
	if _, ok := errors.AsType[*endpoints.SOCKS5Error](err); ok {
		return true
	}
	for _, kind := range []error{
		reactor.ErrStopped, reactor.ErrNameNotFound, reactor.ErrConnectTimeout, reactor.ErrHandshake, reactor.ErrConnectionLost, reactor.ErrConnectionDone, reactor.ErrConnectionRefused, reactor.ErrConnectionReset,
		wire.ErrPartialBody, wire.ErrPartialHead, wire.ErrNoResponse, deferred.ErrCancelled, agent.ErrSilent,
	} {
		if errors.Is(err, kind) {
			return true
		}
	}
	if _, ok := errors.AsType[*wire.StreamError](err); ok {
		return true
	}
	if _, ok := errors.AsType[*wire.ConnectionError](err); ok {
		return true
	}
	if e, ok := errors.AsType[*agent.TimeoutError](err); ok && e.Option == "ConnectTimeout" {
		return true
	}
	return false
}

// check says what is left of c at the end of the world.
func (c *call) check() {
	w := c.w
	if c.result != nil && !c.over() {
		w.problem("request %d does not end: %s", c.id, c)
	}
	if c.file != nil && c.file.Closed != 1 {
		w.problem("request %d: its file was closed %d times", c.id, c.file.Closed)
	}
	if p := c.producer; p != nil && !(p.started == 1 && (p.done || p.stopped != 0) || p.started == 0 && p.stopped != 0) {
		w.problem("request %d: its body was started %d times and stopped %d times, done %t", c.id, p.started, p.stopped, p.done)
	}
	if c.echoes != 0 {
		w.problem("request %d: %d ends of the other protocol are open at the server: %s", c.id, c.echoes, c)
	}
	if c.begun != c.finished {
		w.problem("request %d: the server has begun %d times and learnt of %d ends: %s", c.id, c.begun, c.finished, c)
	}
	if most := c.mayBegin(); c.begun > most {
		w.problem("request %d: the server has begun it %d times, and may have %d times", c.id, c.begun, most)
	}
}

// mayBegin returns how often the server may begin c: once, unless it may be processed again. Then each try may be sent once
// more by a new connection, after the loss of a reused one. If there is no room for a new connection, that may be another
// reused one, and so on.
func (c *call) mayBegin() int {
	switch {
	case !c.key && c.method == "POST":
		return 1
	case c.user.bounded || c.w.version.http2:
		return 20 * c.user.tries
	}
	return 2 * c.user.tries
}

// A pausing reads a body with pauses, and may stop.
type pausing struct {
	call *call
	done *deferred.Deferred[deferred.None]
	t    response.BodyTransport
	n    int
}

func (p *pausing) ConnectionMade(t response.BodyTransport) { p.t = t }

func (p *pausing) DataReceived(data []byte) {
	c := p.call
	c.receive(data)
	if p.n++; p.n%3 == 1 {
		p.t.PauseProducing()
		c.user.machine.CallLater(c.after%(20*time.Millisecond), p.t.ResumeProducing)
	}
	if c.read == "stop" && !c.stopped && len(c.got) > c.turns*100 {
		c.stopped = true
		p.t.StopProducing()
	}
}

func (p *pausing) ConnectionLost(reason error) {
	switch {
	case p.done.Called(): // it was cancelled
	case errors.Is(reason, response.ErrDone):
		p.done.Callback(deferred.None{})
	case p.call.stopped:
		p.done.Errback(errStopped)
	default:
		p.done.Errback(reason)
	}
}

// A producer is a body that is written by and by.
type producer struct {
	call    *call
	how     string
	to      request.Consumer
	result  *deferred.Deferred[deferred.None]
	sent    int
	started int
	stopped int
	done    bool
	paused  bool
	pending bool
}

var errProducer = errors.New("the producer fails")

func (p *producer) Length() int64 {
	if p.call.id%2 == 0 {
		return request.UnknownLength
	}
	return int64(len(p.call.upload))
}

func (p *producer) StartProducing(to request.Consumer) *deferred.Deferred[deferred.None] {
	p.started++
	if p.started > 1 || p.stopped != 0 {
		p.call.w.problem("request %d: its body was started for the %dth time, stopped %d times", p.call.id, p.started, p.stopped)
	}
	p.to, p.result = to, deferred.New[deferred.None]()
	p.later()
	return p.result
}

func (p *producer) later() {
	if p.pending || p.paused || p.done || p.stopped != 0 || p.to == nil {
		return
	}
	p.pending = true
	p.call.user.machine.CallLater(p.call.pause, func() {
		p.pending = false
		if !p.paused && !p.done && p.stopped == 0 {
			p.write()
		}
	})
}

func (p *producer) write() {
	c := p.call
	n := min(len(c.upload)-p.sent, 100+c.turns*200)
	if n > 0 {
		p.sent += n
		p.to.Write(c.upload[p.sent-n : p.sent])
	}
	if p.stopped != 0 {
		return
	}
	switch half := p.sent*2 >= len(c.upload); {
	case p.how == "fails" && half:
		p.done = true
		p.result.Errback(errProducer)
	case p.how == "short" && half && p.Length() >= 0 && len(c.upload) > 0 && p.sent < len(c.upload):
		p.done = true
		p.result.Callback(deferred.None{})
	case p.sent == len(c.upload):
		p.done = true
		p.result.Callback(deferred.None{})
	default:
		p.later()
	}
}

func (p *producer) PauseProducing() { p.paused = true }

func (p *producer) ResumeProducing() {
	p.paused = false
	p.later()
}

func (p *producer) StopProducing() { p.stopped++ }
