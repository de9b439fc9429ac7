package reactor_test

import (
	"errors"
	"io"
	"math"
	"net"
	"runtime"
	"testing"

	"github.com/seed-7c003b53/gotreq/internal/testkit/outcome"
	"github.com/seed-7c003b53/gotreq/reactor"
	"golang.org/x/sys/unix"
)

// pair returns two connected sockets; the first does not block.
func pair(t *testing.T) (reactor.Socket, *net.TCPConn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	peer, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { peer.Close() })
	accepted, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer accepted.Close()
	raw, err := accepted.(*net.TCPConn).SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	fd := -1
	raw.Control(func(shared uintptr) { fd, err = unix.FcntlInt(shared, unix.F_DUPFD_CLOEXEC, 0) })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Close(fd) })
	return reactor.NewSocket(fd), peer.(*net.TCPConn)
}

// readAll reads until s fails, with p as the buffer, and returns the amounts read.
func readAll(s reactor.Socket, p []byte) (amounts []int, err error) {
	for {
		n, err := s.Read(p)
		if err != nil {
			return amounts, err
		}
		amounts = append(amounts, n)
	}
}

// TestReadsOfAnySize: a Read that returns less than it could has taken all there is, however much that is, and what
// ends the connection is told after it.
func TestReadsOfAnySize(t *testing.T) {
	const quick = reactor.QuickSize
	for _, size := range []int{1, quick - 1, quick, quick + 1, 2*quick - 1, 2 * quick, 2*quick + 1, 4 * quick} {
		for _, c := range []struct {
			name string
			end  func(peer *net.TCPConn)
			err  error
		}{
			{"open", func(*net.TCPConn) {}, reactor.ErrWouldBlock},
			{"ended", func(peer *net.TCPConn) { peer.CloseWrite() }, io.EOF},
			{"reset", func(peer *net.TCPConn) { peer.SetLinger(0); peer.Close() }, unix.ECONNRESET},
		} {
			s, peer := pair(t)
			buffer := make([]byte, 2*quick)
			if n, err := s.Read(buffer); n != 0 || err != reactor.ErrWouldBlock {
				t.Fatalf("Read of an empty socket: %d, %v", n, err)
			}
			if _, err := peer.Write(make([]byte, size)); err != nil {
				t.Fatal(err)
			}
			c.end(peer)
			amounts, err := readAll(s, buffer)
			total := 0
			for i, n := range amounts {
				if total += n; n < len(buffer) && i != len(amounts)-1 {
					t.Errorf("%s, %d bytes: read %v: one Read was short, and more was there", c.name, size, amounts)
				}
			}
			if total != size || !errors.Is(err, c.err) {
				t.Errorf("%s, %d bytes: read %d, then %v, want %v", c.name, size, total, err, c.err)
			}
		}
	}
}

// TestBusyLoopSharesItsProcessor: with one processor, another goroutine has its turns although a loop never rests.
func TestBusyLoopSharesItsProcessor(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	r := reactor.New()
	defer r.Close()
	port, err := r.ListenTCP("127.0.0.1:0", build(&echo{}))
	if err != nil {
		t.Fatal(err)
	}
	p := &player{message: []byte("x"), left: math.MaxInt, done: func() {}}
	o := outcome.Of(r.ConnectTCP(port.Addr().String(), build(p), reactor.ConnectConfig{}))
	const times = 200
	go func() {
		for range times {
			runtime.Gosched()
		}
		r.Stop()
	}()
	if err := r.Run(); err != nil {
		t.Fatal(err)
	}
	if o.Err != nil {
		t.Error(o.Err)
	}
	if answers := math.MaxInt - p.left; answers > 50*times { // 10 ms are over a thousand
		t.Errorf("the loop had %d answers before the other goroutine had run %d times", answers, times)
	}
}
