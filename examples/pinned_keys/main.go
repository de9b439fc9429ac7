// Pinned_keys talks with servers whose keys it knows in advance, by their hashes (pins), and reads
// no more than it can hold. It is the counterpart of a Twisted program with an IPolicyForHTTPS
// of its own and a bounded treq.content, such as the storage client of Tahoe-LAFS.
//
//	go run ./examples/pinned_keys [https://an.example/ sha256//JPDo0MTSHnoKC3c1cw5RwkfJYCMDhwfKlbfPxcJJBM8= ...]
//
// It takes a server if one of the pins names its key, and if one of the system's authorities has
// certified it. The error for another server names that server's keys. Without arguments, it
// shows itself with a server of its own.
package main

import (
	"fmt"
	"os"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/reactor"
	"github.com/seed-7c003b53/gotreq/reactor/task"
	"github.com/seed-7c003b53/gotreq/treq/response"
)

func main() {
	task.React(func(r reactor.Reactor) *deferred.Deferred[deferred.None] {
		if len(os.Args) < 2 {
			return show(r, os.Stdout)
		}
		var pins []pin
		for _, text := range os.Args[2:] {
			p, err := parsePin(text)
			if err != nil {
				return deferred.Fail[deferred.None](err)
			}
			pins = append(pins, p)
		}
		content := deferred.Then(newClient(r, pinned(nil, pins...)).Get(os.Args[1]), (*response.Response).Content)
		return deferred.Map(content, func(body []byte) (none deferred.None, err error) {
			fmt.Println(len(body), "bytes")
			return none, nil
		})
	})
}
