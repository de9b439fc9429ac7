package reactor_test

import (
	"errors"
	"io"
	"math"
	"net"
	"runtime"
	"testing"
	"time"

	"github.com/seed-7c003b53/gotreq/internal/testkit/outcome"
	"github.com/seed-7c003b53/gotreq/reactor"
	"golang.org/x/sys/unix"
)

// pair returns two connected sockets; the first does not block.
func pair(t *testing.T) (reactor.Socket, *net.TCPConn) {
	t.Helper()
	peer, accepted := connected(t)
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
	for _, size := range []int{1, quick - 1, quick, quick + 1} { // the system holds as much, and not twice that
		for _, c := range []struct {
			name string
			end  func(peer *net.TCPConn)
			err  error
		}{
			{"open", func(*net.TCPConn) {}, reactor.ErrWouldBlock},
			{"ended", func(peer *net.TCPConn) { peer.CloseWrite() }, io.EOF},
			{"reset", func(peer *net.TCPConn) { peer.SetLinger(0); peer.Close() }, unix.ECONNRESET},
		} {
			for _, length := range []int{quick, quick + 1} { // of the buffer
				s, peer := pair(t)
				buffer := make([]byte, length)
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
}

// TestBusyLoopSharesItsProcessor: with one processor, other goroutines have their turns although a loop never rests,
// and what has come for them.
func TestBusyLoopSharesItsProcessor(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	for _, c := range []struct {
		name  string
		times int
		other func(times int) // what another goroutine does so often
		most  int             // answers that the loop has meanwhile, each time
	}{
		{"a goroutine that yields", 200, func(times int) {
			for range times {
				runtime.Gosched()
			}
		}, 50}, // in 10 ms, after which Go looks by itself, it has over 500
		{"a connection of package net", 20, func(times int) {
			client, server := connected(t)
			go io.Copy(server, server)
			for range times {
				client.Write([]byte("x"))
				if _, err := client.Read(make([]byte, 1)); err != nil {
					t.Error(err)
				}
			}
		}, 500}, // each way, which is 1,000
	} {
		t.Run(c.name, func(t *testing.T) {
			r := reactor.New()
			defer r.Close()
			port, err := r.ListenTCP("127.0.0.1:0", build(&echo{}))
			if err != nil {
				t.Fatal(err)
			}
			p := &player{message: []byte("x"), left: math.MaxInt, done: func() {}}
			var o *outcome.Result[reactor.Protocol]
			before := 0
			r.CallLater(5*time.Millisecond, func() { // the loop has rested before
				o = outcome.Of(r.ConnectTCP(port.Addr().String(), build(p), reactor.ConnectConfig{}))
			})
			r.CallLater(15*time.Millisecond, func() { // it is busy by now
				before = p.left
				go func() {
					c.other(c.times)
					r.Stop()
				}()
			})
			if err := r.Run(); err != nil {
				t.Fatal(err)
			}
			if o.Err != nil {
				t.Error(o.Err)
			}
			answers := before - p.left
			t.Logf("%d answers, %d each time", answers, answers/c.times)
			if answers > c.most*c.times {
				t.Errorf("more than %d each time", c.most)
			}
		})
	}
}

// connected returns two connections of package net, which are connected.
func connected(t *testing.T) (client, server net.Conn) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if client, err = net.Dial("tcp", l.Addr().String()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close() })
	if server, err = l.Accept(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { server.Close() })
	return client, server
}
