package main

import (
	"bufio"
	"compress/gzip"
	"compress/zlib"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/binary"
	"encoding/pem"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/zstd"
	"github.com/mccutchen/go-httpbin/v2/httpbin"
)

// A world is the servers that the probes talk with. All are on this machine.
type world struct {
	HTTP  string // the URL of the server
	HTTPS string // the URL of the same server over TLS, which also speaks HTTP/2
	CA    string // the file of the certificate that signs the server's
	Proxy string // the URL of an HTTP proxy, with its user and password
	SOCKS string // the host and port of a SOCKS5 server
	Dead  string // the host and port of a listener that completes no connection
	Home  string // a folder with a .netrc

	behind  map[string]string // the address of the server for each port of example.com
	proxied atomic.Int64      // the requests and tunnels that the proxy let through
	socks   atomic.Int64      // the connections that the SOCKS server made
	mu      sync.Mutex
	counts  map[string]int // by the id of a query
}

// count adds n to the count of id and returns the sum.
func (w *world) count(id string, n int) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.counts[id] += n
	return w.counts[id]
}

// start starts all servers. They end with the program.
func start(folder string) (*world, error) {
	w := &world{counts: map[string]int{}, Home: folder, CA: filepath.Join(folder, "ca.pem")}
	handler := w.handler()
	plain := httptest.NewServer(handler)
	secure := httptest.NewUnstartedServer(handler)
	secure.EnableHTTP2 = true
	secure.StartTLS()
	w.HTTP, w.HTTPS = plain.URL, secure.URL
	w.behind = map[string]string{"80": plain.Listener.Addr().String(), "443": secure.Listener.Addr().String()}
	cert := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: secure.Certificate().Raw})
	if err := os.WriteFile(w.CA, cert, 0o600); err != nil {
		return nil, err
	}
	netrc := "machine 127.0.0.1 login user password passwd\n"
	if err := os.WriteFile(filepath.Join(folder, ".netrc"), []byte(netrc), 0o600); err != nil {
		return nil, err
	}
	proxy := httptest.NewServer(http.HandlerFunc(w.proxy))
	w.Proxy = strings.Replace(proxy.URL, "//", "//user:passwd@", 1)
	var err error
	if w.SOCKS, err = w.startSOCKS(); err != nil {
		return nil, err
	}
	w.Dead, err = deadAddress()
	return w, err
}

func (w *world) tlsConfig() *tls.Config {
	roots := x509.NewCertPool()
	data, _ := os.ReadFile(w.CA)
	roots.AppendCertsFromPEM(data)
	return &tls.Config{RootCAs: roots}
}

func (w *world) handler() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/", httpbin.New())
	text := func(pattern string, f func(r *http.Request) string) {
		mux.HandleFunc(pattern, func(rw http.ResponseWriter, r *http.Request) { io.WriteString(rw, f(r)) })
	}
	text("/remote", func(r *http.Request) string { return r.RemoteAddr })
	text("/host", func(r *http.Request) string { return r.Host })
	text("/proto", func(r *http.Request) string { return r.Proto })
	text("/agent", func(r *http.Request) string { return r.UserAgent() })
	text("/path/", func(r *http.Request) string { return r.URL.EscapedPath() })
	text("/proxied", func(*http.Request) string { return strconv.FormatInt(w.proxied.Load(), 10) })
	text("/socks", func(*http.Request) string { return strconv.FormatInt(w.socks.Load(), 10) })
	text("/received", func(r *http.Request) string { return strconv.Itoa(w.count(r.FormValue("id"), 0)) })
	mux.HandleFunc("/latin1", func(rw http.ResponseWriter, _ *http.Request) {
		rw.Header().Set("Content-Type", "text/plain; charset=iso-8859-1")
		rw.Write([]byte("caf\xe9"))
	})
	mux.HandleFunc("/links", func(rw http.ResponseWriter, _ *http.Request) { rw.Header().Set("Link", `</2>; rel="next"`) })
	mux.HandleFunc("/upload", func(_ http.ResponseWriter, r *http.Request) {
		buf := make([]byte, 4096)
		for {
			n, err := r.Body.Read(buf)
			w.count(r.URL.Query().Get("id"), n)
			if err != nil {
				return
			}
		}
	})
	mux.HandleFunc("/coded", coded)
	mux.HandleFunc("/silent", func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	mux.HandleFunc("/stall", func(rw http.ResponseWriter, r *http.Request) {
		io.WriteString(rw, "one piece")
		rw.(http.Flusher).Flush()
		<-r.Context().Done()
	})
	mux.HandleFunc("/trickle", func(rw http.ResponseWriter, r *http.Request) {
		for r.Context().Err() == nil {
			io.WriteString(rw, ".")
			rw.(http.Flusher).Flush()
			time.Sleep(50 * time.Millisecond)
		}
	})
	mux.HandleFunc("/flaky", func(rw http.ResponseWriter, r *http.Request) {
		if w.count(r.FormValue("id"), 1) < 3 {
			rw.Header().Set("Retry-After", "1")
			rw.WriteHeader(http.StatusServiceUnavailable)
		}
	})
	mux.HandleFunc("/token", func(rw http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer new" {
			rw.WriteHeader(http.StatusUnauthorized)
		}
	})
	return mux
}

// coded answers in the content coding that the query asks for, if the client accepts it.
func coded(rw http.ResponseWriter, r *http.Request) {
	coding := r.FormValue("coding")
	if !strings.Contains(r.Header.Get("Accept-Encoding"), coding) {
		io.WriteString(rw, "not accepted")
		return
	}
	rw.Header().Set("Content-Encoding", coding)
	var to io.WriteCloser
	switch coding {
	case "gzip":
		to = gzip.NewWriter(rw)
	case "deflate":
		to = zlib.NewWriter(rw)
	case "br":
		to = brotli.NewWriter(rw)
	case "zstd":
		to, _ = zstd.NewWriter(rw)
	}
	io.WriteString(to, "decoded")
	to.Close()
}

// dial connects to the server as if it were example.com, for the proxy and SOCKS: libraries
// send nothing for this machine through a proxy of the environment.
func (w *world) dial(host, port string) (net.Conn, error) {
	if host != "example.com" {
		return nil, fmt.Errorf("the name %q is not known here", host)
	}
	return net.Dial("tcp", w.behind[port])
}

// proxy forwards requests to example.com, and opens tunnels to it.
func (w *world) proxy(rw http.ResponseWriter, r *http.Request) {
	if r.Header.Get("Proxy-Authorization") != "Basic "+base64.StdEncoding.EncodeToString([]byte("user:passwd")) {
		rw.Header().Set("Proxy-Authenticate", `Basic realm="proxy"`)
		rw.WriteHeader(http.StatusProxyAuthRequired)
		return
	}
	w.proxied.Add(1)
	if r.Method != http.MethodConnect {
		out := r.Clone(r.Context())
		out.RequestURI = ""
		out.URL.Host = w.behind["80"]
		resp, err := http.DefaultTransport.RoundTrip(out)
		if err != nil {
			http.Error(rw, err.Error(), http.StatusBadGateway)
			return
		}
		defer resp.Body.Close()
		rw.WriteHeader(resp.StatusCode)
		io.Copy(rw, resp.Body)
		return
	}
	host, port, _ := net.SplitHostPort(r.Host)
	to, err := w.dial(host, port)
	if err != nil {
		http.Error(rw, err.Error(), http.StatusBadGateway)
		return
	}
	from, buffered, _ := rw.(http.Hijacker).Hijack()
	io.WriteString(from, "HTTP/1.1 200 OK\r\n\r\n")
	join(from, buffered.Reader, to)
}

// join copies both ways between two connections, and closes them.
func join(a net.Conn, fromA io.Reader, b net.Conn) {
	go func() {
		io.Copy(b, fromA)
		b.Close()
	}()
	io.Copy(a, b)
	a.Close()
}

func (w *world) startSOCKS() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go w.serveSOCKS(c)
		}
	}()
	return l.Addr().String(), nil
}

// serveSOCKS serves CONNECT without authentication (RFC 1928).
func (w *world) serveSOCKS(c net.Conn) {
	defer c.Close()
	r := bufio.NewReader(c)
	greeting := make([]byte, 2)
	if _, err := io.ReadFull(r, greeting); err != nil || greeting[0] != 5 {
		return
	}
	r.Discard(int(greeting[1]))
	c.Write([]byte{5, 0})
	head := make([]byte, 4)
	if _, err := io.ReadFull(r, head); err != nil {
		return
	}
	size := map[byte]int{1: 4, 4: 16}[head[3]]
	if head[3] == 3 {
		n, _ := r.ReadByte()
		size = int(n)
	}
	address := make([]byte, size+2)
	if _, err := io.ReadFull(r, address); err != nil {
		return
	}
	host := string(address[:size])
	if head[3] != 3 {
		host = net.IP(address[:size]).String()
	}
	to, err := w.dial(host, fmt.Sprint(binary.BigEndian.Uint16(address[size:])))
	if err != nil {
		c.Write([]byte{5, 5, 0, 1, 0, 0, 0, 0, 0, 0})
		return
	}
	w.socks.Add(1)
	c.Write([]byte{5, 0, 0, 1, 0, 0, 0, 0, 0, 0})
	join(c, r, to)
}
