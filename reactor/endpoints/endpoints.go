// Package endpoints says where to connect to, apart from how: an endpoint can be
// made in one place and connected by another that knows nothing of it. It is
// twisted.internet.endpoints.
package endpoints

import (
	"errors"
	"net"
	"net/netip"
	"time"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/reactor"
)

// A ClientEndpoint is a place to connect to. It is Twisted's
// IStreamClientEndpoint.
type ClientEndpoint interface {
	// Connect connects there and fires with the protocol that factory built.
	// Cancelling the Deferred gives the attempt up.
	Connect(factory reactor.Factory) *deferred.Deferred[reactor.Protocol]
}

// Hostname is the endpoint of a name, or IP address, and a port. It is
// Twisted's HostnameEndpoint.
type Hostname struct {
	reactor    reactor.Reactor
	host, port string
	// Timeout bounds the attempt at each of the name's addresses; 0 means
	// [reactor.DefaultConnectTimeout].
	Timeout time.Duration
}

// NewHostname returns the endpoint of host and port, a number.
func NewHostname(r reactor.Reactor, host, port string) *Hostname {
	return &Hostname{reactor: r, host: host, port: port}
}

// Connect looks the name up and connects to its addresses, one after another,
// until one takes the connection. It fails with the error of the first.
func (h *Hostname) Connect(factory reactor.Factory) *deferred.Deferred[reactor.Protocol] {
	found := h.reactor.NameResolver().LookupHost(h.host)
	return deferred.Then(found, func(addrs []netip.Addr) *deferred.Deferred[reactor.Protocol] {
		return h.connect(addrs, factory)
	})
}

func (h *Hostname) connect(addrs []netip.Addr, factory reactor.Factory) *deferred.Deferred[reactor.Protocol] {
	address := net.JoinHostPort(addrs[0].String(), h.port)
	d := h.reactor.ConnectTCP(address, factory, reactor.ConnectOptions{Timeout: h.Timeout})
	rest := addrs[1:]
	if len(rest) == 0 {
		return d
	}
	return d.ThenErrback(func(first error) *deferred.Deferred[reactor.Protocol] {
		if errors.Is(first, deferred.ErrCancelled) {
			return deferred.Fail[reactor.Protocol](first)
		}
		return h.connect(rest, factory).AddErrback(func(error) (reactor.Protocol, error) { return nil, first })
	})
}
