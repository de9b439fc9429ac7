package agent

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/internal/list"
	"github.com/seed-7c003b53/gotreq/internal/origin"
	"github.com/seed-7c003b53/gotreq/internal/secret"
	"github.com/seed-7c003b53/gotreq/reactor"
	"github.com/seed-7c003b53/gotreq/treq/request"
	"github.com/seed-7c003b53/gotreq/treq/response"
)

// This file logs requests, and lists those that are under way.

// A LogConfig says how requests are logged. The zero value works.
type LogConfig struct {
	// Logger takes the lines. Its handler is called on the goroutine of the reactor, which
	// waits for it. A panic of it harms no request. nil means what slog.Default() is then.
	Logger *slog.Logger
	// Level chooses the level of a request's line from its result: the status, which is 0
	// without a response, and the error. The error is nil if the response is complete. nil
	// means [DefaultLogLevel].
	Level func(status int, err error) slog.Level
	// Bodies is how much of the bodies of a request and its response is logged, at
	// [slog.LevelDebug], in bytes of each: of the response's body, as much as the program
	// has read by then. A body that is not text is not shown. 0 means nothing.
	Bodies int
	// Secrets are names of headers, of parameters of URLs, and of fields of forms and of
	// JSON, whose values are hidden, besides the well-known ones such as Authorization,
	// Cookie, X-Api-Key, token and password.
	Secrets []string
	// ShowSecrets hides nothing. Use it where nobody else reads the log.
	ShowSecrets bool
}

// DefaultLogLevel is the default of Level of a [LogConfig]: Error for a request that failed or
// whose body was cut short, Warn for a status from 400, and Info for others, including requests
// that the program cancelled and bodies that it did not want.
func DefaultLogLevel(status int, err error) slog.Level {
	var timeout interface{ Timeout() bool }
	switch {
	case errors.As(err, &timeout) && timeout.Timeout():
		return slog.LevelError
	case errors.Is(err, deferred.ErrCancelled), errors.Is(err, reactor.ErrConnectionAborted):
		return slog.LevelInfo
	case err != nil:
		return slog.LevelError
	case status >= http.StatusBadRequest:
		return slog.LevelWarn
	}
	return slog.LevelInfo
}

// A LogAgent is a Requester that logs one line for each request, when the body of its response
// has ended, or when it has failed. The line has the message "request" and these attributes:
//
//	method, url   as the caller gave them, the URL without its secrets
//	status        the status code, if there is a response
//	error         why there is no response, or why its body is not complete
//	tries         how often the last hop was tried
//	redirects     how many redirects were followed, if any
//	sent          the bytes of the request's body
//	received      the bytes of the response's body, as they came
//	earlier       the time before the last hop or try, from a millisecond
//	queued        the wait for a connection, from a millisecond
//	lookup, connect, tls, first_byte, total
//	              see [response.Times]
//	reused        whether the connection had carried a request before
//
// At [slog.LevelDebug] there is a line with the message "try" for each request that a LogAgent
// below sends, with the headers of the request and of its response, and a line "bodies" with
// the beginning of the bodies, if the config asks for them. The time of a line is that of the
// reactor. The handler gets the Context of the request.
//
// A LogAgent belongs above all other agents. A second one belongs right above the agent that
// sends: it logs the tries of the requests that the first one logs, and nothing else. A client
// with a Log has both. Without a second one, the try is the last one.
//
// A LogAgent sets the Times of responses. If its logger is not enabled for [slog.LevelError],
// it does nothing at all.
type LogAgent struct {
	*requestLog
	inner Requester
}

// A requestLog is what LogAgents share.
type requestLog struct {
	clock   reactor.Clock
	config  LogConfig
	names   secret.Names
	pending *list.List[logged] // the requests whose lines are not written yet, oldest first
}

// NewLogAgent returns a LogAgent on top of inner, with the time of clock, which normally is the
// reactor.
func NewLogAgent(clock reactor.Clock, inner Requester, config LogConfig) *LogAgent {
	if config.Level == nil {
		config.Level = DefaultLogLevel
	}
	config.Bodies = max(0, config.Bodies)
	return &LogAgent{&requestLog{clock, config, config.Secrets, new(list.List[logged])}, inner}
}

// Around returns a LogAgent on top of another agent, with the same log and the same Pending.
// It hides the values of more secrets; see the Secrets of [LogConfig].
func (a *LogAgent) Around(inner Requester, secrets ...string) *LogAgent {
	l := a.requestLog
	if len(secrets) != 0 {
		own := *l
		own.names = slices.Concat(l.names, secret.Names(secrets))
		l = &own
	}
	return &LogAgent{l, inner}
}

// A Pending is a request that is under way: its response, or the end of the response's body, is
// still to come.
type Pending struct {
	Method string
	URL    string // without its secrets
	// State is what the request does: "waiting" (for a place among the connections, for
	// credentials or before a retry), "looking up the name", "connecting", "shaking hands",
	// "sending", "sent" (and not answered), "reading" (the body).
	State string
	// Age is the time since the program made the request.
	Age time.Duration
}

// String is a line for people: the request, its state and its age.
func (p Pending) String() string {
	return fmt.Sprintf("%s %s: %s for %v", p.Method, p.URL, p.State, p.Age)
}

// Pending returns the requests that are under way, the oldest first.
func (a *LogAgent) Pending() []Pending {
	var all []Pending
	now := a.clock.Now()
	for o := range a.pending.All() {
		all = append(all, Pending{o.req.Method, a.url(o.req), o.state, now.Sub(o.times.Start)})
	}
	return all
}

// A logged is a request that is being logged. Like its stopwatch, it must not keep the response
// reachable.
type logged struct {
	*stopwatch
	log   *requestLog
	req   *request.Request
	place list.Node[logged] // in requestLog.pending

	debug     bool
	tries     int // the number of tries that a LogAgent below has seen
	status    int // 0 without a response
	tried     int // the Tries of the response
	redirects int
	sent      int64
	received  int64

	contentType   string // of the response
	asked, answer excerpt
	reading       bool  // a reader has the body
	told          error // the reason of the end, as the reader got it; nil before
	came          bool  // the body has ended for the agent
}

// loggedKey is the key of the *logged in the Context of a request.
type loggedKey struct{}

func loggedOf(ctx context.Context) *logged {
	if ctx == nil {
		return nil
	}
	o, _ := ctx.Value(loggedKey{}).(*logged)
	return o
}

// Request sends req and logs it; see [Requester]. For that it sends a copy of req, whose
// Context has more values and whose body, unless it is Bytes, counts what is read.
func (a *LogAgent) Request(req *request.Request) *response.Deferred {
	if o := loggedOf(req.Context); o != nil && !o.over {
		return o.try(a.inner, req)
	}
	l := a.requestLog
	ctx := req.Context
	if ctx == nil {
		ctx = context.Background()
	}
	if !l.enabled(ctx, slog.LevelError) {
		return a.inner.Request(req)
	}
	own := *req
	o := &logged{stopwatch: newStopwatch(l.clock), log: l, req: req, debug: l.enabled(ctx, slog.LevelDebug)}
	if o.debug {
		o.asked.most, o.answer.most = l.config.Bodies, l.config.Bodies
	}
	own.Context = context.WithValue(o.in(ctx), loggedKey{}, o)
	switch body := req.Body.(type) {
	case nil:
	case request.Bytes:
		o.asked.add(body)
	default:
		own.Body = &countedBody{body, o}
	}
	l.pending.Push(&o.place, o)
	returned := false
	defer func() {
		if !returned { // inner panicked
			o.place.Remove()
		}
	}()
	d := a.inner.Request(&own).AddBoth(o.answered)
	returned = true
	return d
}

// try sends a request of o, or the same one again, and logs its heads.
func (o *logged) try(inner Requester, req *request.Request) *response.Deferred {
	o.tries++
	if !o.debug {
		return inner.Request(req)
	}
	start := o.clock.Now()
	return inner.Request(req).AddBoth(func(resp *response.Response, err error) (*response.Response, error) {
		o.logTry(start, req, resp, err)
		return resp, err
	})
}

// answered handles the result of the request.
func (o *logged) answered(resp *response.Response, err error) (*response.Response, error) {
	if err != nil || resp == nil {
		if body, ok := o.req.Body.(request.Bytes); ok && o.state == stateSent {
			o.sent = int64(len(body))
		}
		o.failed()
		var failed *response.FailedError
		if errors.As(err, &failed) && failed.Response != nil {
			o.saw(failed.Response)
		}
		var retried *RetryError
		if errors.As(err, &retried) {
			o.tried = retried.Tries
		}
		o.finish(err)
		return resp, err
	}
	o.stopwatch.answered(resp)
	o.saw(resp)
	if o.debug && o.tries == 0 {
		o.logTry(o.times.Start, resp.Request, resp, nil)
	}
	if !resp.HasReader() {
		resp.WrapBody(func(reader response.BodyProtocol) response.BodyProtocol {
			o.reading = true
			return &loggedBody{reader, o}
		})
	}
	resp.OnEnded(func(reason error, received int64) {
		o.ended()
		o.received, o.came = received, true
		switch {
		case !o.reading:
			o.finish(reason)
		case o.told != nil:
			o.finish(o.told)
		}
	})
	return resp, nil
}

// saw notes what resp says.
func (o *logged) saw(resp *response.Response) {
	o.status, o.tried, o.redirects = resp.Code, resp.Tries, len(resp.History())
	o.contentType = resp.Header.Get("Content-Type")
	if body, ok := o.req.Body.(request.Bytes); ok {
		o.sent = int64(len(body))
	}
}

// finish writes the line of the request, whose body has ended for reason, or which has failed.
func (o *logged) finish(reason error) {
	if !o.place.Remove() {
		return // it is written
	}
	if errors.Is(reason, response.ErrDone) || errors.Is(reason, response.ErrPotentialDataLoss) {
		reason = nil
	}
	attrs := []slog.Attr{slog.String("method", o.req.Method), slog.String("url", o.log.url(o.req))}
	if o.asked.most > 0 {
		o.log.write(o.req, slog.LevelDebug, "bodies", append(slices.Clip(attrs),
			slog.String("sent", o.log.body(&o.asked, o.req.Header.Get("Content-Type"))),
			slog.String("received", o.log.body(&o.answer, o.contentType)))...)
	}
	if o.status != 0 {
		attrs = append(attrs, slog.Int("status", o.status))
	}
	if reason != nil {
		attrs = append(attrs, slog.String("error", o.log.failure(o.req, reason)))
	}
	attrs = append(attrs, slog.Int("tries", max(1, o.tried)))
	if o.redirects > 0 {
		attrs = append(attrs, slog.Int("redirects", o.redirects))
	}
	attrs = append(attrs, slog.Int64("sent", o.sent), slog.Int64("received", o.received))
	t := o.result()
	if t.Earlier >= time.Millisecond {
		attrs = append(attrs, slog.Duration("earlier", t.Earlier))
	}
	if t.Queued >= time.Millisecond {
		attrs = append(attrs, slog.Duration("queued", t.Queued))
	}
	level := slog.LevelError
	guardLog(func() { level = o.log.config.Level(o.status, reason) })
	o.log.write(o.req, level, "request", append(attrs,
		slog.Duration("lookup", t.Lookup), slog.Duration("connect", t.Connect), slog.Duration("tls", t.TLS),
		slog.Duration("first_byte", t.FirstByte), slog.Duration("total", t.Total), slog.Bool("reused", t.Reused))...)
}

// failure returns the text of err without the method and URL of req, which have attributes of
// their own.
func (l *requestLog) failure(req *request.Request, err error) string {
	if own, ok := err.(*RequestError); ok {
		err = own.Err
	}
	text := strings.TrimPrefix(err.Error(), req.Method+" "+origin.Excerpt(origin.Redacted(req.URL), origin.ExcerptOfURL)+": ")
	if err == deferred.ErrCancelled {
		text = "cancelled"
	}
	if !l.config.ShowSecrets {
		text = l.names.Text(text)
	}
	return origin.Excerpt(text, origin.ExcerptOfError)
}

// logTry logs the heads of a request and of its response.
func (o *logged) logTry(start time.Time, req *request.Request, resp *response.Response, err error) {
	if req == nil {
		req = o.req
	}
	l := o.log
	attrs := []slog.Attr{slog.String("method", req.Method), slog.String("url", l.url(req))}
	if err != nil || resp == nil {
		if err != nil {
			attrs = append(attrs, slog.String("error", l.failure(req, err)))
		}
		l.write(req, slog.LevelDebug, "try", append(attrs, slog.Duration("took", o.clock.Now().Sub(start)), l.headers("request", sentHeader(req)))...)
		return
	}
	l.write(req, slog.LevelDebug, "try", append(attrs, slog.Int("status", resp.Code), slog.Duration("took", o.clock.Now().Sub(start)),
		l.headers("request", sentHeader(req)), l.headers("response", resp.Header))...)
}

// sentHeader returns the Header of req with the headers that an agent adds from its fields.
func sentHeader(req *request.Request) http.Header {
	_, own := req.Header["User-Agent"]
	if req.AcceptEncoding == "" && (own || req.UserAgent == "") {
		return req.Header
	}
	h := req.Clone().Header
	if req.AcceptEncoding != "" {
		h["Accept-Encoding"] = append(h["Accept-Encoding"], req.AcceptEncoding)
	}
	if !own && req.UserAgent != "" {
		h["User-Agent"] = []string{req.UserAgent}
	}
	return h
}

// headers returns h as a group of attributes.
func (l *requestLog) headers(key string, h http.Header) slog.Attr {
	if !l.config.ShowSecrets {
		h = l.names.Headers(h)
	}
	var attrs []any
	for _, name := range slices.Sorted(maps.Keys(h)) {
		attrs = append(attrs, slog.String(name, strings.Join(h[name], ", ")))
	}
	return slog.Group(key, attrs...)
}

// url returns the URL of req as the log shows it.
func (l *requestLog) url(req *request.Request) string {
	if req.URL == nil {
		return ""
	}
	text := req.URL.String()
	if !l.config.ShowSecrets {
		text = l.names.URL(req.URL)
	}
	return origin.Excerpt(text, origin.ExcerptOfURL)
}

// logger returns the Logger, or the present default one.
func (l *requestLog) logger() *slog.Logger {
	if l.config.Logger != nil {
		return l.config.Logger
	}
	return slog.Default()
}

// enabled reports whether the log takes lines of a level.
func (l *requestLog) enabled(ctx context.Context, level slog.Level) (ok bool) {
	guardLog(func() { ok = l.logger().Handler().Enabled(ctx, level) })
	return ok
}

// write writes a line about req.
func (l *requestLog) write(req *request.Request, level slog.Level, message string, attrs ...slog.Attr) {
	ctx := req.Context
	if ctx == nil {
		ctx = context.Background()
	}
	if !l.enabled(ctx, level) {
		return
	}
	record := slog.NewRecord(l.clock.Now(), level, message, 0)
	record.AddAttrs(attrs...)
	guardLog(func() { l.logger().Handler().Handle(ctx, record) })
}

// guardLog calls f, which calls a handler or a Level of a program. Its panic must not reach the request.
func guardLog(f func()) {
	defer func() {
		if v := recover(); v != nil {
			p := deferred.NewPanicError(v)
			defer func() { recover() }() // this handler may be the same one
			slog.Error("agent: panic in a log's handler", "panic", p.Value, "stack", string(p.Stack))
		}
	}()
	f()
}

// An excerpt is the beginning of a body.
type excerpt struct {
	most  int // bytes to keep
	data  []byte
	total int64
}

func (e *excerpt) add(data []byte) {
	e.total += int64(len(data))
	e.data = append(e.data, data[:min(len(data), e.most-len(e.data))]...)
}

func (e *excerpt) reset() { e.data, e.total = nil, 0 }

// body returns e, the beginning of a body of that type, as the log shows it.
func (l *requestLog) body(e *excerpt, contentType string) string {
	text := string(e.data)
	cut := e.total - int64(len(text))
	if cut > 0 { // perhaps within a rune
		for i := 1; i < utf8.UTFMax && i <= len(text); i++ {
			if r, _ := utf8.DecodeLastRuneInString(text); r != utf8.RuneError {
				break
			}
			text = text[:len(text)-1]
		}
	}
	switch {
	case !isText(text), strings.HasPrefix(strings.ToLower(contentType), "multipart/") && !l.config.ShowSecrets:
		return fmt.Sprintf("[%d bytes of %s]", e.total, cmp.Or(contentType, "no type"))
	case !l.config.ShowSecrets:
		text = l.names.Body(text, contentType)
	}
	if cut > 0 {
		text += fmt.Sprintf("[... %d bytes]", e.total)
	}
	return text
}

// isText reports whether s can be shown.
func isText(s string) bool {
	return utf8.ValidString(s) && !strings.ContainsFunc(s, func(r rune) bool {
		return unicode.IsControl(r) && r != '\n' && r != '\r' && r != '\t'
	})
}

// A loggedBody sees what the reader of a body gets.
type loggedBody struct {
	response.BodyProtocol
	o *logged
}

func (b *loggedBody) DataReceived(data []byte) {
	if b.o.answer.most > 0 {
		b.o.answer.add(data)
	}
	b.BodyProtocol.DataReceived(data)
}

func (b *loggedBody) ConnectionLost(reason error) {
	if b.o.told = reason; b.o.came {
		b.o.finish(reason)
	}
	b.BodyProtocol.ConnectionLost(reason)
}

// A countedBody counts the bytes of a request's body.
type countedBody struct {
	request.BodyProducer
	o *logged
}

func (b *countedBody) StartProducing(to request.Consumer) *deferred.Deferred[deferred.None] {
	b.o.sent = 0
	b.o.asked.reset()
	return b.BodyProducer.StartProducing(&countingConsumer{to, b.o})
}

// Hold, Rewind and Release are those of the body below, if it has them.

func (b *countedBody) Hold() bool    { return request.Hold(b.BodyProducer) }
func (b *countedBody) Rewind() error { return request.Rewind(b.BodyProducer) }
func (b *countedBody) Release()      { request.Release(b.BodyProducer) }

var _ request.RepeatableProducer = (*countedBody)(nil)

// A countingConsumer counts what it passes on.
type countingConsumer struct {
	request.Consumer
	o *logged
}

func (c *countingConsumer) Write(data []byte) {
	c.o.sent += int64(len(data))
	if c.o.asked.most > 0 {
		c.o.asked.add(data)
	}
	c.Consumer.Write(data)
}
