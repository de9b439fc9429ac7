package endpoints_test

import (
	"crypto/tls"
	"errors"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/deferred/deferredtest"
	"github.com/seed-7c003b53/gotreq/internal/testkit/testcert"
	"github.com/seed-7c003b53/gotreq/reactor"
	"github.com/seed-7c003b53/gotreq/reactor/endpoints"
	"github.com/seed-7c003b53/gotreq/reactor/memory"
)

// hello says hello, and records the received data.
type hello struct {
	heard     string
	transport reactor.Transport
}

func (h *hello) ConnectionMade(t reactor.Transport) {
	h.transport = t
	t.Write([]byte("hello"))
}
func (h *hello) DataReceived(data []byte) { h.heard += string(data) }
func (h *hello) ConnectionLost(error)     {}

func TestWrapTLS(t *testing.T) {
	r := memory.New()
	r.AddHost("an.example", "192.0.2.1")
	cert, roots := testcert.New("an.example")
	var server hello
	port := endpoints.WrapTLSServer(r, reactor.TLSConfig{Config: &tls.Config{Certificates: []tls.Certificate{cert}}}, endpoints.NewTCPServer(r, "192.0.2.1:443")).
		Listen(reactor.FactoryFunc(func(net.Addr) reactor.Protocol { return &server }))
	deferredtest.SuccessResultOf(t, port)
	r.ListenTCP("192.0.2.1:80", reactor.FactoryFunc(func(net.Addr) reactor.Protocol { return &silent{} }))

	config := &tls.Config{ServerName: "an.example", RootCAs: roots}
	var client hello
	d := endpoints.WrapTLS(r, reactor.TLSConfig{Config: config}, endpoints.NewHostname(r, "an.example", "443", endpoints.HostnameConfig{})).
		Connect(reactor.FactoryFunc(func(net.Addr) reactor.Protocol { return &client }))
	deferredtest.NoResult(t, d)
	r.Pump()
	if p := deferredtest.SuccessResultOf(t, d); p != reactor.Protocol(&client) || client.heard != "hello" || server.heard != "hello" {
		t.Errorf("got %v; heard %q and %q", p, client.heard, server.heard)
	}

	// A refused handshake, one without an answer, and a cancelled one.
	never := reactor.FactoryFunc(func(net.Addr) reactor.Protocol {
		t.Error("a protocol was built")
		return nil
	})
	other := &tls.Config{ServerName: "another.example", RootCAs: roots}
	d = endpoints.WrapTLS(r, reactor.TLSConfig{Config: other}, endpoints.NewHostname(r, "an.example", "443", endpoints.HostnameConfig{})).Connect(never)
	r.Pump()
	if err := deferredtest.FailureResultOf(t, d); !errors.Is(err, reactor.ErrHandshake) {
		t.Errorf("got %v", err)
	}
	slow := endpoints.WrapTLS(r, reactor.TLSConfig{Config: config, HandshakeTimeout: 5 * time.Second},
		endpoints.NewHostname(r, "an.example", "80", endpoints.HostnameConfig{}))
	d = slow.Connect(never)
	r.RunFor(5 * time.Second)
	if err := deferredtest.FailureResultOf(t, d); !errors.Is(err, reactor.ErrHandshake) || !strings.Contains(err.Error(), "5s") {
		t.Errorf("got %v", err)
	}
	d = slow.Connect(never)
	r.Pump()
	d.Cancel()
	if err := deferredtest.FailureResultOf(t, d); !errors.Is(err, deferred.ErrCancelled) {
		t.Errorf("got %v", err)
	}
	r.Pump()
	if n := len(r.DelayedCalls()); n != 0 {
		t.Errorf("%d delayed calls are left", n)
	}
}

// silent says nothing.
type silent struct{}

func (*silent) ConnectionMade(reactor.Transport) {}
func (*silent) DataReceived([]byte)              {}
func (*silent) ConnectionLost(error)             {}

// A speaking factory knows the protocols of its connections.
type speaking struct{ *hello }

func (s speaking) BuildProtocol(net.Addr) reactor.Protocol { return s.hello }
func (speaking) AcceptableProtocols() []string             { return []string{"h2", "http/1.1"} }

// TestServiceNegotiates checks that a ClientService negotiates the protocols of its endpoint's
// tls.Config, and that its protocols are the caller's own.
func TestServiceNegotiates(t *testing.T) {
	for _, known := range []bool{true, false} {
		r := memory.New()
		cert, roots := testcert.New("192.0.2.1")
		var server, client hello
		config := &tls.Config{Certificates: []tls.Certificate{cert}}
		if _, err := r.ListenTCP("192.0.2.1:443", reactor.TLSServer(r, reactor.TLSConfig{Config: config}, speaking{&server})); err != nil {
			t.Fatal(err)
		}
		config = &tls.Config{ServerName: "192.0.2.1", RootCAs: roots}
		if known {
			config.NextProtos = []string{"h2", "http/1.1"}
		}
		var got string
		s := endpoints.NewClientService(r, endpoints.WrapTLS(r, reactor.TLSConfig{Config: config},
			endpoints.NewTCPClient(r, "192.0.2.1:443", reactor.ConnectConfig{})),
			func(net.Addr) *hello { return &client },
			endpoints.ClientServiceConfig[*hello]{
				PrepareConnection: func(p *hello) *deferred.Deferred[deferred.None] {
					got = p.transport.TLS().NegotiatedProtocol
					return deferred.Succeed(deferred.None{})
				},
			})
		s.StartService()
		r.Pump()
		if want := map[bool]string{true: "h2"}[known]; got != want || client.heard != "hello" {
			t.Errorf("negotiated %q, want %q; heard %q", got, want, client.heard)
		}
		if p := valueOf(t, await(r, s.WhenConnected(0))); p != &client {
			t.Errorf("connected with %v, want the caller's own", p)
		}
		s.StopService()
		r.Pump()
	}
}
