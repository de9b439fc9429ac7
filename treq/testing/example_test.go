package testing_test

import (
	"fmt"
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/treq/client"
	"github.com/seed-7c003b53/gotreq/treq/response"
	treqtesting "github.com/seed-7c003b53/gotreq/treq/testing"
)

// weather is what is to be tested: it asks a service what the weather is.
func weather(c *client.HTTPClient) *deferred.Deferred[string] {
	d := c.Get("http://weather.example/today", client.Timeout(10*time.Second))
	return deferred.Then(d, (*response.Response).Text)
}

// A test needs no network and no waiting: when a method returns, all has happened.
func Example() {
	test := func(t testing.TB) {
		stub := treqtesting.NewHandlerStubTreq(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path != "/today" {
				t.Errorf("asked for %s", r.URL)
			}
			io.WriteString(w, "sunny")
		}))
		if got := treqtesting.SuccessResultOf(t, weather(stub.HTTPClient)); got != "sunny" {
			t.Errorf("got %q", got)
		}
	}
	test(&testing.T{})
	// Output:
}

// Time moves when the test moves it.
func ExampleStubTreq_Reactor() {
	test := func(t testing.TB) {
		stub := treqtesting.NewHandlerStubTreq(http.NotFoundHandler())
		stub.Reactor().HoldConnects() // the service does not answer
		d := weather(stub.HTTPClient)
		stub.Reactor().RunFor(9 * time.Second)
		treqtesting.NoResult(t, d)
		stub.Reactor().RunFor(time.Second)
		fmt.Println(treqtesting.FailureResultOf(t, d))
	}
	test(&testing.T{})
	// Output:
	// GET http://weather.example/today: deferred: timed out after 10s
}
