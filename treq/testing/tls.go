package testing

import (
	"crypto/tls"
	"net"
	"slices"
)

// This file has the TLS of a RequestTraversalAgent with Config.RealTLS.

// An authority issues the certificates of the hosts that a test connects to.
type authority struct {
	Authority
	protocols []string                    // what both ends offer by ALPN
	named     map[string]*tls.Certificate // by host name; "" for all addresses
	addresses []string                    // hosts without a name, which a client does not send
}

// curves leaves out the slow ones.
var curves = []tls.CurveID{tls.X25519}

func newAuthority(protocols []string) *authority {
	return &authority{protocols: protocols, named: make(map[string]*tls.Certificate)}
}

// client returns the configuration of a connection to host.
func (a *authority) client(host string) *tls.Config {
	if ip := net.ParseIP(host); ip != nil && !slices.Contains(a.addresses, ip.String()) {
		a.addresses = append(a.addresses, ip.String())
		delete(a.named, "")
	}
	config := a.ClientTLS()
	config.ServerName, config.NextProtos, config.CurvePreferences = host, a.protocols, curves
	return config
}

// server returns the configuration of all hosts.
func (a *authority) server() *tls.Config {
	return &tls.Config{
		GetCertificate: a.certificate,
		NextProtos:     a.protocols, CurvePreferences: curves,
	}
}

// certificate returns the certificate of the host that the client named. If the client
// named none, the certificate is for all addresses.
func (a *authority) certificate(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
	host := hello.ServerName
	if c := a.named[host]; c != nil {
		return c, nil
	}
	names := a.addresses
	if host != "" {
		names = []string{host}
	}
	c := a.Certificate(names...)
	a.named[host] = &c
	return &c, nil
}
