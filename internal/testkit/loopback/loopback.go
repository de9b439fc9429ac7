// Package loopback has servers on real sockets, for tests of the client. They send whatever
// bytes a test wants, HTTP or not.
package loopback

import (
	"net"
	"testing"
)

// Serve listens until the test ends, and returns the address. It calls serve with each
// connection, on a goroutine of its own, and then closes the connection.
func Serve(t testing.TB, serve func(c net.Conn)) (address string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				serve(c)
			}()
		}
	}()
	return l.Addr().String()
}
