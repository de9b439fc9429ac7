// Package ownserver starts an example's own server.
package ownserver

import (
	"os"

	"github.com/seed-7c003b53/gotreq/reactor"
	"github.com/seed-7c003b53/gotreq/treq/web"
)

// URL returns the program's first argument. Without one, it starts site on a loopback port
// and returns its URL.
func URL(r reactor.Reactor, site *web.Site) (string, error) {
	if len(os.Args) > 1 {
		return os.Args[1], nil
	}
	port, err := r.ListenTCP("127.0.0.1:0", site)
	if err != nil {
		return "", err
	}
	return "http://" + port.Addr().String(), nil
}
