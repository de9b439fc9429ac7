//go:build !race

package reactor

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// This file makes the system calls of which a loop makes most: reads and writes, and looks at what epoll has.
// Go prepares for any other system call to wait: meanwhile another thread may run goroutines, and collect garbage, and
// a thread that watches all others is woken for that. For calls that return at once this is of no use, and it takes a
// fifth of the time of a small request, and a tenth of that of a large body.
//
// Go does not see the calls that are made here. So none may ever wait: they are for sockets that do not block, and for
// epoll without a timeout; never for a file, a terminal, a name, or the end of a connection that lingers. And none may
// take long, because a garbage collection that begins waits for it: more than quickSize goes the usual way.
//
// The race detector does not see them either: nonblocking_race_linux.go is for it.

// readSocket is unix.Read of a socket that does not block.
func readSocket(fd int, p []byte) (n int, err error) {
	if len(p) == 0 || len(p) > quickSize {
		return unix.Read(fd, p)
	}
	return countOrError(unix.RawSyscall(unix.SYS_READ, uintptr(fd), uintptr(unsafe.Pointer(&p[0])), uintptr(len(p))))
}

// writeSocket is unix.Write to a socket that does not block.
func writeSocket(fd int, p []byte) (n int, err error) {
	if len(p) == 0 || len(p) > quickSize {
		return unix.Write(fd, p)
	}
	return countOrError(unix.RawSyscall(unix.SYS_WRITE, uintptr(fd), uintptr(unsafe.Pointer(&p[0])), uintptr(len(p))))
}

// lookAtEpoll is unix.EpollWait that does not wait.
func lookAtEpoll(epoll int, events []unix.EpollEvent) (n int, err error) {
	return countOrError(unix.RawSyscall6(unix.SYS_EPOLL_PWAIT, uintptr(epoll), uintptr(unsafe.Pointer(&events[0])), uintptr(len(events)), 0, 0, 0))
}

func countOrError(r, _ uintptr, errno unix.Errno) (n int, err error) {
	if errno != 0 {
		return -1, errno
	}
	return int(r), nil
}
