package testing_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/deferred/deferredtest"
	"github.com/seed-7c003b53/gotreq/treq/client"
	"github.com/seed-7c003b53/gotreq/treq/request"
	"github.com/seed-7c003b53/gotreq/treq/response"
	treqtesting "github.com/seed-7c003b53/gotreq/treq/testing"
	"github.com/seed-7c003b53/gotreq/treq/web"
)

// echo answers with the parts of the request.
var echo = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	fmt.Fprintf(w, "%s %s %s %s", r.Method, r.Host, r.URL, body)
})

// large is more than the buffers of a connection in memory hold.
var large = strings.Repeat("0123456789abcdef", 1<<16)

// overBoth runs a test over both versions of HTTP.
func overBoth(t *testing.T, test func(t *testing.T, config treqtesting.Config)) {
	t.Run("HTTP/1.1", func(t *testing.T) { test(t, treqtesting.Config{}) })
	t.Run("HTTP/2", func(t *testing.T) { test(t, treqtesting.Config{HTTP2: true}) })
}

// with returns config with or without real TLS.
func with(config treqtesting.Config, realTLS bool) treqtesting.Config {
	config.RealTLS = realTLS
	return config
}

// TestStub: the handler receives each request of a stub, and the client its response.
func TestStub(t *testing.T) { overBoth(t, testStub) }

func testStub(t *testing.T, config treqtesting.Config) {
	stub := treqtesting.NewHandlerStubTreq(echo, config)
	for i := range 3 {
		_, text := content(t, stub.Post("http://an.example/foo?x=y", client.Params{"a": {"b c"}}, client.Body("text")))
		if want := "POST an.example /foo?x=y&a=b+c text"; text != want {
			t.Errorf("%d: got %q, want %q", i, text, want)
		}
	}
}

// TestNothingToAnswer: a stub without a resource, or a resource without a responder, panics
// where it is made.
func TestNothingToAnswer(t *testing.T) {
	for want, create := range map[string]func(){
		"testing: NewRequestTraversalAgent without a resource": func() { treqtesting.NewStubTreq(nil, treqtesting.Config{}) },
		"testing: StringStubbingResource without a Responder":  func() { treqtesting.StringStubbingResource(nil) },
	} {
		func() {
			defer func() {
				if got := recover(); got != want {
					t.Errorf("got %v, want %v", got, want)
				}
			}()
			create()
		}()
	}
}

// TestAnyHost: the handler answers requests to every host. Each host has one connection,
// which later requests use again.
func TestAnyHost(t *testing.T) { overBoth(t, testAnyHost) }

func testAnyHost(t *testing.T, config treqtesting.Config) {
	stub := treqtesting.NewHandlerStubTreq(echo, config)
	for range 3 {
		for _, host := range []string{"a.example", "b.example:8080", "192.0.2.1", "[2001:db8::1]"} {
			if _, text := content(t, stub.Get("http://"+host+"/")); text != "GET "+host+" / " {
				t.Errorf("%s: got %q", host, text)
			}
		}
	}
	if n := len(stub.Reactor().TCPClients); n != 4 {
		t.Errorf("%d connections", n)
	}
}

// TestLargeBodies: large bodies arrive whole and without a Flush, by each way to read them.
func TestLargeBodies(t *testing.T) { overBoth(t, testLargeBodies) }

func testLargeBodies(t *testing.T, config treqtesting.Config) {
	stub := treqtesting.NewHandlerStubTreq(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.Copy(w, r.Body)
	}), config)
	post := func() *response.Response {
		t.Helper()
		return deferredtest.SuccessResultOf(t, stub.Post("http://an.example/", client.Body(large)))
	}
	check := func(how, got string) {
		t.Helper()
		if got != large {
			t.Errorf("%s: %d bytes, want %d", how, len(got), len(large))
		}
	}
	check("Text", deferredtest.SuccessResultOf(t, post().Text()))
	check("Text, in a chain", deferredtest.SuccessResultOf(t, deferred.Then(stub.Post("http://an.example/", client.Body(large)), (*response.Response).Text)))
	check("Content", string(deferredtest.SuccessResultOf(t, post().Content())))

	var collected strings.Builder
	collect := func(data []byte) error {
		collected.Write(data)
		return nil
	}
	deferredtest.SuccessResultOf(t, post().Collect(collect))
	check("Collect", collected.String())

	unread, read := post(), post()
	check("while another is unread", deferredtest.SuccessResultOf(t, read.Text()))
	check("after the other", deferredtest.SuccessResultOf(t, unread.Text()))

	// Within the loop, reading does not flush.
	resp := post()
	var text *deferred.Deferred[string]
	stub.Reactor().CallLater(time.Second, func() { text = resp.Text() })
	stub.Reactor().RunFor(time.Second)
	check("in the loop", deferredtest.SuccessResultOf(t, text))
}

// TestWithinCallbacks: a callback of a request, or of a timer, can make another request.
func TestWithinCallbacks(t *testing.T) { overBoth(t, testWithinCallbacks) }

func testWithinCallbacks(t *testing.T, config treqtesting.Config) {
	stub := treqtesting.NewHandlerStubTreq(echo, config)
	first := deferred.Then(stub.Get("http://an.example/1"), (*response.Response).Text)
	second := deferred.Then(first, func(text string) *deferred.Deferred[string] {
		return deferred.Then(stub.Get("http://an.example/2", client.Params{"after": {text}}), (*response.Response).Text)
	})
	if got, want := deferredtest.SuccessResultOf(t, second), "GET an.example /2?after=GET+an.example+%2F1+ "; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	var later *deferred.Deferred[string]
	stub.Reactor().CallLater(time.Second, func() {
		later = deferred.Then(stub.Get("http://an.example/3"), (*response.Response).Text)
	})
	stub.Reactor().RunFor(time.Second)
	deferredtest.SuccessResultOf(t, later)
}

// TestFlush: after the test has written to the body of a request, Flush sends it.
func TestFlush(t *testing.T) { overBoth(t, testFlush) }

func testFlush(t *testing.T, config treqtesting.Config) {
	body := &slowBody{}
	agent := treqtesting.NewHandlerTraversalAgent(echo, config)
	agent.Flush() // does nothing
	d := agent.Request(&request.Request{Method: "POST", URL: &url.URL{Scheme: "http", Host: "an.example", Path: "/"}, Body: body})
	deferredtest.NoResult(t, d)
	body.to.Write([]byte("text"))
	body.done.Callback(deferred.None{})
	deferredtest.NoResult(t, d)
	agent.Flush()
	if got, want := deferredtest.SuccessResultOf(t, deferred.Then(d, (*response.Response).Text)), "POST an.example / text"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// A slowBody is a body that the test writes.
type slowBody struct {
	request.Bytes // for the remaining methods
	to            request.Consumer
	done          *deferred.Deferred[deferred.None]
}

func (s *slowBody) Length() int64 { return request.UnknownLength }

func (s *slowBody) StartProducing(to request.Consumer) *deferred.Deferred[deferred.None] {
	s.to, s.done = to, deferred.New[deferred.None]()
	return s.done
}

// TestTimeout: a timeout passes when the test moves the clock.
func TestTimeout(t *testing.T) { overBoth(t, testTimeout) }

func testTimeout(t *testing.T, config treqtesting.Config) {
	stub := treqtesting.NewHandlerStubTreq(echo, config)
	stub.Reactor().HoldConnects()
	d := stub.Get("http://an.example/", client.Timeout(10*time.Second))
	stub.Reactor().RunFor(10*time.Second - 1)
	deferredtest.NoResult(t, d)
	stub.Reactor().RunFor(1)
	var timeout *deferred.TimeoutError
	if err := deferredtest.FailureResultOf(t, d); !errors.As(err, &timeout) {
		t.Error(err)
	}
}

func body(text string) client.Body { return client.Body(text) }

// TestTraceWithoutZeroSteps: the trace of a StubTreq has only moves of the clock that move
// it.
func TestTraceWithoutZeroSteps(t *testing.T) { overBoth(t, testTraceWithoutZeroSteps) }

func testTraceWithoutZeroSteps(t *testing.T, config treqtesting.Config) {
	stub := treqtesting.NewStubTreq(web.RenderFunc(func(req *web.Request) { req.WriteString("hello") }), config)
	stub.Reactor().StartTrace()
	deferredtest.SuccessResultOf(t, stub.Get("http://an.example/"))
	stub.Flush()
	stub.Advance(0)
	stub.Advance(time.Second)
	trace := stub.Reactor().Trace().String()
	if strings.Count(trace, " advance ") != 1 || !strings.Contains(trace, " advance 1s\n") || !strings.Contains(trace, "client write") {
		t.Errorf("the trace:\n%s", trace)
	}
}

// TestLargeBodiesAreInMemory: a stub needs no temporary files.
func TestLargeBodiesAreInMemory(t *testing.T) { overBoth(t, testLargeBodiesAreInMemory) }

func testLargeBodiesAreInMemory(t *testing.T, config treqtesting.Config) {
	var got int
	stub := treqtesting.NewStubTreq(treqtesting.StringStubbingResource(treqtesting.ResponderFunc(func(req treqtesting.Received) treqtesting.Reply {
		got = len(req.Data)
		return treqtesting.Reply{}
	})), config)
	stub.Site().TempDir = filepath.Join(t.TempDir(), "none")
	resp := deferredtest.SuccessResultOf(t, stub.Post("http://an.example/", client.Body(strings.Repeat("x", 5<<20))))
	if resp.Code != 200 || got != 5<<20 {
		t.Errorf("%d, %d bytes", resp.Code, got)
	}
}
