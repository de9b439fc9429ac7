// Command testing_seq asks a server how it is. It is about how that is tested, with
// no server and no network: see request.go and request_test.go.
//
//	go run ./examples/testing_seq http://localhost:8080/status
package main

import (
	"fmt"
	"os"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/reactor"
	"github.com/seed-7c003b53/gotreq/reactor/task"
	"github.com/seed-7c003b53/gotreq/treq"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: testing_seq URL")
		os.Exit(2)
	}
	task.React(run)
}

func run(reactor.Reactor) *deferred.Deferred[Status] {
	return MakeARequest(treq.Default, os.Args[1]).AddCallback(func(s Status) (Status, error) {
		fmt.Println("the server is", s.Status)
		return s, nil
	})
}
