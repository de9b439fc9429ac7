//go:build race

package reactor

import "golang.org/x/sys/unix"

// This file is nonblocking_linux.go for the race detector, which package unix tells what the calls read and write.

func readSocket(fd int, p []byte) (n int, err error) { return unix.Read(fd, p) }

func writeSocket(fd int, p []byte) (n int, err error) { return unix.Write(fd, p) }

func lookAtEpoll(epoll int, events []unix.EpollEvent) (n int, err error) {
	return unix.EpollWait(epoll, events, 0)
}
