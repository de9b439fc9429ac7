package endpoints_test

import (
	"math/rand/v2"
	"net"
	"slices"
	"testing"
	"time"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/reactor"
	"github.com/seed-7c003b53/gotreq/reactor/endpoints"
	"github.com/seed-7c003b53/gotreq/reactor/memory"
)

// An inert protocol does nothing.
type inert struct{}

func (inert) ConnectionMade(reactor.Transport) {}
func (inert) DataReceived([]byte)              {}
func (inert) ConnectionLost(error)             {}

// A dump shows what a client service does until it is stopped.
func TestInspectClientService(t *testing.T) {
	r := memory.New()
	prepared := deferred.New[deferred.None]()
	s := endpoints.NewClientService(r, endpoints.NewTCPClient(r, "192.0.2.1:80", reactor.ConnectConfig{}), func(net.Addr) inert { return inert{} },
		endpoints.ClientServiceConfig[inert]{
			RetryPolicy:       func(int, error, *rand.Rand) time.Duration { return 5 * time.Second },
			PrepareConnection: func(inert) *deferred.Deferred[deferred.None] { return prepared },
		})
	wantState := func(want ...string) {
		t.Helper()
		for i, w := range want {
			want[i] = "client service of " + w + "\n"
		}
		if got := reactor.Inspect(r); !slices.Equal(got, want) {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	wantState()
	r.HoldConnects()
	s.WhenConnected(0).AddErrback(func(error) (inert, error) { return inert{}, nil })
	s.StartService()
	const name = "tcp:192.0.2.1:80"
	wantState(name + ": connecting, 0 failures in a row, 1 waiting for it")
	r.ReleaseConnects()
	r.Pump()
	r.Advance(time.Second)
	wantState(name + ": waiting to connect for 4s, 1 failures in a row, 1 waiting for it")
	if _, err := r.ListenTCP("192.0.2.1:80", reactor.FactoryFunc(func(net.Addr) reactor.Protocol { return inert{} })); err != nil {
		t.Fatal(err)
	}
	r.Advance(4 * time.Second)
	wantState(name + ": preparing its connection, 1 failures in a row, 1 waiting for it")
	prepared.Callback(deferred.None{})
	wantState(name + ": connected to 192.0.2.1:80, 0 failures in a row, 0 waiting for it")
	s.StopService()
	wantState(name + ": disconnecting, 0 failures in a row, 0 waiting for it")
	r.Pump()
	wantState()
}
