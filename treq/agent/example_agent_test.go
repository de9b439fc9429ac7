package agent_test

import (
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/reactor"
	"github.com/seed-7c003b53/gotreq/reactor/endpoints"
	"github.com/seed-7c003b53/gotreq/reactor/memory"
	"github.com/seed-7c003b53/gotreq/treq/agent"
	"github.com/seed-7c003b53/gotreq/treq/request"
	"github.com/seed-7c003b53/gotreq/treq/response"
	"github.com/seed-7c003b53/gotreq/treq/web"
)

// listen starts a server that greets, on address of r.
func listen(r reactor.Reactor, address string) {
	r.ListenTCP(address, &web.Site{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.WriteString(w, "Hello from "+r.Host)
	})})
}

// show prints the text of the response that d fires with.
func show(d *deferred.Deferred[*response.Response]) {
	deferred.Then(d, (*response.Response).Text).AddBoth(func(text string, err error) (string, error) {
		fmt.Println(text, err)
		return text, nil
	})
}

// An agent sends requests unchanged; a client is more convenient.
func ExampleAgent() {
	r := memory.New()
	listen(r, "127.0.0.1:80")
	a := agent.New(r, agent.Config{Pool: agent.NewPool(r, agent.PoolConfig{}), ConnectTimeout: 5 * time.Second})
	show(a.Request(&request.Request{
		Method: "GET",
		URL:    &url.URL{Scheme: "http", Host: "localhost", Path: "/"},
		Header: http.Header{"User-Agent": {"example"}},
	}))
	r.Pump()
	// Output:
	// Hello from localhost <nil>
}

// All requests go to one server, whatever their URLs say.
func ExampleEndpointFactory() {
	r := memory.New()
	listen(r, "192.0.2.1:8080")
	a := agent.New(r, agent.Config{Endpoint: func(u *url.URL) (endpoints.ClientEndpoint, error) {
		return endpoints.NewHostname(r, "192.0.2.1", "8080", endpoints.HostnameConfig{}), nil
	}})
	show(a.Request(newRequest("GET", "http://staging.example/")))
	r.Pump()
	// Output:
	// Hello from staging.example <nil>
}

// A signer is an agent around another agent. It adds a header to each request.
type signer struct{ agent.Requester }

func (s signer) Request(req *request.Request) *deferred.Deferred[*response.Response] {
	req = req.Clone() // so that its header can be changed
	req.Header.Set("Host", "signed.example")
	return s.Requester.Request(req)
}

// A Requester around an agent is an agent too.
func ExampleRequester() {
	r := memory.New()
	listen(r, "127.0.0.1:80")
	show(signer{agent.New(r, agent.Config{})}.Request(newRequest("GET", "http://localhost/")))
	r.Pump()
	// Output:
	// Hello from signed.example <nil>
}
