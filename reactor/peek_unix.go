//go:build unix

package reactor

import (
	"net"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// peek reports whether the next Read of c would find the end of file, or an error, without
// waiting. It reads nothing and takes no lock of a Read that waits. If the system reported the
// error, and so does not report it again, peek returns it.
func peek(c net.Conn) (ended bool, err error) {
	conn, ok := c.(syscall.Conn)
	if !ok {
		return false, nil
	}
	raw, err := conn.SyscallConn()
	if err != nil {
		return false, nil
	}
	raw.Control(func(fd uintptr) { // which is non-blocking, as all of package net
		var b [1]byte
		n := 0
		for err = unix.EINTR; err == unix.EINTR; {
			n, _, err = unix.Recvfrom(int(fd), b[:], unix.MSG_PEEK)
		}
		switch {
		case err == unix.EAGAIN:
			err = nil
		case err != nil:
			ended, err = true, os.NewSyscallError("recvfrom", err)
		default:
			ended = n == 0
		}
	})
	return ended, err
}
