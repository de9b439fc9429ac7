package agent_test

import (
	"crypto/tls"
	"errors"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/deferred/deferredtest"
	"github.com/seed-7c003b53/gotreq/reactor"
	"github.com/seed-7c003b53/gotreq/reactor/endpoints"
	"github.com/seed-7c003b53/gotreq/reactor/memory"
	"github.com/seed-7c003b53/gotreq/treq/agent"
)

// TestConnectTimeouts has each wait before a request is sent, and the timeout that ends it.
func TestConnectTimeouts(t *testing.T) {
	type maker func(r *memory.Reactor) endpoints.ClientEndpoint
	never := func(r *memory.Reactor) endpoints.ClientEndpoint {
		return endpointFunc(func(reactor.Factory) *deferred.Deferred[reactor.Protocol] {
			return deferred.New[reactor.Protocol]().AddTimeout(50*time.Millisecond, r, nil)
		})
	}
	tcp := func(r *memory.Reactor) endpoints.ClientEndpoint {
		return endpoints.NewTCPClient(r, "192.0.2.1:80", reactor.ConnectConfig{Timeout: 3 * time.Second})
	}
	secure := func(r *memory.Reactor) endpoints.ClientEndpoint {
		config := reactor.TLSConfig{Config: &tls.Config{ServerName: "a.example"}, HandshakeTimeout: 4 * time.Second}
		return endpoints.WrapTLS(r, config, tcp(r))
	}
	below := func(r *memory.Reactor) endpoints.ClientEndpoint { return claim{secure(r), false} }
	const (
		plain   = "http://a.example:8080/"
		overTLS = "https://a.example:8080/"
		s       = time.Second
	)
	for _, test := range []struct {
		name     string
		url      string
		timeout  time.Duration // the ConnectTimeout
		endpoint maker
		proxy    bool
		hold     bool // no attempt to connect ends
		after    time.Duration
		own      bool // the timeout is the ConnectTimeout
		text     string
	}{
		{"connecting", plain, s, nil, false, true, s, true, "no connection for 1s (ConnectTimeout): connecting to a.example:8080: "},
		{"connecting for https", overTLS, s, nil, false, true, s, true, "no connection for 1s (ConnectTimeout): connecting to a.example:8080: "},
		{"TLS", overTLS, s, nil, false, false, s, true, "no TLS handshake within 1s (ConnectTimeout): TLS handshake failed: it took longer than 1s"},
		{"TLS with a longer time", overTLS, 60 * s, nil, false, false, 60 * s, true, "no TLS handshake within 1m0s (ConnectTimeout): "},
		{"TLS by default", overTLS, 0, nil, false, false, 30 * s, true, "no TLS handshake within 30s (ConnectTimeout): "},
		{"TLS without a bound", overTLS, -1, nil, false, false, 30 * s, false, "TLS handshake failed: it took longer than 30s"},
		{"a proxy", plain, s, nil, true, true, s, true, "no connection for 1s (ConnectTimeout): connecting to proxy.example:8080: "},
		{"a proxy for https", overTLS, s, nil, true, true, s, true, "no connection for 1s (ConnectTimeout): connecting to proxy.example:8080: "},
		{"CONNECT", overTLS, s, nil, true, false, s, true, "no connection for 1s (ConnectTimeout): the proxy's answer to CONNECT a.example:8080: timed out after 1s"},
		{"an Endpoint", plain, 0, never, false, false, 50 * time.Millisecond, false, "deferred: timed out after 50ms"},
		{"an Endpoint for https", overTLS, s, never, false, false, 50 * time.Millisecond, false, "deferred: timed out after 50ms"},
		{"an Endpoint that connects", plain, s, tcp, false, true, 3 * s, false, "connecting to 192.0.2.1:80: connecting took too long"},
		{"TLS on an Endpoint", overTLS, s, tcp, false, false, s, true, "no TLS handshake within 1s (ConnectTimeout): "},
		{"an Endpoint with TLS", overTLS, s, secure, false, false, 4 * s, false, "TLS handshake failed: it took longer than 4s"},
		{"TLS on an Endpoint with TLS", overTLS, s, below, false, false, 4 * s, false, "TLS handshake failed: it took longer than 4s"},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld(t, agent.PoolConfig{})
			config := agent.Config{Pool: w.pool, ConnectTimeout: test.timeout}
			if test.endpoint != nil {
				config.Endpoint = func(*url.URL) (endpoints.ClientEndpoint, error) { return test.endpoint(w.r), nil }
			}
			w.agent = agent.New(w.r, config)
			if test.proxy {
				w.agent, _ = agent.NewProxyAgent(w.r, "http://proxy.example:8080", config)
			}
			if test.hold {
				w.r.HoldConnects()
			}
			d := w.get(test.url)
			w.r.RunFor(test.after - 1)
			deferredtest.NoResult(t, d)
			w.r.RunFor(1)
			err := deferredtest.FailureResultOf(t, d)
			if want := "GET " + test.url + ": " + test.text; !strings.HasPrefix(err.Error(), want) {
				t.Errorf("got  %v\nwant %s", err, want)
			}
			var timeout *agent.TimeoutError
			if errors.As(err, &timeout) != test.own || test.own && (timeout.Option != "ConnectTimeout" || timeout.After != test.after) {
				t.Errorf("the timeout is %+v", timeout)
			}
			if test.own && !errors.Is(err, os.ErrDeadlineExceeded) {
				t.Errorf("%v is not ErrDeadlineExceeded", err)
			}
		})
	}
}
