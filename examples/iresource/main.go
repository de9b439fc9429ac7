// Iresource is a server made of resources of its own: see resource.go. It listens on
// the address given as its argument. Without one it asks itself, once. How a server
// is tested is in resource_test.go.
package main

import (
	"fmt"
	"os"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/reactor"
	"github.com/seed-7c003b53/gotreq/reactor/task"
	"github.com/seed-7c003b53/gotreq/treq"
	"github.com/seed-7c003b53/gotreq/treq/response"
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
	answer := deferred.Then(treq.Get("http://"+port.Addr().String()), (*response.Response).Text)
	return answer.AddCallback(func(text string) (string, error) {
		fmt.Println(text)
		return text, nil
	})
}
