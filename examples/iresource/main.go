// Iresource is a server with its own resources, in resource.go. The argument is the address
// to listen on; without one, the program makes one request to itself. resource_test.go shows
// how to test a server.
package main

import (
	"fmt"
	"os"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/examples/internal/printing"
	"github.com/seed-7c003b53/gotreq/reactor"
	"github.com/seed-7c003b53/gotreq/reactor/task"
	"github.com/seed-7c003b53/gotreq/treq"
	"github.com/seed-7c003b53/gotreq/treq/web"
)

func main() { task.React(run) }

func run(r reactor.Reactor) *deferred.Deferred[string] {
	address := "127.0.0.1:0"
	if len(os.Args) > 1 {
		address = os.Args[1]
	}
	port, err := r.ListenTCP(address, &web.Site{Root: NewRoot()})
	if err != nil {
		return deferred.Fail[string](err)
	}
	if len(os.Args) > 1 {
		fmt.Println("listening on", port.Addr())
		return deferred.New[string]() // never fires
	}
	return deferred.Then(treq.Get("http://"+port.Addr().String()), printing.Response)
}
