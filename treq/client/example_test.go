package client_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"time"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/reactor/memory"
	"github.com/seed-7c003b53/gotreq/treq/agent"
	"github.com/seed-7c003b53/gotreq/treq/client"
	"github.com/seed-7c003b53/gotreq/treq/response"
	treqtesting "github.com/seed-7c003b53/gotreq/treq/testing"
	"github.com/seed-7c003b53/gotreq/treq/web"
)

// parrot answers with a description of the request.
var parrot = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	fmt.Fprintf(w, "%s %s %s %q", r.Method, r.URL, r.Header["Accept"], body)
})

// show prints the text of the response that d fires with.
func show(d *response.Deferred) {
	deferred.Then(d, (*response.Response).Text).AddBoth(func(text string, err error) (string, error) {
		fmt.Println(text, err)
		return text, nil
	})
}

// A client needs a reactor, here one in memory. It may have an agent with settings of
// your own.
func ExampleNew() {
	r := memory.New()
	r.ListenTCP("127.0.0.1:80", &web.Site{Handler: parrot})

	pool := agent.NewPool(r, agent.PoolConfig{MaxPersistentPerHost: 2})
	c := client.New(r, client.Config{Agent: agent.New(r, agent.Config{Pool: pool})})
	show(c.Get("http://localhost/"))
	r.Pump()
	// Output:
	// GET / [] "" <nil>
}

// A client of an API knows its URL and what every request sends.
func ExampleConfig() {
	r := memory.New()
	r.ListenTCP("127.0.0.1:80", &web.Site{Handler: parrot})

	c := client.New(r, client.Config{
		BaseURL:  "http://localhost/v1/",
		Defaults: []client.Option{client.Headers{"Accept": {"application/json"}}, client.Timeout(5 * time.Second)},
	})
	show(c.Get("users", client.Params{"page": {"2"}}))
	show(c.Get("users", client.Headers{"Accept": {"text/csv"}}))
	r.Pump()
	// Output:
	// GET /v1/users?page=2 [application/json] "" <nil>
	// GET /v1/users [text/csv] "" <nil>
}

// A value stays in its segment of the path, whatever it contains.
func ExamplePathParams() {
	c := treqtesting.NewHandlerStubTreq(parrot, treqtesting.Config{})
	show(c.Get("http://an.example/users/{id}/files/{name}", client.PathParams{"id": 7, "name": "../a b?.txt"}))
	show(c.Get("http://an.example/users/{id}", client.PathParams{"id": ".."}))
	// Output:
	// GET /users/7/files/..%2Fa%20b%3F.txt [] "" <nil>
	//  GET http://an.example/users/%7Bid%7D: bad option: PathParams: {id} is "..": the URL would name another path
}

// Options read like keyword arguments.
func ExampleHTTPClient_Get() {
	c := treqtesting.NewHandlerStubTreq(parrot, treqtesting.Config{})
	show(c.Get("http://an.example/search?page=1",
		client.Params{"q": {"go & twisted"}},
		client.Headers{"Accept": {"text/html"}},
		client.Timeout(5*time.Second)))
	// Output:
	// GET /search?page=1&q=go+%26+twisted [text/html] "" <nil>
}

func ExampleHTTPClient_Post() {
	c := treqtesting.NewHandlerStubTreq(parrot, treqtesting.Config{})
	show(c.Post("http://an.example/", client.Body("some text")))
	show(c.Post("http://an.example/", client.JSON(map[string]int{"answer": 42})))
	show(c.Post("http://an.example/", client.Body("text"), client.JSON(42)))
	// Output:
	// POST / [] "some text" <nil>
	// POST / [] "{\"answer\":42}" <nil>
	//  POST http://an.example/: options that exclude each other: Body and JSON
}

// A request fails when its timeout is over.
func ExampleTimeout() {
	c := treqtesting.NewHandlerStubTreq(parrot, treqtesting.Config{})
	c.Reactor().HoldConnects() // no connection is made
	show(c.Get("http://an.example/", client.Timeout(5*time.Second)))
	c.Reactor().RunFor(5 * time.Second)
	// Output:
	//  GET http://an.example/: no response for 5s (Timeout)
}

// A client makes an error of every error status; a request says otherwise.
func ExampleRaiseForStatus() {
	r := memory.New()
	r.ListenTCP("127.0.0.1:80", &web.Site{Handler: http.NotFoundHandler()})
	c := client.New(r, client.Config{BaseURL: "http://localhost/", Defaults: []client.Option{client.RaiseForStatus(true)}})

	show(c.Get("/users/1"))
	show(c.Get("/users/1", client.RaiseForStatus(false)))
	r.Pump()
	// Output:
	//  GET http://localhost/users/1: 404 Not Found: 404 page not found
	// 404 page not found
	//  <nil>
}

// A request that fails for the time being is tried again. The client of a test waits by a clock
// that the test moves.
func ExampleRetries() {
	tries := 0
	c := treqtesting.NewHandlerStubTreq(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if tries++; tries < 3 {
			w.WriteHeader(http.StatusBadGateway)
			return
		}
		fmt.Fprintln(w, "hello at the third try")
	}), treqtesting.Config{})
	show(c.Get("http://an.example/", client.Retries(3)))
	c.Reactor().RunFor(5 * time.Second)
	// Output:
	// hello at the third try
	//  <nil>
}

// A context ends a request, and has the hooks that tell where its time goes.
func ExampleContext() {
	r := memory.New()
	r.ListenTCP("127.0.0.1:80", &web.Site{Handler: parrot})
	c := client.New(r, client.Config{})

	ctx, cancel := context.WithCancelCause(context.Background())
	traced := httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		DNSDone:     func(info httptrace.DNSDoneInfo) { fmt.Println("found", info.Addrs) },
		ConnectDone: func(_, address string, err error) { fmt.Println("connected to", address, err) },
		GotConn:     func(info httptrace.GotConnInfo) { fmt.Println("used before:", info.Reused) },
	})
	show(c.Get("http://localhost/", client.Context(traced)))
	r.Pump()
	show(c.Get("http://localhost/", client.Context(traced)))
	cancel(errors.New("it is late"))
	r.Pump()
	// Output:
	// found [{127.0.0.1 }]
	// connected to 127.0.0.1:80 <nil>
	// used before: false
	// GET / [] "" <nil>
	// used before: true
	//  GET http://localhost/: cancelled: it is late
}
