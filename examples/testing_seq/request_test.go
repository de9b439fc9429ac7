package main

import (
	"net/http"
	"net/url"
	"testing"

	"github.com/seed-7c003b53/gotreq/deferred/deferredtest"
	treqtesting "github.com/seed-7c003b53/gotreq/treq/testing"
)

// request is the expected request of MakeARequest.
var request = treqtesting.Request{
	Method:  "get",
	URL:     "http://an.example/foo",
	Params:  url.Values{"a": {"b"}},
	Headers: treqtesting.HasHeaders{"Accept": {"application/json"}},
}

// TestOK: the result is the JSON of a response with status 200.
func TestOK(t *testing.T) {
	seq := treqtesting.NewRequestSequence(t, treqtesting.Exchange{
		Request: request,
		Reply: treqtesting.Reply{
			Code:    http.StatusOK,
			Headers: http.Header{"Content-Type": {"application/json"}},
			Body:    `{"status": "ok"}`,
		},
	})
	stub := treqtesting.NewStubTreq(treqtesting.StringStubbingResource(seq), treqtesting.Config{})

	seq.Consume(func() {
		got := deferredtest.SuccessResultOf(t, MakeARequest(stub, "http://an.example/foo"))
		if want := (Status{"ok"}); got != want {
			t.Errorf("got %v, want %v", got, want)
		}
	})
}

// TestTeapot: a response with another status is an error.
func TestTeapot(t *testing.T) {
	seq := treqtesting.NewRequestSequence(t, treqtesting.Exchange{
		Request: request,
		Reply: treqtesting.Reply{
			Code:    http.StatusTeapot,
			Headers: http.Header{"Content-Type": {"text/plain"}},
			Body:    "I'm a teapot!",
		},
	})
	stub := treqtesting.NewStubTreq(treqtesting.StringStubbingResource(seq), treqtesting.Config{})

	seq.Consume(func() {
		err := deferredtest.FailureResultOf(t, MakeARequest(stub, "http://an.example/foo"))
		if got, want := err.Error(), "got an error from the server: I'm a teapot!"; got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	})
}
