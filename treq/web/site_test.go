package web_test

import (
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/seed-7c003b53/gotreq/reactor"
	"github.com/seed-7c003b53/gotreq/reactor/memory"
	"github.com/seed-7c003b53/gotreq/treq/web"
)

func TestMain(m *testing.M) {
	slog.SetDefault(slog.New(slog.DiscardHandler)) // some tests are about panics, which are logged
	os.Exit(m.Run())
}

// A client sends bytes and records what comes back.
type client struct {
	reactor.Transport
	got  []byte
	lost error
}

func (c *client) ConnectionMade(t reactor.Transport) { c.Transport = t }
func (c *client) DataReceived(data []byte)           { c.got = append(c.got, data...) }
func (c *client) ConnectionLost(reason error)        { c.lost = reason }

// TestSite is what a Site answers, to the byte. Line ends are written as LF here.
func TestSite(t *testing.T) {
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/plain")
		switch r.URL.Path {
		case "/echo":
			body, _ := io.ReadAll(r.Body)
			fmt.Fprintf(w, "%s %s %s %s %s %d %s", r.Method, r.RequestURI, r.Host, r.Header.Get("A"), body, r.ContentLength, r.Trailer.Get("T"))
		case "/nothing":
		case "/204":
			w.WriteHeader(http.StatusNoContent)
			if _, err := io.WriteString(w, "unwanted"); err != http.ErrBodyNotAllowed {
				t.Error(err)
			}
		case "/304":
			w.WriteHeader(http.StatusNotModified)
		case "/304 with length":
			w.Header().Set("Content-Length", "17")
			w.WriteHeader(http.StatusNotModified)
		case "/close":
			w.Header().Set("Connection", "close")
		case "/panic":
			io.WriteString(w, "lost")
			panic("boom")
		case "/abort":
			panic(http.ErrAbortHandler)
		case "/bad header":
			w.Header().Set("A", "b\r\nC: d")
		case "/bad status":
			w.WriteHeader(1)
		case "/early hints":
			w.WriteHeader(http.StatusEarlyHints)
			w.WriteHeader(http.StatusTeapot)
			w.WriteHeader(http.StatusOK)
		}
	})
	const plain = "Content-Type: text/plain\n"
	ok := func(body string) string {
		return fmt.Sprintf("HTTP/1.1 200 OK\nContent-Length: %d\n%s\n%s", len(body), plain, body)
	}
	tests := []struct {
		name, sent, want string
		closed           bool
	}{
		{"GET", "GET /echo?b HTTP/1.1\nHost: a\nA: c\n\n", ok("GET /echo?b a c  0 "), false},
		{"two, one after another", strings.Repeat("GET /nothing HTTP/1.1\nHost: a\n\n", 2), ok("") + ok(""), false},
		{"POST", "POST /echo HTTP/1.1\nHost: a\nContent-Length: 4\n\ntext", ok("POST /echo a  text 4 "), false},
		{"POST in chunks", "POST /echo HTTP/1.1\nHost: a\nTransfer-Encoding: chunked\n\n4\ntext\n0\nT: u\n\n", ok("POST /echo a  text -1 u"), false},
		{"HEAD", "HEAD /echo HTTP/1.1\nHost: a\n\n", "HTTP/1.1 200 OK\nContent-Length: 17\n" + plain + "\n", false},
		{"204", "GET /204 HTTP/1.1\nHost: a\n\n", "HTTP/1.1 204 No Content\n" + plain + "\n", false},
		{"304", "GET /304 HTTP/1.1\nHost: a\n\n", "HTTP/1.1 304 Not Modified\n" + plain + "\n", false},
		{"304 with length", "GET /304%20with%20length HTTP/1.1\nHost: a\n\n", "HTTP/1.1 304 Not Modified\nContent-Length: 17\n" + plain + "\n", false},
		{"100-continue", "POST /echo HTTP/1.1\nHost: a\nExpect: 100-continue\nContent-Length: 1\n\nx", "HTTP/1.1 100 Continue\n\n" + ok("POST /echo a  x 1 "), false},
		{"the first status counts", "GET /early%20hints HTTP/1.1\nHost: a\n\n", "HTTP/1.1 418 I'm a teapot\nContent-Length: 0\n" + plain + "\n", false},
		{"HTTP/1.0", "GET /nothing HTTP/1.0\n\n", "HTTP/1.1 200 OK\nContent-Length: 0\nConnection: close\n" + plain + "\n", true},
		{"Connection: close", "GET /nothing HTTP/1.1\nHost: a\nConnection: close\n\nGET / HTTP/1.1\n", "HTTP/1.1 200 OK\nContent-Length: 0\nConnection: close\n" + plain + "\n", true},
		{"the handler says close", "GET /close HTTP/1.1\nHost: a\n\n", "HTTP/1.1 200 OK\nContent-Length: 0\nConnection: close\n" + plain + "\n", true},
		{"a panic", "GET /panic HTTP/1.1\nHost: a\n\n", "HTTP/1.1 500 Internal Server Error\nContent-Length: 22\nContent-Type: text/plain; charset=utf-8\nX-Content-Type-Options: nosniff\n\nInternal Server Error\n", false},
		{"a status that is none", "GET /bad%20status HTTP/1.1\nHost: a\n\n", "HTTP/1.1 500 Internal Server Error\nContent-Length: 22\nContent-Type: text/plain; charset=utf-8\nX-Content-Type-Options: nosniff\n\nInternal Server Error\n", false},
		{"a panic that aborts", "GET /abort HTTP/1.1\nHost: a\n\n", "", true},
		{"a response that cannot be sent", "GET /bad%20header HTTP/1.1\nHost: a\n\n", "", true},
		{"garbage", "this is not HTTP\n\n", "HTTP/1.1 400 Bad Request\n", true},
		{"no Host", "GET / HTTP/1.1\n\n", "HTTP/1.1 400 Bad Request\n", true},
		{"HTTP/2", "GET / HTTP/2.0\nHost: a\n\n", "HTTP/1.1 505 HTTP Version Not Supported\n", true},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			r := memory.New()
			if _, err := r.ListenTCP("127.0.0.1:80", web.NewSite(handler)); err != nil {
				t.Fatal(err)
			}
			c := &client{}
			r.ConnectTCP("127.0.0.1:80", reactor.FactoryFunc(func(net.Addr) reactor.Protocol { return c }), reactor.ConnectOptions{})
			r.Pump()
			c.Write([]byte(strings.ReplaceAll(test.sent, "\n", "\r\n")))
			r.Pump()
			got := strings.ReplaceAll(string(c.got), "\r\n", "\n")
			if got != test.want && !(test.closed && test.want != "" && strings.HasPrefix(got, test.want)) {
				t.Errorf("got\n%s\nwant\n%s", got, test.want)
			}
			if closed := c.lost != nil; closed != test.closed {
				t.Errorf("closed: %v, want %v", closed, test.closed)
			}
		})
	}
}
