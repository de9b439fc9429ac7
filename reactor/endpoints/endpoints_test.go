package endpoints_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/reactor"
	"github.com/seed-7c003b53/gotreq/reactor/endpoints"
	"github.com/seed-7c003b53/gotreq/reactor/memory"
)

func TestClientAndServer(t *testing.T) {
	for _, c := range []struct {
		name   string
		server func(r *memory.Reactor) endpoints.ServerEndpoint
		client func(r *memory.Reactor) endpoints.ClientEndpoint
	}{{
		"IPv4",
		func(r *memory.Reactor) endpoints.ServerEndpoint { return endpoints.NewTCPServer(r, ":80") },
		func(r *memory.Reactor) endpoints.ClientEndpoint {
			return endpoints.NewTCPClient(r, "192.0.2.1:80", reactor.ConnectConfig{})
		},
	}, {
		"IPv6",
		func(r *memory.Reactor) endpoints.ServerEndpoint { return endpoints.NewTCPServer(r, "[::1]:80") },
		func(r *memory.Reactor) endpoints.ClientEndpoint {
			return endpoints.NewTCPClient(r, "[::1]:80", reactor.ConnectConfig{})
		},
	}, {
		"UNIX",
		func(r *memory.Reactor) endpoints.ServerEndpoint { return endpoints.NewUNIXServer(r, "/run/socket") },
		func(r *memory.Reactor) endpoints.ClientEndpoint {
			return endpoints.NewUNIXClient(r, "/run/socket", reactor.ConnectConfig{})
		},
	}} {
		t.Run(c.name, func(t *testing.T) {
			r := newReactor(t)
			servers, clients := &peers{}, &peers{}
			port := valueOf(t, await(r, c.server(r).Listen(servers)))
			connecting := await(r, c.client(r).Connect(clients))
			r.Pump()
			if p := valueOf(t, connecting); p != clients.built[0] {
				t.Errorf("fired with %v, want the factory's protocol", p)
			}
			if servers.open() != 1 {
				t.Error("the server has no connection")
			}

			port.StopListening()
			again := await(r, c.client(r).Connect(clients))
			r.Pump()
			if !errors.Is(again.err, reactor.ErrConnectionRefused) {
				t.Errorf("error %v, want ErrConnectionRefused", again.err)
			}
		})
	}
}

func TestListenFails(t *testing.T) {
	r := newReactor(t)
	listen(t, r, "127.0.0.1:80")
	got := await(r, endpoints.NewTCPServer(r, "127.0.0.1:80").Listen(&peers{}))
	if !errors.Is(got.err, reactor.ErrPortInUse) {
		t.Errorf("error %v, want ErrPortInUse", got.err)
	}
}

func TestClientConfig(t *testing.T) {
	r := newReactor(t)
	r.HoldConnects()
	tcp := endpoints.NewTCPClient(r, "192.0.2.1:80", reactor.ConnectConfig{Timeout: time.Second, LocalAddress: "198.51.100.7:0"})
	unix := endpoints.NewUNIXClient(r, "/run/socket", reactor.ConnectConfig{Timeout: 2 * time.Second})
	for _, c := range []struct {
		client endpoints.ClientEndpoint
		at     time.Duration
	}{{tcp, time.Second}, {unix, 3 * time.Second}} {
		got := await(r, c.client.Connect(&peers{}))
		r.RunFor(c.at - r.Now().Sub(time.Unix(0, 0)))
		if !errors.Is(got.err, reactor.ErrConnectTimeout) || got.at != c.at {
			t.Errorf("%v: error %v at %v, want ErrConnectTimeout at %v", c.client, got.err, got.at, c.at)
		}
	}
	if got := r.TCPClients[0].LocalAddress; got != "198.51.100.7:0" {
		t.Errorf("connected from %q", got)
	}
}

func TestClientCancelled(t *testing.T) {
	r := newReactor(t)
	r.HoldConnects()
	for _, c := range []endpoints.ClientEndpoint{
		endpoints.NewTCPClient(r, "192.0.2.1:80", reactor.ConnectConfig{}), endpoints.NewUNIXClient(r, "/run/socket", reactor.ConnectConfig{}),
	} {
		d := c.Connect(&peers{})
		got := await(r, d)
		d.Cancel()
		if !errors.Is(got.err, deferred.ErrCancelled) {
			t.Errorf("%v: error %v, want ErrCancelled", c, got.err)
		}
	}
}

func TestConnectProtocol(t *testing.T) {
	r := newReactor(t)
	listen(t, r, "192.0.2.1:80")
	p := &peer{}
	got := await(r, endpoints.ConnectProtocol(endpoints.NewTCPClient(r, "192.0.2.1:80", reactor.ConnectConfig{}), p))
	refused := await(r, endpoints.ConnectProtocol(endpoints.NewTCPClient(r, "192.0.2.1:81", reactor.ConnectConfig{}), &peer{}))
	r.Pump()
	if valueOf(t, got) != p || p.Transport == nil {
		t.Error("not connected")
	}
	if !errors.Is(refused.err, reactor.ErrConnectionRefused) {
		t.Errorf("error %v, want ErrConnectionRefused", refused.err)
	}

	none := await(r, endpoints.ConnectProtocol[*peer](endpoints.NewTCPClient(r, "192.0.2.1:80", reactor.ConnectConfig{}), nil))
	r.Pump()
	if !errors.Is(none.err, reactor.ErrNoProtocol) {
		t.Errorf("error %v for a nil protocol, want ErrNoProtocol", none.err)
	}

	r.HoldConnects()
	d := endpoints.ConnectProtocol(endpoints.NewTCPClient(r, "192.0.2.1:80", reactor.ConnectConfig{}), &peer{})
	cancelled := await(r, d)
	d.Cancel()
	if !errors.Is(cancelled.err, deferred.ErrCancelled) {
		t.Errorf("error %v, want ErrCancelled", cancelled.err)
	}
}

func TestString(t *testing.T) {
	r := memory.New()
	for _, c := range []struct {
		endpoint fmt.Stringer
		want     string
	}{
		{endpoints.NewHostname(r, "an.example", "80", endpoints.HostnameConfig{}), `tcp:an.example:80`},
		{endpoints.NewHostname(r, "::1", "80", endpoints.HostnameConfig{}), `tcp:\:\:1:80`},
		{endpoints.NewTCPClient(r, "192.0.2.1:80", reactor.ConnectConfig{}), `tcp:192.0.2.1:80`},
		{endpoints.NewTCPClient(r, "[::1]:80", reactor.ConnectConfig{}), `tcp:\:\:1:80`},
		{endpoints.NewTCPClient(r, "nonsense", reactor.ConnectConfig{}), `tcp:nonsense`},
		{endpoints.NewUNIXClient(r, `/run/a=b:c\d`, reactor.ConnectConfig{}), `unix:/run/a\=b\:c\\d`},
		{endpoints.NewTCPServer(r, ":80"), `tcp:80`},
		{endpoints.NewTCPServer(r, "[::1]:80"), `tcp:80:interface=\:\:1`},
		{endpoints.NewTCPServer(r, "nonsense"), `tcp:nonsense`},
		{endpoints.NewUNIXServer(r, "/run/socket"), `unix:/run/socket`},
	} {
		if got := c.endpoint.String(); got != c.want {
			t.Errorf("%T is %s, want %s", c.endpoint, got, c.want)
		}
	}
}
