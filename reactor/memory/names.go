package memory

import (
	"maps"
	"net/netip"
	"slices"
	"strings"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/reactor"
)

var loopback = netip.MustParseAddr("127.0.0.1")

// hosts is a Reactor's own [reactor.NameResolver].
type hosts struct {
	loop    *reactor.Loop
	table   map[string][]netip.Addr
	version int      // number of changes of table
	chooser *chooser // nil without Choices
}

// AddHost sets the IP addresses of the host called name, the best first. The name "*"
// stands for all names that have no addresses. Without AddHost, "localhost" is 127.0.0.1
// and no other name is found. AddHost panics if one of addrs is not an IP address.
func (r *Reactor) AddHost(name string, addrs ...string) {
	var parsed []netip.Addr
	for _, a := range addrs {
		parsed = append(parsed, netip.MustParseAddr(a).Unmap())
	}
	r.names.set(canonical(name), parsed)
}

// set sets the addresses of the host called name, which is canonical.
func (h *hosts) set(name string, addrs []netip.Addr) {
	if h.table == nil {
		h.table = map[string][]netip.Addr{}
	}
	h.table[name] = addrs
	h.version++
}

// HostNames returns the names that [Reactor.AddHost] has given to IP addresses, by address. An
// address with several names has the first one of the alphabet.
func (r *Reactor) HostNames() map[string]string {
	names := map[string]string{}
	for _, name := range slices.Sorted(maps.Keys(r.names.table)) {
		for _, ip := range r.names.table[name] {
			if _, named := names[ip.String()]; !named && name != "*" {
				names[ip.String()] = name
			}
		}
	}
	return names
}

// LookupHost fires at once for an address. For a name it fires in a later turn, as any
// resolver does.
func (h *hosts) LookupHost(host string) *deferred.Deferred[[]netip.Addr] {
	if ip, err := netip.ParseAddr(host); err == nil {
		return deferred.Succeed([]netip.Addr{ip.Unmap()})
	}
	d := deferred.New[[]netip.Addr]()
	// If d is cancelled before the call, it drops the result.
	answer := func() {
		if addrs := h.find(host); len(addrs) != 0 && !h.fails(host, addrs) {
			d.Callback(slices.Clone(addrs))
		} else {
			d.Errback(&reactor.LookupError{Host: host, Err: reactor.ErrNameNotFound})
		}
	}
	if h.chooser != nil {
		h.chooser.inThread(host, answer)
	} else {
		h.loop.CallFromThread(answer)
	}
	return reactor.UntilStopped(h.loop, d)
}

// fails reports whether a fault hides the addresses of host.
func (h *hosts) fails(host string, addrs []netip.Addr) bool {
	return h.chooser != nil && h.chooser.failLookup(host, addrs)
}

func (h *hosts) find(host string) []netip.Addr {
	name := canonical(host)
	if addrs, ok := h.table[name]; ok {
		return addrs
	}
	if name == "localhost" {
		return []netip.Addr{loopback}
	}
	return h.table["*"]
}

// canonical returns name in lower case, without a trailing dot.
func canonical(name string) string { return strings.ToLower(strings.TrimSuffix(name, ".")) }
