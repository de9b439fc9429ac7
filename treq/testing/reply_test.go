package testing_test

import (
	"errors"
	"fmt"
	"net/http"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/deferred/deferredtest"
	"github.com/seed-7c003b53/gotreq/internal/testkit/failtest"
	"github.com/seed-7c003b53/gotreq/internal/testkit/logtest"
	"github.com/seed-7c003b53/gotreq/reactor"
	"github.com/seed-7c003b53/gotreq/treq"
	"github.com/seed-7c003b53/gotreq/treq/agent"
	"github.com/seed-7c003b53/gotreq/treq/response"
	treqtesting "github.com/seed-7c003b53/gotreq/treq/testing"
)

// This file tests replies that are slow, or break.

// replying returns a stub whose server gives reply to every request.
func replying(reply treqtesting.Reply, config treqtesting.Config) *treqtesting.StubTreq {
	return treqtesting.NewStubTreq(treqtesting.StringStubbingResource(treqtesting.ResponderFunc(func(treqtesting.Received) treqtesting.Reply {
		return reply
	})), config)
}

// A diary notes what a program sees of a response, each with its time.
type diary struct {
	stub  *treqtesting.StubTreq
	lines []string
	size  int
}

func (d *diary) note(format string, args ...any) {
	now := d.stub.Reactor().Now().Sub(time.Unix(0, 0))
	d.lines = append(d.lines, fmt.Sprintf("%v %s", now, fmt.Sprintf(format, args...)))
}

// watch notes the head, the pieces and the end of the response that request gets.
func (d *diary) watch(request *deferred.Deferred[*response.Response]) {
	deferred.Then(request, func(r *response.Response) *deferred.Deferred[deferred.None] {
		how := fmt.Sprint(r.Length)
		if r.Header.Get("Transfer-Encoding") != "" {
			how = r.Header.Get("Transfer-Encoding")
		}
		d.note("%d %s", r.Code, how)
		return r.Collect(func(data []byte) error {
			if d.size += len(data); len(data) < 10 {
				d.note("%s", data)
			}
			return nil
		})
	}).AddBoth(func(v deferred.None, err error) (deferred.None, error) {
		switch {
		case err == nil:
			d.note("end")
		case errors.As(err, new(*response.FailedError)):
			d.note("broken off")
		case errors.As(err, new(*response.NeverReceivedError)):
			d.note("no response")
		default:
			d.note("%v", err)
		}
		return v, nil
	})
}

// TestReplies: a reply comes in its time, has a Content-Length or chunks as it must, and ends as it says.
func TestReplies(t *testing.T) { overBoth(t, testReplies) }

func testReplies(t *testing.T, config treqtesting.Config) {
	deferred.FailOnUnhandled(t)
	const s = time.Second
	type pieces = []treqtesting.Piece
	length := func(n int) http.Header { return http.Header{"content-length": {fmt.Sprint(n)}} }
	unknown := "chunked"
	if config.HTTP2 {
		unknown = "-1"
	}
	large := strings.Repeat("x", 300<<10)
	for _, test := range []struct {
		name  string
		reply treqtesting.Reply
		want  string
	}{
		{"at once", treqtesting.Reply{Body: "text"}, "0s 200 4, 0s text, 0s end"},
		{"later", treqtesting.Reply{Code: 404, Body: "text", Delay: 2 * s}, "2s 404 4, 2s text, 2s end"},
		{"later and empty", treqtesting.Reply{Delay: 2 * s}, "2s 200 0, 2s end"},
		{"later without a body", treqtesting.Reply{Code: 204, Delay: s}, "1s 204 0, 1s end"},
		{"much later", treqtesting.Reply{Body: "text", Delay: 2 * time.Hour}, "2h0m0s 200 4, 2h0m0s text, 2h0m0s end"},
		{"a stream", treqtesting.Reply{Body: "a", Pieces: pieces{{s, "b"}, {2 * s, "c"}}}, "0s 200 " + unknown + ", 0s a, 1s b, 3s c, 3s end"},
		{"a stream of known length", treqtesting.Reply{Headers: length(3), Body: "a", Pieces: pieces{{s, "b"}, {2 * s, "c"}}},
			"0s 200 3, 0s a, 1s b, 3s c, 3s end"},
		{"a stream later", treqtesting.Reply{Delay: s, Pieces: pieces{{s, "a"}, {s, ""}, {s, "b"}}}, "1s 200 " + unknown + ", 2s a, 4s b, 4s end"},
		{"a stream at once", treqtesting.Reply{Pieces: pieces{{0, "a"}, {0, "b"}}}, "0s 200 " + unknown + ", 0s ab, 0s end"},
		{"a stall after the head", treqtesting.Reply{Ending: treqtesting.Stall}, "0s 200 " + unknown},
		{"a stall within the body", treqtesting.Reply{Body: "a", Pieces: pieces{{s, "b"}}, Ending: treqtesting.Stall}, "0s 200 " + unknown + ", 0s a, 1s b"},
		{"a stall of known length", treqtesting.Reply{Headers: length(3), Body: "a", Ending: treqtesting.Stall}, "0s 200 3, 0s a"},
		{"broken off after the head", treqtesting.Reply{Delay: s, Ending: treqtesting.BreakOff}, "1s 200 " + unknown + ", 1s broken off"},
		{"broken off within the body", treqtesting.Reply{Body: "a", Pieces: pieces{{s, "b"}}, Ending: treqtesting.BreakOff},
			"0s 200 " + unknown + ", 0s a, 1s b, 1s broken off"},
		{"broken off before the length", treqtesting.Reply{Headers: length(3), Body: "a", Ending: treqtesting.BreakOff}, "0s 200 3, 0s a, 0s broken off"},
		{"broken off after a while", treqtesting.Reply{Body: "a", Pieces: pieces{{s, ""}}, Ending: treqtesting.BreakOff},
			"0s 200 " + unknown + ", 0s a, 1s broken off"},
		{"broken off after much", treqtesting.Reply{Body: large, Ending: treqtesting.BreakOff}, "0s 200 " + unknown + ", 0s broken off"},
		{"no answer", treqtesting.Reply{Ending: treqtesting.NoAnswer}, ""},
		{"hung up", treqtesting.Reply{Ending: treqtesting.HangUp}, "0s no response"},
		{"hung up later", treqtesting.Reply{Delay: s, Ending: treqtesting.HangUp}, "1s no response"},
	} {
		stub := replying(test.reply, config)
		d := diary{stub: stub}
		request := stub.Get("http://an.example", treq.Unbuffered(true))
		d.watch(request)
		for range 4 {
			stub.Advance(s)
		}
		stub.Reactor().RunFor(test.reply.Delay + time.Minute)
		if got := strings.Join(d.lines, ", "); got != test.want {
			t.Errorf("%s: got %s; want %s", test.name, got, test.want)
		}
		if test.reply.Body == large && d.size != len(large) {
			t.Errorf("%s: %d of %d bytes arrived", test.name, d.size, len(large))
		}
	}
}

// TestRepliesToHEAD: the response to a HEAD ends with its head, and the connection is free for the next request.
func TestRepliesToHEAD(t *testing.T) { overBoth(t, testRepliesToHEAD) }

func testRepliesToHEAD(t *testing.T, config treqtesting.Config) {
	deferred.FailOnUnhandled(t)
	for _, reply := range []treqtesting.Reply{
		{Body: "text", Delay: time.Second},
		{Body: "text", Pieces: []treqtesting.Piece{{After: time.Hour, Data: "b"}}, Delay: time.Second},
		{Body: "text", Ending: treqtesting.Stall},
		{Headers: http.Header{"Content-Length": {"7"}}, Delay: time.Second},
	} {
		stub := replying(reply, config)
		for range 2 {
			d := stub.Head("http://an.example")
			stub.Advance(time.Second)
			if code, text := content(t, d); code != 200 || text != "" {
				t.Errorf("%+v: got %d %q", reply, code, text)
			}
		}
		if n := len(stub.Reactor().TCPClients); n != 1 {
			t.Errorf("%+v: %d connections", reply, n)
		}
	}
}

// TestRepliesOfASequence: a sequence gives such replies too, and a retry gets the next one.
func TestRepliesOfASequence(t *testing.T) { overBoth(t, testRepliesOfASequence) }

func testRepliesOfASequence(t *testing.T, config treqtesting.Config) {
	deferred.FailOnUnhandled(t)
	get := treqtesting.Request{Method: "get", URL: "http://an.example"}
	seq := treqtesting.NewRequestSequence(t,
		treqtesting.Exchange{Request: get, Reply: treqtesting.Reply{Ending: treqtesting.HangUp, Delay: time.Second}},
		treqtesting.Exchange{Request: get, Reply: treqtesting.Reply{Code: 503, Headers: http.Header{"Retry-After": {"7"}}}},
		treqtesting.Exchange{Request: get, Reply: treqtesting.Reply{Body: "third", Delay: time.Second}},
	)
	stub := treqtesting.NewStubTreq(treqtesting.StringStubbingResource(seq), config)
	seq.Consume(func() {
		d := stub.Get("http://an.example", treq.Retries(3))
		stub.Reactor().RunFor(time.Minute)
		if code, text := content(t, d); code != 200 || text != "third" {
			t.Errorf("got %d %q", code, text)
		}
	})
}

// TestRepliesGivenUp: a client that gives up a reply leaves nothing behind at the server: no timer, and no request.
func TestRepliesGivenUp(t *testing.T) { overBoth(t, testRepliesGivenUp) }

func testRepliesGivenUp(t *testing.T, config treqtesting.Config) {
	deferred.FailOnUnhandled(t)
	hour := time.Hour
	for _, reply := range []treqtesting.Reply{
		{Body: "text", Delay: hour},
		{Body: "a", Pieces: []treqtesting.Piece{{After: hour, Data: "b"}}},
		{Body: "a", Ending: treqtesting.Stall},
		{Body: strings.Repeat("x", 300<<10), Ending: treqtesting.BreakOff}, // the client does not read it
		{Ending: treqtesting.NoAnswer},
		{Ending: treqtesting.HangUp, Delay: hour},
	} {
		name := fmt.Sprintf("%v after %v", reply.Ending, reply.Delay)
		stub := replying(reply, config)
		d := stub.Get("http://an.example", treq.Unbuffered(true), treq.Timeout(time.Second))
		stub.Advance(time.Second)
		if d.Called() && reply.Body == "" {
			deferredtest.FailureIs(t, d, os.ErrDeadlineExceeded)
		} else if !d.Called() {
			t.Errorf("%s: the client waits", name)
		} else if reply.Delay == 0 {
			resp := deferredtest.SuccessResultOf(t, d)
			text := resp.Text()
			if len(reply.Body) < 10 {
				deferredtest.NoResult(t, text)
			}
			text.Cancel()
			text.AddErrback(func(error) (string, error) { return "", nil })
		} else {
			deferredtest.FailureIs(t, d, os.ErrDeadlineExceeded)
		}
		stub.Reactor().RunFor(30 * time.Minute) // the idle connections end
		if calls := stub.Reactor().DelayedCalls(); len(calls) != 0 {
			t.Errorf("%s: left behind: %v", name, calls)
		}
	}
}

// TestStalledRepliesAreGarbage: a test that ends with a stalled reply needs no clean-up: all of it is garbage then.
func TestStalledRepliesAreGarbage(t *testing.T) { overBoth(t, testStalledRepliesAreGarbage) }

func testStalledRepliesAreGarbage(t *testing.T, config treqtesting.Config) {
	collected := make(chan bool, 1)
	goroutines := runtime.NumGoroutine()
	func() {
		seq := treqtesting.NewRequestSequence(t, treqtesting.Exchange{Request: getExample.Request, Reply: treqtesting.Reply{Body: "a", Ending: treqtesting.Stall}})
		stub := treqtesting.NewStubTreq(treqtesting.StringStubbingResource(seq), config)
		runtime.AddCleanup(stub.Reactor(), func(struct{}) { collected <- true }, struct{}{})
		deferredtest.NoResult(t, deferredtest.SuccessResultOf(t, stub.Get("http://an.example")).Text())
	}()
	if n := runtime.NumGoroutine(); n > goroutines {
		t.Errorf("%d goroutines more", n-goroutines)
	}
	for range 100 {
		runtime.GC()
		select {
		case <-collected:
			return
		case <-time.After(time.Millisecond):
		}
	}
	t.Error("the reactor of a stalled reply is kept")
}

// invalidReplies are replies that no server sends, and why.
var invalidReplies = []struct {
	reply treqtesting.Reply
	want  string
}{
	{treqtesting.Reply{Code: 42}, "the reply's Code: 42 is not the status of a response"},
	{treqtesting.Reply{Code: 204, Body: "x"}, "the reply's Body: a 204 has none"},
	{treqtesting.Reply{Code: 304, Pieces: []treqtesting.Piece{{}}}, "the reply's Pieces: a 304 has no body"},
	{treqtesting.Reply{Code: 204, Ending: treqtesting.Stall}, "the reply's Ending: a 204 has no body for a Stall"},
	{treqtesting.Reply{Delay: -time.Second}, "the reply's Delay: -1s is negative"},
	{treqtesting.Reply{Pieces: []treqtesting.Piece{{}, {After: -time.Second}}}, "the reply's Pieces: -1s, the After of piece 2 of 2, is negative"},
	{treqtesting.Reply{Ending: 9}, "the reply's Ending: there is no Ending(9)"},
	{treqtesting.Reply{Ending: -1}, "the reply's Ending: there is no Ending(-1)"},
	{treqtesting.Reply{Headers: http.Header{"content-length": {"many"}}}, `the reply's Content-Length: "many" is not a number of bytes`},
	{treqtesting.Reply{Headers: http.Header{"Content-Length": {"-1"}}}, `the reply's Content-Length: "-1" is not a number of bytes`},
	{treqtesting.Reply{Headers: http.Header{"Content-Length": {"1", "1"}}, Body: "x"}, `the reply's Content-Length: "1, 1" is not a number of bytes`},
	{treqtesting.Reply{Headers: http.Header{"Content-Length": {"2"}}, Body: "abc"}, "the reply's Content-Length: 2, but the body has 3 bytes"},
	{treqtesting.Reply{Headers: http.Header{"Content-Length": {"4"}}, Body: "a", Pieces: []treqtesting.Piece{{0, "bc"}}},
		"the reply's Content-Length: 4, but the body has 3 bytes; a Stall or a BreakOff ends such a body"},
	{treqtesting.Reply{Headers: http.Header{"Content-Length": {"3"}}, Body: "abc", Ending: treqtesting.BreakOff},
		"the reply's Ending: the body has all 3 bytes of its Content-Length, so nothing is left for a BreakOff"},
	{treqtesting.Reply{Code: 500, Ending: treqtesting.HangUp}, "the reply's Ending: a HangUp sends nothing, so there is no use for the Code"},
	{treqtesting.Reply{Headers: http.Header{"A": {"b"}}, Ending: treqtesting.HangUp}, "the reply's Ending: a HangUp sends nothing, so there is no use for the Headers"},
	{treqtesting.Reply{Body: "x", Ending: treqtesting.NoAnswer}, "the reply's Ending: a NoAnswer sends nothing, so there is no use for the Body"},
	{treqtesting.Reply{Pieces: []treqtesting.Piece{{}}, Ending: treqtesting.HangUp}, "the reply's Ending: a HangUp sends nothing, so there is no use for the Pieces"},
	{treqtesting.Reply{Delay: 1, Ending: treqtesting.NoAnswer}, "the reply's Ending: a NoAnswer sends nothing, so there is no use for the Delay"},
}

// TestInvalidReplies: whoever takes a reply says why one is not valid.
func TestInvalidReplies(t *testing.T) {
	for _, test := range invalidReplies {
		want := "NewRequestSequence: exchange 2 of 2: " + test.want
		if got := failtest.Text(func(t testing.TB) {
			treqtesting.NewRequestSequence(t, getExample, treqtesting.Exchange{Request: getExample.Request, Reply: test.reply})
		}); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
		if got, want := panicOf(func() { treqtesting.NewResponse(test.reply) }), "testing: NewResponse: "+test.want; got != want {
			t.Errorf("got %q, want %q", got, want)
		}
		var spy treqtesting.AgentSpy
		spy.Request(spied())
		if got, want := panicOf(func() { spy.Requests[0].Respond(test.reply) }), "testing: RequestRecord.Respond: "+test.want; got != want {
			t.Errorf("got %q, want %q", got, want)
		}
		logged := logtest.Capture(t)
		if code, _ := content(t, replying(test.reply, treqtesting.Config{}).Get("http://an.example")); code != 500 {
			t.Errorf("%s: got a %d", test.want, code)
		}
		if log := logged.String(); !strings.Contains(strings.ReplaceAll(log, `\"`, `"`), "testing: StringStubbingResource: "+test.want) {
			t.Errorf("the log is %s, want %s", log, test.want)
		}
	}
}

func panicOf(f func()) (text string) {
	defer func() {
		if v := recover(); v != nil {
			text = fmt.Sprint(v)
		}
	}()
	f()
	return ""
}

// TestNewResponse: a response without a server can be read in every way, and more than once.
func TestNewResponse(t *testing.T) {
	deferred.FailOnUnhandled(t)
	resp := treqtesting.NewResponse(treqtesting.Reply{Code: 201, Headers: http.Header{"content-type": {"application/json"}}, Body: `{"a": 1}`})
	if resp.Code != 201 || resp.Phrase != "Created" || resp.Length != 8 || resp.Version != "HTTP/1.1" || resp.Header.Get("Content-Type") != "application/json" {
		t.Errorf("got %v, with the length %d and the version %s", resp, resp.Length, resp.Version)
	}
	got := ""
	deferredtest.SuccessResultOf(t, resp.Collect(func(data []byte) error {
		got += string(data)
		return nil
	}))
	if got != `{"a": 1}` {
		t.Errorf("collected %q", got)
	}
	if value := deferredtest.SuccessResultOf(t, treq.JSONContent[map[string]int](treqtesting.NewResponse(treqtesting.Reply{Body: `{"a": 1}`}))); value["a"] != 1 {
		t.Errorf("got %v", value)
	}
	empty := treqtesting.NewResponse(treqtesting.Reply{})
	if text := deferredtest.SuccessResultOf(t, empty.Text()); empty.Code != 200 || empty.Length != 0 || text != "" {
		t.Errorf("the zero Reply gives %v with %q", empty, text)
	}
	large := strings.Repeat("x", 1<<20)
	if text := deferredtest.SuccessResultOf(t, treqtesting.NewResponse(treqtesting.Reply{Body: large}).Text()); text != large {
		t.Errorf("got %d of %d bytes", len(text), len(large))
	}
}

// TestNewResponseThatBreaks: pieces, stalls and breaks need no clock; what needs one is an error.
func TestNewResponseThatBreaks(t *testing.T) {
	deferred.FailOnUnhandled(t)
	pieces := treqtesting.NewResponse(treqtesting.Reply{Body: "a", Pieces: []treqtesting.Piece{{0, "b"}, {0, "c"}}})
	if text := deferredtest.SuccessResultOf(t, pieces.Text()); text != "abc" || pieces.Length != response.UnknownLength {
		t.Errorf("pieces: %q of %d bytes", text, pieces.Length)
	}
	for _, header := range []http.Header{nil, {"Content-Length": {"7"}}} {
		want := int64(response.UnknownLength)
		if header != nil {
			want = 7
		}
		stalled := treqtesting.NewResponse(treqtesting.Reply{Headers: header, Body: "a", Ending: treqtesting.Stall})
		got := ""
		d := stalled.Collect(func(data []byte) error {
			got += string(data)
			return nil
		})
		deferredtest.NoResult(t, d)
		d.Cancel()
		deferredtest.FailureIs(t, d, deferred.ErrCancelled)
		broken := treqtesting.NewResponse(treqtesting.Reply{Headers: header, Body: "a", Ending: treqtesting.BreakOff})
		failed := deferredtest.FailureAs[*response.FailedError](t, broken.Text())
		if got != "a" || stalled.Length != want || broken.Length != want || !errors.Is(failed, reactor.ErrConnectionLost) || failed.Response != broken {
			t.Errorf("%v: got %q, lengths %d and %d, %v", header, got, stalled.Length, broken.Length, failed)
		}
	}
	for _, test := range []struct {
		reply treqtesting.Reply
		want  string
	}{
		{treqtesting.Reply{Delay: time.Second}, "the reply's Delay: 1s needs a clock, which a StubTreq has"},
		{treqtesting.Reply{Pieces: []treqtesting.Piece{{}, {After: time.Second}}}, "the reply's Pieces: 1s, the After of piece 2 of 2, needs a clock, which a StubTreq has"},
		{treqtesting.Reply{Ending: treqtesting.HangUp}, "the reply's Ending: a HangUp is no response"},
		{treqtesting.Reply{Ending: treqtesting.NoAnswer}, "the reply's Ending: a NoAnswer is no response"},
	} {
		if got, want := panicOf(func() { treqtesting.NewResponse(test.reply) }), "testing: NewResponse: "+test.want; got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

// TestAgentSpyEndings: the spy's answers end as those of a server do.
func TestAgentSpyEndings(t *testing.T) {
	deferred.FailOnUnhandled(t)
	var spy treqtesting.AgentSpy
	answered := func(reply treqtesting.Reply) *deferred.Deferred[*response.Response] {
		d := spy.Request(spied())
		spy.Requests[len(spy.Requests)-1].Respond(reply)
		return d
	}
	hungUp := deferredtest.FailureAs[*agent.RequestError](t, answered(treqtesting.Reply{Ending: treqtesting.HangUp}))
	if !errors.As(hungUp, new(*response.NeverReceivedError)) || !strings.HasPrefix(hungUp.Error(), "GET http://an.example/foo: no response") {
		t.Errorf("hung up: %v", hungUp)
	}
	deferredtest.NoResult(t, answered(treqtesting.Reply{Ending: treqtesting.NoAnswer}))
	broken := deferredtest.SuccessResultOf(t, answered(treqtesting.Reply{Body: "a", Ending: treqtesting.BreakOff}))
	deferredtest.FailureAs[*response.FailedError](t, broken.Text())
	if broken.Request != spy.Requests[2].Request {
		t.Errorf("the response is that of %v", broken.Request)
	}
	if d := cmp.Diff("testing: RequestRecord.Respond: the reply's Delay: 1s needs a clock, which a StubTreq has",
		panicOf(func() { answered(treqtesting.Reply{Delay: time.Second}) })); d != "" {
		t.Error(d)
	}
}
