package agent_test

import (
	"compress/gzip"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/treq/agent"
	"github.com/seed-7c003b53/gotreq/treq/request"
	"github.com/seed-7c003b53/gotreq/treq/response"
	treqtesting "github.com/seed-7c003b53/gotreq/treq/testing"
)

func ExampleNewRedirectAgent() {
	server := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/old" {
			http.Redirect(w, r, "//b.example/new", http.StatusMovedPermanently)
			return
		}
		fmt.Fprintf(w, "%s, credentials %q", r.Host, r.Header.Get("Authorization"))
	})
	a := agent.NewRedirectAgent(treqtesting.NewHandlerTraversalAgent(server, treqtesting.Config{}), agent.RedirectConfig{Limit: 5})

	u, _ := url.Parse("http://a.example/old")
	d := a.Request(&request.Request{Method: "GET", URL: u, Header: http.Header{"Authorization": {"Basic dTpw"}}})
	deferred.Then(d, func(r *response.Response) *deferred.Deferred[string] {
		for _, before := range r.History() {
			fmt.Println(before.Code, before.Request.URL)
		}
		fmt.Println(r.Code, r.Request.URL)
		return r.Text()
	}).Tap(func(text string, _ error) { fmt.Println(text) })
	// Output:
	// 301 http://a.example/old
	// 200 http://b.example/new
	// b.example, credentials ""
}

func ExampleNewContentDecoderAgent() {
	server := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Println("the server is asked for", r.Header.Get("Accept-Encoding"))
		w.Header().Set("Content-Encoding", "gzip")
		z := gzip.NewWriter(w)
		fmt.Fprint(z, "hello")
		z.Close()
	})
	a := agent.NewContentDecoderAgent(treqtesting.NewHandlerTraversalAgent(server, treqtesting.Config{}), agent.DecoderConfig{})

	u, _ := url.Parse("http://a.example/")
	d := a.Request(&request.Request{Method: "GET", URL: u})
	deferred.Then(d, (*response.Response).Text).Tap(func(text string, _ error) { fmt.Println(text) })
	// Output:
	// the server is asked for gzip,deflate,br,zstd
	// hello
}

func ExampleNewRetryAgent() {
	tries := 0
	server := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if tries++; tries < 3 {
			w.Header().Set("Retry-After", "5")
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	})
	stub := treqtesting.NewHandlerTraversalAgent(server, treqtesting.Config{})
	a := agent.NewRetryAgent(stub.Reactor(), stub, agent.RetryConfig{
		OnRetry: func(t agent.Try) { fmt.Println(t.Number, t.Response.Code, t.Wait.Truncate(5*time.Second)) },
	})

	u, _ := url.Parse("http://a.example/")
	a.Request(&request.Request{Method: "GET", URL: u}).AddCallback(func(r *response.Response) (*response.Response, error) {
		fmt.Println(r.Code, "after", r.Tries, "tries")
		return r, nil
	})
	stub.Reactor().RunFor(time.Minute)
	// Output:
	// 1 503 5s
	// 2 503 5s
	// 200 after 3 tries
}
