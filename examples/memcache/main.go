// Memcache is a client of memcached, by its text protocol: lines, and values of any bytes between
// them, in the raw mode of a LineReceiver. It is the counterpart of a Twisted protocol with commands
// under way, such as twisted.protocols.memcache: each command has a Deferred, commands are pipelined,
// and a timeout ends the connection and fails them all. client_test.go plays the server byte by byte.
//
// The argument is the address of a memcached; without one, the program starts a small server of its own.
package main

import (
	"fmt"
	"os"
	"time"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/reactor"
	"github.com/seed-7c003b53/gotreq/reactor/endpoints"
	"github.com/seed-7c003b53/gotreq/reactor/task"
)

func main() { task.React(run) }

func run(r reactor.Reactor) *deferred.Deferred[deferred.None] {
	address := "127.0.0.1:0"
	if len(os.Args) > 1 {
		address = os.Args[1]
	} else {
		port, err := r.ListenTCP(address, newCache())
		if err != nil {
			return deferred.Fail[deferred.None](err)
		}
		address = port.Addr().String()
	}
	connected := endpoints.ConnectProtocol(endpoints.NewTCPClient(r, address, reactor.ConnectConfig{}), newClient())
	return deferred.Then(connected, func(c *client) *deferred.Deferred[deferred.None] {
		return deferred.Go(func(co *deferred.Co) (none deferred.None, err error) { return none, show(co, c) })
	})
}

// show sends five commands at once, and waits for the last of them.
func show(co *deferred.Co, c *client) error {
	c.set("greeting", item{value: []byte("hello"), expires: time.Minute})
	c.append("greeting", []byte(", world"))
	c.set("visits", item{value: []byte("41")})
	visits := c.incr("visits", 1)
	items, err := deferred.Await(co, c.getsMultiple("greeting", "visits", "nothing"))
	if err != nil {
		return err
	}
	n, err := deferred.Await(co, visits)
	if err != nil {
		return err
	}
	fmt.Printf("%s; %d visits; %d items\n", items["greeting"].value, *n, len(items))
	_, err = deferred.Await(co, c.get("a key"))
	fmt.Println(err)
	return nil
}
