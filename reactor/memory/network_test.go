package memory

import (
	"errors"
	"io"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/seed-7c003b53/gotreq/reactor"
)

// This file tests the poller alone, as a Loop sees it.

const (
	readable = reactor.Readable
	writable = reactor.Writable
	hungUp   = reactor.HungUp
)

// watcher is a handler that records its calls.
type watcher struct {
	reactor.Socket
	notified []reactor.Readiness
}

func (w *watcher) Ready(r reactor.Readiness) { w.notified = append(w.notified, r) }

// expect fails the test unless w got want since the last call.
func (w *watcher) expect(t *testing.T, when string, want ...reactor.Readiness) {
	t.Helper()
	if !slices.Equal(w.notified, want) {
		t.Errorf("%s: notified of %v, want %v", when, w.notified, want)
	}
	w.notified = nil
}

// read reads with a buffer of size bytes.
func (w *watcher) read(t *testing.T, size int, want string, wantErr error) {
	t.Helper()
	p := make([]byte, size)
	n, err := w.Read(p)
	if string(p[:n]) != want || err != wantErr {
		t.Errorf("read %q, %v; want %q, %v", p[:n], err, want, wantErr)
	}
}

func (w *watcher) write(t *testing.T, s string, want int, wantErr error) {
	t.Helper()
	if n, err := w.Write([]byte(s)); n != want || err != wantErr {
		t.Errorf("wrote %d, %v; want %d, %v", n, err, want, wantErr)
	}
}

// settle waits until no event is left.
func settle(n *network) {
	for len(n.queue) != 0 {
		n.Wait(0)
	}
}

// connected returns both ends of a connection that have reported Writable.
func connected(t *testing.T) (n *network, client, server *watcher) {
	t.Helper()
	n = newNetwork()
	client, server = &watcher{}, &watcher{}
	l, err := n.Listen("tcp", "127.0.0.1:80", func(s reactor.Socket, err error) { server.Socket = s })
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	n.Dial("tcp", "127.0.0.1:80", "", func(s reactor.Socket, err error) { client.Socket = s })
	settle(n)
	client.Start(client)
	server.Start(server)
	settle(n)
	client.expect(t, "after Start", writable)
	server.expect(t, "after Start", writable)
	return n, client, server
}

func TestReadableIsEdgeTriggered(t *testing.T) {
	n, client, server := connected(t)
	server.read(t, 8, "", reactor.ErrWouldBlock)
	client.write(t, "abc", 3, nil)
	server.expect(t, "before Wait")
	settle(n)
	server.expect(t, "after a write", readable)

	client.write(t, "def", 3, nil)
	settle(n)
	server.expect(t, "after a write that follows another")
	server.read(t, 4, "abcd", nil)
	client.write(t, "ghi", 3, nil)
	settle(n)
	server.expect(t, "after a read that filled its buffer")
	server.read(t, 8, "efghi", nil)
	settle(n)
	server.expect(t, "after a read of all data")
	client.write(t, "j", 1, nil)
	settle(n)
	server.expect(t, "after a read that did not fill its buffer", readable)
	server.read(t, 1, "j", nil)
	server.read(t, 1, "", reactor.ErrWouldBlock)
	server.read(t, 0, "", nil)
	client.write(t, "k", 1, nil)
	settle(n)
	server.expect(t, "after ErrWouldBlock", readable)
	client.expect(t, "at the end")
}

func TestDataBeforeStartIsNotified(t *testing.T) {
	n := newNetwork()
	var server, client watcher
	n.Listen("unix", "/run/a", func(s reactor.Socket, err error) { server.Socket = s })
	n.Dial("unix", "/run/a", "", func(s reactor.Socket, err error) { client.Socket = s })
	settle(n)
	client.write(t, "hello", 5, nil)
	client.Close(false)
	settle(n)
	server.Start(&server)
	settle(n)
	server.expect(t, "after Start", readable|writable|hungUp)
	server.read(t, 8, "hello", nil)
	server.read(t, 8, "", io.EOF)
}

func TestWritableIsEdgeTriggered(t *testing.T) {
	n, client, server := connected(t)
	big := strings.Repeat("x", bufferSize)
	client.write(t, big[1:], bufferSize-1, nil)
	client.write(t, "12", 1, nil)
	client.write(t, "3", 0, reactor.ErrWouldBlock)
	settle(n)
	client.expect(t, "while the buffer is full")
	server.expect(t, "while the buffer is full", readable)

	server.read(t, 1, "x", nil)
	settle(n)
	client.expect(t, "with one byte free")
	server.read(t, bufferSize/2, big[:bufferSize/2], nil)
	settle(n)
	client.expect(t, "with half of the buffer free", writable)
	server.read(t, bufferSize, big[:bufferSize/2-2]+"1", nil)
	settle(n)
	client.expect(t, "after an earlier notification")
}

func TestCloseWrite(t *testing.T) {
	n, client, server := connected(t)
	server.read(t, 1, "", reactor.ErrWouldBlock)
	client.write(t, "last", 4, nil)
	for range 2 {
		if err := client.CloseWrite(); err != nil {
			t.Fatal(err)
		}
	}
	client.write(t, "too late", 0, io.ErrClosedPipe)
	settle(n)
	server.expect(t, "after data and the end", readable|hungUp)
	server.read(t, 8, "last", nil)
	server.read(t, 8, "", io.EOF)
	server.read(t, 8, "", io.EOF)
	settle(n)
	server.expect(t, "after the end was read")

	server.write(t, "reply", 5, nil)
	settle(n)
	client.read(t, 8, "reply", nil)
	server.Close(false)
	settle(n)
	client.read(t, 8, "", io.EOF)
	client.Close(false)
}

func TestEndAloneIsAnEdge(t *testing.T) {
	n, client, server := connected(t)
	server.read(t, 1, "", reactor.ErrWouldBlock)
	client.write(t, "abc", 3, nil)
	settle(n)
	server.expect(t, "after a write", readable)
	client.CloseWrite()
	settle(n)
	server.expect(t, "before the read")
	server.read(t, 8, "abc", nil)
	settle(n)
	server.expect(t, "after the short read", readable|hungUp)
}

func TestAbort(t *testing.T) {
	n, client, server := connected(t)
	client.write(t, "abc", 3, nil)
	client.Close(true)
	client.Close(true)
	client.write(t, "x", 0, net.ErrClosed)
	client.read(t, 1, "", net.ErrClosed)
	if err := client.CloseWrite(); err != net.ErrClosed {
		t.Errorf("CloseWrite of a closed socket: %v", err)
	}
	settle(n)
	server.expect(t, "after the reset", readable|hungUp)
	server.write(t, "x", 0, reactor.ErrConnectionReset)
	if err := server.CloseWrite(); err != reactor.ErrConnectionReset {
		t.Errorf("CloseWrite after a reset: %v", err)
	}
	server.read(t, 8, "abc", nil)
	server.read(t, 8, "", reactor.ErrConnectionReset)
}

func TestAbortWakesTheBlockedWriter(t *testing.T) {
	n, client, server := connected(t)
	client.write(t, strings.Repeat("x", bufferSize+1), bufferSize, nil)
	server.Close(true)
	settle(n)
	client.expect(t, "after the reset", readable|writable|hungUp)
	client.write(t, "x", 0, reactor.ErrConnectionReset)
}

func TestCloseWithUnreadBytesIsAReset(t *testing.T) {
	n, client, server := connected(t)
	client.write(t, "unread", 6, nil)
	server.write(t, "reply", 5, nil)
	server.Close(false)
	settle(n)
	client.read(t, 8, "reply", nil)
	client.read(t, 8, "", reactor.ErrConnectionReset)
}

func TestWriteToAClosedPeer(t *testing.T) {
	n, client, server := connected(t)
	server.Close(false)
	settle(n)
	client.expect(t, "after the peer's close", readable|hungUp)
	client.write(t, "taken, and answered by a reset", 30, nil)
	client.write(t, "x", 0, reactor.ErrConnectionReset)
	client.read(t, 8, "", io.EOF) // which arrived before the reset
	settle(n)
	server.expect(t, "after Close")
}

func TestNoNotificationAfterClose(t *testing.T) {
	n, client, server := connected(t)
	client.write(t, "abc", 3, nil)
	server.Close(false) // while its event is in the queue
	settle(n)
	server.expect(t, "after Close")
}

func TestListen(t *testing.T) {
	n := newNetwork()
	for _, c := range []struct{ address, want string }{
		{"127.0.0.1:80", "127.0.0.1:80"},
		{"192.0.2.1:80", "192.0.2.1:80"},
		{"[::1]:80", "[::1]:80"},
		{":81", "[::]:81"},
		{"0.0.0.0:82", "0.0.0.0:82"},
		{"[::ffff:127.0.0.1]:83", "127.0.0.1:83"},
		{"localhost:0", "127.0.0.1:49152"},
		{":0", "[::]:49153"},
		{"127.0.0.1:49154", "127.0.0.1:49154"},
		{"10.0.0.9:0", "10.0.0.9:49155"},
	} {
		l, err := n.Listen("tcp", c.address, nil)
		if err != nil {
			t.Errorf("%s: %v", c.address, err)
		} else if got := l.Addr().String(); got != c.want {
			t.Errorf("%s: listens on %s, want %s", c.address, got, c.want)
		}
	}
	for _, address := range []string{
		"127.0.0.1:80", "0.0.0.0:80", ":80", "192.0.2.1:81", "[2001:db8::1]:81", "0.0.0.0:81", "127.0.0.1:82", ":82",
	} {
		if _, err := n.Listen("tcp", address, nil); !errors.Is(err, reactor.ErrPortInUse) {
			t.Errorf("%s: %v, want ErrPortInUse", address, err)
		}
	}
	for _, address := range []string{"", "127.0.0.1", "127.0.0.1:http", "an.example:80", "127.0.0.1:65536"} {
		if _, err := n.Listen("tcp", address, nil); err == nil {
			t.Errorf("%s: no error", address)
		}
	}
}

func TestListenAgainAfterClose(t *testing.T) {
	n := newNetwork()
	for range 2 {
		l, err := n.Listen("unix", "/run/a", nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := n.Listen("unix", "/run/a", nil); !errors.Is(err, reactor.ErrPortInUse) {
			t.Errorf("twice on one path: %v, want ErrPortInUse", err)
		}
		if got := l.Addr(); got.Network() != "unix" || got.String() != "/run/a" {
			t.Errorf("listens on %s %s", got.Network(), got)
		}
		l.Close()
	}
}

func TestPortsAreGivenOutAgain(t *testing.T) {
	n := newNetwork()
	n.Listen("tcp", ":49152", nil)
	n.nextPort = 65535
	for _, want := range []uint16{65535, 49153} {
		if got := n.freePort(nil); got != want {
			t.Errorf("port %d, want %d", got, want)
		}
	}
}

func TestDial(t *testing.T) {
	n := newNetwork()
	var accepted []string
	for _, address := range []string{"127.0.0.1:80", "0.0.0.0:80", "[::1]:81", ":82", "192.0.2.7:82", "[::1]:83"} {
		_, err := n.Listen("tcp", address, func(s reactor.Socket, err error) {
			accepted = append(accepted, address+" "+s.LocalAddr().String()+" "+s.RemoteAddr().String())
		})
		if address == "0.0.0.0:80" || address == "192.0.2.7:82" {
			if !errors.Is(err, reactor.ErrPortInUse) {
				t.Errorf("%s: %v, want ErrPortInUse", address, err)
			}
		} else if err != nil {
			t.Error(err)
		}
	}
	for _, c := range []struct {
		address, local string
		want           string // the listener's address, the socket's and the client's
		err            error
	}{
		{address: "127.0.0.1:80", want: "127.0.0.1:80 127.0.0.1:80 127.0.0.1:49152"},
		{address: "0.0.0.0:80", want: "127.0.0.1:80 127.0.0.1:80 127.0.0.1:49153"},
		{address: "[::1]:81", want: "[::1]:81 [::1]:81 [::1]:49154"},
		{address: "[::]:81", want: "[::1]:81 [::1]:81 [::1]:49155"},
		{address: "192.0.2.9:82", want: ":82 192.0.2.9:82 10.0.0.1:49156"},
		{address: "[2001:db8::9]:82", want: ":82 [2001:db8::9]:82 [fd00::1]:49157"},
		{address: "192.0.2.9:82", local: "192.0.2.8:0", want: ":82 192.0.2.9:82 192.0.2.8:49158"},
		{address: "192.0.2.9:82", local: "192.0.2.8:99", want: ":82 192.0.2.9:82 192.0.2.8:99"},
		{address: "192.0.2.9:80", err: reactor.ErrConnectionRefused},
		{address: "127.0.0.1:83", err: reactor.ErrConnectionRefused},
		{address: "127.0.0.1:82", local: "[::1]:0", err: reactor.ErrNoRoute},
	} {
		accepted = nil
		called := 0
		n.Dial("tcp", c.address, c.local, func(s reactor.Socket, err error) {
			called++
			if !errors.Is(err, c.err) {
				t.Errorf("%s: %v, want %v", c.address, err, c.err)
			}
			if (s == nil) != (c.err != nil) {
				t.Errorf("%s: socket %v with error %v", c.address, s, err)
			}
		})
		settle(n)
		if called != 1 {
			t.Errorf("%s: done was called %d times", c.address, called)
		}
		if got := strings.Join(accepted, ", "); got != c.want {
			t.Errorf("%s: accepted by %q, want %q", c.address, got, c.want)
		}
	}
	for _, c := range []struct{ address, local string }{{"an.example:80", ""}, {"127.0.0.1:80", "127.0.0.1"}} {
		var got error
		n.Dial("tcp", c.address, c.local, func(s reactor.Socket, err error) { got = err })
		settle(n)
		if got == nil {
			t.Errorf("%s from %q: no error", c.address, c.local)
		}
	}
}

func TestListenOnAllAddressesOfIPv4LeavesIPv6(t *testing.T) {
	n := newNetwork()
	var by string
	n.Listen("tcp", "[::1]:80", func(reactor.Socket, error) { by = "one" })
	n.Listen("tcp", "0.0.0.0:80", func(reactor.Socket, error) { by = "all of IPv4" })
	for _, c := range []struct{ address, want string }{
		{"[::1]:80", "one"},
		{"192.0.2.1:80", "all of IPv4"},
	} {
		n.Dial("tcp", c.address, "", func(reactor.Socket, error) {})
		settle(n)
		if by != c.want {
			t.Errorf("%s: accepted by %s, want %s", c.address, by, c.want)
		}
	}
}

func TestCancelledDial(t *testing.T) {
	n := newNetwork()
	server := &watcher{}
	n.Listen("tcp", ":80", func(s reactor.Socket, err error) {
		server.Socket = s
		s.Start(server)
	})
	done := func(reactor.Socket, error) { t.Error("done was called after cancel") }
	n.Dial("tcp", "127.0.0.1:80", "", done)()
	settle(n)
	if server.Socket != nil {
		t.Error("a cancelled attempt was accepted")
	}
	cancel := n.Dial("tcp", "127.0.0.1:80", "", done)
	n.Wait(0) // accepted, but the client's event is still queued
	cancel()
	cancel()
	settle(n)
	server.read(t, 1, "", reactor.ErrConnectionReset)
}

func TestWaitMovesTheClock(t *testing.T) {
	n := newNetwork()
	start := n.Now()
	if !start.Equal(time.Unix(0, 0)) {
		t.Errorf("the clock begins at %v", start)
	}
	at := func(want time.Duration) {
		t.Helper()
		if got := n.Now().Sub(start); got != want {
			t.Errorf("the clock is at %v, want %v", got, want)
		}
	}
	n.Wait(0)
	at(0)
	n.Wait(time.Second)
	at(time.Second)
	n.Wake()
	n.Wait(time.Second)
	at(time.Second)
	n.Wake()
	if err := n.Wait(-1); err != nil {
		t.Errorf("Wait after Wake: %v", err)
	}
	if err := n.Wait(-1); err != ErrIdle {
		t.Errorf("Wait for nothing: %v, want ErrIdle", err)
	}
	at(time.Second)
	n.Dial("tcp", "127.0.0.1:80", "", func(reactor.Socket, error) {})
	n.Wait(time.Second)
	at(time.Second) // since an event was queued
}

func TestWaitDeliversOnlyTheQueuedEvents(t *testing.T) {
	n := newNetwork()
	calls := 0
	var again func(reactor.Socket, error)
	again = func(reactor.Socket, error) {
		calls++
		n.Dial("tcp", "127.0.0.1:80", "", again)
	}
	again(nil, nil)
	for want := range 5 {
		if calls != 1+want {
			t.Fatalf("%d calls, want %d", calls, 1+want)
		}
		n.Wait(0) // the attempt arrives
		n.Wait(0) // so does the answer
	}
}
