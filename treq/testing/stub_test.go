package testing_test

import (
	"fmt"
	"io"
	"net/http"
	"testing"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/treq/client"
	"github.com/seed-7c003b53/gotreq/treq/response"
	treqtesting "github.com/seed-7c003b53/gotreq/treq/testing"
)

func TestStub(t *testing.T) {
	stub := treqtesting.NewStubTreq(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		fmt.Fprintf(w, "%s %s %s %s", r.Method, r.Host, r.URL, body)
	}))
	for i := range 3 {
		d := stub.Post("http://an.example/foo?x=y", client.Params{"a": {"b c"}}, client.Body("text"))
		text := treqtesting.SuccessResultOf(t, deferred.Then(d, (*response.Response).Text))
		if want := "POST an.example /foo?x=y&a=b+c text"; text != want {
			t.Errorf("%d: got %q, want %q", i, text, want)
		}
	}
}
