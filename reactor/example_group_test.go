package reactor_test

import (
	"fmt"
	"io"
	"net"
	"sync/atomic"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/reactor"
)

// A server on two cores. Each loop has its own count of connections, which needs no lock.
func ExampleGroup() {
	group := reactor.NewGroup(2)
	defer group.Close()
	counts := map[reactor.Reactor]*int{}
	port, err := group.ListenTCP("127.0.0.1:0", func(r reactor.Reactor) reactor.Factory {
		count := new(int)
		counts[r] = count
		return reactor.FactoryFunc(func(net.Addr) reactor.Protocol {
			*count++
			return &echo{}
		})
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	go func() {
		defer group.Stop()
		for range 4 {
			if c, err := net.Dial("tcp", port.Addr().String()); err == nil {
				fmt.Fprint(c, "hello")
				io.ReadFull(c, make([]byte, 5))
				c.Close()
			}
		}
	}()
	fmt.Println(group.Run())
	for _, l := range group.Loops() {
		fmt.Println(*counts[l], "connections")
	}
	// Output:
	// <nil>
	// 2 connections
	// 2 connections
}

// A word is counted on the loop that it belongs to, so that no two loops count the same one.
func ExampleDeferToLoop() {
	group := reactor.NewGroup(2)
	defer group.Close()
	counts := map[*reactor.Loop]map[string]int{}
	for _, l := range group.Loops() {
		counts[l] = map[string]int{}
	}
	// count fires on r, the caller's loop, with the number of times that word was counted.
	count := func(r reactor.Reactor, word string) *deferred.Deferred[int] {
		owner := group.LoopOf(word)
		return reactor.DeferToLoop(r, owner, func() *deferred.Deferred[int] {
			counts[owner][word]++
			return deferred.Succeed(counts[owner][word])
		})
	}
	var ready atomic.Int32
	for _, l := range group.Loops() {
		l.CallWhenRunning(func() {
			both := deferred.GatherResults([]*deferred.Deferred[int]{count(l, "one"), count(l, "two")})
			both.AddCallback(func(n []int) ([]int, error) {
				if ready.Add(1) == 2 { // the other loop has counted before
					fmt.Println("counted twice on", len(group.Loops()), "loops")
					group.Stop()
				}
				return n, nil
			})
		})
	}
	if err := group.Run(); err != nil {
		fmt.Println(err)
	}
	fmt.Println(counts[group.LoopOf("one")]["one"], counts[group.LoopOf("two")]["two"])
	// Output:
	// counted twice on 2 loops
	// 2 2
}
