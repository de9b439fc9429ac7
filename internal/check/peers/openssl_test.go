package peers_test

import (
	"bytes"
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/seed-7c003b53/gotreq/internal/testkit/daemon"
	"github.com/seed-7c003b53/gotreq/reactor"
	"github.com/seed-7c003b53/gotreq/treq/agent"
	treqtesting "github.com/seed-7c003b53/gotreq/treq/testing"
)

// openssl starts a server of https with a certificate of authority for 127.0.0.1. It answers
// with a page about the connection.
func openssl(t *testing.T, authority *treqtesting.Authority, args ...string) (url string) {
	return "https://" + daemon.Start(t, "openssl", func(s *daemon.Setup) []string {
		cert, key := authority.CertificatePEM("127.0.0.1")
		return append([]string{"s_server", "-accept", "127.0.0.1:" + s.Port("https"), "-www",
			"-cert", s.File("cert.pem", string(cert)), "-key", s.File("key.pem", string(key)),
			"-CAfile", s.File("root.pem", string(authority.RootPEM()))}, args...)
	}).Address("https")
}

// TestOpenSSL has an authority of its own, certificates of clients, a log of keys, and a
// server that speaks HTTP/2 only, which the client excludes.
func TestOpenSSL(t *testing.T) {
	t.Parallel()
	var authority, other treqtesting.Authority
	other.Name = "another"
	mutual := openssl(t, &authority, "-Verify", "1", "-verify_return_error")
	var keys bytes.Buffer
	config := authority.ClientTLS("me")
	config.KeyLogWriter = &keys
	config.MinVersion = tls.VersionTLS13

	trusting := agent.Config{TLS: agent.NewTLSPolicy(config)}
	if got, err := run(t, trusting, get(mutual)); err != nil || !strings.HasPrefix(got, "200 ") {
		t.Errorf("with a certificate: %.60q, %v", got, err)
	}
	for _, label := range []string{"CLIENT_HANDSHAKE_TRAFFIC_SECRET ", "SERVER_TRAFFIC_SECRET_0 "} {
		if !strings.Contains(keys.String(), label) {
			t.Errorf("the log of keys has no %s:\n%s", label, &keys)
		}
	}
	for name, test := range map[string]struct {
		config *tls.Config
		kind   any // nil: an alert of the server
	}{
		"without a certificate":                {authority.ClientTLS(), nil},
		"with a certificate of another":        {&tls.Config{RootCAs: authority.Roots(), Certificates: []tls.Certificate{other.Certificate("me")}}, nil},
		"with another authority's root":        {other.ClientTLS("me"), new(*tls.CertificateVerificationError)},
		"with the roots of the system":         {nil, new(*tls.CertificateVerificationError)},
		"with a name that is not the server's": {&tls.Config{RootCAs: authority.Roots(), ServerName: "an.example"}, new(*tls.CertificateVerificationError)},
	} {
		_, err := run(t, agent.Config{TLS: agent.NewTLSPolicy(test.config)}, get(mutual))
		if err == nil || test.kind != nil && (!errors.As(err, test.kind) || !errors.Is(err, reactor.ErrHandshake)) {
			t.Errorf("%s: %v", name, err)
		}
		if test.kind == nil && !strings.Contains(fmt.Sprint(err), "tls: ") {
			t.Errorf("%s: %v does not name the server's alert", name, err)
		}
	}

	second := openssl(t, &authority, "-alpn", "h2")
	first := new(http.Protocols)
	first.SetHTTP1(true)
	_, err := run(t, agent.Config{TLS: agent.NewTLSPolicy(authority.ClientTLS()), Protocols: first}, get(second))
	if err == nil || !strings.Contains(err.Error(), ": the server speaks HTTP/2 only: allow it in agent.Config.Protocols") {
		t.Errorf("HTTP/2 only: %v", err)
	}
}
