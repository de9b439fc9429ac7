// Deterministic_test fetches a page and retries failures and timeouts. fetch_test.go shows
// how to test this without waiting, with the same result every time. The argument is the
// URL; without one, the program starts its own server, which fails once.
package main

import (
	"fmt"
	"net/http"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/examples/internal/ownserver"
	"github.com/seed-7c003b53/gotreq/reactor"
	"github.com/seed-7c003b53/gotreq/reactor/task"
	"github.com/seed-7c003b53/gotreq/treq"
	"github.com/seed-7c003b53/gotreq/treq/web"
)

func main() { task.React(run) }

func run(r reactor.Reactor) *deferred.Deferred[string] {
	url, err := ownserver.URL(r, &web.Site{Handler: http.HandlerFunc(failOnce)})
	if err != nil {
		return deferred.Fail[string](err)
	}
	return fetch(r, treq.Default, url).AddCallback(func(text string) (string, error) {
		fmt.Println(text)
		return text, nil
	})
}

var failed bool

func failOnce(w http.ResponseWriter, _ *http.Request) {
	if !failed {
		failed = true
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	fmt.Fprintln(w, "Here I am.")
}
