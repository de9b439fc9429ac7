package main

import (
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// This file has the system calls of the floors. A call on a socket that does not block is short, so Go's scheduler need
// not hear of it: that takes off a fifth of the processor time of a small request. Nothing that may wait is called in
// this way, because a collection of garbage would wait for it too.

// rawAtMost is the number of bytes above which reading or writing is a common system call, since copying them takes
// longer than telling the scheduler.
const rawAtMost = 64 << 10

func read(fd int, p []byte) (int, error) {
	if len(p) > rawAtMost {
		return unix.Read(fd, p)
	}
	return counted(syscall.RawSyscall(unix.SYS_READ, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(p))), uintptr(len(p))))
}

func write(fd int, p []byte) (int, error) {
	if len(p) > rawAtMost {
		return unix.Write(fd, p)
	}
	return counted(syscall.RawSyscall(unix.SYS_WRITE, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(p))), uintptr(len(p))))
}

// epollWait returns the events that there are, or waits for the first.
func epollWait(epoll int, events []unix.EpollEvent) (int, error) {
	n, err := counted(syscall.RawSyscall6(unix.SYS_EPOLL_PWAIT, uintptr(epoll), uintptr(unsafe.Pointer(unsafe.SliceData(events))), uintptr(len(events)), 0, 0, 0))
	if n == 0 && err == nil {
		n, err = unix.EpollWait(epoll, events, -1)
	}
	if err == unix.EINTR {
		return 0, nil
	}
	return n, err
}

func counted(n, _ uintptr, errno syscall.Errno) (int, error) {
	if errno != 0 {
		return -1, errno
	}
	return int(n), nil
}
