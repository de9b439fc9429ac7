// Testing_seq asks a server how it is: the one whose URL is given as its argument, or
// one of its own. It is about how that is tested, with no server and no network: see
// request.go and request_test.go.
package main

import (
	"fmt"
	"os"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/reactor"
	"github.com/seed-7c003b53/gotreq/reactor/task"
	"github.com/seed-7c003b53/gotreq/treq"
	"github.com/seed-7c003b53/gotreq/treq/web"
)

func main() { task.React(run) }

func run(r reactor.Reactor) *deferred.Deferred[Status] {
	var url string
	if len(os.Args) > 1 {
		url = os.Args[1]
	} else {
		root := &web.Node{}
		root.PutChild("status", &web.Data{Content: []byte(`{"status":"fine"}`), Type: "application/json"})
		port, err := r.ListenTCP("127.0.0.1:0", &web.Site{Root: root})
		if err != nil {
			return deferred.Fail[Status](err)
		}
		url = "http://" + port.Addr().String() + "/status"
	}
	return MakeARequest(treq.Default, url).AddCallback(func(s Status) (Status, error) {
		fmt.Println("the server is", s.Status)
		return s, nil
	})
}
