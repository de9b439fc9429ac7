package reactor

import "golang.org/x/sys/unix"

func (s *epollSocket) limitBuffers(size int) error {
	if !s.tcp {
		return nil
	}
	if err := unix.SetsockoptInt(s.fd, unix.SOL_SOCKET, unix.SO_RCVBUF, size); err != nil {
		return err
	}
	return unix.SetsockoptInt(s.fd, unix.SOL_SOCKET, unix.SO_SNDBUF, size)
}

// NewWithoutPoller returns a loop that could not open its epoll descriptor
// because of err.
func NewWithoutPoller(err error) *Loop {
	return NewLoop(&epollPoller{fd: -1, wakeFD: -1, err: err}, LoopConfig{})
}

// ClosePoller closes the loop's epoll descriptor, so that waiting on it fails.
func (l *Loop) ClosePoller() {
	p := l.poller.(*epollPoller)
	p.waiting.file.Close()
	p.fd = -1
}

// QuickSize is the size of the largest read that is one of nonblocking_linux.go.
const QuickSize = quickSize

// NewSocket returns a socket on the descriptor fd.
func NewSocket(fd int) Socket { return &epollSocket{fd: fd} }
