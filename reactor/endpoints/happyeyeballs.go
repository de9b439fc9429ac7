package endpoints

import (
	"errors"
	"net/netip"
	"slices"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/reactor"
)

// This file is Happy Eyeballs, version 2 (RFC 8305), after the name lookup. Section 3,
// about connecting before all addresses are known, does not apply: a reactor's
// resolver returns them all at once. The resolver also does the first step of section
// 4, sorting by RFC 6724, which puts IPv6 first where IPv6 works.

// interleave returns addrs, which are sorted best first, with the address families
// alternating (RFC 8305, section 4). A family that does not work then costs one
// attempt, however many addresses it has. Duplicates are removed.
func interleave(addrs []netip.Addr) []netip.Addr {
	var families [2][]netip.Addr // the family of the best address, and the other one
	seen := make(map[netip.Addr]bool, len(addrs))
	for _, a := range addrs {
		a = a.Unmap()
		family := &families[0]
		if a.Is4() != addrs[0].Unmap().Is4() {
			family = &families[1]
		}
		if !seen[a] {
			seen[a] = true
			*family = append(*family, a)
		}
	}
	var interleaved []netip.Addr
	for i := range max(len(families[0]), len(families[1])) {
		for _, family := range families {
			if i < len(family) {
				interleaved = append(interleaved, family[i])
			}
		}
	}
	return interleaved
}

// attempts are the attempts to connect to one of a name's addresses (RFC 8305,
// section 5).
type attempts struct {
	hostname *Hostname
	factory  reactor.Factory
	result   *deferred.Deferred[reactor.Protocol]
	pending  []netip.Addr                           // not tried yet
	active   []*deferred.Deferred[reactor.Protocol] // the oldest first
	next     reactor.DelayedCall                    // starts the next attempt; nil if none is scheduled
	errs     []error                                // of the failed attempts
}

// connectFirst connects to the first of addrs that accepts the connection. addrs is
// not empty.
func connectFirst(h *Hostname, addrs []netip.Addr, factory reactor.Factory) *deferred.Deferred[reactor.Protocol] {
	a := &attempts{hostname: h, factory: factory, pending: addrs}
	a.result = deferred.NewCancellable(func(*deferred.Deferred[reactor.Protocol]) { a.end() })
	a.begin()
	return a.result
}

// begin starts the next attempt, and schedules the one after it.
func (a *attempts) begin() {
	addr := a.pending[0]
	a.pending = a.pending[1:]
	if len(a.pending) != 0 {
		a.next = a.hostname.reactor.CallLater(a.hostname.attemptDelay(), func() {
			a.next = nil
			a.begin()
		})
	}
	d := a.hostname.connectTo(addr, a.factory)
	a.active = append(a.active, d)
	d.AddBoth(func(p reactor.Protocol, err error) (reactor.Protocol, error) {
		switch {
		case !a.drop(d): // it was cancelled
		case err != nil:
			a.failed(err)
		default:
			a.end()
			a.result.Callback(p)
		}
		return nil, nil
	})
	if a.result.Called() { // a function of the Trace cancelled it
		a.end()
	}
}

// failed handles a failed attempt. The next attempt starts at once.
func (a *attempts) failed(err error) {
	a.errs = append(a.errs, err)
	if errors.Is(err, reactor.ErrStopped) {
		a.pending = nil
	}
	a.cancelNext()
	switch {
	case len(a.pending) != 0:
		a.begin()
	case len(a.active) == 0:
		a.result.Errback(a.hostname.error(&AttemptsError{a.errs}))
	}
}

// end cancels all attempts.
func (a *attempts) end() {
	a.cancelNext()
	losers := a.active
	a.pending, a.active = nil, nil
	for _, d := range losers {
		d.Cancel()
	}
}

func (a *attempts) cancelNext() {
	if a.next != nil {
		a.next.Cancel()
		a.next = nil
	}
}

// drop removes d from the active attempts. It reports whether d was active.
func (a *attempts) drop(d *deferred.Deferred[reactor.Protocol]) bool {
	i := slices.Index(a.active, d)
	if i < 0 {
		return false
	}
	a.active = slices.Delete(a.active, i, i+1)
	return true
}
