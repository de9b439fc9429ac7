// Package owntls starts servers of https for an example, with an authority of their own.
package owntls

import (
	"crypto/tls"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"

	treqtesting "github.com/seed-7c003b53/gotreq/treq/testing"
)

// Files are the files of an authority, in PEM, in a temporary folder.
type Files struct {
	Root              string // the root certificate
	Client, ClientKey string // the certificate of the client "me"
	Folder            string
}

// Start starts a server that wants a certificate of its clients, and one that speaks HTTP/2
// only. It returns their URLs and the files of the authority that both trust. The servers run
// until the program ends; remove removes the files.
func Start() (mutual, secondVersion string, files Files, remove func()) {
	var authority treqtesting.Authority
	folder, err := os.MkdirTemp("", "owntls")
	if err != nil {
		panic(err)
	}
	file := func(name string, text []byte) string {
		path := filepath.Join(folder, name)
		if err := os.WriteFile(path, text, 0o600); err != nil {
			panic(err)
		}
		return path
	}
	certificate, key := authority.CertificatePEM("me")
	files = Files{file("root.pem", authority.RootPEM()), file("client.pem", certificate), file("client-key.pem", key), folder}

	config := authority.ServerTLS("127.0.0.1")
	config.ClientAuth, config.ClientCAs = tls.RequireAndVerifyClientCert, authority.Roots()
	mutual = serve(config)
	config = authority.ServerTLS("127.0.0.1")
	config.NextProtos = []string{"h2"}
	// crypto/tls lets a client of HTTP/1.1 in although the server has h2 only.
	config.GetConfigForClient = func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
		if slices.Contains(hello.SupportedProtos, "h2") {
			return nil, nil
		}
		refusing := config.Clone()
		refusing.NextProtos = []string{"no protocol of this client"}
		return refusing, nil
	}
	return mutual, serve(config), files, func() { os.RemoveAll(folder) }
}

// serve starts a server that greets the client by the name in its certificate.
func serve(config *tls.Config) (url string) {
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		name := "you"
		if certificates := r.TLS.PeerCertificates; len(certificates) != 0 {
			name = certificates[0].Subject.CommonName
		}
		fmt.Fprintf(w, "hello, %s, over %s\n", name, r.Proto)
	}))
	s.TLS = config
	s.EnableHTTP2 = len(config.NextProtos) != 0
	s.Config.ErrorLog = log.New(io.Discard, "", 0) // of refused handshakes
	s.StartTLS()
	return s.URL
}
