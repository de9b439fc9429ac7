package examples_test

import (
	"net"
	"strings"
	"testing"

	"github.com/seed-7c003b53/gotreq/internal/testkit/loopback"
)

// TestFailures: a failed request ends the program with one line that says why.
func TestFailures(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed := listener.Addr().String()
	listener.Close()
	for _, test := range []struct{ name, url, says string }{
		{"no server", "http://" + closed + "/", "connection was refused"},
		{"no such name", "http://" + strings.Repeat("x", 64) + ".example/", "no address found"}, // invalid, so no name server is asked
		{"garbage", "http://" + server(t, "garbage\r\n\r\n") + "/", "not HTTP"},
		{"nothing", "http://" + server(t, "") + "/", "the server closed the connection without answering"},
		{"cut short", "http://" + server(t, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhell") + "/", "/: the response failed: connection was closed cleanly; connection ended within the body: 4 of 5 bytes arrived"},
		{"not a URL", "http://%/", "URL"},
		{"not HTTP", "gopher://a.example/", "scheme"},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, stderr, status := execute(t, "basic_get", test.url)
			if status != 1 {
				t.Errorf("status %d", status)
			}
			if !strings.HasSuffix(stderr, "\n") || strings.Count(stderr, "\n") != 1 || !strings.Contains(stderr, test.says) {
				t.Errorf("stderr %q, want one line with %q", stderr, test.says)
			}
		})
	}
}

// server returns the address of a server that answers each connection with text and
// closes it.
func server(t *testing.T, text string) string {
	t.Helper()
	return loopback.Serve(t, func(c net.Conn) {
		c.Read(make([]byte, 4096)) // closing with unread bytes would reset the connection
		c.Write([]byte(text))
	})
}
