package reactor

import (
	"errors"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// This file waits for epoll. A system call that waits takes a thread with it, until Go finds that out and uses another
// one. So the loop's epoll descriptor is itself one of those that Go's own poller watches, and the loop waits as any
// goroutine does that reads a socket. Meanwhile its thread runs other goroutines, and looks for what comes for them.

// An epollWait waits for an epoll descriptor, which it owns.
type epollWait struct {
	file     *os.File
	conn     syscall.RawConn
	deadline time.Time // of file; zero if there is none

	look   func(fd uintptr) (done bool) // takes events, n of them
	events []unix.EpollEvent
	n      int
	err    error
}

func newEpollWait(fd int) (*epollWait, error) {
	if err := unix.SetNonblock(fd, true); err != nil { // or Go's poller would not take it
		unix.Close(fd)
		return nil, os.NewSyscallError("fcntl", err)
	}
	w := &epollWait{file: os.NewFile(uintptr(fd), "epoll")}
	w.look = func(fd uintptr) bool {
		w.n, w.err = lookAtEpoll(int(fd), w.events)
		return w.n != 0
	}
	var err error
	w.conn, err = w.file.SyscallConn()
	return w, err
}

// wait waits until there are events, for at most timeout; for ever if it is negative.
func (w *epollWait) wait(events []unix.EpollEvent, timeout time.Duration) (n int, err error) {
	if err := w.limit(timeout); err != nil {
		return 0, err
	}
	w.events, w.n, w.err = events, 0, nil
	if err := w.conn.Read(w.look); err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
		return 0, err
	}
	return w.n, w.err
}

// limit makes the wait end after timeout, or before: an earlier deadline stays, since a new one takes longer than the
// turn in which the loop finds nothing to do.
func (w *epollWait) limit(timeout time.Duration) error {
	if timeout < 0 {
		if w.deadline.IsZero() {
			return nil
		}
		w.deadline = time.Time{}
		return w.file.SetReadDeadline(w.deadline)
	}
	now := time.Now()
	deadline := now.Add(timeout)
	if w.deadline.After(now) && !w.deadline.After(deadline) {
		return nil
	}
	w.deadline = deadline
	return w.file.SetReadDeadline(deadline)
}

// yield waits for an event that wake makes: Go's poller then looks for those of all goroutines.
func (w *epollWait) yield(wake func()) {
	w.limit(-1) // after a deadline that has passed, Read would not wait
	woken := false
	w.conn.Read(func(uintptr) bool {
		if !woken {
			woken = true
			wake()
			return false
		}
		return true
	})
}
