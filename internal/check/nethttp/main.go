// Command nethttp uses the library from ordinary goroutines: under resty, under oauth2 and
// under go-retryablehttp, none of which knows of it, and by package blocking. It asks the
// server at its argument, which the tests of this package are.
package main

import (
	"context"
	"fmt"
	"io"
	"log"
	"net/http"
	"os"
	"time"

	"github.com/go-resty/resty/v2"
	"github.com/hashicorp/go-retryablehttp"
	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"

	"github.com/seed-7c003b53/gotreq/reactor"
	"github.com/seed-7c003b53/gotreq/treq/blocking"
	"github.com/seed-7c003b53/gotreq/treq/client"
)

func main() {
	if err := run(os.Args[1], os.Stdout); err != nil {
		log.Fatal(err)
	}
}

func run(server string, out io.Writer) error {
	http := &http.Client{Transport: client.New(reactor.Background(), client.Config{}).RoundTripper()}

	for range 2 {
		resp, err := resty.NewWithClient(http).R().EnableTrace().Get(server + "/hello")
		if err != nil {
			return err
		}
		t := resp.Request.TraceInfo()
		fmt.Fprintf(out, "resty: %s, a new connection %v, timed %v\n", resp, !t.IsConnReused, t.ServerTime > 0 && t.TotalTime > t.ServerTime)
	}

	ctx := context.WithValue(context.Background(), oauth2.HTTPClient, http)
	tokens := clientcredentials.Config{ClientID: "me", ClientSecret: "secret", TokenURL: server + "/token"}
	if err := show(out, "oauth2")(tokens.Client(ctx).Get(server + "/private")); err != nil {
		return err
	}

	again := retryablehttp.NewClient()
	again.HTTPClient, again.Logger, again.RetryWaitMin = http, nil, time.Millisecond
	if err := show(out, "retryablehttp")(again.Get(server + "/flaky")); err != nil {
		return err
	}

	resp, err := blocking.Get(ctx, server+"/hello", client.TotalTimeout(time.Minute))
	if err != nil {
		return err
	}
	text, err := resp.Text()
	fmt.Fprintln(out, "blocking:", text)
	return err
}

// show returns a function that prints the body of a response.
func show(out io.Writer, name string) func(*http.Response, error) error {
	return func(resp *http.Response, err error) error {
		if err != nil {
			return err
		}
		defer resp.Body.Close()
		body, err := io.ReadAll(resp.Body)
		fmt.Fprintf(out, "%s: %s\n", name, body)
		return err
	}
}
