package testing

import (
	"crypto/ed25519"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"strings"
	"time"
)

// An Authority issues certificates for tests, to servers and to clients. The zero value
// works:
//
//	var authority treqtesting.Authority
//	server := reactor.TLSServer(r, reactor.TLSConfig{Config: authority.ServerTLS("an.example")}, site)
//	client := agent.Config{TLS: agent.NewTLSPolicy(authority.ClientTLS())}
//
// The same Name and the same names give the same certificates and keys in each run: they
// are no secrets. The keys are Ed25519's, whose signatures all have one length.
//
// An Authority belongs to one goroutine. Change its fields only before the first
// certificate.
type Authority struct {
	// Name is the name in the root certificate. Each name has a key of its own, so that
	// an Authority with another name is one that nobody trusts. "" means "a test".
	Name string
	// NotBefore and NotAfter bound the time in which the issued certificates are valid,
	// by the clock of the reactor that verifies them. The zero values mean the Unix epoch,
	// where the clock of a memory reactor starts, and a hundred years after it: valid on
	// a real reactor, too. The root certificate is always valid for that time.
	NotBefore, NotAfter time.Time

	key  ed25519.PrivateKey
	root *x509.Certificate
}

// lifetime is the time in which certificates are valid.
var lifetime = [2]time.Time{time.Unix(0, 0), time.Unix(0, 0).AddDate(100, 0, 0)}

// start makes the root certificate.
func (a *Authority) start() {
	if a.root != nil {
		return
	}
	name := a.Name
	if name == "" {
		name = "a test"
	}
	a.key = keyFor(name)
	root := &x509.Certificate{
		SerialNumber:          big.NewInt(1),
		Subject:               pkix.Name{CommonName: name},
		NotBefore:             lifetime[0],
		NotAfter:              lifetime[1],
		KeyUsage:              x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
		BasicConstraintsValid: true,
		IsCA:                  true,
	}
	a.root = sign(root, root, a.key, a.key)
}

// keyFor returns the key that belongs to names.
func keyFor(names ...string) ed25519.PrivateKey {
	seed := sha256.Sum256([]byte(strings.Join(names, "\x00")))
	return ed25519.NewKeyFromSeed(seed[:])
}

// sign returns the certificate of key that template describes.
func sign(template, parent *x509.Certificate, key, parentKey ed25519.PrivateKey) *x509.Certificate {
	der, err := x509.CreateCertificate(nil, template, parent, key.Public(), parentKey)
	if err == nil {
		var c *x509.Certificate
		if c, err = x509.ParseCertificate(der); err == nil {
			return c
		}
	}
	panic("testing: a certificate for " + template.Subject.CommonName + ": " + err.Error())
}

// Certificate returns a certificate for a server or a client, with its private key. The names
// are host names, also "*.an.example", and IP addresses; the first one is also its common
// name. Certificate panics without names, and on names that no certificate can have.
func (a *Authority) Certificate(names ...string) tls.Certificate {
	a.start()
	if len(names) == 0 {
		panic("testing: Certificate without a name")
	}
	key := keyFor(append([]string{a.root.Subject.CommonName, "issues"}, names...)...)
	serial := sha256.Sum256(key)
	template := &x509.Certificate{
		SerialNumber: new(big.Int).SetBytes(serial[:8]),
		Subject:      pkix.Name{CommonName: names[0]},
		NotBefore:    a.NotBefore,
		NotAfter:     a.NotAfter,
		KeyUsage:     x509.KeyUsageDigitalSignature,
		ExtKeyUsage:  []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	if template.NotBefore.IsZero() {
		template.NotBefore = lifetime[0]
	}
	if template.NotAfter.IsZero() {
		template.NotAfter = lifetime[1]
	}
	for _, name := range names {
		if ip := net.ParseIP(name); ip != nil {
			template.IPAddresses = append(template.IPAddresses, ip)
		} else {
			template.DNSNames = append(template.DNSNames, name)
		}
	}
	leaf := sign(template, a.root, key, a.key)
	return tls.Certificate{Certificate: [][]byte{leaf.Raw}, PrivateKey: key, Leaf: leaf}
}

// Roots returns a pool with the root certificate alone, for tls.Config.RootCAs or ClientCAs.
func (a *Authority) Roots() *x509.CertPool {
	a.start()
	roots := x509.NewCertPool()
	roots.AddCert(a.root)
	return roots
}

// ServerTLS returns the configuration of a server with a certificate for names. A server that
// asks its clients for certificates of a sets ClientAuth in it.
func (a *Authority) ServerTLS(names ...string) *tls.Config {
	return &tls.Config{Certificates: []tls.Certificate{a.Certificate(names...)}, ClientCAs: a.Roots()}
}

// ClientTLS returns the configuration of a client that trusts a alone. With names, the client
// has a certificate for them.
func (a *Authority) ClientTLS(names ...string) *tls.Config {
	config := &tls.Config{RootCAs: a.Roots()}
	if len(names) != 0 {
		config.Certificates = []tls.Certificate{a.Certificate(names...)}
	}
	return config
}

// RootPEM returns the root certificate in PEM, for a file that another program reads, such as
// that of curl --cacert.
func (a *Authority) RootPEM() []byte {
	a.start()
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: a.root.Raw})
}

// CertificatePEM returns the result of Certificate in PEM: the certificate and its key, for the
// files that another program reads.
func (a *Authority) CertificatePEM(names ...string) (certificate, key []byte) {
	c := a.Certificate(names...)
	der, err := x509.MarshalPKCS8PrivateKey(c.PrivateKey)
	if err != nil {
		panic(err) // the key is Ed25519's
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Certificate[0]}),
		pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
}
