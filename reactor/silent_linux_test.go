package reactor_test

import (
	"net"
	"testing"

	"golang.org/x/sys/unix"
)

// silentAddress returns a local address that does not answer: a listening socket
// whose queue is full.
func silentAddress(t testing.TB, v6 bool) (address string, closeIt func()) {
	t.Helper()
	network, address := "tcp4", "127.0.0.1:0"
	if v6 {
		network, address = "tcp6", "[::1]:0"
	}
	l, err := net.Listen(network, address)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := l.(*net.TCPListener).SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	raw.Control(func(fd uintptr) { err = unix.Listen(int(fd), 0) })
	if err != nil {
		t.Fatal(err)
	}
	fills, err := net.Dial("tcp", l.Addr().String()) // fills the queue, of length 1
	if err != nil {
		t.Fatal(err)
	}
	return l.Addr().String(), func() {
		fills.Close()
		l.Close()
	}
}
