package endpoints

import (
	"net/netip"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/reactor"
)

// A Trace has functions that a [Hostname] calls while it connects, on the loop's goroutine. A
// function that is nil is not called. Each Start is followed by its Done.
type Trace struct {
	// LookupStart and LookupDone are called before and after the lookup of a host name. An
	// IP address is not looked up.
	LookupStart func(host string)
	LookupDone  func(addrs []netip.Addr, err error)
	// ConnectStart and ConnectDone are called before and after each attempt to connect.
	// Attempts overlap; the error of one that another has won is [deferred.ErrCancelled].
	ConnectStart func(address string)
	ConnectDone  func(address string, err error)
}

// The methods below do nothing for a nil Trace.

func (t *Trace) lookupStart(host string) {
	if t != nil && t.LookupStart != nil {
		t.LookupStart(host)
	}
}

// lookupDone calls LookupDone with the result of found.
func (t *Trace) lookupDone(found *deferred.Deferred[[]netip.Addr]) {
	if t != nil && t.LookupDone != nil {
		found.AddBoth(func(addrs []netip.Addr, err error) ([]netip.Addr, error) {
			t.LookupDone(addrs, err)
			return addrs, err
		})
	}
}

func (t *Trace) connectStart(address string) {
	if t != nil && t.ConnectStart != nil {
		t.ConnectStart(address)
	}
}

// connectDone calls ConnectDone with the result of d.
func (t *Trace) connectDone(address string, d *deferred.Deferred[reactor.Protocol]) {
	if t != nil && t.ConnectDone != nil {
		d.AddBoth(func(p reactor.Protocol, err error) (reactor.Protocol, error) {
			t.ConnectDone(address, err)
			return p, err
		})
	}
}
