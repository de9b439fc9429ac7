package reactor_test

import (
	"errors"
	"io"
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

// TestReadAfterAFailedWrite: the system tells a Write why the connection failed, and tells
// the next Read of an end of file, which is none. After EPIPE it is one.
func TestReadAfterAFailedWrite(t *testing.T) {
	// This descriptor can only be read, up to an end of file.
	failing, err := unix.Open("/dev/null", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(failing)
	ended, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(ended[0])
	unix.Close(ended[1])
	for _, c := range []struct {
		fd          int
		write, read error
	}{
		{failing, unix.EBADF, unix.EBADF},
		{ended[0], unix.EPIPE, io.EOF},
	} {
		s := reactor.NewSocket(c.fd)
		if _, err := s.Write([]byte("x")); !errors.Is(err, c.write) {
			t.Errorf("Write: %v, want %v", err, c.write)
		}
		for range 2 {
			if n, err := s.Read(make([]byte, 1)); n != 0 || !errors.Is(err, c.read) {
				t.Errorf("Read after %v: %d, %v, want %v", c.write, n, err, c.read)
			}
		}
	}
}

// TestConnectedToItself: a socket whose own port is the one that it connects to is no connection to anybody.
func TestConnectedToItself(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	free := l.Addr().String()
	l.Close()
	r := reactor.New()
	defer r.Close()
	o := outcome.Of(r.ConnectTCP(free, build(&echo{}), reactor.ConnectConfig{LocalAddress: free}).AddBoth(func(p reactor.Protocol, err error) (reactor.Protocol, error) {
		r.Stop()
		return p, err
	}))
	if err := r.Run(); err != nil {
		t.Fatal(err)
	}
	if !errors.Is(o.Err, unix.ECONNREFUSED) {
		t.Errorf("connecting: %v, want %v", o.Err, unix.ECONNREFUSED)
	}
}

// TestPeerThatIsReached: Peer is who answers, although the system makes a loopback address of an unspecified one.
func TestPeerThatIsReached(t *testing.T) {
	for _, c := range []struct{ listen, to, want string }{
		{"127.0.0.1", "127.0.0.1", "127.0.0.1"},
		{"127.0.0.1", "0.0.0.0", "127.0.0.1"},
		{"127.0.0.1", "[::ffff:0.0.0.0]", "127.0.0.1"},
		{"[::1]", "[::1]", "[::1]"},
		{"[::1]", "[::]", "[::1]"},
	} {
		r := reactor.New()
		defer r.Close()
		port, err := r.ListenTCP(c.listen+":0", build(&recorder{}))
		if err != nil {
			t.Logf("%s: %v", c.listen, err) // there is no IPv6
			continue
		}
		_, number, _ := net.SplitHostPort(port.Addr().String())
		client := &recorder{}
		d := r.ConnectTCP(c.to+":"+number, build(client), reactor.ConnectConfig{})
		o := outcome.Of(d)
		d.AddBoth(func(p reactor.Protocol, err error) (reactor.Protocol, error) {
			r.Stop()
			return p, nil
		})
		r.Run()
		if o.Err != nil {
			t.Errorf("%s: %v", c.to, o.Err)
		} else if got := client.t.Peer().String(); got != c.want+":"+number {
			t.Errorf("%s is %s, want %s", c.to, got, c.want)
		}
	}
}

// TestNoConnectionToItself: a socket that the system connects to itself has not reached anybody.
func TestNoConnectionToItself(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	free := l.Addr().(*net.TCPAddr)
	l.Close()
	_, port, _ := net.SplitHostPort(free.String())
	for _, to := range []string{free.String(), "0.0.0.0:" + port} {
		r := reactor.New()
		defer r.Close()
		d := r.ConnectTCP(to, build(&recorder{}), reactor.ConnectConfig{LocalAddress: free.String()})
		o := outcome.Of(d)
		d.AddBoth(func(p reactor.Protocol, err error) (reactor.Protocol, error) {
			r.Stop()
			return p, nil
		})
		r.Run()
		if !errors.Is(o.Err, reactor.ErrConnectionRefused) {
			t.Errorf("%s from %s: %v", to, free, o.Err)
		}
	}
}
