package client_test

import (
	"crypto/tls"
	"net/http"
	"testing"

	"github.com/seed-7c003b53/gotreq/internal/testkit/outcome"
	"github.com/seed-7c003b53/gotreq/internal/testkit/testcert"
	"github.com/seed-7c003b53/gotreq/reactor"
	"github.com/seed-7c003b53/gotreq/reactor/memory"
	"github.com/seed-7c003b53/gotreq/treq/agent"
	"github.com/seed-7c003b53/gotreq/treq/client"
	"github.com/seed-7c003b53/gotreq/treq/web"
)

// TestHTTPSToAZone: https to an IPv6 address with a zone takes a certificate for the address,
// with the agent's own policy and with a program's.
func TestHTTPSToAZone(t *testing.T) {
	cert, roots := testcert.New("fe80::1")
	for name, policy := range map[string]*agent.TLSPolicy{
		"NewTLSPolicy": agent.NewTLSPolicy(&tls.Config{RootCAs: roots}),
		"ServerName":   agent.NewTLSPolicy(&tls.Config{RootCAs: roots, ServerName: "fe80::1%eth0"}),
	} {
		t.Run(name, func(t *testing.T) {
			r := memory.New()
			var host string
			site := &web.Site{Handler: http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) { host = req.Host })}
			_, err := r.ListenTCP("[fe80::1%eth0]:443", reactor.TLSServer(r, reactor.TLSConfig{
				Config: &tls.Config{Certificates: []tls.Certificate{cert}},
			}, site))
			if err != nil {
				t.Fatal(err)
			}
			c := client.New(r, client.Config{Agent: agent.New(r, agent.Config{TLS: policy})})
			o := outcome.Of(c.Get("https://[fe80::1%25eth0]/"))
			r.Pump()
			if o.WantErr(t, nil); host != "[fe80::1]" {
				t.Errorf("the Host was %q", host)
			}
		})
	}
}
