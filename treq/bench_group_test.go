package treq_test

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/reactor"
	"github.com/seed-7c003b53/gotreq/treq/blocking"
	"github.com/seed-7c003b53/gotreq/treq/client"
	"github.com/seed-7c003b53/gotreq/treq/response"
	"github.com/seed-7c003b53/gotreq/treq/web"
)

// connections is how many requests the benchmarks below make at a time.
const connections = 64

type greeting struct{ web.Leaf }

func (greeting) RenderGET(req *web.Request) { req.WriteString("Hello, world!") }

// newGroup returns a group with a site, and the URL of that.
func newGroup(b *testing.B, loops int) (*reactor.Group, string) {
	g := reactor.NewGroup(loops)
	port, err := g.ListenTCP("127.0.0.1:0", func(reactor.Reactor) reactor.Factory { return &web.Site{Root: &greeting{}} })
	if err != nil {
		b.Fatal(err)
	}
	return g, "http://" + port.Addr().String() + "/"
}

// BenchmarkGroup makes GET requests with a client and a server on each loop of a group.
func BenchmarkGroup(b *testing.B) {
	for _, loops := range []int{1, 2} {
		b.Run(fmt.Sprint("loops=", loops), func(b *testing.B) {
			g, url := newGroup(b, loops)
			defer g.Close()
			var working atomic.Int32
			working.Store(int32(loops))
			for i, l := range g.Loops() {
				l.CallWhenRunning(func() {
					c := client.New(l, client.Config{})
					todo, busy := (b.N+i)/loops, connections/loops
					var next func()
					next = func() {
						if todo == 0 {
							if busy--; busy == 0 && working.Add(-1) == 0 {
								g.Stop()
							}
							return
						}
						todo--
						deferred.Then(c.Get(url), (*response.Response).Content).AddBoth(func(content []byte, err error) ([]byte, error) {
							if err != nil {
								b.Error(err)
							}
							next()
							return nil, nil
						})
					}
					for range busy {
						next()
					}
				})
			}
			if err := g.Run(); err != nil {
				b.Fatal(err)
			}
		})
	}
}

// BenchmarkGroupBlocking makes GET requests from ordinary goroutines, to a server on one loop or two.
func BenchmarkGroupBlocking(b *testing.B) {
	for _, loops := range []int{1, 2} {
		b.Run(fmt.Sprint("loops=", loops), func(b *testing.B) {
			g, url := newGroup(b, loops)
			defer g.Close()
			served := make(chan error, 1)
			go func() { served <- g.Run() }()
			c := blocking.NewGroupClient(blocking.GroupConfig{Loops: loops, LoopsPerOrigin: loops})
			var todo atomic.Int64
			todo.Store(int64(b.N))
			var callers sync.WaitGroup
			for range connections {
				callers.Go(func() {
					for todo.Add(-1) >= 0 {
						resp, err := c.Get(context.Background(), url)
						if err == nil {
							_, err = resp.Content()
						}
						if err != nil {
							b.Error(err)
						}
					}
				})
			}
			callers.Wait()
			c.Shutdown(context.Background())
			g.Stop()
			if err := <-served; err != nil {
				b.Fatal(err)
			}
		})
	}
}
