package main

import (
	"errors"
	"testing"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/deferred/deferredtest"
	"github.com/seed-7c003b53/gotreq/treq"
	"github.com/seed-7c003b53/gotreq/treq/response"
	treqtesting "github.com/seed-7c003b53/gotreq/treq/testing"
)

// text returns the code and the body of the response that d has.
func text(t *testing.T, d *response.Deferred) (int, string) {
	t.Helper()
	resp := deferredtest.SuccessResultOf(t, d)
	return resp.Code, deferredtest.SuccessResultOf(t, resp.Text())
}

// TestJSONResource: the resource answers every path and every method.
func TestJSONResource(t *testing.T) {
	stub := treqtesting.NewStubTreq(&JSONResource{Data: []int{1, 2}}, treqtesting.Config{})
	for _, url := range []string{"http://an.example", "https://an.example/what/ever?a=b"} {
		for _, method := range []string{"GET", "POST", "PURGE"} {
			resp := deferredtest.SuccessResultOf(t, stub.Request(method, url))
			got := deferredtest.SuccessResultOf(t, treq.JSONContent[[]int](resp))
			if resp.Code != 200 || resp.Header.Get("Content-Type") != "application/json" || len(got) != 2 {
				t.Errorf("%s %s: %v %v", method, url, resp, got)
			}
		}
	}
}

// TestJSONResourceFails: Data that is not JSON results in a 500, and the server continues.
func TestJSONResourceFails(t *testing.T) {
	stub := treqtesting.NewStubTreq(&JSONResource{Data: func() {}}, treqtesting.Config{})
	for range 2 {
		if code, _ := text(t, stub.Get("http://an.example")); code != 500 {
			t.Errorf("got %d, want 500", code)
		}
	}
}

// TestQueue: a message goes to the client that has waited longest.
func TestQueue(t *testing.T) {
	stub := treqtesting.NewStubTreq(NewRoot(), treqtesting.Config{})
	const url = "http://an.example/queue"
	first, second, third := stub.Get(url), stub.Get(url), stub.Get(url)
	deferredtest.NoResult(t, first)

	first.Cancel() // takes no message
	if err := deferredtest.FailureResultOf(t, first); !errors.Is(err, deferred.ErrCancelled) {
		t.Errorf("got %v", err)
	}
	stub.Flush() // the server sees the end of the connection

	for _, message := range []string{"spam", "eggs", "ham"} {
		if code, _ := text(t, stub.Post(url, treq.Body(message))); code != 202 {
			t.Errorf("%s: got %d, want 202", message, code)
		}
	}
	for i, d := range []*response.Deferred{second, third, stub.Get(url)} {
		if code, got := text(t, d); code != 200 || got != []string{"spam", "eggs", "ham"}[i] {
			t.Errorf("message %d: got %d %q", i, code, got)
		}
	}
}

// TestFullQueue: a full queue answers a POST with a 503.
func TestFullQueue(t *testing.T) {
	stub := treqtesting.NewStubTreq(NewQueue(1), treqtesting.Config{})
	for i, want := range []int{202, 503} {
		if code, _ := text(t, stub.Post("http://an.example", treq.Body("spam"))); code != want {
			t.Errorf("message %d: got %d, want %d", i+1, code, want)
		}
	}
}

// TestNotFound: the server answers other paths with a 404, other methods with a 405.
func TestNotFound(t *testing.T) {
	stub := treqtesting.NewStubTreq(NewRoot(), treqtesting.Config{})
	for path, want := range map[string]int{"/": 200, "/none": 404, "/queue/": 405} {
		if code, _ := text(t, stub.Put("http://an.example"+path)); code != want {
			t.Errorf("%s: got %d, want %d", path, code, want)
		}
	}
}
