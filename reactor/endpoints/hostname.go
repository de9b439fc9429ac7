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

// Hostname is the endpoint of a host name, or IP address, and a port. It connects to
// the first of the name's addresses that answers, by Happy Eyeballs (RFC 8305). It
// is Twisted's HostnameEndpoint.
//
// The reactor's name resolver sees every host, an IP address too, and Hostname connects to
// the addresses that the resolver answers with, and to no others. So a resolver that
// refuses some addresses is a filter for all connections; see
// [reactor.Names.InstallNameResolver].
type Hostname struct {
	reactor    reactor.Reactor
	host, port string
	config     HostnameConfig
	lookup     *deferred.Deferred[[]netip.Addr] // of the last Connect; nil before
}

// A HostnameConfig configures a [Hostname].
type HostnameConfig struct {
	// Timeout bounds the attempt at each address. 0 means
	// [reactor.DefaultConnectTimeout], negative no bound.
	Timeout time.Duration
	// TotalTimeout bounds the lookup of the name and all attempts together. 0 means
	// no bound.
	TotalTimeout time.Duration
	// AttemptDelay is the time between the start of one attempt and the start of the
	// next. 0 means 250 ms. Other values are limited to 10 ms to 2 s (RFC 8305, section
	// 8).
	AttemptDelay time.Duration
	// LocalAddress is the IP address and port to connect from. "" and port 0 let the
	// system choose. Only addresses of the same family are tried. It is Twisted's
	// bindAddress.
	LocalAddress string
	// Trace, if it is not nil, learns of the lookup and of each attempt.
	Trace *Trace
}

// Delays between attempts, as RFC 8305, section 8, recommends.
const (
	defaultAttemptDelay = 250 * time.Millisecond
	minAttemptDelay     = 10 * time.Millisecond
	maxAttemptDelay     = 2 * time.Second
)

// NewHostname returns the endpoint of host and port. port is a decimal number.
func NewHostname(r reactor.Reactor, host, port string, config HostnameConfig) *Hostname {
	return &Hostname{reactor: r, host: host, port: port, config: config}
}

// LookingUp reports whether the last Connect still waits for the addresses of the host.
func (h *Hostname) LookingUp() bool { return h.lookup != nil && !h.lookup.Called() }

// Connect looks the host up and connects to its addresses in order. The next attempt
// starts when the one before fails or AttemptDelay has passed. The first connection
// wins, and the other attempts are cancelled.
//
// Connect fails with the resolver's error, normally a [*reactor.LookupError], or with a
// [*reactor.ConnectError]. For a name, the ConnectError wraps an [*AttemptsError], or
// [reactor.ErrConnectTimeout] after TotalTimeout.
func (h *Hostname) Connect(factory reactor.Factory) *deferred.Deferred[reactor.Protocol] {
	if _, err := strconv.ParseUint(h.port, 10, 16); err != nil {
		return deferred.Fail[reactor.Protocol](h.error(fmt.Errorf("%q is not a port number", h.port)))
	}
	d := h.connect(factory)
	if h.config.TotalTimeout > 0 {
		d.AddTimeout(h.config.TotalTimeout, h.reactor, h.timedOut)
	}
	return d
}

func (h *Hostname) connect(factory reactor.Factory) *deferred.Deferred[reactor.Protocol] {
	literal, _ := netip.ParseAddr(h.host)
	literal = literal.Unmap()
	if !literal.IsValid() {
		h.config.Trace.lookupStart(h.host)
	}
	found := h.reactor.NameResolver().LookupHost(h.host)
	h.lookup = found
	if !literal.IsValid() {
		h.config.Trace.lookupDone(found)
	}
	connect := func(addrs []netip.Addr) *deferred.Deferred[reactor.Protocol] {
		return h.connectToAny(addrs, literal, factory)
	}
	if h.config.Trace == nil {
		return deferred.Then(found, connect)
	}
	var connected *deferred.Deferred[reactor.Protocol]
	connected = deferred.Then(found, func(addrs []netip.Addr) *deferred.Deferred[reactor.Protocol] {
		d := connect(addrs)
		if connected != nil && connected.Called() { // a function of the Trace cancelled it
			d.Cancel()
		}
		return d
	})
	return connected
}

// connectToAny connects to one of the addresses that were found. literal is the host, if that is
// an address.
func (h *Hostname) connectToAny(addrs []netip.Addr, literal netip.Addr, factory reactor.Factory) *deferred.Deferred[reactor.Protocol] {
	switch {
	case len(addrs) == 0:
		return deferred.Fail[reactor.Protocol](&reactor.LookupError{Host: h.host, Err: reactor.ErrNameNotFound})
	case len(addrs) == 1 && addrs[0] == literal:
		return h.connectTo(literal, factory)
	}
	addrs = h.reachable(addrs)
	if len(addrs) == 0 {
		return deferred.Fail[reactor.Protocol](h.error(fmt.Errorf("%w from %s", reactor.ErrNoRoute, h.config.LocalAddress)))
	}
	return connectFirst(h, interleave(addrs), factory)
}

// connectTo connects to one address.
func (h *Hostname) connectTo(addr netip.Addr, factory reactor.Factory) *deferred.Deferred[reactor.Protocol] {
	address := net.JoinHostPort(addr.String(), h.port)
	h.config.Trace.connectStart(address)
	d := h.reactor.ConnectTCP(address, factory, reactor.ConnectConfig{
		Timeout:      h.config.Timeout,
		LocalAddress: h.config.LocalAddress,
	})
	h.config.Trace.connectDone(address, d)
	return d
}

// reachable returns the addresses of LocalAddress's family.
func (h *Hostname) reachable(addrs []netip.Addr) []netip.Addr {
	local, err := netip.ParseAddrPort(h.config.LocalAddress)
	if err != nil {
		return addrs // not set, or an error that ConnectTCP reports
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
	if h.config.AttemptDelay == 0 {
		return defaultAttemptDelay
	}
	return min(max(h.config.AttemptDelay, minAttemptDelay), maxAttemptDelay)
}

func (h *Hostname) error(reason error) error {
	return &reactor.ConnectError{Network: "tcp", Address: net.JoinHostPort(h.host, h.port), Err: reason}
}

// String returns a description for [ClientFromString], without the configuration.
func (h *Hostname) String() string { return describe("tcp", h.host, h.port) }
