package main

import (
	"runtime/debug"
	"sync/atomic"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/reactor"
	"github.com/seed-7c003b53/gotreq/treq/client"
	"github.com/seed-7c003b53/gotreq/treq/response"
	"github.com/seed-7c003b53/gotreq/treq/web"
)

// This file has what a second core is worth: a program that is client and server at once, with all its work on one loop
// and one core, or on two loops and two cores. A request costs the same work in both, and nothing else needs the cores.
// The heap is so small that Go collects garbage all the time, and stops all loops for that. GOGC=800 shows what that takes.

func oneLoop(t *task, m *meter) error  { return onLoops(1, t, m) }
func twoLoops(t *task, m *meter) error { return onLoops(2, t, m) }

// onLoops makes requests with a client on each loop, to a site on all of them. The loops share the connections of the
// task.
func onLoops(n int, t *task, m *meter) error {
	if t.GOGC != 0 {
		debug.SetGCPercent(t.GOGC)
	}
	g := reactor.NewGroup(n)
	defer g.Close()
	port, err := g.ListenTCP("127.0.0.1:0", func(reactor.Reactor) reactor.Factory {
		return &web.Site{Root: web.RenderFunc(renderHello)}
	})
	if err != nil {
		return err
	}
	url := "http://" + port.Addr().String() + "/small"
	var left atomic.Int64
	left.Store(int64(t.Connections))
	for _, l := range g.Loops() {
		l.CallWhenRunning(func() {
			c := client.New(l, client.Config{})
			var next func()
			take := func(body []byte, err error) ([]byte, error) {
				switch {
				case err != nil:
					fail(err)
				case m.done(int64(len(body))):
					next()
				case left.Add(-1) == 0:
					g.Stop()
				}
				return nil, nil
			}
			next = func() { deferred.Then(c.Get(url), (*response.Response).Content).AddBoth(take) }
			for range t.Connections / n {
				next()
			}
		})
	}
	return g.Run()
}
