// Deterministic_test gets a page from a server that fails now and then, or does not
// answer. How that is tested, in no time and the same way every time, is in
// fetch_test.go; here it runs, against the URL given as the argument or against a
// server of its own, which fails the first time.
package main

import (
	"fmt"
	"net/http"
	"os"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/reactor"
	"github.com/seed-7c003b53/gotreq/reactor/task"
	"github.com/seed-7c003b53/gotreq/treq"
	"github.com/seed-7c003b53/gotreq/treq/web"
)

func main() { task.React(run) }

func run(r reactor.Reactor) *deferred.Deferred[string] {
	var url string
	if len(os.Args) > 1 {
		url = os.Args[1]
	} else {
		port, err := r.ListenTCP("127.0.0.1:0", &web.Site{Handler: http.HandlerFunc(unsteady)})
		if err != nil {
			return deferred.Fail[string](err)
		}
		url = "http://" + port.Addr().String()
	}
	return fetch(r, treq.Default, url).AddCallback(func(text string) (string, error) {
		fmt.Println(text)
		return text, nil
	})
}

var asked int

func unsteady(w http.ResponseWriter, _ *http.Request) {
	if asked++; asked == 1 {
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	fmt.Fprintln(w, "Here I am.")
}
