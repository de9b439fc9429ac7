package main

import (
	"fmt"
	"net/netip"
	"slices"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/reactor"
)

// A filter is a resolver that answers with public addresses only. All connections go
// through it, those to an address in a URL, and those of redirects. It looks at the
// answers, since any name may lead to an inner address, and what is connected to is what it
// answers, since the next lookup may give another address.
type filter struct {
	next    reactor.NameResolver
	trusted map[string]netip.Addr // hosts that are not looked up
}

func (f *filter) LookupHost(host string) *deferred.Deferred[[]netip.Addr] {
	if addr, ok := f.trusted[host]; ok {
		return deferred.Succeed([]netip.Addr{addr})
	}
	return deferred.Map(f.next.LookupHost(host), func(found []netip.Addr) ([]netip.Addr, error) {
		if i := slices.IndexFunc(found, inner); i >= 0 {
			return nil, fmt.Errorf("%s is at the inner address %v", host, found[i])
		}
		return found, nil
	})
}

// inner reports whether addr is not an address of the public internet.
func inner(addr netip.Addr) bool {
	addr = addr.Unmap().WithZone("")
	return !addr.IsGlobalUnicast() || addr.IsPrivate() ||
		slices.ContainsFunc(special, func(p netip.Prefix) bool { return p.Contains(addr) })
}

// special are the other networks that are not public, or that lead to such networks (the
// registries of RFC 6890).
var special = []netip.Prefix{
	netip.MustParsePrefix("0.0.0.0/8"),      // this network
	netip.MustParsePrefix("100.64.0.0/10"),  // shared by the clients of a provider
	netip.MustParsePrefix("192.0.0.0/24"),   // protocol assignments
	netip.MustParsePrefix("198.18.0.0/15"),  // benchmarks
	netip.MustParsePrefix("240.0.0.0/4"),    // reserved
	netip.MustParsePrefix("::/96"),          // an IPv4 address in IPv6
	netip.MustParsePrefix("64:ff9b::/96"),   // an IPv4 address, translated
	netip.MustParsePrefix("64:ff9b:1::/48"), // the same, locally
	netip.MustParsePrefix("2001::/32"),      // an IPv4 address in a Teredo tunnel
	netip.MustParsePrefix("2002::/16"),      // an IPv4 address in a 6to4 tunnel
	netip.MustParsePrefix("fec0::/10"),      // site-local
	netip.MustParsePrefix("100::/64"),       // discarded
}
