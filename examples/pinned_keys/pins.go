package main

import (
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"slices"
	"strings"

	"github.com/seed-7c003b53/gotreq/treq/agent"
)

// A pin is the SHA-256 of a SubjectPublicKeyInfo (RFC 7469, section 2.4): it names a key, and
// stays when the certificate of the key is renewed.
type pin [sha256.Size]byte

func pinOf(c *x509.Certificate) pin { return sha256.Sum256(c.RawSubjectPublicKeyInfo) }

// String returns p as curl's --pinnedpubkey takes it.
func (p pin) String() string { return "sha256//" + base64.StdEncoding.EncodeToString(p[:]) }

// parsePin reads what String returns.
func parsePin(text string) (pin, error) {
	hash, ok := strings.CutPrefix(text, "sha256//")
	sum, err := base64.StdEncoding.DecodeString(hash)
	if !ok || err != nil || len(sum) != sha256.Size {
		return pin{}, fmt.Errorf("%q is no pin: that is sha256// and 32 bytes in base64", text)
	}
	return pin(sum), nil
}

// pinned returns a policy that takes a server only if one of pins names its key. All pins but the
// one in use are backups, for the day on which the server changes its key.
//
// The pins stand beside the roots of base: a pin may also name the key of an authority that leads to
// the root. With base.InsecureSkipVerify they take the place of the roots: names and dates
// do not count, and only the server's own key does. pinned sets VerifyConnection, which TLS also
// calls when it resumes a session.
func pinned(base *tls.Config, pins ...pin) *agent.TLSPolicy {
	policy := agent.NewTLSPolicy(base)
	return &agent.TLSPolicy{ConfigFor: func(host, port string) *tls.Config {
		config := policy.ConfigFor(host, port).Clone()
		config.VerifyConnection = func(s tls.ConnectionState) error {
			found := keys(s)
			if slices.ContainsFunc(found, func(p pin) bool { return slices.Contains(pins, p) }) {
				return nil
			}
			return &pinError{host: host, found: found}
		}
		return config
	}}
}

// keys returns the keys that the server has proven to have, or to have been certified by, its own
// first. What else it has sent proves nothing.
func keys(s tls.ConnectionState) (found []pin) {
	chains := s.VerifiedChains
	if chains == nil {
		chains = [][]*x509.Certificate{s.PeerCertificates[:1]}
	}
	for _, certificate := range slices.Concat(chains...) {
		if p := pinOf(certificate); !slices.Contains(found, p) {
			found = append(found, p)
		}
	}
	return found
}

// A pinError says that no pin names a key of a server.
type pinError struct {
	host  string
	found []pin // the server's keys
}

func (e *pinError) Error() string {
	return fmt.Sprintf("no pin names a key of %s: it has %v", e.host, e.found)
}
