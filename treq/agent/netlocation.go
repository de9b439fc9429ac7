package agent

import (
	"errors"
	"fmt"
	"net"
	"net/url"

	"github.com/seed-7c003b53/gotreq/internal/origin"
	"github.com/seed-7c003b53/gotreq/treq/wire"
)

// NetLocation returns the host and port that u names, as an agent connects to them:
// "an.example:443" for https://An.Example/. The port is never missing, a name is in ASCII and
// lower case, and an IPv6 address is in brackets. So the result is an address for a dialer, and
// a key for what the program keeps for each server; [net.SplitHostPort] splits it. It is
// netloc of Twisted's URI, with the port.
//
// The error is [ErrSchemeNotSupported], [ErrNoHost], [ErrPort], or a [*wire.Error] of kind
// [wire.ErrHost].
func NetLocation(u *url.URL) (string, error) {
	server, err := serverOf(u)
	if err != nil {
		return "", err
	}
	return netLocation(server), nil
}

func netLocation(s origin.Server) string { return net.JoinHostPort(s.Host, s.Port) }

// serverOf returns the server of u, or an error of this package.
func serverOf(u *url.URL) (origin.Server, error) {
	server, err := origin.ServerOf(u)
	if errors.Is(err, origin.ErrHost) {
		err = &wire.Error{Kind: wire.ErrHost, Detail: fmt.Sprintf("%.200q", u.Host)}
	}
	return server, err
}
