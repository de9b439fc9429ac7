package testing_test

import (
	"io"
	"net/http"
	"testing"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/deferred/deferredtest"
	"github.com/seed-7c003b53/gotreq/treq/response"
	treqtesting "github.com/seed-7c003b53/gotreq/treq/testing"
)

// BenchmarkStubTreqGet makes a request and reads its response as text.
func BenchmarkStubTreqGet(b *testing.B) {
	stub := treqtesting.NewHandlerStubTreq(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header()["Content-Type"] = []string{"text/plain"}
		io.WriteString(w, "Hello, world!")
	}), treqtesting.Config{})
	b.ReportAllocs()
	for b.Loop() {
		text := deferredtest.SuccessResultOf(b, deferred.Then(stub.Get("http://an.example/foo"), (*response.Response).Text))
		if text != "Hello, world!" {
			b.Fatal(text)
		}
	}
}

// TestAllocationsOfAStubbedGet bounds the allocations of a request through a StubTreq, over both
// versions of HTTP.
func TestAllocationsOfAStubbedGet(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates")
	}
	for _, test := range []struct {
		name  string
		http2 bool
		most  float64
	}{{"HTTP/1.1", false, 51}, {"HTTP/2", true, 52}} {
		stub := treqtesting.NewHandlerStubTreq(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header()["Content-Type"] = []string{"text/plain"}
			io.WriteString(w, "Hello, world!")
		}), treqtesting.Config{HTTP2: test.http2})
		n := testing.AllocsPerRun(100, func() {
			deferredtest.SuccessResultOf(t, deferred.Then(stub.Get("http://an.example/foo"), (*response.Response).Text))
		})
		if n > test.most {
			t.Errorf("%s: %.0f allocations, want no more than %.0f", test.name, n, test.most)
		}
	}
}
