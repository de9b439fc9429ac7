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
