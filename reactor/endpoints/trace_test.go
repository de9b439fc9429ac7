package endpoints_test

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/deferred/deferredtest"
	"github.com/seed-7c003b53/gotreq/reactor"
	"github.com/seed-7c003b53/gotreq/reactor/endpoints"
)

// TestHostnameTrace: the functions of a Trace learn of the lookup and of each attempt, also
// those that end early; and they may cancel it.
func TestHostnameTrace(t *testing.T) {
	const start, found = "lookup two.example", "found 2"
	v6, v4 := "[2001:db8::1]:80", "192.0.2.1:80"
	for _, test := range []struct {
		name, host, cancelAt string
		do                   func(hold func(string))
		want                 []string
		fails                bool
	}{
		{"an IP address", "192.0.2.1", "", func(release func(string)) { release(v4) }, []string{"start " + v4, "done " + v4}, false},
		{"two addresses", "two.example", "", func(release func(string)) { release(v4) },
			[]string{start, found, "start " + v6, "start " + v4, "done " + v4, "cancelled " + v6}, false},
		{"no such name", "none.example", "", nil, []string{"lookup none.example", "failed lookup"}, true},
		{"cancel in LookupStart", "two.example", start, nil, []string{start, "failed lookup"}, true},
		{"cancel in LookupDone", "two.example", found, nil, []string{start, found}, true},
		{"cancel in ConnectStart", "two.example", "start " + v6, nil, []string{start, found, "start " + v6, "cancelled " + v6}, true},
		{"cancel in the second ConnectStart", "two.example", "start " + v4, nil,
			[]string{start, found, "start " + v6, "start " + v4, "cancelled " + v6, "cancelled " + v4}, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := newReactor(t)
			r.AddHost("two.example", "2001:db8::1", "192.0.2.1")
			r.ListenTCP(":80", &peers{})
			r.HoldConnects()
			var got []string
			var d *deferred.Deferred[reactor.Protocol]
			add := func(event string) {
				got = append(got, event)
				if event == test.cancelAt && d != nil {
					d.Cancel()
				}
			}
			h := endpoints.NewHostname(r, test.host, "80", endpoints.HostnameConfig{Trace: &endpoints.Trace{
				LookupStart: func(host string) { add("lookup " + host) },
				LookupDone: func(addrs []netip.Addr, err error) {
					if err != nil {
						add("failed lookup")
					} else {
						add(fmt.Sprint("found ", len(addrs)))
					}
				},
				ConnectStart: func(address string) { add("start " + address) },
				ConnectDone: func(address string, err error) {
					switch {
					case errors.Is(err, deferred.ErrCancelled):
						add("cancelled " + address)
					case err != nil:
						add("failed " + address)
					default:
						add("done " + address)
					}
				},
			}})
			d = h.Connect(&peers{})
			if test.cancelAt == start {
				d.Cancel() // LookupStart is called within Connect
			}
			r.RunFor(time.Second)
			if test.do != nil {
				test.do(func(address string) {
					for _, a := range r.HeldConnects() {
						if a.Address == address {
							a.Release()
						}
					}
				})
				r.Pump()
			}
			if test.fails {
				deferredtest.FailureResultOf(t, d)
			} else {
				deferredtest.SuccessResultOf(t, d).(*peer).AbortConnection()
				r.Pump()
			}
			if !slices.Equal(got, test.want) {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
	// Functions may be missing.
	r := newReactor(t)
	r.ListenTCP("127.0.0.1:80", &peers{})
	d := endpoints.NewHostname(r, "localhost", "80", endpoints.HostnameConfig{Trace: &endpoints.Trace{}}).Connect(&peers{})
	r.Pump()
	deferredtest.SuccessResultOf(t, d).(*peer).AbortConnection()
	r.Pump()
}
