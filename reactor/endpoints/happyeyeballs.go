package endpoints

import (
	"errors"
	"net/netip"
	"slices"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/reactor"
)

// This file is Happy Eyeballs, version 2 (RFC 8305), from where the addresses
// are known. Section 3, about connecting before all of them are, does not apply:
// a reactor's resolver gives them all at once. Neither does the first step of
// section 4, to sort them by RFC 6724: that is the resolver's to do, and package
// net's does it. It is what puts IPv6 first where there is IPv6 to speak of.

// interleave returns addrs, the best of which is first, with the families taking
// turns, as section 4 has it, so that one family that does not work costs one
// attempt and not as many as it has addresses. What is there twice is tried
// once.
func interleave(addrs []netip.Addr) []netip.Addr {
	var families [2][]netip.Addr // that of the best address, and the other
	for _, a := range addrs {
		a = a.Unmap()
		family := &families[0]
		if a.Is4() != addrs[0].Unmap().Is4() {
			family = &families[1]
		}
		if !slices.Contains(*family, a) {
			*family = append(*family, a)
		}
	}
	var turns []netip.Addr
	for i := range max(len(families[0]), len(families[1])) {
		for _, family := range families {
			if i < len(family) {
				turns = append(turns, family[i])
			}
		}
	}
	return turns
}

// attempts are those to connect to one of a name's addresses, as in section 5.
type attempts struct {
	hostname *Hostname
	factory  reactor.Factory
	result   *deferred.Deferred[reactor.Protocol]
	toCome   []netip.Addr
	underWay []*deferred.Deferred[reactor.Protocol] // the oldest first
	next     reactor.DelayedCall                    // begins the next; nil if none is to come
	errs     []error                                // of those that failed
}

// connectFirst connects to the first of addrs, of which there is at least one,
// that takes the connection.
func connectFirst(h *Hostname, addrs []netip.Addr, factory reactor.Factory) *deferred.Deferred[reactor.Protocol] {
	a := &attempts{hostname: h, factory: factory, toCome: addrs}
	a.result = deferred.NewCancellable(func(*deferred.Deferred[reactor.Protocol]) { a.end() })
	a.begin()
	return a.result
}

// begin begins the next attempt, and has the one after it follow.
func (a *attempts) begin() {
	addr := a.toCome[0]
	a.toCome = a.toCome[1:]
	if len(a.toCome) != 0 {
		a.next = a.hostname.reactor.CallLater(a.hostname.attemptDelay(), func() {
			a.next = nil
			a.begin()
		})
	}
	d := a.hostname.connectTo(addr, a.factory)
	a.underWay = append(a.underWay, d)
	d.AddBoth(func(p reactor.Protocol, err error) (reactor.Protocol, error) {
		switch {
		case !a.drop(d): // it was given up
		case err != nil:
			a.failed(err)
		default:
			a.end()
			a.result.Callback(p)
		}
		return nil, nil
	})
}

// failed goes on after an attempt has failed: there is nothing to wait for
// before the next.
func (a *attempts) failed(err error) {
	a.errs = append(a.errs, err)
	if errors.Is(err, reactor.ErrStopped) {
		a.toCome = nil
	}
	a.cancelNext()
	switch {
	case len(a.toCome) != 0:
		a.begin()
	case len(a.underWay) == 0:
		a.result.Errback(a.hostname.error(&AttemptsError{a.errs}))
	}
}

// end gives up what is under way and what is to come.
func (a *attempts) end() {
	a.cancelNext()
	losers := a.underWay
	a.toCome, a.underWay = nil, nil
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

// drop takes d off those under way, and reports whether it was one of them.
func (a *attempts) drop(d *deferred.Deferred[reactor.Protocol]) bool {
	i := slices.Index(a.underWay, d)
	if i < 0 {
		return false
	}
	a.underWay = slices.Delete(a.underWay, i, i+1)
	return true
}
