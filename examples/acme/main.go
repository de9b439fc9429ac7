// Acme gets a certificate from an ACME server, as Let's Encrypt is one (RFC 8555): it registers
// an account, orders, answers a challenge, and fetches what the server signed. It is the
// counterpart of txacme, a client on Twisted. The program speaks to a server of its own.
package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"fmt"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/examples/internal/ownserver"
	"github.com/seed-7c003b53/gotreq/reactor"
	"github.com/seed-7c003b53/gotreq/reactor/task"
	"github.com/seed-7c003b53/gotreq/treq"
)

func main() { task.React(run) }

func run(r reactor.Reactor) *deferred.Deferred[string] {
	ca, responder := newServer(r), HTTP01{}
	url, err := ownserver.URL(r, ca.site(responder))
	if err != nil {
		return deferred.Fail[string](err)
	}
	ca.http, ca.host = treq.Default, url
	key, _ := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	return deferred.Go(func(co *deferred.Co) (string, error) {
		client, err := deferred.Await(co, NewClient(r, treq.Default, key, url+"/directory"))
		if err != nil {
			return "", err
		}
		defer client.Stop()
		account, err := deferred.Await(co, client.Register("me@an.example"))
		if err != nil {
			return "", err
		}
		fmt.Println("the account is", account.Status, "for", account.Contact)
		text, err := certificate(co, client, key, responder, "an.example")
		if err != nil {
			return "", err
		}
		block, _ := pem.Decode([]byte(text))
		cert, err := x509.ParseCertificate(block.Bytes)
		if err == nil {
			fmt.Println("a certificate for", cert.DNSNames, "by", cert.Issuer.CommonName, "is valid for", cert.NotAfter.Sub(cert.NotBefore))
		}
		return "", err
	})
}
