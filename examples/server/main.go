// Server serves the files of a folder and a resource that counts its visits, until an
// interrupt ends it. Without arguments, it makes some requests to itself and ends.
//
//	server [localhost:8080 folder]
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
	address, folder := "127.0.0.1:0", "."
	if len(os.Args) > 2 {
		address, folder = os.Args[1], os.Args[2]
	}
	root := &web.Node{}
	root.PutChild("files", &web.File{Path: folder})
	root.PutChild("visits", &visits{})
	port, err := r.ListenTCP(address, &web.Site{Root: root})
	if err != nil {
		return deferred.Fail[string](err)
	}
	url := "http://" + port.Addr().String()
	fmt.Println("listening on", url)
	if len(os.Args) > 2 {
		return deferred.New[string]() // never fires
	}
	return deferred.Go(func(co *deferred.Co) (body string, err error) {
		for _, path := range []string{"/visits", "/visits", "/files/"} {
			body, err = deferred.Await(co, deferred.Then(treq.Get(url+path), printing.Response))
			if err != nil {
				return "", err
			}
		}
		return body, nil
	})
}

// visits is a resource that counts its requests. It needs no lock, since all run on the
// reactor's goroutine.
type visits struct {
	web.Leaf
	count int
}

func (v *visits) RenderGET(req *web.Request) {
	v.count++
	req.SetHeader("Content-Type", "application/json")
	fmt.Fprintf(req, `{"visits":%d}`, v.count)
}
