package testing_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/deferred/deferredtest"
	"github.com/seed-7c003b53/gotreq/treq/client"
	"github.com/seed-7c003b53/gotreq/treq/request"
	"github.com/seed-7c003b53/gotreq/treq/response"
	treqtesting "github.com/seed-7c003b53/gotreq/treq/testing"
)

// echo answers with what it was asked.
var echo = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	fmt.Fprintf(w, "%s %s %s %s", r.Method, r.Host, r.URL, body)
})

// large is more than a connection in memory holds.
var large = strings.Repeat("0123456789abcdef", 1<<16)

func TestStub(t *testing.T) {
	stub := treqtesting.NewHandlerStubTreq(echo, treqtesting.Config{})
	for i := range 3 {
		d := stub.Post("http://an.example/foo?x=y", client.Params{"a": {"b c"}}, client.Body("text"))
		text := deferredtest.SuccessResultOf(t, deferred.Then(d, (*response.Response).Text))
		if want := "POST an.example /foo?x=y&a=b+c text"; text != want {
			t.Errorf("%d: got %q, want %q", i, text, want)
		}
	}
}

// TestAnyHost: the handler answers whatever host is asked, each on a connection
// of its own that is kept.
func TestAnyHost(t *testing.T) {
	stub := treqtesting.NewHandlerStubTreq(echo, treqtesting.Config{})
	for range 3 {
		for _, host := range []string{"a.example", "b.example:8080", "192.0.2.1", "[2001:db8::1]"} {
			d := stub.Get("http://" + host + "/")
			text := deferredtest.SuccessResultOf(t, deferred.Then(d, (*response.Response).Text))
			if want := "GET " + host + " / "; text != want {
				t.Errorf("got %q, want %q", text, want)
			}
		}
	}
	if n := len(stub.Reactor().TCPClients); n != 4 {
		t.Errorf("%d connections", n)
	}
}

// TestLargeBodies arrive whole, and without a Flush, however they are read.
func TestLargeBodies(t *testing.T) {
	stub := treqtesting.NewHandlerStubTreq(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.Copy(w, r.Body)
	}), treqtesting.Config{})
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
	check("another is not read", deferredtest.SuccessResultOf(t, read.Text()))
	check("and then it is", deferredtest.SuccessResultOf(t, unread.Text()))

	// Within the loop, where the rest comes by itself.
	resp := post()
	var text *deferred.Deferred[string]
	stub.Reactor().CallLater(time.Second, func() { text = resp.Text() })
	stub.Reactor().RunFor(time.Second)
	check("in the loop", deferredtest.SuccessResultOf(t, text))
}

// TestWithinCallbacks: a request may follow from another, wherever that fires.
func TestWithinCallbacks(t *testing.T) {
	stub := treqtesting.NewHandlerStubTreq(echo, treqtesting.Config{})
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

// TestFlush: what the test itself does may need one.
func TestFlush(t *testing.T) {
	stub := treqtesting.NewHandlerStubTreq(echo, treqtesting.Config{})
	body := &slow{}
	agent := treqtesting.NewHandlerTraversalAgent(echo, treqtesting.Config{})
	d := agent.Request(&request.Request{Method: "POST", URL: &url.URL{Scheme: "http", Host: "an.example", Path: "/"}, Body: body})
	deferredtest.NoResult(t, d)
	body.to.Write([]byte("text"))
	body.done.Callback(deferred.None{})
	deferredtest.NoResult(t, d)
	agent.Flush()
	if got, want := deferredtest.SuccessResultOf(t, deferred.Then(d, (*response.Response).Text)), "POST an.example / text"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	stub.Flush() // and where there is nothing to do it does nothing
}

// slow is a body that the test produces.
type slow struct {
	request.Bytes // for what it does not need
	to            request.Consumer
	done          *deferred.Deferred[deferred.None]
}

func (s *slow) Length() int64 { return request.UnknownLength }

func (s *slow) StartProducing(to request.Consumer) *deferred.Deferred[deferred.None] {
	s.to, s.done = to, deferred.New[deferred.None]()
	return s.done
}

// TestTimeout: a test moves the clock.
func TestTimeout(t *testing.T) {
	stub := treqtesting.NewHandlerStubTreq(echo, treqtesting.Config{})
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
