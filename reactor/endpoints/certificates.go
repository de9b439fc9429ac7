package endpoints

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// This file reads the certificates and keys that descriptions of endpoints name. The files are
// read only if no error came before.

// roots returns the certificates in the folder that an argument names, or nil if the argument
// is missing.
func (a *arguments) roots(name string) *x509.CertPool {
	folder := a.optional(name)
	if folder == "" || a.err != nil {
		return nil
	}
	entries, err := os.ReadDir(folder)
	if err != nil {
		a.fail(err)
	}
	pool := x509.NewCertPool()
	found := false
	for _, e := range entries {
		if strings.EqualFold(filepath.Ext(e.Name()), ".pem") {
			found = true
			a.certificates(pool, filepath.Join(folder, e.Name()))
		}
	}
	if !found {
		a.fail(fmt.Errorf("the folder %s has no .pem files", folder))
	}
	return pool
}

// certificates adds the certificates of a file to pool, and returns the file.
func (a *arguments) certificates(pool *x509.CertPool, file string) []byte {
	text := a.read(file)
	if !pool.AppendCertsFromPEM(text) {
		a.fail(fmt.Errorf("the file %s has no certificate", file))
	}
	return text
}

// keyPair returns a certificate with its key and, unless chain is "", with the certificates
// of the file chain.
func (a *arguments) keyPair(certificate, key, chain string) []tls.Certificate {
	if a.err != nil {
		return nil
	}
	certificates := a.read(certificate)
	if chain != "" {
		certificates = slices.Concat(certificates, []byte("\n"), a.certificates(x509.NewCertPool(), chain))
	}
	pair, err := tls.X509KeyPair(certificates, a.read(key))
	if err != nil {
		a.fail(fmt.Errorf("the certificate of %s and the key of %s: %w", certificate, key, err))
	}
	return []tls.Certificate{pair}
}

// read returns the content of a file.
func (a *arguments) read(file string) []byte {
	text, err := os.ReadFile(file)
	if err != nil {
		a.fail(err)
	}
	return text
}
