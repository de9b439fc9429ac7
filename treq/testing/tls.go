package testing

import (
	"crypto/ed25519"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"net"
	"slices"
	"time"
)

// An authority makes the certificates of the hosts that a test asks for. Its key
// is the same each time, and secret from nobody.
type authority struct {
	key       ed25519.PrivateKey // Ed25519, because its signatures are all of one length
	root      *x509.Certificate
	roots     *x509.CertPool
	named     map[string]*tls.Certificate
	addresses []net.IP // the hosts that have no name: who connects does not say which it wants
}

// curves leaves out those that take much longer.
var curves = []tls.CurveID{tls.X25519}

func newAuthority() *authority {
	a := &authority{
		key:   ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize)),
		roots: x509.NewCertPool(),
		named: make(map[string]*tls.Certificate),
	}
	a.root = certificate("a test")
	a.root.IsCA, a.root.BasicConstraintsValid = true, true
	root, err := a.sign(a.root)
	if err != nil {
		panic(err) // it is the same each time
	}
	a.root = root.Leaf
	a.roots.AddCert(a.root)
	return a
}

// certificate returns a certificate, to be signed, that is valid from the Unix
// epoch, where a clock in memory begins, for a hundred years.
func certificate(name string) *x509.Certificate {
	epoch := time.Unix(0, 0)
	return &x509.Certificate{
		SerialNumber: big.NewInt(1),
		Subject:      pkix.Name{CommonName: name},
		NotBefore:    epoch,
		NotAfter:     epoch.AddDate(100, 0, 0),
	}
}

func (a *authority) sign(template *x509.Certificate) (*tls.Certificate, error) {
	der, err := x509.CreateCertificate(nil, template, a.root, a.key.Public(), a.key)
	if err != nil {
		return nil, err
	}
	leaf, err := x509.ParseCertificate(der)
	return &tls.Certificate{Certificate: [][]byte{der}, PrivateKey: a.key, Leaf: leaf}, err
}

// client returns the configuration of a connection to host.
func (a *authority) client(host string) *tls.Config {
	if ip := net.ParseIP(host); ip != nil && !slices.ContainsFunc(a.addresses, ip.Equal) {
		a.addresses = append(a.addresses, ip)
		delete(a.named, "")
	}
	return &tls.Config{
		ServerName: host, RootCAs: a.roots,
		NextProtos: []string{"http/1.1"}, CurvePreferences: curves,
	}
}

// server returns the configuration of all hosts.
func (a *authority) server() *tls.Config {
	return &tls.Config{
		GetCertificate: a.certificateFor,
		NextProtos:     []string{"http/1.1"}, CurvePreferences: curves,
	}
}

// certificateFor returns the certificate of the host that the client has named, or
// else one that is good for all addresses.
func (a *authority) certificateFor(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
	host := hello.ServerName
	if c := a.named[host]; c != nil {
		return c, nil
	}
	template := certificate(host)
	if host != "" {
		template.DNSNames = []string{host}
	} else {
		template.IPAddresses = a.addresses
	}
	c, err := a.sign(template)
	if err == nil {
		a.named[host] = c
	}
	return c, err
}
