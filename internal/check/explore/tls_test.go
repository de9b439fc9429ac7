package explore

import (
	"crypto/ed25519"
	"crypto/tls"
	"crypto/x509"
	"math/big"
	"time"

	"github.com/seed-7c003b53/gotreq/treq/agent"
)

// This file has the TLS of the origins and users. The signatures of an Ed25519 key have one length, so the records of all
// handshakes are equally long, and a replay is exact. X25519 takes the least time.

var (
	certificate tls.Certificate
	roots       = x509.NewCertPool()
	curves      = []tls.CurveID{tls.X25519}
)

// Nothing of TLS outlives a run: a server's tls.Config keeps keys that it draws, and a TLSPolicy keeps sessions.

// serverTLS returns the configuration of one origin in one run.
func serverTLS() *tls.Config {
	return &tls.Config{Certificates: []tls.Certificate{certificate}, CurvePreferences: curves}
}

// newPolicy returns the policy of the users of one run.
func newPolicy() *agent.TLSPolicy {
	return agent.NewTLSPolicy(&tls.Config{RootCAs: roots, CurvePreferences: curves})
}

func init() {
	key := ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize))
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), DNSNames: []string{"*.example"},
		NotBefore: time.Unix(0, 0), NotAfter: time.Unix(0, 0).AddDate(100, 0, 0),
		BasicConstraintsValid: true, IsCA: true,
	}
	der, err := x509.CreateCertificate(nil, template, template, key.Public(), key)
	if err != nil {
		panic(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		panic(err)
	}
	roots.AddCert(leaf)
	certificate = tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}
}
