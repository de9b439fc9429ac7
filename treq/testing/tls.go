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

// An authority issues the certificates of the hosts that a test connects to. Its key is
// the same each time, and no secret.
type authority struct {
	key       ed25519.PrivateKey // Ed25519 since all its signatures have one length
	root      *x509.Certificate
	roots     *x509.CertPool
	named     map[string]*tls.Certificate // by host name; "" for all addresses
	addresses []net.IP                    // hosts without a name, which a client does not send
}

// curves leaves out the slow ones.
var curves = []tls.CurveID{tls.X25519}

func newAuthority() *authority {
	a := &authority{
		key:   ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize)),
		roots: x509.NewCertPool(),
		named: make(map[string]*tls.Certificate),
	}
	a.root = template("a test")
	a.root.IsCA, a.root.BasicConstraintsValid = true, true
	root, err := a.issue(a.root)
	if err != nil {
		panic(err) // the root certificate is the same each time
	}
	a.root = root.Leaf
	a.roots.AddCert(a.root)
	return a
}

// template returns an unsigned certificate. It is valid for a hundred years from the Unix
// epoch, where the clock of a memory reactor starts.
func template(name string) *x509.Certificate {
	epoch := time.Unix(0, 0)
	return &x509.Certificate{
		SerialNumber: big.NewInt(1),
		Subject:      pkix.Name{CommonName: name},
		NotBefore:    epoch,
		NotAfter:     epoch.AddDate(100, 0, 0),
	}
}

func (a *authority) issue(template *x509.Certificate) (*tls.Certificate, error) {
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
		GetCertificate: a.certificate,
		NextProtos:     []string{"http/1.1"}, CurvePreferences: curves,
	}
}

// certificate returns the certificate of the host that the client named. If the client
// named none, the certificate is for all addresses.
func (a *authority) certificate(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
	host := hello.ServerName
	if c := a.named[host]; c != nil {
		return c, nil
	}
	t := template(host)
	if host != "" {
		t.DNSNames = []string{host}
	} else {
		t.IPAddresses = a.addresses
	}
	c, err := a.issue(t)
	if err == nil {
		a.named[host] = c
	}
	return c, err
}
