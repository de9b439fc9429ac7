package testing_test

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/seed-7c003b53/gotreq/reactor"
	"github.com/seed-7c003b53/gotreq/reactor/endpoints"
	"github.com/seed-7c003b53/gotreq/reactor/memory"
	treqtesting "github.com/seed-7c003b53/gotreq/treq/testing"
)

// shaker is a protocol that notes how its handshake ended.
type shaker struct {
	reactor.Transport
	lost error
	seen []*x509.Certificate
}

func (s *shaker) ConnectionMade(t reactor.Transport) {
	s.Transport = t
	s.seen = t.TLS().PeerCertificates
}
func (s *shaker) DataReceived([]byte)         {}
func (s *shaker) ReadConnectionLost()         {}
func (s *shaker) WriteConnectionLost()        {}
func (s *shaker) ConnectionLost(reason error) { s.lost = reason }

// shake makes a TLS connection on a memory reactor that has run for a while.
func shake(t *testing.T, after time.Duration, server, client *tls.Config) (s, c *shaker, err error) {
	t.Helper()
	r := memory.New()
	r.Advance(after)
	s, c = &shaker{}, &shaker{}
	build := func(p *shaker) reactor.Factory {
		return reactor.FactoryFunc(func(net.Addr) reactor.Protocol { return p })
	}
	if _, err := r.ListenTCP("192.0.2.1:443", reactor.TLSServer(r, reactor.TLSConfig{Config: server}, build(s))); err != nil {
		t.Fatal(err)
	}
	endpoints.WrapTLS(r, reactor.TLSConfig{Config: client}, endpoints.NewTCPClient(r, "192.0.2.1:443", reactor.ConnectConfig{})).Connect(build(c)).
		AddErrback(func(e error) (reactor.Protocol, error) { err = e; return nil, nil })
	r.RunFor(time.Second)
	return s, c, err
}

// TestAuthority checks who trusts whose certificates, and when.
func TestAuthority(t *testing.T) {
	const day = 24 * time.Hour
	var a treqtesting.Authority
	other := treqtesting.Authority{Name: "another"}
	same := treqtesting.Authority{Name: "a test"}
	soon := treqtesting.Authority{NotBefore: time.Unix(0, 0).Add(day), NotAfter: time.Unix(0, 0).Add(2 * day)}
	asking := func(c *tls.Config) *tls.Config { c.ClientAuth = tls.RequireAndVerifyClientCert; return c }
	to := func(c *tls.Config, host string) *tls.Config { c.ServerName = host; return c }
	for _, test := range []struct {
		name           string
		after          time.Duration
		server, client *tls.Config
		want           string // part of the error; "" for none
	}{
		{"name", 0, a.ServerTLS("an.example"), to(a.ClientTLS(), "an.example"), ""},
		{"address", 0, a.ServerTLS("192.0.2.1", "::1"), to(a.ClientTLS(), "::1"), ""},
		{"wildcard", 0, a.ServerTLS("*.an.example"), to(a.ClientTLS(), "www.an.example"), ""},
		{"another name", 0, a.ServerTLS("an.example"), to(a.ClientTLS(), "b.example"), "certificate is valid for an.example, not b.example"},
		{"another authority", 0, other.ServerTLS("an.example"), to(a.ClientTLS(), "an.example"), "unknown authority"},
		{"the same authority", 0, same.ServerTLS("an.example"), to(a.ClientTLS(), "an.example"), ""},
		{"now", time.Since(time.Unix(0, 0)), a.ServerTLS("an.example"), to(a.ClientTLS(), "an.example"), ""},
		{"not yet", 0, soon.ServerTLS("an.example"), to(a.ClientTLS(), "an.example"), "is not yet valid"},
		{"in time", day, soon.ServerTLS("an.example"), to(a.ClientTLS(), "an.example"), ""},
		{"expired", 3 * day, soon.ServerTLS("an.example"), to(a.ClientTLS(), "an.example"), "expired"},
		{"a client", 0, asking(a.ServerTLS("an.example")), to(a.ClientTLS("alice"), "an.example"), ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			s, c, err := shake(t, test.after, test.server, test.client)
			if err == nil {
				err = c.lost
			}
			if test.want == "" && err != nil || test.want != "" && !strings.Contains(fmt.Sprint(err), test.want) {
				t.Errorf("%v; want %q", err, test.want)
			}
			if test.want == "" && c.Transport == nil {
				t.Error("the client has no connection")
			}
			if test.name == "a client" && (len(s.seen) == 0 || s.seen[0].Subject.CommonName != "alice") {
				t.Error("the server has not seen alice's certificate")
			}
		})
	}
	// A server that asks for certificates refuses a client without one, or with another's.
	for name, client := range map[string]*tls.Config{"none": a.ClientTLS(), "another's": {RootCAs: a.Roots(), Certificates: []tls.Certificate{other.Certificate("alice")}}} {
		s, c, err := shake(t, 0, asking(a.ServerTLS("an.example")), to(client, "an.example"))
		if s.Transport != nil || err == nil && c.lost == nil {
			t.Errorf("%s: %v, %v", name, err, c.lost)
		}
	}
}

// TestAuthorityRepeats checks that the same names give the same certificates, and that others do not.
func TestAuthorityRepeats(t *testing.T) {
	var a, b treqtesting.Authority
	c1, k1 := a.CertificatePEM("an.example")
	b.Certificate("before")
	c2, k2 := b.CertificatePEM("an.example")
	if !bytes.Equal(c1, c2) || !bytes.Equal(k1, k2) || !bytes.Equal(a.RootPEM(), b.RootPEM()) {
		t.Error("the certificates differ")
	}
	c3, k3 := a.CertificatePEM("an.example", "b.example")
	if bytes.Equal(c1, c3) || bytes.Equal(k1, k3) {
		t.Error("other names have the same certificate")
	}
	if pair, err := tls.X509KeyPair(c1, k1); err != nil || pair.Leaf.DNSNames[0] != "an.example" {
		t.Error(err)
	}
	if roots := x509.NewCertPool(); !roots.AppendCertsFromPEM(a.RootPEM()) || !roots.Equal(a.Roots()) {
		t.Error("RootPEM is not the root of Roots")
	}
}

func TestAuthorityPanics(t *testing.T) {
	for _, test := range []struct {
		names []string
		want  string
	}{
		{nil, "testing: Certificate without a name"},
		{[]string{"é"}, "testing: a certificate for é: "},
	} {
		func() {
			defer func() {
				if v := recover(); !strings.HasPrefix(fmt.Sprint(v), test.want) {
					t.Errorf("%v; want %s", v, test.want)
				}
			}()
			new(treqtesting.Authority).Certificate(test.names...)
		}()
	}
}
