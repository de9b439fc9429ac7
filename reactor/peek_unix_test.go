//go:build unix

package reactor

import (
	"errors"
	"io"
	"net"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// pairs makes connections over which a portable socket is tested.
var pairs = map[string]string{"tcp": "127.0.0.1:0", "unix": ""}

// pair returns the two ends of a connection.
func pair(t *testing.T, network, address string) (client, server net.Conn) {
	t.Helper()
	if address == "" {
		address = filepath.Join(t.TempDir(), "s")
	}
	listener, err := net.Listen(network, address)
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	client, err = net.Dial(network, listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close() })
	server, err = listener.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { server.Close() })
	return client, server
}

// soon reports whether f becomes true. A step of the peer takes effect a little later.
func soon(f func() bool) bool {
	for end := time.Now().Add(10 * time.Second); time.Now().Before(end); {
		if f() {
			return true
		}
	}
	return false
}

// TestPortablePeerClosed: the socket asks the system itself. No goroutine reads here.
func TestPortablePeerClosed(t *testing.T) {
	for network, address := range pairs {
		for name, test := range map[string]struct {
			peer func(c net.Conn)
			want bool
		}{
			"nothing":          {func(net.Conn) {}, false},
			"data":             {func(c net.Conn) { c.Write([]byte("x")) }, false},
			"close":            {func(c net.Conn) { c.Close() }, true},
			"half close":       {func(c net.Conn) { c.(interface{ CloseWrite() error }).CloseWrite() }, true},
			"data, then close": {func(c net.Conn) { c.Write([]byte("x")); c.Close() }, false},
		} {
			t.Run(network+"/"+name, func(t *testing.T) {
				client, server := pair(t, network, address)
				s := newPortablePoller().adopt(client)
				if s.PeerClosed() {
					t.Fatal("closed at the beginning")
				}
				test.peer(server)
				if test.want && !soon(s.PeerClosed) || !test.want && s.PeerClosed() {
					t.Errorf("PeerClosed is %v", !test.want)
				}
				if name == "data, then close" {
					client.Read(make([]byte, 1))
					if !soon(s.PeerClosed) {
						t.Error("PeerClosed is false when the data is read")
					}
				}
				s.Close(true)
				s.PeerClosed() // of a closed descriptor
			})
		}
	}
}

type ready chan Readiness

func (r ready) Ready(x Readiness) { r <- x }

// TestPortablePeerClosedByReset: the system reports a reset once. The socket reports it to
// PeerClosed, and to Read after that.
func TestPortablePeerClosedByReset(t *testing.T) {
	client, server := pair(t, "tcp", pairs["tcp"])
	p := newPortablePoller()
	s := p.adopt(client)
	server.(*net.TCPConn).SetLinger(0)
	server.Close()
	if !soon(s.PeerClosed) || !s.PeerClosed() {
		t.Error("PeerClosed is false")
	}
	s.Start(make(ready, 10))
	var err error
	soon(func() bool {
		p.Wait(0)
		_, err = s.Read(make([]byte, 1))
		return err != ErrWouldBlock
	})
	if !errors.Is(err, syscall.ECONNRESET) || err == io.EOF {
		t.Errorf("Read: %v", err)
	}
	s.Close(true)
	p.Close()
}
