package testing_test

import (
	"errors"
	"net/http"
	"net/url"
	"testing"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/deferred/deferredtest"
	"github.com/seed-7c003b53/gotreq/reactor/task"
	"github.com/seed-7c003b53/gotreq/treq/agent"
	"github.com/seed-7c003b53/gotreq/treq/request"
	treqtesting "github.com/seed-7c003b53/gotreq/treq/testing"
)

// spied returns a request for an AgentSpy.
func spied() *request.Request {
	return &request.Request{Method: "GET", URL: &url.URL{Scheme: "http", Host: "an.example", Path: "/foo"}}
}

// TestAgentSpy: the spy records each request, and Respond answers it.
func TestAgentSpy(t *testing.T) {
	deferred.FailOnUnhandled(t)
	var spy treqtesting.AgentSpy
	a := agent.NewRedirectAgent(&spy, agent.RedirectConfig{})
	d := a.Request(spied())
	if len(spy.Requests) != 1 || spy.Requests[0].Request.URL.Path != "/foo" {
		t.Fatalf("recorded: %v", spy.Requests)
	}
	deferredtest.NoResult(t, d)
	spy.Requests[0].Respond(treqtesting.Reply{Code: 302, Headers: http.Header{"location": {"/bar"}}, Body: "see there"})
	deferredtest.NoResult(t, d)
	if len(spy.Requests) != 2 || spy.Requests[1].Request.URL.Path != "/bar" {
		t.Fatalf("recorded: %v", spy.Requests)
	}
	spy.Requests[1].Respond(treqtesting.Reply{Body: "bar"})
	resp := deferredtest.SuccessResultOf(t, d)
	text := deferredtest.SuccessResultOf(t, resp.Text())
	if resp.Code != 200 || resp.Phrase != "OK" || resp.Length != 3 || resp.PreviousResponse.Code != 302 || text != "bar" {
		t.Errorf("got %v %q after %v", resp, text, resp.PreviousResponse)
	}
	if resp.Request != spy.Requests[1].Request {
		t.Errorf("the response is that of %v", resp.Request)
	}
}

// TestAgentSpyCooperator: the spy's Cooperator runs the readers of its responses.
func TestAgentSpyCooperator(t *testing.T) {
	deferred.FailOnUnhandled(t)
	for _, cooperator := range []*task.Cooperator{nil, task.NewCooperator(task.NewClock(), task.CooperatorConfig{})} {
		spy := treqtesting.AgentSpy{Cooperator: cooperator}
		d := spy.Request(spied())
		spy.Requests[0].Respond(treqtesting.Reply{Body: "bar"})
		resp := deferredtest.SuccessResultOf(t, d)
		if resp.Cooperator() != cooperator {
			t.Errorf("the response has the Cooperator %p, want %p", resp.Cooperator(), cooperator)
		}
		got := ""
		collected := resp.Collect(func(data []byte) error {
			got += string(data)
			return nil
		})
		if cooperator != nil {
			deferredtest.SuccessResultOf(t, collected)
			if got != "bar" {
				t.Errorf("collected %q", got)
			}
		} else if err := deferredtest.FailureResultOf(t, collected); !errors.Is(err, request.ErrNoCooperator) {
			t.Errorf("got %v", err)
		}
	}
}

// TestAgentSpyFails: the test can fail a request, and its sender can cancel it.
func TestAgentSpyFails(t *testing.T) {
	deferred.FailOnUnhandled(t)
	var spy treqtesting.AgentSpy
	boom := errors.New("boom")
	d := spy.Request(spied())
	spy.Requests[0].Deferred.Errback(boom)
	if err := deferredtest.FailureResultOf(t, d); err != boom {
		t.Errorf("got %v", err)
	}
	d = spy.Request(spied())
	d.Cancel()
	if err := deferredtest.FailureResultOf(t, d); !errors.Is(err, deferred.ErrCancelled) {
		t.Errorf("got %v", err)
	}
}

// TestAgentSpyLooks: a request that no agent can send fails, and is not recorded.
func TestAgentSpyLooks(t *testing.T) {
	deferred.FailOnUnhandled(t)
	var spy treqtesting.AgentSpy
	for _, test := range []struct {
		name string
		set  func(r *request.Request)
		want string
	}{
		{"no method", func(r *request.Request) { r.Method = "" }, "AgentSpy: a request without a method"},
		{"no URL", func(r *request.Request) { r.URL = nil }, "AgentSpy: a request without an absolute URL"},
		{"no host", func(r *request.Request) { r.URL.Host = "" }, "AgentSpy: a request without an absolute URL"},
	} {
		req := spied()
		test.set(req)
		if got := deferredtest.FailureResultOf(t, spy.Request(req)).Error(); got != test.want {
			t.Errorf("%s: got %q, want %q", test.name, got, test.want)
		}
	}
	if len(spy.Requests) != 0 {
		t.Errorf("recorded: %v", spy.Requests)
	}
}
