// Own_ca talks with servers whose certificates an authority of its own has issued: one that
// wants a certificate of the client too, and one that speaks HTTP/2 only, which the client agrees
// on in the handshake. It writes the keys of its connections to a file, with which Wireshark can
// read them.
package main

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net/http"
	"os"
	"path/filepath"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/examples/internal/owntls"
	"github.com/seed-7c003b53/gotreq/examples/internal/printing"
	"github.com/seed-7c003b53/gotreq/reactor"
	"github.com/seed-7c003b53/gotreq/reactor/task"
	"github.com/seed-7c003b53/gotreq/treq/agent"
	"github.com/seed-7c003b53/gotreq/treq/client"
)

func main() { task.React(run) }

func run(r reactor.Reactor) *deferred.Deferred[int] {
	return deferred.Go(func(co *deferred.Co) (int, error) {
		mutual, secondVersion, files, remove := owntls.Start()
		defer remove()
		root, err := os.ReadFile(files.Root)
		if err != nil {
			return 0, err
		}
		config := &tls.Config{RootCAs: x509.NewCertPool()}
		config.RootCAs.AppendCertsFromPEM(root)
		own, err := tls.LoadX509KeyPair(files.Client, files.ClientKey)
		if err != nil {
			return 0, err
		}
		config.Certificates = []tls.Certificate{own}
		keys, err := os.Create(filepath.Join(files.Folder, "keys.log"))
		if err != nil {
			return 0, err
		}
		defer keys.Close()
		config.KeyLogWriter = keys

		c := client.New(r, client.Config{AgentConfig: agent.Config{TLS: agent.NewTLSPolicy(config)}})
		for _, url := range []string{mutual, secondVersion} {
			if _, err := deferred.Await(co, deferred.Then(c.Get(url), printing.Response)); err != nil {
				return 0, err
			}
		}
		first := new(http.Protocols) // a client without HTTP/2 is told so
		first.SetHTTP1(true)
		old := client.New(r, client.Config{AgentConfig: agent.Config{TLS: agent.NewTLSPolicy(config), Protocols: first}})
		_, err = deferred.Await(co, old.Get(secondVersion))
		return fmt.Println(err)
	})
}
