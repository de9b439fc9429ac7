package reactor

import (
	"cmp"
	"context"
	"errors"
	"net"
	"net/netip"
	"slices"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/internal/list"
	"golang.org/x/sync/singleflight"
)

// systemResolver looks names up with the system's resolver, in the thread pool.
// Simultaneous lookups of one name share one thread, so that a slow name cannot occupy
// the whole pool.
type systemResolver struct {
	reactor Threads
	locals  *Locals // of reactor; nil: lookups do not end when it stops
	lookup  lookup  // nil: lookUpOnce
	flights map[string]*flight
}

// A lookup is the LookupNetIP method of a [net.Resolver]. It sorts addresses by RFC 6724,
// best first.
type lookup func(ctx context.Context, network, host string) ([]netip.Addr, error)

// lookUpOnce is the lookup of net.DefaultResolver. Several loops that look up one name at
// the same time share one lookup.
func lookUpOnce(ctx context.Context, network, host string) ([]netip.Addr, error) {
	found := lookups.DoChan(network+" "+host, func() (any, error) {
		return net.DefaultResolver.LookupNetIP(context.Background(), network, host)
	})
	select {
	case r := <-found:
		addrs, _ := r.Val.([]netip.Addr)
		return slices.Clone(addrs), r.Err
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

var lookups singleflight.Group

// A flight is a lookup in progress, with the Deferreds that wait for it.
type flight struct {
	resolver *systemResolver
	host     string
	cancel   context.CancelFunc
	waiters  list.List[lookupWaiter]
}

// LookupHost looks host up; see [NameResolver]. Cancelling one Deferred does not affect
// others for the same name. When the last is cancelled, the lookup ends.
func (r *systemResolver) LookupHost(host string) *deferred.Deferred[[]netip.Addr] {
	if addr, err := netip.ParseAddr(host); err == nil {
		return deferred.Succeed([]netip.Addr{addr.Unmap()})
	}
	f, shared := r.flights[host]
	if !shared {
		f = &flight{resolver: r, host: host}
	}
	w := &lookupWaiter{}
	w.result = deferred.NewCancellable(func(*deferred.Deferred[[]netip.Addr]) { f.leave(w) })
	f.waiters.Push(&w.at, w)
	if !shared {
		f.begin()
	}
	return w.result
}

// A lookupWaiter waits for the result of a flight.
type lookupWaiter struct {
	at     list.Node[lookupWaiter]
	result *deferred.Deferred[[]netip.Addr]
}

func (f *flight) begin() {
	r := f.resolver
	locals := cmp.Or(r.locals, &Locals{})
	if r.flights == nil {
		r.flights = map[string]*flight{}
	}
	if !locals.stopped { // otherwise it may never end, and the next Run has a lookup of its own
		r.flights[f.host] = f
	}
	find := r.lookup
	if find == nil {
		find = lookUpOnce
	}
	ctx, cancel := context.WithCancel(context.Background())
	f.cancel = cancel
	if locals.stopped { // nobody can get the answer
		untilStopped(locals, deferred.New[[]netip.Addr]()).AddBoth(f.end)
		return
	}
	deferToThread(r.reactor, locals, func() ([]netip.Addr, error) {
		return find(ctx, "ip", f.host)
	}).AddBoth(f.end)
}

// end fires the waiters with the result.
func (f *flight) end(found []netip.Addr, err error) ([]netip.Addr, error) {
	f.drop()
	switch {
	case err != nil:
		err = &LookupError{f.host, lookupReason(err)}
	case len(found) == 0:
		err = &LookupError{f.host, ErrNameNotFound}
	}
	for i, a := range found {
		found[i] = a.Unmap()
	}
	for w := f.waiters.First(); w != nil; w = f.waiters.First() {
		w.at.Remove()
		w.result.Resolve(slices.Clone(found), err)
	}
	return nil, nil
}

// leave removes w from the waiters, and ends the lookup if none is left.
func (f *flight) leave(w *lookupWaiter) {
	w.at.Remove()
	if f.waiters.First() == nil {
		f.drop()
	}
}

// drop ends the lookup, so that the next LookupHost starts a new one.
func (f *flight) drop() {
	f.cancel()
	if f.resolver.flights[f.host] == f {
		delete(f.resolver.flights, f.host)
	}
}

// lookupReason returns the error for a LookupError to wrap.
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

// A dnsError is a net.DNSError without the name, which the LookupError around it repeats.
type dnsError struct{ *net.DNSError }

func (e *dnsError) Error() string { return e.Err }
func (e *dnsError) Unwrap() error { return e.DNSError }
