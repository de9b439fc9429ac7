package wire_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"

	"github.com/seed-7c003b53/gotreq/treq/agent"
	"github.com/seed-7c003b53/gotreq/treq/request"
	"github.com/seed-7c003b53/gotreq/treq/response"
	treqtesting "github.com/seed-7c003b53/gotreq/treq/testing"
	"github.com/seed-7c003b53/gotreq/treq/wire"
)

// A header with a line break in its value is not sent.
func Example() {
	a := treqtesting.NewHandlerTraversalAgent(http.NotFoundHandler(), treqtesting.Config{})
	u, _ := url.Parse("http://an.example/")
	d := a.Request(&request.Request{Method: "GET", URL: u, Header: http.Header{
		"X-Name": {"Ann\r\nCookie: stolen"},
	}})
	d.AddErrback(func(err error) (*response.Response, error) {
		fmt.Println(err)
		fmt.Println(errors.Is(err, wire.ErrHeaderValue), errors.As(err, new(*agent.RequestError)))
		var bad *wire.Error
		if errors.As(err, &bad) {
			fmt.Println(bad.Detail)
		}
		return nil, nil
	})
	// Output:
	// GET http://an.example/: invalid header value: byte "\r" in "Ann\r\nCookie: stolen", in the header "X-Name"
	// true true
	// byte "\r" in "Ann\r\nCookie: stolen", in the header "X-Name"
}
