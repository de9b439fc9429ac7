package reactor

import (
	"context"
	"errors"
	"net"
	"net/netip"

	"github.com/seed-7c003b53/gotreq/deferred"
	"golang.org/x/sync/singleflight"
)

// systemResolver looks names up as the system does, in the thread pool; those
// who ask for a name that is being looked up already share the answer.
type systemResolver struct {
	reactor Threads
	flights singleflight.Group
}

func (r *systemResolver) LookupHost(host string) *deferred.Deferred[[]netip.Addr] {
	if addr, err := netip.ParseAddr(host); err == nil {
		return deferred.Succeed([]netip.Addr{addr})
	}
	return DeferToThread(r.reactor, func() ([]netip.Addr, error) {
		found, err, _ := r.flights.Do(host, func() (any, error) {
			return net.DefaultResolver.LookupNetIP(context.Background(), "ip", host)
		})
		if err != nil {
			return nil, &LookupError{host, lookupReason(err)}
		}
		var addrs []netip.Addr
		for _, a := range found.([]netip.Addr) {
			addrs = append(addrs, a.Unmap())
		}
		return addrs, nil
	})
}

// lookupReason returns what the LookupError of err wraps.
func lookupReason(err error) error {
	var dns *net.DNSError
	if !errors.As(err, &dns) {
		return err
	}
	if dns.IsNotFound {
		return &reason{ErrNameNotFound, err}
	}
	return &dnsError{dns}
}

// A dnsError says what a net.DNSError says but for the name, which the
// LookupError around it says already.
type dnsError struct{ *net.DNSError }

func (e *dnsError) Error() string { return e.Err }
func (e *dnsError) Unwrap() error { return e.DNSError }
