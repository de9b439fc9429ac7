//go:build !windows

package reactor

import "syscall"

// kinds maps the system's errors to the package's.
var kinds = []struct {
	kind   error
	errnos []syscall.Errno
}{
	{ErrConnectionRefused, []syscall.Errno{syscall.ECONNREFUSED}},
	{ErrConnectionReset, []syscall.Errno{syscall.ECONNRESET, syscall.EPIPE}},
	{ErrConnectTimeout, []syscall.Errno{syscall.ETIMEDOUT}},
	{ErrNoRoute, []syscall.Errno{syscall.EHOSTUNREACH, syscall.ENETUNREACH, syscall.ENETDOWN, syscall.EHOSTDOWN}},
	{ErrPortInUse, []syscall.Errno{syscall.EADDRINUSE}},
	{ErrTooManyFiles, []syscall.Errno{syscall.EMFILE, syscall.ENFILE}},
}
