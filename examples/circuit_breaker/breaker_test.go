package main

import (
	"errors"
	"testing"
	"time"

	"github.com/seed-7c003b53/gotreq/deferred/deferredtest"
	"github.com/seed-7c003b53/gotreq/treq/client"
	treqtesting "github.com/seed-7c003b53/gotreq/treq/testing"
)

// TestBreaker moves the clock past two rests: the first trial fails, the second one works.
func TestBreaker(t *testing.T) {
	stub := treqtesting.NewHandlerStubTreq(moody(4), treqtesting.Config{})
	b := &breaker{Requester: stub.Agent(), clock: stub.Reactor(), most: 3, rest: time.Minute}
	get := func(want int) { // 0: refused
		t.Helper()
		d := stub.Get("http://an.example/", client.Agent(b))
		if want == 0 {
			if err := deferredtest.FailureResultOf(t, d); !errors.Is(err, errOpen) || err.Error() != "GET http://an.example/: "+errOpen.Error() {
				t.Errorf("got %v", err)
			}
		} else if resp := deferredtest.SuccessResultOf(t, d); resp.Code != want {
			t.Errorf("got %v, want %d", resp, want)
		}
	}
	for _, want := range []int{503, 503, 503, 0, 0} {
		get(want)
	}
	stub.Advance(time.Minute - 1)
	get(0)
	stub.Advance(1)
	get(503)
	get(0)
	stub.Advance(time.Minute)
	get(200)
	get(200)
}
