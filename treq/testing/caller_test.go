package testing_test

import (
	"strings"
	"testing"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/treq/response"
	treqtesting "github.com/seed-7c003b53/gotreq/treq/testing"
)

// TestCallerInCoroutine: a coroutine has its own stack, without a line of a test's file. The
// report then names the line of the program that made the request.
func TestCallerInCoroutine(t *testing.T) {
	r := &recorder{}
	seq := treqtesting.NewRequestSequence(r)
	sendInProgram(treqtesting.NewStubTreq(treqtesting.StringStubbingResource(seq), treqtesting.Config{}))
	if got, want := r.end(), "main.go:20: No more requests expected"; !strings.HasPrefix(got, want) {
		t.Errorf("got %q, want %q at the start", got, want)
	}
}

// The directive below makes the compiler place the line after it in a program.

func sendInProgram(stub *treqtesting.StubTreq) {
	deferred.Go(func(co *deferred.Co) (*response.Response, error) {
//line /program/main.go:20
		return deferred.Await(co, stub.Get("http://an.example"))
	})
}
