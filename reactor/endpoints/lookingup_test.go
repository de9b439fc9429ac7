package endpoints_test

import (
	"net/netip"
	"testing"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/reactor"
	"github.com/seed-7c003b53/gotreq/reactor/endpoints"
	"github.com/seed-7c003b53/gotreq/reactor/memory"
)

// A lateResolver answers when the test says so.
type lateResolver struct {
	answer *deferred.Deferred[[]netip.Addr]
}

func (l *lateResolver) LookupHost(string) *deferred.Deferred[[]netip.Addr] { return l.answer }

// A Hostname is looking its host up until the resolver answers.
func TestHostnameLookingUp(t *testing.T) {
	r := memory.New()
	names := &lateResolver{deferred.New[[]netip.Addr]()}
	r.InstallNameResolver(names)
	h := endpoints.NewHostname(r, "a.example", "80", endpoints.HostnameConfig{})
	if h.LookingUp() {
		t.Error("before Connect: it is looking up")
	}
	d := h.Connect(reactor.FactoryFunc(nil))
	if !h.LookingUp() {
		t.Error("after Connect: it is not looking up")
	}
	r.HoldConnects()
	names.answer.Callback([]netip.Addr{netip.MustParseAddr("192.0.2.1")})
	if h.LookingUp() {
		t.Error("after the answer: it is looking up")
	}
	d.AddErrback(func(error) (reactor.Protocol, error) { return nil, nil })
	d.Cancel()
	r.Pump()
}
