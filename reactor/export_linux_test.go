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
