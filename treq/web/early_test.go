package web_test

import (
	"bytes"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/seed-7c003b53/gotreq/internal/testkit/testcert"
	"github.com/seed-7c003b53/gotreq/reactor"
	"github.com/seed-7c003b53/gotreq/treq/web"
)

// TestEarlyAnswer checks, over real sockets, that a client whose upload is refused, or that
// sends more than is answered, reads the whole answer. A server that closes a connection
// with unread bytes resets it, and the answer may be lost.
func TestEarlyAnswer(t *testing.T) {
	certificate, roots := testcert.New("127.0.0.1")
	handler := func(f http.HandlerFunc) *web.Site { return &web.Site{Handler: f} }
	large := strings.Repeat("x", 3<<20)
	post := func(length string) string { return "POST / HTTP/1.1\r\nHost: x\r\n" + length + "\r\n\r\n" }
	refuse := func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(413) }
	for _, test := range []struct {
		name string
		site *web.Site
		sent string
		want string
	}{
		{"a handler refuses", handler(refuse), post("Content-Length: 3145728") + large, "HTTP/1.1 413"},
		{"a handler refuses chunks", handler(refuse), post("Transfer-Encoding: chunked") + "300000\r\n" + large + "\r\n0\r\n\r\n", "HTTP/1.1 413"},
		{"a handler answers at length", handler(func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(413)
			io.WriteString(w, large)
		}), post("Content-Length: 3145728") + large, "HTTP/1.1 413"},
		{"a handler reads a part", handler(func(w http.ResponseWriter, r *http.Request) {
			io.ReadFull(r.Body, make([]byte, 100_000))
			w.WriteHeader(413)
		}), post("Content-Length: 3145728") + large, "HTTP/1.1 413"},
		{"content that is too large", &web.Site{Root: web.RenderFunc(hello), MaxContent: 1000}, post("Content-Length: 3145728") + large, "HTTP/1.1 413"},
		{"chunks that are too large", &web.Site{Root: web.RenderFunc(hello), MaxContent: 1000},
			post("Transfer-Encoding: chunked") + "300000\r\n" + large + "\r\n0\r\n\r\n", "HTTP/1.1 413"},
		{"not HTTP", &web.Site{Root: web.RenderFunc(hello)}, "nonsense\r\n" + large, "HTTP/1.1 400"},
		{"a large head", &web.Site{Root: web.RenderFunc(hello)}, "GET / HTTP/1.1\r\nHost: x\r\nA: " + large, "HTTP/1.1 431"},
		{"pipelined after the last", &web.Site{Root: web.RenderFunc(hello), MaxRequests: 1}, strings.Repeat(get, 50_000), "HTTP/1.1 200"},
	} {
		for _, secure := range []bool{false, true} {
			t.Run(fmt.Sprint(test.name, " ", secure), func(t *testing.T) {
				logs(t)
				address := listen(t, func(r reactor.Reactor) reactor.Factory {
					if secure {
						return reactor.TLSServer(r, reactor.TLSConfig{Config: &tls.Config{Certificates: []tls.Certificate{certificate}}}, test.site)
					}
					return test.site
				})
				const rounds = 6
				sent, seen := []byte(test.sent), 0
				for range rounds {
					conn, err := net.Dial("tcp", address)
					if err != nil {
						t.Fatal(err)
					}
					if secure {
						conn = tls.Client(conn, &tls.Config{RootCAs: roots, ServerName: "127.0.0.1"})
					}
					conn.Write(sent) // may fail
					got, err := io.ReadAll(conn)
					if bytes.HasPrefix(got, []byte(test.want)) && err == nil {
						seen++
					} else {
						t.Logf("%.20q, %v", got, err)
					}
					conn.Close()
				}
				want(t, seen, rounds)
			})
		}
	}
}
