package testing_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/deferred/deferredtest"
	"github.com/seed-7c003b53/gotreq/treq/agent"
	"github.com/seed-7c003b53/gotreq/treq/client"
	"github.com/seed-7c003b53/gotreq/treq/response"
	treqtesting "github.com/seed-7c003b53/gotreq/treq/testing"
	"github.com/seed-7c003b53/gotreq/treq/wire"
)

// TestClientConfig: a StubTreq works with the config of the program's client.
func TestClientConfig(t *testing.T) { overBoth(t, testClientConfig) }

func testClientConfig(t *testing.T, config treqtesting.Config) {
	echo := http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if req.URL.Path == "/v1/large" {
			w.Header().Set("X-Large", strings.Repeat("x", 2000))
		}
		w.Write([]byte(req.Host + req.RequestURI + " " + req.UserAgent() + " " + req.Header.Get("A")))
	})
	program := client.Config{
		BaseURL: "http://an.example/v1/", UserAgent: "me/1", Defaults: []client.Option{client.Headers{"A": {"b"}}},
		AgentConfig: agent.Config{LocalAddress: "nowhere", Limits: wire.Limits{HeaderBytes: 1000}},
	}
	stub := treqtesting.NewHandlerStubTreq(echo, treqtesting.Config{HTTP2: config.HTTP2, Client: program})
	text := deferredtest.SuccessResultOf(t, deferred.Then(stub.Get("users/{id}", client.PathParams{"id": "a/b"}), (*response.Response).Text))
	if want := "an.example/v1/users/a%2Fb me/1 b"; text != want {
		t.Errorf("got %q, want %q", text, want)
	}
	if err := deferredtest.FailureResultOf(t, stub.Get("large")); !strings.Contains(err.Error(), "header") {
		t.Errorf("the Limits: got %v", err)
	}
	stub = treqtesting.NewHandlerStubTreq(echo, treqtesting.Config{HTTP2: config.HTTP2, Client: client.Config{BaseURL: "an.example"}})
	if err := deferredtest.FailureResultOf(t, stub.Get("users")); !strings.Contains(err.Error(), `BaseURL: "an.example" has no scheme`) {
		t.Errorf("a bad BaseURL: got %v", err)
	}
	defer func() {
		if v := recover(); v == nil || !strings.Contains(v.(string), "has an Agent") {
			t.Errorf("with an Agent: panic %v", v)
		}
	}()
	treqtesting.NewHandlerStubTreq(echo, treqtesting.Config{HTTP2: config.HTTP2, Client: client.Config{Agent: &treqtesting.AgentSpy{}}})
}
