// Basic_get makes a GET request and prints the response. The argument is the URL; without
// one, the program starts its own server.
package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/examples/internal/httpbin"
	"github.com/seed-7c003b53/gotreq/reactor"
	"github.com/seed-7c003b53/gotreq/reactor/task"
	"github.com/seed-7c003b53/gotreq/treq"
	"github.com/seed-7c003b53/gotreq/treq/response"
)

func main() { task.React(run) }

func run(reactor.Reactor) *deferred.Deferred[string] {
	return deferred.Then(treq.Get(httpbin.URL("/get?library=gotreq")), printResponse)
}

func printResponse(resp *response.Response) *deferred.Deferred[string] {
	fmt.Println(resp.Version, resp.Code, resp.Phrase)
	for _, name := range slices.Sorted(maps.Keys(resp.Header)) {
		fmt.Printf("%s: %s\n", name, strings.Join(resp.Header[name], ", "))
	}
	fmt.Println()
	return resp.Text().AddCallback(func(body string) (string, error) {
		fmt.Println(body)
		return body, nil
	})
}
