// Testing_seq asks a server for its status. request_test.go shows how to test this without
// a server or a network. The argument is the URL; without one, the program starts its own
// server.
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

func run(r reactor.Reactor) *deferred.Deferred[Status] {
	url, err := ownserver.URL(r, &web.Site{Handler: http.HandlerFunc(serveStatus)})
	if err != nil {
		return deferred.Fail[Status](err)
	}
	return MakeARequest(treq.Default, url).AddCallback(func(s Status) (Status, error) {
		fmt.Println("the server is", s.Status)
		return s, nil
	})
}

func serveStatus(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	fmt.Fprint(w, `{"status":"fine"}`)
}
