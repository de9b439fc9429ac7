package testing_test

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/deferred/deferredtest"
	"github.com/seed-7c003b53/gotreq/reactor"
	"github.com/seed-7c003b53/gotreq/reactor/memory"
	"github.com/seed-7c003b53/gotreq/reactor/task"
	"github.com/seed-7c003b53/gotreq/treq"
	"github.com/seed-7c003b53/gotreq/treq/agent"
	"github.com/seed-7c003b53/gotreq/treq/client"
	"github.com/seed-7c003b53/gotreq/treq/request"
	"github.com/seed-7c003b53/gotreq/treq/response"
	treqtesting "github.com/seed-7c003b53/gotreq/treq/testing"
	"github.com/seed-7c003b53/gotreq/treq/web"
)

// t stands for the parameter of a test function.
var t = &testing.T{}

// weather is the function under test. It asks a service for the weather in a city.
func weather(c treq.Client, city string) *deferred.Deferred[string] {
	d := c.Get("http://weather.example/today", treq.Params{"in": {city}}, treq.Timeout(10*time.Second))
	return deferred.Then(d, (*response.Response).Text)
}

// A test needs no network and no waiting: when a method returns, everything has happened.
func ExampleStubTreq() {
	stub := treqtesting.NewHandlerStubTreq(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "sunny in %s", r.FormValue("in"))
	}), treqtesting.Config{})
	fmt.Println(deferredtest.SuccessResultOf(t, weather(stub, "Rome")))
	// Output:
	// sunny in Rome
}

// A resource may answer in several steps.
func ExampleStubTreq_Flush() {
	var later *web.Request
	stub := treqtesting.NewStubTreq(web.RenderFunc(func(req *web.Request) {
		later = req
		req.NotDoneYet()
	}), treqtesting.Config{})
	d := weather(stub, "Rome")
	deferredtest.NoResult(t, d)
	later.WriteString("still ")
	later.WriteString("sunny")
	later.Finish()
	stub.Flush()
	fmt.Println(deferredtest.SuccessResultOf(t, d))
	// Output:
	// still sunny
}

// The test moves the clock.
func ExampleStubTreq_Advance() {
	stub := treqtesting.NewHandlerStubTreq(http.NotFoundHandler(), treqtesting.Config{})
	stub.Reactor().HoldConnects() // the service does not accept connections
	d := weather(stub, "Rome")
	stub.Advance(9 * time.Second)
	deferredtest.NoResult(t, d)
	stub.Advance(time.Second)
	fmt.Println(deferredtest.FailureResultOf(t, d))
	// Output:
	// GET http://weather.example/today?in=Rome: no response for 10s (Timeout)
}

// The timers of the program are told from those of the client and the server, which keep a
// connection for later requests.
func ExampleStubTreq_DelayedCalls() {
	stub := treqtesting.NewHandlerStubTreq(http.NotFoundHandler(), treqtesting.Config{})
	poll := task.NewLoopingCall(stub.Reactor(), func() { weather(stub, "Rome") })
	poll.Start(time.Hour, true)
	fmt.Println(len(stub.DelayedCalls()), "of", len(stub.Reactor().DelayedCalls()))
	poll.Stop()
	fmt.Println(len(stub.DelayedCalls()), "of", len(stub.Reactor().DelayedCalls()))
	// Output:
	// 1 of 3
	// 0 of 2
}

// With RealTLS, a request to an https URL goes over TLS.
func ExampleConfig() {
	stub := treqtesting.NewHandlerStubTreq(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "%s, verified for %s", r.Proto, r.TLS.ServerName)
	}), treqtesting.Config{RealTLS: true})
	d := stub.Get("https://an.example/")
	fmt.Println(deferredtest.SuccessResultOf(t, deferred.Then(d, (*response.Response).Text)))
	// Output:
	// HTTP/1.1, verified for an.example
}

// With HTTP2, requests at a time share a connection. Each has a stream of its own.
func ExampleConfig_http2() {
	stub := treqtesting.NewHandlerStubTreq(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "%s over %s from %s", r.URL, r.Proto, r.RemoteAddr)
	}), treqtesting.Config{HTTP2: true})
	for _, path := range []string{"/a", "/b"} {
		resp := deferredtest.SuccessResultOf(t, stub.Get("http://an.example"+path))
		fmt.Printf("stream %d: %s\n", resp.Stream, deferredtest.SuccessResultOf(t, resp.Text()))
	}
	// Output:
	// stream 1: /a over HTTP/2.0 from 127.0.0.1:49152
	// stream 3: /b over HTTP/2.0 from 127.0.0.1:49152
}

// A sequence lists the expected requests and their replies.
func ExampleRequestSequence() {
	seq := treqtesting.NewRequestSequence(t,
		treqtesting.Exchange{
			Request: treqtesting.Request{
				Method:  "get",
				URL:     "http://weather.example/today",
				Params:  url.Values{"in": {"Rome"}},
				Headers: treqtesting.HasHeaders{"Host": {"weather.example"}},
			},
			Reply: treqtesting.Reply{Code: 200, Body: "sunny"},
		},
		treqtesting.Exchange{
			Request: treqtesting.Request{Method: "get", URL: treqtesting.Any, Params: treqtesting.HasParams{"in": {"Paris"}}},
			Reply:   treqtesting.Reply{Code: 200, Body: "rainy"},
		},
	)
	stub := treqtesting.NewStubTreq(treqtesting.StringStubbingResource(seq), treqtesting.Config{})
	seq.Consume(func() {
		fmt.Println(deferredtest.SuccessResultOf(t, weather(stub, "Rome")))
		fmt.Println(deferredtest.SuccessResultOf(t, weather(stub, "Paris")))
	})
	// Output:
	// sunny
	// rainy
}

// An unexpected request fails the test, or is reported to AsyncFailureReporter.
func ExampleRequestSequence_failure() {
	seq := treqtesting.NewRequestSequence(t, treqtesting.Exchange{
		Request: treqtesting.Request{Method: "get", URL: "http://weather.example/today", Params: url.Values{"in": {"Rome"}}},
	})
	seq.AsyncFailureReporter = func(message string) {
		_, difference, _ := strings.Cut(message, "). ") // the message begins with the request and the sequence
		fmt.Println(difference)
	}
	stub := treqtesting.NewStubTreq(treqtesting.StringStubbingResource(seq), treqtesting.Config{})
	weather(stub, "Paris")
	// Output:
	// What differs is the params (-expected +got).
	// params:
	//     url.Values{
	//   - 	"in": {"Rome"},
	//   + 	"in": {"Paris"},
	//     }
}

// A function may answer the requests.
func ExampleStringStubbingResource() {
	stub := treqtesting.NewStubTreq(treqtesting.StringStubbingResource(
		treqtesting.ResponderFunc(func(req treqtesting.Received) treqtesting.Reply {
			return treqtesting.Reply{Body: req.Method + " " + req.URL + " in " + req.Params.Get("in")}
		})), treqtesting.Config{})
	fmt.Println(deferredtest.SuccessResultOf(t, weather(stub, "Rome")))
	// Output:
	// GET http://weather.example/today in Rome
}

// A reply may be late, or end too early. The clock of the stub moves it.
func ExampleReply() {
	get := treqtesting.Request{Method: "get", URL: "http://weather.example/today", Params: treqtesting.Any}
	seq := treqtesting.NewRequestSequence(t,
		treqtesting.Exchange{Request: get, Reply: treqtesting.Reply{Body: "sunny", Delay: 9 * time.Second}},
		treqtesting.Exchange{Request: get, Reply: treqtesting.Reply{Body: "sunny", Delay: 11 * time.Second}},
		treqtesting.Exchange{Request: get, Reply: treqtesting.Reply{Body: "sun", Ending: treqtesting.BreakOff}},
	)
	stub := treqtesting.NewStubTreq(treqtesting.StringStubbingResource(seq), treqtesting.Config{})
	for range 3 {
		d := weather(stub, "Rome")
		stub.Reactor().RunFor(10 * time.Second)
		d.AddBoth(func(text string, err error) (string, error) {
			fmt.Println(text, err)
			return text, nil
		})
	}
	// Output:
	// sunny <nil>
	//  GET http://weather.example/today?in=Rome: no response for 10s (Timeout)
	//  GET http://weather.example/today?in=Rome: the response failed: connection was closed cleanly; connection ended within the body: a chunked body without its last chunk, after 3 bytes: "sun"
}

// A body arrives piece by piece.
func ExamplePiece() {
	stub := treqtesting.NewStubTreq(treqtesting.StringStubbingResource(treqtesting.ResponderFunc(func(treqtesting.Received) treqtesting.Reply {
		return treqtesting.Reply{Body: "sunny", Pieces: []treqtesting.Piece{{After: time.Hour, Data: "cloudy"}, {After: time.Hour, Data: "rainy"}}}
	})), treqtesting.Config{})
	stub.Get("http://weather.example/news", treq.Unbuffered(true)).AddCallback(func(resp *response.Response) (*response.Response, error) {
		resp.Collect(func(data []byte) error {
			fmt.Printf("%s at %s\n", data, stub.Reactor().Now().Format("15:04"))
			return nil
		})
		return resp, nil
	})
	stub.Reactor().RunFor(3 * time.Hour)
	// Output:
	// sunny at 00:00
	// cloudy at 01:00
	// rainy at 02:00
}

// A function that takes a response can be tested without a server.
func ExampleNewResponse() {
	resp := treqtesting.NewResponse(treqtesting.Reply{Code: 201, Body: `{"id": 7}`})
	created := deferredtest.SuccessResultOf(t, treq.JSONContent[map[string]int](resp))
	fmt.Println(resp, created["id"])
	// Output:
	// <Response 201 "" 9 bytes> 7
}

// JSON matches data with the same value, in any form.
func ExampleJSON() {
	m := treqtesting.JSON(map[string]any{"city": "Rome", "days": 3})
	fmt.Println(m.Diff(`{"days": 3, "city": "Rome"}`) == "")
	fmt.Println(m)
	// Output:
	// true
	// JSON({"city":"Rome","days":3})
}

// Other agents can wrap a RequestTraversalAgent.
func ExampleRequestTraversalAgent() {
	inMemory := treqtesting.NewHandlerTraversalAgent(http.RedirectHandler("https://elsewhere.example/", http.StatusFound), treqtesting.Config{})
	a := agent.NewRedirectAgent(inMemory, agent.RedirectConfig{Limit: 3})
	d := a.Request(&request.Request{Method: "GET", URL: &url.URL{Scheme: "http", Host: "an.example", Path: "/"}})
	fmt.Println(errors.Is(deferredtest.FailureResultOf(t, d), agent.ErrInfiniteRedirection))
	// Output:
	// true
}

// An AgentSpy records the requests that a client or a wrapping agent sends.
func ExampleAgentSpy() {
	var spy treqtesting.AgentSpy
	c := client.New(memory.New(), client.Config{Agent: &spy})
	d := c.Post("http://an.example/", client.JSON([]int{1, 2}))

	sent := spy.Requests[0]
	fmt.Println(sent.Request.Method, sent.Request.URL, sent.Request.Header.Get("Content-Type"))

	sent.Respond(treqtesting.Reply{Code: http.StatusCreated, Body: `{"id": 7}`})
	resp := deferredtest.SuccessResultOf(t, d)
	created := deferredtest.SuccessResultOf(t, treq.JSONContent[map[string]int](resp))
	fmt.Println(resp.Code, created["id"])
	// Output:
	// POST http://an.example/ application/json; charset=UTF-8
	// 201 7
}

// The server asks its clients for a certificate, on a reactor in memory.
func ExampleAuthority() {
	var authority treqtesting.Authority
	r := memory.New()
	config := authority.ServerTLS("an.example")
	config.ClientAuth = tls.RequireAndVerifyClientCert
	site := &web.Site{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintln(w, "hello,", r.TLS.PeerCertificates[0].Subject.CommonName)
	})}
	r.ListenTCP("192.0.2.1:443", reactor.TLSServer(r, reactor.TLSConfig{Config: config}, site))
	r.AddHost("an.example", "192.0.2.1")

	c := client.New(r, client.Config{Agent: agent.New(r, agent.Config{
		TLS: agent.NewTLSPolicy(authority.ClientTLS("alice")),
	})})
	deferred.Then(c.Get("https://an.example/"), (*response.Response).Text).
		Tap(func(text string, _ error) { fmt.Print(text) })
	r.RunFor(time.Second)
	// Output: hello, alice
}
