package reactor_test

import (
	"errors"
	"net"
	"testing"

	"github.com/seed-7c003b53/gotreq/internal/testkit/outcome"
	"github.com/seed-7c003b53/gotreq/reactor"
	"golang.org/x/sys/unix"
)

// TestNoPoller checks that a loop without an epoll descriptor says why in
// everything that needs one.
func TestNoPoller(t *testing.T) {
	r := reactor.NewWithoutPoller(unix.EMFILE)
	factory := reactor.FactoryFunc(func(net.Addr) reactor.Protocol { return nil })
	if _, err := r.ListenTCP("127.0.0.1:0", factory); !errors.Is(err, reactor.ErrTooManyFiles) {
		t.Errorf("ListenTCP: %v", err)
	}
	if o := outcome.Of(r.ConnectTCP("127.0.0.1:1", factory, reactor.ConnectConfig{})); !errors.Is(o.Err, reactor.ErrTooManyFiles) {
		t.Errorf("ConnectTCP: %v", o.Err)
	}
	if err := r.Run(); !errors.Is(err, unix.EMFILE) {
		t.Errorf("Run: %v", err)
	}
}

// TestPollerFails checks that Run ends with the error of epoll_wait.
func TestPollerFails(t *testing.T) {
	r := reactor.New()
	defer r.Close()
	turns := 0
	var again func()
	again = func() { // keeps the loop turning; it gives up if nothing ends the loop
		if turns++; turns == 100 {
			r.Stop()
			return
		}
		r.CallLater(0, again)
	}
	r.CallWhenRunning(func() {
		r.ClosePoller()
		again()
	})
	if err := r.Run(); !errors.Is(err, unix.EBADF) {
		t.Errorf("Run: %v", err)
	}
}
