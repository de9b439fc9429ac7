package main

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/seed-7c003b53/gotreq/deferred/deferredtest"
	treqtesting "github.com/seed-7c003b53/gotreq/treq/testing"
)

// TestTokens moves the clock: a token is fetched for the first request, after five uses, and
// before the minute is over.
func TestTokens(t *testing.T) {
	server := newAPI(nil)
	stub := treqtesting.NewHandlerStubTreq(server, treqtesting.Config{})
	server.clock = stub.Reactor()
	tokens := tokensFrom(stub, "https://an.example/token")
	want := func(id, token int) {
		t.Helper()
		text := deferredtest.SuccessResultOf(t, item(stub, tokens, fmt.Sprint("https://an.example/items/", id)))
		if text != fmt.Sprintf("item %d by token %d", id, token) || server.tokens != token {
			t.Errorf("got %q after %d tokens", text, server.tokens)
		}
	}
	for i := range 11 {
		want(i, 1+i/5)
	}
	stub.Advance(49 * time.Second)
	want(11, 3)
	stub.Advance(time.Second)
	want(12, 4)
}

func TestWrongTokenURL(t *testing.T) {
	stub := treqtesting.NewHandlerStubTreq(newAPI(nil), treqtesting.Config{})
	err := deferredtest.FailureResultOf(t, item(stub, tokensFrom(stub, "https://an.example/none"), "https://an.example/items/1"))
	if !strings.HasPrefix(err.Error(), "GET https://an.example/items/1: bearer: fetching a token: ") || !strings.Contains(err.Error(), "/none: 404") {
		t.Error(err)
	}
}
