package main

import (
	"fmt"
	"net"
	"time"

	"golang.org/x/sys/unix"
)

// deadAddress returns the address of a listener whose queue is full: Linux answers no
// further attempt to connect.
func deadAddress() (string, error) {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM, 0)
	if err != nil {
		return "", err
	}
	if err := unix.Bind(fd, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		return "", err
	}
	if err := unix.Listen(fd, 0); err != nil {
		return "", err
	}
	name, err := unix.Getsockname(fd)
	if err != nil {
		return "", err
	}
	address := fmt.Sprintf("127.0.0.1:%d", name.(*unix.SockaddrInet4).Port)
	for range 8 {
		if _, err := net.DialTimeout("tcp", address, 200*time.Millisecond); err != nil {
			return address, nil
		}
	}
	return "", fmt.Errorf("%s still answers", address)
}
