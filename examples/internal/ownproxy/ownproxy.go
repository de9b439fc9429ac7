// Package ownproxy starts proxies for an example, with a site that only they reach.
package ownproxy

import (
	"bufio"
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
)

// Proxies are running proxies, which ask for a password. They lead every request for
// https://example.com or http://example.com to one site.
type Proxies struct {
	HTTP, SOCKS string         // their addresses
	Roots       *x509.CertPool // the authority of the site's certificate
}

// Start starts proxies for one user, until the program ends.
func Start(user, password string) *Proxies {
	site := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		scheme := "http"
		if r.TLS != nil {
			scheme = "https"
		}
		fmt.Fprintf(w, "hello from %s://%s", scheme, r.Host)
	})
	plain, secure := httptest.NewServer(site), httptest.NewTLSServer(site)
	roots := x509.NewCertPool()
	roots.AddCert(secure.Certificate())
	there, err := url.Parse(plain.URL)
	if err != nil {
		panic(err)
	}
	p := &httpProxy{
		authorization: "Basic " + base64.StdEncoding.EncodeToString([]byte(user+":"+password)),
		forward:       &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) { r.Out.URL.Host = there.Host }},
		secure:        secure.Listener.Addr().String(),
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	go serveSOCKS(l, user, password, map[byte]string{80: there.Host, 187: p.secure}) // the low bytes of the ports 80 and 443
	return &Proxies{httptest.NewServer(p).Listener.Addr().String(), l.Addr().String(), roots}
}

type httpProxy struct {
	authorization string // the right Proxy-Authorization
	forward       http.Handler
	secure        string // where tunnels lead to
}

func (p *httpProxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch {
	case r.Header.Get("Proxy-Authorization") != p.authorization:
		w.Header().Set("Proxy-Authenticate", "Basic realm=example")
		http.Error(w, "a password, please", http.StatusProxyAuthRequired)
	case r.Method == http.MethodConnect:
		client, _, err := w.(http.Hijacker).Hijack()
		if err == nil {
			join(client, client, p.secure, "HTTP/1.1 200 OK\r\n\r\n")
		}
	default:
		p.forward.ServeHTTP(w, r)
	}
}

// serveSOCKS serves SOCKS5 with a password. ports has the address for the low byte of a port.
func serveSOCKS(l net.Listener, user, password string, ports map[byte]string) {
	for {
		client, err := l.Accept()
		if err != nil {
			return
		}
		go func() {
			defer client.Close()
			in := bufio.NewReader(client)
			read(in, len("\x05\x02\x00\x02"))
			io.WriteString(client, "\x05\x02")
			read(in, len("\x01"))
			if field(in) != user || field(in) != password {
				io.WriteString(client, "\x01\x01")
				return
			}
			io.WriteString(client, "\x01\x00")
			request := read(in, len("\x05\x01\x00\x03\x0bexample.com\x00\x50"))
			join(client, in, ports[request[len(request)-1]], "\x05\x00\x00\x01\x00\x00\x00\x00\x00\x00")
		}()
	}
}

// field reads a text after its length.
func field(in io.Reader) string { return read(in, int(read(in, 1)[0])) }

func read(in io.Reader, n int) string {
	b := make([]byte, n)
	io.ReadFull(in, b)
	return string(b)
}

// join connects a client with the server at address. in has what the client sends.
func join(client net.Conn, in io.Reader, address, answer string) {
	defer client.Close()
	server, err := net.Dial("tcp", address)
	if err != nil {
		return
	}
	defer server.Close()
	io.WriteString(client, answer)
	go func() {
		io.Copy(server, in)
		server.Close()
	}()
	io.Copy(client, server)
}
