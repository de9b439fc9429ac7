package endpoints_test

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/seed-7c003b53/gotreq/internal/testkit/testcert"
	"github.com/seed-7c003b53/gotreq/reactor"
	"github.com/seed-7c003b53/gotreq/reactor/endpoints"
	"github.com/seed-7c003b53/gotreq/reactor/memory"
)

// A store is a folder with the files that the tests' descriptions name.
type store string

// newStore returns a store with certificates of an.example, another.example and a client.
func newStore(t testing.TB) store {
	t.Helper()
	s := store(t.TempDir())
	for _, name := range []string{"an.example", "another.example", "client"} {
		key, cert := encoded(name)
		s.write(t, name+"/key", key)
		s.write(t, name+"/cert.pem", cert)
		s.write(t, name+"/both", append(key, cert...))
	}
	s.write(t, "bad/cert.pem", []byte("no PEM"))
	s.write(t, "empty/readme", nil)
	return s
}

// encoded returns a key and its certificate for name, in PEM.
func encoded(name string) (key, cert []byte) {
	pair, _ := testcert.New(name)
	der, err := x509.MarshalPKCS8PrivateKey(pair.PrivateKey)
	if err != nil {
		panic(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}),
		pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: pair.Certificate[0]})
}

// certificateOf returns a temporary folder with the file cert.pem, which has a key and its
// certificate for name. remove removes the folder.
func certificateOf(name string) (folder string, remove func()) {
	folder, err := os.MkdirTemp("", "gotreq")
	if err != nil {
		panic(err)
	}
	key, cert := encoded(name)
	if err := os.WriteFile(filepath.Join(folder, "cert.pem"), append(key, cert...), 0o600); err != nil {
		panic(err)
	}
	return folder, func() { os.RemoveAll(folder) }
}

func (s store) write(t testing.TB, name string, content []byte) {
	t.Helper()
	name = filepath.Join(string(s), name)
	if err := errors.Join(os.MkdirAll(filepath.Dir(name), 0o700), os.WriteFile(name, content, 0o600)); err != nil {
		t.Fatal(err)
	}
}

// path replaces "@name" in a description by the quoted name of the file in the store.
func (s store) path(description string) string {
	return strings.ReplaceAll(description, "@", endpoints.QuoteStringArgument(string(s)+string(filepath.Separator)))
}

func TestTLSFromString(t *testing.T) {
	s := newStore(t)
	for _, c := range []struct {
		name           string
		server, client string
		chain          int   // length of the chain that the client gets
		err            error // in the chain of the client's error
	}{
		{name: "one file", server: "ssl:443:privateKey=@an.example/both", client: "tls:an.example:443:trustRoots=@an.example", chain: 1},
		{name: "two files", server: "ssl:443:privateKey=@an.example/key:certKey=@an.example/cert.pem", client: "tls:an.example:443:trustRoots=@an.example", chain: 1},
		{name: "a chain", server: "ssl:443:privateKey=@an.example/both:extraCertChain=@another.example/cert.pem", client: "tls:an.example:443:trustRoots=@an.example", chain: 2},
		{name: "names", server: "SSL:port=443:privateKey=@an.example/both", client: "TLS:port=443:host=an.example:trustRoots=@an.example", chain: 1},
		{name: "an interface", server: "ssl:443:interface=192.0.2.1:privateKey=@an.example/both", client: "tls:an.example:443:timeout=5:bindAddress=192.0.2.9:trustRoots=@an.example", chain: 1},
		{name: "another name", server: "ssl:443:privateKey=@another.example/both", client: "tls:an.example:443:trustRoots=@another.example", err: reactor.ErrHandshake},
		{name: "other roots", server: "ssl:443:privateKey=@an.example/both", client: "tls:an.example:443:trustRoots=@another.example", err: reactor.ErrHandshake},
		{name: "the system's roots", server: "ssl:443:privateKey=@an.example/both", client: "tls:an.example:443", err: reactor.ErrHandshake},
		{name: "an answer without TLS", server: "tcp:443", client: "tls:an.example:443:trustRoots=@an.example", err: reactor.ErrHandshake},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := memory.New()
			r.AddHost("an.example", "192.0.2.1")
			server, err := endpoints.ServerFromString(r, s.path(c.server))
			if err != nil {
				t.Fatal(err)
			}
			client, err := endpoints.ClientFromString(r, s.path(c.client))
			if err != nil {
				t.Fatal(err)
			}
			if secure, ok := client.(endpoints.SecureEndpoint); !ok || !secure.Secure() {
				t.Error("the endpoint is not secure")
			}
			server.Listen(reactor.FactoryFunc(func(net.Addr) reactor.Protocol { return &hello{} }))
			p := &hello{}
			d := await(r, endpoints.ConnectProtocol(client, p))
			r.Pump()
			if c.err != nil {
				if !errors.Is(d.err, c.err) {
					t.Errorf("error %v, want %v", d.err, c.err)
				}
				return
			}
			valueOf(t, d)
			if got := len(p.transport.TLS().PeerCertificates); p.heard != "hello" || got != c.chain {
				t.Errorf("heard %q from a server with %d certificates, want %d", p.heard, got, c.chain)
			}
			if attempt := r.TCPClients[0]; c.name == "an interface" && (attempt.LocalAddress != "192.0.2.9:0" || attempt.Timeout == 0) {
				t.Errorf("the attempt is %+v", attempt)
			}
			p.transport.LoseConnection()
			r.Pump()
		})
	}
}

func TestClientCertificateFromString(t *testing.T) {
	s := newStore(t)
	for _, arguments := range []string{
		"", // no certificate
		":certificate=@client/both",
		":certificate=@client/cert.pem:privateKey=@client/key",
	} {
		t.Run(arguments, func(t *testing.T) {
			r := memory.New()
			r.AddHost("an.example", "192.0.2.1")
			pair, err := tls.LoadX509KeyPair(filepath.Join(string(s), "an.example/both"), filepath.Join(string(s), "an.example/both"))
			if err != nil {
				t.Fatal(err)
			}
			config := &tls.Config{Certificates: []tls.Certificate{pair}, ClientAuth: tls.RequestClientCert}
			var server hello
			endpoints.WrapTLSServer(r, reactor.TLSConfig{Config: config}, endpoints.NewTCPServer(r, ":443")).
				Listen(reactor.FactoryFunc(func(net.Addr) reactor.Protocol { return &server }))
			client, err := endpoints.ClientFromString(r, s.path("tls:an.example:443:trustRoots=@an.example"+arguments))
			if err != nil {
				t.Fatal(err)
			}
			d := await(r, endpoints.ConnectProtocol(client, &hello{}))
			r.Pump()
			valueOf(t, d)
			switch certs := server.transport.TLS().PeerCertificates; {
			case arguments == "" && len(certs) != 0:
				t.Errorf("the server got %d certificates", len(certs))
			case arguments != "" && (len(certs) != 1 || certs[0].DNSNames[0] != "client"):
				t.Errorf("the server got %d certificates, want that of the client", len(certs))
			}
		})
	}
}

// TestCertificatesFromString: what is wrong with the files is an error of the description.
func TestCertificatesFromString(t *testing.T) {
	s := newStore(t)
	for _, c := range []struct {
		description string
		want        string // in the error; "@" is the store
	}{
		{"ssl", "the port is missing"},
		{"ssl:443", "the privateKey is missing"},
		{"ssl:443:certKey=@an.example/cert.pem", "the privateKey is missing"},
		{"ssl:443:privateKey=@none", "open @none: "},
		{"ssl:443:privateKey=@an.example/key", "the certificate of @an.example/key and the key of @an.example/key: "},
		{"ssl:443:privateKey=@an.example/cert.pem", "the certificate of @an.example/cert.pem and the key of @an.example/cert.pem: "},
		{"ssl:443:privateKey=@an.example/key:certKey=@another.example/cert.pem", "the certificate of @another.example/cert.pem and the key of @an.example/key: tls: private key does not match"},
		{"ssl:443:privateKey=@an.example/both:extraCertChain=@an.example/key", "the file @an.example/key has no certificate"},
		{"ssl:443:privateKey=@an.example/both:extraCertChain=@none", "open @none: "},
		{"ssl:443:privateKey=@an.example/both:sslmethod=SSLv23_METHOD", `there is no argument called "sslmethod"`},
		{"ssl:443:@an.example/both", "is one argument too many"},

		{"tls:an.example", "the port is missing"},
		{"tls:an.example:443:trustRoots=@none", "open @none: "},
		{"tls:an.example:443:trustRoots=@empty", "the folder @empty has no .pem files"},
		{"tls:an.example:443:trustRoots=@bad", "the file @bad/cert.pem has no certificate"},
		{"tls:an.example:443:certificate=@client/cert.pem", "the certificate of @client/cert.pem and the key of @client/cert.pem: "},
		{"tls:an.example:443:privateKey=@client/key", "the certificate is missing"},
		{"tls:an.example:443:certificate=@none:privateKey=@client/key", "open @none: "},
		{"tls:an.example:443:endpoint=unix", `there is no argument called "endpoint"`},
	} {
		t.Run(c.description, func(t *testing.T) {
			r := memory.New()
			var endpoint any
			var err error
			if strings.HasPrefix(c.description, "ssl") {
				endpoint, err = endpoints.ServerFromString(r, s.path(c.description))
			} else {
				endpoint, err = endpoints.ClientFromString(r, s.path(c.description))
			}
			want := strings.ReplaceAll(c.want, "@", filepath.ToSlash(string(s))+"/")
			if err == nil || !strings.Contains(filepath.ToSlash(err.Error()), want) {
				t.Errorf("got %v and the error %v, want %q in the error", endpoint, err, want)
			}
		})
	}
}
