package main

import (
	"bytes"
	"crypto/tls"
	"fmt"
	"net/netip"
	"net/url"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// This file has the floor: the cost of sending and receiving the bytes of a scenario with Go. Requests
// are made in advance, and the bytes of a response are only counted. A request costs a write,
// a read and its share of an epoll_wait, by the system calls of raw.go. All connections read into
// one buffer. A file goes from the disk's cache to the socket by sendfile. TLS is crypto/tls in goroutines. c/floor.c is the same in C.

// A bareConn is a connection of a bareLoop.
type bareConn struct {
	fd   int
	left int64 // bytes of the response still to be received
	hop  int   // index of the current request
	up   int64 // bytes of the file still to be sent
	from int64 // where in the file they begin
}

// A bareLoop makes the requests of a task, on epoll alone.
type bareLoop struct {
	task        *task
	meter       *meter
	peer        unix.SockaddrInet4
	epoll       int
	connections []*bareConn // by descriptor
	buffer      []byte
	hops        []hop
	open        int
	file        int // the descriptor of the file to upload, or -1: it is in memory
	onResponse  func(c *bareConn)
}

// A hop is a request and the length of its response. Redirects make several.
type hop struct {
	request []byte
	length  int64
}

// hopsOf returns the hops of a task.
func hopsOf(t *task) (hops []hop) {
	u, err := url.Parse(t.URL)
	if err != nil {
		fail(err)
	}
	for n := t.Redirects; n >= 0; n-- {
		path := u.Path
		if t.Redirects != 0 {
			path = fmt.Sprintf("/redirect/%d", n)
		}
		var b bytes.Buffer
		fmt.Fprintf(&b, "%s %s HTTP/1.1\r\nHost: %s\r\nUser-Agent: floor\r\n", t.Method, path, u.Host)
		if t.Cookies {
			b.WriteString("Accept-Encoding: gzip\r\nCookie: cookie0=value0; cookie1=value1; cookie2=value2\r\n")
		}
		if t.JSON != "" {
			fmt.Fprintf(&b, "Content-Type: application/json\r\nContent-Length: %d\r\n", len(t.JSON))
		}
		if t.Upload != 0 {
			fmt.Fprintf(&b, "Content-Type: application/octet-stream\r\nContent-Length: %d\r\n", t.Upload)
		}
		b.WriteString("\r\n" + t.JSON)
		length := int64(len(answers[path].bytes)) + answers[path].zeros
		if path == "/count" {
			length = int64(len(countAnswer(0).bytes))
		}
		hops = append(hops, hop{b.Bytes(), length})
	}
	return hops
}

func floorRequests(t *task, m *meter) error {
	if strings.HasPrefix(t.URL, "https:") {
		return floorTLS(t, m)
	}
	l := newBareLoop(t, m)
	l.onResponse = func(c *bareConn) {
		if c.hop++; c.hop < len(l.hops) {
			l.ask(c)
			return
		}
		c.hop = 0
		more := m.done(t.Length)
		if t.Fresh || !more {
			l.close(c)
		}
		switch {
		case !more:
		case t.Fresh:
			l.connect()
		default:
			l.ask(c)
		}
	}
	for range t.Connections {
		l.connect()
	}
	for l.open != 0 {
		l.turn()
	}
	return nil
}

func newBareLoop(t *task, m *meter) *bareLoop {
	u, _ := url.Parse(t.URL)
	at := netip.MustParseAddrPort(u.Host)
	l := &bareLoop{task: t, meter: m, buffer: make([]byte, readSize), hops: hopsOf(t)}
	l.peer = unix.SockaddrInet4{Port: int(at.Port()), Addr: at.Addr().As4()}
	var err error
	if l.file = -1; t.File != "" {
		if l.file, err = unix.Open(t.File, unix.O_RDONLY|unix.O_CLOEXEC, 0); err != nil {
			fail(err)
		}
	}
	if l.epoll, err = unix.EpollCreate1(unix.EPOLL_CLOEXEC); err != nil {
		fail(err)
	}
	return l
}

func (l *bareLoop) connect() {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		fail(err)
	}
	unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1)
	if err := unix.Connect(fd, &l.peer); err != nil && err != unix.EINPROGRESS {
		fail(err)
	}
	for fd >= len(l.connections) {
		l.connections = append(l.connections, nil)
	}
	c := &bareConn{fd: fd}
	l.connections[fd] = c
	l.open++
	// An upload needs to know when the socket accepts more bytes.
	event := unix.EpollEvent{Events: unix.EPOLLIN, Fd: int32(fd)}
	if l.task.Upload != 0 {
		event.Events |= unix.EPOLLOUT | unix.EPOLLET
	}
	if err := unix.EpollCtl(l.epoll, unix.EPOLL_CTL_ADD, fd, &event); err != nil {
		fail(err)
	}
	// A connection to the loopback address is made at once.
	l.ask(c)
}

func (l *bareLoop) close(c *bareConn) {
	l.connections[c.fd] = nil
	unix.Close(c.fd)
	l.open--
}

// ask sends the next request.
func (l *bareLoop) ask(c *bareConn) {
	h := &l.hops[c.hop]
	c.left = h.length
	n, err := write(c.fd, h.request)
	if err != nil || n != len(h.request) {
		fail(fmt.Errorf("sending a request: %d bytes, %v", n, err))
	}
	c.from = 0
	if c.up = l.task.Upload; c.up != 0 {
		l.upload(c)
	}
}

// upload sends as much of the file as the socket accepts.
func (l *bareLoop) upload(c *bareConn) {
	for c.up != 0 {
		var n int
		var err error
		if l.file >= 0 {
			n, err = unix.Sendfile(c.fd, l.file, &c.from, int(min(mib, c.up)))
		} else {
			n, err = write(c.fd, nothing[:min(mib, c.up)])
		}
		if err == syscall.EAGAIN {
			return
		}
		if err != nil {
			fail(err)
		}
		c.up -= int64(n)
	}
}

func (l *bareLoop) turn() {
	var events [1024]unix.EpollEvent
	n, err := epollWait(l.epoll, events[:])
	if err != nil {
		fail(err)
	}
	for _, e := range events[:n] {
		c := l.connections[e.Fd]
		if c == nil {
			continue
		}
		if e.Events&unix.EPOLLOUT != 0 && l.task.Upload != 0 {
			l.upload(c)
		}
		if e.Events&^uint32(unix.EPOLLOUT) != 0 {
			l.read(c)
		}
	}
}

func (l *bareLoop) read(c *bareConn) {
	n, err := read(c.fd, l.buffer[:min(int64(len(l.buffer)), c.left)])
	if err == syscall.EAGAIN {
		return
	}
	if n <= 0 {
		fail(fmt.Errorf("reading a response, of which %d bytes are to come: %d, %v", c.left, n, err))
	}
	if c.left -= int64(n); c.left == 0 {
		l.onResponse(c)
	}
}

// floorTLS is floorRequests over crypto/tls.
func floorTLS(t *task, m *meter) error {
	u, err := url.Parse(t.URL)
	if err != nil {
		return err
	}
	config, h := tlsConfig(t), hopsOf(t)[0]
	once := func(c *tls.Conn, buffer []byte) (bool, error) {
		if _, err := c.Write(h.request); err != nil {
			return false, err
		}
		for left := h.length; left != 0; {
			n, err := c.Read(buffer)
			if left -= int64(n); err != nil && left != 0 {
				return false, err
			}
		}
		return m.done(t.Length), nil
	}
	if t.Fresh {
		return inGoroutines(t, func() (bool, error) {
			c, err := tls.Dial("tcp", u.Host, config)
			if err != nil {
				return false, err
			}
			defer c.Close()
			return once(c, make([]byte, 4096))
		})
	}
	return inGoroutines(t, func() (bool, error) {
		c, err := tls.Dial("tcp", u.Host, config)
		if err != nil {
			return false, err
		}
		defer c.Close()
		buffer := make([]byte, 4096)
		for {
			if more, err := once(c, buffer); !more || err != nil {
				return false, err
			}
		}
	})
}
