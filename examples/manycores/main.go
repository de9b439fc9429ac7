// Manycores is a server and a client on all cores: the loops of a group share a port, and the
// client spreads its requests over loops of its own. With an argument, it only serves there.
package main

import (
	"context"
	"fmt"
	"log"
	"os"
	"sync"

	"github.com/seed-7c003b53/gotreq/reactor"
	"github.com/seed-7c003b53/gotreq/treq/blocking"
	"github.com/seed-7c003b53/gotreq/treq/web"
)

func main() {
	group := reactor.NewGroup(0) // a loop for each core
	var counters []*counter
	port, err := group.ListenTCP(append(os.Args[1:], "127.0.0.1:0")[0], func(reactor.Reactor) reactor.Factory {
		counters = append(counters, &counter{}) // each loop has its own, so nothing needs a lock
		return &web.Site{Root: counters[len(counters)-1]}
	})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("listening on http://%s\n", port.Addr())
	if len(os.Args) == 1 {
		go ask("http://"+port.Addr().String(), group)
	}
	if err := group.Run(); err != nil { // until Stop, or an interrupt
		log.Fatal(err)
	}
	var sum int
	for _, c := range counters {
		sum += c.visits // the loops have ended, so any goroutine may look
	}
	fmt.Println(sum, "visits")
}

func ask(url string, server *reactor.Group) {
	defer server.Stop()
	c := blocking.NewGroupClient(blocking.GroupConfig{LoopsPerOrigin: 2}) // for one origin
	defer c.Close()
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() { c.Get(context.Background(), url) })
	}
	all.Wait()
}

type counter struct { // of the requests of a loop
	web.Leaf
	visits int
}

func (c *counter) RenderGET(req *web.Request) {
	c.visits++
	fmt.Fprintf(req, "visit %d of this loop\n", c.visits)
}
