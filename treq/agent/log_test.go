package agent_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptrace"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/deferred/deferredtest"
	"github.com/seed-7c003b53/gotreq/internal/testkit/bodytest"
	"github.com/seed-7c003b53/gotreq/internal/testkit/garbage"
	"github.com/seed-7c003b53/gotreq/reactor"
	"github.com/seed-7c003b53/gotreq/reactor/memory"
	"github.com/seed-7c003b53/gotreq/reactor/task"
	"github.com/seed-7c003b53/gotreq/treq/agent"
	"github.com/seed-7c003b53/gotreq/treq/request"
	"github.com/seed-7c003b53/gotreq/treq/response"
)

// A logged is a LogAgent around a script, and its lines.
type logged struct {
	*agent.LogAgent
	*script
	r     *memory.Reactor
	lines bytes.Buffer
}

func newLogged(t *testing.T, level slog.Level, config agent.LogConfig) *logged {
	l := &logged{script: &script{t: t}, r: memory.New()}
	config.Logger = l.logger(level)
	l.LogAgent = agent.NewLogAgent(l.r, l.script, config)
	return l
}

// logger returns a logger whose lines have no time.
func (l *logged) logger(level slog.Level) *slog.Logger {
	return slog.New(slog.NewTextHandler(&l.lines, &slog.HandlerOptions{Level: level, ReplaceAttr: func(groups []string, a slog.Attr) slog.Attr {
		if a.Key == slog.TimeKey && len(groups) == 0 {
			return slog.Attr{}
		}
		return a
	}}))
}

func (l *logged) send(req *request.Request) *deferred.Deferred[*response.Response] {
	return l.LogAgent.Request(req)
}

func (l *logged) get(rawURL string) *deferred.Deferred[*response.Response] {
	return l.send(newRequest("GET", rawURL))
}

// wantLines checks the lines since the last call. The test names only the interesting end of
// a line that ends with the usual attributes.
func (l *logged) wantLines(t *testing.T, want ...string) {
	t.Helper()
	got := strings.Split(strings.TrimSuffix(l.lines.String(), "\n"), "\n")
	l.lines.Reset()
	if len(got) == 1 && got[0] == "" {
		got = nil
	}
	if len(got) != len(want) {
		t.Fatalf("got %d lines:\n%s", len(got), strings.Join(got, "\n"))
	}
	for i, line := range got {
		expected := want[i]
		if before, ok := strings.CutSuffix(expected, " ..."); ok {
			expected = before + " " + noTimes
		}
		if line != expected {
			t.Errorf("got  %s\nwant %s", line, expected)
		}
	}
}

// noTimes are the last attributes of a request that took no time.
const noTimes = "lookup=0s connect=0s tls=0s first_byte=0s total=0s reused=false"

// TestLog has one line for each way in which a request can end.
func TestLog(t *testing.T) {
	read := func(t *testing.T, d *deferred.Deferred[*response.Response]) {
		t.Helper()
		deferredtest.SuccessResultOf(t, d).DeliverBody(new(bodytest.Reader))
	}
	for _, test := range []struct {
		name string
		run  func(t *testing.T, l *logged)
		want string
	}{
		{"complete", func(t *testing.T, l *logged) {
			d := l.get("http://u:secret@an.example/a?b=c&token=secret")
			r, s := reply(200)
			l.answer(r)
			read(t, d)
			s.Write([]byte("hello"))
			l.wantLines(t)
			s.End(response.ErrDone)
		}, `level=INFO msg=request method=GET url="http://u:xxxxx@an.example/a?b=c&token=xxxxx" status=200 tries=1 sent=0 received=5 ...`},
		{"unread, but complete", func(t *testing.T, l *logged) {
			d := l.get("http://an.example/")
			l.answer(whole(404, "hello"))
			deferredtest.SuccessResultOf(t, d)
		}, `level=WARN msg=request method=GET url=http://an.example/ status=404 tries=1 sent=0 received=5 ...`},
		{"until the connection ended", func(t *testing.T, l *logged) {
			d := l.get("http://an.example/")
			r, s := reply(500)
			l.answer(r)
			read(t, d)
			s.End(response.ErrPotentialDataLoss)
		}, `level=WARN msg=request method=GET url=http://an.example/ status=500 tries=1 sent=0 received=0 ...`},
		{"cut short", func(t *testing.T, l *logged) {
			d := l.get("http://an.example/")
			r, s := reply(200)
			l.answer(r)
			read(t, d)
			s.Write([]byte("he"))
			s.End(&response.FailedError{Reasons: []error{errors.New("boom: http://u:secret@b.example/")}})
		}, `level=ERROR msg=request method=GET url=http://an.example/ status=200 error="the response failed: boom: http://u:xxxxx@b.example/" tries=1 sent=0 received=2 ...`},
		{"stopped by its reader", func(t *testing.T, l *logged) {
			d := l.get("http://an.example/")
			r, s := reply(200)
			s.OnStop = func() { s.End(&response.FailedError{Reasons: []error{reactor.ErrConnectionAborted}}) }
			l.answer(r)
			c := deferredtest.SuccessResultOf(t, d).Content()
			c.Cancel()
			deferredtest.FailureResultOf(t, c)
		}, `level=INFO msg=request method=GET url=http://an.example/ status=200 error="the response failed: ` + reactor.ErrConnectionAborted.Error() + `" tries=1 sent=0 received=0 ...`},
		{"failed", func(t *testing.T, l *logged) {
			d := l.get("http://an.example/")
			l.waiting[0].Errback(&agent.RequestError{Method: "GET", URL: "http://an.example/", Err: errors.New("no route")})
			deferredtest.FailureResultOf(t, d)
		}, `level=ERROR msg=request method=GET url=http://an.example/ error="no route" tries=1 sent=0 received=0 ...`},
		{"cancelled", func(t *testing.T, l *logged) {
			d := l.get("http://an.example/")
			d.Cancel()
			deferredtest.FailureResultOf(t, d)
		}, `level=INFO msg=request method=GET url=http://an.example/ error=cancelled tries=1 sent=0 received=0 ...`},
		{"timed out", func(t *testing.T, l *logged) {
			d := l.get("http://an.example/")
			l.waiting[0].Errback(&agent.TimeoutError{Option: "Timeout", After: time.Second})
			deferredtest.FailureResultOf(t, d)
		}, `level=ERROR msg=request method=GET url=http://an.example/ error="no response for 1s (Timeout)" tries=1 sent=0 received=0 ...`},
		{"with a response that was refused", func(t *testing.T, l *logged) {
			d := l.get("http://an.example/")
			l.waiting[0].Errback(&response.FailedError{Reasons: []error{agent.ErrInfiniteRedirection}, Response: whole(302, "")})
			deferredtest.FailureResultOf(t, d)
		}, `level=ERROR msg=request method=GET url=http://an.example/ status=302 error="the response failed: too many redirects" tries=1 sent=0 received=0 ...`},
		{"after redirects and tries", func(t *testing.T, l *logged) {
			d := l.get("http://an.example/")
			r := whole(200, "")
			r.Tries = 3
			r.PreviousResponse = whole(302, "")
			r.PreviousResponse.PreviousResponse = whole(301, "")
			l.answer(r)
			deferredtest.SuccessResultOf(t, d)
		}, `level=INFO msg=request method=GET url=http://an.example/ status=200 tries=3 redirects=2 sent=0 received=0 ...`},
		{"with times", func(t *testing.T, l *logged) {
			d := l.get("https://an.example/")
			play(l.r, l.last(), newConnection...)
			r, s := reply(200)
			l.answer(r)
			if times := deferredtest.SuccessResultOf(t, d).Times; times == nil || times.TLS != ms(5) {
				t.Errorf("the response has %+v", times)
			}
			read(t, d)
			l.r.Advance(ms(8))
			s.End(response.ErrDone)
		}, `level=INFO msg=request method=GET url=https://an.example/ status=200 tries=1 sent=0 received=0 earlier=1ms queued=2ms lookup=3ms connect=4ms tls=5ms first_byte=13ms total=37ms reused=false`},
		{"failed while connecting", func(t *testing.T, l *logged) {
			d := l.get("https://an.example/")
			play(l.r, l.last(), newConnection[:5]...)
			l.r.Advance(ms(30))
			d.Cancel()
			deferredtest.FailureResultOf(t, d)
		}, `level=INFO msg=request method=GET url=https://an.example/ error=cancelled tries=1 sent=0 received=0 earlier=1ms queued=2ms lookup=3ms connect=31ms tls=0s first_byte=0s total=37ms reused=false`},
	} {
		t.Run(test.name, func(t *testing.T) {
			l := newLogged(t, slog.LevelInfo, agent.LogConfig{})
			test.run(t, l)
			l.wantLines(t, test.want)
			if p := l.Pending(); len(p) != 0 {
				t.Errorf("pending: %v", p)
			}
		})
	}
}

// TestLogOfBodies: the line counts the bytes of a body that is no Bytes, those of the last
// time it was sent, and the body can still be sent again.
func TestLogOfBodies(t *testing.T) {
	for _, test := range []struct {
		name string
		body request.BodyProducer
	}{
		{"Bytes", request.Bytes("hello")},
		{"a file", request.NewFileBodyProducer(strings.NewReader("hello"), request.FileBodyConfig{})},
	} {
		t.Run(test.name, func(t *testing.T) {
			l := newLogged(t, slog.LevelDebug, agent.LogConfig{Bodies: 3})
			req := newRequest("POST", "http://an.example/")
			req.Body = test.body
			d := l.send(req)
			body := l.last().Body
			if !request.Hold(body) {
				t.Fatal("the body cannot be sent again")
			}
			for i := range 2 {
				if i > 0 {
					if err := request.Rewind(body); err != nil {
						t.Fatal(err)
					}
				}
				c := &textConsumer{tasks: task.NewCooperator(l.r, task.CooperatorConfig{})}
				body.StartProducing(c)
				l.r.Pump()
				if got := c.String(); got != "hello" {
					t.Errorf("sent %q", got)
				}
			}
			request.Release(body)
			r, s := reply(200, "Content-Type", "text/plain")
			l.answer(r)
			content := deferredtest.SuccessResultOf(t, d).Content()
			s.Write([]byte("worl"))
			s.Write([]byte("d!"))
			s.End(response.ErrDone)
			if got := string(deferredtest.SuccessResultOf(t, content)); got != "world!" {
				t.Errorf("the reader got %q", got)
			}
			l.wantLines(t,
				`level=DEBUG msg=try method=POST url=http://an.example/ status=200 took=0s response.Content-Type=text/plain`,
				`level=DEBUG msg=bodies method=POST url=http://an.example/ sent="hel[... 5 bytes]" received="wor[... 6 bytes]"`,
				`level=INFO msg=request method=POST url=http://an.example/ status=200 tries=1 sent=5 received=6 ...`)
		})
	}
}

// A textConsumer keeps the bytes of a body.
type textConsumer struct {
	bytes.Buffer
	tasks *task.Cooperator
}

func (c *textConsumer) Write(data []byte)            { c.Buffer.Write(data) }
func (c *textConsumer) Cooperator() *task.Cooperator { return c.tasks }

// TestLogShowsNoSecrets: no line has a secret, unless the config says so.
func TestLogShowsNoSecrets(t *testing.T) {
	for _, show := range []bool{false, true} {
		for _, test := range []struct{ contentType, sent, received string }{
			{"application/x-www-form-urlencoded", "client_secret=s3cret&mine=s3cret&a=b", "password=s3cret"},
			{"application/json", `{"token": "s3cret", "mine": "s3cret"}`, `{"access_token": "s3cret"}`},
			{"multipart/form-data; boundary=b", "--b\r\nContent-Disposition: form-data; name=password\r\n\r\ns3cret\r\n--b--", ""},
			{"text/plain", "http://u:s3cret@an.example/?sig=s3cret", ""},
			{"application/octet-stream", "\x00s3cret", "\xffs3cret"},
		} {
			l := newLogged(t, slog.LevelDebug, agent.LogConfig{Bodies: 1000, Secrets: []string{"X-Mine", "mine"}, ShowSecrets: show})
			req := newRequest("POST", "http://u:s3cret@an.example/?token=s3cret&mine=s3cret",
				"Authorization", "Bearer s3cret", "Cookie", "a=s3cret", "X-Mine", "s3cret", "X-Api-Key", "s3cret", "Content-Type", test.contentType)
			req.Body = request.Bytes(test.sent)
			d := l.send(req)
			r, s := reply(200, "Set-Cookie", "a=s3cret; Path=/", "Location", "http://u:s3cret@b.example/?token=s3cret", "Content-Type", test.contentType)
			l.answer(r)
			content := deferredtest.SuccessResultOf(t, d).Content()
			s.Write([]byte(test.received))
			s.End(&response.FailedError{Reasons: []error{errors.New("see http://u:s3cret@an.example/?mine=s3cret")}})
			deferredtest.FailureResultOf(t, content)
			if n := strings.Count(l.lines.String(), "s3cret"); show != (n > 10) || !show && n != 0 {
				t.Errorf("show %v: %s", show, l.lines.String())
			}
		}
	}
}

// TestLogTries: a second LogAgent, below, logs each try, and only if the first one logs the
// request.
func TestLogTries(t *testing.T) {
	for _, level := range []slog.Level{slog.LevelDebug, slog.LevelInfo} {
		l := newLogged(t, level, agent.LogConfig{})
		outer := l.LogAgent.Around(agent.NewRedirectAgent(l.LogAgent, agent.RedirectConfig{}))
		d := outer.Request(newRequest("GET", "http://an.example/", "X-A", "b"))
		l.r.Advance(ms(2))
		l.answer(redirect(302, "/next?sig=secret"))
		l.r.Advance(ms(3))
		l.answer(whole(200, ""))
		deferredtest.SuccessResultOf(t, d)
		tries := []string{
			`level=DEBUG msg=try method=GET url=http://an.example/ status=302 took=2ms request.X-A=b response.Location="/next?sig=xxxxx"`,
			`level=DEBUG msg=try method=GET url="http://an.example/next?sig=xxxxx" status=200 took=3ms request.X-A=b`,
		}
		if level > slog.LevelDebug {
			tries = nil
		}
		l.wantLines(t, append(tries,
			`level=INFO msg=request method=GET url=http://an.example/ status=200 tries=1 redirects=1 sent=0 received=0 lookup=0s connect=0s tls=0s first_byte=0s total=5ms reused=false`)...)

		d = outer.Request(newRequest("GET", "http://an.example/"))
		l.waiting[len(l.waiting)-1].Errback(errors.New("boom"))
		deferredtest.FailureResultOf(t, d)
		if level == slog.LevelDebug {
			l.wantLines(t, `level=DEBUG msg=try method=GET url=http://an.example/ error=boom took=0s`,
				`level=ERROR msg=request method=GET url=http://an.example/ error=boom tries=1 sent=0 received=0 ...`)
		}
	}
}

// TestLogLevels: a level that is not enabled costs nothing, and Level chooses others.
func TestLogLevels(t *testing.T) {
	l := newLogged(t, slog.LevelError+1, agent.LogConfig{})
	req := newRequest("GET", "http://an.example/")
	d := l.send(req)
	if l.last() != req || len(l.Pending()) != 0 {
		t.Error("without a level the request is another")
	}
	l.answer(whole(200, ""))
	if resp := deferredtest.SuccessResultOf(t, d); resp.Times != nil {
		t.Error("without a level it has times")
	}
	l.wantLines(t)

	l = newLogged(t, slog.LevelWarn, agent.LogConfig{Level: func(status int, err error) slog.Level {
		if status == 404 || err != nil {
			return slog.LevelInfo
		}
		return slog.LevelWarn
	}})
	for _, code := range []int{404, 200} {
		d := l.get("http://an.example/")
		l.answer(whole(code, ""))
		deferredtest.SuccessResultOf(t, d)
	}
	d = l.get("http://an.example/")
	d.Cancel()
	deferredtest.FailureResultOf(t, d)
	l.wantLines(t, `level=WARN msg=request method=GET url=http://an.example/ status=200 tries=1 sent=0 received=0 ...`)
}

// A panicker is a handler that panics.
type panicker struct {
	slog.Handler
	enabled bool
}

func (p panicker) Enabled(context.Context, slog.Level) bool {
	if !p.enabled {
		panic("enabled")
	}
	return true
}
func (panicker) Handle(context.Context, slog.Record) error { panic("handle") }

// TestLogPanics: a handler that panics harms no request.
func TestLogPanics(t *testing.T) {
	for _, h := range []panicker{{enabled: true}, {}} {
		s := &script{t: t}
		a := agent.NewLogAgent(memory.New(), s, agent.LogConfig{
			Logger: slog.New(h), Bodies: 10, Level: func(int, error) slog.Level { panic("level") },
		})
		d := a.Request(newRequest("GET", "http://an.example/"))
		s.answer(whole(200, "hello"))
		deferredtest.SuccessResultOf(t, d)
		d = a.Request(newRequest("GET", "http://an.example/"))
		d.Cancel()
		deferredtest.FailureResultOf(t, d)
		if p := a.Pending(); len(p) != 0 {
			t.Errorf("pending: %v", p)
		}
	}
	// A panic of the agent below is the caller's, as without a log.
	a := agent.NewLogAgent(memory.New(), panickingAgent{}, agent.LogConfig{Logger: slog.New(slog.NewTextHandler(new(bytes.Buffer), nil))})
	func() {
		defer func() {
			if v := recover(); v != "boom" {
				t.Errorf("got the panic %v", v)
			}
		}()
		a.Request(newRequest("GET", "http://an.example/"))
	}()
	if p := a.Pending(); len(p) != 0 {
		t.Errorf("pending: %v", p)
	}
}

type panickingAgent struct{}

func (panickingAgent) Request(*request.Request) *deferred.Deferred[*response.Response] { panic("boom") }

// TestLogHandler: the handler gets the Context of the request, and the time of the reactor.
func TestLogHandler(t *testing.T) {
	type key struct{}
	r := memory.New()
	s := &script{t: t}
	h := &keeper{}
	a := agent.NewLogAgent(r, s, agent.LogConfig{Logger: slog.New(h)})
	req := newRequest("GET", "http://an.example/")
	req.Context = context.WithValue(context.Background(), key{}, "value")
	d := a.Request(req)
	r.Advance(time.Hour)
	s.answer(whole(200, ""))
	deferredtest.SuccessResultOf(t, d)
	if len(h.records) != 1 || !h.records[0].Time.Equal(r.Now()) || h.ctx.Value(key{}) != "value" {
		t.Errorf("got %v, %v", h.records, h.ctx)
	}
}

// A keeper is a handler that keeps the records.
type keeper struct {
	slog.Handler
	records []slog.Record
	ctx     context.Context
}

func (k *keeper) Enabled(context.Context, slog.Level) bool { return true }
func (k *keeper) Handle(ctx context.Context, r slog.Record) error {
	if r.Level >= slog.LevelInfo {
		k.records, k.ctx = append(k.records, r), ctx
	}
	return nil
}

// TestPending follows a request through its states.
func TestPending(t *testing.T) {
	l := newLogged(t, slog.LevelInfo, agent.LogConfig{})
	first := l.get("https://u:secret@an.example/?token=secret")
	req := l.last()
	l.r.Advance(ms(10))
	second := l.get("http://an.example/second")
	want := func(state string, age time.Duration) {
		t.Helper()
		p := l.Pending()
		if len(p) != 2 || p[0] != (agent.Pending{Method: "GET", URL: "https://u:xxxxx@an.example/?token=xxxxx", State: state, Age: age}) ||
			p[1] != (agent.Pending{Method: "GET", URL: "http://an.example/second", State: "waiting", Age: age - ms(10)}) {
			t.Errorf("got %v, want %s for %v", p, state, age)
		}
	}
	want("waiting", ms(10))
	for _, step := range []struct {
		hook  func(*httptrace.ClientTrace)
		state string
	}{
		{getConn, "waiting"}, {dnsStart, "looking up the name"}, {dnsDone, "connecting"}, {connStart, "connecting"}, {connDone, "connecting"},
		{tlsStart, "shaking hands"}, {tlsDone, "connecting"}, {gotConn, "sending"}, {wrote, "sent"}, {firstByte, "sent"},
	} {
		play(l.r, req, stage{0, step.hook})
		want(step.state, ms(10))
	}
	if got := l.Pending()[0].String(); got != "GET https://u:xxxxx@an.example/?token=xxxxx: sent for 10ms" {
		t.Errorf("got %s", got)
	}
	r, s := reply(200)
	l.waiting[0].Callback(r)
	deferredtest.SuccessResultOf(t, first)
	l.r.Advance(ms(5))
	want("reading", ms(15))
	s.End(response.ErrDone)
	if p := l.Pending(); len(p) != 1 || p[0].URL != "http://an.example/second" {
		t.Errorf("got %v", p)
	}
	second.Cancel()
	deferredtest.FailureResultOf(t, second)
	if p := l.Pending(); p != nil {
		t.Errorf("got %v", p)
	}
}

// TestLogOfADroppedResponse: a response that the program drops unread is logged too, for the
// log does not keep it.
func TestLogOfADroppedResponse(t *testing.T) {
	w := newWorld(t, agent.PoolConfig{})
	var lines bytes.Buffer
	a := agent.NewLogAgent(w.r, w.agent, agent.LogConfig{Logger: slog.New(slog.NewTextHandler(&lines, nil))})
	d := a.Request(newRequest("GET", "http://a.example/"))
	w.r.Pump()
	w.Conn(0).Send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n01234")
	resp := deferredtest.SuccessResultOf(t, d)
	if p := a.Pending(); len(p) != 1 || p[0].State != "reading" || lines.Len() != 0 {
		t.Errorf("got %v, %s", p, lines.String())
	}
	runtime.KeepAlive(resp)
	resp, d = nil, nil
	garbage.Collect()
	w.r.Pump()
	if got := lines.String(); strings.Count(got, "\n") != 1 || !strings.Contains(got, " status=200 error=") || !strings.Contains(got, "received=5") {
		t.Errorf("got %s", got)
	}
	if p := a.Pending(); p != nil {
		t.Errorf("got %v", p)
	}
	_ = resp
}

// TestLogOfAContextUsedAgain: a request with the Context of a response's Request has a line of
// its own, and leaves the times of the first one alone.
func TestLogOfAContextUsedAgain(t *testing.T) {
	l := newLogged(t, slog.LevelInfo, agent.LogConfig{})
	d := l.get("http://an.example/1")
	context := l.last().Context
	play(l.r, l.last(), newConnection...)
	first, source := reply(200)
	l.answer(first)
	times := deferredtest.SuccessResultOf(t, d).Times
	req := newRequest("GET", "http://an.example/2")
	req.Context = context
	again := l.send(req)
	if n := len(l.Pending()); n != 2 {
		t.Errorf("%d pending", n)
	}
	play(l.r, l.last(), stage{0, getConn}, stage{ms(1), getConn}, stage{0, reusedConn})
	if times.TLS != ms(5) || times.Reused {
		t.Errorf("the first one has %+v", times)
	}
	l.answer(whole(404, ""))
	deferredtest.SuccessResultOf(t, again)
	l.wantLines(t, `level=WARN msg=request method=GET url=http://an.example/2 status=404 tries=1 sent=0 received=0 earlier=1ms lookup=0s connect=0s tls=0s first_byte=0s total=1ms reused=true`)
	source.End(response.ErrDone)
	l.wantLines(t, `level=INFO msg=request method=GET url=http://an.example/1 status=200 tries=1 sent=0 received=0 earlier=1ms queued=2ms lookup=3ms connect=4ms tls=5ms first_byte=13ms total=30ms reused=false`)
	if times.Total != ms(30) {
		t.Errorf("the first one took %v", times.Total)
	}
}

// TestLogOfAFailureAfterTheBody: a line counts a body in memory that was sent without success.
func TestLogOfAFailureAfterTheBody(t *testing.T) {
	for _, test := range []struct {
		stages []stage
		want   string
	}{
		{[]stage{{0, getConn}, {0, gotConn}}, "sent=0 "},
		{[]stage{{0, getConn}, {0, gotConn}, {0, wrote}}, "sent=5 "},
	} {
		l := newLogged(t, slog.LevelInfo, agent.LogConfig{})
		req := newRequest("POST", "http://an.example/")
		req.Body = request.Bytes("hello")
		d := l.send(req)
		play(l.r, l.last(), test.stages...)
		d.Cancel()
		deferredtest.FailureResultOf(t, d)
		if !strings.Contains(l.lines.String(), test.want) {
			t.Errorf("not %s: %s", test.want, l.lines.String())
		}
	}
}

// TestLogShowsWhatIsSent: the heads at Debug have the headers that are fields of a Request.
func TestLogShowsWhatIsSent(t *testing.T) {
	for _, test := range []struct {
		header http.Header
		want   string
	}{
		{nil, ` request.Accept-Encoding=gzip request.User-Agent=me/1`},
		{http.Header{"User-Agent": {"you"}, "Accept-Encoding": {"br"}}, ` request.Accept-Encoding="br, gzip" request.User-Agent=you`},
	} {
		for _, failure := range []error{nil, errors.New("boom")} {
			l := newLogged(t, slog.LevelDebug, agent.LogConfig{})
			req := newRequest("GET", "http://an.example/")
			req.Header, req.AcceptEncoding, req.UserAgent = test.header, "gzip", "me/1"
			d := agent.NewLogAgent(l.r, l.LogAgent, agent.LogConfig{Logger: l.logger(slog.LevelDebug)}).Request(req)
			if failure != nil {
				l.waiting[0].Errback(failure)
				deferredtest.FailureResultOf(t, d)
			} else {
				answer := whole(200, "")
				l.answer(answer)
				deferredtest.SuccessResultOf(t, d)
			}
			try, _, _ := strings.Cut(l.lines.String(), "\n")
			if !strings.HasSuffix(try, test.want) {
				t.Errorf("got %s", try)
			}
			if len(req.Header) != len(test.header) || len(req.Header["Accept-Encoding"]) > 1 {
				t.Errorf("the request has %v", req.Header)
			}
		}
	}
}

// TestLogToTheDefaultLogger: a log without a Logger follows slog.SetDefault.
func TestLogToTheDefaultLogger(t *testing.T) {
	l := newLogged(t, slog.LevelInfo, agent.LogConfig{})
	a := agent.NewLogAgent(l.r, l.script, agent.LogConfig{})
	before := slog.Default()
	slog.SetDefault(l.logger(slog.LevelInfo))
	defer slog.SetDefault(before)
	d := a.Request(newRequest("GET", "http://an.example/"))
	l.answer(whole(200, ""))
	deferredtest.SuccessResultOf(t, d)
	l.wantLines(t, `level=INFO msg=request method=GET url=http://an.example/ status=200 tries=1 sent=0 received=0 ...`)
}
