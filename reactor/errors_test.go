package reactor

import (
	"errors"
	"io"
	"net"
	"os"
	"syscall"
	"testing"
)

func TestErrors(t *testing.T) {
	refused := os.NewSyscallError("connect", syscall.ECONNREFUSED)
	reset := os.NewSyscallError("read", syscall.ECONNRESET)
	for _, c := range []struct {
		err  error
		text string
		is   []error
	}{
		{&ConnectError{"tcp", "[::1]:80", classify(refused)}, "connecting to [::1]:80: connection was refused",
			[]error{ErrConnectionRefused, syscall.ECONNREFUSED}},
		{&ConnectError{"tcp", "[::1]:80", opReason(&net.OpError{Op: "dial", Err: refused})}, "connecting to [::1]:80: connect: connection refused",
			[]error{syscall.ECONNREFUSED}},
		{&ListenError{"unix", "/s", classify(syscall.EADDRINUSE)}, "listening on /s: address is in use",
			[]error{ErrPortInUse, syscall.EADDRINUSE}},
		{&LookupError{"nowhere", ErrNameNotFound}, `looking up "nowhere": no address found for the host name`,
			[]error{ErrNameNotFound}},
		{lost(reset), "connection was reset by the peer", []error{ErrConnectionLost, ErrConnectionReset, syscall.ECONNRESET}},
		{lost(lost(reset)), "connection was reset by the peer", []error{ErrConnectionReset}},
		{lost(io.ErrUnexpectedEOF), "connection was lost: unexpected EOF", []error{ErrConnectionLost, io.ErrUnexpectedEOF}},
		{lost(os.NewSyscallError("write", syscall.ETIMEDOUT)), "connection was lost: write: connection timed out", []error{ErrConnectionLost, syscall.ETIMEDOUT}},
		{lost(os.NewSyscallError("write", syscall.EHOSTUNREACH)), "connection was lost: no route to the host", []error{ErrConnectionLost, ErrNoRoute, syscall.EHOSTUNREACH}},
		{lost(ErrStopped), "connection was lost: the reactor was stopped", []error{ErrConnectionLost, ErrStopped}},
		{lost(ErrConnectionAborted), "connection was aborted", []error{ErrConnectionLost}},
		{lost(ErrConnectionDone), "connection was closed cleanly", []error{ErrConnectionDone}},
		{ErrTruncated, "TLS connection ended without a closing alert", []error{ErrConnectionLost}},
		{noData{}, "no data yet", nil},
	} {
		if got := c.err.Error(); got != c.text {
			t.Errorf("got %q, want %q", got, c.text)
		}
		for _, is := range c.is {
			if !errors.Is(c.err, is) {
				t.Errorf("%v is not %v", c.err, is)
			}
		}
	}
	if errors.Is(lost(ErrConnectionDone), ErrConnectionLost) {
		t.Error("ErrConnectionDone matches ErrConnectionLost")
	}
	if errors.Is(lost(syscall.ETIMEDOUT), ErrConnectTimeout) {
		t.Error("the loss of a connection matches ErrConnectTimeout")
	}
	if !net.Error(noData{}).Timeout() {
		t.Error("noData is not a timeout, so crypto/tls could not continue")
	}
}
