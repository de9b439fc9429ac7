// Manycores is a server and a client on all cores: a group of loops share a port, and the requests
// of the client are spread over them by their origins. With an address, it only serves, until an
// interrupt ends it.
//
//	manycores [localhost:8080]
package main

import (
	"context"
	"fmt"
	"os"
	"sync"

	"github.com/seed-7c003b53/gotreq/reactor"
	"github.com/seed-7c003b53/gotreq/treq/blocking"
	"github.com/seed-7c003b53/gotreq/treq/web"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run() error {
	address := "127.0.0.1:0"
	if len(os.Args) > 1 {
		address = os.Args[1]
	}
	group := reactor.NewGroup(0) // a loop for each core
	defer group.Close()
	// Each loop has a site of its own, with resources of its own: nothing here needs a lock.
	var counters []*counter
	port, err := group.ListenTCP(address, func(reactor.Reactor) reactor.Factory {
		c := &counter{}
		counters = append(counters, c)
		return &web.Site{Root: c}
	})
	if err != nil {
		return err
	}
	url := "http://" + port.Addr().String()
	fmt.Println("listening on", url)
	if len(os.Args) == 1 {
		go func() {
			defer group.Stop()
			if err := ask(url); err != nil {
				fmt.Fprintln(os.Stderr, err)
			}
		}()
	}
	if err := group.Run(); err != nil {
		return err
	}
	sum := 0
	for _, c := range counters {
		sum += c.visits // the loops have ended, so that any goroutine may look
	}
	fmt.Println(sum, "visits")
	return nil
}

// ask makes requests on all cores.
func ask(url string) error {
	ctx := context.Background()
	c := blocking.NewGroupClient(blocking.GroupConfig{
		LoopsPerOrigin: 2, // if there are as many: all requests are to one origin
	})
	defer c.Shutdown(ctx)
	var all sync.WaitGroup
	errs := make([]error, 20)
	for i := range errs {
		all.Go(func() {
			resp, err := c.Get(ctx, url)
			if err == nil {
				_, err = resp.Text()
			}
			errs[i] = err
		})
	}
	all.Wait()
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// A counter is a resource that counts its requests, which are those of its loop.
type counter struct {
	web.Leaf
	visits int
}

func (c *counter) RenderGET(req *web.Request) {
	c.visits++
	fmt.Fprintf(req, "visit %d of this loop\n", c.visits)
}
