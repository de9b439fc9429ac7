package reactor

import (
	"syscall"

	"golang.org/x/sys/windows"
)

// kinds maps the system's errors to the package's.
var kinds = []struct {
	kind   error
	errnos []syscall.Errno
}{
	{ErrConnectionRefused, []syscall.Errno{windows.WSAECONNREFUSED}},
	{ErrConnectionReset, []syscall.Errno{windows.WSAECONNRESET, windows.WSAECONNABORTED}},
	{ErrConnectTimeout, []syscall.Errno{windows.WSAETIMEDOUT}},
	{ErrNoRoute, []syscall.Errno{windows.WSAEHOSTUNREACH, windows.WSAENETUNREACH, windows.WSAENETDOWN}},
	{ErrPortInUse, []syscall.Errno{windows.WSAEADDRINUSE}},
	{ErrTooManyFiles, []syscall.Errno{windows.WSAEMFILE}},
}
