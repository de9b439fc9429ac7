package endpoints

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"time"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/reactor"
)

// Hostname is the endpoint of a name, or IP address, and a port. It connects to
// whichever of the name's addresses answers first, by Happy Eyeballs (RFC 8305).
// It is Twisted's HostnameEndpoint.
type Hostname struct {
	reactor    reactor.Reactor
	host, port string
	// Timeout bounds the attempt at each of the name's addresses: 0 means
	// [reactor.DefaultConnectTimeout], negative none.
	Timeout time.Duration
	// TotalTimeout bounds all of it together: the lookup of the name and the
	// attempts at its addresses. 0 means that there is no such bound.
	TotalTimeout time.Duration
	// AttemptDelay is how long an attempt has to itself before the next one
	// begins beside it: 0 means [DefaultAttemptDelay]. As section 8 of the RFC has
	// it, less than 10 ms counts as 10 ms and more than 2 s as 2 s.
	AttemptDelay time.Duration
	// LocalAddress is the IP address and port to connect from, where "" and port
	// 0 leave the choice to the system. Of the name's addresses, only those of
	// the same family are tried. It is Twisted's bindAddress.
	LocalAddress string
}

// DefaultAttemptDelay is how long an attempt at one of a name's addresses has to
// itself, as RFC 8305 recommends.
const DefaultAttemptDelay = 250 * time.Millisecond

const (
	minAttemptDelay = 10 * time.Millisecond
	maxAttemptDelay = 2 * time.Second
)

// NewHostname returns the endpoint of host and port, a number.
func NewHostname(r reactor.Reactor, host, port string) *Hostname {
	return &Hostname{reactor: r, host: host, port: port}
}

// Connect looks the name up and connects to its addresses, starting with the
// first and going on with the next when one fails or has taken AttemptDelay. The
// first to be connected wins, and the other attempts are given up.
//
// It fails with the resolver's error, a [*reactor.LookupError], or with a
// [*reactor.ConnectError]: of an address that was given as such it is the
// reactor's, of a name it wraps an [*AttemptsError], or
// [reactor.ErrConnectTimeout] if TotalTimeout ran out.
func (h *Hostname) Connect(factory reactor.Factory) *deferred.Deferred[reactor.Protocol] {
	if _, err := strconv.ParseUint(h.port, 10, 16); err != nil {
		return deferred.Fail[reactor.Protocol](h.error(fmt.Errorf("%q is not a port number", h.port)))
	}
	d := h.connect(factory)
	if h.TotalTimeout > 0 {
		d.AddTimeout(h.TotalTimeout, h.reactor, h.timedOut)
	}
	return d
}

func (h *Hostname) connect(factory reactor.Factory) *deferred.Deferred[reactor.Protocol] {
	if addr, err := netip.ParseAddr(h.host); err == nil {
		return h.connectTo(addr.Unmap(), factory)
	}
	found := h.reactor.NameResolver().LookupHost(h.host)
	return deferred.Then(found, func(addrs []netip.Addr) *deferred.Deferred[reactor.Protocol] {
		if len(addrs) == 0 {
			return deferred.Fail[reactor.Protocol](&reactor.LookupError{Host: h.host, Err: reactor.ErrNameNotFound})
		}
		addrs = h.reachable(addrs)
		if len(addrs) == 0 {
			return deferred.Fail[reactor.Protocol](h.error(fmt.Errorf("%w from %s", reactor.ErrNoRoute, h.LocalAddress)))
		}
		return connectFirst(h, interleave(addrs), factory)
	})
}

// connectTo connects to one address.
func (h *Hostname) connectTo(addr netip.Addr, factory reactor.Factory) *deferred.Deferred[reactor.Protocol] {
	return h.reactor.ConnectTCP(net.JoinHostPort(addr.String(), h.port), factory, reactor.ConnectOptions{
		Timeout:      h.Timeout,
		LocalAddress: h.LocalAddress,
	})
}

// reachable returns those of addrs that may be connected to from LocalAddress.
func (h *Hostname) reachable(addrs []netip.Addr) []netip.Addr {
	local, err := netip.ParseAddrPort(h.LocalAddress)
	if err != nil {
		return addrs // it is not set, or for ConnectTCP to complain of
	}
	return slices.DeleteFunc(slices.Clone(addrs), func(a netip.Addr) bool {
		return a.Unmap().Is4() != local.Addr().Unmap().Is4()
	})
}

func (h *Hostname) timedOut(p reactor.Protocol, err error, _ time.Duration) (reactor.Protocol, error) {
	if errors.Is(err, deferred.ErrCancelled) {
		err = h.error(reactor.ErrConnectTimeout)
	}
	return p, err
}

func (h *Hostname) attemptDelay() time.Duration {
	if h.AttemptDelay == 0 {
		return DefaultAttemptDelay
	}
	return min(max(h.AttemptDelay, minAttemptDelay), maxAttemptDelay)
}

func (h *Hostname) error(reason error) error {
	return &reactor.ConnectError{Network: "tcp", Address: net.JoinHostPort(h.host, h.port), Err: reason}
}

// String returns a description that [ClientFromString] takes, but for the
// options.
func (h *Hostname) String() string { return describe("tcp", h.host, h.port) }
