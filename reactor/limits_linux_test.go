package reactor_test

import (
	"errors"
	"net"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/seed-7c003b53/gotreq/internal/testkit/outcome"
	"github.com/seed-7c003b53/gotreq/reactor"
	"golang.org/x/sys/unix"
)

// TestTooManyFiles lets each loop run out of descriptors, in a process of its own.
func TestTooManyFiles(t *testing.T) {
	for _, r := range reactors[:2] {
		t.Run(r.name, func(t *testing.T) {
			if os.Getenv("REACTOR_TOO_MANY_FILES") != "" {
				tooManyFiles(newFixture(t, r.new, tcp4))
				return
			}
			c := exec.Command(os.Args[0], "-test.run=^TestTooManyFiles$/^"+r.name+"$", "-test.v")
			c.Env = append(os.Environ(), "REACTOR_TOO_MANY_FILES=1", "GORACE=atexit_sleep_ms=0")
			out, err := c.CombinedOutput()
			if err != nil || !strings.Contains(string(out), "PASS") {
				t.Errorf("%v:\n%s", err, out)
			}
		})
	}
}

func tooManyFiles(f *fixture) {
	const clients = 3
	var accepted []*probe
	port := f.listen(reactor.FactoryFunc(func(addr) reactor.Protocol {
		p := f.probe("server").echoes()
		accepted = append(accepted, p)
		if len(accepted) == clients {
			f.Stop()
		}
		return p
	}))
	connect, closeAll := sockets(f, clients, port.Addr())
	defer closeAll()
	undo := noMoreDescriptors(f)
	connect()
	began, cpu := f.Now(), cpuTime()
	o := outcome.Of(f.connect(port, build(f.probe("client"))))
	f.probes = nil
	_, listenErr := f.listenOn("127.0.0.1:0", build(f.probe("nobody")))
	f.probes = nil
	f.CallLater(250*time.Millisecond, func() {
		if took := cpuTime() - cpu; took > 150*time.Millisecond {
			f.Errorf("failing to accept took %v of processor time", took)
		}
		undo()
	})
	f.run()
	if o.Fired != 1 || !errors.Is(o.Err, reactor.ErrTooManyFiles) || !errors.As(o.Err, new(*reactor.ConnectError)) {
		f.Errorf("connecting: %+v", o)
	}
	if !errors.Is(listenErr, reactor.ErrTooManyFiles) || !errors.As(listenErr, new(*reactor.ListenError)) {
		f.Errorf("listening: %v", listenErr)
	}
	if waited := f.Now().Sub(began); waited > 2*time.Second {
		f.Errorf("the connections were accepted after %v", waited)
	}
	for _, p := range accepted {
		p.lostFor(reactor.ErrStopped)
	}
	f.wantLog(1, "cannot accept a connection", reactor.ErrTooManyFiles.Error())
	f.Close()

	stopped := newFixture(f, reactors[0].new, tcp4)
	port = stopped.listen(build(stopped.probe("nobody")))
	connect, closeAll = sockets(f, 1, port.Addr())
	defer closeAll()
	undo = noMoreDescriptors(f)
	connect()
	stopped.CallLater(50*time.Millisecond, func() {
		port.StopListening() // while it waits to try again
		stopped.Stop()
	})
	stopped.run()
	undo()
	if n := len(stopped.DelayedCalls()); n != 0 {
		f.Errorf("%d delayed calls are left", n)
	}
}

// sockets opens n sockets, which connect connects. Connecting needs no further
// descriptor: the kernel connects them before they are accepted.
func sockets(f *fixture, n int, to net.Addr) (connect, closeAll func()) {
	var fds []int
	for range n {
		fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			f.Fatal(err)
		}
		fds = append(fds, fd)
	}
	at := unix.SockaddrInet4{Port: to.(*net.TCPAddr).Port, Addr: [4]byte{127, 0, 0, 1}}
	connect = func() {
		for _, fd := range fds {
			if err := unix.Connect(fd, &at); err != nil {
				f.Error(err)
			}
		}
	}
	return connect, func() {
		for _, fd := range fds {
			unix.Close(fd)
		}
	}
}

// noMoreDescriptors makes opening descriptors fail until undo.
func noMoreDescriptors(f *fixture) (undo func()) {
	var before unix.Rlimit
	unix.Getrlimit(unix.RLIMIT_NOFILE, &before)
	next, err := unix.Dup(0) // the lowest free descriptor
	if err != nil {
		f.Fatal(err)
	}
	unix.Close(next)
	limit := before
	limit.Cur = uint64(next)
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		f.Fatal(err)
	}
	return func() { unix.Setrlimit(unix.RLIMIT_NOFILE, &before) }
}
