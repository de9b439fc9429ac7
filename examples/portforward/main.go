// Portforward forwards the connections of a port to another place:
//
//	go run ./examples/portforward [-limit 10] [-log] tcp:8080 tcp:an.example:80
//
// The places are descriptions of package endpoints, so that one of the sides may be TLS or a
// UNIX socket. -limit bounds the connections of each IP address, and -log shows the traffic. Without
// arguments, portforward shows itself with an echo server and a client of its own.
package main

import (
	"flag"
	"fmt"
	"io"
	"os"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/reactor"
	"github.com/seed-7c003b53/gotreq/reactor/endpoints"
	"github.com/seed-7c003b53/gotreq/reactor/protocols"
	"github.com/seed-7c003b53/gotreq/reactor/task"
)

func main() {
	limit := flag.Int("limit", -1, "the largest number of connections of an IP address")
	log := flag.Bool("log", false, "show the traffic")
	flag.Parse()
	task.React(func(r reactor.Reactor) *deferred.Deferred[deferred.None] {
		if flag.NArg() != 2 {
			return show(r, os.Stdout)
		}
		var traffic io.Writer
		if *log {
			traffic = os.Stdout
		}
		port := forward(r, flag.Arg(0), flag.Arg(1), *limit, traffic)
		return deferred.Then(port, func(p reactor.Port) *deferred.Deferred[deferred.None] {
			fmt.Println("listening on", p.Addr())
			return deferred.New[deferred.None]() // never fires
		})
	})
}

// forward forwards the connections of the place from to the place to. traffic, unless nil, takes a
// log of them.
func forward(r reactor.Reactor, from, to string, limit int, traffic io.Writer) *deferred.Deferred[reactor.Port] {
	target, err := endpoints.ClientFromString(r, to)
	if err != nil {
		return deferred.Fail[reactor.Port](err)
	}
	listener, err := endpoints.ServerFromString(r, from)
	if err != nil {
		return deferred.Fail[reactor.Port](err)
	}
	var factory reactor.Factory = &forwarder{target: target}
	if traffic != nil {
		factory = &protocols.TrafficLoggingFactory{Factory: factory, Output: traffic}
	}
	return listener.Listen(&protocols.LimitConnectionsByPeer{Factory: factory, Limit: limit})
}
