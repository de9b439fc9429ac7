package agent_test

import (
	"errors"
	"net/url"
	"testing"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/deferred/deferredtest"
	"github.com/seed-7c003b53/gotreq/reactor"
	"github.com/seed-7c003b53/gotreq/reactor/endpoints"
	"github.com/seed-7c003b53/gotreq/treq/agent"
)

// TestTheBoundHoldsAfterAFailureInTheQueue: a waiting request whose connection fails at once
// makes the pool forget neither the next one in the queue nor the bound.
func TestTheBoundHoldsAfterAFailureInTheQueue(t *testing.T) {
	w := newWorld(t, agent.PoolConfig{MaxConnectionsPerHost: 1})
	boom := errors.New("boom")
	attempts := 0
	below := endpoints.NewHostname(w.r, "a.example", "80", endpoints.HostnameConfig{})
	w.agent = agent.New(w.r, agent.Config{Pool: w.pool, Endpoint: func(*url.URL) (endpoints.ClientEndpoint, error) {
		return endpointFunc(func(f reactor.Factory) *deferred.Deferred[reactor.Protocol] {
			if attempts++; attempts == 2 {
				return deferred.Fail[reactor.Protocol](boom)
			}
			return below.Connect(f)
		}), nil
	}})
	first := w.get("http://a.example/first")
	fails := w.get("http://a.example/fails")
	second := w.get("http://a.example/second")
	w.Conn(0).Send("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 5\r\n\r\nhello")
	w.wantBody(deferredtest.SuccessResultOf(t, first), "hello")
	if err := deferredtest.FailureResultOf(t, fails); !errors.Is(err, boom) {
		t.Errorf("got %v", err)
	}
	third := w.get("http://a.example/third")
	w.wantOpen(1)
	w.Conn(1).Send(okHello)
	w.wantBody(deferredtest.SuccessResultOf(t, second), "hello")
	w.Conn(1).Send(okHello)
	w.wantBody(deferredtest.SuccessResultOf(t, third), "hello")
	w.wantOpen(1)
}
